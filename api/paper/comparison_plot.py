"""Picture of Table 2 or 3."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..exhibits.drawing import caption_lines, new_figure, save, write_caption

if TYPE_CHECKING:
    from .comparison import ComparisonTable

__all__ = ["draw_comparison"]

_ROW_INCHES = 0.27
_HEAD_INCHES = 0.6


def draw_comparison(table: ComparisonTable, path: Path, form: str) -> None:
    """Draw the table: printed columns, the highest bold, then the further ones behind a line.

    Args:
        table: what to draw.
        path: file to write.
        form: "png" or "pdf".

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    columns, heads = (*table.columns, *table.further), table.column_heads()
    names = 0.085 * max(len(row.label) for row in table.rows) + 0.8
    widths = [max(1.05, *(0.078 * len(part) + 0.25 for part in head)) for head in heads]
    lefts = [names + sum(widths[:i]) for i in range(len(widths))]
    width = names + sum(widths) + 0.15
    lines, caption = caption_lines([table.caption, *table.notes], width)
    height = _HEAD_INCHES + _ROW_INCHES * len(table.rows) + caption + 0.1
    drawing = new_figure(width, height)
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)  # inches from the top left
    for (first, second), left, wide in zip(heads, lefts, widths, strict=True):
        axes.text(left + wide / 2, 0.2, first, ha="center", va="center", fontsize=8)
        axes.text(left + wide / 2, 0.4, second, ha="center", va="center", fontsize=8, color="0.35")
    axes.text(names - 0.1, 0.4, "n", ha="right", va="center", fontsize=8, color="0.35")
    for number, row in enumerate(table.rows):
        middle = _HEAD_INCHES + (number + 0.5) * _ROW_INCHES
        axes.text(0.15, middle, row.label, va="center", fontsize=9)
        axes.text(names - 0.1, middle, table.count(row), ha="right", va="center", fontsize=8)
        known = [row.cells[c].ours_db for c in table.columns]
        best = max((value for value in known if value is not None), default=None)
        for column, left, wide in zip(columns, lefts, widths, strict=True):
            ours, paper = table.cell(row, column)
            value = row.cells[column].ours_db
            leads = column in table.columns and value is not None and value == best
            weight = "bold" if leads else "normal"
            aside = left + (0.5 if paper else 0.66) * wide
            axes.text(aside, middle, ours, ha="right", va="center", fontsize=9, weight=weight)
            if paper:
                shown = f"({paper})"
                axes.text(aside + 0.05, middle, shown, va="center", fontsize=8, color="0.3")
    bottom = _HEAD_INCHES + _ROW_INCHES * len(table.rows)
    axes.plot([0.15, width - 0.15], [_HEAD_INCHES] * 2, color="0.2", linewidth=0.8)
    if table.further:
        cut = lefts[len(table.columns)]
        axes.plot([cut, cut], [0.1, bottom], color="0.7", linewidth=0.8)
    write_caption(drawing, lines, caption)
    save(drawing, path, form)
