"""The build folder: its settings, and the finished shards.

    build.json           settings that hold for the whole folder, and the images
    architectures.csv    cell,skip,dilation: every architecture ever requested, in order
    shards/runs-<content hash>.parquet, shards/scores-<content hash>.parquet

The first two files contain the SHA-256 of their content; a shard has it in its name (see
`nasdip_bench.builder.folder.shard_files`). A run exists once its shard is whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasdip_bench.errors import BuildError
from nasdip_bench.space import Architecture
from nasdip_bench.storage.files import file_lock, sha256_bytes, sync_folder, write_atomic

from ..plan.config import BuildConfig
from ..plan.units import Key, RunKey, ScoreKey
from ..writing import writing
from .settings import BUILD_SETTINGS, SettingsFile, common_settings
from .shard_files import read_shards, remove_stale, write_shard
from .shard_schema import IMAGE_FACTS, SHARD_VERSION

if TYPE_CHECKING:
    import pyarrow as pa

ARCHITECTURES = "architectures.csv"
SHARDS = "shards"
_HEADING = "cell,skip,dilation"
_SEAL = "# sha256 "


@dataclass(frozen=True)
class Finished:
    """Keys of finished runs and scores, and the damaged shards found."""

    keys: frozenset[Key] = frozenset()
    damaged: tuple[str, ...] = ()


class BuildFolder:
    """A build folder; ``damaged`` names the damaged shards found so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shards = path / SHARDS
        self.damaged: list[str] = []
        self._settings = SettingsFile(path / BUILD_SETTINGS, "build folder", "nasdip-build")

    def prepare(self, config: BuildConfig) -> None:
        """Create the folder, or check that it fits the build and record what the build adds.

        Raises:
            BuildError: its settings do not match the build's, or it cannot be written.
        """
        with writing(f"to the build folder {str(self.path)!r}", ", or name another with --out"):
            self.check(config)  # before anything is created
            self.shards.mkdir(parents=True, exist_ok=True)
            with suppress(PermissionError):  # the parent folder may be closed to us
                sync_folder(self.path.absolute().parent)
            with file_lock(self.path / ".lock"):
                merged = self._merged(config)
                self._write_architectures([*self.architectures(), *config.architectures])
                self._settings.write(merged)
            remove_stale(self.path)

    def check(self, config: BuildConfig) -> None:
        """Raise `BuildError` if the folder does not fit the build; changes nothing."""
        self._merged(config)

    def settings(self) -> dict[str, Any]:
        """The settings in force; see `SettingsFile.read`."""
        return self._settings.read()

    def _merged(self, config: BuildConfig) -> dict[str, Any]:
        wanted = common_settings(config.device, config.precision) | {
            "shard_version": SHARD_VERSION,
            "image_set": config.image_set,
            "images": {
                image.name: {fact: getattr(image, fact) for fact in IMAGE_FACTS}
                for image in config.images
            },
        }
        if config.scoring_inits:
            wanted["scoring_inits"] = config.scoring_inits
        if config.scores:
            wanted["scores"] = sorted(config.scores)
        return self._settings.merged(wanted, any(self.shards.glob("*.parquet")))

    def architectures(self) -> list[Architecture]:
        """Every architecture requested so far, in order; empty in a new folder."""
        path = self.path / ARCHITECTURES
        try:
            body, _, found = path.read_text(encoding="utf-8").partition(_SEAL)
            if found.strip() != sha256_bytes(body.encode()):
                raise ValueError("its content is not what its last line says")
            rows = [line.split(",") for line in body.splitlines()[1:]]
            return [Architecture(int(cell), skip, int(dilation)) for cell, skip, dilation in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise BuildError(
                f"{str(path)!r} is damaged ({error}); restore it, or remove it and give the build "
                f"command again"
            ) from error

    def _write_architectures(self, architectures: list[Architecture]) -> None:
        lines = (f"{a.cell},{a.skip},{a.dilation}\n" for a in dict.fromkeys(architectures))
        body = f"{_HEADING}\n{''.join(lines)}"
        text = f"{body}{_SEAL}{sha256_bytes(body.encode())}\n"
        write_atomic(self.path / ARCHITECTURES, text.encode())

    def write(self, kind: str, table: pa.Table) -> None:
        """Write a finished unit; it is on disk when this returns."""
        write_shard(self.shards, kind, table)

    def read(
        self, kind: str, columns: list[str] | None = None, *, set_aside: bool = True
    ) -> Iterator[pa.Table]:
        """The whole shards of "runs" or "scores", by name; damaged ones are skipped and logged.

        Args:
            kind: of the shards.
            columns: the columns to read; all where None.
            set_aside: move damaged shards aside; False changes nothing on disk.

        Raises:
            BuildError: a shard cannot be read, or has other columns.
        """
        return read_shards(self.shards, kind, columns, self.damaged, set_aside=set_aside)

    def finished(self, *, set_aside: bool = True) -> Finished:
        """The keys of finished work; damaged shards are moved aside and so built again."""
        runs: set[Key] = {
            RunKey(*key)
            for *key, status in self._keys("runs", (*RunKey._fields, "status"), set_aside)
            if status != "failed"  # failed runs are tried again
        }
        scores = {ScoreKey(*key) for key in self._keys("scores", ScoreKey._fields, set_aside)}
        return Finished(frozenset(runs | scores), tuple(dict.fromkeys(self.damaged)))

    def _keys(
        self, kind: str, fields: tuple[str, ...], set_aside: bool
    ) -> Iterator[tuple[Any, ...]]:
        for table in self.read(kind, list(fields), set_aside=set_aside):
            yield from zip(*(table[field].to_pylist() for field in fields), strict=True)
