"""Is a tau more than chance, or more than another? Needs no dataset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.ranks.tau import NO_ESTIMATE, Signs, TauEstimate, estimate, signs_of, taus

from ..tau_frame import FEWEST

_ROUNDING = 1e-6
"""Rounding error of a variance in float32; tau's variance for 10,000 architectures is 4e-5."""


def _complete(samples: NDArray[np.float64], strata: NDArray[np.intp]) -> list[Signs]:
    """The signs of each kind of values, over the architectures that have all values.

    Args:
        samples: (kind of values, seed and image, architecture); infinite values count as missing.
        strata: (architecture,) stratum of each; only pairs within one count.
    """
    there = np.isfinite(samples).all(axis=(0, 1))
    return [signs_of(of_kind[:, there], strata[there]) for of_kind in samples]


def lead_of(samples: NDArray[np.float64], strata: NDArray[np.intp], level: float) -> TauEstimate:
    """Tau between the first and the second kind of values less tau between the first and the third.

    Args:
        samples: (3, seed and image, architecture); infinite values count as missing.
        strata: (architecture,) stratum of each; only pairs within one count.
        level: confidence level.

    Returns:
        The mean over seeds and images, and its interval over architectures; NaN below `FEWEST`
        architectures, or where one of the two has no tau.
    """
    target, one, other = _complete(samples, strata)
    if len(target.strata) < FEWEST:
        return NO_ESTIMATE
    lead = taus(target, one).expansion - taus(target, other).expansion
    return estimate(lead.mean(axis=0), level, most=2.0)


def p_value(samples: NDArray[np.float64], strata: NDArray[np.intp]) -> float:
    """Two-sided p-value of the mean tau-b over images and seeds, for pairs within strata.

    The null hypothesis exchanges architectures at random inside the strata. Then tau has mean 0 and
    a known variance (Daniels, Biometrika 33, 1944, for one pair of samples; here also between
    pairs); its distribution is taken as normal.

    Args:
        samples: (2, seed and image, architecture) target and score; infinite values count as
            missing.
        strata: (architecture,) stratum of each.
    """
    from scipy.stats import norm

    both = _complete(samples, strata)
    kinds, untied = both[0].strata, [of.untied.sum(axis=1)[:, None, None] for of in both]
    if len(kinds) < 2 or not np.all(untied):
        return float("nan")
    # Scaled to length 1, the product of the signs is tau.
    x, y = (of.signs / np.sqrt(length) for of, length in zip(both, untied, strict=True))
    taus = np.einsum("cij,cij->c", x, y)
    variance = 0.0
    for kind in np.unique(kinds):
        rows = np.flatnonzero(kinds == kind)
        whole = len(rows) == len(kinds)
        of_kind = (x, y) if whole else (of[:, rows][:, :, rows] for of in (x, y))
        variance += _permutation_variance(*of_kind)
    if variance < _ROUNDING:  # the taus of images cancel in every order
        return float("nan")
    return float(2 * norm.sf(abs(float(taus.sum())) / np.sqrt(variance)))


def _permutation_variance(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """Variance of the sum over c of Σ x[c, i, j]·y[c, p(i), p(j)] over random permutations p.

    Args:
        x: (c, n, n), antisymmetric in its last axes.
        y: the same.
    """
    n = x.shape[1]
    if n < 2:
        return 0.0
    flat = [of.reshape(len(of), -1) for of in (x, y)]
    squares_x, squares_y = ((of @ of.T).astype(np.float64) for of in flat)
    rows_x, rows_y = (of.sum(axis=2, dtype=np.float64) for of in (x, y))
    variance = 2 / (n * (n - 1)) * squares_x * squares_y
    if n > 2:
        of_rows = (rows_x @ rows_x.T - squares_x) * (rows_y @ rows_y.T - squares_y)
        variance += 4 / (n * (n - 1) * (n - 2)) * of_rows
    return float(variance.sum())


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's correction; NaN stays NaN and does not count as a test."""
    corrected = np.full(len(p_values), np.nan)
    there = np.flatnonzero(np.isfinite(p_values))
    order = there[np.argsort(p_values[there], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
