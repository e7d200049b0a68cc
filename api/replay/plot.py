"""The picture of replayed searches: a panel a score, regret against the size of the cohort."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from ..exhibits.drawing import caption_lines, new_figure, save, write_caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figure import ReplayFigure

__all__ = ["draw_replay"]

_COLUMNS = 3
_PANEL = (2.0, 1.6)  # inches
_LEFT, _ABOVE, _BELOW = 0.65, 0.3, 0.45
_LEGEND = 0.55
_TEXT, _SMALL = 8, 7


def draw_replay(figure: ReplayFigure, path: Path, form: str) -> None:
    """Draw regret against N.

    Args:
        figure: what to draw.
        path: file to write.
        form: "png" or "pdf".

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    scores = figure.scores
    columns = max(1, min(_COLUMNS, len(scores)))
    rows = max(1, math.ceil(len(scores) / columns))
    width = max(7.0, columns * (_LEFT + _PANEL[0]) + 0.25)
    lines, caption = caption_lines([figure.caption, *figure.notes], width)
    height = _LEGEND + rows * (_ABOVE + _PANEL[1] + _BELOW) + caption
    drawing = new_figure(width, height)
    panel_width = (width - 0.25) / columns - _LEFT
    shared: Axes | None = None
    for place, score in enumerate(scores):
        row, column = divmod(place, columns)
        left = _LEFT + column * (panel_width + _LEFT)
        bottom = height - _LEGEND - _ABOVE - row * (_ABOVE + _PANEL[1] + _BELOW) - _PANEL[1]
        axes = drawing.add_axes(
            (left / width, bottom / height, panel_width / width, _PANEL[1] / height), sharey=shared
        )
        shared = shared or axes
        _draw_panel(figure, axes, score)
        if column == 0:
            axes.set_ylabel("regret, dB", fontsize=_SMALL)
        if place + columns >= len(scores):
            axes.set_xlabel("N, architectures trained", fontsize=_SMALL)
    if shared is not None:
        shared.set_ylim(bottom=0)
        handles, labels = shared.get_legend_handles_labels()
        drawing.legend(
            handles,
            labels,
            loc="upper center",
            bbox_to_anchor=(0.5, 1 - 0.03 / height),
            ncols=3,
            fontsize=_TEXT,
            frameon=False,
            borderaxespad=0.3,
        )
    write_caption(drawing, lines, caption)
    save(drawing, path, form)


def _draw_panel(figure: ReplayFigure, axes: Axes, score: str) -> None:
    from matplotlib.ticker import MaxNLocator

    curve = figure.curve(score)
    sizes = curve.index.to_numpy()
    axes.fill_between(
        sizes,
        curve["regret_best"],
        curve["regret_member"],
        color="#0072b2",
        alpha=0.18,
        linewidth=0,
        label="cohort: its best to a random member",
    )
    for column, label, colour, dashes, thickness in (
        ("regret", f"selected ({figure.facts['selector']})", "#d55e00", "-", 1.3),
        ("regret_first", "ranked first by the score", "#009e73", "--", 1.0),
        ("regret_any", "any candidate at random", "#4d4d4d", ":", 1.0),
        ("regret_best_random", "best of N at random", "#4d4d4d", "-.", 0.8),
    ):
        axes.plot(
            sizes, curve[column], color=colour, linestyle=dashes, linewidth=thickness, label=label
        )
    axes.set_title(score, fontsize=_TEXT)
    axes.set_xlim(1, max(2, int(sizes.max())))
    axes.tick_params(labelsize=_SMALL)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
