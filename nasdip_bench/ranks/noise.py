"""What noise does to a rank correlation: agreement of repeated measurements, and the ceiling.

Both formulas assume normal values and noise. Needs no dataset.
"""

from __future__ import annotations

import math


def attainable_tau(tau: float) -> float:
    """The tau that the noiseless values themselves would have with one noisy measurement.

    Tau between two measurements (here: runs of two seeds) understates what a perfect score could
    reach, since both are noisy and a score would not be. If true values and noise are normal, the
    correlation with the truth is the root of that between measurements (Spearman, "The proof and
    measurement of association between two things", 1904), and tau = 2/π arcsin r (Greiner; Kruskal,
    "Ordinal measures of association", JASA 53, 1958).

    Args:
        tau: between two measurements, -1..1.

    Returns:
        0..1; 0 if tau is negative, NaN if it is NaN.
    """
    if math.isnan(tau):
        return math.nan
    between = math.sin(math.pi / 2 * min(1.0, max(0.0, tau)))
    return 2 / math.pi * math.asin(math.sqrt(between))


def tau_of_mean(tau: float, factor: float) -> float:
    """The tau between two means of ``factor`` times as many measurements.

    The formula of Spearman ("Correlation calculated from faulty data", 1910) and Brown ("Some
    experimental results in the correlation of mental abilities", 1910), both British Journal of
    Psychology 3: r becomes f r / (1 + (f - 1) r), here for correlations that relate to tau as in
    `attainable_tau`, if everything is normal.

    Args:
        tau: between two measurements, or two means of equally many measurements, -1..1.
        factor: how many times as many are averaged, positive.

    Returns:
        0..1; 0 if tau is negative, NaN if it is NaN.

    Example:
        >>> round(tau_of_mean(0.5, 2), 2)
        0.62
    """
    if math.isnan(tau):
        return math.nan
    between = math.sin(math.pi / 2 * min(1.0, max(0.0, tau)))
    return 2 / math.pi * math.asin(min(1.0, factor * between / (1 + (factor - 1) * between)))
