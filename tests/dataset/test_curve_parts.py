"""The HDF5 files of curves and observables: what they hold, and what is refused."""

from __future__ import annotations

import io

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasdip_bench.dataset.curve_parts import (
    KINDS,
    PART_SIZE,
    CurvePart,
    part_bytes,
    part_of,
    read_part,
)
from nasdip_bench.dataset.curves import CODES, MISSING, encode, kept_points
from nasdip_bench.dataset.manifest import TaskRecord
from nasdip_bench.errors import DatasetError
from nasdip_bench.observables import CURVES

LENGTH, STOP, RUNS = 700, 300, 5
POINTS = len(kept_points(LENGTH, STOP))
each_kind = pytest.mark.parametrize("kind", KINDS)


def record(iterations: int = LENGTH, runs: int = RUNS) -> TaskRecord:
    return TaskRecord(
        iterations=iterations,
        stop=iterations,
        runs=runs,
        seeds={"0": runs},
        complete_seeds=[],
        default_seeds=[0],
        scored=0,
    )


def curves(kind: str, runs: int = RUNS, length: int = LENGTH) -> dict[str, np.ndarray]:
    """By name, (run, T) with missing values, over more than the range of the code."""
    found = {}
    for name in KINDS[kind]:
        code, source = CODES[name], np.random.default_rng(len(name))
        span = code.highest - code.lowest
        found[name] = source.uniform(code.lowest, code.highest + span / 9, (runs, length))
        found[name][runs // 2, length // 2 :] = np.nan
    return found


def part(kind: str, runs: int = RUNS, length: int = LENGTH, stop: int = STOP) -> CurvePart:
    points = kept_points(length, stop)
    codes = {
        name: encode(values[:, points], CODES[name])
        for name, values in curves(kind, runs, length).items()
    }
    return CurvePart(points + 1, codes)


def read(kind: str, content: bytes, **facts: int) -> CurvePart:
    return read_part(content, "the/file.h5", KINDS[kind], record(**facts))


def test_every_curve_is_in_one_kind_of_file():
    assert sorted(name for names in KINDS.values() for name in names) == sorted(CURVES)


@given(st.integers(0, 10**6))
def test_a_part_is_64_architectures_of_the_list(arch_id):
    assert PART_SIZE == 64
    assert part_of(arch_id) == arch_id // 64
    several = np.array([arch_id, arch_id + 64], np.int32)
    assert part_of(several).tolist() == [arch_id // 64, arch_id // 64 + 1]


@each_kind
@pytest.mark.parametrize("runs", [1, 5, 64, 65, 640])
@pytest.mark.parametrize("length", [1, 40, 128, 129, 1200])
def test_what_is_written_is_read(kind, runs, length):
    written = part(kind, runs, length, stop=1)
    found = read(kind, part_bytes(written), iterations=length, runs=runs)
    np.testing.assert_array_equal(found.iterations, written.iterations)
    assert found.iterations.dtype == np.int32
    assert found.codes.keys() == written.codes.keys()
    for name, codes in found.codes.items():
        assert codes.dtype == np.uint16
        np.testing.assert_array_equal(codes, written.codes[name])
        with pytest.raises(ValueError, match="read-only"):
            codes[0, 0] = 1


@each_kind
def test_the_file_states_its_codes(kind):
    with h5py.File(io.BytesIO(part_bytes(part(kind)))) as file:
        assert {*file} == {*KINDS[kind], "iteration"}
        for name in KINDS[kind]:
            assert (file[name].compression, file[name].shuffle) == ("gzip", True)
            assert dict(file[name].attrs) == {
                "unit": "1" if name == "ssim_smooth" else "dB",
                "lowest": CODES[name].lowest,
                "steps_per_unit": CODES[name].steps,
                "missing": MISSING,
            }


def test_what_is_absent_is_left_out():
    whole = part("curves")
    codes = {name: whole.codes[name] for name in ("psnr", "psnr_smooth")}
    found = read("curves", part_bytes(CurvePart(whole.iterations, codes)))
    assert [*found.codes] == ["psnr", "psnr_smooth"]


@given(st.integers(0), st.integers(1, 255), st.booleans())
def test_other_bytes_are_read_or_refused(place, flip, cut):
    """Their hash would have to agree to come here at all."""
    content = bytearray(part_bytes(part("curves", 2, 40, 20)))
    content[place % len(content)] ^= flip
    if cut:
        del content[place % len(content) :]
    try:
        found = read("curves", bytes(content), iterations=40)
    except DatasetError:
        return
    assert all(codes.shape[1] == len(found.iterations) for codes in found.codes.values())
