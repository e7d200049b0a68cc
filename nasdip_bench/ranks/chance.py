"""How good the first N of a ranking are, and how good N at random would be. Plain arrays."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import check_whole


def best_of_first(ranking: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The best value among the first N of a ranking, for every N.

    Args:
        ranking: (n,) finite numbers; the first is the lowest, ties by position.
        values: (n,) higher is better; NaN (a diverged run) is never the best.

    Returns:
        (n,) float64, position N - 1 for N; NaN until the first value that is a number.
    """
    order = np.argsort(ranking, kind="stable")
    return np.asarray(np.fmax.accumulate(values[order]))


def expected_best(values: ArrayLike, sizes: ArrayLike) -> NDArray[np.float64]:
    """The expected best value of a random subset, over all subsets of a size.

    Let v_1 ≤ ... ≤ v_m be the values that are numbers, d the number of the others, and n = m + d.
    Then v_j is the best of C(j - 1 + d, N - 1) subsets of size N. Subsets without any number have
    no best and are left out.

    Args:
        values: (n,) higher is better; NaN (a diverged run) is never the best.
        sizes: (s,) whole numbers from 1 to n.

    Returns:
        (s,) float64; NaN if no value is a number.

    Raises:
        ConfigError: a size outside 1..n.
    """
    numbers = np.asarray(values, np.float64)
    wanted = _sizes(sizes, len(numbers))
    ordered = np.sort(numbers[np.isfinite(numbers)])
    if not len(ordered):
        return np.full(len(wanted), math.nan)
    without = len(numbers) - len(ordered)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, len(numbers) + 1)))])
    below = np.arange(without, len(numbers))  # positions that are worse than v_j
    expected = np.empty(len(wanted))
    for place, size in enumerate(wanted):
        # Logarithms up to a constant: binomials of a few hundred overflow float64.
        weights = np.full(len(ordered), -np.inf)
        enough = below >= size - 1
        weights[enough] = log_factorial[below[enough]] - log_factorial[below[enough] - (size - 1)]
        shares = np.exp(weights - weights.max())
        expected[place] = (shares @ ordered) / shares.sum()
    return expected


def _sizes(sizes: ArrayLike, n: int) -> NDArray[np.int64]:
    wanted = np.atleast_1d(np.asarray(sizes))
    for size in wanted.tolist():
        check_whole("cohort size", size, 1, n)
    return wanted.astype(np.int64)
