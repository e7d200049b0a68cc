"""Carries out one work unit on one device: trains runs, or scores untrained networks.

What a unit yields depends on its keys, the images and the numerics alone, never on what else the
worker has done.
"""

from __future__ import annotations

import logging
import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from nasdip_bench.builder.plan import RunKey, ScoreKey, Unit
from nasdip_bench.dip import Fit, fit_stack
from nasdip_bench.errors import BuildError
from nasdip_bench.fast import FastNetwork, free_cached_memory, keep_freed_memory
from nasdip_bench.fidelity import PROTOCOL_VERSION, get_fidelity
from nasdip_bench.images import Image
from nasdip_bench.initialise import draw_run_weights, draw_z
from nasdip_bench.outputs import Output
from nasdip_bench.problem import Problem
from nasdip_bench.proxies import prepare
from nasdip_bench.schema import OUTPUT_COLUMNS, SHARD_TABLES, arrow_schema
from nasdip_bench.seeding import device_seed
from nasdip_bench.space import Architecture
from nasdip_bench.stacking import stack_networks
from nasdip_bench.tasks import Observation, get_task
from nasdip_bench.untrained import (
    Scored,
    ScoreName,
    ScoreSamples,
    blank_network,
    score_architecture,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ENGINES", "Worker", "WorkerSpec", "device_name"]

ENGINES = ("fast", "plain")
"""How networks are evaluated; a column of the data."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WorkerSpec:
    """What a worker needs to know, sent to it when it starts.

    Attributes:
        images: the images of the build.
        device: "cpu", "cuda" or "cuda:N".
        engine: one of `ENGINES`: "plain" trains the network as it is written down, "fast" its
            rewritten form, equal but for rounding.
        precision: of training; scores are always computed in float32.
        threads: of torch on the CPU; 0 leaves torch's own choice.
        keep_outputs: whether runs keep the smoothed output at the fidelity's stop.
        graphs: replay training steps as CUDA graphs.
        scores: names of the scores to compute; none named: all.
    """

    images: tuple[Image, ...]
    device: str
    engine: str
    precision: str
    threads: int
    keep_outputs: bool = False
    graphs: bool = False
    scores: tuple[str, ...] = ()

    def worker(self, check: Callable[[], None] = lambda: None) -> Worker:
        """A worker of this build."""
        return Worker(self, check)


class _Run(NamedTuple):
    """A fit, and its output at the stop where that is kept and the fit did not diverge."""

    fit: Fit
    output: Output | None


def device_name(device: torch.device) -> str:
    """What the processor calls itself, such as "NVIDIA H200" or "AMD EPYC"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


class Worker:
    """Carries out units.

    Args:
        spec: images, device and precision.
        check: called before each iteration; raises to abandon the unit in hand.
    """

    def __init__(self, spec: WorkerSpec, check: Callable[[], None] = lambda: None) -> None:
        self.spec = spec
        self.device = torch.device(spec.device)
        self._check = check
        self._images = {image.name: image for image in spec.images}
        self._problems: dict[tuple[str, str, int], tuple[np.ndarray, Observation]] = {}
        self._scoring: dict[tuple[str, str, int], Scored] = {}
        if spec.threads:
            torch.set_num_threads(spec.threads)
        if self.device.type == "cpu" and spec.engine == "fast":
            keep_freed_memory()

    @cached_property
    def _device_name(self) -> str:
        return device_name(self.device)

    def execute(self, unit: Unit) -> pa.Table:
        """The shard table of a unit."""
        rows = self._train(unit.runs)
        rows += self._score(unit.architecture, unit.scores, unit.scoring_inits)
        return self._table(unit, rows)

    def give_up(self, unit: Unit, reason: str) -> pa.Table:
        """The shard table of a unit that is not to be tried again: its runs failed, no scores."""
        rows = [
            self._run_row(key, len(unit.runs), _failed(reason, self._budget(key), 0.0))
            for key in unit.runs
        ]
        return self._table(unit, rows)

    def _table(self, unit: Unit, rows: list[dict[str, Any]]) -> pa.Table:
        import pyarrow as pa

        columns = SHARD_TABLES[unit.kind]
        if unit.runs and self.spec.keep_outputs:
            columns = (*columns, *OUTPUT_COLUMNS)
        return pa.Table.from_pylist(rows, schema=arrow_schema(columns))

    def _observe(self, image: str, task: str, resolution: int) -> tuple[np.ndarray, Observation]:
        key = (image, task, resolution)
        if key not in self._problems:
            truth = self._images[image].at_resolution(resolution)
            self._problems[key] = (truth, get_task(task).corrupt(truth, image))
        return self._problems[key]

    def _train(self, keys: Sequence[RunKey]) -> list[dict[str, Any]]:
        """Run rows, in order; a stack that fails, for want of memory or else, is halved."""
        if not keys:
            return []
        started = time.perf_counter()
        done: list[_Run] | None = None
        try:
            done = self._fit(keys)
        except RuntimeError as error:  # what torch raises, out of memory included
            refuse_broken_device(self.device, error)
            what = " ".join(str(error).split())[:300]
            if len(keys) == 1:
                logger.warning("%s failed: %s", "/".join(map(str, keys[0])), what)
                reason = f"{type(error).__name__}: {error}"
                failed = _failed(reason, self._budget(keys[0]), time.perf_counter() - started)
                return [self._run_row(keys[0], 1, failed)]
            logger.warning("a stack of %d runs failed and is halved: %s", len(keys), what)
        if done is None:
            # Outside the handler, whose traceback keeps the failed stack's memory alive.
            free_cached_memory(self.device)
            half = len(keys) // 2
            return self._train(keys[:half]) + self._train(keys[half:])
        return [
            self._run_row(key, len(keys), _succeeded(one))
            for key, one in zip(keys, done, strict=True)
        ]

    def _fit(self, keys: Sequence[RunKey]) -> list[_Run]:
        """Train runs of one architecture, task, fidelity and seed as one stack."""
        first = keys[0]
        fidelity, task = get_fidelity(first.fidelity), get_task(first.task)
        networks, problems = [], []
        for key in keys:
            truth, observation = self._observe(key.image, key.task, fidelity.resolution)
            network = blank_network(
                Architecture.parse(key.architecture), len(truth), fidelity.channels, self.device
            )
            draw_run_weights(network, key.architecture, key.image, key.task, key.fidelity, key.seed)
            networks.append(network)
            problems.append(Problem(task, observation, truth, self.device))
        channels, height, width = truth.shape
        size = f"{height}x{width}"
        z = draw_z(channels, height, width, "z", size, channels, first.seed)
        network = stack_networks(networks)
        stop, at_stop = fidelity.stop[task.kind], torch.empty(0)

        def look(iteration: int, _: torch.Tensor, smoothed: torch.Tensor) -> bool:
            # Kept on the device until the fit has ended: the host does not wait for it here.
            nonlocal at_stop
            if iteration + 1 == stop:
                at_stop = smoothed.clone()
            return False

        fits = fit_stack(
            FastNetwork(network) if self.spec.engine == "fast" else network,
            Problem.stack(problems),
            z.to(self.device),
            device_seed("perturbation", size, channels, first.seed),
            self._budget(first),
            precision=self.spec.precision,
            on_iteration=lambda _: self._check(),
            on_output=look if self.spec.keep_outputs else None,
            graph=self.spec.graphs,
        )
        images = at_stop.float().cpu().numpy()
        return [
            _Run(
                fit,
                Output.of_image(images[place], stop)
                if self.spec.keep_outputs and fit.diverged_at is None
                else None,
            )
            for place, fit in enumerate(fits)
        ]

    def _budget(self, key: RunKey) -> int:
        return get_fidelity(key.fidelity).iterations_for(get_task(key.task).kind)

    def _run_row(self, key: RunKey, stacked: int, result: dict[str, Any]) -> dict[str, Any]:
        truth, observation = self._observe(
            key.image, key.task, get_fidelity(key.fidelity).resolution
        )
        return {
            **key._asdict(),
            "iterations": self._budget(key),
            "psnr_corrupted_db": get_task(key.task).psnr_corrupted_db(truth, observation),
            "engine": self.spec.engine,
            "stack": stacked,
            "precision": self.spec.precision,
            "device": self._device_name,
            "torch": torch.__version__,
            "protocol_version": PROTOCOL_VERSION,
            **result,
        }

    def _score(
        self, architecture: str, keys: Sequence[ScoreKey], inits: int
    ) -> list[dict[str, Any]]:
        if not keys or not (results := self._scores(architecture, keys, inits)):
            return []
        free_cached_memory(self.device)  # which several processes that score share
        return [
            {
                **key._asdict(),
                **name._asdict(),
                **_mean_and_std(samples.values),
                "inits": len(samples.values),
                "seconds": samples.seconds,
                "protocol_version": PROTOCOL_VERSION,
            }
            for key, result in zip(keys, results, strict=True)
            for name, samples in result.items()
        ]

    def _scores(
        self, architecture: str, keys: Sequence[ScoreKey], inits: int, *, again: bool = True
    ) -> list[dict[ScoreName, ScoreSamples]]:
        """The scores for each key; none where they fail: then the build goes on with the rest."""
        fidelity = get_fidelity(keys[0].fidelity)
        try:
            return score_architecture(
                Architecture.parse(architecture),
                [self._scored(key, fidelity.resolution) for key in keys],
                channels=fidelity.channels,
                inits=inits,
                scores=self.spec.scores,
                device=self.device,
                check=self._check,
            )
        except RuntimeError as error:
            refuse_broken_device(self.device, error)
            if not (again and isinstance(error, torch.OutOfMemoryError)):
                what = " ".join(str(error).split())
                logger.warning("scores of %s failed: %s", architecture, what)
                return []
        # Other processes that share a full GPU free their part. Outside the handler, whose
        # traceback keeps ours alive.
        free_cached_memory(self.device)
        return self._scores(architecture, keys, inits, again=False)

    def _scored(self, key: ScoreKey, resolution: int) -> Scored:
        which = (key.image, key.task, resolution)
        if which not in self._scoring:
            task = get_task(key.task)
            truth, observation = self._observe(*which)
            references = task.scoring_references(truth, observation)
            self._scoring[which] = Scored(
                task=task,
                corrupted=observation.corrupted,
                mask=observation.mask,
                references={name: prepare(r, name) for name, r in references.items()},
                shape=truth.shape,
            )
        return self._scoring[which]


def refuse_broken_device(device: torch.device, error: RuntimeError) -> None:
    """After an error that a GPU does not recover from, every later run would fail as well.

    Raises:
        BuildError: it is one.
    """
    if device.type == "cuda" and not isinstance(error, torch.OutOfMemoryError):
        try:
            torch.cuda.synchronize(device)
        except RuntimeError as broken:
            raise BuildError(
                f"{device} does not answer any more ({broken}): give the command again, which goes "
                f"on with what is not finished"
            ) from error


def _mean_and_std(values: Sequence[float]) -> dict[str, float | None]:
    """Of a score over the initialisations; none of it where one of them has no finite value."""
    if not np.isfinite(values).all():
        return {"value": None, "std": None}
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"value": float(np.mean(values)), "std": std}


def _succeeded(run: _Run) -> dict[str, Any]:
    result, output = run
    diverged = result.diverged_at is not None
    return {
        "status": "diverged" if diverged else "ok",
        "diverged_at": result.diverged_at,
        "error": None,
        "loss": None if diverged else float(result.loss[-1]),
        "seconds": result.seconds,
        "psnr_db": result.psnr_db.astype(np.float32),
        "psnr_smooth_db": result.psnr_smooth_db.astype(np.float32),
        "output": None if output is None else output.deflated,
        "output_iteration": None if output is None else output.iteration,
    }


def _failed(reason: str, iterations: int, seconds: float) -> dict[str, Any]:
    nothing = np.full(iterations, math.nan, np.float32)
    return {
        "status": "failed",
        "diverged_at": None,
        "error": reason.splitlines()[0][:500],
        "loss": None,
        "seconds": seconds,
        "psnr_db": nothing,
        "psnr_smooth_db": nothing,
    }
