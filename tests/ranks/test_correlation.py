"""Kendall's tau-b and top-k overlap, against plain implementations."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nasdip_bench.errors import ConfigError
from nasdip_bench.ranks.correlation import kendall_tau_b, kendall_tau_b_row, overlap_matrix, top_k


def plain_tau_b(x, y) -> float:
    """Concordant minus discordant pairs, over the geometric mean of the pairs not tied in each.

    The reference: `kendall_tau_b` calls SciPy, which would be no reference of it.
    """
    concordant = discordant = not_tied_x = not_tied_y = 0
    for i, j in combinations(range(len(x)), 2):
        a, b = np.sign(x[i] - x[j]), np.sign(y[i] - y[j])
        concordant += a * b > 0
        discordant += a * b < 0
        not_tied_x += a != 0
        not_tied_y += b != 0
    return (concordant - discordant) / math.sqrt(not_tied_x * not_tied_y)


SAMPLES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=40)


@given(SAMPLES)
def test_tau_equals_the_plain_one_with_ties(pairs):
    x, y = (np.array(v, float) for v in zip(*pairs, strict=True))
    found = kendall_tau_b(x, y)
    assert found.n == len(pairs)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert math.isnan(found.value)
        assert "are equal" in found.reason
    else:
        assert found.reason == ""
        assert found.value == pytest.approx(plain_tau_b(x, y), abs=1e-12)


def test_pairs_without_a_finite_value_are_left_out():
    found = kendall_tau_b([1, 2, 3, np.nan, 5, 6], [1, 2, 3, 4, np.inf, np.nan])
    assert found == (pytest.approx(1), 3, "")


@pytest.mark.parametrize(
    ("x", "y", "n", "reason"),
    [
        ([], [], 0, "0 pairs, 2 are needed"),
        ([1, np.nan], [1, 2], 1, "1 pairs, 2 are needed"),
        ([2, 2, 2], [1, 2, 3], 3, "all values of the first sample are equal"),
        ([1, 2, 3], [0, 0, 0], 3, "all values of the second sample are equal"),
    ],
)
def test_an_undefined_tau_is_nan_and_says_why(x, y, n, reason):
    found = kendall_tau_b(x, y)
    assert math.isnan(found.value)
    assert found[1:] == (n, reason)


@pytest.mark.parametrize(("x", "y"), [([1, 2], [1, 2, 3]), ([[1, 2]], [[1, 2]])])
def test_samples_of_other_shapes_are_refused(x, y):
    with pytest.raises(ConfigError, match="two vectors of one length"):
        kendall_tau_b(x, y)


def test_top_k_is_best_first_with_ties_by_position_and_nan_last():
    values = [3.0, np.nan, 5.0, 3.0, 5.0]
    assert top_k(values, 5).tolist() == [2, 4, 0, 3, 1]
    assert top_k(values, 3).tolist() == [2, 4, 0]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.data())
def test_top_k_is_the_beginning_of_a_stable_sort(values, data):
    k = data.draw(st.integers(1, len(values)))
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]
    assert top_k(values, k).tolist() == expected


@pytest.mark.parametrize("k", [0, 4, -1, 1.5, True, "2"])
def test_k_outside_the_sample_is_refused(k):
    with pytest.raises(ConfigError, match=r"must be a whole number from 1 to 3"):
        top_k([1, 2, 3], k)


def test_top_k_and_overlap_refuse_other_shapes():
    with pytest.raises(ConfigError, match="needs a vector"):
        top_k([[1, 2]], 1)
    with pytest.raises(ConfigError, match="needs a matrix"):
        overlap_matrix([1, 2], 1)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 99), st.data())
def test_overlap_counts_common_positions(n, rows, seed, data):
    k = data.draw(st.integers(1, n))
    values = np.random.default_rng(seed).integers(0, 6, (rows, n)).astype(float)
    found = overlap_matrix(values, k)
    sets = [set(top_k(row, k).tolist()) for row in values]
    assert found.tolist() == [[len(a & b) for b in sets] for a in sets]
    assert (np.diag(found) == k).all()
    assert (found == found.T).all()


# Tables of tau


@given(
    st.integers(2, 40).flatmap(
        lambda n: st.tuples(
            arrays(np.float64, (3, n), elements=st.sampled_from([0.0, 1, 2.5, -1e300, np.nan])),
            arrays(np.float64, (2, n), elements=st.floats(-1e3, 1e3)),
        )
    )
)
def test_a_table_of_tau_is_that_of_its_pairs(matrices):
    x, y = matrices
    for x_rows in (x, np.nan_to_num(x, nan=7.0)):
        for row in x_rows:
            for found, other in zip(kendall_tau_b_row(row, y), y, strict=True):
                expected = kendall_tau_b(row, other)
                assert found[1:] == expected[1:]
                assert found.value == pytest.approx(expected.value, abs=1e-12, nan_ok=True)


def test_a_table_of_many_positions_is_exact():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 50, (2, 2048)), rng.normal(size=(3, 2048))
    y[0] = x[0]
    table = [kendall_tau_b_row(row, y) for row in x]
    for i in range(2):
        for j in range(3):
            assert table[i][j].value == pytest.approx(kendall_tau_b(x[i], y[j]).value, abs=1e-14)
    assert table[0][0].value == pytest.approx(1)


def test_rows_of_other_lengths_are_refused():
    with pytest.raises(ConfigError, match=r"not arrays \(3,\) and \(1, 4\)"):
        kendall_tau_b_row(np.zeros(3), np.zeros((1, 4)))
    (single,) = kendall_tau_b_row(np.zeros(1), np.zeros((1, 1)))
    assert single.reason == "1 pairs, 2 are needed"
