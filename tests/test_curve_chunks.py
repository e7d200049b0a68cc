"""Curves read by their chunks, against HDF5's own reading; and what is refused."""

import hashlib
import io
import re
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasdip_bench import NASDIPBench
from nasdip_bench.curve_chunks import (
    CHUNK,
    CurveChunks,
    chunks_bytes,
    list_chunks,
    read_chunks,
)
from nasdip_bench.curve_files import read_rows, write_curves
from nasdip_bench.curves import decode
from nasdip_bench.errors import DatasetError
from nasdip_bench.manifest import TaskRecord
from nasdip_bench.problems import find_problems
from tests import synthetic

FIDELITY = "r64c16i40"
CURVES = f"curves/{FIDELITY}-denoise.h5"
LISTED = f"curves/{FIDELITY}-denoise.chunks.npy"


def record(runs: int, iterations: int) -> TaskRecord:
    return TaskRecord(
        iterations=iterations,
        stop=iterations,
        runs=runs,
        seeds={"0": runs},
        complete_seeds=[],
        default_seeds=[0],
        scored=0,
    )


def written(folder: Path, runs: int, points: int) -> Path:
    """A curve file with missing values, and its list."""
    rng = np.random.default_rng(runs)
    curves = rng.uniform(0, 60, (2, runs, points))
    curves[0, runs // 2, points // 2 :] = np.nan
    path = folder / "c.h5"
    write_curves(path, *curves, np.arange(points))
    return path


def reader(path: Path, runs: int, points: int, chunks=None) -> CurveChunks:
    if chunks is None:
        chunks = read_chunks(path.with_suffix(".chunks.npy").read_bytes(), "c.chunks.npy")
    size = path.stat().st_size
    return CurveChunks(lambda: path.open("rb"), size, chunks, "c.h5", record(runs, points))


@pytest.mark.parametrize("runs", [1, 5, 16, 17, 50])
@pytest.mark.parametrize("points", [1, 40, 256])
def test_rows_are_those_that_hdf5_reads(tmp_path, runs, points):
    path = written(tmp_path, runs, points)
    found = reader(path, runs, points)
    assert found.iterations.dtype == np.int32
    np.testing.assert_array_equal(found.iterations, np.arange(points) + 1)
    with h5py.File(path) as file:
        expected = np.stack(read_rows(file, slice(None)))
    for rows in ([0], [runs - 1], range(runs), [runs - 1, 0, runs // 2, 0]):
        steps = found.steps(rows)
        assert steps.dtype == np.uint16
        np.testing.assert_array_equal(decode(steps), expected[:, list(rows)])
    np.testing.assert_array_equal(decode(found.all_steps()), expected)


def test_the_list_is_where_hdf5_says_and_hashes_what_lies_there(tmp_path):
    path = written(tmp_path, 40, 30)
    chunks = np.load(path.with_suffix(".chunks.npy"))
    assert chunks.dtype == CHUNK
    assert chunks["array"].tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert chunks["row"].tolist() == [0, 0, 16, 32, 0, 16, 32]
    with h5py.File(path) as file:
        assert chunks["offset"][0] == file["iteration"].id.get_offset()
        for chunk in chunks[1:]:
            name = ("iteration", "psnr", "psnr_smooth")[chunk["array"]]
            _, raw = file[name].id.read_direct_chunk((int(chunk["row"]), 0))
            content = path.read_bytes()[chunk["offset"] : chunk["offset"] + chunk["size"]]
            assert raw == content


@pytest.mark.parametrize("rows", [[-1], [5], [0, 5], [2**40]])
def test_a_row_that_is_not_there_is_refused(tmp_path, rows):
    found = reader(written(tmp_path, 5, 30), 5, 30)
    with pytest.raises(DatasetError, match=re.escape(f"c.h5 has no rows {rows} of 5; run")):
        found.steps(rows)


@pytest.mark.parametrize("entry", [0, 1, 2])
def test_a_byte_that_is_not_what_was_written_is_noticed_where_it_is_read(tmp_path, entry):
    path = written(tmp_path, 5, 30)
    chunk = np.load(path.with_suffix(".chunks.npy"))[entry]
    content = bytearray(path.read_bytes())
    content[chunk["offset"] + chunk["size"] // 2] ^= 4
    path.write_bytes(content)
    match = f"c.h5 is damaged at byte {chunk['offset']}: another SHA-256; restore"
    with pytest.raises(DatasetError, match=match):
        reader(path, 5, 30).steps([0])
    with pytest.raises(DatasetError, match=match):
        reader(path, 5, 30).all_steps()


def test_a_file_that_has_become_shorter_is_noticed(tmp_path):
    path = written(tmp_path, 40, 30)
    found = reader(path, 40, 30)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DatasetError, match=r"c\.h5 is damaged at byte \d+: another SHA"):
        found.steps([39])


def changed(chunks, field, value, entry=1):
    changed = chunks.copy()
    changed[field][entry] = value
    return changed


@pytest.mark.parametrize(
    "change",
    [
        lambda c: changed(c, "array", 3),
        lambda c: changed(c, "array", 0),
        lambda c: changed(c, "row", 1),
        lambda c: changed(c, "rows", 0),
        lambda c: changed(c, "rows", -1),
        lambda c: changed(c, "rows", 2**30),
        lambda c: changed(c, "rows", 15),
        lambda c: changed(c, "offset", -1),
        lambda c: changed(c, "offset", 2**62),
        lambda c: changed(c, "offset", 2**63 - 1),
        lambda c: changed(c, "size", 0),
        lambda c: changed(c, "size", -5),
        lambda c: changed(c, "size", 2**31 - 1),
        lambda c: changed(c, "size", 3000),
        lambda c: changed(c, "size", 8, entry=0),
        lambda c: changed(c, "rows", 300, entry=0),
        lambda c: c[:-1],
        lambda c: c[1:],
        lambda c: c[:0],
        lambda c: np.concatenate([c, c[-1:]]),
        lambda c: c[::-1],
    ],
)
def test_a_list_of_other_chunks_is_refused(tmp_path, change):
    path = written(tmp_path, 40, 30)
    chunks = change(np.load(path.with_suffix(".chunks.npy")))
    with pytest.raises(DatasetError, match=r"c\.h5 has other chunks than those of 40 runs; run"):
        reader(path, 40, 30, chunks)


@pytest.mark.parametrize("size", [2**31 - 1, 2**31, 3 * 10**9, 2**53])
def test_a_file_may_be_large(tmp_path, size):
    path = written(tmp_path, 40, 30)
    chunks = np.load(path.with_suffix(".chunks.npy"))
    found = CurveChunks(lambda: path.open("rb"), size, chunks, "c.h5", record(40, 30))
    assert found.steps([39]).shape == (2, 1, 30)


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"no zlib at all", "incorrect header"),
        (zlib.compress(bytes(300))[:-8], "unpacks to other than 300 bytes"),
        (zlib.compress(bytes(299)), "unpacks to other than 300 bytes"),
        (zlib.compress(bytes(301)), "unpacks to other than 300 bytes"),
        (zlib.compress(bytes(10**8)), "has other chunks"),
    ],
)
def test_a_chunk_that_does_not_unpack_to_its_rows_is_refused(tmp_path, packed, message):
    path = written(tmp_path, 5, 30)
    chunks = np.load(path.with_suffix(".chunks.npy"))
    content = path.read_bytes() + packed
    path.write_bytes(content)
    np.testing.assert_array_equal(list_of(path), chunks)  # the others lie where they lay
    chunks["offset"][1], chunks["size"][1] = len(content) - len(packed), len(packed)
    chunks["sha256"][1] = np.frombuffer(hashlib.sha256(packed).digest(), np.uint8)
    with pytest.raises(DatasetError, match=message):
        reader(path, 5, 30, chunks).steps([0])


def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path):
    class Failing:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def seek(self, _):
            raise OSError(5, "Input/output error")

    path = written(tmp_path, 5, 30)
    chunks = np.load(path.with_suffix(".chunks.npy"))
    with pytest.raises(DatasetError, match=r"c\.h5 is damaged at byte \d+: Input/output error"):
        CurveChunks(Failing, path.stat().st_size, chunks, "c.h5", record(5, 30))


def list_of(path: Path):
    with h5py.File(path) as file:
        return list_chunks(file, path.read_bytes())


def _of_less_than_no_chunks() -> bytes:
    header = f"{{'descr':{CHUNK.descr},'fortran_order':False,'shape':(-1,),}}".encode()
    return b"\x93NUMPY\x01\x00" + (len(header) + 53).to_bytes(2, "little") + header


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"PK\x03\x04",
        chunks_bytes(np.zeros(3, CHUNK))[:-1],
        chunks_bytes(np.zeros((2, 2), CHUNK)),
        chunks_bytes(np.zeros(2, [*CHUNK.descr, ("more", "u1")])),
        chunks_bytes(np.zeros(53, np.uint8)),
        _of_less_than_no_chunks(),
    ],
)
def test_what_is_no_list_is_refused(content):
    with pytest.raises(DatasetError, match=r"x\.npy is no list of chunks in version 1\.0 of NumPy"):
        read_chunks(content, "x.npy")


def test_objects_are_not_unpickled():
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], object), allow_pickle=True)
    with pytest.raises(DatasetError, match="is no list of chunks"):
        read_chunks(buffer.getvalue(), "x.npy")


@given(st.integers(0), st.integers(0, 255))
@settings(max_examples=300)
def test_a_changed_byte_of_a_list_changes_an_entry_or_is_refused(place, value):
    chunks = np.zeros(3, CHUNK)
    whole = chunks_bytes(chunks)
    content = bytearray(whole)
    content[place % len(content)] = value
    if content == whole:
        np.testing.assert_array_equal(read_chunks(bytes(content), "x.npy"), chunks)
    elif place % len(content) >= len(whole) - chunks.nbytes:
        assert (read_chunks(bytes(content), "x.npy") != chunks).sum() == 1
    else:  # in the header: blanks and line ends mean nothing there
        with suppress(DatasetError):
            found = read_chunks(bytes(content), "x.npy")
            np.testing.assert_array_equal(found, chunks)
            assert whole[place % len(content)] in b" \n"


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": False, "compression": "gzip"},
        {"shuffle": True, "compression": None},
        {"shuffle": True, "compression": "gzip", "chunks": (4, 10)},
    ],
)
def test_arrays_stored_in_another_way_have_no_list(tmp_path, options):
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["iteration"] = np.arange(1, 31, dtype=np.int32)
        for name in ("psnr", "psnr_smooth"):
            options = {"chunks": (5, 30)} | options
            file.create_dataset(name, data=np.zeros((5, 30), np.uint16), **options)
        with pytest.raises(ValueError, match="not stored in chunks of whole rows"):
            list_chunks(file, b"")


def test_arrays_of_which_rows_are_missing_have_no_list(tmp_path):
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["iteration"] = np.arange(1, 31, dtype=np.int32)
        for name in ("psnr", "psnr_smooth"):
            options = {"chunks": (5, 30), "shuffle": True, "compression": "gzip"}
            array = file.create_dataset(name, (20, 30), np.uint16, **options)
            array[:5] = 1
            array[10:] = 1
        with pytest.raises(ValueError, match="psnr has rows that are not stored as the others"):
            list_chunks(file, b"")


# In a release


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("chunks") / "data"
    return synthetic.write_release(path, count=9, fidelities=(FIDELITY,))


@pytest.fixture
def own(tmp_path) -> Path:
    return synthetic.write_release(tmp_path / "data", count=9, fidelities=(FIDELITY,))


def all_curves(path: Path):
    bench = NASDIPBench(path)
    return [bench.curve(a, i, "denoise") for a in range(len(bench)) for i in bench.images]


def test_single_curves_are_those_of_the_whole_file(release):
    bench = NASDIPBench(release)
    whole = bench.curves("denoise", seed=0)
    for curve in (bench.curve(a, i, "denoise", seed=0) for a in range(9) for i in bench.images):
        at = curve.arch_id, bench.images.index(curve.image), 0
        np.testing.assert_array_equal(curve.psnr_db.astype(np.float32), whole.psnr_db[at])
        smooth = curve.psnr_smooth_db.astype(np.float32)
        np.testing.assert_array_equal(smooth, whole.psnr_smooth_db[at])


def test_a_release_without_lists_gives_the_same_curves(release, own):
    for listed in own.glob("curves/*.chunks.npy"):
        listed.unlink()
    synthetic.rehash(own)
    assert find_problems(own) == []
    for found, expected in zip(all_curves(own), all_curves(release), strict=True):
        np.testing.assert_array_equal(found.psnr_db, expected.psnr_db)
        np.testing.assert_array_equal(found.psnr_smooth_db, expected.psnr_smooth_db)


def test_a_single_curve_needs_neither_hdf5_nor_the_rest_of_the_file(own):
    content = bytearray((own / CURVES).read_bytes())
    chunks = np.load(own / LISTED)
    last = chunks[chunks["array"] == 2][-1]
    content[last["offset"] + 3] ^= 1
    (own / CURVES).write_bytes(content)
    script = (
        "import sys; from nasdip_bench import NASDIPBench\n"
        f"bench = NASDIPBench({str(own)!r}); bench.curve(0, 'lena', 'denoise')\n"
        "try: bench.curve(8, 'boat', 'denoise')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "try: bench.curves('denoise')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "assert 'h5py' not in sys.modules\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    single, whole = done.stdout.splitlines()
    assert single.startswith(
        f"DatasetError {CURVES} in {str(own)!r} is damaged at byte {last['offset']}"
    )
    assert whole == single


def test_verify_finds_a_file_that_queries_could_not_read(own):
    (own / LISTED).unlink()
    with h5py.File(own / CURVES, "r+") as file:
        values = file["psnr"][:]
        del file["psnr"]
        file.create_dataset("psnr", data=values, chunks=values.shape, compression="gzip")
    synthetic.rehash(own)
    [problem] = find_problems(own)
    assert "psnr is not stored in chunks of whole rows" in problem


def test_verify_compares_the_list_with_the_file(own):
    chunks = np.load(own / LISTED)
    other = chunks[chunks["array"] == 1].copy()
    chunks[chunks["array"] == 1] = other[::-1]
    (own / LISTED).write_bytes(chunks_bytes(chunks))
    synthetic.rehash(own)
    assert f"{LISTED} does not list the chunks of {CURVES} as they lie in it" in find_problems(own)
