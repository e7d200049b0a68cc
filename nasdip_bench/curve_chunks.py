"""Where the chunks of a curve file lie, and their hashes: one curve is read without all others.

A curve file is an HDF5 file of megabytes, and its hash says nothing before all of it is read. So
beside ``curves/<fidelity>-<task>.h5`` lies ``curves/<fidelity>-<task>.chunks.npy``, a NumPy array
of `CHUNK` with an entry for each stretch of bytes that the curves are stored in. A query reads the
stretch that it needs, compares its hash, and unpacks it as HDF5 would. Must not import torch; h5py
is imported on use, by those who write.
"""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.curves import CURVES, MAX_POINTS
from nasdip_bench.errors import DatasetError
from nasdip_bench.files import Content

if TYPE_CHECKING:
    import h5py

    from nasdip_bench.manifest import TaskRecord

__all__ = ["CHUNK", "CurveChunks", "check_iterations", "chunks_bytes", "list_chunks", "read_chunks"]

ARRAYS = ("iteration", *CURVES)

CHUNK = np.dtype(
    [
        ("array", "u1"),
        ("row", "<i4"),
        ("rows", "<i4"),
        ("offset", "<i8"),
        ("size", "<i4"),
        ("sha256", "u1", (32,)),
    ]
)
"""An entry: the array (position in `ARRAYS`), its first row and how many, where in the file its
bytes begin and how many they are, and their SHA-256. ``iteration`` is stored as it is, the curves
with HDF5's shuffle and gzip filters."""

_DESCR = "".join(str(CHUNK.descr).split())
_NPY = b"\x93NUMPY\x01\x00"
_MOST_ROWS = 4096
"""Rows of a chunk that are unpacked; it is written with 16."""
_MOST_EXPANSION, _MOST_HEADER = 1.01, 1024
"""What zlib may add to bytes that it cannot pack: less than this part of them, and this many."""
_KEPT_CHUNKS = 64
"""Unpacked: 1 MB, as neighbouring rows are often read one after another."""
_MOST_THREADS = 8
_SHARES = 16
"""Parts of a whole file that threads take in turn."""


def list_chunks(file: h5py.File, content: Content) -> NDArray[Any]:
    """The entries of an open curve file, iteration first, then the chunks of each curve by row.

    Args:
        file: as `nasdip_bench.curve_files` writes it.
        content: its bytes.

    Raises:
        ValueError: its arrays are stored in another way.
    """
    import h5py

    points = file["iteration"]
    if points.id.get_offset() is None or points.dtype != np.int32:
        raise ValueError("iteration is not stored in one piece")
    entries = [(0, 0, len(points), points.id.get_offset(), 4 * len(points))]
    for number, name in enumerate(CURVES, 1):
        array = file[name]
        stored = array.id.get_create_plist()
        filters = [stored.get_filter(i)[0] for i in range(stored.get_nfilters())]
        if filters != [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE] or (
            array.chunks[1] != array.shape[1]
        ):
            raise ValueError(f"{name} is not stored in chunks of whole rows, shuffled and gzipped")
        found: list[Any] = []
        array.id.chunk_iter(found.append)
        found.sort(key=lambda chunk: chunk.chunk_offset)
        rows = array.chunks[0]
        alike = all(
            chunk.chunk_offset == (number * rows, 0) and not chunk.filter_mask
            for number, chunk in enumerate(found)
        )
        if not alike or len(found) != -(-len(array) // rows):
            raise ValueError(f"{name} has rows that are not stored as the others are")
        entries += [(number, c.chunk_offset[0], rows, c.byte_offset, c.size) for c in found]
    chunks = np.zeros(len(entries), CHUNK)
    for field, values in zip(CHUNK.names or (), zip(*entries, strict=True), strict=False):
        chunks[field] = values
    for chunk in chunks:
        part = content[chunk["offset"] : chunk["offset"] + chunk["size"]]
        chunk["sha256"] = np.frombuffer(hashlib.sha256(part).digest(), np.uint8)
    return chunks


def chunks_bytes(chunks: NDArray[Any]) -> bytes:
    """The content of a ``.chunks.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, chunks, allow_pickle=False)
    return buffer.getvalue()


def read_chunks(content: Content, path: str) -> NDArray[Any]:
    """The entries in the content of a ``.chunks.npy`` file.

    Raises:
        DatasetError: it holds something else.
    """
    start = 10 + int.from_bytes(content[8:10], "little")
    count, rest = divmod(len(content) - start, CHUNK.itemsize)
    # What NumPy writes before an array of these entries; evaluating it would take longer than all
    # else that there is to a curve.
    expected = f"{{'descr':{CHUNK.descr},'fortran_order':False,'shape':({count},),}}"
    found = content[10:start].decode("latin-1")
    if (
        content[:8] != _NPY
        or count < 0
        or rest
        or "".join(found.split()) != "".join(expected.split())
    ):
        raise DatasetError(
            f"{path} is no list of chunks in version 1.0 of NumPy's format; run 'nasdip-bench "
            f"verify'"
        )
    return np.frombuffer(content, CHUNK, count, start)


def check_iterations(iterations: NDArray[np.int32], path: str, record: TaskRecord) -> None:
    """Refuse points of curves that do not ascend from 1 or more to the end of the runs.

    Raises:
        DatasetError: they do not.
    """
    ascending = len(iterations) and iterations[0] >= 1 and (iterations[1:] > iterations[:-1]).all()
    if not ascending or iterations[-1] != record.iterations:
        raise DatasetError(
            f"{path} does not keep the iterations of the schema, which ascend to "
            f"{record.iterations}; run 'nasdip-bench verify'"
        )


class CurveChunks:
    """Rows of a curve file, each read, compared with its hash and unpacked when it is asked for.

    The file is opened anew for every reading, so that threads and forked processes can share this.

    Args:
        open_file: opens the curve file.
        size: of it, in bytes.
        chunks: its entries.
        path: how to call it, with its folder.
        record: what the manifest says of the task.

    Raises:
        DatasetError: the entries are not those of the task's curves, or the iterations are damaged.
    """

    def __init__(
        self,
        open_file: Callable[[], io.BufferedReader],
        size: int,
        chunks: NDArray[Any],
        path: str,
        record: TaskRecord,
    ) -> None:
        self._open_file = open_file
        self._path = path
        self._chunks = chunks
        self._runs = record.runs
        self._count, odd = divmod(len(chunks) - 1, len(CURVES))
        self._rows = int(chunks["rows"][-1]) if len(chunks) else 0
        if odd or not self._is_sound(size):
            raise DatasetError(
                f"{path} has other chunks than those of {record.runs} runs; run "
                f"'nasdip-bench verify'"
            )
        self._chunk = lru_cache(maxsize=_KEPT_CHUNKS)(self._read_chunk)
        with open_file() as file:
            self.iterations = np.frombuffer(self._read(file, 0), "<i4").astype(np.int32)
        """(P,) int32, ascending: the iterations that were kept; read-only."""
        check_iterations(self.iterations, path, record)
        self.iterations.setflags(write=False)

    def _is_sound(self, size: int) -> bool:
        """Whether the entries are iteration and all runs of each curve, inside the file."""
        chunks, count, rows = self._chunks, self._count, self._rows
        if not (count >= 1 <= rows <= _MOST_ROWS and (count - 1) * rows < self._runs):
            return False
        starts = np.arange(count) * rows
        offsets, sizes = chunks["offset"], chunks["size"].astype(np.int64)
        points = int(chunks["rows"][0])
        return bool(
            self._runs <= count * rows
            and np.array_equal(chunks["array"], np.repeat((0, 1, 2), (1, count, count)))
            and chunks["row"][0] == 0
            and (chunks["row"][1:].reshape(len(CURVES), count) == starts).all()
            and (chunks["rows"][1:] == rows).all()
            and sizes[0] == 4 * points <= 4 * MAX_POINTS
            and sizes.min() > 0
            and sizes[1:].max() <= 2 * rows * points * _MOST_EXPANSION + _MOST_HEADER
            and offsets.min() >= 0
            and (offsets <= size - sizes).all()
        )

    def steps(self, rows: Sequence[int]) -> NDArray[np.uint16]:
        """(2, rows, P) uint16, as stored: the raw and the smoothed curves of one row or more.

        Raises:
            DatasetError: a row is not there, or damaged.
        """
        if not 0 <= min(rows) <= max(rows) < self._runs:
            raise DatasetError(
                f"{self._path} has no rows {list(rows)} of {self._runs}; run 'nasdip-bench verify'"
            )
        places = [divmod(row, self._rows) for row in rows]
        steps = np.empty((len(CURVES), len(rows), len(self.iterations)), np.uint16)
        for place, (number, row) in enumerate(places):
            steps[:, place] = self._chunk(number)[:, row]
        return steps

    def all_steps(self) -> NDArray[np.uint16]:
        """(2, runs, P) uint16, as stored: the raw and the smoothed curves of all rows.

        Raises:
            DatasetError: the file is damaged.
        """
        from concurrent.futures import ThreadPoolExecutor

        steps = self._empty(self._count)

        def fill(numbers: range) -> None:
            with self._open_file() as file:
                for number in numbers:
                    self._unpack(file, number, steps[:, number])

        # Hashing and unpacking release the interpreter's lock.
        step = -(-self._count // _SHARES)
        shares = (
            range(start, min(start + step, self._count)) for start in range(0, self._count, step)
        )
        with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
            for _ in pool.map(fill, shares):
                pass
        return steps.reshape(len(CURVES), -1, len(self.iterations))[:, : self._runs]

    def _read_chunk(self, number: int) -> NDArray[np.uint16]:
        """(2, rows of a chunk, P) uint16."""
        steps = self._empty(1)
        with self._open_file() as file:
            self._unpack(file, number, steps[:, 0])
        return steps[:, 0]

    def _empty(self, count: int) -> NDArray[np.uint16]:
        """(2, count, rows of a chunk, P) uint16, low byte first, for chunks of each curve."""
        return np.empty((len(CURVES), count, self._rows, len(self.iterations)), "<u2")

    def _unpack(self, file: io.BufferedReader, number: int, to: NDArray[np.uint16]) -> None:
        """Undo HDF5's filters: a chunk of each curve, into (2, rows of a chunk, P) uint16."""
        for curve, steps in enumerate(to):
            entry = 1 + curve * self._count + number
            unpacker = zlib.decompressobj()
            try:
                content = unpacker.decompress(self._read(file, entry), steps.nbytes + 1)
            except zlib.error as error:
                raise self._damaged(entry, str(error)) from error
            if len(content) != steps.nbytes or not unpacker.eof:
                raise self._damaged(entry, f"it unpacks to other than {steps.nbytes} bytes")
            # Shuffled: the low bytes of all numbers, then the high ones. Two threads that assign
            # bytes were seen to take half the time of two that shift and add numbers.
            shuffled = np.frombuffer(content, np.uint8).reshape(2, *steps.shape)
            in_order = steps.view(np.uint8).reshape(*steps.shape, 2)
            in_order[..., 0], in_order[..., 1] = shuffled

    def _read(self, file: io.BufferedReader, entry: int) -> bytes:
        """The bytes of an entry, once their hash is found right."""
        start, size = self._place(entry)
        try:
            file.seek(start)
            content = file.read(size)
        except OSError as error:
            raise self._damaged(entry, str(error.strerror)) from error
        if (
            content is None
            or hashlib.sha256(content).digest() != self._chunks["sha256"][entry].tobytes()
        ):
            raise self._damaged(entry, "another SHA-256")
        return content

    def _place(self, entry: int) -> tuple[int, int]:
        """Where the bytes of an entry begin, and how many they are."""
        return int(self._chunks["offset"][entry]), int(self._chunks["size"][entry])

    def _damaged(self, entry: int, found: str) -> DatasetError:
        return DatasetError(
            f"{self._path} is damaged at byte {self._place(entry)[0]}: {found}; "
            f"restore the file or release again"
        )
