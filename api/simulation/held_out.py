"""Judge the choice of a search on seeds that it did not see.

A seed fixes everything random, including the corruption of the image, so another seed is like a new
photograph of the same scene. There, gains from overfitting to one draw vanish.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingRunError

from ..reading.records.showing import displayed

if TYPE_CHECKING:
    from .recorded_runs import RecordedRuns


@displayed
class HeldOut(NamedTuple):
    """A choice, judged on other seeds.

    Attributes:
        arch_id: row of the chosen architecture in the release.
        architecture: its canonical string.
        searched: the seed that the search saw.
        seeds: the seeds it is judged on; numbers are means over them.
        best_psnr_smooth_db: dB of the smoothed output at the best iteration, an oracle. NaN if one
            of the runs diverged, as in the fields below.
        stopped_psnr_smooth_db: the same at the discrepancy stop, without the ground truth.
        final_psnr_smooth_db: the same at the fixed stop of the fidelity.
        last_psnr_smooth_db: the same at the end of the budget.
        target: the column used for the gaps.
        transfer: arch_id of the choice without a search: the best by the target's mean over the
            other images, on the searched seed.
        over_transfer_db: gain of the choice over that one; NaN if there is no other image, or one
            of the two diverged or has no run to be judged by.
        over_any_db: gain of the choice over the mean of the space, that is, a random choice.
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
    over_any_db: float


class Judge:
    """Judges choices on the other seeds of the runs that were searched.

    Args:
        runs: the runs that were searched.

    Attributes:
        seeds: all seeds of the release except the searched one.
        transfer: the place of the architecture that is best on the other images; -1 with one image.

    Raises:
        MissingRunError: the release has no other seed.
    """

    def __init__(self, runs: RecordedRuns) -> None:
        self._runs = runs
        self.seeds = tuple(seed for seed in runs.block.seeds if seed != runs.seed)
        if not self.seeds:
            raise MissingRunError(
                f"a choice is judged on a seed that was not searched, but {runs.task} at "
                f"{runs.fidelity} has only runs of seed {runs.seed}"
            )
        self.transfer = runs.recommended

    def values(self, target: str | None = None) -> NDArray[np.float64]:
        """(n,) mean of the target or another column over the other seeds; NaN where not ok."""
        runs = self._runs
        target = runs.target if target is None else target
        image = runs.bench.images.index(runs.image)
        by_seed = [runs.block.matrix(target, seed)[runs.space, image] for seed in self.seeds]
        return np.asarray(np.mean(by_seed, axis=0))

    def verdict(self, place: int) -> HeldOut:
        """Judge the architecture at a place of the space.

        Raises:
            MissingRunError: it lacks a finished run of one of the other seeds.
        """
        runs = self._runs
        image = runs.bench.images.index(runs.image)
        if not runs.block.evaluated(self.seeds, image)[runs.space[place]]:
            raise MissingRunError(
                f"{runs.codes[place]} was chosen for {runs.task} of {runs.image!r}, but has no run "
                f"of seed {' and '.join(map(str, self.seeds))} to be judged by; open the simulator "
                f"with held_out=True to search only architectures that have one"
            )
        judged = self.values()
        over_transfer = np.nan
        if self.transfer >= 0:
            over_transfer = float(judged[place] - judged[self.transfer])
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
            float(judged[place] - np.nanmean(judged)),
        )
