"""Tau-b against every pair one by one and SciPy; its influences and interval by leaving out."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau

from nasdip_bench.errors import ConfigError
from nasdip_bench.ranks.tau import estimate, signs_of, tau_b, taus

VALUES = st.sampled_from([0.0, 1, 2.5, -1e300, 3, np.nan, np.inf])
TABLES = st.integers(0, 15).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, (2, 1, n), elements=VALUES),
        arrays(np.float64, (3, n), elements=VALUES),
        arrays(np.intp, n, elements=st.integers(0, 2)),
        st.booleans(),
    )
)


@given(TABLES)
def test_tau_and_its_counts_are_those_of_the_pairs_one_by_one(table):
    x, y, strata, within = table
    found = taus(signs_of(x, strata if within else None), signs_of(y, strata if within else None))
    for i, j in np.ndindex(2, 3):
        one, other = x[i, 0], y[j]
        both = np.flatnonzero(np.isfinite(one) & np.isfinite(other))
        signs = [
            (np.sign(one[a] - one[b]), np.sign(other[a] - other[b]))
            for a, b in combinations(both, 2)
            if not within or strata[a] == strata[b]
        ]
        a, b = np.array(signs).reshape(-1, 2).T
        untied = math.sqrt(np.count_nonzero(a) * np.count_nonzero(b))
        expected = (a * b).sum() / untied if untied else math.nan
        assert found.expansion[i, j, 0] == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert tau_b(one, other, strata if within else None) == pytest.approx(
            expected, abs=1e-12, nan_ok=True
        )
        if not within and untied:
            scipys = kendalltau(one[both], other[both]).statistic
            assert expected == pytest.approx(scipys, abs=1e-12)
        counts = (found.n[i, j], found.pairs[i, j], found.tied_x[i, j], found.tied_y[i, j])
        assert counts == (len(both), len(a), np.sum(a == 0), np.sum(b == 0))


@pytest.mark.parametrize("within", [False, True])
def test_an_influence_is_what_one_more_copy_changes(within):
    """Of ties, missing values and strata: every observation many times, one of them once more."""
    rng, copies = np.random.default_rng(4), 300
    x, y = rng.integers(0, 4, (2, 9)).astype(float)
    x[3] = np.nan
    strata = rng.integers(0, 2, 9) if within else np.zeros(9, int)
    expansion = taus(signs_of(x, strata), signs_of(y, strata)).expansion

    def tau(counts):
        a, b = (np.sign(of[:, None] - of) * (strata[:, None] == strata) for of in (x, y))
        a, b = (np.nan_to_num(of) * np.isfinite(a) for of in (a, b))
        sums = [counts @ of @ counts for of in (a * b, a**2, b**2)]
        return sums[0] / math.sqrt(sums[1] * sums[2])

    assert expansion[0] == pytest.approx(tau(np.ones(9)))
    for place in range(9):
        changed = tau(np.full(9, copies) + (np.arange(9) == place)) - expansion[0]
        assert expansion[1 + place] == pytest.approx(copies * changed, abs=0.01)


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("decimals", [9, 0])
def test_the_interval_is_that_of_leaving_out_each_observation(within, decimals):
    """Quenouille's and Tukey's jackknife; of a mean of two taus, with and without ties."""
    rng, n = np.random.default_rng(1), 150
    x = rng.normal(size=(2, n))
    y = (x + rng.normal(size=(2, n))).round(decimals)
    strata = rng.integers(0, 3, n) if within else np.zeros(n, int)
    left = np.array(
        [np.mean([tau_b(a[rest], b[rest], strata[rest]) for a, b in zip(x, y, strict=True)])
         for rest in ~np.eye(n, dtype=bool)]
    )  # fmt: skip
    spread = math.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum())
    of_both = taus(signs_of(x, strata), signs_of(y, strata)).expansion.mean(axis=0)
    tau, low, high = estimate(of_both, 0.9)
    assert (high - low) / 2 == pytest.approx(1.645 * spread, rel=0.03)
    assert tau - low == pytest.approx(high - tau)
    wide = np.append(of_both[0], 1e9 * of_both[1:])
    assert estimate(wide, 0.95, most=2.0)[1:] == (-2, 2)


def test_the_interval_holds_the_true_tau_as_often_as_it_says():
    # Bivariate normal with r = 1/2: tau = 2/pi arcsin(1/2) = 1/3. 400 samples of 60, seeded.
    rng = np.random.default_rng(5)
    x, noise = rng.normal(size=(2, 400, 60))
    expansions = taus(signs_of(x), signs_of(0.5 * x + math.sqrt(0.75) * noise)).expansion
    found = np.array([estimate(one, 0.9) for one in expansions])
    held = np.mean((found[:, 1] <= 1 / 3) & (found[:, 2] >= 1 / 3))
    assert 0.85 < held < 0.95  # 90 %; four standard errors are 6 %, the method's bias < 2 %
    assert found[:, 0].mean() == pytest.approx(1 / 3, abs=0.02)


def test_levels_and_samples_that_there_are_not():
    for level in (0, 1, True, "0.95"):
        with pytest.raises(ConfigError, match=f"level {level!r} must lie between 0 and 1"):
            estimate(np.zeros(3), level)
    for x, y in (([1, 2], [1, 2, 3]), ([[1, 2]], [[1, 2]])):
        with pytest.raises(ConfigError, match="two vectors of one length"):
            tau_b(x, y)
