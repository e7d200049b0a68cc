"""A dataset folder: its manifest, and its files, checked on first use.

No parser sees a file before its size and SHA-256 agree with the manifest, and no values are decoded
before the columns, types and shapes that the file declares agree with the schema.
`nasdip_bench.verify` checks more. pyarrow and h5py are imported on use.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import DatasetError
from nasdip_bench.storage.files import Content, open_regular, sha256_bytes

from .curve_parts import KINDS, CurvePart, read_part
from .distances import Distances, read_distances
from .manifest import (
    MANIFEST,
    SCORE_VALUES,
    FileRecord,
    Manifest,
    TaskRecord,
    distance_path,
    part_path,
    read_manifest,
    table_path,
)
from .schema import PART_TABLES, table_columns
from .score_values import read_score_values
from .stop_parts import StopPart, read_stops
from .tables import Strings, empty_table, read_table, with_strings

if TYPE_CHECKING:
    import pyarrow as pa


class DatasetFolder:
    """Read access to a dataset folder; opening it reads only the manifest.

    Safe to share between threads and after a fork: at worst, two threads read a table twice.

    Args:
        path: the folder; "~" is the home folder. A relative path is resolved now, so the process
            may change its working folder later.

    Raises:
        DatasetError: there is no dataset, or one that this version cannot read.
    """

    def __init__(self, path: Path | str) -> None:
        try:
            self.path = Path(path).expanduser().absolute()
        except (TypeError, RuntimeError):  # RuntimeError: nobody's home
            raise DatasetError(
                f"{path!r} is not a path of a folder: name the folder of a release, such as 'data/'"
            ) from None
        self.manifest = Manifest.from_json(*read_manifest(self.path))
        self._root = os.path.join(self.path, "")  # joined in a tenth of the time that paths take
        self._tables: dict[tuple[str, Strings], pa.Table] = {}

    def table(self, name: str, strings: Strings = "string") -> pa.Table:
        """A whole table, including tables in parts.

        Args:
            name: name of the table; see `nasdip_bench.dataset.schema.table_columns`.
            strings: how it holds its strings; "dictionary" is how they are read.

        Raises:
            UnknownNameError: no such table.
            DatasetError: the file is absent or damaged, or has other columns.
        """
        if (name, strings) not in self._tables:
            if (name, "dictionary") not in self._tables:
                self._tables[name, "dictionary"] = self._read_table(name)
            encoded = self._tables[name, "dictionary"]
            self._tables[name, strings] = with_strings(encoded, name, strings)
        return self._tables[name, strings]

    def _read_table(self, name: str) -> pa.Table:
        table_columns(name)  # rejects an unknown name before its file is looked for
        if name in PART_TABLES:
            return self._read_parts(name)
        path = table_path(name)
        rows = self.manifest.architectures if name == "architectures" else None
        found = read_table(self.read(path), name, rows)
        if name == "images" and found["name"].to_pylist() != self.manifest.images:
            raise DatasetError(
                f"{MANIFEST} says images {', '.join(self.manifest.images)}, {path} has others; "
                f"run 'nasdip-bench verify'"
            )
        return found

    def _read_parts(self, name: str) -> pa.Table:
        import pyarrow as pa

        paths = [path for path in self.manifest.files if path.startswith(f"{name}/")]
        tables = [read_table(self.read(path), name, path=path) for path in paths]
        return pa.concat_tables([empty_table(name), *tables]).unify_dictionaries()

    def part(self, kind: str, fidelity: str, task: str, seed: int, part: int) -> CurvePart:
        """A part of the curves or observables; for arguments see `part_path`.

        Raises:
            DatasetError: the release has none, or the file is absent or damaged.
        """
        path, record = part_path(kind, fidelity, task, seed, part), self._task(fidelity, task)
        return read_part(self.read(path), path, KINDS[kind], record)

    def stops(
        self, fidelity: str, task: str, seed: int, part: int, runs: int
    ) -> tuple[pa.Table, StopPart]:
        """Where rules stop the runs of a part: the rows, and the same as arrays.

        For arguments see `part_path`; ``runs`` is the number of runs in the part.

        Raises:
            DatasetError: the release has none, or the file is absent or damaged.
        """
        path = part_path("stops", fidelity, task, seed, part)
        return read_stops(self.read(path), path, runs)

    def distances(self, fidelity: str, task: str) -> Distances:
        """The distances between the restorations of a task at a fidelity.

        Raises:
            DatasetError: the release has none, or the file is absent or damaged.
        """
        path, size = distance_path(fidelity, task), len(self.manifest.images)
        return read_distances(self.read(path), path, size, self.manifest.architectures)

    def has_distances(self, fidelity: str, task: str) -> bool:
        """Whether the release has distances of a task at a fidelity, for at least some runs."""
        return distance_path(fidelity, task) in self.manifest.files

    def score_values(self) -> NDArray[np.float32]:
        """(row of scores.parquet, initialisation) float32, NaN where there are fewer.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        return read_score_values(self.read(SCORE_VALUES), len(self.table("scores")))

    def _task(self, fidelity: str, task: str) -> TaskRecord:
        record = self.manifest.task(fidelity, task)
        if record is None:
            raise DatasetError(f"{MANIFEST} of {str(self.path)!r} has no {task} at {fidelity}")
        return record

    def read(self, path: str) -> Content:
        """Read the content of a file, and compare it with the manifest.

        Raises:
            DatasetError: it is not listed, absent, or not the file that was released.
        """
        record = self._record(path)
        with self._open(path) as file:
            content = bytearray(record.size)  # of the file, too: no more than there is to read
            try:
                count = file.readinto(content)
            except OSError as error:
                raise self._damaged(path, str(error.strerror)) from error
        if count != record.size:
            raise self._damaged(path, f"it ended after {count} bytes")
        digest = sha256_bytes(content)
        if digest != record.sha256:
            raise self._damaged(path, f"{record.size} bytes with SHA-256 {digest[:12]}...")
        return content

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
        """Open a file, and check that it has the size that the manifest states."""
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
