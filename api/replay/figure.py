"""Replayed searches as a table and a picture: regret of the selected architecture against the size
of the cohort, with a panel per score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exhibits.captions import SUBSTITUTE, image_statuses, setting, shortfall, span
from ..exhibits.drawing import caption_lines, new_figure, save, write_caption
from ..exhibits.exhibit import PaperExhibit
from ..statistics.tau_frame import MEAN
from .candidates import needs_distances
from .curve import MOST, isnas_curve

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from nasdip_bench.isnas.selection import Selector

    from ..reading.reader import ReleaseReader

_SHOWN = (1, 5, 15, 30, 50)
_COLUMNS = 3
_PANEL = (2.0, 1.6)  # inches
_LEFT, _ABOVE, _BELOW = 0.65, 0.3, 0.45
_LEGEND = 0.55
_TEXT, _SMALL = 8, 7


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ReplayFigure(PaperExhibit):
    """Regret of the selected architecture, compared with the best of the cohort and chance.

    Attributes:
        frame: from `nasdip_bench.api.replay.curve.isnas_curve`, with its ``attrs``.
        shown: the image in the picture and the table, or `MEAN`.
    """

    frame: pd.DataFrame
    shown: str

    @property
    def facts(self) -> dict[str, Any]:
        """What the frame was computed from."""
        return dict(self.frame.attrs)

    @property
    def scores(self) -> list[str]:
        """The scores that can rank architectures, as "proxy/reference"."""
        there = self.frame.index.get_level_values("score")
        return [score for score in self.facts["scores"] if score in there]

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

    def csv(self) -> str:
        """The whole frame, with the set-up in columns; floats in full."""
        f = self.facts
        setup = {
            "task": f["task"],
            "fidelity": f["fidelity"],
            "seeds": " ".join(map(str, f["seeds"])),
            "stop": f["stop"],
            "selector": f["selector"],
            "weighting": f["weighting"],
            "with_output": f["with_output"],
        }
        text: str = (
            self.frame.reset_index().assign(**setup).to_csv(index=False, lineterminator="\n")
        )
        return text

    def draw(self, path: Path, form: str) -> None:
        """Draw a panel per score; see `nasdip_bench.api.exhibits.exhibit.Exhibit.draw`."""
        scores = self.scores
        columns = max(1, min(_COLUMNS, len(scores)))
        rows = max(1, math.ceil(len(scores) / columns))
        width = max(7.0, columns * (_LEFT + _PANEL[0]) + 0.25)
        lines, caption = caption_lines([self.caption, *self.notes], width)
        height = _LEGEND + rows * (_ABOVE + _PANEL[1] + _BELOW) + caption
        drawing = new_figure(width, height)
        panel_width = (width - 0.25) / columns - _LEFT
        shared: Axes | None = None
        for place, score in enumerate(scores):
            row, column = divmod(place, columns)
            left = _LEFT + column * (panel_width + _LEFT)
            bottom = height - _LEGEND - _ABOVE - row * (_ABOVE + _PANEL[1] + _BELOW) - _PANEL[1]
            axes = drawing.add_axes(
                (left / width, bottom / height, panel_width / width, _PANEL[1] / height),
                sharey=shared,
            )
            shared = shared or axes
            self._draw_panel(axes, score)
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

    def _draw_panel(self, axes: Axes, score: str) -> None:
        from matplotlib.ticker import MaxNLocator

        curve = self.curve(score)
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
        first = self.facts["selector"] == "best-score"  # then the two lines coincide
        selected = f"selected ({self.facts['selector']}{', ranked first' if first else ''})"
        for column, label, colour, dashes, thickness in (
            ("regret", selected, "#d55e00", "-", 1.3),
            *([] if first else [("regret_first", "ranked first by the score", "#009e73", "--", 1)]),
            ("regret_any", "any candidate at random", "#4d4d4d", ":", 1.0),
            ("regret_best_random", "best of N at random", "#4d4d4d", "-.", 0.8),
        ):
            axes.plot(
                sizes,
                curve[column],
                color=colour,
                linestyle=dashes,
                linewidth=thickness,
                label=label,
            )
        axes.set_title(score, fontsize=_TEXT)
        axes.set_xlim(1, max(2, int(sizes.max())))
        axes.tick_params(labelsize=_SMALL)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))


def _cell(curve: pd.DataFrame, n: int) -> str:
    if n not in curve.index or curve["regret"].isna()[n]:
        return "--"
    row = curve.loc[n]
    return f"{row['regret']:.2f} ({row['regret_best']:.2f}, {row['regret_member']:.2f})"


def replay_figure(
    bench: ReleaseReader,
    task: str = "denoise",
    *,
    scores: str | Sequence[str] | None = None,
    images: str | Sequence[str] | None = None,
    n: int | None = None,
    reference: str = "corrupted",
    weighting: str = "paper",
    selector: str | Selector = "closest",
    with_output: bool = False,
    fidelity: str | None = None,
    seed: int | None = None,
) -> ReplayFigure:
    """Regret of the architecture that ISNAS selects against N, from a release.

    Args:
        task: name.
        scores: see `nasdip_bench.api.replay.curve.isnas_curve`, also for the arguments below.
        images: one or several names, None for all; for several, the picture shows the mean.
        n: the largest cohort; None for `nasdip_bench.api.replay.curve.MOST`, or all if fewer.
        reference: reference of the scores.
        weighting: weighting of the average.
        selector: a name or a function.
        with_output: whether to rank only architectures whose output has distances in the release.
        fidelity: None for the release's default for the task.
        seed: None for each of the default seeds.

    Raises:
        NasdipError: see `isnas_curve`.
    """
    frame = isnas_curve(
        bench,
        task,
        scores=scores,
        images=images,
        n=n,
        reference=reference,
        weighting=weighting,
        selector=selector,
        with_output=with_output,
        fidelity=fidelity,
        seed=seed,
    )
    f = frame.attrs
    counts = [count for by_image in f["candidates"].values() for count in by_image.values()]
    statuses = image_statuses(bench)
    averaged = [i for i in f["images"] if any(counts[i] for counts in f["candidates"].values())]
    several = len(f["images"]) > 1
    where = f"mean over {len(averaged)} images" if several else f["images"][0]
    kept = with_output or needs_distances(selector)
    average = f", average weighted as {weighting!r}" if f["selector"] == "closest" else ""
    parts = [
        f"ISNAS replayed from recorded runs ({task}, {where}): regret of the architecture that "
        f"selector {f['selector']!r} keeps{average}, against the size N of the cohort.",
        f"{setting(bench, f)}, stop at {f['stop']}; candidates: {span(counts)} of {len(bench)} "
        f"architectures{', those with distances between outputs' if kept else ''}.",
        shortfall(bench, f),
    ]
    notes = [
        "Regret is in dB below the best candidate, so only figures with the same candidates "
        "compare. Parentheses in the table and the band in the picture show the best of the "
        "cohort, which no selector can beat, and the expectation for a random member"
        + (", which is selector 'random'." if f["selector"] == "random" else "."),
        "Ties in a score break by arch_id.",
    ]
    substitutes = [image for image in f["images"] if statuses[image] == SUBSTITUTE]
    if bench.manifest.image_set != "nasdip":
        notes.append(f"The images are of the set {bench.manifest.image_set!r}, not the paper's.")
    if substitutes:
        notes.append(f"Substitutes for the paper's images: {', '.join(substitutes)}.")
    if 0 < min(counts) <= (n or MOST):
        notes.append(
            f"A cohort of all {min(counts)} candidates holds the best of all, so large N say "
            f"nothing about the score here."
        )
    return ReplayFigure(
        caption=" ".join(part for part in parts if part),
        notes=tuple(notes),
        marks=dict.fromkeys(bench.images, ""),
        call=(
            f"bench.isnas_curve({task!r}, scores={f['scores']}, images={f['images']}, n={n}, "
            f"selector={f['selector']!r}, weighting={weighting!r}, with_output={with_output}, "
            f"fidelity={f['fidelity']!r}, seed={seed!r})"
        ),
        frame=frame,
        shown=MEAN if several else f["images"][0],
    )
