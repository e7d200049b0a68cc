"""What all drawings share: figures of their own in inches, captions below, files without dates.

No global state of matplotlib is read or changed, and no display is needed.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["caption_lines", "new_figure", "save", "write_caption"]

_DOTS_PER_INCH = 150
_CAPTION_LINE_INCHES = 0.15
_CHARACTERS_AN_INCH = 14.5


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own, in inches, that no display and no global state knows of."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "drawing needs matplotlib, which is not installed: pip install 'nasdip-bench[figures]' "
            "or write .txt, .csv or .tex instead"
        ) from error
    drawing = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH)
    FigureCanvasAgg(drawing)
    return drawing


def caption_lines(parts: list[str], width: float) -> tuple[list[str], float]:
    """The lines that fit the width, and the inches that they take below the drawing."""
    lines = textwrap.wrap(" ".join(parts), int(_CHARACTERS_AN_INCH * (width - 0.3)))
    return lines, _CAPTION_LINE_INCHES * len(lines) + 0.25


def write_caption(drawing: Figure, lines: list[str], height: float) -> None:
    """Write the lines of `caption_lines` at the bottom."""
    width_of_figure, height_of_figure = drawing.get_size_inches()
    drawing.text(
        0.15 / width_of_figure,
        (height - 0.1) / height_of_figure,
        "\n".join(lines),
        va="top",
        fontsize=8,
    )


def save(drawing: Figure, path: Path, form: str) -> None:
    """Write a file, "png" or "pdf"."""
    # A date in the file would make two drawings of the same data differ.
    drawing.savefig(path, format=form, metadata={"CreationDate": None} if form == "pdf" else None)
