"""Drawing helpers: figures in inches, grids of panels, captions below, files without dates.

They need no display and leave matplotlib's global state unchanged.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.errors import not_installed

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEGEND = 0.35
"""Height of a legend in inches."""
SMALL, TEXT = 7, 8
"""Font sizes of ticks and titles."""

_DOTS_PER_INCH = 150
_CAPTION_LINE_INCHES = 0.15
_CHARACTERS_AN_INCH = 14.5
_COLUMNS = 5
_LEFT, _BELOW, _ABOVE = 0.62, 0.42, 0.28  # room for a panel's labels


def new_figure(width: float, height: float) -> Figure:
    """A new figure, sized in inches, independent of any display and of pyplot."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise not_installed("drawing", "matplotlib", "figures") from error
    drawing = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH)
    FigureCanvasAgg(drawing)
    return drawing


def caption_lines(parts: list[str], width: float) -> tuple[list[str], float]:
    """Wrap a caption to the width; also returns its height in inches."""
    lines = textwrap.wrap(" ".join(parts), int(_CHARACTERS_AN_INCH * (width - 0.3)))
    return lines, _CAPTION_LINE_INCHES * len(lines) + 0.25


def write_caption(drawing: Figure, lines: list[str], height: float) -> None:
    """Write the lines from `caption_lines` at the bottom."""
    width_of_figure, height_of_figure = drawing.get_size_inches()
    drawing.text(
        0.15 / width_of_figure,
        (height - 0.1) / height_of_figure,
        "\n".join(lines),
        va="top",
        fontsize=8,
    )


def save(drawing: Figure, path: Path, form: str) -> None:
    """Write a file as "png", "svg" or "pdf"."""
    from matplotlib import rc_context

    # Dates and random names would make two drawings of the same data differ.
    dates = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    with rc_context({"svg.hashsalt": "nasdip-bench"}):
        drawing.savefig(path, format=form, metadata=dates.get(form))


class Grid:
    """A figure of small multiples: a head with a legend, panels row by row, a caption.

    Args:
        caption: its parts.
        count: number of panels.
        columns: minimum number of columns to leave room for.
        most: maximum number of columns.
        panel: width and height of a panel's axes in inches.
        head: inches above the panels.

    Attributes:
        drawing: the figure.
        width: width of the figure in inches.
        height: height of the figure in inches.
    """

    def __init__(
        self,
        caption: Sequence[str],
        count: int,
        *,
        columns: int = 1,
        most: int = _COLUMNS,
        panel: tuple[float, float] = (2.0, 1.45),
        head: float = LEGEND,
    ) -> None:
        self._count, self._head = count, head
        self._panel_width, self._panel_height = panel
        self._columns = min(most, max(count, columns))
        rows = math.ceil(count / self._columns)
        self.width = max(5.5, self._columns * (_LEFT + self._panel_width) + 0.25)
        self._lines, self._below = caption_lines([*caption], self.width)
        self.height = head + rows * (_ABOVE + self._panel_height + _BELOW) + self._below + 0.15
        self.drawing = new_figure(self.width, self.height)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes at a position in inches from the top left."""
        bottom = self.height - top - height
        place = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        axes = self.drawing.add_axes(place)
        axes.tick_params(labelsize=SMALL)
        return axes

    def panels(self, across: str, up: str) -> Iterator[Axes]:
        """Yield the panels, row by row; only the outer ones have axis labels."""
        for place in range(self._count):
            row, column = divmod(place, self._columns)
            left = column * (_LEFT + self._panel_width) + _LEFT
            top = self._head + row * (_ABOVE + self._panel_height + _BELOW) + _ABOVE
            axes = self.axes(left, top, self._panel_width, self._panel_height)
            if column == 0:
                axes.set_ylabel(up, fontsize=SMALL)
            if place + self._columns >= self._count:
                axes.set_xlabel(across, fontsize=SMALL)
            yield axes

    def finish(
        self,
        handles: Sequence[Artist],
        labels: Sequence[str],
        path: Path,
        form: str,
        ncols: int | None = None,
    ) -> None:
        """Write legend, caption and file; the legend has one line, or as many as ``ncols`` make."""
        self.drawing.legend(
            handles,
            labels,
            loc="upper center",
            bbox_to_anchor=(0.5, 1 - 0.03 / self.height),
            ncols=ncols or len(labels),
            fontsize=TEXT,
            frameon=False,
            borderaxespad=0.3,
        )
        write_caption(self.drawing, self._lines, self._below)
        save(self.drawing, path, form)
