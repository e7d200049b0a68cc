"""What a selector keeps of the k first of a ranking, for every k at once.

The averages of all cohorts are shares of the same outputs, so that the distances to all of them are
one product of matrices (`nasdip_bench.dataset.distances.to_average`). Must not import torch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.distances import to_average
from nasdip_bench.isnas.averaging import closest, weights
from nasdip_bench.isnas.selection import Cohort, Selector

from .candidates import Pool

__all__ = ["Chooser", "chooser", "closest_of_prefixes"]

Chooser = Callable[[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]], NDArray[np.intp]]
"""Architectures in the order of their ranking, their scores and PSNR, to the position that is kept
of the k first, at k - 1."""


def chooser(
    pool: Pool,
    image: int,
    arch_ids: NDArray[np.intp],
    weighting: str,
    selector: str | Selector,
) -> Chooser | None:
    """How to choose on an image; None for "random", which expects and does not choose.

    Args:
        pool: the runs.
        image: its position.
        arch_ids: ascending, all that will be chosen from; none of their runs diverged.
        weighting: of the average.
        selector: a name or a rule.
    """
    if selector == "random":
        return None
    if selector == "best-score":
        return lambda ok, scores, psnr: np.zeros(len(ok), np.intp)
    if selector == "oracle":
        return lambda ok, scores, psnr: np.array(
            [np.argmax(psnr[:k]) for k in range(1, len(ok) + 1)], np.intp
        )
    if not len(arch_ids):
        return lambda ok, scores, psnr: np.empty(0, np.intp)
    of_all = pool.between(image, arch_ids)

    def between(ok: NDArray[np.intp]) -> NDArray[np.float64]:
        places = np.searchsorted(arch_ids, ok)
        return of_all[np.ix_(places, places)]

    if isinstance(selector, str):  # the paper's, which is the only other name
        return lambda ok, scores, psnr: closest_of_prefixes(between(ok), scores, weighting)
    rule = selector

    def by_rule(
        ok: NDArray[np.intp], scores: NDArray[np.float64], psnr: NDArray[np.float64]
    ) -> NDArray[np.intp]:
        squares = between(ok)
        cohorts = (
            Cohort(
                scores=scores[:k],
                between=squares[:k, :k],
                psnr_db=psnr[:k],
                weighting=weighting,
                seed=pool.seed,
            )
            for k in range(1, len(ok) + 1)
        )
        return np.array([rule(cohort) for cohort in cohorts], np.intp)

    return by_rule


def closest_of_prefixes(
    between: NDArray[np.float64], scores: NDArray[np.float64], weighting: str
) -> NDArray[np.intp]:
    """Which of the first k outputs is closest to their average, for every k.

    Args:
        between: (N, N) mean squared differences of the outputs.
        scores: (N,) their scores.
        weighting: of the average.

    Returns:
        (N,) positions, at k - 1; of those equally close the first.
    """
    count = len(scores)
    shares = np.zeros((count, count))
    for k in range(1, count + 1):
        shares[k - 1, :k] = weights(scores[:k], weighting)
    squares = to_average(between, shares)
    squares[np.triu_indices(count, 1)] = np.inf
    return closest(squares)
