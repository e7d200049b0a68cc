"""Tau-b as a product of signs, against SciPy; its interval, against the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from nasdip_bench.errors import ConfigError
from nasdip_bench.ranks.jackknife import jackknife_interval, shares_of_tau, unit_signs


def test_tau_is_scipys_with_and_without_ties():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 40)), rng.normal(size=(2, 40)).round(0)
    shares = shares_of_tau(unit_signs(x), unit_signs(y))
    assert shares.shape == (3, 2, 40)
    for i, j in np.ndindex(3, 2):
        expected = kendalltau(x[i], y[j]).statistic
        assert shares[i, j].sum() == pytest.approx(expected, abs=1e-6)


def test_pairs_that_are_not_compared_do_not_count():
    x, y = np.array([1.0, 2.0, 9.0, 3.0]), np.array([2.0, 1.0, 0.0, 5.0])
    compared = np.zeros((4, 4), bool)
    compared[0, 1] = compared[1, 0] = compared[1, 3] = compared[3, 1] = True
    product = (unit_signs(x, compared) * unit_signs(y, compared)).sum()
    assert product == pytest.approx(0, abs=1e-6)  # one pair agrees, the other does not
    assert np.isnan(unit_signs(np.ones(3))).all()


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_the_interval_is_as_wide_as_tau_varies_between_samples(correlation):
    rng, widths, taus = np.random.default_rng(1), [], []
    for _ in range(300):
        x = rng.normal(size=80)
        y = correlation * x + np.sqrt(1 - correlation**2) * rng.normal(size=80)
        [[shares]] = shares_of_tau(unit_signs(x[None]), unit_signs(y[None]))
        found = jackknife_interval(shares, 0.9)
        taus.append(found.tau)
        widths.append(found.high - found.low)
    assert np.mean(taus) == pytest.approx(2 / np.pi * np.arcsin(correlation), abs=0.02)
    assert np.mean(widths) == pytest.approx(2 * 1.645 * np.std(taus), rel=0.12)


@pytest.mark.parametrize("level", [0, 1, 95, True, "0.95", None])
def test_levels_that_there_are_not(level):
    with pytest.raises(ConfigError, match=f"confidence level {level!r} must lie between 0 and 1"):
        jackknife_interval(np.zeros(3), level)
