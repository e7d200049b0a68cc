"""Cohorts against chance: exact expectations, by brute force over all subsets."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from nasdip_bench.errors import ConfigError
from nasdip_bench.ranks.chance import (
    best_of_first,
    chance_of_hit,
    chance_overlap,
    expected_best,
    overlap_p_value,
)

VALUES = st.lists(
    st.one_of(st.integers(-5, 5).map(float), st.just(math.nan)), min_size=1, max_size=8
)


@given(VALUES, st.data())
def test_the_expected_best_is_the_mean_over_all_subsets(values, data):
    size = data.draw(st.integers(1, len(values)))
    bests = [
        max(v for v in chosen if not math.isnan(v))
        for chosen in combinations(values, size)
        if not all(map(math.isnan, chosen))
    ]
    found = expected_best(values, size)[0]
    assert found == pytest.approx(np.mean(bests) if bests else math.nan, nan_ok=True)


def test_the_expected_best_of_many_does_not_overflow():
    values = np.random.default_rng(0).normal(size=5220)
    found = expected_best(values, [1, 15, 5000, 5220])
    assert found[0] == pytest.approx(values.mean())
    assert found[3] == pytest.approx(values.max())
    drawn = np.random.default_rng(1)
    bests = [drawn.choice(values, 15, replace=False).max() for _ in range(4000)]
    assert found[1] == pytest.approx(np.mean(bests), abs=4 * np.std(bests) / math.sqrt(4000))


def test_the_best_of_the_first_n():
    ranking = np.array([3.0, 1.0, 2.0, 1.0])
    values = np.array([9.0, math.nan, 4.0, 5.0])
    np.testing.assert_array_equal(best_of_first(ranking, values), [math.nan, 5, 5, 9])


@pytest.mark.parametrize(("n", "k"), [(8, 3), (7, 7), (6, 1), (1, 1)])
def test_chance_is_that_of_all_subsets(n, k):
    best = set(range(k))
    for size in range(1, n + 1):
        hits = [bool(best & set(chosen)) for chosen in combinations(range(n), size)]
        assert chance_of_hit(n, k, size)[0] == pytest.approx(np.mean(hits))
    counts = np.array([len(best & set(chosen)) for chosen in combinations(range(n), k)])
    mean, spread = chance_overlap(n, k)
    assert (mean, spread) == pytest.approx((counts.mean(), counts.std()))
    for shared in range(k + 1):
        assert overlap_p_value(shared, n, k) == pytest.approx(np.mean(counts >= shared))


def test_the_p_value_is_scipys():
    assert overlap_p_value(3, 522, 10) == pytest.approx(scipy.stats.hypergeom.sf(2, 522, 10, 10))


def test_sizes_out_of_range_are_refused():
    for call in (lambda: expected_best([1.0, 2.0], 3), lambda: chance_of_hit(2, 1, 0)):
        with pytest.raises(ConfigError, match="must be a whole number from 1 to 2"):
            call()
    for call in (lambda: chance_of_hit(2, 3, 1), lambda: chance_overlap(2, 3)):
        with pytest.raises(ConfigError, match="must be a whole number from 1 to 2"):
            call()
