"""A dataset folder: its manifest, and its files, checked on first touch.

No parser sees a file before its SHA-256 agrees with the manifest. `nasdip_bench.verify` looks
deeper. Must not import torch; pyarrow and h5py are imported on use.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasdip_bench.errors import DatasetError
from nasdip_bench.files import read_parquet, sha256_bytes
from nasdip_bench.locks import ForkSafeLock
from nasdip_bench.schema import SCHEMA_VERSION, arrow_schema, table_columns

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
]

MANIFEST = "manifest.json"


def table_path(name: str) -> str:
    """Path of a table inside a dataset folder."""
    return f"{name}.parquet"


def curve_path(fidelity: str, task: str) -> str:
    """Path of a curve file inside a dataset folder."""
    return f"curves/{fidelity}-{task}.h5"


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file of a dataset: SHA-256 in hexadecimal, and size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """What a dataset holds of one task at one fidelity.

    Attributes:
        iterations: length of the runs.
        stop: the iteration of ``final_*``.
        runs: rows in runs.parquet, whatever their status.
        seeds: runs by seed.
        complete_seeds: the seeds with a run of every architecture on every image.
        default_seeds: the seeds that are averaged where none is asked for: the complete ones, or
            where there is none the one with the most runs.
        scored: number of architectures with scores on every image.
    """

    iterations: int
    stop: int
    runs: int
    seeds: dict[str, int]
    complete_seeds: list[int]
    default_seeds: list[int]
    scored: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a dataset is, in JSON.

    Attributes:
        name: of the release.
        version: of the release.
        schema_version: of the layout; see `nasdip_bench.schema`.
        protocol_version: of all that decides a run's numbers.
        created: UTC, ISO 8601.
        image_set: "nasdip" or "skimage".
        architectures: rows of architectures.parquet.
        images: names, in the order of images.parquet.
        default_fidelity: by task, the highest complete fidelity, else the one with the most runs.
        fidelities: by fidelity (highest first) the resolution, channels and a `TaskRecord` a task.
        software: versions of the package, Python and libraries that wrote the release.
        devices: the processors that ran the fits.
        files: by path.
    """

    name: str
    version: str
    schema_version: int
    protocol_version: int
    created: str
    image_set: str
    architectures: int
    images: list[str]
    default_fidelity: dict[str, str]
    fidelities: dict[str, dict[str, Any]]
    software: dict[str, str]
    devices: list[str]
    files: dict[str, FileRecord]

    def to_json(self) -> str:
        """The content of ``manifest.json``."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> Manifest:
        """Read a manifest.

        Raises:
            DatasetError: it is no manifest, or one of another schema version.
        """
        data = _parse(text, where)
        if data["schema_version"] != SCHEMA_VERSION:
            raise DatasetError(
                f"{where} has schema version {data['schema_version']!r}; this version of "
                f"nasdip-bench reads {SCHEMA_VERSION}: install the version that wrote it, or "
                f"release it again"
            )
        try:
            return cls(**data)
        except TypeError as error:
            raise _no_manifest(where, error) from error

    def task(self, fidelity: str, task: str) -> TaskRecord | None:
        """What there is of a task at a fidelity, or None."""
        record = self.fidelities.get(fidelity, {}).get("tasks", {}).get(task)
        return None if record is None else TaskRecord(**record)


def _parse(text: str, where: str) -> dict[str, Any]:
    """The fields of a manifest of any schema version."""
    try:
        data: dict[str, Any] = json.loads(text)
        data["schema_version"] = int(data["schema_version"])
        data["files"] = {path: FileRecord(**r) for path, r in data["files"].items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _no_manifest(where, error) from error
    for path in data["files"]:
        _check_inside(path, where)
    return data


def _no_manifest(where: str, error: Exception) -> DatasetError:
    return DatasetError(
        f"{where} is no manifest of a dataset ({type(error).__name__}: {error}); restore the file "
        f"or download the dataset again"
    )


def _check_inside(path: str, where: str) -> None:
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise DatasetError(f"{where} lists {path!r}, which is no path inside the dataset folder")


def _read_manifest(folder: Path) -> tuple[str, str]:
    """The text of a folder's manifest, and how to call the file."""
    path = folder / MANIFEST
    try:
        return path.read_text(encoding="utf-8"), repr(str(path))
    except FileNotFoundError:
        raise DatasetError(
            f"no dataset in {str(folder)!r}: there is no {MANIFEST}; name the folder of a release "
            f"(--data DIR), or make one with 'nasdip-build release BUILD --out DIR'"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read {str(path)!r}: {error}") from error


def dataset_files(folder: Path) -> set[str]:
    """The files of the dataset in a folder, of this or another schema version.

    Raises:
        DatasetError: there is no dataset.
    """
    return {*_parse(*_read_manifest(folder))["files"], MANIFEST}


class DatasetFolder:
    """Read access to a dataset folder; opening it reads the manifest alone.

    Safe to share between threads and after a fork: a file is checked and parsed under a lock, once.

    Args:
        path: the folder.

    Raises:
        DatasetError: there is no dataset, or one that this version cannot read.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.manifest = Manifest.from_json(*_read_manifest(self.path))
        self._lock = ForkSafeLock()
        self._tables: dict[str, pa.Table] = {}
        self._checked: set[str] = set()

    def table(self, name: str) -> pa.Table:
        """A whole table, by its name in `nasdip_bench.schema.RELEASE_TABLES`.

        Raises:
            UnknownNameError: no such table.
            DatasetError: the file is absent or damaged, or has other columns.
        """
        columns = table_columns(name)
        with self._lock:
            if name not in self._tables:
                content = self._read_checked(table_path(name))
                try:
                    table = read_parquet(content)
                except Exception as error:  # pyarrow raises many kinds on hostile content
                    raise DatasetError(f"{table_path(name)} cannot be parsed: {error}") from error
                if not table.schema.equals(arrow_schema(columns), check_metadata=False):
                    raise DatasetError(
                        f"{table_path(name)} does not have the columns of schema version "
                        f"{SCHEMA_VERSION}: {', '.join(c.name for c in columns)}"
                    )
                self._tables[name] = table
            return self._tables[name]

    def curves(self, fidelity: str, task: str) -> h5py.File:
        """The open curve file of a task at a fidelity; the caller closes it.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        import h5py

        path = curve_path(fidelity, task)
        with self._lock:
            if path not in self._checked:
                self._check(path)
            try:
                return h5py.File(self.path / path, "r")
            except OSError as error:
                raise DatasetError(f"{path} cannot be parsed: {error}") from error

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

    def _read_checked(self, path: str) -> bytes:
        record = self._record(path)
        try:
            content = (self.path / path).read_bytes()
        except OSError as error:
            raise self._damaged(path, str(error.strerror)) from error
        digest = sha256_bytes(content)
        if len(content) != record.size or digest != record.sha256:
            raise self._damaged(path, f"{len(content)} bytes with SHA-256 {digest[:12]}...")
        return content

    def _check(self, path: str) -> None:
        record = self._record(path)
        try:
            with (self.path / path).open("rb") as file:
                size = file.seek(0, io.SEEK_END)
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise self._damaged(path, str(error.strerror)) from error
        if size != record.size or digest != record.sha256:
            raise self._damaged(path, f"{size} bytes with SHA-256 {digest[:12]}...")
        self._checked.add(path)
