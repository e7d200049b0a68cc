"""Calls with wrong arguments, answered with the arguments that there are.

Python says "takes 2 positional arguments but 3 were given", counting one that nobody wrote.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from nasdip_bench.errors import CallError

__all__ = ["explain_calls"]

_Class = TypeVar("_Class", bound=type)


def explain_calls(kind: _Class) -> _Class:
    """A class whose public methods, inherited ones too, raise `CallError` for wrong arguments."""
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            setattr(kind, name, _explained(name, method))
    return kind


def _explained(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except TypeError as error:
            inside = error.__traceback__ is not None and error.__traceback__.tb_next is not None
            if inside:
                raise
        raise CallError(_told(name, method, args, kwargs))

    return call


def _told(
    name: str, method: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> str:
    parameters = list(inspect.signature(method).parameters.values())[1:]
    given = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
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
