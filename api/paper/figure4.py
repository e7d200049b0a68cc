"""Figure 4 of the paper, from a release: histograms of PSNR with the best of the cohorts.

Drawn as in the released notebook (notebooks/histograms.ipynb): the best smoothed PSNR of all
architectures in 100 bins over each image's own range. A line marks the best of the N lowest-scoring
architectures: N = 15 in red, N = 5 in black.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import check_whole

from ..exhibits import captions
from ..exhibits.drawing import TEXT, legend, save, small_multiples
from ..exhibits.forms import csv_text
from ..reading.arrays.targets import PAPER_TARGET
from ..statistics.choosing.cohorts import COHORTS, PROXY, scored_runs
from .figure3 import BARS, COLOURS, SETUP, CohortFigure
from .printed import paper_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..reading.reader import ReleaseReader

BINS = 100
_DASHES = ("-", "--", "-.", ":")
"""Of the cohorts: lines on the same value both show."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class HistogramFigure(CohortFigure):
    """Distribution of a target over architectures, by image, with the cohorts' best marked.

    Attributes:
        bins: number of bins over each image's range.
        printed: the paper's lowest and highest value by image; {} where it does not apply.
    """

    bins: int
    printed: dict[str, tuple[float, float]]

    def values(self, image: int) -> NDArray[np.float64]:
        """(n,) float64: the finite values of the image at a position."""
        column = self.runs.values[:, image]
        found: NDArray[np.float64] = column[np.isfinite(column)]
        return found

    def histogram(self, image: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(bins,) counts and (bins + 1,) edges; no bins if there are no values."""
        values = self.values(image)
        if not len(values):
            return np.zeros(0, np.int64), np.zeros(0)
        counts, edges = np.histogram(values, self.bins)
        return counts.astype(np.int64), edges

    def marked_bins(self, image: int) -> list[int]:
        """The bin of each cohort's best; -1 if it has none."""
        _, edges = self.histogram(image)
        return [
            -1
            if cohort.best < 0
            else min(int(np.searchsorted(edges, cohort.value, "right")) - 1, self.bins - 1)
            for cohort in self.cohorts(image)
        ]

    def heads(self) -> list[list[str]]:
        """Names of the columns."""
        best = [f"best of {size} (rank)" for size in self.sizes]
        printed = ["printed range"] if self.printed else []
        return [["image", "n", "lowest", "median", "highest", *best, *printed]]

    def body(self) -> list[list[str]]:
        """One row per image."""
        return [self._row(position, name) for position, name in enumerate(self.runs.images)]

    def _row(self, position: int, name: str) -> list[str]:
        values = self.values(position)
        numbers = ["--"] * 3
        if len(values):
            numbers = [f"{v:.2f}" for v in (values.min(), np.median(values), values.max())]
        best = [
            "--" if cohort.best < 0 else f"{cohort.value:.2f} ({cohort.rank})"
            for cohort in self.cohorts(position)
        ]
        printed = [self._printed_range(name) or "--"] if self.printed else []
        return [self.label(name), str(self.runs.count(position)), *numbers, *best, *printed]

    def title(self, name: str) -> str:
        """Title of an image's panel, with the paper's range."""
        printed = self._printed_range(name)
        return f"{self.label(name)} (printed {printed})" if printed else self.label(name)

    def _printed_range(self, name: str) -> str:
        pair = self.printed.get(name)
        return f"{pair[0]:.1f}..{pair[1]:.1f}" if pair else ""

    def csv(self) -> str:
        """One line per image and bin: edges, count, and the cohorts whose best is in it."""
        rows = []
        for position, name in enumerate(self.runs.images):
            counts, edges = self.histogram(position)
            marked = self.marked_bins(position)
            for bin_, count in enumerate(counts.tolist()):
                ends = (repr(float(edges[bin_])), repr(float(edges[bin_ + 1])))
                here = [str(s) for s, b in zip(self.sizes, marked, strict=True) if b == bin_]
                rows.append((name, bin_, *ends, count, " ".join(here), *self.setup))
        return csv_text(("image", "bin", "low", "high", "count", "best_of_cohorts", *SETUP), rows)

    def draw(self, path: Path, form: str) -> None:
        """One panel per image: bars, and a line at each cohort's best."""
        drawing, panels = small_multiples(len(self.runs.images), self.target_label, "architectures")
        for place, axes in enumerate(panels):
            axes.set_title(self.title(self.runs.images[place]), fontsize=TEXT)
            self._draw_bars(axes, place)
        from matplotlib.lines import Line2D

        labels = [f"best of the {size} lowest-scoring" for size in self.sizes[: len(COLOURS)]]
        handles = [
            Line2D([], [], color=colour, linestyle=dashes)
            for colour, dashes in zip(COLOURS[: len(labels)], _DASHES, strict=False)
        ]
        legend(drawing, handles, labels)
        save(drawing, path, form, [self.caption, *self.notes])

    def _draw_bars(self, axes: Axes, image: int) -> None:
        from matplotlib.ticker import MaxNLocator

        counts, edges = self.histogram(image)
        if not len(counts):
            axes.text(0.5, 0.5, "no run", ha="center", va="center", transform=axes.transAxes)
            axes.set_xticks([])
            axes.set_yticks([])
            return
        axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=BARS)
        for cohort, colour, dashes in zip(self.cohorts(image), COLOURS, _DASHES, strict=False):
            if cohort.best >= 0:
                axes.axvline(cohort.value, color=colour, linestyle=dashes, linewidth=1.2)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def figure4(
    bench: ReleaseReader,
    task: str = "denoise",
    *,
    target: str = PAPER_TARGET,
    fidelity: str | None = None,
    seed: int | None = None,
    score: str = PROXY,
    cohorts: Sequence[int] = COHORTS,
    bins: int = BINS,
) -> HistogramFigure:
    """Figure 4 from a release.

    Args:
        task: name; the paper has denoise and inpaint.
        target: one where higher is better; the default is the released notebook's.
        fidelity: None for the release's default for the task.
        seed: one seed, because a cohort has one; None for the first default seed.
        score: name of the score (`nasdip_bench.proxies.named_score`); a cohort has its lowest
            values.
        cohorts: sizes N.
        bins: number of bins over each image's range.

    Raises:
        ConfigError: a cohort or number of bins below 1.
        UnknownNameError: an unknown task, target, fidelity, seed or score.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> figure4(NASDIPBench("data/"), cohorts=[5]).heads()[0][-2]
        'best of 5 (rank)'
    """
    bins = check_whole("bins", bins, 1)
    runs = scored_runs(bench, task, target, fidelity, seed, score, cohorts)
    sizes = tuple(sorted({int(size) for size in cohorts}))
    counts = [runs.count(position) for position in range(len(runs.images))]
    marks, notes = captions.image_marks(bench)
    printed = _printed(bench, task, target)
    small = [size for size in sizes if size >= min(counts)]
    if small:
        notes.append(
            f"Where N ≥ n, the cohort has every candidate and its best is the best of all: N = "
            f"{', '.join(map(str, small))} says nothing about the score there."
        )
    return HistogramFigure(
        caption=captions.sentences(
            f"Figure 4 ({task}): distribution of {captions.quantity(target)} over architectures by "
            f"image, in {bins} bins over each image's own range. Marked: the best of the N "
            f"architectures with the lowest {runs.proxy}, N = {' and '.join(map(str, sizes))}.",
            captions.setting_and_n(bench, runs.facts, counts),
            runs.one_seed,
            captions.shortfall(bench, runs.facts),
            "The printed ranges are for the paper's 522 architectures at 512x512, read off the "
            "axis of the released notebook's figure."
            if printed
            else "",
        ),
        notes=tuple(notes),
        marks=marks,
        runs=runs,
        sizes=sizes,
        bins=bins,
        printed=printed,
    )


def _printed(bench: ReleaseReader, task: str, target: str) -> dict[str, tuple[float, float]]:
    values = paper_values()["figure4"]
    if (
        not captions.of_the_paper(bench)
        or target != values["target"]
        or task not in values["tasks"]
    ):
        return {}
    place = values["tasks"].index(task)
    return {image: tuple(pairs[place]) for image, pairs in values["ranges"].items()}
