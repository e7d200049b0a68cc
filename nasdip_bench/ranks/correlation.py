"""Rank correlation and top-k overlap of plain arrays; needs no dataset.

SciPy is imported on use, since datasets can be opened without it.

Source: the statistics of ISNAS-DIP (CVPR 2022), Table 1 and Figure 1. The paper does not say which
of Kendall's taus it reports; ours is tau-b, which corrects for ties.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import ConfigError, check_whole


class Correlation(NamedTuple):
    """A rank correlation.

    Attributes:
        value: tau or rho, -1..1; NaN if undefined.
        n: number of pairs it was computed over.
        reason: why it is NaN, else "".
    """

    value: float
    n: int
    reason: str


def kendall_tau_b(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Kendall's tau-b of two samples.

    Pairs with a non-finite value are left out. The sign is never flipped: between a PSNR (higher is
    better) and a distance (lower is better) negative is good.

    Args:
        x: (n,) numbers.
        y: (n,) numbers.

    Raises:
        ConfigError: the samples are not two vectors of the same length.
    """
    a, b, reason = _finite_pairs(x, y)
    if reason:
        return Correlation(math.nan, len(a), reason)

    from scipy.stats import kendalltau

    return Correlation(float(kendalltau(a, b).statistic), len(a), "")


def spearman_rho(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Spearman's rho of two samples: the correlation of their ranks, with mean ranks for ties.

    Otherwise like `kendall_tau_b`.
    """
    a, b, reason = _finite_pairs(x, y)
    if reason:
        return Correlation(math.nan, len(a), reason)

    from scipy.stats import spearmanr

    return Correlation(float(spearmanr(a, b).statistic), len(a), "")


def _finite_pairs(
    x: ArrayLike, y: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """The finite pairs, and why their rank correlation is undefined, else ""."""
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ConfigError(
            f"a rank correlation needs two vectors of one length, not arrays {a.shape} and "
            f"{b.shape}"
        )
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    if len(a) < 2:
        return a, b, f"{len(a)} pairs, 2 are needed"
    for name, values in (("first", a), ("second", b)):
        if np.all(values == values[0]):
            return a, b, f"all values of the {name} sample are equal"
    return a, b, ""


def kendall_tau_b_row(x: ArrayLike, y: ArrayLike) -> list[Correlation]:
    """`kendall_tau_b` of one sample with every row of a matrix.

    Equal to it except for rounding. If all values are finite, every pair of positions is compared
    once and the counts are one matrix product, which is several times as fast for the few hundred
    architectures of a benchmark.

    Args:
        x: (n,) numbers.
        y: (q, n) numbers.

    Raises:
        ConfigError: the rows differ in length from the sample.
    """
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.ndim != 1 or b.ndim != 2 or a.shape[0] != b.shape[1]:
        raise ConfigError(
            f"Kendall's tau needs a vector and rows of its length, not arrays {a.shape} and "
            f"{b.shape}"
        )
    n = len(a)
    if not 2 <= n <= _MOST_AT_ONCE or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return [kendall_tau_b(a, other) for other in b]
    (signs_a, [of_a]), (signs_b, untied_b) = _signs(a[None]), _signs(b)
    balance = (signs_b @ signs_a[0]).astype(np.float64)  # concordant minus discordant pairs
    return [
        Correlation(float(balance[row] / np.sqrt(of_a) / np.sqrt(of_b)), n, "")
        if of_a and of_b
        else kendall_tau_b(a, b[row])  # which says why it is undefined
        for row, of_b in enumerate(untied_b)
    ]


_MOST_AT_ONCE = 2048
"""Positions: n (n - 1) / 2 signs per row, whose sums are exact in float32 up to 5793."""


def _signs(values: NDArray[np.float64]) -> tuple[NDArray[np.float32], list[int]]:
    """Signs of the differences of every two positions, each pair once; how many per row are not 0.

    Every position is compared with the n // 2 after it, the first following the last, so that the
    pairs form a rectangle, not a triangle. If n is even, pairs that are n // 2 apart would occur
    twice, and are 0 the second time.
    """
    (rows, n), half = values.shape, values.shape[1] // 2
    # Ranks in 16 bits compare several times as fast as the values themselves.
    ranks, untied = np.empty((rows, n + half), np.int16), []
    for row, numbers in enumerate(values):
        _, ranks[row, :n], counts = np.unique(numbers, return_inverse=True, return_counts=True)
        untied.append((n**2 - int(np.square(counts).sum())) // 2)
    ranks[:, n:] = ranks[:, :half]
    one, other = ranks[:, :n, None], sliding_window_view(ranks[:, 1:], half, axis=1)
    signs = (one > other).view(np.int8) - (one < other).view(np.int8)
    if n % 2 == 0:
        signs[:, half:, -1] = 0
    return signs.reshape(rows, -1).astype(np.float32), untied


def top_k(values: ArrayLike, k: int) -> NDArray[np.intp]:
    """Positions of the k highest values, best first.

    Ties break by position, the first wins; NaN is last.

    Args:
        values: (n,) numbers.
        k: 1..n.

    Raises:
        ConfigError: k is outside 1..n, or values is not a vector.
    """
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1:
        raise ConfigError(f"top-k needs a vector, not an array {numbers.shape}")
    check_whole("k", k, 1, len(numbers), note=", the number of values to choose from")
    return np.argsort(-np.where(np.isnan(numbers), -np.inf, numbers), kind="stable")[:k]


def overlap_matrix(values: ArrayLike, k: int) -> NDArray[np.int64]:
    """How many of their k best positions two rows share, for all pairs of rows.

    Args:
        values: (rows, n) numbers, higher is better, NaN last.
        k: 1..n.

    Returns:
        (rows, rows) int64, symmetric, k on the diagonal.

    Raises:
        ConfigError: k is outside 1..n, or values is not a matrix.
    """
    matrix = np.asarray(values, np.float64)
    if matrix.ndim != 2:
        raise ConfigError(f"the overlap needs a matrix, not an array {matrix.shape}")
    chosen = np.zeros(matrix.shape, np.int64)
    for row, numbers in enumerate(matrix):
        chosen[row, top_k(numbers, k)] = 1
    return chosen @ chosen.T
