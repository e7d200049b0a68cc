"""The noise of repeated measurements, against analysis of variance and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from nasdip_bench.errors import ConfigError
from nasdip_bench.ranks.noise import reliability


def test_reliability_is_the_intraclass_correlation_of_the_single_values():
    """Against the sums of squares of one-way analysis of variance over the values themselves."""
    rng = np.random.default_rng(4)
    n, k = 400, 8
    values = rng.normal(size=(n, 1)) + 0.8 * rng.normal(size=(n, k))
    found = reliability(values.mean(axis=1), values.std(axis=1, ddof=1), k)
    grand = values.mean()
    between = k * ((values.mean(axis=1) - grand) ** 2).sum() / (n - 1)
    inside = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum() / (n * (k - 1))
    assert found.single == pytest.approx((between - inside) / (between + (k - 1) * inside))
    assert found.mean == pytest.approx(1 - inside / between)
    assert found.single == pytest.approx(1 / (1 + 0.64), abs=0.05)
    assert found.n == n
    tau = np.mean([kendalltau(values[:, i], values[:, i + 1]).statistic for i in range(0, k, 2)])
    assert found.tau_single == pytest.approx(tau, abs=0.03)
    exact = reliability([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], 2)
    assert (exact.single, exact.mean, exact.tau_mean) == (1, 1, 1)
    assert math.isnan(reliability([1.0, 1.0], [0.0, 0.0], 8).single)
    assert math.isnan(reliability([1.0], [0.0], 8).single)
    with pytest.raises(ConfigError, match="repeats 1 must be a whole number of at least 2"):
        reliability([1.0, 2.0], [0.0, 0.0], 1)
