"""Files that are whole or absent: atomic writes, locks, hashes, tables as bytes.

pyarrow is imported on use.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

TEMPORARY_SUFFIX = ".tmp"


def check_folder(path: Path) -> None:
    """Reject a path that cannot be a folder to write to, before any work; creates nothing.

    Raises:
        ConfigError: the path, or where it would be created, is a file or may not be written to.
    """
    # Not `exists`, which raises if a folder may not be read.
    there = next(one for one in (path, *path.absolute().parents) if os.access(one, os.F_OK))
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "may not be written to" if there.is_dir() else "is a file"
        raise ConfigError(
            f"{str(path)!r} cannot be a folder to write to: {str(there)!r} {why}; name another "
            f"with --out"
        )


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path next to ``path`` to write to; renamed to it if the block ends without an exception.

    The file is flushed to disk before the rename and the folder after it, so that a crash leaves
    either the old file or the new one, whole.
    """
    aside = path.parent / f".{path.name}.{socket.gethostname()}.{os.getpid()}{TEMPORARY_SUFFIX}"
    try:
        yield aside
        sync_file(aside)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Flush a file to disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Flush a folder and everything in it to disk."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            sync_file(path)
        elif path.is_dir() and not path.is_symlink():
            sync_folder(path)
    sync_folder(folder)


def exchange(one: Path, other: Path) -> bool:
    """Swap the names of two paths on one file system, atomically.

    Returns:
        whether it was done; False if the system or the file system cannot.
    """
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # not Linux, or an old C library
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if renameat2(here, os.fsencode(one), here, os.fsencode(other), swap) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(other))


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold a lock between processes, waiting for it; the file exists only while it is held.

    The system drops the lock when the process ends, however it ends; if the file is left behind,
    the next holder takes it over.
    """
    import fcntl  # not on Windows, where datasets can be read

    while True:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # If the previous holder removed the file that we waited for, wait for the new one.
            if _is_at(path, file.fileno()):
                try:
                    yield
                finally:
                    with suppress(OSError):
                        path.unlink()
                return


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that it is whole or absent."""
    with atomic_path(path) as aside:
        aside.write_bytes(content)


def sha256_bytes(content: bytes | memoryview) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as the content of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # No dictionaries for numbers: results hardly repeat, so dictionaries would make files a fifth
    # larger, and counts, which do repeat, are read ten times as fast without. With Zstandard
    # reading takes three times as long, to save 7 % of the size.
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="lz4", use_dictionary=texts)
    return buffer.getvalue()


def open_parquet(content: bytes, dictionaries: Sequence[str] = ()) -> pq.ParquetFile:
    """Open the content of a Parquet file: its schema and sizes are known, no values are read.

    Args:
        content: content of the file.
        dictionaries: columns of strings to read as each string once, plus positions.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(content), read_dictionary=list(dictionaries))


def read_parquet(content: bytes, columns: list[str] | None = None) -> pa.Table:
    """The table in the content of a Parquet file, or some of its columns.

    Not ``pyarrow.parquet.read_table``, which imports pandas. It uses one thread, since Arrow's
    reading threads aborted processes at exit (7 of 60 short scripts, pyarrow 26).
    """
    return open_parquet(content).read(columns=columns, use_threads=False)
