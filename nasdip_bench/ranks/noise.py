"""What noise does to a rank correlation: how far repeated measurements agree, and the ceiling.

Both rest on normal values and noise. Knows nothing of datasets.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nasdip_bench.errors import check_whole


class Reliability(NamedTuple):
    """How far repeated measurements of the same things agree.

    Attributes:
        single: intraclass correlation of one measurement, at most 1; NaN where not defined.
        mean: of the mean of all K.
        tau_single: tau to expect between two single measurements, if all is normal.
        tau_mean: between two means of K.
        n: things measured.
    """

    single: float
    mean: float
    tau_single: float
    tau_mean: float
    n: int


def reliability(means: ArrayLike, stds: ArrayLike, repeats: int) -> Reliability:
    """Intraclass correlation from means and standard deviations of repeated measurements.

    One-way random effects, ICC(1, 1) and ICC(1, K) of Shrout and Fleiss, "Intraclass correlations:
    uses in assessing rater reliability" (1979): with B = K · variance of the means and W = mean
    variance of the repetitions, (B - W) / (B + (K - 1) W) and (B - W) / B. The expected tau is
    2/π arcsin of them (as in `attainable_tau`). An estimate: outliers weigh with their squares,
    where ranks would not notice.

    Args:
        means: (n,) mean of K measurements of each thing.
        stds: (n,) their sample standard deviation.
        repeats: K, at least 2.

    Raises:
        ConfigError: fewer than two repeats.
    """
    check_whole("repeats", repeats, 2, note=": one says nothing of its spread")
    m, s = np.asarray(means, np.float64), np.asarray(stds, np.float64)
    both = np.isfinite(m) & np.isfinite(s)
    m, s = m[both], s[both]
    undefined = Reliability(math.nan, math.nan, math.nan, math.nan, len(m))
    if len(m) < 2:
        return undefined
    between, inside = repeats * float(np.var(m, ddof=1)), float(np.mean(s**2))
    if between + (repeats - 1) * inside <= 0:
        return undefined
    single = (between - inside) / (between + (repeats - 1) * inside)
    mean = (between - inside) / between if between > 0 else -math.inf
    return Reliability(single, max(mean, -1.0), _tau_of(single), _tau_of(mean), len(m))


def attainable_tau(tau: float) -> float:
    """The tau with one noisy measurement that the noiseless values themselves would have.

    Tau between two measurements (here: runs of two seeds) understates what a perfect score could
    reach, since both are noisy and a score would not be. If true values and noise are normal, the
    correlation with the truth is the root of that between measurements (Spearman, "The proof and
    measurement of association between two things", 1904), and tau = 2/π arcsin r (Greiner; Kruskal,
    "Ordinal measures of association", JASA 53, 1958).

    Args:
        tau: between two measurements, -1..1.

    Returns:
        0..1; 0 where tau is negative, NaN where it is NaN.
    """
    if math.isnan(tau):
        return math.nan
    between = math.sin(math.pi / 2 * min(1.0, max(0.0, tau)))
    return 2 / math.pi * math.asin(math.sqrt(between))


def _tau_of(correlation: float) -> float:
    """Tau of two normal variables; a negative correlation counts as none."""
    return 2 / math.pi * math.asin(min(1.0, max(0.0, correlation)))
