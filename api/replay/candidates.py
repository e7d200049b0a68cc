"""Who can be ranked in a replay, who cannot and why, and the outputs of those who can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.api.cohorts import ScoredRuns, ranked_runs
from nasdip_bench.errors import MissingRunError, unknown_name
from nasdip_bench.isnas.rankable import check_score
from nasdip_bench.isnas.selectors import SELECTORS, Selector
from nasdip_bench.outputs import ABSENT
from nasdip_bench.proxies import NO_REFERENCE, image_scores, info, named_score, network_scores
from nasdip_bench.schema import STATUSES

if TYPE_CHECKING:
    from nasdip_bench.api.index import Block
    from nasdip_bench.api.reader import ReleaseReader

__all__ = [
    "REFERENCES",
    "TARGET",
    "Absent",
    "Pool",
    "needs_outputs",
    "open_pool",
    "rankable_scores",
    "score_key",
    "selector_name",
]

TARGET = "final_psnr_smooth_db"
"""The PSNR of what a search keeps: of the smoothed output at the stop."""

REFERENCES = ("corrupted", "ground_truth")
"""What an untrained output is compared with; scores without a reference need neither."""

WITHOUT_OUTPUTS = ("best-score", "oracle", "random")
"""Selectors that do not look at the outputs of a cohort."""


class Absent(NamedTuple):
    """Architectures that cannot be ranked on an image, each counted once, at its first reason.

    Attributes:
        missing: no run of the seed.
        failed: its run failed.
        unscored: no finite value of the score.
        without_output: an ok run whose output is not kept, where the selector needs it.
        other_iteration: the same, whose output is of another iteration than the release's stop.
    """

    missing: int
    failed: int
    unscored: int
    without_output: int
    other_iteration: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """The runs of a task at one fidelity and seed, and the outputs of those that have one.

    Attributes:
        bench: the release.
        block: the runs.
        seed: of the runs.
        others: the other seeds that could have been meant where none was named.
        needed: whether outputs are needed.
        iterations: (architecture, image) int32 of the kept outputs, `ABSENT` where there is none.
    """

    bench: ReleaseReader
    block: Block
    seed: int
    others: tuple[int, ...]
    needed: bool
    iterations: NDArray[np.int32]

    def ranked(self, key: str) -> ScoredRuns:
        """Those that can be chosen from by a score, "proxy/reference", with their PSNR."""
        column = self._scores(key)
        if self.needed:
            ok = self.block.statuses(self.seed) == STATUSES.index("ok")
            column = np.where(ok & (self.iterations != self.block.record.stop), np.nan, column)
        return ranked_runs(
            self.bench, self.block, self.seed, TARGET, column, key, others=self.others
        )

    def absent(self, key: str, image: int) -> Absent:
        """Why others cannot be chosen from on an image, by its position."""
        status = self.block.statuses(self.seed)[:, image]
        missing, failed = status == -1, status == STATUSES.index("failed")
        tried = ~missing & ~failed
        scored = np.isfinite(self._scores(key)[:, image])
        iterations, stop = self.iterations[:, image], self.block.record.stop
        unusable = tried & scored & (status == STATUSES.index("ok")) & (iterations != stop)
        unusable &= self.needed
        parts = (
            missing,
            failed,
            tried & ~scored,
            unusable & (iterations == ABSENT),
            unusable & (iterations != ABSENT),
        )
        return Absent(*(int(np.count_nonzero(part)) for part in parts))

    def outputs(self, image: int, arch_ids: NDArray[np.intp]) -> NDArray[np.uint8]:
        """(N, C, H, W) uint8: the kept outputs of some architectures on an image."""
        rows = self.block.rows[arch_ids, image, self.block.position(self.seed)]
        channels = self.bench.to_arrow("images")["channels"][image].as_py()
        places = self.block.columns["curve_row"][rows].tolist()
        return self.bench.outputs.images(self.block.fidelity, self.block.task, places, channels)

    def _scores(self, key: str) -> NDArray[np.float64]:
        _, scores = self.bench.runs.scores(self.block.task, self.block.fidelity)
        return scores.values[:, :, scores.keys.index(key)]


def open_pool(bench: ReleaseReader, block: Block, seeds: tuple[int, ...], needed: bool) -> Pool:
    """The runs of the first of some seeds, with what is known of their outputs.

    Raises:
        MissingRunError: outputs are needed, and there are none of the release's stop.
        DatasetError: the file of outputs is damaged.
    """
    seed, *others = seeds
    iterations = np.full(block.rows.shape[:2], ABSENT, np.int32)
    key = (block.fidelity, block.task)
    if needed:
        if key in bench.outputs:
            rows = block.rows[:, :, block.position(seed)]
            kept = bench.outputs.iterations(*key, block.columns["curve_row"])
            iterations = np.where(rows >= 0, kept[rows], iterations)
        _check_kept(block, seed, iterations)
    return Pool(
        bench=bench,
        block=block,
        seed=seed,
        others=tuple(others),
        needed=needed,
        iterations=iterations,
    )


def _check_kept(block: Block, seed: int, iterations: NDArray[np.int32]) -> None:
    stop = block.record.stop
    if (iterations == stop).any():
        return
    other = np.unique(iterations[iterations != ABSENT]).tolist()
    found = f"only of iteration {', '.join(map(str, other))}" if other else "none"
    raise MissingRunError(
        f"needed are the restored images of the runs at the stop, iteration {stop}; of "
        f"{block.task} at {block.fidelity} with seed {seed} this release keeps {found}. Selectors "
        f"that need none: {', '.join(WITHOUT_OUTPUTS)}. Or build with 'nasdip-build "
        f"--keep-outputs', and release that"
    )


def needs_outputs(selector: str | Selector) -> bool:
    """Whether a selector looks at the outputs of a cohort; one's own may."""
    return not (isinstance(selector, str) and selector in WITHOUT_OUTPUTS)


def selector_name(selector: str | Selector) -> str:
    """What a selector is called in records.

    Raises:
        UnknownNameError: a name that there is not.
    """
    if isinstance(selector, str):
        if selector not in SELECTORS:
            raise unknown_name("selector", selector, SELECTORS)
        return selector
    return getattr(selector, "__name__", type(selector).__name__)


def rankable_scores(bench: ReleaseReader, block: Block, reference: str) -> list[str]:
    """The scores of a release that architectures can be ranked by, as "proxy/reference".

    Raises:
        UnknownNameError: a reference that is none of `REFERENCES`.
    """
    _check_reference(reference)
    _, scores = bench.runs.scores(block.task, block.fidelity)
    registered = (*image_scores(), *network_scores())
    return [
        f"{proxy}/{against}"
        for proxy, against in scores.columns
        if proxy in registered
        and info(proxy).lower_is_better
        and against in (reference, NO_REFERENCE)
    ]


def score_key(bench: ReleaseReader, block: Block, score: str, reference: str) -> str:
    """The score of a release that is meant, as "proxy/reference".

    Args:
        bench: the release.
        block: the runs.
        score: its name, or name and reference joined by a slash.
        reference: of a score that has one and is named alone.

    Raises:
        ConfigError: a score by which a search cannot rank, since less of it is not better.
        UnknownNameError: a score or reference that there is not.
    """
    _check_reference(reference)
    name, _, named = score.partition("/")
    check_score(name)
    if not named and info(name).needs_reference:
        score = f"{name}/{reference}"
    _, scores = bench.runs.scores(block.task, block.fidelity)
    return "/".join(named_score(score, scores.columns))


def _check_reference(reference: str) -> None:
    if reference not in REFERENCES:
        raise unknown_name("reference", reference, REFERENCES)
