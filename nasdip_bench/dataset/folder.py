"""A dataset folder: its manifest, and its files, checked on first use.

No parser sees a file before its size and SHA-256 agree with the manifest. `nasdip_bench.verify`
checks what the files hold. pyarrow and h5py are imported on use.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import DatasetError

from .curve_parts import KINDS, CurvePart, read_part
from .distances import Distances, read_distances
from .manifest import (
    MANIFEST,
    SCORE_VALUES,
    FileRecord,
    Manifest,
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
        return read_table(self.read(table_path(name)), name)

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
        path = part_path(kind, fidelity, task, seed, part)
        return read_part(self.read(path), path, KINDS[kind])

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
        path = distance_path(fidelity, task)
        return read_distances(self.read(path), path)

    def has_distances(self, fidelity: str, task: str) -> bool:
        """Whether the release has distances of a task at a fidelity, for at least some runs."""
        return distance_path(fidelity, task) in self.manifest.files

    def score_values(self) -> NDArray[np.float32]:
        """(row of scores.parquet, initialisation) float32, NaN where there are fewer.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        return read_score_values(self.read(SCORE_VALUES))

    def read(self, path: str) -> bytes:
        """Read the content of a file, and compare it with the manifest.

        Raises:
            DatasetError: it is not listed, absent, or not the file that was released.
        """
        where = repr(str(self.path))
        record = self.manifest.files.get(path)
        if record is None:
            raise DatasetError(f"{path} is not listed in {MANIFEST} of {where}")
        try:
            content = (self.path / path).read_bytes()
        except FileNotFoundError:
            raise DatasetError(
                f"{path} is missing in {where}, though {MANIFEST} lists it; restore the file or "
                f"release again"
            ) from None
        except OSError as error:
            raise DatasetError(f"{path} in {where} cannot be read: {error.strerror}") from error
        found = FileRecord.of(content)
        if found != record:
            raise DatasetError(
                f"{path} in {where} is damaged: {found}, the manifest says {record}; restore the "
                f"file or release again"
            )
        return content
