"""Pictures of tables: the overlap of images as a heat map, tau with its printed values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..exhibits.drawing import caption_lines, new_figure, save, write_caption

if TYPE_CHECKING:
    from .figure1 import OverlapFigure
    from .tau_table import TauTable

__all__ = ["draw_overlap", "draw_tau"]

_CELL_INCHES = 0.55
_ROW_INCHES = 0.3
_TITLE = 8
_TEXT = 9


def draw_overlap(figure: OverlapFigure, path: Path, form: str) -> None:
    """Draw a heat map with its counts, names and caption.

    Args:
        figure: what to draw.
        path: file to write.
        form: "png" or "pdf".

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    values, cells, labels = figure.frame.to_numpy(float), figure.cells(), figure.labels
    k = figure.frame.attrs["k"]
    side = max(4.5, _CELL_INCHES * len(labels))
    names = 0.085 * max(map(len, labels)) + 0.25  # room for the names on the left and below
    width = names + side + 1.1
    lines, caption = caption_lines([figure.caption, *figure.notes], width)
    height = side + names + caption + 0.15
    drawing = new_figure(width, height)
    axes = drawing.add_axes(
        (names / width, (caption + names) / height, side / width, side / height)
    )
    # The diagonal is k by definition: leaving it out gives the colours to what varies.
    off_diagonal = np.where(np.eye(len(labels), dtype=bool), np.nan, values)
    top = k if len(labels) == 1 else max(1.0, float(np.nanmax(off_diagonal)))
    image = axes.imshow(off_diagonal, cmap="viridis", vmin=0, vmax=top)
    axes.set_facecolor("0.85")
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    for row, line in enumerate(cells):
        for column, cell in enumerate(line):
            dark = row != column and values[row, column] < 0.6 * top
            axes.text(
                column, row, cell, ha="center", va="center", color="white" if dark else "black"
            )
    bar = drawing.add_axes(
        ((names + side + 0.15) / width, (caption + names) / height, 0.18 / width, side / height)
    )
    scale = drawing.colorbar(image, cax=bar, label=f"shared among the {k} best")
    from matplotlib.ticker import MaxNLocator

    scale.locator = MaxNLocator(integer=True)
    scale.update_ticks()
    write_caption(drawing, lines, caption)
    save(drawing, path, form)


def draw_tau(table: TauTable, path: Path, form: str) -> None:
    """Draw a table of tau with its printed values, each cell coloured by ours, and caption.

    Args:
        table: what to draw.
        path: file to write.
        form: "png" or "pdf".

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    heads, labels, images = table.score_heads(), table.labels, list(table.frame.index)
    names = 0.085 * max(map(len, labels)) + 0.35
    column = max(1.05, *(0.082 * len(part) + 0.2 for head in heads for part in head))
    width = names + column * len(heads) + 0.15
    lines, caption = caption_lines([table.caption, *table.notes], width)
    top = 2 * 0.2 + 0.2
    height = top + _ROW_INCHES * len(labels) + caption + 0.1
    drawing = new_figure(width, height)
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)  # inches from the top left
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    colours = colormaps["RdBu"]
    for i, (first, second) in enumerate(heads):
        centre = names + (i + 0.5) * column
        axes.text(centre, 0.2, first, ha="center", va="center", fontsize=_TITLE)
        axes.text(centre, 0.4, second, ha="center", va="center", fontsize=_TITLE, color="0.35")
    for row, (label, image) in enumerate(zip(labels, images, strict=True)):
        middle = top + (row + 0.5) * _ROW_INCHES
        axes.text(0.15, middle, label, va="center", fontsize=_TEXT)
        for i, key in enumerate(table.shown):
            ours, paper = table.cell(image, key)
            left = names + i * column
            if ours != "--":
                # Half of the scale on either side of white, so that black text stays readable.
                shade = colours(0.5 + 0.28 * float(ours))
                axes.add_patch(
                    Rectangle((left, middle - _ROW_INCHES / 2), column, _ROW_INCHES, color=shade)
                )
            if paper:
                axes.text(left + 0.48 * column, middle, ours, ha="right", va="center", fontsize=9)
                axes.text(
                    left + 0.54 * column,
                    middle,
                    f"({paper})",
                    va="center",
                    fontsize=_TITLE,
                    color="0.3",
                )
            else:
                axes.text(
                    left + 0.5 * column, middle, ours, ha="center", va="center", fontsize=_TEXT
                )
    axes.plot([names, width - 0.15], [top, top], color="0.2", linewidth=0.8)
    write_caption(drawing, lines, caption)
    save(drawing, path, form)
