"""Replayed searches as a table and a picture: regret of the selected architecture against the size
of the cohort, with a panel per score.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exhibits.captions import (
    SUBSTITUTE,
    image_statuses,
    of_the_paper,
    sentences,
    setting,
    shortfall,
    span,
)
from ..exhibits.drawing import TEXT, legend, save, small_multiples
from ..exhibits.exhibit import FrameFigure
from ..statistics.tau_frame import MEAN
from .curve import MOST, isnas_curve

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..reading.reader import ReleaseReader

_SHOWN = (1, 5, 15, 30, 50)
_COLUMNS = 3
_PANEL = (2.0, 1.6)  # inches
_BAND = "cohort: its best to a random member"
_LINES = (
    ("regret", "selected ({})", "#d55e00", "-", 1.3),
    ("regret_first", "ranked first by the score", "#009e73", "--", 1.0),
    ("regret_any", "any candidate at random", "#4d4d4d", ":", 1.0),
    ("regret_random", "selected from a random cohort", "#cc79a7", "-", 1.0),
    ("regret_best_random", "best of N at random", "#4d4d4d", "-.", 0.8),
)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ReplayFigure(FrameFigure):
    """Regret of the selected architecture, compared with the best of the cohort and chance.

    Attributes:
        frame: from `nasdip_bench.api.replay.curve.isnas_curve`, with its ``attrs``.
        shown: the image in the picture and the table, or `MEAN`.
    """

    setup = ("task", "fidelity", "seeds", "stop", "selector", "weighting")
    shown: str

    @property
    def scores(self) -> list[str]:
        """The scores that can rank architectures, as "proxy/reference"."""
        there = self.frame.index.get_level_values("score")
        return [score for score in self.frame.attrs["scores"] if score in there]

    def curve(self, score: str) -> pd.DataFrame:
        """The curve shown for a score, by n."""
        return self.frame.loc[score, self.shown]

    def heads(self) -> list[list[str]]:
        """The sizes of the cohorts."""
        return [["score", "candidates", *(f"N = {n}" for n in self._sizes())]]

    def _sizes(self) -> list[int]:
        """The sizes shown, including the end of the longest curve."""
        longest = max((len(self.curve(score)) for score in self.scores), default=0)
        return sorted({*(n for n in _SHOWN if n <= longest), longest} - {0})

    def body(self) -> list[list[str]]:
        """One row per score."""
        sizes = self._sizes()
        rows = []
        for score in self.scores:
            curve = self.curve(score)
            candidates = str(curve["candidates"].iloc[0])
            rows.append([score, candidates, *(_cell(curve, n) for n in sizes)])
        return rows

    def draw(self, path: Path, form: str) -> None:
        """Draw a panel per score; see `nasdip_bench.api.exhibits.exhibit.Figure.draw`."""
        drawing, panels = small_multiples(
            len(self.scores), "N, architectures trained", "regret, dB", most=_COLUMNS, panel=_PANEL
        )
        for axes, score in zip(panels, self.scores, strict=True):
            if axes is not panels[0]:
                axes.sharey(panels[0])
            self._draw_panel(axes, score)
        axes.set_ylim(bottom=0)
        legend(drawing, *axes.get_legend_handles_labels(), ncols=2 if len(panels) == 1 else 3)
        save(drawing, path, form, [self.caption, *self.notes])

    def _draw_panel(self, axes: Axes, score: str) -> None:
        from matplotlib.ticker import MaxNLocator

        curve = self.curve(score)
        sizes = curve.index.to_numpy()
        best, member = curve["regret_best"], curve["regret_member"]
        axes.fill_between(sizes, best, member, color="#0072b2", alpha=0.18, lw=0, label=_BAND)
        selector = self.frame.attrs["selector"]
        for column, label, colour, dashes, thickness in _LINES:
            if column == "regret_random" and selector != "closest":
                continue
            named = label.format(selector)
            axes.plot(sizes, curve[column], color=colour, ls=dashes, lw=thickness, label=named)
        axes.set_title(score, fontsize=TEXT)
        axes.set_xlim(1, max(2, int(sizes.max())))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))


def _cell(curve: pd.DataFrame, n: int) -> str:
    if n not in curve.index or curve["regret"].isna()[n]:
        return "--"
    row = curve.loc[n]
    return f"{row['regret']:.2f} ({row['regret_best']:.2f}, {row['regret_member']:.2f})"


def replay_figure(bench: ReleaseReader, task: str = "denoise", **how: Any) -> ReplayFigure:
    """Regret of the architecture that ISNAS selects against N, from a release.

    Args:
        task: name.
        **how: passed to `nasdip_bench.api.replay.curve.isnas_curve`; for several images, the
            picture shows the mean.

    Raises:
        NasdipError: see `isnas_curve`.
    """
    frame = isnas_curve(bench, task, **how)
    f = frame.attrs
    counts = [count for by_image in f["candidates"].values() for count in by_image.values()]
    statuses = image_statuses(bench)
    averaged = [i for i in f["images"] if any(counts[i] for counts in f["candidates"].values())]
    several = len(f["images"]) > 1
    where = f"mean over {len(averaged)} images" if several else f["images"][0]
    average = f", average weighted as {f['weighting']!r}" if f["selector"] == "closest" else ""
    parts = [
        f"ISNAS replayed from recorded runs ({task}, {where}): regret of the architecture that "
        f"selector {f['selector']!r} keeps{average}, against the size N of the cohort.",
        f"{setting(bench, f)}, stop at {f['stop']}; candidates: {span(counts)} of {len(bench)} "
        f"architectures, those with distances between outputs.",
        shortfall(bench, f, f["images"]),
    ]
    notes = [
        "Regret is in dB below the best candidate. Parentheses in the table and the band in the "
        "picture show the best of the cohort, which no selector can beat, and the expectation for "
        "a random member.",
        "Ties in a score break by arch_id.",
    ]
    substitutes = [image for image in f["images"] if statuses[image] == SUBSTITUTE]
    if not of_the_paper(bench):
        notes.append(f"The images are of the set {bench.manifest.image_set!r}, not the paper's.")
    if substitutes:
        notes.append(f"Substitutes for the paper's images: {', '.join(substitutes)}.")
    if 0 < min(counts) <= (how.get("n") or MOST):
        notes.append(
            f"A cohort of all {min(counts)} candidates holds the best of all, so large N say "
            f"nothing about the score here."
        )
    return ReplayFigure(
        caption=sentences(*parts),
        notes=tuple(notes),
        frame=frame,
        shown=MEAN if several else f["images"][0],
    )
