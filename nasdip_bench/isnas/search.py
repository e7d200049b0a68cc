"""ISNAS: rank, train a cohort, average, select, restore.

Source: ISNAS-DIP (CVPR 2022), section 4: candidates are ranked by a training-free score; the N best
are trained on the corrupted image; the one whose output is closest to the average of all outputs is
selected; it is trained anew to restore the image.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.distances import mean_squares
from nasdip_bench.errors import ConfigError
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.proxies.scoring import Scored
from nasdip_bench.space import Architecture, candidate_architectures
from nasdip_bench.storage.files import sha256_bytes

from .config import SearchConfig
from .folder import SearchFolder, claimed
from .image import Degraded
from .ranking import mean_scores, ranked, scored_image
from .resized import resized
from .selection import Cohort, get_selector
from .training import Trained, check_rule, train

_SECONDS = "seconds"
"""Kept like a score: how long the scores of a candidate took."""
_SECONDS_BETWEEN_WRITES = 5.0


class CohortDivergedError(ConfigError):
    """All networks of a cohort diverged."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchResult:
    """What a search found.

    Attributes:
        ranking: all candidates with their scores, best first; lower is better.
        architecture: the selected architecture.
        members: the architectures of the cohort that did not diverge, best-ranked first; empty if
            the selector needs no cohort.
        diverged: the architectures of the cohort that diverged.
        fits: the members' fits.
        outputs: (N, C, h, w) float32: their outputs without the padding.
        cohort: what the selector saw; None if it needs no cohort.
        search_seconds: wall time of ranking and of the cohort's fits, those found in a folder too.
        restoration: the architecture's fresh fit.
        restored: (C, height, width) float32 in [0, 1]: its output without the padding; in
            inpainting with the known pixels as they were.
    """

    ranking: dict[Architecture, float]
    architecture: Architecture
    members: list[Architecture]
    diverged: list[Architecture]
    fits: list[Trained]
    outputs: NDArray[np.float32]
    cohort: Cohort | None
    search_seconds: float
    restoration: Trained
    restored: NDArray[np.float32]

    @property
    def selected(self) -> int | None:
        """Position of the architecture among the members; None without a cohort."""
        return self.members.index(self.architecture) if self.members else None

    @property
    def average(self) -> NDArray[np.float64] | None:
        """(C, h, w): the weighted average of the members' outputs, not rounded to float32."""
        if self.cohort is None:
            return None
        average: NDArray[np.float64] = np.tensordot(
            self.cohort.weights, self.outputs.astype(np.float64), 1
        )
        return average


def asked_for(problem: Degraded, config: SearchConfig, device: str) -> dict[str, Any]:
    """Everything that determines the results of a search, as JSON."""
    seen = problem.observation
    return asdict(config) | {
        "task": problem.task.name,
        "image": problem.name,
        "size": list(problem.size),
        "image_sha256": _hash(seen.corrupted),
        "mask_sha256": _hash(seen.mask),
        "truth_sha256": _hash(problem.truth),
        "device_type": device.split(":")[0],
        "protocol_version": PROTOCOL_VERSION,
    }


class Search:
    """A search that can be stopped and resumed.

    Args:
        problem: the image to restore.
        config: the configuration.
        folder: where to keep finished work, and find it again: a path for this search alone, or a
            folder that searches with the same image and lengths share; None keeps nothing.
        device: "cpu", "cuda" or "cuda:N".
        check: called often; raises to stop.
        progress: called with "scores", "cohort" or "restore" and the number of candidates or
            iterations of it done since the last call.
        scores: other scores to compute while ranking, for searches that share the folder: they
            share the networks' outputs.
    """

    def __init__(
        self,
        problem: Degraded,
        config: SearchConfig,
        *,
        folder: Path | SearchFolder | None = None,
        device: str = "cpu",
        check: Callable[[], None] = lambda: None,
        progress: Callable[[str, int], None] = lambda stage, done: None,
        scores: Collection[str] = (),
    ) -> None:
        self.problem, self.config, self.device = problem, config, device
        self._check, self._progress = check, progress
        self._scores = tuple(dict.fromkeys((config.score, *scores)))
        self._small = selection_problem(problem, config)
        check_rule(config.rule, problem, config.iterations)
        if isinstance(folder, Path):
            folder = claimed(folder, asked_for(problem, config, device))
        self._folder = folder

    def run(self, ranking: dict[Architecture, float] | None = None) -> SearchResult:
        """Run the parts of the search that are not done yet.

        Args:
            ranking: candidates to search among and their scores, best first; None: rank them.

        Raises:
            CohortDivergedError: the whole cohort diverged.
        """
        seconds = 0.0
        if ranking is None:
            ranking, seconds = self.rank()
        best = list(ranking)
        fits = {arch: self._fit("cohort", arch) for arch in best[: self.config.trained]}
        members = [arch for arch, fit in fits.items() if not fit.diverged]
        if fits and not members:
            raise CohortDivergedError(
                f"all {len(fits)} networks of the cohort diverged: use another score or seed, or "
                f"precision fp32"
            )
        # The paper's images need no padding; what is compared is the image alone.
        outputs = np.array([self._small.cropped(fits[arch].output) for arch in members], np.float32)
        cohort = self._cohort(ranking, members, outputs) if members else None
        architecture = best[0]
        if cohort is not None:
            architecture = members[get_selector(self.config.selector)(cohort)]
        restoration = self._fit("restore", architecture)
        delivered = self.problem.delivered(restoration.output)
        return SearchResult(
            ranking=ranking,
            architecture=architecture,
            members=members,
            diverged=[arch for arch, fit in fits.items() if fit.diverged],
            fits=[fits[arch] for arch in members],
            outputs=outputs,
            cohort=cohort,
            search_seconds=seconds + sum(fit.seconds for fit in fits.values()),
            restoration=restoration,
            restored=np.clip(self.problem.cropped(delivered), 0, 1),
        )

    def _cohort(
        self,
        ranking: Mapping[Architecture, float],
        members: list[Architecture],
        outputs: NDArray[np.float32],
    ) -> Cohort:
        judge = self._small if self._small.truth is not None else None
        return Cohort(
            scores=np.array([ranking[arch] for arch in members]),
            between=mean_squares(outputs.reshape(len(outputs), -1)),
            psnr_db=np.array([judge.psnr_db(o) if judge else np.nan for o in outputs]),
            weighting=self.config.weighting,
            seed=self.config.seed,
        )

    def rank(self) -> tuple[dict[Architecture, float], float]:
        """Score the candidates that have no score yet, and sort them all, best first.

        Returns:
            the candidates with their scores, and the seconds that these took.
        """
        candidates = candidate_architectures(self.config.candidates)
        image = scored_image(self.problem, self._scores)
        known: dict[str, dict[Architecture, float]] = {
            name: self._folder.scores(name) if self._folder else {}
            for name in (*self._scores, _SECONDS)
        }
        left = {arch for arch in candidates if any(arch not in of for of in known.values())}
        written = time.monotonic()
        try:
            for arch in candidates:
                if arch in left:
                    for name, value in self._score(arch, image).items():
                        known[name][arch] = value
                    if time.monotonic() - written > _SECONDS_BETWEEN_WRITES:
                        self._keep_scores(known)
                        written = time.monotonic()
                self._progress("scores", 1)
        finally:
            if left:
                self._keep_scores(known)
        values = known[self.config.score]
        seconds = sum(known[_SECONDS][arch] for arch in candidates)
        return ranked({arch: values[arch] for arch in candidates}), seconds

    def _score(self, arch: Architecture, image: Scored) -> dict[str, float]:
        started = time.perf_counter()
        found = mean_scores(
            arch,
            image,
            channels=self.config.search_channels,
            inits=self.config.inits,
            device=self.device,
            check=self._check,
        )
        return found | {_SECONDS: time.perf_counter() - started}

    def _keep_scores(self, known: Mapping[str, Mapping[Architecture, float]]) -> None:
        if self._folder is not None:
            for name, values in known.items():
                self._folder.keep_scores(name, values)

    def _fit(self, purpose: str, arch: Architecture) -> Trained:
        """A fit from the folder, or trained now."""
        config, cohort = self.config, purpose == "cohort"
        iterations = config.cohort_iterations if cohort else config.iterations
        what = config.selection if cohort else sha256_bytes(str(config.rule).encode())[:8]
        kept_as = (f"{purpose}-{what}", arch, config.seed)
        fit = None if self._folder is None else self._folder.trained(*kept_as)
        if fit is not None:
            self._progress(purpose, iterations)
            return fit

        def before(iteration: int) -> None:
            self._check()
            self._progress(purpose, 1)

        fit = train(
            arch,
            self._small if cohort else self.problem,
            purpose=purpose,
            iterations=iterations,
            channels=config.search_channels if cohort else config.channels,
            seed=config.seed,
            device=self.device,
            precision=config.precision,
            rule=None if cohort else config.rule,
            on_iteration=before,
        )
        if self._folder is not None:
            self._folder.keep_trained(*kept_as, fit)
        return fit


def selection_problem(problem: Degraded, config: SearchConfig) -> Degraded:
    """The problem that a cohort is trained on.

    Raises:
        ConfigError: the selection does not apply to the problem, or the oracle has no ground truth.
    """
    small = problem if config.selection == "full" else resized(problem)
    if config.selector == "oracle" and small.truth is None:
        raise ConfigError(
            f"selector 'oracle' chooses by PSNR, but there is no ground truth at the size of "
            f"selection {config.selection!r}: give one (--ground-truth, or --corrupt) with "
            f"--selection full, or choose another selector"
        )
    return small


def _hash(array: NDArray[np.float32] | None) -> str | None:
    return None if array is None else sha256_bytes(np.ascontiguousarray(array).tobytes())
