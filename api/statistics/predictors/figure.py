"""How many trainings teach predictors to rank, as table and picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...exhibits.captions import counted, sentences, setting_and_n, shortfall
from ...exhibits.drawing import TEXT, legend, save, small_multiples
from ...exhibits.exhibit import FrameFigure
from ...exhibits.forms import estimate
from ..tau_frame import MEAN
from .table import predictor_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ...reading.reader import ReleaseReader

_TITLES = {
    "tau": "tau, all architectures",
    "tau_within": "tau within one sampling and order",
    "regret": "its first is below the best by, dB",
}
_COLUMNS = ("tau", "lead", "tau_within", "regret")
_PANEL = (2.2, 1.7)
# Safe for colour-blind readers, in this order; shapes for black-and-white print.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_SHAPES = "osD^vP"
_SCORE = "#4d4d4d"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PredictorFigure(FrameFigure):
    """Rank correlation of predictors against the size of their training set.

    Attributes:
        frame: from `predictor_table`, with its ``attrs``.
    """

    wide = True

    def heads(self) -> list[list[str]]:
        """Names of the columns."""
        return [
            ["predictor", "trained", "tau", "less the", "tau within", "regret, dB", "ranked"],
            ["", "", "(interval)", "score's", "one sampling", "(interval)", ""],
        ]

    def body(self) -> list[list[str]]:
        """One row per predictor and size."""
        return [
            [
                name,
                f"{size}",
                *(estimate(*row[[one, f"low_{one}", f"high_{one}"]]) for one in _COLUMNS),
                f"{row['held_out']:.0f}",
            ]
            for (name, size), row in self._means().iterrows()
        ]

    def _means(self) -> pd.DataFrame:
        return self.frame.xs(MEAN, level="image")

    def draw(self, path: Path, form: str) -> None:
        """One panel per measure; see `nasdip_bench.api.exhibits.exhibit.Figure.draw`."""
        drawing, panels = small_multiples(len(_TITLES), "trained architectures", "", panel=_PANEL)
        for axes, measure in zip(panels, _TITLES, strict=True):
            self._draw_panel(axes, measure)
        legend(drawing, *axes.get_legend_handles_labels())
        save(drawing, path, form, [self.caption, *self.notes])

    def _draw_panel(self, axes: Axes, measure: str) -> None:
        means = self._means()
        sizes = [size for size in means.index.get_level_values("size").unique() if size]
        learning = 0
        for name, of in means.groupby(level="predictor", sort=False):
            of = of.droplevel("predictor")
            ends = of[f"low_{measure}"], of[f"high_{measure}"]
            if of.index[0] == 0:  # needs no training
                axes.axhline(of[measure].iloc[0], color=_SCORE, ls="--", lw=1, label=name)
                continue
            colour, shape = (of_kind[learning % len(_COLOURS)] for of_kind in (_COLOURS, _SHAPES))
            learning += 1
            axes.fill_between(of.index, *ends, color=colour, alpha=0.18, linewidth=0)
            axes.plot(of.index, of[measure], shape + "-", color=colour, ms=3.5, lw=1.2, label=name)
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size}" for size in sizes])
        axes.minorticks_off()
        if measure != "regret":
            axes.axhline(0, color="0.6", linewidth=0.6)
        else:
            axes.set_ylim(0, None)
        axes.set_title(_TITLES[measure], fontsize=TEXT)


def predictor_figure(bench: ReleaseReader, task: str = "denoise", **how: Any) -> PredictorFigure:
    """How many trainings teach predictors to rank, to print, save or draw.

    Args:
        task: name.
        **how: passed to `predictor_table`.

    Raises:
        NasdipError: as in `predictor_table`.

    Example:
        >>> how = {"images": "lena", "sizes": [20], "repeats": 1}
        >>> predictor_figure(NASDIPBench("data/"), "denoise", **how).heads()[0][:2]
        ['predictor', 'trained']
    """
    frame = predictor_table(bench, task, **how)
    facts = frame.attrs
    interval = (
        f", with its {100 * facts['level']:g} % interval over images and training sets"
        if facts["resamples"]
        else ""
    )
    score = [name for name, size, _ in frame.index if size == 0][:1]
    return PredictorFigure(
        frame=frame,
        caption=sentences(
            f"How many trained architectures teach a predictor to rank the others ({task})? A "
            f"predictor is fitted to runs of one image and ranks the architectures it was not "
            f"fitted to. Kendall's tau-b with the target; mean over "
            f"{counted(len(facts['images']), 'image')} and "
            f"{counted(facts['repeats'], 'training set')}{interval}.",
            setting_and_n(bench, facts, [facts["n"]]),
            shortfall(bench, facts, facts["images"]),
        ),
        notes=(
            "sampling mean: mean target of the trained architectures with the same sampling and "
            "order; ridge: ridge regression on the one-hot encoding.",
            *(f"{name}: the best of the release's scores; it needs no training." for name in score),
        ),
    )
