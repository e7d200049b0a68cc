"""Carries out one unit of an experiment on one device.

What a unit yields depends on its keys, the images, the setting and the numerics alone, never on
what else the worker has done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from nasdip_bench.dataset.schema import arrow_schema
from nasdip_bench.experiments.sets import ground_truth
from nasdip_bench.experiments.setting import Setting
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.images import Image
from nasdip_bench.isnas import (
    Degraded,
    Judge,
    Trained,
    classical_restoration,
    corrupt,
    mean_scores,
    resized,
    train,
    train_baseline,
)
from nasdip_bench.network.fast import free_cached_memory, keep_freed_memory
from nasdip_bench.space import Architecture
from nasdip_bench.storage.files import sha256_bytes
from nasdip_bench.tasks import get_task

from ..engines.worker import device_name, refuse_broken_device
from .state import SHARD_TABLES
from .units import FitKey, FitUnit, Pair, RankingUnit, Unit

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ExperimentSpec", "ExperimentWorker"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ExperimentSpec:
    """What a worker needs to know, sent to it when it starts.

    Attributes:
        images: of the experiment, each picture once.
        setting: the set-up.
        device: "cpu", "cuda" or "cuda:N".
        threads: of torch on the CPU; 0 leaves torch's own choice.
    """

    images: tuple[Image, ...]
    setting: Setting
    device: str
    threads: int = 0

    def worker(self, check: Callable[[], None] = lambda: None) -> ExperimentWorker:
        """A worker of this experiment."""
        return ExperimentWorker(self, check)


class ExperimentWorker:
    """Carries out units.

    Args:
        spec: images, setting and device.
        check: called before each iteration; raises to abandon the unit in hand.
    """

    def __init__(self, spec: ExperimentSpec, check: Callable[[], None] = lambda: None) -> None:
        self._spec, self._setting, self._check = spec, spec.setting, check
        self._images = {image.name: image for image in spec.images}
        self._problems: dict[Pair, Degraded] = {}
        self._corrupted_db: dict[Pair, float] = {}
        if spec.threads:
            torch.set_num_threads(spec.threads)
        if spec.device == "cpu":
            keep_freed_memory()
        self._device_name = device_name(torch.device(spec.device))

    def execute(self, unit: Unit, /) -> pa.Table:
        """The shard table of a unit; an error of torch leaves a failed fit, or no scores."""
        import pyarrow as pa

        rows = self._rank(unit) if isinstance(unit, RankingUnit) else [self._fit(unit)]
        return pa.Table.from_pylist(rows, schema=arrow_schema(SHARD_TABLES[unit.kind]))

    def _problem(self, pair: Pair) -> Degraded:
        if pair not in self._problems:
            truth = ground_truth(self._images[pair.image], self._setting.crop)
            problem = corrupt(truth, get_task(pair.task), pair.image)
            self._corrupted_db[pair] = problem.task.psnr_corrupted_db(truth, problem.observation)
            self._problems[pair] = problem
        return self._problems[pair]

    # -- rankings ----------------------------------------------------------------------------------

    def _rank(self, unit: RankingUnit) -> list[dict[str, Any]]:
        judges = [Judge(self._problem(pair), unit.scores) for pair in unit.pairs]
        rows = []
        try:
            for name in unit.architectures:
                started = time.perf_counter()
                values = mean_scores(
                    Architecture.parse(name),
                    judges,
                    channels=self._setting.search_channels,
                    inits=self._setting.inits,
                    device=self._spec.device,
                    check=self._check,
                )
                seconds = time.perf_counter() - started
                rows += [
                    {
                        "architecture": name,
                        **pair._asdict(),
                        "setting": self._setting.name,
                        "score": score,
                        "value": value,
                        "seconds": seconds / (len(unit.pairs) * len(unit.scores)),
                        "protocol_version": PROTOCOL_VERSION,
                    }
                    for pair, found in zip(unit.pairs, values, strict=True)
                    for score, value in found.items()
                ]
        except RuntimeError as error:  # what torch raises, out of memory included
            refuse_broken_device(torch.device(self._spec.device), error)
            logger.warning("scores failed: %s", " ".join(str(error).split())[:300])
            return []
        return rows

    # -- fits --------------------------------------------------------------------------------------

    def _fit(self, unit: FitUnit) -> dict[str, Any]:
        key, started = unit.key, time.perf_counter()
        classical = key.purpose == "classical"
        problem = self._problem(key.pair)
        result = self._nothing(key)
        try:
            if classical:
                name, image = classical_restoration(problem)
                result |= {"restored_by": name, **_measured(problem, image)}
            else:
                fit = self._trained(key, problem)
                result |= {"status": "diverged"} if fit.diverged else _of_fit(key, problem, fit)
        except RuntimeError as error:  # what torch raises, out of memory included
            refuse_broken_device(torch.device(self._spec.device), error)
            logger.warning("%s failed: %s", unit, " ".join(str(error).split())[:300])
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:500]
            result |= {"status": "failed", "error": reason}
        if result["status"] == "failed":
            # Outside the handler, whose traceback keeps the failed fit's memory alive.
            free_cached_memory(torch.device(self._spec.device))
        return {
            **key._asdict(),
            "setting": self._setting.name,
            "psnr_corrupted_db": self._corrupted_db[key.pair],
            "seconds": time.perf_counter() - started,
            "precision": self._setting.precision,
            "device": device_name(torch.device("cpu")) if classical else self._device_name,
            "torch": torch.__version__,
            "protocol_version": PROTOCOL_VERSION,
            **result,
        }

    def _nothing(self, key: FitKey) -> dict[str, Any]:
        """A row that has no result."""
        kind = get_task(key.task).kind
        lengths = {
            "cohort-full": self._setting.full_iterations,
            "cohort-resized": self._setting.resized_iterations,
        }.get(key.purpose, self._setting.iterations)
        return {
            "status": "ok",
            "error": None,
            "restored_by": key.network,
            "iterations": None if key.purpose == "classical" else lengths[kind],
            "psnr_db": None,
            "best_psnr_db": None,
            "best_iteration": None,
            "channels": 0,
            "height": 0,
            "width": 0,
            "output_sha256": None,
            "output": np.zeros(0, np.float32),
        }

    def _trained(self, key: FitKey, problem: Degraded) -> Trained:
        setting, cohort = self._setting, key.purpose.startswith("cohort")
        iterations = self._nothing(key)["iterations"]
        options: dict[str, Any] = {
            "iterations": iterations,
            "channels": setting.search_channels if cohort else setting.channels,
            "seed": key.seed,
            "device": self._spec.device,
            "precision": setting.precision,
            "on_iteration": lambda _: self._check(),
        }
        if key.purpose == "baseline":
            return train_baseline(key.network, problem, **options)
        if key.purpose == "cohort-resized":
            problem = resized(problem)
        purpose = "cohort" if cohort else "restore"
        return train(Architecture.parse(key.network), problem, purpose=purpose, **options)


def _of_fit(key: FitKey, problem: Degraded, fit: Trained) -> dict[str, Any]:
    if key.purpose == "cohort-resized":  # there is no ground truth at its size
        return _output(fit.output)
    best = int(np.argmax(fit.psnr_smooth_db))
    return {
        **_measured(problem, fit.output),
        "best_psnr_db": float(fit.psnr_smooth_db[best]),
        "best_iteration": best + 1,
    }


def _measured(problem: Degraded, image: NDArray[np.float32]) -> dict[str, Any]:
    return {"psnr_db": problem.psnr_db(image), **_output(problem.cropped(image))}


def _output(image: NDArray[np.float32]) -> dict[str, Any]:
    channels, height, width = image.shape
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return {
        "channels": channels,
        "height": height,
        "width": width,
        "output_sha256": sha256_bytes(np.moveaxis(pixels, 0, -1).tobytes()),
        "output": np.ascontiguousarray(image, np.float32).ravel(),
    }
