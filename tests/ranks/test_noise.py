"""The noise of repeated measurements, against samples of normal values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from nasdip_bench.ranks.noise import attainable_tau, tau_of_mean


@pytest.mark.parametrize("noise", [0.3, 0.8, 2.0])
def test_of_normal_values_the_means_agree_as_foretold(noise):
    rng = np.random.default_rng(4)
    truth = rng.normal(size=3000)
    values = truth[:, None] + noise * rng.normal(size=(3000, 16))
    single = kendalltau(values[:, 0], values[:, 8]).statistic
    means = kendalltau(values[:, :8].mean(axis=1), values[:, 8:].mean(axis=1)).statistic
    assert tau_of_mean(single, 8) == pytest.approx(means, abs=0.03)
    halves = kendalltau(values[:, :4].mean(axis=1), values[:, 8:12].mean(axis=1)).statistic
    assert tau_of_mean(halves, 2) == pytest.approx(means, abs=0.03)
    knowing = kendalltau(truth, values[:, 0]).statistic
    assert attainable_tau(single) == pytest.approx(knowing, abs=0.03)


def test_the_ends_of_the_range():
    assert tau_of_mean(0.4, 1) == pytest.approx(0.4)
    assert (tau_of_mean(1, 2), tau_of_mean(0, 2), tau_of_mean(-0.5, 2)) == (1, 0, 0)
    assert math.isnan(tau_of_mean(math.nan, 2))
    assert attainable_tau(1.0) == pytest.approx(1)
    assert attainable_tau(-0.3) == 0
    assert math.isnan(attainable_tau(math.nan))
