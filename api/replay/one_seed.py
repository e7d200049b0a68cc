"""Replay searches with one seed and cohorts of every size, in one pass.

The averages of all cohorts are weighted sums of the same outputs, so the distances to all of them
are one matrix product (`nasdip_bench.dataset.distances.to_average`). Must not import torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.distances import to_average
from nasdip_bench.ranks.chance import expected_best

from ..statistics.choosing.cohorts import ScoredRuns
from .candidates import Pool

if TYPE_CHECKING:
    from nasdip_bench.isnas.selection import Cohort, Selector

COLUMNS = (
    "final_psnr_smooth_db",
    "rank",
    "regret",
    "regret_best",
    "regret_member",
    "regret_first",
    "regret_any",
    "regret_random",
    "regret_best_random",
    "members",
)

_COHORTS = 500
"""Random cohorts of every size, whose mean regret is ``regret_random``."""

Curves = dict[tuple[str, str], NDArray[np.float64]]
"""By (score, image): (`COLUMNS`, N)."""


def curves_of_seed(
    pool: Pool,
    keys: Sequence[str],
    images: Sequence[str],
    n: int,
    weighting: str,
    selector: Selector | None,
) -> Curves:
    from nasdip_bench.isnas.selection import Cohort

    ranked = {key: pool.ranked(key) for key in keys}
    found = {}
    for image in images:
        at = pool.bench.images.index(image)
        between = pool.between(at)
        drawn: dict[bytes, NDArray[np.float64]] = {}  # scores mostly have the same candidates
        for key, runs in ranked.items():
            values, members = runs.values[:, at], runs.cohort(at, n).members
            ok, chosen = members[np.isfinite(values[members])], None
            if len(ok):
                cohort = Cohort(
                    scores=runs.scores[ok, at],
                    between=between[np.ix_(ok, ok)],
                    psnr_db=values[ok],
                    weighting=weighting,
                    seed=pool.seed,
                )
                chosen = _chosen(cohort, selector)
            by_chance = np.full(len(members), math.nan)
            if selector is None:
                mine = np.flatnonzero(np.isfinite(values))
                if mine.tobytes() not in drawn:
                    drawn[mine.tobytes()] = _random_cohorts(
                        between[np.ix_(mine, mine)], values[mine], n, rng=at
                    )
                regrets = drawn[mine.tobytes()][: len(by_chance)]
                by_chance[: len(regrets)] = regrets
            found[key, image] = _curve(runs, at, members, chosen, by_chance)
    return found


def _random_cohorts(
    between: NDArray[np.float64], psnr_db: NDArray[np.float64], n: int, rng: int
) -> NDArray[np.float64]:
    """(N,) mean regret of the output closest to the average of N random ones, at N - 1; N up to n.

    Closest to an average with equal weights is the output with the least sum of distances.
    """
    n = min(n, len(psnr_db))
    generator = np.random.default_rng(rng)
    total = np.zeros(n)
    outside = np.tril_indices(n, -1)
    for _ in range(_COHORTS):
        drawn = generator.permutation(len(psnr_db))[:n]
        sums = between[np.ix_(drawn, drawn)].cumsum(axis=1)  # (member, N - 1)
        sums[outside] = np.inf
        total += psnr_db[drawn[sums.argmin(axis=0)]]
    return np.asarray(psnr_db.max(initial=-np.inf) - total / _COHORTS)


def _chosen(cohort: Cohort, selector: Selector | None) -> NDArray[np.intp]:
    """(N,) positions that a selector keeps among the first k of a ranking, at k - 1."""
    if selector is None:
        return closest_of_prefixes(cohort.between, cohort.scores, cohort.weighting)
    scores, between, psnr_db = cohort.scores, cohort.between, cohort.psnr_db
    first = (
        replace(cohort, scores=scores[:k], between=between[:k, :k], psnr_db=psnr_db[:k])
        for k in range(1, len(scores) + 1)
    )
    return np.array([selector(one) for one in first], np.intp)


def closest_of_prefixes(
    between: NDArray[np.float64], scores: NDArray[np.float64], weighting: str
) -> NDArray[np.intp]:
    """(N,) which of the first k outputs is closest to their average, at k - 1; the first of ties.

    Args:
        between: (N, N) mean squared differences of the outputs.
        scores: (N,) their scores.
        weighting: weighting of the average.
    """
    from nasdip_bench.isnas.selection import closest, weights

    count = len(scores)
    shares = np.zeros((count, count))
    for k in range(1, count + 1):
        shares[k - 1, :k] = weights(scores[:k], weighting)
    squares = to_average(between, shares)
    squares[np.triu_indices(count, 1)] = np.inf
    return closest(squares)


def _curve(
    runs: ScoredRuns,
    image: int,
    members: NDArray[np.intp],
    chosen: NDArray[np.intp] | None,
    by_chance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(`COLUMNS`, N) for one score, image and seed."""
    curve = np.full((len(COLUMNS), len(members)), math.nan)
    of_candidates = runs.values[np.isfinite(runs.scores[:, image]), image]
    ordered = np.sort(of_candidates[np.isfinite(of_candidates)])
    values = runs.values[members, image]
    there = np.isfinite(values)
    counts = np.cumsum(there)
    curve[-1] = counts
    if chosen is None:
        return curve
    psnr = values[there]
    ranks = 1.0 + len(ordered) - np.searchsorted(ordered, psnr, side="right")
    expected = np.cumsum(psnr) / np.arange(1, len(psnr) + 1)
    selected, rank = psnr[chosen], ranks[chosen]
    some = counts > 0
    at = counts[some] - 1  # the last member of each cohort that did not diverge
    best_of_all = ordered[-1]
    curve[:-1, some] = np.stack(
        [
            selected[at],
            rank[at],
            best_of_all - selected[at],
            best_of_all - np.maximum.accumulate(psnr)[at],
            best_of_all - expected[at],
            np.full(len(at), best_of_all - psnr[0]),
            np.full(len(at), best_of_all - ordered.mean()),
            by_chance[some],
            best_of_all - expected_best(of_candidates, np.flatnonzero(some) + 1),
        ]
    )
    return curve
