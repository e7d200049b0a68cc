"""Forest plots: estimates with intervals, a line each, in panels side by side."""

from __future__ import annotations

import textwrap
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .drawing import SMALL, TEXT, legend, new_figure, save
from .exhibit import FrameFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_ROW, _ROW_OF_POINTS, _PANEL, _TEXT, _CHARACTER = 0.2, 0.3, 2.3, 1.0, 0.07  # inches
_LABEL = 40  # characters that fit below a panel
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
        characters = max(map(len, lines)) + sum(max(map(len, p.texts), default=0) for p in panels)
        width = max(7.5, _CHARACTER * characters + _PANEL * len(panels))
        row = _ROW_OF_POINTS if any(panel.points for panel in panels) else _ROW
        drawing = new_figure(width, row * len(lines) + _TEXT)
        [every] = drawing.subplots(1, len(panels), sharey=True, squeeze=False)
        for axes, panel in zip(every, panels, strict=True):
            for line, kind in enumerate(lines.values()):
                _draw_line(axes, panel, line, *_LOOKS[kinds.index(kind)])
            axes.set_xlabel(textwrap.fill(self.across, _LABEL), fontsize=TEXT)
            _finish(axes, panel.title)
        every[0].set_ylim(len(lines) - 0.4, -0.6)
        every[0].set_yticks(range(len(lines)), [*lines], fontsize=TEXT)
        if len(kinds) > 1:
            legend(drawing, _handles(len(kinds)), kinds)
        notes = [note.removeprefix("-- : ") for note in self.notes]  # there are no such cells here
        save(drawing, path, form, [self.caption, *notes])


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


def _finish(axes: Axes, title: str) -> None:
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, fontsize=TEXT)


def _handles(count: int) -> list[Line2D]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=colour, marker=shape, markersize=4) for colour, shape in _LOOKS[:count]
    ]
