"""A reader of pickles that runs nothing: plain values and NumPy arrays, and all else is refused.

The paper's released code keeps its results in pickles, and a pickle is a program: Python's own
reader imports and calls what it names. This one interprets the few instructions that plain values
and arrays of numbers are written with. It imports nothing, calls nothing that a file names, and
makes an array only from bytes that stand in the file, so that a small file cannot unfold.
"""

from __future__ import annotations

import io
import math
import pickletools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from nasdip_bench.errors import DatasetError

__all__ = ["MAX_BYTES", "read_plain_pickle"]

MAX_BYTES = 512 * 2**20
MAX_STEPS = 20_000_000
_MAX_AXES = 8


class _Refused(Exception):  # noqa: N818 - becomes a DatasetError with the file's name
    """What a file contains and may not."""


class _Global(str):
    """A name that a file mentions; never looked up."""


class _Type:
    """A NumPy type that is being described."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype


class _Array:
    """An array that is being described; its content comes with a later instruction."""

    value: np.ndarray | None = None


_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_NDARRAY, _DTYPE = _Global("numpy ndarray"), _Global("numpy dtype")
_RECONSTRUCT = frozenset(f"{module} _reconstruct" for module in _MULTIARRAY)
_SCALAR = frozenset(f"{module} scalar" for module in _MULTIARRAY)
_FROM_BUFFER = frozenset(f"{module} _frombuffer" for module in _NUMERIC)
_ENCODE = _Global("_codecs encode")
_EMPTY_BYTES = frozenset(f"{module} bytes" for module in ("__builtin__", "builtins"))
_KNOWN = {_NDARRAY, _DTYPE, _ENCODE, *_EMPTY_BYTES, *_RECONSTRUCT, *_SCALAR, *_FROM_BUFFER}

_FORMAT = re.compile(r"[<>=|]?(?:[?bBhHiIlLqQefd]|b1|[iu][1248]|f[248])")
_MARK = object()


def read_plain_pickle(content: bytes, where: str) -> Any:
    """The value in a pickle of any protocol.

    Args:
        content: of the file.
        where: how to call it.

    Returns:
        None, booleans, numbers, strings, bytes, lists, tuples and dicts of these and of NumPy
        arrays of booleans, integers and floats.

    Raises:
        DatasetError: it is no pickle, damaged, too large, or contains anything else.
    """
    try:
        if len(content) > MAX_BYTES:
            raise _Refused(f"{len(content)} bytes; at most {MAX_BYTES} are read")
        return _Interpreter().run(content)
    except _Refused as error:
        raise DatasetError(
            f"{where} is refused: it contains {error}; only plain lists, dicts, numbers and NumPy "
            f"arrays are read"
        ) from None
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise DatasetError(f"{where} is no whole pickle ({' '.join(str(error).split())})") from None


class _Interpreter:
    """The state of reading one pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.described = False

    def run(self, content: bytes) -> Any:
        """The value that is left when the pickle stops."""
        for step, (code, argument, _) in enumerate(pickletools.genops(io.BytesIO(content))):
            if step >= MAX_STEPS:
                raise _Refused(f"more than {MAX_STEPS} instructions")
            if code.name == "STOP":
                break
            action = _ACTIONS.get(code.name)
            if action is None:
                raise _Refused(f"the instruction {code.name}")
            action(self, argument)
        value = self.stack.pop()
        if self.stack:
            raise ValueError("values are left over")
        return _filled(value) if self.described else _checked(value)

    # Instructions

    def push(self, value: Any) -> None:
        """A value that stands in the file."""
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        """Take what was pushed since the last mark, and the mark."""
        taken: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            taken.append(value)
        taken.reverse()
        return taken

    def tuple_of(self, count: int) -> None:
        """Take so many values as a tuple."""
        if count > len(self.stack):
            raise ValueError("values are missing")
        taken = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        self.stack.append(taken)

    def append(self, values: list[Any]) -> None:
        """Append to the list on top."""
        _of(list, self.stack[-1]).extend(values)

    def set_items(self, values: list[Any]) -> None:
        """Set items of the dict on top."""
        target = _of(dict, self.stack[-1])
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str | int | float | bool | None):
                raise _Refused(f"a key of type {type(key).__name__}")
            target[key] = value

    def memoize(self, place: int | None = None) -> None:
        """Remember the value on top."""
        self.memo[len(self.memo) if place is None else place] = self.stack[-1]

    def named(self, name: str) -> None:
        """Push a name, if it is one of those that arrays are written with."""
        if name not in _KNOWN:
            raise _Refused(ascii(name)[1:-1][:100])
        self.described = True
        self.stack.append(_Global(name))

    def named_by_stack(self) -> None:
        """The same, of a module and a name on the stack."""
        name, module = _of(str, self.stack.pop()), _of(str, self.stack.pop())
        self.named(f"{module} {name}")

    def reduce(self) -> None:
        """What a name gives with arguments: known by heart for each of the names."""
        arguments, name = _of(tuple, self.stack.pop()), _of(_Global, self.stack.pop())
        self.stack.append(_described(name, arguments))

    def build(self) -> None:
        """The content of an array, or the byte order of a type."""
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, _Type):
            target.dtype = _ordered(target.dtype, _of(tuple, state))
        elif isinstance(target, _Array):
            _, shape, kind, by_column, data = _of(tuple, state)
            target.value = _array(data, _of(_Type, kind), shape, "F" if by_column else "C")
        else:
            raise _Refused("an object with a state")


def _described(name: _Global, arguments: tuple[Any, ...]) -> Any:
    if name in _RECONSTRUCT:
        if arguments[0] != _NDARRAY:
            raise _Refused("an array of a class of its own")
        return _Array()
    if name == _DTYPE:
        text = _of(str, arguments[0])
        if not _FORMAT.fullmatch(text):
            raise _Refused(f"the type {ascii(text)[:60]}")
        return _Type(np.dtype(text))
    if name in _SCALAR:
        kind, data = arguments
        return _array(data, _of(_Type, kind), (1,), "C")[0].item()
    if name in _FROM_BUFFER:
        data, kind, shape, order = arguments
        described = _Array()
        described.value = _array(data, _of(_Type, kind), shape, _of(str, order))
        return described
    if name == _ENCODE:
        text, encoding = arguments
        if encoding not in ("latin1", "latin-1", "iso-8859-1"):
            raise _Refused(f"bytes as {ascii(encoding)[:60]}")
        return _of(str, text).encode("latin-1")
    if name in _EMPTY_BYTES and arguments == ():
        return b""
    raise _Refused(f"a call of {name}")


def _ordered(dtype: np.dtype[Any], state: tuple[Any, ...]) -> np.dtype[Any]:
    _, order, *rest = state
    if order not in ("<", ">", "=", "|") or any(rest[:3]):
        raise _Refused("a type with parts")
    return dtype.newbyteorder(order) if order in ("<", ">") else dtype


def _array(data: Any, kind: _Type, shape: Any, order: str) -> np.ndarray:
    """An array of bytes that stand in the file, as many as its shape needs."""
    if isinstance(data, str):  # of Python 2
        data = data.encode("latin-1")
    if not isinstance(data, bytes | bytearray):
        raise _Refused("an array that is no bytes")
    sides = [_of(int, side) for side in _of(tuple, shape)]
    if len(sides) > _MAX_AXES or min(sides, default=0) < 0 or order not in ("C", "F"):
        raise ValueError(f"an array of shape {shape!r:.60}")
    if math.prod(sides) * kind.dtype.itemsize != len(data):
        raise ValueError(f"an array of shape {shape!r:.60} in {len(data)} bytes")
    values = np.frombuffer(bytes(data), kind.dtype)
    return values.reshape(sides, order="F" if order == "F" else "C")


def _of(kind: type, value: Any) -> Any:
    if not isinstance(value, kind) or (kind is not _Global and isinstance(value, _Global)):
        raise ValueError(f"a {type(value).__name__} where a {kind.__name__} must be")
    return value


def _checked(value: Any) -> Any:
    if value is _MARK:
        raise ValueError("it ends in the middle")
    return value


def _filled(value: Any) -> Any:
    """A value with arrays in the place of their descriptions; lists and dicts in place."""
    top = [value]
    waiting: list[Any] = [top]
    seen: set[int] = set()
    while waiting:
        holder = waiting.pop()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        items = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, item in list(items):
            if isinstance(item, _Array):
                if isinstance(holder, tuple) or item.value is None:
                    raise _Refused("an array inside a tuple, or without content")
                holder[key] = item.value
            elif isinstance(item, _Global | _Type):
                raise _Refused("a name in the place of a value")
            elif isinstance(item, list | dict | tuple):
                waiting.append(item)
    return _checked(top[0])


_Action = Callable[[_Interpreter, Any], None]

_ACTIONS: dict[str, _Action] = {
    "PROTO": lambda self, _: None,
    "FRAME": lambda self, _: None,
    "MARK": lambda self, _: self.push(_MARK),
    "POP": lambda self, _: _drop(self.stack),
    "POP_MARK": lambda self, _: _drop_marked(self),
    "DUP": lambda self, _: self.push(self.stack[-1]),
    "NONE": lambda self, _: self.push(None),
    "NEWTRUE": lambda self, _: self.push(True),
    "NEWFALSE": lambda self, _: self.push(False),
    "EMPTY_LIST": lambda self, _: self.push([]),
    "EMPTY_TUPLE": lambda self, _: self.push(()),
    "EMPTY_DICT": lambda self, _: self.push({}),
    "LIST": lambda self, _: self.push(self.since_mark()),
    "TUPLE": lambda self, _: self.push(tuple(self.since_mark())),
    "TUPLE1": lambda self, _: self.tuple_of(1),
    "TUPLE2": lambda self, _: self.tuple_of(2),
    "TUPLE3": lambda self, _: self.tuple_of(3),
    "DICT": lambda self, _: _make_dict(self),
    "APPEND": lambda self, _: _append_one(self),
    "APPENDS": lambda self, _: self.append(self.since_mark()),
    "SETITEM": lambda self, _: _set_one(self),
    "SETITEMS": lambda self, _: self.set_items(self.since_mark()),
    "MEMOIZE": lambda self, _: self.memoize(),
    "GLOBAL": lambda self, name: self.named(name),
    "STACK_GLOBAL": lambda self, _: self.named_by_stack(),
    "REDUCE": lambda self, _: self.reduce(),
    "BUILD": lambda self, _: self.build(),
    **{name: lambda self, place: self.memoize(place) for name in ("PUT", "BINPUT", "LONG_BINPUT")},
    **{
        name: lambda self, place: self.push(self.memo[place])
        for name in ("GET", "BINGET", "LONG_BINGET")
    },
    **{
        name: lambda self, value: self.push(value)
        for name in (
            "INT",
            "LONG",
            "LONG1",
            "LONG4",
            "BININT",
            "BININT1",
            "BININT2",
            "FLOAT",
            "BINFLOAT",
            "STRING",
            "BINSTRING",
            "SHORT_BINSTRING",
            "UNICODE",
            "BINUNICODE",
            "BINUNICODE8",
            "SHORT_BINUNICODE",
            "BINBYTES",
            "BINBYTES8",
            "SHORT_BINBYTES",
            "BYTEARRAY8",
        )
    },
}
"""What each instruction does; those that are absent are refused."""


def _drop(stack: list[Any]) -> None:
    stack.pop()


def _drop_marked(self: _Interpreter) -> None:
    self.since_mark()


def _append_one(self: _Interpreter) -> None:
    value = self.stack.pop()
    self.append([value])


def _set_one(self: _Interpreter) -> None:
    value, key = self.stack.pop(), self.stack.pop()
    self.set_items([key, value])


def _make_dict(self: _Interpreter) -> None:
    values = self.since_mark()
    self.push({})
    self.set_items(values)
