"""What a search is judged by: its choice on other seeds than the one that it saw.

A seed is everything random, the corruption of the image too, so that another seed is a new
photograph of the same scene: what a search gains only by looking long at one draw is gone there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingRunError

from ..reading.records.showing import displayed

if TYPE_CHECKING:
    from .recorded_runs import RecordedRuns

__all__ = ["HeldOut", "Judge"]


@displayed
class HeldOut(NamedTuple):
    """A choice, judged on other seeds.

    Attributes:
        arch_id: row of the chosen architecture in the release.
        architecture: its canonical string.
        searched: the seed that the search saw.
        seeds: those it is judged on; numbers are means over them.
        best_psnr_smooth_db: dB of the smoothed output at the best iteration, an oracle; NaN where
            one of the runs diverged, like the following.
        stopped_psnr_smooth_db: where the discrepancy stop delivers, without the ground truth.
        final_psnr_smooth_db: at the fixed stop of the fidelity.
        last_psnr_smooth_db: at the end of the budget.
        target: the column that the gaps are of.
        transfer: arch_id of what one would take without a search: the best by the target's mean
            over the other images, on the seed that was searched.
        over_transfer_db: the choice above that one; what the search gained. NaN with one image.
        over_random_db: the choice above the mean of the space: above an architecture at random.
    """

    arch_id: int
    architecture: str
    searched: int
    seeds: tuple[int, ...]
    best_psnr_smooth_db: float
    stopped_psnr_smooth_db: float
    final_psnr_smooth_db: float
    last_psnr_smooth_db: float
    target: str
    transfer: int
    over_transfer_db: float
    over_random_db: float


class Judge:
    """The other seeds of the runs that a search drew on.

    Args:
        runs: what was searched.

    Attributes:
        seeds: those of the release but the one that was searched.
        transfer: the place of the architecture that is best on the other images; -1 with one image.

    Raises:
        MissingRunError: the release has no other seed.
    """

    def __init__(self, runs: RecordedRuns) -> None:
        self._runs = runs
        self.seeds = tuple(seed for seed in runs.block.seeds if seed != runs.seed)
        if not self.seeds:
            raise MissingRunError(
                f"a choice is judged on another seed than the one searched: {runs.task} at "
                f"{runs.fidelity} has runs of seed {runs.seed} alone"
            )
        self.transfer = runs.recommended

    def values(self, target: str | None = None) -> NDArray[np.float64]:
        """(n,) the target or another column, the mean over the other seeds; NaN where not ok."""
        runs = self._runs
        target = runs.target if target is None else target
        image = runs.bench.images.index(runs.image)
        by_seed = [runs.block.matrix(target, seed)[runs.space, image] for seed in self.seeds]
        return np.asarray(np.mean(by_seed, axis=0))

    def verdict(self, place: int) -> HeldOut:
        """How the architecture at a place of the space does.

        Raises:
            MissingRunError: it has no ended run of one of the other seeds.
        """
        runs = self._runs
        image = runs.bench.images.index(runs.image)
        if not runs.block.evaluated(self.seeds, image)[runs.space[place]]:
            raise MissingRunError(
                f"{runs.codes[place]} was chosen for {runs.task} of {runs.image!r}, but has no run "
                f"of seed {' and '.join(map(str, self.seeds))} to be judged by; open the simulator "
                f"with held_out=True, and only architectures that have one can be searched"
            )
        judged = self.values()
        sign = runs.block.direction(runs.target)
        over_transfer = np.nan
        if self.transfer >= 0:
            over_transfer = sign * float(judged[place] - judged[self.transfer])
        return HeldOut(
            int(runs.space[place]),
            runs.codes[place],
            runs.seed,
            self.seeds,
            float(self.values("best_psnr_smooth_db")[place]),
            float(self.values("stopped_psnr_smooth_db")[place]),
            float(self.values("final_psnr_smooth_db")[place]),
            float(self.values("last_psnr_smooth_db")[place]),
            runs.target,
            int(runs.space[self.transfer]) if self.transfer >= 0 else -1,
            over_transfer,
            sign * float(judged[place] - np.nanmean(judged)),
        )
