"""Our Figure 3: PSNR against a training-free score, by image, with the cohorts it selects.

We could not tell what the paper's Figure 3 shows. This one shows the points behind each cell of
Table 1, and those that Figure 4's marks are chosen from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.ranks.tau import tau_b

from ..exhibits.captions import (
    image_marks,
    quantity,
    sentences,
    setting_and_n,
    shortfall,
)
from ..exhibits.drawing import TEXT, legend, save, small_multiples
from ..exhibits.exhibit import Figure
from ..exhibits.forms import csv_text
from ..reading.arrays.targets import PAPER_TARGET
from ..statistics.choosing.cohorts import COHORTS, PROXY, Cohort, ScoredRuns, scored_runs

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

BARS = "#8fb3d9"
COLOURS = ("black", "#d62728", "#2ca02c", "#9467bd")
"""Of the cohorts, smallest first; black and red as in the released notebook."""
SETUP = ("task", "target", "fidelity", "seed", "proxy")
_DECADES = 100  # the score axis is logarithmic from this ratio on


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CohortFigure(Figure):
    """A target by image and architecture, with the cohorts of lowest scores.

    Attributes:
        runs: scores and values.
        sizes: sizes of the cohorts, ascending.
    """

    runs: ScoredRuns
    sizes: tuple[int, ...]

    def cohorts(self, image: int) -> list[Cohort]:
        """The cohort of each size, for the image at a position."""
        return [self.runs.cohort(image, size) for size in self.sizes]

    @property
    def setup(self) -> tuple[object, ...]:
        """The values of `SETUP`."""
        return tuple(getattr(self.runs, name) for name in SETUP)

    @property
    def target_label(self) -> str:
        """Axis label of the target, with its unit."""
        name = self.runs.target.removesuffix("_db")
        return name if name == self.runs.target else f"{name}, dB"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ScatterFigure(CohortFigure):
    """A target against a score, one point per architecture.

    Attributes:
        codes: canonical strings of the architectures, by row.
    """

    codes: tuple[str, ...]

    def correlation(self, image: int) -> float:
        """Tau-b of the image at a position, over the points shown."""
        return tau_b(self.runs.values[:, image], self.runs.scores[:, image])

    def heads(self) -> list[list[str]]:
        """Names of the columns."""
        regrets = [f"regret of best of {size}" for size in self.sizes]
        return [["image", "n", "tau", "lowest score", "highest score", *regrets]]

    def body(self) -> list[list[str]]:
        """One row per image."""
        rows = []
        for position, name in enumerate(self.runs.images):
            tau = self.correlation(position)
            scores = self.runs.scores[:, position]
            finite = scores[np.isfinite(scores)]
            ends = [f"{v:.4g}" for v in (finite.min(), finite.max())] if len(finite) else ["--"] * 2
            regrets = ["--" if c.best < 0 else f"{c.regret:.2f}" for c in self.cohorts(position)]
            shown = "--" if np.isnan(tau) else f"{tau:+.2f}"
            rows.append([self.label(name), str(len(finite)), shown, *ends, *regrets])
        return rows

    def csv(self) -> str:
        """One line per image and architecture; the target is empty if the run diverged."""
        rows = []
        for position, name in enumerate(self.runs.images):
            cohorts = self.cohorts(position)
            scores, values = self.runs.scores[:, position], self.runs.values[:, position]
            for arch_id in np.flatnonzero(np.isfinite(scores)).tolist():
                score, value = float(scores[arch_id]), float(values[arch_id])
                within = " ".join(str(c.size) for c in cohorts if arch_id in c.members)
                numbers = (repr(score), "" if math.isnan(value) else repr(value), within)
                rows.append((name, arch_id, self.codes[arch_id], *numbers, *self.setup))
        head = ("image", "arch_id", "architecture", "score", "value", "cohorts", *SETUP)
        return csv_text(head, rows)

    def draw(self, path: Path, form: str) -> None:
        """One panel per image: all points, the cohorts' in colour."""
        from matplotlib.lines import Line2D
        from matplotlib.ticker import MaxNLocator

        drawing, panels = small_multiples(len(self.runs.images), "score", self.target_label)
        for place, axes in enumerate(panels):
            value = self.correlation(place)
            tau = "" if math.isnan(value) else f", tau {value:+.2f}"
            axes.set_title(f"{self.label(self.runs.images[place])}{tau}", fontsize=TEXT)
            scores, values = self.runs.scores[:, place], self.runs.values[:, place]
            axes.scatter(scores, values, s=7, color=BARS, linewidths=0)
            # The largest first, so that a smaller one lies on top.
            for cohort, colour in reversed([*zip(self.cohorts(place), COLOURS, strict=False)]):
                members = cohort.members
                axes.scatter(scores[members], values[members], s=11, color=colour, linewidths=0)
            finite = scores[np.isfinite(values)]
            if len(finite) and 0 < _DECADES * finite.min() < finite.max():
                axes.set_xscale("log")
            else:
                axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.yaxis.set_major_locator(MaxNLocator(4))
        labels = [f"the {size} lowest-scoring" for size in self.sizes[: len(COLOURS)]]
        handles = [
            Line2D([], [], marker="o", linestyle="none", color=colour, markersize=4)
            for colour in (*COLOURS[: len(labels)], BARS)
        ]
        legend(drawing, handles, [*labels, "the others"])
        save(drawing, path, form, [self.caption, *self.notes])


def figure3(
    bench: ReleaseReader,
    task: str = "denoise",
    *,
    target: str = PAPER_TARGET,
    fidelity: str | None = None,
    seed: int | None = None,
    score: str = PROXY,
    cohorts: Sequence[int] = COHORTS,
) -> ScatterFigure:
    """Our Figure 3 from a release.

    Args:
        task: name.
        target: column of runs.parquet where higher is better.
        fidelity: None for the release's default for the task.
        seed: one seed, because a cohort has one; None for the first default seed.
        score: name of the score (`nasdip_bench.proxies.named_score`).
        cohorts: sizes N.

    Raises:
        ConfigError: a cohort below 1.
        UnknownNameError: an unknown task, target, fidelity, seed or score.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> figure3(NASDIPBench("data/"), cohorts=[15, 5]).sizes
        (5, 15)
    """
    runs = scored_runs(bench, task, target, fidelity, seed, score, cohorts)
    sizes = tuple(sorted({int(size) for size in cohorts}))
    counts = [runs.count(position) for position in range(len(runs.images))]
    marks, notes = image_marks(bench)
    return ScatterFigure(
        caption=sentences(
            f"Figure 3 ({task}): {quantity(target)} against {runs.proxy} of the untrained "
            f"network, one point per architecture. In colour: the N architectures with the lowest "
            f"score, N = {' and '.join(map(str, sizes))}. We could not tell what the paper's "
            f"Figure 3 shows; ours may differ.",
            setting_and_n(bench, runs.facts, counts),
            "Tau is tau-b with its raw sign: negative is good for a distance.",
            runs.one_seed,
            shortfall(bench, runs.facts),
        ),
        notes=tuple(notes),
        marks=marks,
        runs=runs,
        sizes=sizes,
        codes=bench.codes,
    )
