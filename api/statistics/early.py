"""Does the beginning of a fit rank its end? Tau between curves at an iteration and a target.

The smoothed PSNR belongs to a moving average of the outputs with weight 0.99, which lags about 99
iterations behind. To stop fits early, look at the raw PSNR; the tables give both.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import unknown_name
from nasdip_bench.ranks.tau import estimate, signs_of, taus

from ..exhibits.captions import counted, sentences, setup, shortfall
from ..exhibits.drawing import TEXT, legend, save, small_multiples
from ..exhibits.exhibit import FrameFigure
from ..exhibits.forms import estimate as as_text
from ..reading.arrays.targets import VERDICT_TARGETS
from ..reading.run_set import RunSet
from .tau_frame import check_enough, index_of, strata_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..reading.reader import ReleaseReader

CURVES = ("raw", "smoothed")
SEEDS = ("own", "other")
"""Seed of the end that a beginning is compared with: its own, or the others."""

_AT_ONCE = 16  # points; the signs of 522 architectures take 17 MB
# Safe for colour-blind readers; dashes for black-and-white print.
_LOOKS = {
    "own": ("#0072b2", "-", "the end of the same run"),
    "other": ("#d55e00", "--", "the end of the other seeds' runs"),
}
_SHARES = (8, 4, 2, 1)
"""The table shows the iterations at 1/8, 1/4, 1/2 and all of the way to the stop."""
_PANEL = (2.9, 1.45)
_AT_END = "The stop is the end of the budget: final_* equals last_* and, without noise, stopped_*."


def early_ranking(
    bench: ReleaseReader,
    task: str,
    *,
    targets: Sequence[str] = VERDICT_TARGETS,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    iterations: Sequence[int] | None = None,
    within: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Kendall's tau-b between PSNR at kept iterations and the end of fits.

    Each seed's curves are compared with the targets of the same seed ("own") and of the other seeds
    ("other"). The latter have another corruption; a search that is tested elsewhere can expect no
    more. Tau is the mean over images and over seeds or pairs of them.

    Other arguments as in `kendall_intervals`.

    Args:
        targets: columns of runs.parquet where higher is better.
        iterations: some of the kept iterations; None for all of them.

    Returns:
        A frame indexed by (curve, seed, target, iteration), curve one of `CURVES`, seed "own" or
        "other": ``tau``; ``low`` and ``high``, its interval over architectures from the
        infinitesimal jackknife (`nasdip_bench.ranks.tau`); ``n`` architectures, those with ok runs
        on all images at all seeds. In ``attrs``: task, targets, fidelity, seeds, images,
        within, level.

    Raises:
        UnknownNameError: unknown task, image, fidelity, target or iteration.
        MissingRunError: too few architectures with all runs.

    Example:
        >>> found = NASDIPBench("data/").early_ranking("denoise", iterations=[200])
        >>> raw, smoothed = (found.loc[c, "other", "best_psnr_smooth_db", 200].tau for c in CURVES)
        >>> bool(raw > smoothed)
        True
    """
    import pandas as pd

    runs = RunSet.of(bench, task, images=images, fidelity=fidelity)
    runs, strata = runs._replace(seeds=runs.block.seeds), strata_of(bench, within)
    for target in targets:
        runs.block.check_ranked(target)
    curves = bench.curves(task, fidelity=runs.fidelity)
    points = _points(curves.iterations, iterations)
    ends = np.stack([runs.values(target) for target in targets])
    raw, smooth = (
        array[:, list(runs.images)][..., points].astype(np.float64)
        for array in (curves.psnr_db, curves.psnr_smooth_db)
    )
    there = np.isfinite(ends).all(axis=(0, 2, 3)) & np.isfinite(raw).all(axis=(1, 2, 3))
    check_enough(runs, int(there.sum()))
    strata = None if strata is None else strata[there]
    rows = {}
    kinds = SEEDS if len(runs.seeds) > 1 else SEEDS[:1]
    for curve, values in zip(CURVES, (raw[there], smooth[there]), strict=True):
        means = _mean_taus(values, ends[:, there], strata)
        for kind, target, point in np.ndindex(len(kinds), len(targets), len(points)):
            key = (curve, kinds[kind], targets[target], int(curves.iterations[points[point]]))
            found = estimate(means[kind, point, target], level)
            rows[key] = found._asdict() | {"n": int(there.sum())}
    names = ["curve", "seed", "target", "iteration"]
    frame = pd.DataFrame(list(rows.values()), index=index_of(rows, names))
    frame.attrs = runs.facts_of(targets) | {"within": within, "level": level}
    return frame


def _points(kept: NDArray[np.int32], wanted: Sequence[int] | None) -> NDArray[np.intp]:
    """Positions of iterations among the kept ones."""
    if wanted is None:
        return np.arange(len(kept))
    for iteration in wanted:
        if iteration not in kept:
            raise unknown_name("iteration", iteration, kept.tolist())
    return np.searchsorted(kept, wanted)


def _mean_taus(
    early: NDArray[np.float64], ends: NDArray[np.float64], strata: NDArray[np.intp] | None
) -> NDArray[np.float64]:
    """Tau and its influences, averaged over images and over seeds or pairs of them.

    Args:
        early: (architecture, image, seed, point).
        ends: (target, architecture, image, seed).
        strata: (architecture,) codes; None for all pairs.

    Returns:
        (2, point, target, 1 + architecture), in the order of `SEEDS`; NaN for "other" with one
        seed.
    """
    n, images, seeds, points = early.shape
    found = np.zeros((2, points, len(ends), 1 + n))
    for image, first in itertools.product(range(images), range(0, points, _AT_ONCE)):
        some = slice(first, first + _AT_ONCE)
        x = [signs_of(early[:, image, seed, some].T[:, None], strata) for seed in range(seeds)]
        y = [signs_of(ends[:, :, image, seed], strata) for seed in range(seeds)]
        for a, b in np.ndindex(seeds, seeds):
            found[int(a != b), some] += taus(x[a], y[b]).expansion
    with np.errstate(invalid="ignore"):
        found /= images * np.reshape([seeds, seeds * (seeds - 1)], (2, 1, 1, 1))
    return found


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
                *(as_text(*of_curve.loc[at, ["tau", "low", "high"]]) for at in self._iterations()),
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
