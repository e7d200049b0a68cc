"""What stopping rules lose, as table and picture: a line per rule, least lost on top."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasdip_bench.stopping import RULES
from nasdip_bench.tasks import get_task

from ...exhibits.captions import call_text, sentences, setup, shortfall
from ...exhibits.drawing import SMALL, TEXT, caption_lines, new_figure, save, write_caption
from ...exhibits.exhibit import FrameExhibit
from ...exhibits.forms import estimate
from ..tau_frame import MEAN
from .stopped import CROSS_FITTED, GIVEN, ORACLE, PUBLISHED
from .table import stopping_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ...reading.reader import ReleaseReader

# Safe for colour-blind readers; shapes for black-and-white print.
_LOOKS = {
    CROSS_FITTED: ("#0072b2", "o", "parameters cross-fitted over images"),
    PUBLISHED: ("#d55e00", "D", "constants as published"),
    GIVEN: ("#4d4d4d", "s", "fixed beforehand"),
}
_ROW = 0.3  # inches
_AXES, _NUMBERS, _ABOVE, _BELOW = 3.6, 1.35, 0.3, 0.45


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class StoppingFigure(FrameExhibit):
    """dB lost by each rule, with its interval, and on each image.

    Attributes:
        frame: from `stopping_table`, with its ``attrs``.
    """

    wide = True

    def means(self) -> pd.DataFrame:
        """One row per rule, least lost first; without the oracle, which loses nothing."""
        means = self.frame.xs(MEAN, level="image").drop(ORACLE)
        return means.sort_values("lost_db", kind="stable")

    def heads(self) -> list[list[str]]:
        """Names of the columns."""
        return [
            ["rule", "parameters", "iteration", "PSNR, dB", "lost, dB", "95 % below", "never", "n"],
            ["", "(how chosen)", "", "", "(interval)", "dB", "stops", "runs"],
        ]

    def body(self) -> list[list[str]]:
        """One row per rule, means over images."""
        return [
            [
                str(rule),
                f"{row['parameters'] or '--'} ({row['choice']})",
                f"{row['iteration']:.0f}",
                f"{row['psnr_smooth_db']:.2f}",
                _lost(row),
                f"{row['lost_p95_db']:.2f}",
                f"{row['never']:.0%}",
                f"{row['n']}",
            ]
            for rule, row in self.means().iterrows()
        ]

    def draw(self, path: Path, form: str) -> None:
        """One line per rule; see `nasdip_bench.api.exhibits.exhibit.Exhibit.draw`."""
        means = self.means()
        names = 0.075 * max(len(str(rule)) for rule in means.index) + 0.15  # room on the left
        width = names + _AXES + _NUMBERS
        lines, caption = caption_lines([self.caption, *self.notes], width)
        rows = _ROW * len(means)
        height = _ABOVE + rows + _BELOW + caption
        drawing = new_figure(width, height)
        axes = drawing.add_axes(
            (names / width, (_BELOW + caption) / height, _AXES / width, rows / height)
        )
        for place, (rule, row) in enumerate(means.iterrows()):
            self._draw_rule(axes, place, str(rule), row)
        axes.set_ylim(len(means) - 0.4, -0.6)
        axes.set_yticks(range(len(means)), [*map(str, means.index)], fontsize=TEXT)
        axes.tick_params(axis="x", labelsize=SMALL)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(left=0)
        axes.grid(axis="x", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel(
            "PSNR lost against the best of the same run (the oracle), dB", fontsize=TEXT
        )
        self._draw_legend(axes, [*means["choice"]])
        write_caption(drawing, lines, caption)
        save(drawing, path, form)

    def _draw_rule(self, axes: Axes, place: int, rule: str, row: pd.Series) -> None:
        colour, shape, _ = _LOOKS[row["choice"]]
        by_image = self.frame.loc[rule, "lost_db"].drop(MEAN)
        axes.plot(
            by_image, [place + 0.2] * len(by_image), ".", color=colour, alpha=0.45, markersize=4,
            markeredgewidth=0, clip_on=False,
        )  # fmt: skip
        if math.isfinite(row["low"]):
            axes.hlines(place - 0.1, row["low"], row["high"], color=colour, linewidth=1.4)
        axes.plot(row["lost_db"], place - 0.1, shape, color=colour, markersize=4, clip_on=False)
        axes.annotate(
            _lost(row), (1, place), (8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", fontsize=SMALL,
        )  # fmt: skip

    def _draw_legend(self, axes: Axes, shown: Sequence[str]) -> None:
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], color=colour, marker=shape, markersize=4, label=label)
            for choice, (colour, shape, label) in _LOOKS.items()
            if choice in shown
        ]
        handles.append(
            Line2D([], [], color="0.5", marker=".", markersize=5, linestyle="", label="one image")
        )
        axes.figure.legend(
            handles=handles, loc="upper center", ncols=len(handles), fontsize=SMALL,
            frameon=False, borderaxespad=0.3, handletextpad=0.5, columnspacing=1.2,
        )  # fmt: skip


def _lost(row: pd.Series) -> str:
    lost, low, high = row[["lost_db", "low", "high"]]
    return estimate(lost, low, high, ".2f")


def stopping_figure(bench: ReleaseReader, task: str = "denoise", **how: Any) -> StoppingFigure:
    """What stopping rules lose, to print, save or draw.

    Args:
        task: name.
        **how: passed to `stopping_table`.

    Raises:
        NasdipError: as in `stopping_table`.

    Example:
        >>> figure = stopping_figure(NASDIPBench("data/"), "denoise", resamples=0)
        >>> figure.means().index[0]
        'discrepancy(sigma=known)'
    """
    frame = stopping_table(bench, task, **how)
    facts = frame.attrs
    means = frame.xs(MEAN, level="image")
    shown = [image for image in frame.loc[ORACLE].index if image != MEAN]
    of = f"{len(shown)} images" if len(shown) > 1 else shown[0]
    kind = get_task(facts["task"]).kind
    without = {name: rule().no_meaning(kind) for name, rule in RULES.items()}
    interval = (
        f" with its {100 * facts['level']:g} % interval over architectures and images"
        if facts["resamples"]
        else ""
    )
    return StoppingFigure(
        frame=frame,
        caption=sentences(
            f"What stopping rules lose ({task}): smoothed PSNR where a rule stops, in dB below the "
            f"best of the same run. The mean over {of}{interval}; dots: single images.",
            f"At {setup(bench, facts)}; n = {means['n'].max()} runs.",
            shortfall(bench, facts, shown),
        ),
        notes=(
            "Cross-fitted: each image uses the parameters that lose least on the other images.",
            "Published: the authors' constants, meant for budgets of some thousand iterations.",
            *(f"No {name}: {reason}." for name, reason in without.items() if reason),
        ),
        call=call_text("bench.stopping_table", repr(task), **how | {"fidelity": facts["fidelity"]}),
    )
