"""What the N first of a ranking hold of the best, and what N at random would. Plain arrays.

Exact expectations over all subsets of a size, without sampling; p-values by relabelling.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import check_whole


def best_of_first(ranking: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The best value among the N first of a ranking, for every N.

    Args:
        ranking: (n,) finite numbers; the first is the lowest, ties by position.
        values: (n,) higher is better; NaN (a run that diverged) is never the best.

    Returns:
        (n,) float64, at N - 1; NaN until the first value that is a number.
    """
    order = np.argsort(ranking, kind="stable")
    return np.asarray(np.fmax.accumulate(values[order]))


class ChoicePValues(NamedTuple):
    """How often architectures at random would be chosen as well, one-sided.

    Attributes:
        precision: of the share of the first that are among the best.
        regret: of the distance of the best of the first from the best of all.
    """

    precision: float
    regret: float


def by_relabelling(
    ranking: NDArray[np.float64],
    values: NDArray[np.float64],
    best: int,
    size: int,
    *,
    relabellings: int = 2000,
    rng: int = 0,
) -> ChoicePValues:
    """Whether a ranking chooses better than chance, on several images at once.

    Images share their architectures, so that what a ranking gains on one it mostly gains on all. A
    relabelling exchanges architectures on all images at once, and so keeps that; a ranking without
    worth is one of them. The p-value is (1 + those that are as good) / (1 + relabellings).

    Source: Phipson and Smyth, "Permutation p-values should never be zero", SAGMB 9 (2010).

    Args:
        ranking: (n, images); the lowest is the first, ties by position.
        values: (n, images) higher is better; NaN (a run that diverged) is never among the best.
            On each image ``best`` at least are numbers.
        best: how many first, and how many best, the precision is of.
        size: how many first the best is kept of.
        relabellings: at random.
        rng: seed of them.

    Returns:
        p-values of the means over images; NaN of an empty ranking.
    """
    n, images = values.shape
    if not n or not images:
        return ChoicePValues(math.nan, math.nan)
    lowest_first = np.argsort(ranking, axis=0, kind="stable")
    worth = np.where(np.isfinite(values), values, -np.inf)
    among_best = np.zeros((n, images), np.bool_)
    np.put_along_axis(among_best, np.argsort(-worth, axis=0, kind="stable")[:best], True, axis=0)
    draw = np.random.default_rng(rng)
    orders = draw.permuted(np.tile(np.arange(n), (relabellings, 1)), axis=1)
    orders = np.concatenate([np.arange(n)[None], orders])  # first as it is
    hits, kept = np.zeros(len(orders)), np.zeros(len(orders))
    for image in range(images):
        first = lowest_first[:, image]
        hits += among_best[orders[:, first[:best]], image].sum(axis=1)
        kept += worth[orders[:, first[:size]], image].max(axis=1)
    # Sums of the same numbers in another order are the same but for rounding.
    tolerance = 1e-9 * max(1.0, float(np.abs(kept[np.isfinite(kept)]).max(initial=0.0)))
    as_good = (np.count_nonzero(measure >= measure[0] - tolerance) for measure in (hits, kept))
    return ChoicePValues(*(count / len(orders) for count in as_good))


def expected_best(values: ArrayLike, sizes: ArrayLike) -> NDArray[np.float64]:
    """The expected best value of a random subset, over all subsets of a size.

    Where v_1 ≤ ... ≤ v_m are the values that are numbers, d the number of those that are not, and
    n = m + d, v_j is the best of C(j - 1 + d, N - 1) subsets of size N. Subsets without any number
    have no best and are left out.

    Args:
        values: (n,) higher is better; NaN (a run that diverged) is never the best.
        sizes: (s,) whole numbers from 1 to n.

    Returns:
        (s,) float64; NaN where no value is a number.

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
        # Logarithms up to a constant: the binomials of some hundred overflow float64.
        weights = np.full(len(ordered), -np.inf)
        enough = below >= size - 1
        weights[enough] = log_factorial[below[enough]] - log_factorial[below[enough] - (size - 1)]
        shares = np.exp(weights - weights.max())
        expected[place] = (shares @ ordered) / shares.sum()
    return expected


def chance_of_hit(n: int, best: int, sizes: ArrayLike) -> NDArray[np.float64]:
    """The probability that a random subset of n holds one at least of the ``best`` best.

    1 - C(n - best, N) / C(n, N).

    Args:
        n: to choose from.
        best: how many are the best, 1..n.
        sizes: (s,) whole numbers from 1 to n.

    Raises:
        ConfigError: a number outside its range.
    """
    check_whole("best", best, 1, n)
    wanted = _sizes(sizes, n)
    return np.asarray(
        [1 - math.comb(n - best, int(size)) / math.comb(n, int(size)) for size in wanted]
    )


def chance_overlap(n: int, k: int) -> tuple[float, float]:
    """Mean and standard deviation of how many elements two random k-subsets of n share.

    Hypergeometric: k²/n, and the root of (k²/n) (1 - k/n) (n - k)/(n - 1).

    Raises:
        ConfigError: k is outside 1..n.
    """
    check_whole("k", k, 1, n)
    mean = k * k / n
    variance = mean * (1 - k / n) * (n - k) / (n - 1) if n > 1 else 0.0
    return mean, math.sqrt(variance)


def overlap_p_value(shared: int, n: int, k: int) -> float:
    """The probability that two random k-subsets of n share at least this many.

    Raises:
        ConfigError: k is outside 1..n.
    """
    chance_overlap(n, k)  # checks
    total = math.comb(n, k)
    return sum(math.comb(k, j) * math.comb(n - k, k - j) for j in range(shared, k + 1)) / total


def _sizes(sizes: ArrayLike, n: int) -> NDArray[np.int64]:
    wanted = np.atleast_1d(np.asarray(sizes))
    for size in wanted.tolist():
        check_whole("cohort size", size, 1, n)
    return wanted.astype(np.int64)
