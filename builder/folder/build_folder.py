"""The build folder: what was built with which settings, and the finished pieces.

    build.json           settings that hold for the whole folder, and the images
    architectures.csv    cell,skip,dilation: every architecture ever asked for, in order
    shards/runs-<content hash>.parquet, shards/scores-<content hash>.parquet

The first two carry the SHA-256 of their content inside, a shard's name that of its content: see
`nasdip_bench.builder.folder.shard_files`. A run exists when its shard is whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasdip_bench.dataset.manifest import MANIFEST
from nasdip_bench.errors import BuildError
from nasdip_bench.space import Architecture
from nasdip_bench.storage.files import file_lock, sha256_bytes, sync_folder, write_atomic
from nasdip_bench.storage.sealed_json import parse_json, sealed, unsealed

from ..plan.config import BuildConfig
from ..plan.units import RunKey, ScoreKey
from .settings import merged_settings, settings_of
from .shard_files import ShardFiles, remove_stale
from .shard_schema import SHARD_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BuildFolder", "Finished"]

SETTINGS = "build.json"
ARCHITECTURES = "architectures.csv"
SHARDS = "shards"
_HEADING = "cell,skip,dilation"
_SEAL = "# sha256 "


@dataclass(frozen=True)
class Finished:
    """Keys of finished runs and scores, and the damaged shards that were found."""

    runs: frozenset[RunKey] = frozenset()
    scores: frozenset[ScoreKey] = frozenset()
    damaged: tuple[str, ...] = ()

    def joined(self, other: Finished) -> Finished:
        """What is finished in either."""
        return Finished(
            self.runs | other.runs, self.scores | other.scores, self.damaged + other.damaged
        )


class BuildFolder:
    """A build folder.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shards = path / SHARDS
        self._files = ShardFiles(self.shards, SHARD_TABLES)

    # -- settings ----------------------------------------------------------------------------------

    def prepare(self, config: BuildConfig) -> None:
        """Create the folder, or check that it fits the build and note what the build adds.

        Raises:
            BuildError: it was built with settings that do not go with these, or cannot be written.
        """
        self.adopt([settings_of(config)], config.architectures)

    def adopt(
        self, settings: Sequence[Mapping[str, Any]], architectures: Iterable[Architecture]
    ) -> None:
        """Create the folder, or check that it fits others' settings, and note what these add.

        Raises:
            BuildError: as of `prepare`.
        """
        try:
            if (self.path / MANIFEST).exists():
                raise BuildError(
                    f"{str(self.path)!r} holds a dataset, whose runs a build does not add to: name "
                    f"another folder with --out, and release both together"
                )
            self._merged_settings(settings)  # before anything is there
            self.shards.mkdir(parents=True, exist_ok=True)
            with suppress(PermissionError):  # whose entry the folder is may be closed to us
                sync_folder(self.path.absolute().parent)
            with file_lock(self.path / ".lock"):
                merged = self._merged_settings(settings)
                listed = dict.fromkeys(self.architectures())
                listed.update(dict.fromkeys(architectures))
                self._write_architectures(list(listed))
                text = json.dumps(sealed(merged), indent=1) + "\n"
                write_atomic(self.path / SETTINGS, text.encode())
            remove_stale(self.path)
        except OSError as error:
            raise BuildError(
                f"cannot write to the build folder {str(self.path)!r}: {error.strerror or error}; "
                f"name another with --out"
            ) from error

    def settings(self) -> dict[str, Any]:
        """The settings in force.

        Raises:
            BuildError: this is no build folder, or its settings cannot be read.
        """
        try:
            settings = unsealed(parse_json((self.path / SETTINGS).read_text(encoding="utf-8")))
            if not {"image_set", "images"} <= settings.keys():
                raise ValueError("it lacks the settings of a build")
            return settings
        except FileNotFoundError:
            raise BuildError(
                f"{str(self.path)!r} is no build folder: there is no {SETTINGS}; name the folder "
                f"that 'nasdip-build --out' wrote"
            ) from None
        except (OSError, ValueError) as error:
            raise BuildError(
                f"{str(self.path / SETTINGS)!r} cannot be read ({error}); restore it, or build "
                f"into another folder"
            ) from error

    def architectures(self) -> list[Architecture]:
        """Every architecture asked for so far, in order; empty in a new folder."""
        try:
            text = (self.path / ARCHITECTURES).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise self._damaged_list(error) from error
        try:
            body, seal, found = text.partition(_SEAL)
            if seal and found.strip() != sha256_bytes(body.encode()):
                raise ValueError("its content is not what its last line says")
            heading, *lines = body.splitlines() or [""]
            if heading != _HEADING:
                raise ValueError(f"it does not begin with {_HEADING}")
            rows = [line.split(",") for line in lines]
            return [Architecture(int(cell), skip, int(dilation)) for cell, skip, dilation in rows]
        except ValueError as error:
            raise self._damaged_list(error) from error

    def _damaged_list(self, error: Exception) -> BuildError:
        return BuildError(
            f"{str(self.path / ARCHITECTURES)!r} is damaged ({error}); restore it, or remove it "
            f"and give the build command again"
        )

    def _write_architectures(self, architectures: list[Architecture]) -> None:
        lines = [_HEADING, *(f"{a.cell},{a.skip},{a.dilation}" for a in architectures)]
        body = "\n".join(lines) + "\n"
        text = f"{body}{_SEAL}{sha256_bytes(body.encode())}\n"
        write_atomic(self.path / ARCHITECTURES, text.encode())

    def check(self, config: BuildConfig) -> None:
        """Raise `BuildError` if the folder does not fit the build; changes nothing."""
        self._merged_settings([settings_of(config)])

    def _merged_settings(self, wanted: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        found = self.settings() if (self.path / SETTINGS).exists() else None
        for settings in wanted:
            found = merged_settings(found, settings, str(self.path))
        if not (self.path / SETTINGS).exists() and any(self.shards.glob("*.parquet")):
            raise BuildError(
                f"{str(self.path)!r} holds shards and no {SETTINGS}, so that nobody knows what "
                f"they were built with: restore the file, or name another folder with --out"
            )
        return found or {}

    # -- shards ------------------------------------------------------------------------------------

    @property
    def damaged(self) -> list[str]:
        """Names of the damaged shards met so far."""
        return self._files.damaged

    def write(self, kind: str, table: pa.Table) -> Path:
        """Write a finished unit; when this returns, it is on disk."""
        return self._files.write(kind, table)

    def read(
        self, kind: str, columns: list[str] | None = None, *, set_aside: bool = True
    ) -> Iterator[pa.Table]:
        """The whole shards of a kind; see `ShardFiles.read`.

        Args:
            kind: "runs" or "scores".
            columns: the columns to read; all of `SHARD_TABLES` where None.
            set_aside: move damaged shards aside; False changes nothing on disk.
        """
        for _, table in self._files.read(kind, columns, set_aside=set_aside):
            yield table

    def finished(self, *, set_aside: bool = True) -> Finished:
        """The keys of what is finished; damaged shards are moved aside, and so built again.

        Args:
            set_aside: as of `read`.
        """
        runs = {
            RunKey(*key)
            for *key, status in self._keys("runs", (*RunKey._fields, "status"), set_aside)
            if status != "failed"  # what failed is tried again
        }
        scores = {ScoreKey(*key) for key in self._keys("scores", ScoreKey._fields, set_aside)}
        return Finished(frozenset(runs), frozenset(scores), tuple(dict.fromkeys(self.damaged)))

    def _keys(
        self, kind: str, fields: tuple[str, ...], set_aside: bool
    ) -> Iterator[tuple[Any, ...]]:
        for table in self.read(kind, list(fields), set_aside=set_aside):
            yield from zip(*(table[field].to_pylist() for field in fields), strict=True)
