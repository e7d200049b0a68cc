"""How values of curves are coded, and which points of a curve are kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasdip_bench.dataset.curves import (
    CODES,
    MAX_POINTS,
    MISSING,
    decode,
    decode_float32,
    encode,
    kept_points,
)
from nasdip_bench.errors import ConfigError
from nasdip_bench.observables import CURVES

each_curve = pytest.mark.parametrize("code", CODES.values(), ids=CODES)


def test_every_curve_has_a_code_that_its_values_fit_in():
    assert {*CODES} == {*CURVES}
    ends = {name: (code.lowest, code.highest, code.steps) for name, code in CODES.items()}
    assert ends.pop("psnr") == ends.pop("psnr_smooth") == (0, 65.534, 1000)
    assert ends.pop("ssim_smooth") == (-1, 1, 32767)
    assert {*ends.values()} == {(0, 655.34, 100)}


@each_curve
def test_no_value_in_range_is_off_by_more_than_half_a_step(code):
    """At both edges of every step there is, and beside them: the error is largest there."""
    steps = np.arange(MISSING) / code.steps + code.lowest
    edges = steps[:-1] + 0.5 / code.steps
    for values in (edges, np.nextafter(edges, -9), np.nextafter(edges, 9999), steps):
        off = np.abs(decode(encode(values, code), code) - values)
        assert off.max() <= (0.5 + 1e-8) / code.steps
    every = np.arange(MISSING + 1, dtype=np.uint16)
    np.testing.assert_array_equal(encode(decode(every, code), code), every)
    assert np.isnan(decode(every, code)).nonzero()[0].tolist() == [MISSING]


@each_curve
def test_values_out_of_range_are_clipped_and_never_missing(code):
    far = [np.inf, 1e308, code.highest + 1, -np.inf, -1e308, code.lowest - 1]
    found = encode(np.array(far), code)
    assert found.tolist() == [MISSING - 1] * 3 + [0] * 3
    assert encode(np.array([np.nan]), code).tolist() == [MISSING]
    assert encode(np.array([np.inf], np.float32), code).tolist() == [MISSING - 1]


def multiples(iterations):
    """Points of the multiples of the least round number, 20 of which are beyond the budget."""
    numbers = [first * 10**power for power in range(9) for first in (1, 2, 5)]
    step = next(number for number in numbers if iterations <= 20 * number)
    return [point - 1 for point in range(step, iterations + 1, step)]


@given(st.data(), st.integers(1, 20000))
def test_kept_points(data, iterations):
    stop = data.draw(st.integers(1, iterations))
    points = kept_points(iterations, stop)
    assert points.dtype == np.int32
    assert len(points) <= MAX_POINTS
    assert (np.diff(points) > 0).all()
    assert {0, stop - 1, iterations - 1} <= set(points.tolist())
    assert points[0] >= 0
    assert points[-1] == iterations - 1
    if iterations <= MAX_POINTS:
        assert len(points) == iterations
    else:
        assert len(points) >= MAX_POINTS - 8
        assert points[:16].tolist() == list(range(16))
        assert {*multiples(iterations)} <= {*points.tolist()}


@pytest.mark.parametrize("stop", [0, 11])
def test_a_stop_outside_the_run_is_refused(stop):
    with pytest.raises(ConfigError, match=f"stop {stop} must lie in 1..10"):
        kept_points(10, stop)


@each_curve
def test_values_that_are_looked_up_are_those_that_are_decoded(code):
    steps = np.arange(MISSING + 1, dtype=np.uint16).reshape(2, -1)
    found = decode_float32(steps, code)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, decode(steps, code).astype(np.float32))
