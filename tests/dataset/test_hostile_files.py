"""The HDF5 files of a release: what is other than the schema says is one clear error."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from nasdip_bench.dataset.curve_parts import KINDS, part_bytes
from nasdip_bench.dataset.distances import distances_bytes, read_distances
from nasdip_bench.dataset.score_values import read_score_values, score_values_bytes
from nasdip_bench.errors import DatasetError
from tests.dataset import test_curve_parts as curve_parts
from tests.dataset.test_distances import small
from tests.dataset.test_score_values import VALUES
from tests.hostile_arrays import await_next_second, changed, changes, of_values, replaced


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        write: the bytes of a sound one.
        read: what a reader makes of bytes.
        called: the file in its errors.
    """

    write: Callable[[], bytes]
    read: Callable[[bytes], Any]
    called: str


FILES = {
    **{
        kind: Kind(
            lambda kind=kind: part_bytes(curve_parts.part(kind)),
            lambda content, kind=kind: curve_parts.read(kind, content),
            "the/file.h5",
        )
        for kind in KINDS
    },
    "distances": Kind(
        lambda: distances_bytes(small()),
        lambda content: read_distances(content, "d.h5", 2, 4),
        "d.h5",
    ),
    "scores": Kind(
        lambda: score_values_bytes(VALUES),
        lambda content: read_score_values(content, 3),
        "score_values.h5",
    ),
}

RUNS, POINTS = curve_parts.RUNS, curve_parts.POINTS
HOSTILE_CURVES = {
    **{f"{name}: {what}": case for name, other in (("psnr", "psnr_smooth"), ("iteration", "psnr"))
       for what, case in changes(name, other).items()
       if (name, what) != ("psnr", "no array")},  # as of imported data
    "a row less": (of_values("psnr", lambda v: v[:-1]), "its arrays differ in length"),
    "a point less": (
        of_values("psnr", lambda v: v[:, :-1]), rf"psnr has the shape \(5, {POINTS - 1}\)"),
    "a row more than there are runs": (
        of_values("psnr", lambda v: v[[0, *range(RUNS)]]), rf"psnr has the shape \(6, {POINTS}\)"),
    "a thousand million rows": (
        replaced("psnr", shape=(10**9, 128), dtype=np.uint16, chunks=(16, 128)),
        r"psnr has the shape \(1000000000, 128\)"),
    "another compression that unpacks to nothing": (
        lambda file: file["psnr"].id.write_direct_chunk((0, 0), b"no zlib at all"),
        "cannot be parsed"),
    "iterations that descend": (of_values("iteration", lambda v: v[::-1]), "does not keep iter"),
    "an iteration twice": (
        of_values("iteration", lambda v: np.r_[v[:1], v[:-2], v[-1:]]), "does not keep iter"),
    "iterations from 2": (of_values("iteration", lambda v: np.r_[2, v[1:]].astype("i4")),
                          "does not keep iterations from 1 to 700, ascending; run"),
    "iterations beyond the end": (
        of_values("iteration", lambda v: np.r_[v[:-1], 701].astype("i4")), "does not keep iter"),
    "negative iterations": (of_values("iteration", lambda v: -v), "does not keep iterations"),
    "too many iterations": (
        replaced("iteration", data=np.arange(1, 130, dtype=np.int32)), "more than 128 points"),
    "a million iterations": (
        replaced("iteration", shape=(10**9,), dtype=np.int32, chunks=(100,)), "more than 128 poi"),
    "no iterations": (replaced("iteration", data=np.zeros(0, np.int32)), "psnr has the shape"),
}  # fmt: skip
HOSTILE_DISTANCES = {
    **{f"{name}: {what}": case for name, other in (("pairs", "truth"), ("seed", "pairs"))
       for what, case in changes(name, other).items()},
    "an image less": (of_values("truth", lambda v: v[:-1]), r"truth has the shape \(1, 2, 4\)"),
    "a pair less": (of_values("pairs", lambda v: v[..., :-1]), r"pairs has the shape \(2, 2, 5\)"),
    "seeds that descend": (of_values("seed", lambda v: v[::-1]), "its seeds do not ascend"),
    "a seed twice": (of_values("seed", lambda v: v[[0, 0]]), "its seeds do not ascend"),
    "a seed less": (of_values("seed", lambda v: v[:-1]), "has the shape"),
    "no seeds": (replaced("seed", data=np.zeros(0, np.int32)), "has the shape"),
    "a thousand million seeds": (
        replaced("seed", shape=(10**9,), dtype=np.int32, chunks=(9,)), "more than 10000 seeds"),
    "a thousand million images": (
        replaced("pairs", shape=(10**9, 2, 6), dtype=np.uint16, chunks=(1, 1, 6)), "has the shape"),
}  # fmt: skip
HOSTILE_SCORES = {
    **{what: case for what, case in changes("values", "values").items()
       if what not in ("floats", "a soft link")},
    "doubles": (replaced("values", dtype=np.float64), "values is not an array of float32"),
    "a row less": (of_values("values", lambda v: v[:-1]), r"shape \(2, 3\), there are 3 scores"),
    "a row more": (of_values("values", lambda v: v[[0, 0, 1, 2]]), r"shape \(4, 3\), there are 3"),
    "a thousand million values": (
        replaced("values", shape=(3, 10**9), dtype=np.float32, chunks=(3, 100)), "have the shape"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        pytest.param(kind, *case, id=f"{kind}: {what}")
        for kind, cases in {
            "curves": HOSTILE_CURVES,
            "distances": HOSTILE_DISTANCES,
            "scores": HOSTILE_SCORES,
        }.items()
        for what, case in cases.items()
    ],
)
def test_hostile_files_are_refused(kind, change, said):
    content = changed(FILES[kind].write(), change)
    with pytest.raises(DatasetError, match=said) as error:
        FILES[kind].read(content)
    parsed = "" if kind == "curves" else "cannot be parsed"
    assert str(error.value).startswith(f"{FILES[kind].called} {parsed}")


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"PAR1", bytes(4096)])
def test_what_is_no_hdf5_is_refused(kind, content):
    with pytest.raises(DatasetError, match=re.escape(f"{FILES[kind].called} cannot be parsed: ")):
        FILES[kind].read(content)


def test_the_same_content_gives_the_same_bytes():
    contents = {kind: file.write() for kind, file in FILES.items()}
    await_next_second()
    assert {kind: file.write() for kind, file in FILES.items()} == contents
