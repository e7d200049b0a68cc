"""The build folder: its settings, and the finished shards.

    build.json           settings that hold for the whole folder, and the images
    architectures.csv    cell,skip,dilation: every architecture ever requested, in order
    shards/runs-<content hash>.parquet, shards/scores-<content hash>.parquet

The first two files contain the SHA-256 of their content. A shard has it in its name: so a damaged
shard is recognised by its name, builders never write different content to one path, and a file
never changes once finished. Shards are written to a temporary file, flushed and renamed, so a shard
is either whole or absent; a run exists once its shard is whole.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasdip_bench.dataset.schema import arrow_schema, fits_schema
from nasdip_bench.errors import BuildError
from nasdip_bench.space import Architecture
from nasdip_bench.storage.files import (
    parquet_bytes,
    read_parquet,
    sha256_bytes,
    write_atomic,
)

from ..plan.config import BuildConfig
from ..plan.units import Key, RunKey, ScoreKey
from .shard_schema import IMAGE_FACTS, SHARD_TABLES, SHARD_VERSION
from .work_folder import BUILD_SETTINGS, WorkFolder, common_settings

if TYPE_CHECKING:
    import pyarrow as pa

ARCHITECTURES = "architectures.csv"
_HEADING = "cell,skip,dilation"
_SEAL = "# sha256 "
_DAMAGED_SUFFIX = ".damaged"
_HASH_DIGITS = 32

logger = logging.getLogger(__name__)


class BuildFolder(WorkFolder[BuildConfig]):
    """The build folder of a dataset."""

    settings_name, what, command = BUILD_SETTINGS, "build folder", "nasdip-build"
    work_files = ("shards", "*.parquet")

    def _wanted(self, config: BuildConfig) -> dict[str, Any]:
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
        return wanted

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

    def _record(self, config: BuildConfig, merged: dict[str, Any]) -> None:
        """Write the list of architectures."""
        architectures = dict.fromkeys([*self.architectures(), *config.architectures])
        lines = (f"{a.cell},{a.skip},{a.dilation}\n" for a in architectures)
        body = f"{_HEADING}\n{''.join(lines)}"
        text = f"{body}{_SEAL}{sha256_bytes(body.encode())}\n"
        write_atomic(self.path / ARCHITECTURES, text.encode())

    def write(self, kind: str, table: pa.Table) -> None:
        """Write a finished unit; it is on disk when this returns.

        Raises:
            BuildError: the folder cannot be written.
        """
        content = parquet_bytes(table)
        with self.writing():
            write_atomic(self.work / _shard_name(kind, content), content)

    def read(self, kind: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """The whole shards of "runs" or "scores", by name; damaged ones are skipped and logged.

        Args:
            kind: of the shards.
            columns: the columns to read; all where None.

        Raises:
            BuildError: a shard cannot be read, or has other columns.
        """
        for path in sorted(self.work.glob(f"{kind}-*.parquet")):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue  # another builder has set it aside
            except OSError as error:
                # Not damage: building it again would discard finished work.
                raise BuildError(
                    f"shard {str(path)!r} cannot be read: {error.strerror or error}; make it "
                    f"readable, and run the command again"
                ) from error
            if path.name == _shard_name(kind, content):
                yield _table(path, kind, content, columns)
            else:
                logger.warning("shard %s is damaged and will be built again", path.name)
                self.damaged.append(path.name)

    def finished(self) -> frozenset[Key]:
        """The keys of finished work; failed runs are tried again."""
        runs = {
            RunKey(*key)
            for *key, status in self._keys("runs", (*RunKey._fields, "status"))
            if status != "failed"
        }
        scores = {ScoreKey(*key) for key in self._keys("scores", ScoreKey._fields)}
        return frozenset(runs | scores)

    def _keys(self, kind: str, fields: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
        for table in self.read(kind, list(fields)):
            yield from zip(*(table[field].to_pylist() for field in fields), strict=True)

    def set_damaged_aside(self) -> None:
        """Rename the damaged shards found so far; their work is then built again.

        Raises:
            BuildError: the folder cannot be written.
        """
        with self.writing():
            for name in self.damaged:
                with suppress(FileNotFoundError):  # another builder was quicker
                    (self.work / name).replace(self.work / (name + _DAMAGED_SUFFIX))


def _shard_name(kind: str, content: bytes) -> str:
    return f"{kind}-{sha256_bytes(content)[:_HASH_DIGITS]}.parquet"


def _table(path: Path, kind: str, content: bytes, columns: list[str] | None) -> pa.Table:
    declared = tuple(c for c in SHARD_TABLES[kind] if columns is None or c.name in columns)
    expected = arrow_schema(declared)
    try:
        table = read_parquet(content, expected.names)
        if not fits_schema(table.schema, expected):
            raise ValueError("of other types")
    except (OSError, ValueError, KeyError) as error:  # pyarrow's included
        raise BuildError(
            f"shard {str(path)!r} has other columns than this version writes; build into another "
            f"folder"
        ) from error
    return table.cast(expected)
