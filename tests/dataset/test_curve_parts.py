"""The HDF5 files of curves and observables: what they hold."""

from __future__ import annotations

import io
import subprocess
import sys

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
from nasdip_bench.dataset.curves import CODES, MISSING, kept_points
from nasdip_bench.errors import DatasetError
from nasdip_bench.observables import CURVES
from tests import synthetic
from tests.modules import ROOT

LENGTH, STOP, RUNS = 700, 300, 5
each_kind = pytest.mark.parametrize("kind", KINDS)


def part(kind: str, runs: int = RUNS, length: int = LENGTH, stop: int = STOP) -> CurvePart:
    points, source = kept_points(length, stop), np.random.default_rng(1)
    shape = (runs, len(points))
    codes = {n: source.integers(0, MISSING + 1, shape, np.uint16) for n in KINDS[kind]}
    return CurvePart(points + 1, codes)


def read(kind: str, content: bytes) -> CurvePart:
    return read_part(content, "the/file.h5", KINDS[kind])


def test_every_curve_is_in_one_kind_of_file():
    assert sorted(name for names in KINDS.values() for name in names) == sorted(CURVES)


@given(st.integers(0, 10**6))
def test_a_part_is_64_architectures_of_the_list(arch_id):
    assert PART_SIZE == 64
    assert part_of(arch_id) == arch_id // 64
    several = np.array([arch_id, arch_id + 64], np.int32)
    assert part_of(several).tolist() == [arch_id // 64, arch_id // 64 + 1]


@each_kind
@pytest.mark.parametrize(("runs", "length"), [(1, 1), (65, 1), (1, 129), (65, 1200)])
def test_what_is_written_is_read(kind, runs, length):
    written = part(kind, runs, length, stop=1)
    found = read(kind, part_bytes(written))
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


def test_another_process_writes_the_same_bytes_later(tmp_path):
    """Files of all kinds; HDF5 would note seconds."""
    script = (
        "import sys, time; time.sleep(1)\n"
        "from tests.synthetic import *\n"
        "add_distances(small(Path(sys.argv[1]), count=3), LOW, 'denoise')"
    )
    one, other = tmp_path / "one", tmp_path / "other"
    synthetic.add_distances(synthetic.small(one, count=3), synthetic.LOW, "denoise")
    subprocess.run([sys.executable, "-c", script, other], check=True, cwd=ROOT)
    assert synthetic.same_files(one, other)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"PAR1", bytes(4096)])
def test_what_is_no_hdf5_is_refused(content):
    with pytest.raises(DatasetError, match=r"the/file\.h5 cannot be parsed: "):
        read("curves", content)


def test_what_is_absent_is_left_out():
    whole = part("curves")
    codes = {name: whole.codes[name] for name in ("psnr", "psnr_smooth")}
    found = read("curves", part_bytes(CurvePart(whole.iterations, codes)))
    assert [*found.codes] == ["psnr", "psnr_smooth"]
