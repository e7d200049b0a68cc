"""A comparison of search algorithms as a table and as a picture, with a panel per image and a line
and band per algorithm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasdip_bench.errors import ConfigError

from ..exhibits.captions import span
from ..exhibits.drawing import caption_lines, new_figure, save, write_caption
from ..exhibits.exhibit import Exhibit
from ..exhibits.forms import estimate, latex_escape, latex_float
from .comparison import ALL_IMAGES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_UNITS = (("h", 3600.0), ("min", 60.0), ("s", 1.0))
_COLUMNS = 4
_PANEL = (1.9, 1.5)  # inches
_LEFT, _ABOVE, _BELOW = 0.5, 0.3, 0.45
_LEGEND = 0.35
_TEXT, _SMALL = 8, 7
# Distinguishable by people with colour blindness, and by dashes in print.
_LINES = (
    ("#4d4d4d", "-"),
    ("#0072b2", "-"),
    ("#d55e00", "-"),
    ("#009e73", "--"),
    ("#cc79a7", "-."),
    ("#e69f00", ":"),
    ("#56b4e9", "--"),
)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SearchFigure(Exhibit):
    """Regret against simulated time; the table shows it at the end of the budget.

    Attributes:
        frame: from `nasdip_bench.api.search.compare`, with its ``attrs``.
    """

    frame: pd.DataFrame

    @property
    def facts(self) -> dict[str, Any]:
        """What the frame was computed from."""
        return dict(self.frame.attrs)

    @property
    def images(self) -> list[str]:
        """Names of the images; "all" last where there are several."""
        names: list[str] = self.facts["images"]
        return [*names, ALL_IMAGES] if len(names) > 1 else names

    @property
    def caption(self) -> str:
        """One paragraph: what was searched, the simulated time, what regret means."""
        f = self.facts
        seeds = ", ".join(map(str, f["seeds"]))
        return (
            f"Regret of searches for {f['task']} at fidelity {f['fidelity']}, seed"
            f"{'' if len(f['seeds']) == 1 else 's'} {seeds} of the runs, after "
            f"{in_words(f['budget_seconds'])} of simulated time; {self._of_searches()} (search "
            f"seed {f['rng']}). Regret is the {f['target']} of the best architecture minus that "
            f"of the incumbent, in dB."
        )

    def _of_searches(self) -> str:
        repeats = self.facts["repeats"]
        if repeats == 1:
            return "one search, without interval"
        return f"mean of {repeats} searches and 95 % bootstrap interval"

    @property
    def notes(self) -> list[str]:
        """What readers must know about the numbers."""
        f = self.facts
        there = [*f["architectures"].values()]
        seen = "Searches see the PSNR against the ground truth (an oracle)"
        if "isnas" in f["algorithms"]:
            seen += ", except isnas, which chooses by distances between restorations"
        notes = [
            f"Simulated seconds: {f['cost']}.",
            f"{seen}. They may choose by it what the target ranks lower, so regret can rise. "
            f"Until a search can return something, it counts as the mean over all architectures.",
        ]
        if min(there) < f["release"]:
            notes.append(
                f"The release is partial: {span(there)} of its {f['release']} architectures have a "
                f"run and can be searched; regret is relative to the best of these."
            )
        return notes

    def _last(self, image: str, algorithm: str) -> tuple[float, float, float]:
        f = self.frame
        mine = f[(f["image"] == image) & (f["algorithm"] == algorithm)].iloc[-1]
        return tuple(float(mine[name]) for name in ("regret", "regret_low", "regret_high"))  # type: ignore[return-value]

    def table(self) -> list[list[str]]:
        """The rows of the table: final regret by image, and how many were trained."""
        names = self.facts["algorithms"]
        body = [
            [i, *(estimate(*self._last(i, name), ".3f") for name in names)] for i in self.images
        ]
        trained = (f"{self.facts['trained'][name]:.1f}" for name in names)
        return [["image", *names], *body, ["trained", *trained]]

    def prose(self) -> tuple[str, list[str]]:
        """The caption, and the notes below the table."""
        return self.caption, self.notes

    def csv(self) -> str:
        """The whole frame, with the set-up in columns; floats in full."""
        f = self.facts
        setup = {
            "target": f["target"],
            "fidelity": f["fidelity"],
            "run_seeds": " ".join(map(str, f["seeds"])),
            "repeats": f["repeats"],
            "rng": f["rng"],
            "cost": f["cost"],
        }
        text: str = self.frame.assign(**setup).to_csv(index=False, lineterminator="\n")
        return text

    def latex(self) -> str:
        """A table environment for a document with the packages booktabs and graphicx."""
        head, *body = self.table()
        rows = [[latex_escape(cell) for cell in row] for row in body]
        caption = " ".join([self.caption, *self.notes])
        return latex_float(caption, [head], rows, wide=len(head) > 4)

    def draw(self, path: Path, form: str) -> None:
        """Draw a panel per image; see `nasdip_bench.api.exhibits.exhibit.Exhibit.draw`."""
        # The mean over images comes first.
        images = sorted(self.images, key=lambda name: name != ALL_IMAGES)
        columns = min(_COLUMNS, len(images))
        rows = math.ceil(len(images) / columns)
        width = max(5.5, columns * (_LEFT + _PANEL[0]) + 0.25)
        lines, caption = caption_lines([self.caption, *self.notes], width)
        height = _LEGEND + rows * (_ABOVE + _PANEL[1] + _BELOW) + caption
        drawing = new_figure(width, height)
        panel_width = (width - 0.25) / columns - _LEFT
        unit, _ = time_unit(self.facts["budget_seconds"])
        panels = []
        for place, image in enumerate(images):
            row, column = divmod(place, columns)
            left = _LEFT + column * (panel_width + _LEFT)
            top = _LEGEND + _ABOVE + row * (_ABOVE + _PANEL[1] + _BELOW)
            bottom = height - top - _PANEL[1]
            axes = drawing.add_axes(
                (left / width, bottom / height, panel_width / width, _PANEL[1] / height)
            )
            self._draw_panel(axes, image)
            if column == 0:
                axes.set_ylabel("regret, dB", fontsize=_SMALL)
            if place + columns >= len(images):
                axes.set_xlabel(f"simulated time, {unit}", fontsize=_SMALL)
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

    def _draw_panel(self, axes: Axes, image: str) -> None:
        from matplotlib.ticker import MaxNLocator

        frame = self.frame[self.frame["image"] == image]
        _, size = time_unit(self.facts["budget_seconds"])
        for place, algorithm in enumerate(self.facts["algorithms"]):
            mine = frame[frame["algorithm"] == algorithm]
            colour, dashes = _LINES[place % len(_LINES)]
            # Incumbents change in steps: each value holds until the next.
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
        several = len(self.facts["images"])
        title = f"mean over {several} images" if image == ALL_IMAGES else image
        axes.set_title(title, fontsize=_TEXT)
        axes.set_xlim(0, self.facts["budget_seconds"] / size)
        axes.set_ylim(0, 1.05 * self.frame[["regret", "regret_high"]].max(axis=None))
        axes.tick_params(labelsize=_SMALL)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_locator(MaxNLocator(4))


def search_figure(frame: pd.DataFrame) -> SearchFigure:
    """A comparison to print, save or draw.

    Args:
        frame: from `nasdip_bench.api.search.compare`.

    Raises:
        ConfigError: the frame has lost its ``attrs``.
    """
    if "algorithms" not in frame.attrs:
        raise ConfigError(
            "this frame has no attrs that say what it was computed from: give the one that "
            "compare(...) returned"
        )
    return SearchFigure(frame=frame)


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit for showing times up to some seconds, and its length in seconds."""
    return next((unit for unit in _UNITS if seconds >= 2 * unit[1]), _UNITS[-1])


def in_words(seconds: float) -> str:
    """A time as text."""
    unit, size = time_unit(seconds)
    return f"{seconds / size:.3g} {unit}"
