"""Formats of tables: aligned text, CSV, LaTeX, Markdown; frames as text. Must not import pandas."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
    | {"²": "$^2$", "†": "$^\\dagger$"}
)


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Align rows of cells: the first columns left, the others right.

    Args:
        rows: rows of cells.
        left: number of left-aligned columns.

    Example:
        >>> aligned([["image", "n"], ["lena", "12"]])
        ['image   n', 'lena   12']
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def folded(rows: Sequence[Sequence[str]], width: int, left: int = 1) -> list[str]:
    """Align rows as `aligned` does; columns that do not fit follow below in further blocks.

    Args:
        rows: rows of cells.
        width: line width in characters.
        left: number of left-aligned columns; every block repeats them.

    Example:
        >>> folded([["image", "tau", "n"], ["lena", "0.5", "12"]], 10)
        ['image  tau', 'lena   0.5', '', 'image   n', 'lena   12']
    """
    blocks: list[list[tuple[str, ...]]] = [[]]
    columns = [*zip(*rows, strict=True)]
    wide = [2 + max(map(len, column)) for column in columns]
    left_over = room = width + 2 - sum(wide[:left])
    for column, one in zip(columns[left:], wide[left:], strict=True):
        if blocks[-1] and one > left_over:
            blocks.append([])
            left_over = room
        blocks[-1].append(column)
        left_over -= one
    lines = [["", *aligned([*zip(*columns[:left], *one, strict=True)], left)] for one in blocks]
    return [line for block in lines for line in block][1:]


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


def estimate(value: float, low: float, high: float, form: str = "+.2f") -> str:
    """A number with its interval, as text.

    Example:
        >>> estimate(0.5, 0.4, 0.61), estimate(0.5, math.nan, math.nan), estimate(math.nan, 0, 0)
        ('+0.50 (+0.40..+0.61)', '+0.50', '--')
    """
    if math.isnan(value):
        return "--"
    return f"{value:{form}}" + ("" if math.isnan(low) else f" ({low:{form}}..{high:{form}})")


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV with a header line.

    Example:
        >>> csv_text(["image", "n"], [("lena", 12)])
        'image,n\\nlena,12\\n'
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()


def latex_escape(text: str) -> str:
    """Text with LaTeX's special characters escaped."""
    return text.translate(_LATEX)


def latex_float(
    caption: str, heads: Sequence[Sequence[str]], rows: Sequence[Sequence[str]], *, wide: bool
) -> str:
    """A table environment; needs the package booktabs.

    Args:
        caption: plain text.
        heads: header lines, plain text.
        rows: cells in LaTeX.
        wide: span both columns of a page and scale to them; needs the package graphicx.
    """
    kind = "table*" if wide else "table"
    lines = [f"\\begin{{{kind}}}", "\\centering", f"\\caption{{{latex_escape(caption)}}}"]
    if wide:
        lines.append("\\resizebox{\\textwidth}{!}{%")
    lines += [f"\\begin{{tabular}}{{l{'r' * (len(heads[0]) - 1)}}}", "\\toprule"]
    lines += [f"{' & '.join(map(latex_escape, head))} \\\\" for head in heads]
    lines += ["\\midrule", *(f"{' & '.join(row)} \\\\" for row in rows), "\\bottomrule"]
    lines += ["\\end{tabular}" + ("}" if wide else ""), f"\\end{{{kind}}}"]
    return "\n".join(lines) + "\n"


def markdown_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], right: Container[int] = ()
) -> str:
    """A Markdown table from cells that are already Markdown.

    Args:
        head: names of the columns.
        rows: cells.
        right: positions of the right-aligned columns.

    Example:
        >>> print(markdown_table(["image", "n"], [["lena", "12"]], right={1}))
        | image | n |
        | --- | ---: |
        | lena | 12 |
    """
    rule = ["---:" if place in right else "---" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def markdown_cell(text: str) -> str:
    """Escape text for a cell of a Markdown table; underscores within words need no escape."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def plain(text: str) -> str:
    """Escape text for Markdown, so that markup in a dataset's names shows as text."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)
