"""ISNAS: rank, train a cohort, average, select, restore.

Source: ISNAS-DIP (CVPR 2022), section 4: candidates are ranked by a training-free score; the N best
are trained on the corrupted image; the one whose output is closest to the average of all outputs is
selected; it is trained anew to restore the image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.distances import mean_squares
from nasdip_bench.errors import ConfigError
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.space import Architecture, candidate_architectures
from nasdip_bench.storage.files import sha256_bytes

from .config import SearchConfig
from .folder import SearchFolder
from .image import Degraded
from .ranking import Ranked, ranked, score_candidates
from .resized import resized
from .selection import Cohort, get_selector
from .training import Trained, check_rule, train


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchResult:
    """What a search found.

    Attributes:
        ranking: all candidates, best first.
        architecture: the selected architecture.
        members: the architectures of the cohort that did not diverge, best-ranked first; empty if
            the selector needs no cohort.
        diverged: the architectures of the cohort that diverged.
        fits: the members' fits.
        outputs: (N, C, h, w) float32: their outputs without the padding.
        cohort: what the selector saw; None if it needs no cohort.
        restoration: the architecture's fresh fit.
        restored: (C, height, width) float32 in [0, 1]: its output without the padding; in
            inpainting with the known pixels as they were.
    """

    ranking: list[Ranked]
    architecture: Architecture
    members: list[Architecture]
    diverged: list[Architecture]
    fits: list[Trained]
    outputs: NDArray[np.float32]
    cohort: Cohort | None
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
        "mask_sha256": None if seen.mask is None else _hash(seen.mask),
        "truth_sha256": None if problem.truth is None else _hash(problem.truth),
        "device_type": device.split(":")[0],
        "protocol_version": PROTOCOL_VERSION,
    }


class Search:
    """A search that can be stopped and resumed.

    Args:
        problem: the image to restore.
        config: the configuration.
        folder: where to keep finished work, and find it again; None keeps nothing.
        device: "cpu", "cuda" or "cuda:N".
        check: called often; raises to stop.
        progress: called with "scores", "cohort" or "restore" and the number of candidates or
            iterations of it done since the last call.
    """

    def __init__(
        self,
        problem: Degraded,
        config: SearchConfig,
        *,
        folder: Path | None = None,
        device: str = "cpu",
        check: Callable[[], None] = lambda: None,
        progress: Callable[[str, int], None] = lambda stage, done: None,
    ) -> None:
        self.problem, self.config, self.device = problem, config, device
        self._check, self._progress = check, progress
        self._small = selection_problem(problem, config)
        check_rule(config.rule, problem, config.iterations)
        decided = asked_for(problem, config, device)
        self._folder = None if folder is None else SearchFolder(folder, decided)

    def run(self) -> SearchResult:
        """Run the parts of the search that are not done yet.

        Raises:
            ConfigError: the whole cohort diverged.
        """
        ranking = self.rank()
        if not self.config.trained:
            return self._restore(ranking, ranking[0].architecture, {}, None)
        fits = {
            one.architecture: self._fit("cohort", one.architecture)
            for one in ranking[: self.config.cohort]
        }
        members = [arch for arch, fit in fits.items() if not fit.diverged]
        if not members:
            raise ConfigError(
                f"all {len(fits)} networks of the cohort diverged: use another score or seed, or "
                f"precision fp32"
            )
        scores = {one.architecture: one.score for one in ranking}
        # The paper's images need no padding; what is compared is the image alone.
        outputs = np.stack([self._small.cropped(fits[arch].output) for arch in members])
        judge = self._small if self._small.truth is not None else None
        cohort = Cohort(
            scores=np.array([scores[arch] for arch in members]),
            between=mean_squares(outputs.reshape(len(outputs), -1)),
            psnr_db=np.array([judge.psnr_db(o) if judge else np.nan for o in outputs]),
            weighting=self.config.weighting,
            seed=self.config.seed,
        )
        architecture = members[get_selector(self.config.selector)(cohort)]
        return self._restore(ranking, architecture, fits, cohort)

    def _restore(
        self,
        ranking: list[Ranked],
        architecture: Architecture,
        fits: Mapping[Architecture, Trained],
        cohort: Cohort | None,
    ) -> SearchResult:
        """Restore with the selected architecture."""
        restoration = self._fit("restore", architecture)
        trained = {arch: fit for arch, fit in fits.items() if not fit.diverged}
        return SearchResult(
            ranking=ranking,
            architecture=architecture,
            members=list(trained),
            diverged=[arch for arch, fit in fits.items() if fit.diverged],
            fits=list(trained.values()),
            outputs=np.array(
                [self._small.cropped(fit.output) for fit in trained.values()], np.float32
            ),
            cohort=cohort,
            restoration=restoration,
            restored=np.clip(
                self.problem.cropped(self.problem.delivered(restoration.output)), 0, 1
            ),
        )

    def rank(self) -> list[Ranked]:
        """Score the candidates that have no score yet, and sort them all, best first."""
        config = self.config
        candidates = candidate_architectures(config.candidates)
        known = {} if self._folder is None else self._folder.scores()
        scored = []
        try:
            for one in score_candidates(
                self.problem,
                candidates,
                config.score,
                channels=config.search_channels,
                inits=config.inits,
                device=self.device,
                known=known,
                check=self._check,
            ):
                scored.append(one)
                if self._folder is not None and one.architecture not in known:
                    self._folder.keep_score(one)
                self._progress("scores", 1)
        finally:
            if self._folder is not None:
                self._folder.flush()
        return ranked(scored)

    def _fit(self, purpose: str, arch: Architecture) -> Trained:
        """A fit from the folder, or trained now."""
        config, cohort = self.config, purpose == "cohort"
        iterations = config.cohort_iterations if cohort else config.iterations
        kept_as = purpose if cohort else f"{purpose}-{sha256_bytes(str(config.rule).encode())[:8]}"
        fit = None if self._folder is None else self._folder.trained(kept_as, arch)
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
            self._folder.keep_trained(kept_as, arch, fit)
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


def _hash(array: NDArray[np.float32]) -> str:
    return sha256_bytes(np.ascontiguousarray(array).tobytes())
