"""Restores one image by one method, reusing finished fits and scores.

The result depends only on its key, the image, the setting and the numerics. Fits and scores are
kept in the folder as they finish, so that methods share them.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from nasdip_bench.dataset.distances import mean_squares
from nasdip_bench.experiments.sets import ground_truth
from nasdip_bench.experiments.setting import Setting
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.fit.devices import device_name, refuse_broken_device
from nasdip_bench.images import Image
from nasdip_bench.isnas import Cohort, classical_restoration, corrupt
from nasdip_bench.isnas.image import Degraded
from nasdip_bench.isnas.ranking import mean_scores, scored_image
from nasdip_bench.isnas.resized import resized
from nasdip_bench.isnas.results import png
from nasdip_bench.isnas.selection import get_selector
from nasdip_bench.isnas.training import train, train_baseline
from nasdip_bench.network.fast import free_cached_memory, keep_freed_memory
from nasdip_bench.seeding import BitStream
from nasdip_bench.space import Architecture
from nasdip_bench.space.paper_lists import candidate_architectures
from nasdip_bench.storage.files import sha256_bytes
from nasdip_bench.tasks import get_task

from .config import Restoration
from .folder import ExperimentFolder

logger = logging.getLogger(__name__)

_CHUNK = 25
"""Candidates whose scores are kept in one file."""

_NOTHING: dict[str, Any] = dict.fromkeys(
    (
        *("error", "restored_by", "psnr_db", "best_psnr_db", "best_iteration", "seconds"),
        *("cohort", "cohort_diverged", "cohort_psnr_db", "cohort_mean_psnr_db"),
        *("cohort_best_psnr_db", "search_seconds", "output_sha256"),
    )
)


class _Fit(NamedTuple):
    """The kept part of a `nasdip_bench.isnas.Trained`, and where it ran."""

    output: NDArray[np.float32]
    diverged: bool
    psnr_smooth_db: NDArray[np.float64]
    seconds: float
    device: str
    torch: str


@dataclass(frozen=True, kw_only=True)
class RestorerSpec:
    """What a worker needs to know; scores are computed together, since they share outputs."""

    folder: Path
    images: tuple[Image, ...]
    setting: Setting
    scores: tuple[str, ...]
    device: str
    threads: int = 0

    def worker(self, check: Callable[[], None]) -> Restorer:
        """A worker for this experiment."""
        return Restorer(self, check)


class Restorer:
    """Runs restorations; ``check`` raises before an iteration to abandon the fit in progress."""

    def __init__(self, spec: RestorerSpec, check: Callable[[], None]) -> None:
        self._spec, self._setting, self._check = spec, spec.setting, check
        self._folder = ExperimentFolder(spec.folder)
        self._images = {image.name: image for image in spec.images}
        self._problems: dict[tuple[str, str], Degraded] = {}
        if spec.threads:
            torch.set_num_threads(spec.threads)
        if spec.device == "cpu":
            keep_freed_memory()
        self._device_name = device_name(torch.device(spec.device))

    def execute(self, key: Restoration) -> dict[str, Any]:
        """Restore and write the row, then return it; torch errors are recorded as failed."""
        problem = self._problem(key)
        about = {
            "iterations": self._setting.iterations[problem.task.kind],
            "psnr_corrupted_db": problem.task.psnr_corrupted_db(problem.truth, problem.observation),  # type: ignore[arg-type]
            "precision": self._setting.precision,
            "device": self._device_name,
            "torch": torch.__version__,
            "protocol_version": PROTOCOL_VERSION,
        }
        try:
            row = _NOTHING | about | self._restore(key, problem)
        except RuntimeError as error:  # torch's errors, out of memory included
            refuse_broken_device(torch.device(self._spec.device), error)
            logger.warning("%s failed: %s", key, " ".join(str(error).split())[:300])
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:500]
            row = _NOTHING | about | {"status": "failed", "error": reason}
        if row["status"] == "failed":
            # Outside the handler, whose traceback keeps the failed fit's memory alive.
            free_cached_memory(torch.device(self._spec.device))
        self._folder.keep_row(key, row)
        return row

    def _problem(self, key: Restoration) -> Degraded:
        pair = (key.image, key.task)
        if pair not in self._problems:
            truth = ground_truth(self._images[key.image], self._setting.crop)
            self._problems[pair] = corrupt(truth, get_task(key.task), key.image)
        return self._problems[pair]

    def _restore(self, key: Restoration, problem: Degraded) -> dict[str, Any]:
        method = key.method
        if method.name == "classical":
            return self._classical(problem)
        if method.name in ("dip", "nas-dip"):
            return self._final(key, problem, "baseline", method.name.replace("-", "_"))
        searched: dict[str, Any] = {"search_seconds": 0.0}
        if method.ranks:
            scores = self._scores(key, problem)
            searched["search_seconds"] = float(scores["seconds"].sum())
            values = dict(zip(self._candidates, scores[method.score].tolist(), strict=True))
            # As in `nasdip_bench.isnas.ranked`: ties in the order of the list, NaN last.
            names = sorted(
                self._candidates, key=lambda arch: (math.isnan(values[arch]), values[arch])
            )
        else:
            names = self._drawn(key)
            values = dict.fromkeys(names, 1.0)
        if not method.selection:
            return searched | self._final(key, problem, "restore", names[0])
        purpose = f"cohort-{method.selection}"
        fits = {
            name: self._fit(key, problem, purpose, name) for name in names[: self._setting.cohort]
        }
        searched["search_seconds"] += sum(fit.seconds for fit in fits.values())
        searched["cohort"] = len(fits)
        searched["cohort_diverged"] = sum(fit.diverged for fit in fits.values())
        members = [name for name, fit in fits.items() if not fit.diverged]
        if not members:
            return searched | {"status": "diverged"}
        outputs = np.stack([fits[name].output for name in members])
        full = method.selection == "full"  # no ground truth exists at another size
        cohort = Cohort(
            scores=np.array([values[name] for name in members]),
            between=mean_squares(outputs.reshape(len(outputs), -1)),
            psnr_db=np.array([problem.psnr_db(o) if full else np.nan for o in outputs]),
            weighting=self._setting.weighting if method.ranks else "equal",
        )
        selected = get_selector("oracle" if method.name == "oracle" else "closest")(cohort)
        if full:
            searched["cohort_psnr_db"] = float(cohort.psnr_db[selected])
            searched["cohort_mean_psnr_db"] = float(np.mean(cohort.psnr_db))
            searched["cohort_best_psnr_db"] = float(np.max(cohort.psnr_db))
        return searched | self._final(key, problem, "restore", members[selected])

    @cached_property
    def _candidates(self) -> tuple[str, ...]:
        return tuple(map(str, candidate_architectures(self._setting.candidates)))

    def _scores(self, key: Restoration, problem: Degraded) -> dict[str, NDArray[np.float64]]:
        """By score, (candidate,) values; also the seconds that all scores took."""
        wanted, parts = (*self._spec.scores, "seconds"), []
        for first in range(0, len(self._candidates), _CHUNK):
            names = self._candidates[first : first + _CHUNK]
            make = partial(self._score, names, problem)
            parts.append(self._folder.arrays(key, f"scores-{first}", wanted, make))
        return {name: np.concatenate([part[name] for part in parts]) for name in wanted}

    def _score(self, names: Sequence[str], problem: Degraded) -> dict[str, list[float]]:
        image = scored_image(problem, self._spec.scores)
        found: dict[str, list[float]] = {name: [] for name in (*self._spec.scores, "seconds")}
        for name in names:
            started = time.perf_counter()
            values = mean_scores(
                Architecture.parse(name),
                image,
                channels=self._setting.search_channels,
                inits=self._setting.inits,
                device=self._spec.device,
                check=self._check,
            )
            values["seconds"] = time.perf_counter() - started
            for what, value in values.items():
                found[what].append(value)
        return found

    def _drawn(self, key: Restoration) -> list[str]:
        """N candidates drawn for the image, task and seed, without using any score."""
        stream = BitStream("random cohort", key.image, key.task, key.seed or 0)
        left = list(self._candidates)
        return [left.pop(stream.integer(len(left))) for _ in range(self._setting.cohort)]

    def _fit(self, key: Restoration, problem: Degraded, purpose: str, network: str) -> _Fit:
        """Load a fit from the folder, or train it now."""
        make = partial(self._train, key, problem, purpose, network)
        name = f"{purpose}-{network}-{key.seed}"
        found = self._folder.arrays(key, name, _Fit._fields, make)
        # NumPy stores a number or text as an array without axes.
        values: list[Any] = [found[n] if found[n].ndim else found[n].item() for n in _Fit._fields]
        return _Fit(*values)

    def _train(
        self, key: Restoration, problem: Degraded, purpose: str, network: str
    ) -> dict[str, Any]:
        setting, cohort = self._setting, purpose.startswith("cohort")
        lengths = {
            "cohort-full": setting.full_iterations,
            "cohort-resized": setting.resized_iterations,
        }.get(purpose, setting.iterations)
        options: dict[str, Any] = {
            "iterations": lengths[problem.task.kind],
            "channels": setting.search_channels if cohort else setting.channels,
            "seed": key.seed,
            "device": self._spec.device,
            "precision": setting.precision,
            "on_iteration": lambda _: self._check(),
        }
        if purpose == "baseline":
            fit = train_baseline(network, problem, **options)
        else:
            seen = resized(problem) if purpose == "cohort-resized" else problem
            options["purpose"] = "cohort" if cohort else purpose
            fit = train(Architecture.parse(network), seen, **options)
        return {
            **{name: value for name, value in vars(fit).items() if name in _Fit._fields},
            "device": self._device_name,
            "torch": torch.__version__,
        }

    def _final(
        self, key: Restoration, problem: Degraded, purpose: str, network: str
    ) -> dict[str, Any]:
        """The fit that becomes the result."""
        fit = self._fit(key, problem, purpose, network)
        row = {name: getattr(fit, name) for name in ("seconds", "device", "torch")}
        row |= {"restored_by": network, "status": "diverged"}
        if fit.diverged:
            return row
        best = int(np.argmax(fit.psnr_smooth_db))
        row |= {"best_psnr_db": float(fit.psnr_smooth_db[best]), "best_iteration": best + 1}
        return row | self._measured(problem, fit.output)

    def _classical(self, problem: Degraded) -> dict[str, Any]:
        started = time.perf_counter()
        name, image = classical_restoration(problem)
        return {
            "restored_by": name,
            "iterations": None,
            "seconds": time.perf_counter() - started,
            "device": device_name(torch.device("cpu")),
            **self._measured(problem, image),
        }

    def _measured(self, problem: Degraded, image: NDArray[np.float32]) -> dict[str, Any]:
        """The PSNR of a restored image, and the hash that names its file."""
        restored = problem.cropped(image)
        pixels = np.rint(np.clip(restored, 0, 1) * 255).astype(np.uint8)
        sha256 = sha256_bytes(np.moveaxis(pixels, 0, -1).tobytes())
        self._folder.keep_picture(sha256, png(restored))
        return {"status": "ok", "psnr_db": problem.psnr_db(image), "output_sha256": sha256}
