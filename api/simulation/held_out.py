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


def other_seeds(runs: RecordedRuns) -> tuple[int, ...]:
    """All seeds of the release except the searched one.

    Raises:
        MissingRunError: there are none.
    """
    seeds = tuple(seed for seed in runs.block.seeds if seed != runs.seed)
    if not seeds:
        raise MissingRunError(
            f"a choice is judged on a seed that was not searched, but {runs.task} at "
            f"{runs.fidelity} has only runs of seed {runs.seed}"
        )
    return seeds


def judged(runs: RecordedRuns, target: str) -> NDArray[np.float64]:
    """(n,) mean of a column over the other seeds; NaN where not ok."""
    by_seed = [runs.block.matrix(target, seed) for seed in other_seeds(runs)]
    return np.asarray(np.mean(by_seed, axis=0)[runs.space, runs.image_place])


def judge(runs: RecordedRuns, place: int) -> HeldOut:
    """Judge the architecture at a place of the space.

    Raises:
        MissingRunError: the release has no other seed, or no finished run of one of them.
    """
    seeds = other_seeds(runs)
    if not runs.block.evaluated(seeds, runs.image_place)[runs.space[place]]:
        raise MissingRunError(
            f"{runs.codes[place]} was chosen for {runs.task} of {runs.image!r}, but has no run "
            f"of seed {' and '.join(map(str, seeds))} to be judged by; open the simulator "
            f"with held_out=True to search only architectures that have one"
        )
    values, transfer = judged(runs, runs.target), runs.recommended
    known = transfer >= 0
    best, stopped, final, last = (
        float(judged(runs, f"{at}_psnr_smooth_db")[place])
        for at in ("best", "stopped", "final", "last")
    )
    return HeldOut(
        int(runs.space[place]),
        runs.codes[place],
        runs.seed,
        seeds,
        *(best, stopped, final, last),
        runs.target,
        int(runs.space[transfer]) if known else -1,
        float(values[place] - values[transfer]) if known else np.nan,
        float(values[place] - np.nanmean(values)),
    )
