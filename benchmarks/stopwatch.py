"""Training steps timed in processes of their own, asked in turn so that all see the same machine.

A process a variant: what one does to its C library's memory, or keeps in its caches, is not to be
felt by another.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from research_loop import research_loop
from variants import LEVERS, VARIANTS, Variant

from nasdip_bench.dip import fit_stack
from nasdip_bench.fast import keep_freed_memory
from nasdip_bench.initialise import draw_weights, draw_z
from nasdip_bench.problem import Problem
from nasdip_bench.space import Architecture
from nasdip_bench.stacking import stack_networks
from nasdip_bench.tasks import get_task
from nasdip_bench.untrained import blank_network

__all__ = ["Setting", "Stopwatch"]

_MOST_ITERATIONS = 50


@dataclass(frozen=True)
class Setting:
    """What is trained.

    Attributes:
        architecture: canonical string.
        size: height and width.
        channels: at every level.
        task: name.
        stack: runs trained as one (the research loop: always one).
    """

    architecture: str
    size: int
    channels: int
    task: str = "denoise"
    stack: int = 1


class Stopwatch:
    """A process that trains with one variant.

    Args:
        name: a key of `VARIANTS` or `LEVERS`.
        device: "cpu" or "cuda".
        threads: of torch on the CPU.
    """

    def __init__(self, name: str, device: str, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other, name, device, threads), daemon=True
        )
        self._process.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send(None)
        self._process.join()

    def time(self, setting: Setting, seconds: float) -> dict[str, Any]:
        """Train for about so many seconds.

        Returns:
            seconds_per_iteration: of one run (of a stack, its share); iterations; peak_bytes: of
            the process since it began (CPU) or of this setting (CUDA); error: "" or what stopped
            it, such as a want of memory.
        """
        self._pipe.send((setting, seconds))
        answer: dict[str, Any] = self._pipe.recv()
        return answer


def _serve(pipe: Connection, name: str, device: str, threads: int) -> None:
    variant = (VARIANTS | LEVERS)[name]
    torch.set_num_threads(threads)
    if variant.keep_memory and device == "cpu":
        keep_freed_memory()
    held: tuple[Setting, Any] | None = None
    while (asked := pipe.recv()) is not None:
        setting, seconds = asked
        try:
            if held is None or held[0] != setting:
                held = None
                if device == "cuda":
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats()
                held = (setting, _Trainer(variant, setting, device))
            answer = held[1].time(seconds) | {"error": ""}
        except RuntimeError as error:
            held = None
            answer = {"error": str(error).splitlines()[0][:200]}
        pipe.send(answer)


class _Trainer:
    def __init__(self, variant: Variant, setting: Setting, device: str) -> None:
        self._variant = variant
        task, arch = get_task(setting.task), Architecture.parse(setting.architecture)
        self._runs = 1 if variant.engine == "research" else setting.stack
        problems, networks = [], []
        for run in range(self._runs):
            rng = np.random.default_rng(run)
            truth = rng.random((1, setting.size, setting.size), dtype=np.float32)
            problems.append(Problem(task, task.corrupt(truth, str(run)), truth, device))
            network = blank_network(arch, 1, setting.channels, device)
            draw_weights(network, "benchmark", run)
            networks.append(network)
        self._network = variant.network(stack_networks(networks))
        self._problem = Problem.stack(problems)
        self._z = draw_z(1, setting.size, setting.size, "benchmark").to(device)
        self._device = device
        self._estimate = self._train(2)

    def _train(self, iterations: int) -> float:
        """Seconds an iteration of one run."""
        if self._variant.engine == "research":
            seconds, _ = research_loop(self._network, self._problem, self._z, iterations)
        else:
            seconds = fit_stack(
                self._network,
                self._problem,
                self._z,
                0,
                iterations,
                precision=self._variant.precision,
            )[0].seconds
        return seconds / iterations

    def time(self, seconds: float) -> dict[str, Any]:
        iterations = round(seconds / max(self._estimate * self._runs, 1e-9))
        iterations = min(max(iterations, 1), _MOST_ITERATIONS)
        started = time.perf_counter()
        measured = self._train(iterations)
        return {
            "seconds_per_iteration": measured,
            "iterations": iterations,
            "wall": time.perf_counter() - started,
            "peak_bytes": _peak_bytes(self._device),
        }


def _peak_bytes(device: str) -> int | None:
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    if not sys.platform.startswith("linux"):
        return None
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
