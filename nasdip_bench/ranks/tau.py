"""Kendall's tau-b of samples over the same observations, and its interval. Needs no dataset.

Tau-b counts pairs of observations, so it is computed from the signs of their differences. From
these each observation's influence on tau is known too, which gives an interval without resampling:
the infinitesimal jackknife (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
chapter 21). Influences add up: that on a mean of taus is the mean of the influences.

Source of tau-b: Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import ConfigError

from .bootstrap import check_level

Floats = NDArray[np.float64]


class Signs(NamedTuple):
    """Signs of the differences of every two values of samples.

    Attributes:
        signs: (..., n, n) float32; 0 for a tie, and for a pair that does not count.
        untied: (..., n) float32: how many of an observation's pairs are not 0.
        there: (..., n) whether the value is a number.
        strata: (n,) codes; only pairs within a stratum count.
    """

    signs: NDArray[np.float32]
    untied: NDArray[np.float32]
    there: NDArray[np.bool_]
    strata: NDArray[np.intp]


class Taus(NamedTuple):
    """Tau-b of pairs of samples.

    Attributes:
        expansion: (..., 1 + n) tau, then the influence of each observation on it: by how much tau
            would change, to first order, if the observation counted once more. All NaN where all
            counted pairs are tied in a sample.
        n: (...) observations with both numbers.
        pairs: (...) pairs of them that count.
        tied_x: (...) how many of these are tied in the first sample.
        tied_y: (...) the same, in the second.
    """

    expansion: Floats
    n: NDArray[np.int64]
    pairs: NDArray[np.int64]
    tied_x: NDArray[np.int64]
    tied_y: NDArray[np.int64]


class TauEstimate(NamedTuple):
    """A tau, or a mean or difference of taus, with its interval."""

    tau: float
    low: float
    high: float


NO_ESTIMATE = TauEstimate(math.nan, math.nan, math.nan)


def signs_of(values: NDArray[np.floating], strata: NDArray[np.intp] | None = None) -> Signs:
    """The signs of samples.

    Args:
        values: (..., n) numbers; NaN and infinite ones are missing.
        strata: (n,) codes; only pairs within a stratum count. None: all pairs.
    """
    n = values.shape[-1]
    there = np.isfinite(values)
    # Ranks in 16 bits compare several times as fast as the values themselves.
    ranks = np.empty(values.shape, np.int16 if n < 2**15 else np.int32)
    rows = math.prod(values.shape[:-1]), n  # reshape cannot infer it for n = 0
    for row, numbers in zip(ranks.reshape(rows), values.reshape(rows), strict=True):
        row[:] = np.unique(numbers, return_inverse=True)[1]
    one, other = ranks[..., :, None], ranks[..., None, :]
    signs = ((one > other).view(np.int8) - (one < other).view(np.int8)).astype(np.float32)
    if not there.all():
        signs *= there[..., :, None] & there[..., None, :]
    if strata is None:
        strata = np.zeros(n, np.intp)
    else:
        signs *= strata[:, None] == strata
    return Signs(signs, np.einsum("...ij,...ij->...i", signs, signs), there, strata)


def taus(x: Signs, y: Signs) -> Taus:
    """Tau-b between samples of x and y, whose leading axes are broadcast.

    Its sign is never flipped: between a PSNR (higher is better) and a distance (lower is better)
    negative is good. An observation without both numbers does not count.

    Example:
        >>> x, y = signs_of(np.array([1.0, 2.0, 3.0])), signs_of(np.array([1.0, 3.0, 2.0]))
        >>> taus(x, y).expansion[0].round(3)
        np.float64(0.333)
    """
    agree = np.einsum("...ij,...ij->...i", x.signs, y.signs).astype(np.float64)
    both = x.there & y.there
    untied_x, untied_y = (
        of.untied if both.all() else both * (abs(of.signs) @ both[..., None])[..., 0]
        for of in (x, y)
    )
    of_x, of_y = (of.sum(axis=-1, dtype=np.float64)[..., None] for of in (untied_x, untied_y))
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.sqrt(of_x * of_y)
        tau = agree.sum(axis=-1, keepdims=True) / length
        # The numerator grows with the pairs that agree, the denominator with those not tied.
        influence = 2 * agree / length - tau * (untied_x / of_x + untied_y / of_y)
    members = both @ (x.strata[:, None] == np.unique(x.strata)).astype(np.int64)
    pairs = (members * (members - 1) // 2).sum(axis=-1)
    tied = (pairs - of[..., 0].astype(np.int64) // 2 for of in (of_x, of_y))
    return Taus(np.concatenate([tau, influence], axis=-1), both.sum(axis=-1), pairs, *tied)


def tau_b(x: ArrayLike, y: ArrayLike, strata: NDArray[np.intp] | None = None) -> float:
    """Tau-b of two samples; NaN if it is undefined.

    Raises:
        ConfigError: the samples are not two vectors of the same length.
    """
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ConfigError(
            f"a rank correlation needs two vectors of one length, not arrays {a.shape} and "
            f"{b.shape}"
        )
    return float(taus(signs_of(a, strata), signs_of(b, strata)).expansion[0])


def estimate(expansion: Floats, level: float = 0.95, most: float = 1.0) -> TauEstimate:
    """The normal interval of a tau, or of a mean or difference of taus, over observations.

    Args:
        expansion: (1 + n,) as in `Taus`, or a mean or difference of such.
        level: level of confidence.
        most: the largest magnitude possible; the interval is cut there.

    Raises:
        ConfigError: the level is not between 0 and 1.
    """
    check_level(level)
    tau, influence = float(expansion[0]), expansion[1:]
    wide = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(float((influence**2).sum()))
    low, high = np.clip([tau - wide, tau + wide], -most, most).tolist()
    return TauEstimate(tau, low, high)
