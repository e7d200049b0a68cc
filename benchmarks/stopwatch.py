"""Times training steps in separate processes, called in turn so that all see the same machine.

Each variant has its own process, so that its C library's memory and its caches do not affect the
others.
"""

from __future__ import annotations

import copy
import multiprocessing
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from research_loop import research_loop
from variants import VARIANTS, Variant

from nasdip_bench.fit.loop import fit_stack
from nasdip_bench.fit.objective import Problem
from nasdip_bench.network.fast import free_cached_memory, keep_freed_memory
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.proxies.scoring import blank_network
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import get_task

_MOST_ITERATIONS = {"cpu": 50, "cuda": 200}
_START = 5
"""Iterations at the start of a fit on a GPU that are not counted."""


@dataclass(frozen=True)
class Setting:
    """What to train.

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
        name: a key of `VARIANTS`.
        device: "cpu" or "cuda".
        threads: torch's CPU threads.
    """

    def __init__(self, name: str, device: str, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other, name, device, threads), daemon=True
        )
        self._process.start()
        other.close()  # the child holds it: if the child dies, ours ends
        self._dead = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # it holds nothing to lose
        self._process.join()

    def time(self, setting: Setting, seconds: float) -> dict[str, Any]:
        """Train for about ``seconds``.

        Returns:
            seconds_per_iteration: of one run (its share of a stack); peak_bytes: of the process
            since its start (CPU) or of this setting (CUDA); start_seconds: start-up time of a fit
            (CUDA); error: "" or what stopped it, such as a lack of memory.
        """
        try:
            if not self._dead:
                self._pipe.send((setting, seconds))
                answer: dict[str, Any] = self._pipe.recv()
                return answer
        except (EOFError, OSError):
            self._process.join()
            self._dead = f"its process ended with {self._process.exitcode}, at {setting}"
        return {"error": self._dead}


def _serve(pipe: Connection, name: str, device: str, threads: int) -> None:
    variant = VARIANTS[name]
    torch.set_num_threads(threads)
    if variant.keep_memory and device == "cpu":
        keep_freed_memory()
    held: tuple[Setting, Any] | None = None
    while True:
        setting, seconds = pipe.recv()
        try:
            if held is None or held[0] != setting:
                held = None
                free_cached_memory(torch.device(device))
                if device == "cuda":
                    torch.cuda.reset_peak_memory_stats()
                held = (setting, _Trainer(variant, setting, device))
            answer = held[1].time(seconds) | {"error": ""}
        except RuntimeError as error:
            held = None
            answer = {"error": str(error).splitlines()[0][:200]}
        # The other variants' processes need it next.
        free_cached_memory(torch.device(device))
        pipe.send(answer)


class _Trainer:
    def __init__(self, variant: Variant, setting: Setting, device: str) -> None:
        self._variant = variant
        task, arch = get_task(setting.task), Architecture.parse(setting.architecture)
        self._runs = 1 if variant.engine == "research" else setting.stack
        problems = []
        for run in range(self._runs):
            rng = np.random.default_rng(run)
            truth = rng.random((1, setting.size, setting.size), dtype=np.float32)
            problems.append(Problem(task, task.corrupt(truth, str(run)), truth, device))
        network = blank_network(arch, 1, setting.channels, device)
        draw_weights(network, "benchmark")
        # The values of the weights do not matter, and drawing those of twenty networks takes time.
        networks = [network, *(copy.deepcopy(network) for _ in range(self._runs - 1))]
        self._network = variant.network(stack_networks(networks))
        self._problem = Problem.stack(problems)
        self._z = draw_z(1, setting.size, setting.size, "benchmark").to(device)
        self._device = device
        if device == "cpu":
            self._start, self._start_seconds = 0, 0.0
            self._estimate = self._train(2) / 2
        else:
            self._start = _START
            self._train(_START)
            self._start_seconds = min(self._train(_START) for _ in range(2))
            self._estimate = (self._train(_START + 5) - self._start_seconds) / 5

    def _train(self, iterations: int) -> float:
        """Seconds of one run with this many iterations."""
        variant = self._variant
        if variant.engine == "research":
            of_loop = (self._network, self._problem, self._z, iterations, variant.precision)
            return research_loop(*of_loop)[0]
        of_fit = (self._network, self._problem, self._z, 0, iterations)
        return fit_stack(*of_fit, precision=variant.precision)[0].seconds

    def time(self, seconds: float) -> dict[str, Any]:
        if self._start:
            self._train(self._start)  # takes back the memory that was freed in between
        iterations = round(seconds / max(self._estimate * self._runs, 1e-9))
        least = 1 if self._device == "cpu" else 5  # CUDA takes a difference of two times
        iterations = min(max(iterations, least), _MOST_ITERATIONS[self._device])
        measured = (self._train(self._start + iterations) - self._start_seconds) / iterations
        return {
            "seconds_per_iteration": measured,
            "start_seconds": self._start_seconds - self._start * measured,
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
