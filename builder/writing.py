"""One clear error where files cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nasdip_bench.errors import BuildError


@contextmanager
def writing(what: str, remedy: str) -> Iterator[None]:
    """Raise `BuildError` for an `OSError` in the block, which writes ``what``."""
    try:
        yield
    except OSError as error:
        raise BuildError(f"cannot write {what}: {error.strerror or error}; {remedy}") from error
