"""Formats of tables: aligned text, CSV, LaTeX, Markdown. Plain strings in and out."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Container, Iterable, Sequence

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
