"""Forest plots: estimates with intervals, a line each, in panels side by side."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .drawing import SMALL, TEXT, caption_lines, new_figure, save, write_caption
from .exhibit import FrameFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW, _ROW_OF_POINTS, _PANEL, _GAP = 0.2, 0.3, 2.1, 0.2  # inches
_ABOVE, _BELOW = 0.55, 0.4
# Safe for colour-blind readers; shapes for black-and-white print.
_LOOKS = (("#0072b2", "o"), ("#d55e00", "D"), ("#4d4d4d", "s"))


class Panel(NamedTuple):
    """One quantity, for all lines.

    Attributes:
        title: title of the panel.
        values: (line,) NaN where missing.
        low: (line,) lower ends of the intervals, NaN where missing.
        high: (line,) upper ends.
        points: by line, the single values that it summarises, drawn below it; () for none.
        texts: by line, what stands at its right; () for nothing.
    """

    title: str
    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    points: Sequence[NDArray[np.float64]] = ()
    texts: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Forest(FrameFigure):
    """A table of estimates with intervals, and its picture."""

    wide = True

    @property
    @abstractmethod
    def across(self) -> str:
        """Label of the axis that the panels share."""

    @abstractmethod
    def lines(self) -> Mapping[str, str]:
        """The kind of each line by its name, top to bottom.

        Each kind has its own colour and shape; a legend explains them if there are several. At
        most three.
        """

    @abstractmethod
    def panels(self) -> Sequence[Panel]:
        """The panels, left to right."""

    def draw(self, path: Path, form: str) -> None:
        """See `nasdip_bench.api.exhibits.exhibit.Figure.draw`."""
        lines, panels = self.lines(), self.panels()
        kinds = list(dict.fromkeys(lines.values()))
        names = 0.068 * max(map(len, lines)) + 0.15  # room on the left
        aside = 0.068 * max(len(text) for panel in panels for text in ("", *panel.texts))
        least = names + len(panels) * (_PANEL + _GAP + aside) + 0.1
        width = max(7.5, least)
        across = _PANEL + (width - least) / len(panels)
        notes = [note.removeprefix("-- : ") for note in self.notes]  # there are no such cells here
        text, below = caption_lines([self.caption, *notes], width)
        rows = (_ROW_OF_POINTS if any(panel.points for panel in panels) else _ROW) * len(lines)
        height = _ABOVE + rows + _BELOW + below
        drawing = new_figure(width, height)
        for place, panel in enumerate(panels):
            left, bottom = names + place * (across + _GAP + aside), _BELOW + below
            axes = drawing.add_axes((left / width, bottom / height, across / width, rows / height))
            for line, kind in enumerate(lines.values()):
                _draw_line(axes, panel, line, *_LOOKS[kinds.index(kind)])
            _finish(axes, panel.title, [*lines] if place == 0 else [], len(lines))
        middle = (names + (width - names - aside - _GAP - 0.1) / 2) / width
        drawing.text(middle, (below + 0.05) / height, self.across, ha="center", fontsize=TEXT)
        if len(kinds) > 1:
            _write_legend(axes, kinds)
        write_caption(drawing, text, below)
        save(drawing, path, form)


def _draw_line(axes: Axes, panel: Panel, line: int, colour: str, shape: str) -> None:
    place = line - 0.1 if panel.points else line
    axes.hlines(place, panel.low[line], panel.high[line], color=colour, linewidth=1.4)
    axes.plot(panel.values[line], place, shape, color=colour, markersize=4)
    if panel.points:
        points = panel.points[line]
        axes.plot(
            points, [line + 0.2] * len(points), ".", color=colour, alpha=0.45, markersize=4,
            markeredgewidth=0,
        )  # fmt: skip
    if panel.texts:
        axes.annotate(
            panel.texts[line], (1, line), (6, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", fontsize=SMALL,
        )  # fmt: skip


def _finish(axes: Axes, title: str, names: list[str], count: int) -> None:
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_yticks(range(len(names)), names, fontsize=TEXT)
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, fontsize=TEXT)


def _write_legend(axes: Axes, kinds: list[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=shape, markersize=4, label=kind)
        for kind, (colour, shape) in zip(kinds, _LOOKS, strict=False)
    ]
    axes.figure.legend(
        handles=handles,
        loc="upper center",
        ncols=len(handles),
        fontsize=SMALL,
        frameon=False,
        borderaxespad=0.3,
    )
