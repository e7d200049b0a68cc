"""Whether the beginning of fits ranks their end, as table and picture: raw and smoothed PSNR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...exhibits.captions import counted, sentences, setup, shortfall
from ...exhibits.drawing import TEXT, legend, save, small_multiples
from ...exhibits.exhibit import FrameFigure
from ...exhibits.forms import estimate
from .ranking import CURVES, early_ranking

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ...reading.reader import ReleaseReader

# Safe for colour-blind readers; dashes for black-and-white print.
_LOOKS = {
    "own": ("#0072b2", "-", "the end of the same run"),
    "other": ("#d55e00", "--", "the end of the other seeds' runs"),
}
_SHARES = (8, 4, 2, 1)
"""The table shows the iterations at 1/8, 1/4, 1/2 and all of the way to the stop."""
_PANEL = (2.9, 1.45)
_AT_END = "The stop is the end of the budget: final_* equals last_* and, without noise, stopped_*."


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EarlyFigure(FrameFigure):
    """Tau between PSNR at an iteration and the end of fits.

    Attributes:
        frame: from `early_ranking`, with its ``attrs``.
        stop: iteration of the fidelity's stop.
    """

    wide = True
    stop: int

    def _iterations(self) -> list[int]:
        """The kept iterations in the table: near shares of the stop, and the last."""
        kept = self.frame.index.get_level_values("iteration").unique().to_numpy()
        near = [kept[np.abs(kept - self.stop // share).argmin()] for share in _SHARES]
        return sorted({*map(int, near), int(kept.max())})

    def heads(self) -> list[list[str]]:
        """Names of the columns, with the iterations."""
        return [["target", "curve", "seed", *(f"after {at}" for at in self._iterations())]]

    def body(self) -> list[list[str]]:
        """One row per target, curve and seed."""
        return [
            [
                target,
                curve,
                seed,
                *(estimate(*of_curve.loc[at, ["tau", "low", "high"]]) for at in self._iterations()),
            ]
            for target in self.frame.attrs["targets"]
            for curve in CURVES
            for seed, of_curve in self._curves(curve, target).items()
        ]

    def _curves(self, curve: str, target: str) -> dict[str, pd.DataFrame]:
        """The curves of a panel by seed: one row per iteration."""
        having = self.frame.index.get_level_values("seed").unique()
        return {seed: self.frame.loc[curve, seed, target] for seed in having}

    def draw(self, path: Path, form: str) -> None:
        """One row of panels per target; see `nasdip_bench.api.exhibits.exhibit.Figure.draw`."""
        targets: Sequence[str] = self.frame.attrs["targets"]
        shown = [(target, curve) for target in targets for curve in CURVES]
        drawing, panels = small_multiples(
            len(shown), "iteration", "tau with the end", most=len(CURVES), panel=_PANEL
        )
        lowest = min(0.0, float(self.frame["low"].min()))
        for axes, (target, curve) in zip(panels, shown, strict=True):
            self._draw_panel(axes, target, curve)
            axes.set_ylim(lowest - 0.05, 1.05)
        legend(drawing, *axes.get_legend_handles_labels())
        save(drawing, path, form, [self.caption, *self.notes])

    def _draw_panel(self, axes: Axes, target: str, curve: str) -> None:
        for seed, of_curve in self._curves(curve, target).items():
            colour, dashes, label = _LOOKS[seed]
            at = of_curve.index.to_numpy()
            axes.fill_between(
                at, of_curve["low"], of_curve["high"], color=colour, alpha=0.18, linewidth=0
            )
            axes.plot(at, of_curve["tau"], color=colour, linestyle=dashes, lw=1.2, label=label)
        axes.axhline(0, color="0.6", linewidth=0.6)
        axes.axvline(self.stop, color="0.6", linewidth=0.8, linestyle=":", label="the stop")
        axes.set_xlim(0, None)
        axes.set_title(f"{curve} PSNR against {target}", fontsize=TEXT)


def early_figure(bench: ReleaseReader, task: str = "denoise", **how: Any) -> EarlyFigure:
    """Whether the beginning of fits ranks their end, to print, save or draw.

    Args:
        task: name.
        **how: passed to `early_ranking`.

    Raises:
        NasdipError: as in `early_ranking`.

    Example:
        >>> early_figure(NASDIPBench("data/"), "denoise").heads()[0][:4]
        ['target', 'curve', 'seed', 'after 43']
    """
    frame = early_ranking(bench, task, **how)
    facts = frame.attrs
    record = bench.runs.block(task, facts["fidelity"]).record
    several = len(facts["seeds"]) > 1
    within = "; only pairs with the same sampling and order" if facts["within"] else ""
    return EarlyFigure(
        frame=frame,
        stop=record.stop,
        caption=sentences(
            f"Does the beginning of a fit rank its end ({task})? Kendall's tau-b over "
            f"architectures between PSNR at an iteration and a target; mean over "
            f"{counted(len(facts['images']), 'image')}, with its {100 * facts['level']:g} % "
            f"interval over architectures{within}.",
            f"At {setup(bench, facts)}; n = {frame['n'].max()} of {len(bench)} architectures, "
            f"those with all runs; stop at iteration {record.stop}.",
            shortfall(bench, facts, facts["images"]),
        ),
        notes=(
            "The smoothed PSNR belongs to a moving average of the outputs with weight 0.99, which "
            "lags about 99 iterations behind. To stop fits early, look at the raw PSNR.",
            "Targets best_* are oracles. Other seeds have another corruption and other weights."
            if several
            else "Targets best_* are oracles. There is only one seed, so no other to compare with.",
            *([_AT_END] if record.stop == record.iterations else []),
        ),
    )
