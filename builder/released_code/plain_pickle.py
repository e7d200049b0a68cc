"""Reads pickles of the paper's released code without running them.

A pickle is a program: Python's reader imports and calls what it names. Here the only known names
are those that arrays are written with, and all of them stand for one class that holds nothing:
nobody needs the arrays, which are restored images.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from nasdip_bench.errors import DatasetError

_MOST_BYTES = 64 * 2**20


class _Unread:
    """Stands for an array, or a part of one."""

    def __init__(self, *_parts: object) -> None:
        """Forget the parts."""

    def __setstate__(self, _content: object) -> None:
        """Forget the content."""


_OF_ARRAYS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
}
"""The names in the pickle of an array."""


class _Unpickler(pickle._Unpickler):
    """The reader written in Python; that in C reserves whatever memory a damaged file states."""

    def find_class(self, module: str, name: str, /) -> Any:
        """The stand-in for an array; a file that names anything else is refused."""
        if (module.replace("numpy._core", "numpy.core"), name) not in _OF_ARRAYS:
            what = ascii(f"{module} {name}")[1:-1][:100]
            raise pickle.UnpicklingError(f"it names {what}, and only plain values are read")
        return _Unread


def read_plain_pickle(path: Path) -> Any:
    """Read the value in a pickle: Python's plain values, with a stand-in for every array.

    Raises:
        DatasetError: it cannot be read, is damaged or too large, or contains anything else.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise pickle.UnpicklingError(f"it has more than {_MOST_BYTES} bytes")
        return _Unpickler(io.BytesIO(path.read_bytes())).load()
    except Exception as error:  # the unpickler raises many types on damaged content
        said = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise DatasetError(f"{str(path)!r} cannot be read ({said or 'it ends early'})") from error
