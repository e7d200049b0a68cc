"""Errors for calls with wrong arguments that show the right ones.

Python says "takes 2 positional arguments but 3 were given", counting a ``self`` that nobody wrote.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from nasdip_bench.errors import CallError

_Class = TypeVar("_Class", bound=type)
_P = ParamSpec("_P")
_R = TypeVar("_R")


def explain_calls(kind: _Class) -> _Class:
    """Make a class raise `CallError` for wrong arguments.

    Covers the constructor and all public methods, including inherited ones.
    """
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        own = not isinstance(inspect.getattr_static(kind, name), staticmethod)
        if own and (name == "__init__" or not name.startswith("_")):
            called = kind.__name__ if name == "__init__" else name
            setattr(kind, name, explain_call(method, called, bound=True))
    return kind


def explain_call(
    function: Callable[_P, _R], name: str | None = None, *, bound: bool = False
) -> Callable[_P, _R]:
    """Make a function raise `CallError` for wrong arguments.

    Args:
        function: the function.
        name: the name to show; None for its own.
        bound: whether it is a method, whose first argument is implicit.
    """

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except TypeError:
            signature = inspect.signature(function)
            try:
                signature.bind(*args, **kwargs)
            except TypeError:
                pass
            else:
                raise
        raise CallError(_told(name or function.__name__, signature, args[bound:], kwargs, bound))

    return call


def _told(
    name: str,
    signature: inspect.Signature,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    bound: bool,
) -> str:
    parameters = list(signature.parameters.values())[bound:]
    given = [*map(_short, args), *(f"{key}={_short(value)}" for key, value in kwargs.items())]
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in parameters]
    near = [
        match
        for key in kwargs
        for match in difflib.get_close_matches(key, [one.name for one in parameters], n=1)
        if match != key
    ]
    meant = f" Did you mean {' and '.join(f'{one}=' for one in near)}?" if near else ""
    star = any(one.kind is one.KEYWORD_ONLY for one in parameters)
    rest = "; names after * are given by keyword" if star else ""
    return (
        f"{name}({', '.join(given)}) cannot be called.{meant} It is "
        f"{name}{inspect.Signature(bare)}{rest}"
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"<{type(value).__name__}>"
