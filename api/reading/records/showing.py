"""Show results on one line, or as a table in a notebook. Numbers get six digits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, TypeVar

import numpy as np

_Record = TypeVar("_Record")
_MOST_NAMES = 4


def shown(value: Any) -> str:
    """A value as text: floats with six digits, arrays and nested records abbreviated.

    Example:
        >>> shown(22.94503021240234), shown((0, 1)), shown(None)
        ('22.945', '0, 1', '')
    """
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    if isinstance(value, np.ndarray):
        return f"{' x '.join(map(str, value.shape))} {value.dtype}"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return record_repr(value)
    if _of_records(value):
        return f"{len(value)} of {type(value[0]).__name__}"
    if isinstance(value, tuple | list):
        return ", ".join(map(shown, value))
    if isinstance(value, dict):
        if len(value) > _MOST_NAMES:
            return f"{len(value)} names"
        return "; ".join(f"{name} {shown(one)}" for name, one in value.items())
    return str(value)


def _of_records(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and hasattr(value[0], "_fields")


def fields(record: Any) -> list[tuple[str, Any]]:
    """Names and values of a named tuple's fields, without trailing ones that are None."""
    found = list(record._asdict().items())
    while found and found[-1][1] is None:
        found.pop()
    return found


def record_repr(record: Any) -> str:
    """A named tuple on one line: arrays abbreviated, without trailing fields that are None."""
    parts = [f"{name}={_repr(value)}" for name, value in fields(record)]
    return f"{type(record).__name__}({', '.join(parts)})"


def _repr(value: Any) -> str:
    if isinstance(value, np.ndarray | dict) or _of_records(value):
        return f"<{shown(value)}>"
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return f"({', '.join(map(_repr, value))}{',' * (len(value) == 1)})"
    return repr(value) if value is None or isinstance(value, str) else shown(value)


def record_html(record: Any) -> str:
    """A named tuple as a table for a notebook, one row per field."""
    rows = [(name, shown(value)) for name, value in fields(record)]
    return html_table([[type(record).__name__, ""]], rows)


def displayed(kind: type[_Record]) -> type[_Record]:
    """Make a class of named tuples show itself with `record_repr`, and its own or `record_html`."""
    kind.__repr__ = record_repr  # type: ignore[method-assign]
    if not hasattr(kind, "_repr_html_"):
        kind._repr_html_ = record_html  # type: ignore[attr-defined]
    return kind


def html_table(
    heads: Iterable[Sequence[str]],
    rows: Iterable[Sequence[str]],
    *,
    caption: str = "",
    notes: Iterable[str] = (),
) -> str:
    """A table of plain text for a notebook: the first column aligned left, the others right.

    The caption stands above it, the notes below.

    Example:
        >>> "a&lt;b</td>" in html_table([["image", "n"]], [["a<b", "12"]])
        True
    """
    above = f'<caption style="text-align: left">{escape(caption)}</caption>' if caption else ""
    head = "".join(f"<tr>{_cells('th', line)}</tr>" for line in heads)
    body = "".join(f"<tr>{_cells('td', line)}</tr>" for line in rows)
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f"<table>{above}<thead>{head}</thead><tbody>{body}</tbody></table>{below}"


def _cells(tag: str, cells: Sequence[str]) -> str:
    sides = ["left", *["right"] * (len(cells) - 1)]
    return "".join(
        f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
        for side, cell in zip(sides, cells, strict=True)
    )
