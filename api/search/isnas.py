"""The paper's search on the simulator. Imports `nasdip_bench.isnas` on use, and never torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nasdip_bench.errors import MissingRunError, check_whole

from ..simulation.simulator import Simulator


def isnas(
    sim: Simulator,
    rng: np.random.Generator,
    *,
    score: str = "psd_db_strip_mse",
    cohort: int = 15,
    weighting: str = "paper",
) -> None:
    """Score every architecture, train the N best, and choose the most average one.

    The choice is the member whose restoration is closest to the weighted average of those trained
    so far, so there is a choice at any time. It needs no ground truth: both tracks give the same.
    `NASDIPBench.isnas` replays one such search without a clock, member by member.

    Ties break by arch_id. Architectures without the score, or without distances of their
    restoration, are not candidates. Source: Arican, Kara, Bredell, Konukoglu, "ISNAS-DIP", CVPR
    2022, section 4.

    Args:
        sim: the simulator.
        rng: unused, since the search is deterministic.
        score: a score where lower is better, as "name/reference" or by name alone, which means the
            corrupted image if the score needs a reference.
        cohort: N.
        weighting: weighting of the average, one of `nasdip_bench.isnas.selection.WEIGHTINGS`.

    Raises:
        ConfigError: a cohort below 1, or a score where lower is not better.
        UnknownNameError: no such score in the release, or no such weighting.
        MissingRunError: the release has no distances between restorations.
    """
    from nasdip_bench.isnas.ranking import check_score

    check_whole("cohort", cohort, 1)
    check_score(score.partition("/")[0])
    ranked = [(sim.score(arch, score).value, arch) for arch in _comparable(sim)]
    ranked = sorted(one for one in ranked if not math.isnan(one[0]))
    _choose_the_average(sim, ranked[:cohort], weighting)


def random_cohort(sim: Simulator, rng: np.random.Generator, *, cohort: int = 15) -> None:
    """`isnas` without its score: train N random architectures and choose the most average one.

    What a score is worth in `isnas` is the difference between the two. Arguments and exceptions
    are those of `isnas`; ``rng`` draws the cohort.
    """
    check_whole("cohort", cohort, 1)
    drawn = rng.permutation(_comparable(sim))[:cohort].tolist()
    _choose_the_average(sim, [(1.0, arch) for arch in drawn], "equal")


def _comparable(sim: Simulator) -> list[int]:
    """The architectures with distances between their restorations."""
    candidates: list[int] = sim.space[sim.runs.comparable].tolist()
    if not candidates:
        raise MissingRunError(
            f"the release has no distances between restorations of {sim.task} of {sim.image!r} at "
            f"{sim.fidelity} with seed {sim.seed}, which this search needs"
        )
    return candidates


def _choose_the_average(
    sim: Simulator, ranked: Sequence[tuple[float, int]], weighting: str
) -> None:
    """Train (score, architecture) in turn; each time choose the one closest to the average."""
    from nasdip_bench.isnas.selection import Cohort, closest_to_average

    kept: list[tuple[float, int]] = []
    for value, arch in ranked:
        if sim.train(arch).status == "diverged":
            continue
        kept.append((value, arch))
        members = Cohort(
            scores=np.array([value for value, _ in kept]),
            between=sim.distances([arch for _, arch in kept]),
            psnr_db=np.full(len(kept), math.nan),
            weighting=weighting,
            seed=sim.seed,
        )
        sim.choose(kept[closest_to_average(members)][1])
