"""The k best and their overlap, against plain implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasdip_bench.errors import ConfigError
from nasdip_bench.ranks.top import overlap_matrix, top_k


def test_top_k_is_best_first_with_ties_by_position_and_nan_last():
    values = [3.0, np.nan, 5.0, 3.0, 5.0]
    assert top_k(values, 5).tolist() == [2, 4, 0, 3, 1]
    assert top_k(values, 3).tolist() == [2, 4, 0]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.data())
def test_top_k_is_the_beginning_of_a_stable_sort(values, data):
    k = data.draw(st.integers(1, len(values)))
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]
    assert top_k(values, k).tolist() == expected


def test_k_outside_the_sample_is_refused():
    for k in (0, 4, 1.5):
        with pytest.raises(ConfigError, match=r"must be a whole number from 1 to 3"):
            top_k([1, 2, 3], k)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 99), st.data())
def test_overlap_counts_common_positions(n, rows, seed, data):
    k = data.draw(st.integers(1, n))
    values = np.random.default_rng(seed).integers(0, 6, (rows, n)).astype(float)
    found = overlap_matrix(values, k)
    sets = [set(top_k(row, k).tolist()) for row in values]
    assert found.tolist() == [[len(a & b) for b in sets] for a in sets]
    assert (np.diag(found) == k).all()
    assert (found == found.T).all()
