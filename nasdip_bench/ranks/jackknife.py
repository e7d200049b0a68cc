"""Kendall's tau-b as a product of signs, and its interval over observations. Needs no dataset.

Tau-b of two samples is the inner product of their matrices of signs, each scaled to length 1. So
the mean of many taus over the same observations is one product, and each observation's share in it
is known, which gives an interval without resampling.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .bootstrap import check_level, pair_signs


class TauEstimate(NamedTuple):
    """A mean of taus with its interval."""

    tau: float
    low: float
    high: float


def unit_signs(
    values: NDArray[np.floating], compared: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Signs of the differences of every two values, scaled to length 1.

    Args:
        values: (..., n) finite numbers.
        compared: (n, n), symmetric: which pairs count; None for all.

    Returns:
        (..., n, n) antisymmetric; NaN where all compared values are equal.

    Example:
        >>> x, y = unit_signs(np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]))
        >>> round(float((x * y).sum()), 3)
        0.333
    """
    signs = pair_signs(values).astype(np.float32)
    if compared is not None:
        signs *= compared
    untied = np.count_nonzero(signs, axis=(-2, -1), keepdims=True)
    with np.errstate(invalid="ignore"):
        signs /= np.sqrt(untied).astype(np.float32)
    return signs


def shares_of_tau(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
    """Each observation's share of tau-b, for every pair of a sample of x and one of y.

    Args:
        x: (p, n, n) from `unit_signs`, or sums of such.
        y: (q, n, n).

    Returns:
        (p, q, n), whose sum over n is tau-b; for sums of samples, the sum of tau-b over all pairs.
    """
    shares = np.matmul(x.transpose(1, 0, 2), y.transpose(1, 2, 0))  # (n, p, q)
    return np.asarray(shares.transpose(1, 2, 0), np.float64)


def jackknife_interval(
    shares: NDArray[np.float64], level: float = 0.95, most: float = 1.0
) -> TauEstimate:
    """Tau, a mean of taus, or a difference of two, with its normal interval over observations.

    The infinitesimal jackknife (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
    chapter 21): tau is a mean over pairs, so an observation's influence is twice the distance of
    its own mean from tau. Its influence on the scale, which ties change, is left out.

    Args:
        shares: (n,) summing to tau.
        level: level of confidence.
        most: the largest magnitude possible; the interval is cut there.

    Raises:
        ConfigError: the level is not between 0 and 1.
    """
    check_level(level)
    n, tau = len(shares), float(shares.sum())
    influence = 2 * (n * shares - tau)
    wide = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(float((influence**2).sum())) / n
    low, high = np.clip([tau - wide, tau + wide], -most, most).tolist()
    return TauEstimate(tau, low, high)
