"""A dataset folder: its manifest, and its files, checked on first touch.

No parser sees a file before its size and SHA-256 agree with the manifest (of a curve file: what is
read of it, `nasdip_bench.curve_chunks`), and no values are decoded before the columns, types and
shapes that the file declares are those of the schema. `nasdip_bench.verify` looks deeper. Must not
import torch; pyarrow and h5py are imported on use.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.curve_chunks import CurveChunks, read_chunks
from nasdip_bench.curve_files import check_curve_file, chunks_of
from nasdip_bench.errors import DatasetError, not_parsed
from nasdip_bench.files import Content, open_regular, sha256_bytes
from nasdip_bench.locks import ForkSafeLock
from nasdip_bench.manifest import (
    MANIFEST,
    FileRecord,
    Manifest,
    TaskRecord,
    chunks_path,
    curve_path,
    dataset_files,
    output_path,
    read_manifest,
    table_path,
)
from nasdip_bench.output_files import check_output_file
from nasdip_bench.schema import table_columns
from nasdip_bench.table_files import Strings, read_table, with_strings
from nasdip_bench.threads import in_threads

if TYPE_CHECKING:
    import h5py
    import pyarrow as pa

__all__ = [
    "MANIFEST",
    "DatasetFolder",
    "FileRecord",
    "Manifest",
    "TaskRecord",
    "curve_path",
    "dataset_files",
    "output_path",
]


class DatasetFolder:
    """Read access to a dataset folder; opening it reads the manifest alone.

    Safe to share between threads and after a fork: a table is read under a lock, once.

    Args:
        path: the folder; "~" is the home folder. A relative one is that of now, wherever the
            process goes later.

    Raises:
        DatasetError: there is no dataset, or one that this version cannot read.
    """

    def __init__(self, path: Path | str) -> None:
        try:
            self.path = Path(path).expanduser().absolute()
        except (TypeError, RuntimeError):  # RuntimeError: nobody's home
            raise DatasetError(
                f"{path!r} is no path of a folder: name the folder of a release, such as 'data/'"
            ) from None
        self.manifest = Manifest.from_json(*read_manifest(self.path))
        self._root = os.path.join(self.path, "")  # joined in a tenth of the time that paths take
        self._lock = ForkSafeLock()
        self._tables: dict[tuple[str, Strings], pa.Table] = {}
        self._checked: set[str] = set()

    def table(self, name: str, strings: Strings = "string") -> pa.Table:
        """A whole table, by its name in `nasdip_bench.schema.RELEASE_TABLES`.

        Args:
            name: of the table.
            strings: how it is to hold its strings; "dictionary" is how they are read.

        Raises:
            UnknownNameError: no such table.
            DatasetError: the file is absent or damaged, or has other columns.
        """
        with self._lock:
            if (name, strings) not in self._tables:
                encoded = self._tables.get((name, "dictionary"))
                if encoded is None:
                    found = self._read_table(name, strings)
                else:
                    found = {strings: with_strings(encoded, name, strings)}
                self._tables |= {(name, how): table for how, table in found.items()}
            return self._tables[name, strings]

    def _read_table(self, name: str, strings: Strings) -> dict[Strings, pa.Table]:
        table_columns(name)  # refuses a name of no table, before its file is looked for
        path = table_path(name)
        rows = self.manifest.architectures if name == "architectures" else None
        found = read_table(self.read(path), name, strings, rows)
        if name == "images" and found["dictionary"]["name"].to_pylist() != self.manifest.images:
            raise DatasetError(
                f"{MANIFEST} says images {', '.join(self.manifest.images)}, {path} has others; "
                f"run 'nasdip-bench verify'"
            )
        return found

    def curves(self, fidelity: str, task: str) -> h5py.File:
        """The open curve file of a task at a fidelity; the caller closes it.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        path, record = curve_path(fidelity, task), self.manifest.task(fidelity, task)
        return self._hdf5(path, lambda file: check_curve_file(file, path, record))

    def curve_chunks(self, fidelity: str, task: str) -> CurveChunks:
        """The same without HDF5, where only what is read of the file is compared with hashes.

        Of a release that has no list of chunks, all of the file is, and HDF5 says where they lie.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        path, listed = curve_path(fidelity, task), chunks_path(fidelity, task)
        record = self.manifest.task(fidelity, task)
        if record is None:
            raise DatasetError(f"{path} is of no task in {MANIFEST}")
        if listed in self.manifest.files:
            chunks = read_chunks(self.read(listed), listed)
        else:
            chunks = chunks_of(self.read(path), path, record)
        called, size = f"{path} in {str(self.path)!r}", self._record(path).size
        return CurveChunks(lambda: self._open(path), size, chunks, called, record)

    def outputs(self, fidelity: str, task: str) -> h5py.File:
        """The open output file of a task at a fidelity; the caller closes it.

        Raises:
            DatasetError: the release has none, or it is absent or damaged.
        """
        path, record = output_path(fidelity, task), self.manifest.task(fidelity, task)
        side = self.manifest.fidelities.get(fidelity, {}).get("resolution", 0)
        return self._hdf5(path, lambda file: check_output_file(file, path, record, side))

    def has_outputs(self, fidelity: str, task: str) -> bool:
        """Whether the release keeps outputs of a task at a fidelity, of some runs at least."""
        return output_path(fidelity, task) in self.manifest.files

    def _hdf5(self, path: str, check: Callable[[h5py.File], None]) -> h5py.File:
        import h5py

        with self._lock:
            if path not in self._checked:
                self._check(path)
            try:
                file = h5py.File(self.path / path, "r")
            except Exception as error:  # h5py raises many kinds on hostile content
                raise not_parsed(path, error) from error
            try:
                check(file)
            except BaseException:
                file.close()
                raise
            return file

    def read(self, path: str) -> Content:
        """The content of a file, compared with the manifest.

        Raises:
            DatasetError: it is not listed, absent, or not the file that was released.
        """
        record = self._record(path)
        ends = [0, record.size // 2, record.size] if record.halves else [0, record.size]
        with ExitStack() as opened:
            # Of the size that the record says, so that no more is allocated than there is to read.
            files = [opened.enter_context(self._open(path)) for _ in ends[1:]]
            content = bytearray(record.size)
            place = memoryview(content)

            def read(number: int) -> str:
                """Read a part of the file to its place; the SHA-256 of what was read."""
                part = place[ends[number] : ends[number + 1]]
                try:
                    files[number].seek(ends[number])
                    count = files[number].readinto(part)
                except OSError as error:
                    raise self._damaged(path, str(error.strerror)) from error
                if count != len(part):
                    raise self._damaged(path, f"it ended after {ends[number] + count} bytes")
                return sha256_bytes(part)

            found = in_threads(read, range(len(files)))
        if found != (record.halves or [record.sha256]):
            digest = sha256_bytes(content)
            raise self._damaged(path, f"{record.size} bytes with SHA-256 {digest[:12]}...")
        return content

    def check_file(self, path: str) -> None:
        """Compare a file with the manifest.

        Raises:
            DatasetError: it is not listed, absent, or not the file that was released.
        """
        self._check(path)

    def _record(self, path: str) -> FileRecord:
        if path not in self.manifest.files:
            raise DatasetError(f"{path} is not listed in {MANIFEST} of {str(self.path)!r}")
        return self.manifest.files[path]

    def _damaged(self, path: str, found: str) -> DatasetError:
        record = self._record(path)
        return DatasetError(
            f"{path} in {str(self.path)!r} is damaged: {found}, the manifest says {record.size} "
            f"bytes with SHA-256 {record.sha256[:12]}...; restore the file or release again"
        )

    def _open(self, path: str) -> io.BufferedReader:
        """A file of the size that the manifest says."""
        record = self._record(path)
        try:
            file = open_regular(f"{self._root}{path}")
        except FileNotFoundError:
            raise DatasetError(
                f"{path} is missing in {str(self.path)!r}, though {MANIFEST} lists it; restore the "
                f"file or release again"
            ) from None
        except OSError as error:
            raise self._damaged(path, str(error.strerror)) from error
        size = os.fstat(file.fileno()).st_size
        if size != record.size:
            file.close()
            raise self._damaged(path, f"{size} bytes")
        return file

    def _check(self, path: str) -> None:
        with self._open(path) as file:
            try:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise self._damaged(path, str(error.strerror)) from error
        record = self._record(path)
        if digest != record.sha256:
            raise self._damaged(path, f"{record.size} bytes with SHA-256 {digest[:12]}...")
        self._checked.add(path)
