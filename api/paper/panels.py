"""Pictures of small multiples, a panel an image: spectra, scatter plots, histograms."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nasdip_bench.proxies.spectrum import STRIP_DIAMETERS

from ..exhibits.drawing import caption_lines, new_figure, save, write_caption

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..exhibits.paper_exhibit import PaperExhibit
    from .figure2 import SpectraFigure
    from .figure3 import ScatterFigure
    from .figure4 import HistogramFigure

__all__ = ["draw_histograms", "draw_scatter", "draw_spectra"]

_COLUMNS = 5
_PANEL_WIDTH, _PANEL_HEIGHT = 2.0, 1.45  # inches, of the axes alone
_LEFT, _BELOW, _ABOVE = 0.62, 0.42, 0.28  # room of a panel for its labels
_LEGEND = 0.35
_SMALL = 7
_TEXT = 8
_DECADES = 100  # ratio of scores from which their axis is logarithmic
_BARS = "#8fb3d9"
# Of the cohorts, smallest first: as in the released notebook, black and red.
_COHORTS = ("black", "#d62728", "#2ca02c", "#9467bd")
_LINES = {
    "ground_truth": ("ground truth", "#222222", "-"),
    "corrupted": ("corrupted", "#d62728", "-"),
    "lowest score": ("untrained, lowest score", "#1f77b4", "-"),
    "highest score": ("untrained, highest score", "#e69f00", "--"),
}


class _Grid(NamedTuple):
    """A figure with room for panels, legend and caption."""

    drawing: Figure
    width: float
    height: float
    columns: int
    top: float
    lines: list[str]
    caption: float

    def panels(self, count: int) -> Iterator[Axes]:
        """Axes of the panels, row by row."""
        for place in range(count):
            row, column = divmod(place, self.columns)
            left = column * (_LEFT + _PANEL_WIDTH) + _LEFT
            top = self.top + row * (_ABOVE + _PANEL_HEIGHT + _BELOW) + _ABOVE
            yield self.axes(left, top, _PANEL_WIDTH, _PANEL_HEIGHT)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes at a place in inches from the top left."""
        bottom = self.height - top - height
        place = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        axes = self.drawing.add_axes(place)
        axes.tick_params(labelsize=_SMALL)
        return axes

    def finish(self, path: Path, form: str) -> None:
        """Write the caption and the file."""
        write_caption(self.drawing, self.lines, self.caption)
        save(self.drawing, path, form)


def _grid(exhibit: PaperExhibit, count: int, head: float = _LEGEND) -> _Grid:
    """A figure for a number of panels, with a head of some inches."""
    columns = min(_COLUMNS, count)
    rows = math.ceil(count / columns)
    width = max(5.5, columns * (_LEFT + _PANEL_WIDTH) + 0.25)
    lines, caption = caption_lines([exhibit.caption, *exhibit.notes], width)
    height = head + rows * (_ABOVE + _PANEL_HEIGHT + _BELOW) + caption + 0.15
    return _Grid(new_figure(width, height), width, height, columns, head, lines, caption)


def _legend(grid: _Grid, handles: list[Artist], labels: list[str]) -> None:
    grid.drawing.legend(
        handles,
        labels,
        loc="upper center",
        bbox_to_anchor=(0.5, 1 - 0.03 / grid.height),
        ncols=len(labels),
        fontsize=_TEXT,
        frameon=False,
        borderaxespad=0.3,
    )


def _side_labels(grid: _Grid, axes: Axes, place: int, count: int, below: str, left: str) -> None:
    """Name the axes on the outer panels only."""
    if place % grid.columns == 0:
        axes.set_ylabel(left, fontsize=_SMALL)
    if place + grid.columns >= count:
        axes.set_xlabel(below, fontsize=_SMALL)


def draw_histograms(figure: HistogramFigure, path: Path, form: str) -> None:
    """Draw Figure 4.

    Args:
        figure: what to draw.
        path: file to write.
        form: "png" or "pdf".

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    count = len(figure.runs.images)
    grid = _grid(figure, count)
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    for place, axes in enumerate(grid.panels(count)):
        name = figure.runs.images[place]
        axes.set_title(figure.title(name), fontsize=_TEXT, pad=17)  # above two triangles
        _side_labels(grid, axes, place, count, _with_unit(figure), "architectures")
        counts, edges = figure.histogram(place)
        if not len(counts):
            axes.text(0.5, 0.5, "no run", ha="center", va="center", transform=axes.transAxes)
            axes.set_xticks([])
            axes.set_yticks([])
            continue
        axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=_BARS)
        highest = counts.max()
        axes.set_ylim(0, 1.08 * highest)
        margin = 0.03 * (edges[-1] - edges[0])
        axes.set_xlim(edges[0] - margin, edges[-1] + margin)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        shift = 0.0
        before = math.nan
        for cohort, bin_, colour in zip(
            figure.cohorts(place), figure.marked_bins(place), _COHORTS, strict=False
        ):
            if bin_ < 0:
                continue
            axes.bar(
                edges[bin_], counts[bin_], edges[bin_ + 1] - edges[bin_], align="edge", color=colour
            )
            # A triangle above the frame finds a bin that is one pixel wide, and tells two cohorts
            # with the same best apart.
            middle = (edges[bin_] + edges[bin_ + 1]) / 2
            shift = shift + 0.075 if middle == before else 0.0
            before = middle
            axes.plot(
                [middle],
                [1.045 + shift],
                marker="v",
                markersize=4.5,
                color=colour,
                clip_on=False,
                transform=axes.get_xaxis_transform(),
                linestyle="none",
                label=str(cohort.size),
            )
    handles: list[Artist] = [
        Line2D([], [], marker="v", linestyle="none", color=colour, markersize=5)
        for _, colour in zip(figure.sizes, _COHORTS, strict=False)
    ]
    labels = [f"best of the {size} of lowest score" for size in figure.sizes[: len(_COHORTS)]]
    _legend(grid, handles, labels)
    grid.finish(path, form)


def draw_scatter(figure: ScatterFigure, path: Path, form: str) -> None:
    """Draw Figure 3; arguments and errors as of `draw_histograms`."""
    count = len(figure.runs.images)
    grid = _grid(figure, count)
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    for place, axes in enumerate(grid.panels(count)):
        name = figure.runs.images[place]
        found = figure.correlation(place)
        tau = "" if math.isnan(found.tau) else f", tau {found.tau:+.2f}"
        axes.set_title(f"{figure.label(name)}{tau}", fontsize=_TEXT)
        _side_labels(grid, axes, place, count, "score", _with_unit(figure))
        scores, values = figure.runs.scores[:, place], figure.runs.values[:, place]
        axes.scatter(scores, values, s=7, color=_BARS, linewidths=0)
        cohorts = figure.cohorts(place)
        # The largest first, so that the members of a smaller one lie on top.
        for cohort, colour in reversed(list(zip(cohorts, _COHORTS, strict=False))):
            members = cohort.members
            axes.scatter(scores[members], values[members], s=11, color=colour, linewidths=0)
        finite = scores[np.isfinite(values)]
        if len(finite) and 0 < _DECADES * finite.min() < finite.max():
            axes.set_xscale("log")
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_locator(MaxNLocator(4))
    colours = [*_COHORTS[: len(figure.sizes)], _BARS]
    handles: list[Artist] = [
        Line2D([], [], marker="o", linestyle="none", color=colour, markersize=4)
        for colour in colours
    ]
    labels = [f"the {size} of lowest score" for size in figure.sizes[: len(_COHORTS)]]
    _legend(grid, handles, [*labels, "the others"])
    grid.finish(path, form)


def draw_spectra(figure: SpectraFigure, path: Path, form: str) -> None:
    """Draw Figure 2; arguments and errors as of `draw_histograms`."""
    count = len(figure.spectra)
    shown = figure.spectra[figure.whole]
    side = 1.9
    maps = 0.3 + side + 0.25
    grid = _grid(figure, max(count, 3), _LEGEND + maps)
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle
    from matplotlib.ticker import MaxNLocator

    limits = [profile.psd_db for profile in shown.profiles]
    low = float(np.percentile(np.concatenate([one.ravel() for one in limits]), 2))
    high = max(float(np.percentile(one, 99.5)) for one in limits)
    gap = (grid.width - 0.9 - len(limits) * side) / (len(limits) + 1)
    gap = max(gap, 0.12)
    side = min(side, (grid.width - 0.9 - (len(limits) + 1) * gap) / len(limits))
    for place, profile in enumerate(shown.profiles):
        axes = grid.axes(gap + place * (side + gap), _LEGEND + 0.25, side, side)
        drawn = axes.imshow(
            profile.psd_db, cmap="magma", vmin=low, vmax=high, extent=(-0.5, 0.5, 0.5, -0.5)
        )
        for diameter in STRIP_DIAMETERS:
            axes.add_patch(
                Circle((0, 0), diameter / 2, fill=False, edgecolor="white", linewidth=0.6)
            )
        axes.set_xticks([])
        axes.set_yticks([])
        title = _LINES[profile.name][0]
        label = figure.label(shown.image)
        axes.set_title(f"{label}: {title}" if place == 0 else title, fontsize=_TEXT)
    bar = grid.axes(len(limits) * (side + gap) + gap, _LEGEND + 0.25, 0.13, side)
    grid.drawing.colorbar(drawn, cax=bar).set_label("PSD, dB", fontsize=_SMALL)
    bar.tick_params(labelsize=_SMALL)

    for place, axes in zip(range(count), grid.panels(count), strict=True):
        one = figure.spectra[place]
        axes.set_title(figure.label(one.image), fontsize=_TEXT)
        _side_labels(grid, axes, place, count, "frequency", "PSD, dB")
        inner, outer = (diameter / 2 for diameter in STRIP_DIAMETERS)
        axes.axvspan(inner, outer, color="0.88", linewidth=0)
        for profile in one.profiles:
            _, colour, dashes = _LINES[profile.name]
            axes.plot(
                profile.radius, profile.level_db, color=colour, linestyle=dashes, linewidth=1.0
            )
            axes.plot(
                [profile.bandwidth * math.sqrt(2) / 2],
                [0.02],
                marker="|",
                markersize=9,
                color=colour,
                transform=axes.get_xaxis_transform(),
            )
        axes.set_xlim(0, 0.5)
        axes.yaxis.set_major_locator(MaxNLocator(4))
    handles: list[Artist] = [
        Line2D([], [], color=_LINES[p.name][1], linestyle=_LINES[p.name][2]) for p in shown.profiles
    ]
    _legend(grid, handles, [_LINES[profile.name][0] for profile in shown.profiles])
    grid.finish(path, form)


def _with_unit(figure: HistogramFigure | ScatterFigure) -> str:
    target = figure.runs.target
    return f"{target.removesuffix('_db')}, dB" if target.endswith("_db") else target
