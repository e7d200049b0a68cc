"""Drawing with matplotlib, on figures of its own: no global state, no display."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.errors import MissingDependencyError

if TYPE_CHECKING:
    from nasdip_bench.api.figures import OverlapFigure

__all__ = ["draw_overlap"]

_DOTS_PER_INCH = 150
_CELL_INCHES = 0.55
_CAPTION_LINE_INCHES = 0.15
_CHARACTERS_AN_INCH = 14.5


def draw_overlap(figure: OverlapFigure, path: Path, form: str) -> None:
    """Draw a heat map with its counts, names and caption.

    Args:
        figure: what to draw.
        path: file to write.
        form: "png" or "pdf".

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise MissingDependencyError(
            "drawing needs matplotlib, which is not installed: pip install 'nasdip-bench[figures]' "
            "or write .txt, .csv or .tex instead"
        ) from error

    values, cells, labels = figure.frame.to_numpy(float), figure.cells(), figure.labels
    k = figure.frame.attrs["k"]
    side = max(4.5, _CELL_INCHES * len(labels))
    names = 0.085 * max(map(len, labels)) + 0.25  # room for the names on the left and below
    width = names + side + 1.1
    lines = textwrap.wrap(
        " ".join([figure.caption, *figure.notes]), int(_CHARACTERS_AN_INCH * (width - 0.3))
    )
    caption = _CAPTION_LINE_INCHES * len(lines) + 0.25
    height = side + names + caption + 0.15
    drawing = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH)
    FigureCanvasAgg(drawing)
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
    scale.locator = MaxNLocator(integer=True)
    scale.update_ticks()
    drawing.text(0.15 / width, (caption - 0.1) / height, "\n".join(lines), va="top", fontsize=8)
    # A date in the file would make two drawings of the same data differ.
    drawing.savefig(path, format=form, metadata={"CreationDate": None} if form == "pdf" else None)
