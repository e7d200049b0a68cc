"""The bootstrap of tau-b, against SciPy on the resampled vectors and against theory."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from nasdip_bench.errors import ConfigError
from nasdip_bench.ranks import bootstrap as agreement
from nasdip_bench.ranks.bootstrap import (
    bootstrap_rho,
    bootstrap_tau,
    draw_resamples,
    expanded_level,
    percentile_interval,
    tied_pairs,
)

SAMPLES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=25)


@given(SAMPLES, st.integers(0, 2**16))
def test_each_resample_has_scipys_tau_of_the_repeated_vectors(pairs, seed):
    x, y = (np.array(v, float) for v in zip(*pairs, strict=True))
    draws = draw_resamples(len(x), 8, seed)
    found = bootstrap_tau(x, y, draws)
    for counts, tau in zip(draws.astype(int), found, strict=True):
        expected = scipy.stats.kendalltau(np.repeat(x, counts), np.repeat(y, counts)).statistic
        assert tau == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(SAMPLES, st.integers(0, 2**16), st.integers(1, 9))
def test_signs_are_multiplied_by_blocks_or_at_once_alike(pairs, seed, columns):
    x, y = (np.array(v, float) for v in zip(*pairs, strict=True))
    draws = draw_resamples(len(x), 8, seed)
    whole = bootstrap_tau(x, y, draws)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agreement, "_COLUMNS", columns)
        np.testing.assert_array_equal(bootstrap_tau(x, y, draws), whole)


@given(SAMPLES, st.integers(0, 2**16))
def test_strata_count_the_pairs_within_them_alone(pairs, seed):
    """Against every pair of the repeated vectors, one by one."""
    x, y = (np.array(v, float) for v in zip(*pairs, strict=True))
    strata = np.random.default_rng(seed).integers(0, 3, len(x))
    draws = draw_resamples(len(x), 4, seed)
    found = bootstrap_tau(x, y, draws, strata)
    for counts, tau in zip(draws.astype(int), found, strict=True):
        drawn = np.repeat(np.arange(len(x)), counts)
        i, j = (drawn[of] for of in np.triu_indices(len(drawn), 1))
        same = strata[i] == strata[j]
        signs = np.sign(x[i] - x[j])[same], np.sign(y[i] - y[j])[same]
        untied = np.prod([np.count_nonzero(of) for of in signs])
        expected = np.sum(signs[0] * signs[1]) / math.sqrt(untied) if untied else math.nan
        assert tau == pytest.approx(expected, abs=1e-12, nan_ok=True)
    whole = bootstrap_tau(x, y, draws)
    np.testing.assert_array_equal(bootstrap_tau(x, y, draws, np.zeros(len(x), int)), whole)


@given(SAMPLES, st.integers(0, 2**16))
def test_each_resample_has_scipys_rho_of_the_repeated_vectors(pairs, seed):
    x, y = (np.array(v, float) for v in zip(*pairs, strict=True))
    draws = draw_resamples(len(x), 8, seed)
    found = bootstrap_rho(x, y, draws)
    for counts, rho in zip(draws.astype(int), found, strict=True):
        a, b = np.repeat(x, counts), np.repeat(y, counts)
        same = len({*a}) == 1 or len({*b}) == 1
        expected = math.nan if same else scipy.stats.spearmanr(a, b).statistic
        assert rho == pytest.approx(expected, abs=1e-9, nan_ok=True)
    x[0] = math.inf
    left = bootstrap_rho(x[1:], y[1:], draws[:, 1:])
    np.testing.assert_array_equal(bootstrap_rho(x, y, draws), left)


def test_an_observation_without_a_value_is_left_out_of_every_resample():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 30))
    x[4], y[9] = math.nan, math.inf
    draws = draw_resamples(30, 50, 0)
    both = np.isfinite(x) & np.isfinite(y)
    np.testing.assert_array_equal(
        bootstrap_tau(x, y, draws), bootstrap_tau(x[both], y[both], draws[:, both])
    )


def test_large_samples_are_as_exact():
    rng = np.random.default_rng(2)
    x = rng.integers(0, 400, 4200).astype(float)
    y = x + rng.normal(0, 300, len(x))
    draws = draw_resamples(len(x), 2, 0)
    for counts, tau in zip(draws.astype(int), bootstrap_tau(x, y, draws), strict=True):
        expected = scipy.stats.kendalltau(np.repeat(x, counts), np.repeat(y, counts)).statistic
        assert tau == pytest.approx(expected, abs=1e-12)


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


def test_the_interval_holds_the_true_tau_as_often_as_it_says():
    # Bivariate normal with r = 1/2: tau = 2/pi arcsin(1/2) = 1/3. 400 samples of 60, seeded.
    rng = np.random.default_rng(5)
    held = 0
    for trial in range(400):
        x, noise = rng.normal(size=(2, 60))
        y = 0.5 * x + math.sqrt(0.75) * noise
        low, high = percentile_interval(bootstrap_tau(x, y, draw_resamples(60, 300, trial)), 0.9)
        held += low <= 1 / 3 <= high
    assert 0.85 < held / 400 < 0.95  # 90 %; four standard errors are 6 %, the method's bias < 2 %


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


def test_ties_are_counted_in_pairs():
    assert tied_pairs(np.array([1.0, 1, 1, 2, 2, math.nan, math.nan])) == 4


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="resamples 0 must be a whole number of at least 1"):
        draw_resamples(5, 0)
    with pytest.raises(ConfigError, match=r"confidence level 1 must lie between 0 and 1"):
        percentile_interval(np.arange(3.0), 1)
