"""Finished work as files (shards): each whole and named after its content.

A shard's name contains the SHA-256 of its content. So a damaged shard is recognised by its name,
builders never write different content to one path, and a file never changes once finished.
Shards are written to a temporary file, flushed and renamed, so a shard is either whole or absent.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.dataset.schema import arrow_schema, fits_schema
from nasdip_bench.errors import BuildError
from nasdip_bench.storage.files import (
    TEMPORARY_SUFFIX,
    parquet_bytes,
    read_parquet,
    sha256_bytes,
    write_atomic,
)

from .shard_schema import SHARD_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

DAMAGED_SUFFIX = ".damaged"
_HASH_DIGITS = 32
_STALE_SECONDS = 24 * 3600


def write_shard(folder: Path, kind: str, table: pa.Table) -> None:
    """Write a shard; it is on disk when this returns."""
    content = parquet_bytes(table)
    write_atomic(folder / _name(kind, content), content)


def _name(kind: str, content: bytes) -> str:
    return f"{kind}-{sha256_bytes(content)[:_HASH_DIGITS]}.parquet"


def read_shards(
    folder: Path, kind: str, columns: list[str] | None, damaged: list[str], *, set_aside: bool
) -> Iterator[pa.Table]:
    """See `BuildFolder.read`; the names of damaged shards are added to ``damaged``."""
    for path in sorted(folder.glob(f"{kind}-*.parquet")):
        try:
            content = _content(path)
        except FileNotFoundError:
            continue  # another builder has set it aside
        except OSError as error:
            # Not damage: building it again would discard finished work.
            raise BuildError(
                f"shard {str(path)!r} cannot be read: {error.strerror or error}; make it readable, "
                f"and run the command again"
            ) from error
        if path.name == _name(kind, content):
            yield _table(path, kind, content, columns)
            continue
        logger.warning("shard %s is damaged and will be built again", path.name)
        damaged.append(path.name)
        if set_aside:
            _set_aside(path)


def _content(path: Path) -> bytes:
    """The bytes of a shard; none after a disk error, so that the shard counts as damaged."""
    try:
        return path.read_bytes()
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


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


def _set_aside(path: Path) -> None:
    try:
        with suppress(FileNotFoundError):  # another builder was quicker
            path.replace(path.with_name(path.name + DAMAGED_SUFFIX))
    except OSError as error:
        raise BuildError(
            f"damaged shard {str(path)!r} cannot be moved aside: {error.strerror or error}; remove "
            f"it, and run the command again"
        ) from error


def remove_stale(folder: Path) -> None:
    """Remove temporary files of killed builders, once they are surely abandoned."""
    for path in folder.rglob(f".*{TEMPORARY_SUFFIX}"):
        with suppress(FileNotFoundError):  # another builder was quicker
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()
