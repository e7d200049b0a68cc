"""Finished pieces of work as files: whole, named by their content, never two things at one path.

A shard's name carries the SHA-256 of its content, so that a damaged one is found by its name, two
builders never write different things to one path, and a file is what it was when it was finished.
Shards are written aside, flushed and renamed: what a shard holds exists when the shard is whole.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.dataset.schema import Column, arrow_schema, fits_schema
from nasdip_bench.errors import BuildError
from nasdip_bench.storage.files import (
    TEMPORARY_SUFFIX,
    parquet_bytes,
    read_parquet,
    sha256_bytes,
    write_atomic,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ShardFiles", "remove_stale", "shard_name", "write_shard"]

logger = logging.getLogger(__name__)

DAMAGED_SUFFIX = ".damaged"
_HASH_DIGITS = 32
_STALE_SECONDS = 24 * 3600


class ShardFiles:
    """The shards in a folder.

    Args:
        path: the folder.
        tables: the columns of each kind of shard, by the kind's name.

    Attributes:
        damaged: names of the damaged shards met so far.
    """

    def __init__(self, path: Path, tables: Mapping[str, tuple[Column, ...]]) -> None:
        self.path = path
        self._tables = tables
        self.damaged: list[str] = []

    def write(self, kind: str, table: pa.Table) -> Path:
        """Write a finished piece; when this returns, it is on disk."""
        return write_shard(self.path, kind, parquet_bytes(table))

    def read(
        self,
        kind: str,
        columns: list[str] | None = None,
        *,
        set_aside: bool = True,
    ) -> Iterator[tuple[Path, pa.Table]]:
        """The whole shards of a kind, sorted by name; damaged ones are left out and logged.

        Args:
            kind: one of the tables.
            columns: the columns to read; all where None.
            set_aside: move damaged shards aside; False changes nothing on disk.

        Raises:
            BuildError: a shard that may not be read, or has other columns.
        """
        for path in sorted(self.path.glob(f"{kind}-*.parquet")):
            try:
                content = _content(path)
            except FileNotFoundError:
                continue  # another builder has set it aside
            except OSError as error:
                # Not damage: to build it again would give up what is finished.
                raise BuildError(
                    f"shard {str(path)!r} cannot be read: {error.strerror or error}; see to it "
                    f"that it can, and give the command again"
                ) from error
            if path.name != shard_name(kind, content):
                logger.warning("shard %s is damaged and is to be built again", path.name)
                self.damaged.append(path.name)
                if set_aside:
                    _set_aside(path)
                continue
            yield path, self._table(path, kind, content, columns)

    def load(self, path: Path, kind: str, columns: list[str] | None = None) -> pa.Table:
        """One shard that was whole before.

        Raises:
            BuildError: it is not there any more, or damaged since.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            content, reason = b"", error.strerror or str(error)
        else:
            reason = "it is damaged"
        if path.name != shard_name(kind, content):
            raise BuildError(
                f"shard {str(path)!r} was whole and cannot be read any more ({reason}): give the "
                f"same command again, which makes it anew"
            )
        return self._table(path, kind, content, columns)

    def _table(
        self,
        path: Path,
        kind: str,
        content: bytes,
        columns: list[str] | None,
    ) -> pa.Table:
        declared = self._tables[kind]
        if columns is not None:
            declared = tuple(column for column in declared if column.name in columns)
        try:
            table = read_parquet(content, [column.name for column in declared])
        except (OSError, ValueError, KeyError) as error:  # pyarrow's exceptions are such, too
            raise _other_columns(path) from error
        expected = arrow_schema(declared)
        if not fits_schema(table.schema, expected):
            raise _other_columns(path)
        return table.cast(expected)


def remove_stale(folder: Path) -> None:
    """Remove temporary files that a killed builder left, once they are surely nobody's."""
    for path in folder.rglob(f".*{TEMPORARY_SUFFIX}"):
        with suppress(FileNotFoundError):  # another builder was quicker
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()


def shard_name(kind: str, content: bytes) -> str:
    """The name of a shard, which carries the hash of its content."""
    return f"{kind}-{sha256_bytes(content)[:_HASH_DIGITS]}.parquet"


def write_shard(folder: Path, kind: str, content: bytes) -> Path:
    """Write a shard; when this returns, it is on disk."""
    path = folder / shard_name(kind, content)
    write_atomic(path, content)
    return path


def _content(path: Path) -> bytes:
    """The bytes of a shard; of one that the disk cannot give back, none, so that it is damaged."""
    try:
        return path.read_bytes()
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


def _set_aside(path: Path) -> None:
    try:
        with suppress(FileNotFoundError):  # another builder was quicker
            path.replace(path.with_name(path.name + DAMAGED_SUFFIX))
    except OSError as error:
        raise BuildError(
            f"damaged shard {str(path)!r} cannot be moved aside: {error.strerror or error}; remove "
            f"it, and give the command again"
        ) from error


def _other_columns(path: Path) -> BuildError:
    return BuildError(
        f"shard {str(path)!r} has other columns than this version writes; build into another folder"
    )
