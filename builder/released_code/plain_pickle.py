"""Reads pickles that hold only plain values and NumPy arrays of numbers.

The paper's released code keeps its results in pickles, and a pickle is a program: Python's reader
imports and calls what it names. Here no name is looked up: `find_class` knows only the names that
arrays are written with, and maps them to functions of this module. Arrays are made only from bytes
in the file, so a small file cannot expand.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from nasdip_bench.errors import DatasetError

MAX_BYTES = 512 * 2**20
_MAX_AXES = 8
_FORMAT = re.compile(r"[<>=|]?(?:[?bBhHiIlLqQefd]|b1|[iu][1248]|f[248])")
_PLAIN = (bool, int, float, str, bytes, type(None), np.ndarray)


class _Refused(Exception):  # noqa: N818 - becomes a DatasetError with the file's name
    """Content that a file must not have."""


def read_plain_pickle(content: bytes, where: str) -> Any:
    """Read the value in a pickle of any protocol.

    Args:
        content: of the file.
        where: name of the file in messages.

    Returns:
        None, booleans, numbers, strings, bytes, lists and dicts of these and of NumPy arrays of
        booleans, integers and floats. A tuple is returned as a list, a bytearray as bytes.

    Raises:
        DatasetError: it is not a pickle, is damaged or too large, or contains anything else.
    """
    try:
        if len(content) > MAX_BYTES:
            raise _Refused(f"{len(content)} bytes; at most {MAX_BYTES} are read")
        value = _Unpickler(io.BytesIO(content)).load()
        _check_plain(value)
    except _Refused as error:
        raise DatasetError(
            f"{where} is refused: it contains {error}; only plain lists, dicts, numbers and NumPy "
            f"arrays are read"
        ) from None
    except Exception as error:  # the unpickler raises many types on damaged content
        raise DatasetError(
            f"{where} is not a complete pickle ({' '.join(str(error).split())})"
        ) from None
    return value


_STEPS = pickle._Unpickler.dispatch


def _list_of_last(count: int) -> Callable[[Any], None]:
    def step(self: Any) -> None:
        self.stack[-count:] = [self.stack[-count:]]

    return step


class _Unpickler(pickle._Unpickler):
    """Python's own unpickler; the one in C would allocate whatever size a damaged file states.

    So would its bytearray, which is read as bytes. Tuples become lists, which cannot be keys, since
    hashing a deeply nested tuple would crash.
    """

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **_STEPS,
        pickle.BYTEARRAY8[0]: _STEPS[pickle.BINBYTES8[0]],
        pickle.EMPTY_TUPLE[0]: _STEPS[pickle.EMPTY_LIST[0]],
        pickle.TUPLE[0]: _STEPS[pickle.LIST[0]],
        pickle.TUPLE1[0]: _list_of_last(1),
        pickle.TUPLE2[0]: _list_of_last(2),
        pickle.TUPLE3[0]: _list_of_last(3),
    }

    def find_class(self, module: str, name: str, /) -> Any:
        """The replacement for a name that numbers and arrays are written with."""
        known = _KNOWN.get((module.replace("numpy._core", "numpy.core"), name))
        if known is None:
            raise _Refused(ascii(f"{module} {name}")[1:-1][:100])
        return known


class _Array(np.ndarray):
    """An array whose content follows in a later instruction."""

    def __setstate__(self, state: Any, /) -> None:
        _, shape, kind, by_column, data = state
        found = _array(data, kind, shape)
        content = (1, found.shape, found.dtype, bool(by_column), found.tobytes())
        super().__setstate__(content)  # type: ignore[arg-type]


class _Type:
    """A NumPy type of numbers."""

    def __init__(self, text: str) -> None:
        if not _FORMAT.fullmatch(text):
            raise _Refused(f"the type {ascii(text)[:60]}")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: Any) -> None:
        _, order, *rest = state
        if order not in ("<", ">", "=", "|") or any(rest[:3]):
            raise _Refused("a type with parts")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


def _array(data: Any, kind: Any, shape: Any, order: str = "C") -> np.ndarray:
    """An array made from bytes in the file, which must match its shape."""
    if isinstance(data, str):  # of Python 2
        data = data.encode("latin-1")
    if not (isinstance(kind, _Type) and isinstance(data, bytes)):
        raise _Refused("an array of anything but numbers")
    if len(shape) > _MAX_AXES or min(shape, default=0) < 0 or order not in ("C", "F"):
        raise ValueError(f"an array of shape {shape!r:.60}")
    if math.prod(shape) * kind.dtype.itemsize != len(data):
        raise ValueError(f"an array of shape {shape!r:.60} in {len(data)} bytes")
    return np.frombuffer(data, kind.dtype).reshape(shape, order="F" if order == "F" else "C")


def _empty_array(kind: Any, *_: Any) -> _Array:
    if kind is not _NDARRAY:
        raise _Refused("an array of a class of its own")
    return _Array((0,), np.uint8)


def _encoded(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1", "iso-8859-1"):
        raise _Refused(f"bytes as {ascii(encoding)[:60]}")
    return text.encode("latin-1")


_NDARRAY = object()
_KNOWN: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): lambda text, *_: _Type(text),
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.multiarray", "scalar"): lambda kind, data: _array(data, kind, (1,))[0].item(),
    ("numpy.core.numeric", "_frombuffer"): _array,
    ("_codecs", "encode"): _encoded,
    ("__builtin__", "bytes"): lambda: b"",
    ("builtins", "bytes"): lambda: b"",
}
"""Replacements for the names that numbers and arrays are written with."""


def _check_plain(value: Any) -> None:
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif not isinstance(one, _PLAIN):
            raise _Refused(f"a {type(one).__name__} in the place of a value")
