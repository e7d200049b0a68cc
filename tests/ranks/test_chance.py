"""Cohorts against chance: exact expectations, by brute force over all subsets."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasdip_bench.errors import ConfigError
from nasdip_bench.ranks.chance import best_of_first, expected_best

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


def test_sizes_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="must be a whole number from 1 to 2"):
        expected_best([1.0, 2.0], 3)
