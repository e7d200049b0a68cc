"""What noise does to a rank correlation: how far repeated measurements agree, and the ceiling.

Both rest on normal values and noise. Knows nothing of datasets.
"""

from __future__ import annotations

import math


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


def tau_of_mean(tau: float, factor: float) -> float:
    """The tau between two means of ``factor`` times as many measurements.

    The formula of Spearman ("Correlation calculated from faulty data", 1910) and Brown ("Some
    experimental results in the correlation of mental abilities", 1910), both British Journal of
    Psychology 3: r becomes f r / (1 + (f - 1) r), here between correlations that go with tau as in
    `attainable_tau`, if all is normal.

    Args:
        tau: between two measurements, or two means of equally many, -1..1.
        factor: how many times as many are averaged, positive.

    Returns:
        0..1; 0 where tau is negative, NaN where it is NaN.

    Example:
        >>> round(tau_of_mean(0.5, 2), 2)
        0.62
    """
    if math.isnan(tau):
        return math.nan
    between = math.sin(math.pi / 2 * min(1.0, max(0.0, tau)))
    return 2 / math.pi * math.asin(min(1.0, factor * between / (1 + (factor - 1) * between)))
