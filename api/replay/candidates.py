"""The candidates of a replay, and the distances between their restorations.

`nasdip_bench.isnas` and `.proxies`, which import PIL, are imported on use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.errors import ConfigError, MissingRunError, check_name

from ..statistics.choosing.cohorts import ScoredRuns, ranked_runs

if TYPE_CHECKING:
    from nasdip_bench.isnas.selection import Selector

    from ..reading.arrays.block import Block
    from ..reading.reader import ReleaseReader

TARGET = "final_psnr_smooth_db"
"""The PSNR of the selected architecture: that of its smoothed output at the stop."""

REFERENCES = ("corrupted", "ground_truth")
"""What untrained outputs can be compared with; scores without a reference need neither."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """The runs of a task at one fidelity and seed, and the distances of those that have them."""

    bench: ReleaseReader
    block: Block
    seed: int
    restored: NDArray[np.bool_]  # (architecture, image), whether there are distances

    def ranked(self, key: str) -> ScoredRuns:
        """The candidates for a score, "proxy/reference", with their PSNR."""
        _, scores = self.bench.runs.scores(self.block.task, self.block.fidelity, self.seed)
        column = scores.values[:, :, scores.keys.index(key)]
        ok = self.block.statuses(self.seed) == STATUSES.index("ok")
        column = np.where(ok & ~self.restored, np.nan, column)
        return ranked_runs(self.bench, self.block, self.seed, TARGET, column, key)

    def between(self, image: int) -> NDArray[np.float64]:
        """(n, n) mean squared differences between the restorations of an image; NaN without."""
        distances = self.bench.distances(self.block.task, fidelity=self.block.fidelity)
        return distances.between(image, self.seed)


def open_pool(bench: ReleaseReader, block: Block, seed: int) -> Pool:
    """The pool of a seed; MissingRunError if the release has no distances of it."""
    found = bench.distances(block.task, fidelity=block.fidelity)
    of_seed = found.restored(seed)
    if not of_seed.any():
        raise MissingRunError(
            f"this release has no distances between the restorations of {block.task} at "
            f"{block.fidelity} with seed {seed}: it has those of seed "
            f"{', '.join(map(str, found.seeds.tolist())) or 'none'}"
        )
    return Pool(bench=bench, block=block, seed=seed, restored=of_seed.T)


def selector_name(selector: Selector | None, weighting: str) -> str:
    """The name of a selector in records: that of the function, or "closest"; checks both."""
    from nasdip_bench.isnas.selection import WEIGHTINGS

    check_name("weighting", weighting, WEIGHTINGS)
    if selector is None:
        return "closest"
    if not callable(selector):
        raise ConfigError(
            f"selector {selector!r} must be a function from a Cohort to a position, or None for "
            f"the closest to the average"
        )
    return getattr(selector, "__name__", type(selector).__name__)


def rankable_scores(bench: ReleaseReader, block: Block, reference: str) -> list[str]:
    """The scores of a release that architectures can be ranked by, as "proxy/reference".

    Those with the same value for all architectures of every image are left out: they rank nothing.
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
    """The full name of a score, "proxy/reference"; with the reference if it needs one and has none.

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
