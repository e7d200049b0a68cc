"""Random draws depend on their key alone, and are the same on every machine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nasdip_bench.errors import ConfigError
from nasdip_bench.seeding import BitStream, as_generator, device_seed


def test_draws_are_what_they_were_when_the_protocol_was_fixed():
    # Computed once (2026-11-23, NumPy 2.4, x86-64): a change here changes every benchmark number.
    stream = BitStream("golden", 1)
    assert [int(w) for w in stream.words(2)] == [13047785533437578414, 2850391770816719093]
    assert BitStream("golden", 1).uniform32((3,), 0.0, 0.1).tolist() == [
        0.000792002712842077,
        0.07073218375444412,
        0.06649499386548996,
    ]
    assert BitStream("golden", 1).normal64((2,)).tolist() == pytest.approx(
        [0.5455776982649697, -1.0172382688248998], rel=1e-12
    )
    assert device_seed("golden", 1) == 4850966473170315671


def test_keys_are_told_apart():
    keys = [("ab", "c"), ("a", "bc"), ("abc",), ("a", 1), ("a", "1"), ("a", 11), ("a", 1, 1)]
    assert len({device_seed(*key) for key in keys}) == len(keys)
    assert len({int(BitStream(*key).words(1)[0]) for key in keys}) == len(keys)


@pytest.mark.parametrize("part", [1.0, None, True])
def test_a_part_of_another_type_is_refused(part):
    with pytest.raises(ConfigError, match="must be a string or an integer"):
        BitStream("a", part)


@given(st.integers(1, 2**40), st.integers(0, 1000))
def test_integers_stay_below_their_bound(bound, key):
    assert 0 <= BitStream(key).integer(bound) < bound


def test_a_generator_is_that_of_numpy():
    draws = np.random.default_rng(7).integers(100, size=5).tolist()
    given = np.random.default_rng(7)
    assert as_generator(7).integers(100, size=5).tolist() == draws
    assert as_generator(given) is given
    assert as_generator(None).integers(1) == 0


@pytest.mark.parametrize("rng", [-1, "a", 1.5, True, [1], np.random.RandomState(0)])
def test_what_gives_no_generator_is_refused(rng):
    with pytest.raises(ConfigError, match="must be a seed, a whole number of at least 0, or a gen"):
        as_generator(rng)


def test_an_empty_range_is_refused():
    with pytest.raises(ConfigError, match="bound 0"):
        BitStream("a").integer(0)


def test_distributions():
    uniform = BitStream("u").uniform32((200, 101), -0.5, 0.25)
    assert uniform.dtype == np.float32
    assert uniform.min() >= -0.5
    assert uniform.max() < 0.25
    assert stats.kstest(uniform.ravel(), stats.uniform(-0.5, 0.75).cdf).pvalue > 0.01
    normal = BitStream("n").normal64((100, 200))
    assert stats.kstest(normal.ravel(), stats.norm.cdf).pvalue > 0.01
    assert np.isfinite(normal).all()


def test_nothing_is_taken_from_global_random_state():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the state that must not change
    BitStream("a").normal64((10,))
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
