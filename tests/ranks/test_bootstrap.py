"""Resamples and percentile intervals, against theory."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import scipy.stats

from nasdip_bench.errors import ConfigError
from nasdip_bench.ranks.bootstrap import draw_resamples, expanded_level, percentile_interval


def test_resamples_draw_n_with_replacement():
    draws = draw_resamples(40, 500, 3)
    assert draws.shape == (500, 40)
    assert set(draws.sum(axis=1)) == {40}
    assert draws.mean(axis=0) == pytest.approx(np.ones(40), abs=0.25)
    np.testing.assert_array_equal(draws, draw_resamples(40, 500, 3))
    with pytest.raises(ValueError, match="read-only"):
        draws[0, 0] = 1  # others have them, too
    assert draw_resamples(0, 500).shape == (500, 0)
    assert (draws != draw_resamples(40, 500, 4)).any()


def test_the_level_is_that_of_the_quantiles():
    assert percentile_interval(np.arange(101.0), 0.9) == pytest.approx((5, 95))
    assert percentile_interval(np.array([math.nan, 2.0]), 0.5) == (2, 2)


def test_percentiles_over_ten_units_cover_as_often_as_they_say():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(1500, 10))
    means = samples @ draw_resamples(10, 999).T / 10
    covered = {}
    for level in (0.95, expanded_level(0.95, 10)):
        low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2), axis=1)
        covered[level] = np.mean((low < 0) & (high > 0))
    plain, expanded = covered.values()
    assert plain < 0.92
    assert 0.93 < expanded < 0.965
    # The half-width of Student's interval, in standard deviations.
    wide = NormalDist().inv_cdf((1 + expanded_level(0.9, 7)) / 2) * math.sqrt(6 / 7)
    assert wide == pytest.approx(scipy.stats.t.interval(0.9, 6)[1])
    for level in (0.9, 0.95, 0.999):
        whole = percentile_interval(np.arange(9.0), expanded_level(level, 2))
        assert whole == pytest.approx((0, 8))


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=r"confidence level 1 must lie between 0 and 1"):
        percentile_interval(np.arange(3.0), 1)
