"""Frames as aligned text, with all rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .forms import folded

if TYPE_CHECKING:
    import pandas as pd


def frame_text(frame: pd.DataFrame, width: int | None = None) -> str:
    """A frame as aligned text: all rows and columns, sensible digits, "--" for missing values.

    Empty columns are left out; the column ``reason`` becomes notes below the table.

    Args:
        frame: its index comes first; its columns have one level.
        width: line width in characters; columns that do not fit follow below, with the index
            repeated. None for no limit.

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
    table = folded([*zip(*first, *columns, strict=True)], width or 10**9, len(first))
    notes = [] if "reason" not in frame else _notes(frame["reason"])
    return "\n".join([*table, *notes]) + "\n"


def _notes(reasons: pd.Series) -> list[str]:
    """An empty line, then a line for each reason with the rows it applies to."""
    rows: dict[str, list[str]] = {}
    for key, reason in reasons.items():
        if reason:
            rows.setdefault(reason, []).append(
                "/".join(map(str, key)) if isinstance(key, tuple) else str(key)
            )
    lines = [f"-- : {reason}: {', '.join(keys)}" for reason, keys in rows.items()]
    return ["", *lines] if lines else []


def _cells(column: pd.Series) -> list[str]:
    """The cells of a column; the largest value sets the number of decimals of floats."""
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
