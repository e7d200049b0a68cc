"""The candidates of a replay, why others are not, and the distances between their restorations.

`nasdip_bench.isnas` and `.proxies`, which import PIL, are imported on use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.curves import MISSING
from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.errors import MissingRunError, check_name

from ..statistics.choosing.cohorts import ScoredRuns, ranked_runs

if TYPE_CHECKING:
    from nasdip_bench.isnas.selection import Selector

    from ..reading.arrays.block import Block
    from ..reading.reader import ReleaseReader

TARGET = "final_psnr_smooth_db"
"""The PSNR of the selected architecture: that of its smoothed output at the stop."""

REFERENCES = ("corrupted", "ground_truth")
"""What untrained outputs can be compared with; scores without a reference need neither."""

WITHOUT_DISTANCES = ("best-score", "oracle", "random")
"""Selectors that do not look at the restorations of a cohort."""


class Absent(NamedTuple):
    """Architectures that cannot be ranked on an image, each counted once, under its first reason.

    Attributes:
        missing: no run of the seed.
        failed: its run failed.
        unscored: no finite value of the score.
        without_restoration: its run is ok, but the release lacks distances that are needed.
    """

    missing: int
    failed: int
    unscored: int
    without_restoration: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """The runs of a task at one fidelity and seed, and the distances of those that have them.

    Attributes:
        block: the runs.
        seed: seed of the runs, and of the corruption that scores see.
        others: the other default seeds, if no seed was named.
        restored: (architecture, image) bool, whether the release has distances to a restoration;
            None if they are not needed.
    """

    bench: ReleaseReader
    block: Block
    seed: int
    others: tuple[int, ...]
    restored: NDArray[np.bool_] | None

    def ranked(self, key: str) -> ScoredRuns:
        """The candidates for a score, "proxy/reference", with their PSNR."""
        column = np.where(self._unusable(), np.nan, self._scores(key))
        return ranked_runs(
            self.bench, self.block, self.seed, TARGET, column, key, others=self.others
        )

    def absent(self, key: str, image: int) -> Absent:
        """Why other architectures are not candidates on an image, given by position."""
        status = self.block.statuses(self.seed)[:, image]
        missing, failed = status == -1, status == STATUSES.index("failed")
        tried = ~missing & ~failed
        scored = np.isfinite(self._scores(key)[:, image])
        without = tried & scored & self._unusable()[:, image]
        parts = (missing, failed, tried & ~scored, without)
        return Absent(*(int(np.count_nonzero(part)) for part in parts))

    def between(self, image: int, arch_ids: NDArray[np.intp]) -> NDArray[np.float64]:
        """(N, N) mean squared differences between restorations of architectures on an image."""
        distances = self.bench.distances(self.block.task, fidelity=self.block.fidelity)
        return distances.between(image, self.seed)[np.ix_(arch_ids, arch_ids)]

    def _unusable(self) -> NDArray[np.bool_]:
        """(architecture, image) bool: whether an ok run lacks distances that are needed."""
        ok = self.block.statuses(self.seed) == STATUSES.index("ok")
        return np.zeros_like(ok) if self.restored is None else ok & ~self.restored

    def _scores(self, key: str) -> NDArray[np.float64]:
        _, scores = self.bench.runs.scores(self.block.task, self.block.fidelity, self.seed)
        return scores.values[:, :, scores.keys.index(key)]


def open_pool(bench: ReleaseReader, block: Block, seeds: tuple[int, ...], needed: bool) -> Pool:
    """The runs of the first of some seeds, and which restorations have distances.

    Args:
        block: the runs of a task at a fidelity.
        seeds: at least one seed of the block.
        needed: whether distances between restorations are needed.

    Raises:
        MissingRunError: they are needed, but the release has none.
        DatasetError: the file of distances is damaged.
    """
    seed, *others = seeds
    restored = _restored(bench, block, seed) if needed else None
    return Pool(bench=bench, block=block, seed=seed, others=tuple(others), restored=restored)


def _restored(bench: ReleaseReader, block: Block, seed: int) -> NDArray[np.bool_]:
    """(architecture, image) bool: whether the release has distances to a restoration."""
    try:
        found = bench.distances(block.task, fidelity=block.fidelity)
    except MissingRunError as error:
        raise MissingRunError(f"{error}. {_WITHOUT}") from None
    of_seed: NDArray[np.bool_] = (found.truth != MISSING)[:, found.seeds == seed].any(axis=1)
    if not of_seed.any():
        raise MissingRunError(
            f"this release has no distances between the restorations of {block.task} at "
            f"{block.fidelity} with seed {seed}: it has those of seed "
            f"{', '.join(map(str, found.seeds.tolist())) or 'none'}. {_WITHOUT}"
        )
    return of_seed.T


_WITHOUT = f"Selectors that need none: {', '.join(WITHOUT_DISTANCES)}"


def needs_distances(selector: str | Selector) -> bool:
    """Whether a selector may look at the restorations of a cohort; custom ones always may."""
    return not (isinstance(selector, str) and selector in WITHOUT_DISTANCES)


def selector_name(selector: str | Selector, weighting: str) -> str:
    """The name of a selector in records.

    Raises:
        UnknownNameError: an unknown selector or weighting.
    """
    from nasdip_bench.isnas.selection import SELECTORS, WEIGHTINGS

    check_name("weighting", weighting, WEIGHTINGS)
    if not isinstance(selector, str):
        return getattr(selector, "__name__", type(selector).__name__)
    return check_name("selector", selector, SELECTORS)


def rankable_scores(bench: ReleaseReader, block: Block, reference: str) -> list[str]:
    """The scores of a release that architectures can be ranked by, as "proxy/reference".

    Those with the same value for all architectures of every image are left out: they rank nothing.

    Raises:
        UnknownNameError: the reference is not one of `REFERENCES`.
    """
    from nasdip_bench.proxies import NO_REFERENCE, image_scores, info, network_scores

    check_name("reference", reference, REFERENCES)
    _, scores = bench.runs.scores(block.task, block.fidelity)
    registered = (*image_scores(), *network_scores())
    there = np.isfinite(scores.values)
    apart = [
        extreme(scores.values, axis=0, where=there, initial=start)
        for extreme, start in ((np.max, -np.inf), (np.min, np.inf))
    ]
    ranking = (apart[0] > apart[1]).any(axis=0)  # by score
    return [
        f"{proxy}/{against}"
        for (proxy, against), ranks in zip(scores.columns, ranking, strict=True)
        if ranks
        and proxy in registered
        and info(proxy).lower_is_better
        and against in (reference, NO_REFERENCE)
    ]


def score_key(bench: ReleaseReader, block: Block, score: str, reference: str) -> str:
    """The full name of a score of the release, as "proxy/reference".

    Args:
        block: the runs.
        score: its name, or name and reference joined by a slash.
        reference: reference to use if the score needs one and is given by name alone.

    Raises:
        ConfigError: a search cannot rank by the score, since lower is not better.
        UnknownNameError: an unknown score or reference.
    """
    from nasdip_bench.isnas.ranking import check_score
    from nasdip_bench.proxies import info, named_score

    check_name("reference", reference, REFERENCES)
    name, _, named = score.partition("/")
    check_score(name)
    if not named and info(name).needs_reference:
        score = f"{name}/{reference}"
    _, scores = bench.runs.scores(block.task, block.fidelity)
    return "/".join(named_score(score, scores.columns))
