"""The manifest of a dataset: its contents as JSON, with the hash of every file and its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nasdip_bench.errors import DatasetError
from nasdip_bench.storage.files import sha256_bytes
from nasdip_bench.storage.sealed_json import read_sealed, sealed_text

from .schema import PART_TABLES, SCHEMA_VERSION

MANIFEST = "manifest.json"
SCORE_VALUES = "score_values.h5"
"""The single values of scores, one row per row of scores.parquet."""


def table_path(name: str) -> str:
    """Path of a table inside a dataset folder."""
    return f"{name}.parquet"


def part_path(kind: str, fidelity: str, task: str, seed: int, part: int) -> str:
    """Path of a part of the curves, observables or stops inside a dataset folder.

    Args:
        kind: "curves", "observables" or "stops".
        fidelity: name.
        task: name.
        seed: seed of the runs.
        part: see `nasdip_bench.dataset.curve_parts.part_of`.
    """
    suffix = "parquet" if kind in PART_TABLES else "h5"
    return f"{kind}/{fidelity}-{task}-s{seed}-{part}.{suffix}"


def distance_path(fidelity: str, task: str) -> str:
    """Path of a file of distances inside a dataset folder; a release need not have it."""
    return f"distances/{fidelity}-{task}.h5"


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file of a dataset.

    Attributes:
        sha256: in hexadecimal.
        size: bytes.
    """

    sha256: str
    size: int

    def __str__(self) -> str:
        return f"{self.size} bytes with SHA-256 {self.sha256[:12]}..."

    @classmethod
    def of(cls, content: bytes) -> FileRecord:
        """The record of a file with this content."""
        return cls(sha256=sha256_bytes(content), size=len(content))


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """What a dataset holds for one task at one fidelity.

    Attributes:
        iterations: length of the runs.
        stop: the iteration of ``final_*``.
        runs: rows in runs.parquet, whatever their status.
        seeds: runs by seed.
        complete_seeds: the seeds with a run of every architecture on every image.
        default_seeds: the seeds that are averaged by default: the complete ones, or if there are
            none, the one with the most runs.
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
    """The contents of a dataset, as JSON.

    Attributes:
        name: name of the release.
        version: version of the release.
        schema_version: version of the layout; see `nasdip_bench.dataset.schema`.
        protocol_version: version of everything that determines a run's numbers.
        created: UTC, ISO 8601.
        image_set: "nasdip", "skimage" or "user".
        architectures: rows of architectures.parquet.
        images: names, in the order of images.parquet.
        default_fidelity: by task, the highest complete fidelity, else the one with the most runs.
        fidelities: by fidelity (highest first), resolution, channels and a `TaskRecord` per task.
        software: versions of the package, Python and libraries that wrote the release.
        devices: the processors that ran the fits.
        files: by path.
        device_types: by processor, "cpu" or "cuda", where known.
        sources: the earlier datasets and others' results that went into it, one line each.
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
    device_types: dict[str, str] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """The content of ``manifest.json``."""
        return sealed_text(asdict(self))

    @classmethod
    def from_json(cls, text: str, where: str) -> Manifest:
        """Read a manifest.

        Raises:
            DatasetError: it is not a manifest, is damaged, or has another schema version.
        """
        data = _parse(text, where)
        if data["schema_version"] != SCHEMA_VERSION:
            raise DatasetError(
                f"{where} has schema version {data['schema_version']!r}; this version of "
                f"nasdip-bench reads {SCHEMA_VERSION}: install the version that wrote it, or "
                f"release it again"
            )
        try:
            data["files"] = {path: FileRecord(**facts) for path, facts in data["files"].items()}
            return cls(**data)
        except TypeError as error:  # a field is missing or unknown
            raise _no_manifest(where, error) from error

    def task(self, fidelity: str, task: str) -> TaskRecord | None:
        """The record of a task at a fidelity, or None."""
        record = self.fidelities.get(fidelity, {}).get("tasks", {}).get(task)
        return None if record is None else TaskRecord(**record)

    def task_records(self) -> Iterator[tuple[str, str, TaskRecord]]:
        """(fidelity, task, record) of every task at every fidelity."""
        for fidelity, facts in self.fidelities.items():
            for task, record in facts["tasks"].items():
                yield fidelity, task, TaskRecord(**record)


def _parse(text: str, where: str) -> dict[str, Any]:
    """The fields of a manifest of any schema version that lists files with their hashes."""
    try:
        data = read_sealed(text)
        if not ("schema_version" in data and isinstance(data.get("files"), dict)):
            raise ValueError("it has no schema version or no files")
    except ValueError as error:
        raise _no_manifest(where, error) from error
    for path in data["files"]:
        _check_inside(path, where)
    return data


def _no_manifest(where: str, error: Exception) -> DatasetError:
    return DatasetError(
        f"{where} is not the manifest of a dataset ({error}); restore the file or download the "
        f"dataset again"
    )


def _check_inside(path: str, where: str) -> None:
    parts = path.split("/")
    if "\\" in path or ":" in path or any(part in ("", ".", "..") for part in parts):
        raise DatasetError(
            f"{where} lists {path!r:.200}, which is not a path inside the dataset folder"
        )


def read_manifest(folder: Path) -> tuple[str, str]:
    """The text of a folder's manifest, and the file's name for errors.

    Raises:
        DatasetError: there is none, or it cannot be read.
    """
    path = folder / MANIFEST
    try:
        return path.read_text("utf-8"), repr(str(path))
    except FileNotFoundError:
        raise DatasetError(
            f"no dataset in {str(folder)!r}: there is no {MANIFEST}; name the folder of a release, "
            f"as NASDIPBench('DIR') or --data DIR, or none for the one that is installed; "
            f"'nasdip-build release BUILD --out DIR' makes one"
        ) from None
    except NotADirectoryError:
        raise DatasetError(
            f"{str(folder)!r} is a file: name the folder of the dataset, which has {MANIFEST}"
        ) from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read {str(path)!r}: {error}") from error


def manifest_fields(folder: Path) -> dict[str, Any]:
    """The manifest of a folder as plain JSON, with this or another schema version.

    Raises:
        DatasetError: there is no dataset.
    """
    return _parse(*read_manifest(folder))


def dataset_files(folder: Path) -> set[str]:
    """The files of the dataset in a folder, with this or another schema version.

    Raises:
        DatasetError: there is no dataset.
    """
    return {*manifest_fields(folder)["files"], MANIFEST}
