"""The picture of a comparison: a panel an image, a line and a band an algorithm."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from ..exhibits.drawing import caption_lines, new_figure, save, write_caption
from .comparison import ALL_IMAGES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figure import SearchFigure

__all__ = ["draw_search"]

_COLUMNS = 4
_PANEL = (1.9, 1.5)  # inches
_LEFT, _ABOVE, _BELOW = 0.5, 0.3, 0.45
_LEGEND = 0.35
_TEXT, _SMALL = 8, 7
# Told apart by people who see colours differently, and by dashes in print.
_LINES = (
    ("#4d4d4d", "-"),
    ("#0072b2", "-"),
    ("#d55e00", "-"),
    ("#009e73", "--"),
    ("#cc79a7", "-."),
    ("#e69f00", ":"),
    ("#56b4e9", "--"),
)


def draw_search(figure: SearchFigure, path: Path, form: str) -> None:
    """Draw regret against simulated time.

    Args:
        figure: what to draw.
        path: file to write.
        form: "png" or "pdf".

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    # The mean over images is what one looks at first.
    images = sorted(figure.images, key=lambda name: name != ALL_IMAGES)
    columns = min(_COLUMNS, len(images))
    rows = math.ceil(len(images) / columns)
    width = max(5.5, columns * (_LEFT + _PANEL[0]) + 0.25)
    lines, caption = caption_lines([figure.caption, *figure.notes], width)
    height = _LEGEND + rows * (_ABOVE + _PANEL[1] + _BELOW) + caption
    drawing = new_figure(width, height)
    panel_width = (width - 0.25) / columns - _LEFT
    panels = []
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        left = _LEFT + column * (panel_width + _LEFT)
        top = _LEGEND + _ABOVE + row * (_ABOVE + _PANEL[1] + _BELOW)
        box = (left, height - top - _PANEL[1], panel_width, _PANEL[1])
        axes = drawing.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
        _draw_panel(figure, axes, image)
        if column == 0:
            axes.set_ylabel("regret, dB", fontsize=_SMALL)
        if place + columns >= len(images):
            axes.set_xlabel(f"simulated time, {_unit(figure)[0]}", fontsize=_SMALL)
        panels.append(axes)
    handles, labels = panels[0].get_legend_handles_labels()
    drawing.legend(
        handles,
        labels,
        loc="upper center",
        bbox_to_anchor=(0.5, 1 - 0.03 / height),
        ncols=min(len(labels), 7),
        fontsize=_TEXT,
        frameon=False,
        borderaxespad=0.3,
    )
    write_caption(drawing, lines, caption)
    save(drawing, path, form)


def _unit(figure: SearchFigure) -> tuple[str, float]:
    from .figure import time_unit

    return time_unit(figure.facts["budget_seconds"])


def _draw_panel(figure: SearchFigure, axes: Axes, image: str) -> None:
    from matplotlib.ticker import MaxNLocator

    frame, size = figure.frame[figure.frame["image"] == image], _unit(figure)[1]
    for place, algorithm in enumerate(figure.facts["algorithms"]):
        mine = frame[frame["algorithm"] == algorithm]
        colour, dashes = _LINES[place % len(_LINES)]
        # Incumbents change at once: what is known at a time holds until the next.
        seconds = mine["seconds"] / size
        axes.step(
            seconds,
            mine["regret"],
            where="post",
            color=colour,
            linestyle=dashes,
            linewidth=1.1,
            label=algorithm,
        )
        axes.fill_between(
            seconds,
            mine["regret_low"],
            mine["regret_high"],
            step="post",
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
    several = len(figure.facts["images"])
    title = f"mean over {several} images" if image == ALL_IMAGES else image
    axes.set_title(title, fontsize=_TEXT)
    axes.set_xlim(0, figure.facts["budget_seconds"] / size)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=_SMALL)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
