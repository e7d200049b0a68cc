"""Frames as aligned text, all rows and columns of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .forms import aligned

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame_text"]


def frame_text(frame: pd.DataFrame, width: int | None = None) -> str:
    """A frame as aligned text: all rows and columns, sensible digits, "--" where nothing is.

    Columns without a single value are left out; what ``reason`` says stands below the table.

    Args:
        frame: its index comes first, its columns have names of one level.
        width: of the lines in characters; columns that do not fit follow below, again with the
            index. None for no limit.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"dB": [26.28521, None]}, index=["lena", "boat"])
        >>> print(frame_text(frame), end="")
                  dB
        lena  26.285
        boat      --
    """
    index = frame.index.to_frame()
    names = ["" if name is None else str(name) for name in frame.index.names]
    first = [[name, *map(_cell, index.iloc[:, at])] for at, name in enumerate(names)]
    numbers = frame.drop(columns="reason", errors="ignore")
    kept = [name for name in numbers if not numbers[name].isin([None, "", float("nan")]).all()]
    columns = [[str(name), *_cells(numbers[name])] for name in kept]
    blocks = _blocks(columns, (width or 10**9) - sum(map(_wide, first)))
    tables = [aligned([*zip(*first, *block, strict=True)], len(first)) for block in blocks]
    notes = [] if "reason" not in frame else _notes(frame["reason"])
    return "\n\n".join("\n".join(lines) for lines in (*tables, *notes)) + "\n"


def _blocks(columns: Sequence[list[str]], room: int) -> list[list[list[str]]]:
    """Columns that fit beside each other."""
    blocks: list[list[list[str]]] = [[]]
    for column in columns:
        if blocks[-1] and sum(map(_wide, [*blocks[-1], column])) > room:
            blocks.append([])
        blocks[-1].append(column)
    return blocks


def _wide(column: Sequence[str]) -> int:
    return 2 + max(map(len, column))


def _notes(reasons: pd.Series) -> list[list[str]]:
    """Lines that say of which rows a reason is."""
    rows: dict[str, list[str]] = {}
    for key, reason in reasons.items():
        if reason:
            rows.setdefault(reason, []).append(
                "/".join(map(str, key)) if isinstance(key, tuple) else str(key)
            )
    lines = [f"-- : {reason}: {', '.join(keys)}" for reason, keys in rows.items()]
    return [lines] if lines else []


def _cells(column: pd.Series) -> list[str]:
    """The cells of a column: of floats as many decimals as the largest of them needs."""
    if column.dtype.kind != "f":
        return [*map(_cell, column)]
    finite = column[column.abs() < float("inf")]
    most = finite.abs().max()
    whole = most < 1e7 and (finite % 1 == 0).all()
    form = ".0f" if whole or 1000 <= most < 1e7 else ".3f" if 0.01 <= most < 1000 else ".3g"
    return ["--" if value != value else f"{value:{form}}" for value in column]


def _cell(value: object) -> str:
    if value is None or value != value:
        return "--"
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
