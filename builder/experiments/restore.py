"""Restores one image by one method, reusing finished fits and scores.

The result depends only on its key, the image, the setting and the numerics. Searches keep fits and
scores in the folder as they finish, and so share them.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nasdip_bench.experiments.sets import ground_truth
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.fit.devices import device_name, refuse_broken_device
from nasdip_bench.isnas import Search, classical_restoration, corrupt
from nasdip_bench.isnas.estimate import choose_threads
from nasdip_bench.isnas.folder import SearchFolder
from nasdip_bench.isnas.image import Degraded
from nasdip_bench.isnas.results import png
from nasdip_bench.isnas.search import CohortDivergedError
from nasdip_bench.isnas.training import Trained, train_baseline
from nasdip_bench.network.fast import free_cached_memory, keep_freed_memory
from nasdip_bench.seeding import BitStream
from nasdip_bench.space import Architecture
from nasdip_bench.space.paper_lists import candidate_architectures
from nasdip_bench.storage.files import sha256_bytes
from nasdip_bench.tasks import get_task

from .config import ExperimentConfig, Restoration
from .folder import ExperimentFolder

logger = logging.getLogger(__name__)

_NOTHING: dict[str, Any] = dict.fromkeys(
    (
        *("error", "restored_by", "psnr_db", "best_psnr_db", "best_iteration", "seconds"),
        *("cohort", "cohort_diverged", "cohort_psnr_db", "cohort_mean_psnr_db"),
        *("cohort_best_psnr_db", "search_seconds", "output_sha256"),
    )
)


class Restorer:
    """Runs restorations; ``check`` raises before an iteration to abandon the fit in progress."""

    def __init__(
        self, config: ExperimentConfig, folder: ExperimentFolder, check: Callable[[], None]
    ) -> None:
        self._config, self._folder, self._check = config, folder, check
        self._problems: dict[tuple[str, str], Degraded] = {}
        if config.device == "cpu":
            keep_freed_memory()
            pixels = max(math.prod(shape[1:]) for shape in config.shapes.values())
            choose_threads(pixels, config.setting.search_config(get_task("denoise")))

    def execute(self, key: Restoration) -> dict[str, Any]:
        """Restore and write the row, then return it; torch errors are recorded as failed.

        Raises:
            BuildError: the folder cannot be written, or the device no longer answers.
        """
        with self._folder.writing():
            row = self._row(key)
            self._folder.keep_row(key, row)
        return row

    def _row(self, key: Restoration) -> dict[str, Any]:
        problem = self._problem(key)
        device = torch.device(self._config.device)
        about = _NOTHING | {
            "iterations": self._config.search_config(key).iterations,
            "psnr_corrupted_db": problem.task.psnr_corrupted_db(problem.truth, problem.observation),  # type: ignore[arg-type]
            "precision": self._config.setting.precision,
            "device": device_name(device),
            "torch": torch.__version__,
            "protocol_version": PROTOCOL_VERSION,
        }
        try:
            row = about | self._restore(key, problem)
        except RuntimeError as error:  # torch's errors, out of memory included
            refuse_broken_device(device, error)
            logger.warning("%s failed: %s", key, " ".join(str(error).split())[:300])
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:500]
            row = about | {"status": "failed", "error": reason}
        if row["status"] == "failed":
            # Outside the handler, whose traceback keeps the failed fit's memory alive.
            free_cached_memory(device)
        return row

    def _problem(self, key: Restoration) -> Degraded:
        pair = (key.image, key.task)
        if pair not in self._problems:
            truth = ground_truth(self._config.pictures[key.image], self._config.setting.crop)
            self._problems = {pair: corrupt(truth, get_task(key.task), key.image)}
        return self._problems[pair]

    def _restore(self, key: Restoration, problem: Degraded) -> dict[str, Any]:
        if key.method.name == "classical":
            return self._classical(problem)
        if key.method.name in ("dip", "nas-dip"):
            return self._baseline(key, problem)
        return self._search(key, problem)

    def _search(self, key: Restoration, problem: Degraded) -> dict[str, Any]:
        search = Search(
            problem,
            self._config.search_config(key),
            folder=SearchFolder(self._folder.work_of(key)),
            device=self._config.device,
            check=self._check,
            scores=self._config.scores,
        )
        ranking = self._drawn(key) if key.method.name == "random" else None
        try:
            found = search.run(ranking)
        except CohortDivergedError:
            cohort = search.config.cohort
            return {"status": "diverged", "cohort": cohort, "cohort_diverged": cohort}
        row: dict[str, Any] = {
            "restored_by": str(found.architecture),
            "search_seconds": found.search_seconds,
        }
        if found.cohort is not None:
            row["cohort"] = len(found.members) + len(found.diverged)
            row["cohort_diverged"] = len(found.diverged)
            if key.method.selection == "full":  # no ground truth exists at another size
                psnr_db = found.cohort.psnr_db
                row["cohort_psnr_db"] = float(psnr_db[found.selected])
                row["cohort_mean_psnr_db"] = float(np.mean(psnr_db))
                row["cohort_best_psnr_db"] = float(np.max(psnr_db))
        return row | self._fitted(problem, found.restoration)

    def _drawn(self, key: Restoration) -> dict[Architecture, float]:
        """N candidates drawn for the image, task and seed, without using any score."""
        config = self._config.search_config(key)
        stream = BitStream("random cohort", key.image, key.task, config.seed)
        left = candidate_architectures(config.candidates)
        drawn = [left.pop(stream.integer(len(left))) for _ in range(config.cohort)]
        return dict.fromkeys(drawn, 1.0)

    def _baseline(self, key: Restoration, problem: Degraded) -> dict[str, Any]:
        config, name = self._config.search_config(key), key.method.name.replace("-", "_")
        fit = train_baseline(
            name,
            problem,
            iterations=config.iterations,
            channels=config.channels,
            seed=config.seed,
            device=self._config.device,
            precision=config.precision,
            on_iteration=lambda _: self._check(),
        )
        return {"restored_by": name} | self._fitted(problem, fit)

    def _fitted(self, problem: Degraded, fit: Trained) -> dict[str, Any]:
        """What is recorded of the fit that becomes the result."""
        if fit.diverged:
            return {"status": "diverged", "seconds": fit.seconds}
        best = int(np.argmax(fit.psnr_smooth_db))
        return {
            "seconds": fit.seconds,
            "best_psnr_db": float(fit.psnr_smooth_db[best]),
            "best_iteration": best + 1,
            **self._measured(problem, fit.output),
        }

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
