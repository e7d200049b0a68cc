"""Uncertainty of a rank correlation: pairs, ties, and a bootstrap interval. Needs no dataset.

The architectures of a benchmark are a random sample from a space of 10^10, so another sample would
give another tau; the bootstrap over architectures estimates how different. A resample is a vector
of counts: how often each architecture was drawn. Tau-b of all resamples is then one matrix product
with the signs of all pairs.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13 (percentile
intervals); tau-b: Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, check_whole

from .correlation import Correlation

_EXACT_IN_FLOAT32 = 4096
"""Up to this size n², the largest sum of signs, is at most 2^24."""
_COLUMNS = 128
"""Columns of a matrix of signs that are multiplied at once."""


def draw_resamples(n: int, resamples: int, rng: int = 0) -> NDArray[np.float32]:
    """(resamples, n), read-only: how often each observation is among n draws with replacement.

    Raises:
        ConfigError: fewer than one resample.
    """
    check_whole("resamples", resamples, 1)
    return _drawn(n, resamples, rng)


@lru_cache(maxsize=2)
def _drawn(n: int, resamples: int, rng: int) -> NDArray[np.float32]:
    """Read-only, since cached: all scores of a table are judged on the same resamples."""
    drawn = np.zeros((resamples, n), np.float32)
    if n:
        drawn[:] = np.random.default_rng(rng).multinomial(n, np.full(n, 1 / n), size=resamples)
    drawn.setflags(write=False)
    return drawn


def bootstrap_tau(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    resamples: NDArray[np.float32],
    strata: NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """Tau-b of two samples in each resample.

    Equal to tau-b of the vectors that repeat each observation as often as it was drawn.

    Args:
        x: (n,) numbers.
        y: (n,) numbers.
        resamples: (resamples, n) counts. An observation with a non-finite x or y is left out of
            every resample.
        strata: (n,) codes; only pairs within a stratum are counted, concordant, discordant or tied.
            None: all pairs.

    Returns:
        (resamples,) float64; NaN where all counted pairs are tied in x, or all in y.
    """
    both = np.isfinite(x) & np.isfinite(y)
    strata = np.zeros(len(x), np.intp) if strata is None else strata
    balance, untied_x, untied_y = np.zeros((3, len(resamples)))
    for stratum in np.unique(strata[both]):
        mine = both & (strata == stratum)
        counted = _counted(x[mine], y[mine], resamples if mine.all() else resamples[:, mine])
        balance, untied_x, untied_y = (
            total + part for total, part in zip((balance, untied_x, untied_y), counted, strict=True)
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(balance / np.sqrt(untied_x * untied_y))


def stratified_tau(
    x: NDArray[np.float64], y: NDArray[np.float64], strata: NDArray[np.intp]
) -> Correlation:
    """Tau-b over pairs within strata only; observations with a non-finite value are left out.

    Args:
        x: (n,) numbers.
        y: (n,) numbers.
        strata: (n,) codes.
    """
    n = int((np.isfinite(x) & np.isfinite(y)).sum())
    [tau] = bootstrap_tau(x, y, np.ones((1, len(x)), np.float32), strata)
    reason = "" if math.isfinite(tau) else "no two of one kind differ in both samples"
    return Correlation(float(tau), n, reason)


def _counted(
    x: NDArray[np.float64], y: NDArray[np.float64], drawn: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(resamples,) ordered pairs of draws: concordant minus discordant, untied in x, in y."""
    if len(x) > _EXACT_IN_FLOAT32:
        drawn = drawn.astype(np.float64)
    products = np.multiply(pair_signs(x), pair_signs(y), dtype=np.float32)
    # Sum of w_i w_j sign_ij over all ordered pairs, a block of columns at a time. The matrix is
    # symmetric: rows above the block's own count twice, for those to their right.
    balance = np.zeros(len(drawn))
    for first in range(0, len(x), _COLUMNS):
        columns = slice(first, first + _COLUMNS)
        products[:first, columns] *= 2
        sums = drawn[:, : columns.stop] @ products[: columns.stop, columns]
        balance += np.einsum("rn,rn->r", sums, drawn[:, columns])
    itself = np.einsum("rn,rn->r", drawn, drawn)
    apart = drawn.sum(axis=1, dtype=np.float64) ** 2 - itself
    return balance, apart - _tied(x, drawn), apart - _tied(y, drawn)


def bootstrap_rho(
    x: NDArray[np.float64], y: NDArray[np.float64], resamples: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Spearman's rho of two samples in each resample; arguments and NaN as in `bootstrap_tau`.

    A rank in a resample is the number of draws below plus half the number of equal ones.
    """
    both = np.isfinite(x) & np.isfinite(y)
    drawn = resamples[:, both].astype(np.float64)
    if not both.any():
        return np.full(len(resamples), math.nan)
    ranks = []
    for values in (x[both], y[both]):
        rank = drawn @ ((1.0 + pair_signs(values).T) / 2)
        ranks.append(rank - drawn.sum(axis=1, keepdims=True) / 2)  # with mean 0
    a, b = ranks
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = (drawn * a * a).sum(axis=1) * (drawn * b * b).sum(axis=1)
        return np.asarray((drawn * a * b).sum(axis=1) / np.sqrt(spread))


def pair_signs(values: NDArray[np.floating]) -> NDArray[np.int8]:
    """(..., n, n): signs of the differences of every two of (..., n) finite numbers."""
    n = values.shape[-1]
    # Ranks in 16 bits compare several times as fast as the values themselves.
    ranks = np.empty(values.shape, np.int16 if n < 2**15 else np.int32)
    rows = math.prod(values.shape[:-1]), n  # reshape cannot infer it for n = 0
    for row, numbers in zip(ranks.reshape(rows), values.reshape(rows), strict=True):
        row[:] = np.unique(numbers, return_inverse=True)[1]
    one, other = ranks[..., :, None], ranks[..., None, :]
    signs: NDArray[np.int8] = (one > other).view(np.int8) - (one < other).view(np.int8)
    return signs


def _tied(values: NDArray[np.float64], drawn: NDArray[np.floating]) -> NDArray[np.float64]:
    """(resamples,) ordered pairs of draws of two observations with equal values."""
    pairs = np.zeros(len(drawn))
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    tied = counts[group] > 1
    if tied.any():
        # As a product with the indicators of the groups: a sum over groups is slower.
        groups, columns = np.unique(group[tied], return_inverse=True)
        members = (columns[:, None] == np.arange(len(groups))).astype(drawn.dtype)
        of_group = drawn[:, tied] @ members
        pairs += np.einsum("rg,rg->r", of_group, of_group, dtype=np.float64)
        pairs -= np.einsum("rn,rn->r", drawn[:, tied], drawn[:, tied], dtype=np.float64)
    return pairs


def tied_pairs(values: NDArray[np.float64]) -> int:
    """Number of pairs of finite values that are equal."""
    _, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    return int((counts * (counts - 1) // 2).sum())


def check_level(level: float) -> None:
    """Raise `ConfigError` unless a level of confidence is a number between 0 and 1."""
    number = isinstance(level, int | float) and not isinstance(level, bool)
    if not number or not 0 < level < 1:
        raise ConfigError(f"confidence level {level!r} must lie between 0 and 1, such as 0.95")


def percentile_interval(samples: NDArray[np.float64], level: float) -> tuple[float, float]:
    """The central interval that holds a share of the samples; undefined ones are left out.

    Raises:
        ConfigError: the level is not between 0 and 1.
    """
    check_level(level)
    defined = samples[np.isfinite(samples)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.quantile(defined, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def expanded_level(level: float, count: int) -> float:
    """The level at which percentiles of a mean over few resampled units have that of Student's t.

    Percentile intervals of a mean are too narrow by √((n − 1) / n), and take normal quantiles: with
    ten images, those at 95 % cover 89 %. Taking percentiles at a higher level mends both
    (Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69
    (2015), section 4.4).

    Args:
        level: level of confidence, between 0 and 1.
        count: number of resampled units, at least 2.

    Example:
        >>> round(expanded_level(0.95, 10), 3), round(expanded_level(0.95, 10**6), 3)
        (0.983, 0.95)
    """
    from scipy.special import ndtr, stdtrit

    check_level(level)
    wide = stdtrit(count - 1, (1 + level) / 2) * math.sqrt(count / (count - 1))
    # Of two or three units the level rounds to 1; then the interval is the range of the resamples.
    return min(float(2 * ndtr(wide) - 1), math.nextafter(1, 0))
