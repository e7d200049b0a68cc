"""Drawing helpers: figures in inches, grids of panels, captions below, files without dates.

They need no display and leave matplotlib's global state unchanged.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.errors import not_installed

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

SMALL, TEXT = 7, 8
"""Font sizes of ticks and titles."""

_DOTS_PER_INCH = 150
_CHARACTERS_AN_INCH = 14.5
_COLUMNS = 5
_LEAST_WIDTH = 5.5
_LABELS = (0.62, 0.55)
"""Inches that a panel's labels take beside and above it."""


def new_figure(width: float, height: float) -> Figure:
    """A new figure, sized in inches, independent of any display and of pyplot."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise not_installed("drawing", "matplotlib", "figures") from error
    layout = ConstrainedLayoutEngine(h_pad=0.08)
    drawing = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout=layout)
    FigureCanvasAgg(drawing)
    return drawing


def panels(drawing: FigureBase, count: int, columns: int, across: str, up: str) -> list[Axes]:
    """Panels row by row; only the outer ones have axis labels."""
    grid = drawing.subplots(math.ceil(count / columns), columns, squeeze=False)
    every: list[Axes] = [*grid.flat]
    for place, axes in enumerate(every[:count]):
        axes.tick_params(labelsize=SMALL)
        if place % columns == 0:
            axes.set_ylabel(up, fontsize=SMALL)
        if place + columns >= count:
            axes.set_xlabel(across, fontsize=SMALL)
    for axes in every[count:]:
        axes.remove()
    return every[:count]


def small_multiples(
    count: int,
    across: str,
    up: str,
    *,
    most: int = _COLUMNS,
    panel: tuple[float, float] = (2.0, 1.45),
) -> tuple[Figure, list[Axes]]:
    """A figure of small multiples, with room for a legend.

    Args:
        count: number of panels.
        across, up: labels of the axes.
        most: maximum number of columns.
        panel: about the width and height of a panel's axes in inches.
    """
    columns = min(most, count)
    wide, high = (inches + labels for inches, labels in zip(panel, _LABELS, strict=True))
    drawing = new_figure(max(_LEAST_WIDTH, columns * wide), math.ceil(count / columns) * high + 0.5)
    return drawing, panels(drawing, count, columns, across, up)


def legend(
    drawing: Figure, handles: Sequence[Artist], labels: Sequence[str], ncols: int | None = None
) -> None:
    """Write a legend above the panels, in one line, or as many as ``ncols`` make."""
    drawing.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=ncols or len(labels),
        fontsize=TEXT,
        frameon=False,
    )


def save(drawing: Figure, path: Path, form: str, caption: Sequence[str] = ()) -> None:
    """Write a file as "png", "svg" or "pdf", with the parts of a caption below the figure."""
    from matplotlib import rc_context

    characters = int(_CHARACTERS_AN_INCH * drawing.get_figwidth())
    lines = textwrap.fill(" ".join(caption), characters)
    drawing.text(0, -0.1 / drawing.get_figheight(), lines, va="top", fontsize=TEXT)
    # Dates and random names would make two drawings of the same data differ.
    dates = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    with rc_context({"svg.hashsalt": "nasdip-bench"}):
        drawing.savefig(
            path, format=form, metadata=dates.get(form), bbox_inches="tight", pad_inches=0.1
        )
