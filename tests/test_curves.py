"""The curve codec, the choice of kept points, the curve file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nasdip_bench.curve_files import read_rows, write_curves
from nasdip_bench.curves import (
    MAX_POINTS,
    MISSING,
    decode,
    decode_float32,
    encode,
    kept_points,
)
from nasdip_bench.errors import ConfigError

psnr = st.one_of(st.floats(0, 65.534), st.just(np.nan))


@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 4), st.integers(0, 9)), elements=psnr))
def test_values_round_trip_to_half_a_step(values):
    steps = encode(values)
    assert steps.dtype == np.uint16
    found = decode(steps)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    assert np.nanmax(np.abs(found - values), initial=0) <= 0.0005 + 1e-12
    np.testing.assert_array_equal(encode(found), steps)


def test_no_value_in_range_is_off_by_more_than_half_a_thousandth():
    """At both edges of every step there is, and beside them: the error is largest there."""
    edges = (np.arange(65534) + 0.5) / 1000
    for values in (edges, np.nextafter(edges, 0), np.nextafter(edges, 99), np.arange(65535) / 1000):
        assert np.abs(decode(encode(values)) - values).max() <= 0.0005 + 1e-11


def test_values_out_of_range_are_clipped_and_never_missing():
    assert encode(np.array([np.inf, 70.0, -3.0])).tolist() == [MISSING - 1, MISSING - 1, 0]
    assert encode(np.array([np.nan])).tolist() == [MISSING]


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
        assert points[:32].tolist() == list(range(32))


@pytest.mark.parametrize("stop", [0, 11])
def test_a_stop_outside_the_run_is_refused(stop):
    with pytest.raises(ConfigError, match=f"stop {stop} must lie in 1..10"):
        kept_points(10, stop)


@pytest.mark.parametrize("iterations", [257, 258, 300, 600, 1200, 9500, 100_000])
def test_kept_points_are_those_of_the_most_steps_that_fit(iterations):
    stop = iterations // 3
    for steps in range(8 * MAX_POINTS, 0, -1):
        geometric = np.rint(np.geomspace(32, iterations - 1, steps)).astype(int)
        points = {*range(32), stop - 1, iterations - 1, *geometric.tolist()}
        if len(points) <= MAX_POINTS:
            break
    assert kept_points(iterations, stop).tolist() == sorted(points)


def test_the_file_can_be_read_with_h5py_alone(tmp_path: Path):
    points = kept_points(700, 300)
    raw = np.linspace(5, 40, 3 * len(points)).reshape(3, -1)
    raw[1, 4:] = np.nan
    write_curves(tmp_path / "c.h5", raw, raw + 1, points)
    with h5py.File(tmp_path / "c.h5") as file:
        assert set(file) == {"psnr", "psnr_smooth", "iteration"}
        np.testing.assert_array_equal(file["iteration"][:], points + 1)
        assert file["psnr"].dtype == np.uint16
        assert file["psnr"].attrs["missing"] == 65535
        assert file["psnr"].attrs["steps_per_unit"] == 1000
        assert file["psnr"].attrs["unit"] == "dB"
        assert file["psnr"].compression == "gzip"
        assert file["psnr"].shuffle
        found, smooth = read_rows(file, slice(0, 3))
        np.testing.assert_allclose(found, raw, atol=0.0006)
        np.testing.assert_allclose(smooth, raw + 1, atol=0.0006)
        assert read_rows(file, 2)[0].shape == (len(points),)


def test_values_that_are_looked_up_are_those_that_are_decoded():
    steps = np.arange(MISSING + 1, dtype=np.uint16).reshape(2, -1)
    found = decode_float32(steps)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, decode(steps).astype(np.float32))
