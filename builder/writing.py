"""One clear error where files cannot be written."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from nasdip_bench.errors import BuildError

_FIRST = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room"),
    **dict.fromkeys(
        (errno.ENOSYS, errno.ENOLCK),
        "this file system has no file locks: mount it with '-o flock', use a local disk",
    ),
}


@contextmanager
def writing(what: str, then: str) -> Iterator[None]:
    """Raise `BuildError` for an `OSError` in the block, which writes ``what``.

    Args:
        what: is written, for the message.
        then: ends the message, after what to do about the cause, such as "make room".
    """
    try:
        yield
    except OSError as error:
        first = _FIRST.get(error.errno or 0, "correct that")
        raise BuildError(
            f"cannot write {what}: {error.strerror or error}; {first}{then}"
        ) from error
