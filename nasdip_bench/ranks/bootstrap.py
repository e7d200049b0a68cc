"""Percentile intervals from resamples. Needs no dataset.

For means of losses, and where a choice is repeated; the interval of a tau is in `tau`.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError


@lru_cache(maxsize=2)  # all rules of a table are judged on the same resamples
def draw_resamples(n: int, resamples: int, rng: int = 0) -> NDArray[np.float32]:
    """(resamples, n), read-only: how often each observation is among n draws with replacement."""
    drawn = np.zeros((resamples, n), np.float32)
    if n:
        drawn[:] = np.random.default_rng(rng).multinomial(n, np.full(n, 1 / n), size=resamples)
    drawn.setflags(write=False)
    return drawn


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
