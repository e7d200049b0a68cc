"""Figure 4 of the paper, from the data: histograms of PSNR with the best of the cohorts.

As the released notebook (notebooks/histograms.ipynb) draws it: 100 bins over each image's own
range of the best smoothed PSNR of all architectures, the bin of the best of the N lowest-scoring
ones marked, N = 15 in red and N = 5 in black.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError

from ..exhibits.forms import csv_text
from ..exhibits.paper_exhibit import PaperExhibit
from ..statistics.choosing_cohorts import COHORTS, PROXY, Cohort, ScoredRuns, scored_runs
from .captions import image_marks, of_the_paper, paper_values, setting, shortfall, span

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["HistogramFigure", "figure4"]

BINS = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class HistogramFigure(PaperExhibit):
    """Distribution of a target over architectures, by image, and where the cohorts' best lie.

    Attributes:
        runs: scores and values.
        sizes: of the cohorts, ascending.
        bins: number of bins, over the range of each image.
        printed: by image, the lowest and highest value of the print; {} where it does not apply.
        unit: of the target.
    """

    runs: ScoredRuns
    sizes: tuple[int, ...]
    bins: int
    printed: dict[str, tuple[float, float]]
    unit: str

    def values(self, image: int) -> NDArray[np.float64]:
        """(n,) float64: the finite values of an image, by its position."""
        column = self.runs.values[:, image]
        found: NDArray[np.float64] = column[np.isfinite(column)]
        return found

    def histogram(self, image: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(bins,) counts and (bins + 1,) edges; of no values, no bins."""
        values = self.values(image)
        if not len(values):
            return np.zeros(0, np.int64), np.zeros(0)
        counts, edges = np.histogram(values, self.bins)
        return counts.astype(np.int64), edges

    def cohorts(self, image: int) -> list[Cohort]:
        """The cohort of each size."""
        return [self.runs.cohort(image, size) for size in self.sizes]

    def marked_bins(self, image: int) -> list[int]:
        """For each cohort the bin that its best lies in; -1 where it has none."""
        _, edges = self.histogram(image)
        return [
            -1
            if cohort.best < 0
            else min(int(np.searchsorted(edges, cohort.value, "right")) - 1, self.bins - 1)
            for cohort in self.cohorts(image)
        ]

    def heads(self) -> list[list[str]]:
        """Set-up of the columns."""
        ours = ["n", "lowest", "median", "highest"]
        best = [f"best of {size} (rank)" for size in self.sizes]
        return [["image", *ours, *best, *(["printed range"] if self.printed else [])]]

    def body(self) -> list[list[str]]:
        """A row an image."""
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
        row = [self.label(name), str(self.runs.count(position)), *numbers, *best]
        if self.printed:
            row.append(self._printed_range(name) or "--")
        return row

    def title(self, name: str) -> str:
        """Of an image's panel, with the range that is printed for it."""
        printed = self._printed_range(name)
        return f"{self.label(name)} (printed {printed})" if printed else self.label(name)

    def _printed_range(self, name: str) -> str:
        pair = self.printed.get(name)
        return f"{pair[0]:.1f}..{pair[1]:.1f}" if pair else ""

    def csv(self) -> str:
        """A line an image and bin: edges, count, and the cohorts whose best lies in it."""
        setup = (self.runs.task, self.runs.target, self.runs.fidelity, self.runs.seed)
        rows = []
        for position, name in enumerate(self.runs.images):
            counts, edges = self.histogram(position)
            marked = self.marked_bins(position)
            for number, count in enumerate(counts.tolist()):
                here = [s for s, b in zip(self.sizes, marked, strict=True) if b == number]
                low, high = float(edges[number]), float(edges[number + 1])
                which = (name, number, repr(low), repr(high), count, " ".join(map(str, here)))
                rows.append((*which, *setup, self.runs.proxy))
        head = ("image", "bin", "low", "high", "count", "best_of_cohorts", "task", "target")
        return csv_text((*head, "fidelity", "seed", "proxy"), rows)

    def draw(self, path: Path, form: str) -> None:
        """Small multiples; see `nasdip_bench.api.exhibits.exhibit.Exhibit.draw`."""
        from .panels import draw_histograms

        draw_histograms(self, path, form)


def figure4(
    bench: NASDIPBench,
    task: str = "denoise",
    target: str = "best_psnr_smooth_db",
    fidelity: str | None = None,
    seed: int | None = None,
    *,
    proxy: str = PROXY,
    cohorts: Sequence[int] = COHORTS,
    bins: int = BINS,
) -> HistogramFigure:
    """Figure 4 from a release.

    Args:
        bench: the release.
        task: name; the print has denoise and inpaint.
        target: column of runs.parquet with a direction; the default is the released notebook's.
        fidelity: None for the release's default for the task.
        seed: None for the first of the default seeds: a cohort is of one seed.
        proxy: name of the score (`nasdip_bench.proxies.named_score`) whose lowest values make a
            cohort.
        cohorts: sizes N.
        bins: number of bins, over the range of each image.

    Raises:
        ConfigError: a cohort or number of bins below 1.
        UnknownNameError: a task, target, fidelity, seed or score that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 1:
        raise ConfigError(f"bins {bins!r} must be a whole number of at least 1")
    runs = scored_runs(bench, task, target, fidelity, seed, proxy, cohorts)
    sizes = tuple(sorted({int(size) for size in cohorts}))
    counts = [runs.count(position) for position in range(len(runs.images))]
    marks, notes = image_marks(bench)
    printed = _printed(bench, task, target)
    parts = [
        f"Figure 4 ({task}): distribution of PSNR over architectures by image, {bins} bins over "
        f"each image's own range, with the best of the N architectures of lowest {runs.proxy}, N = "
        f"{' and '.join(map(str, sizes))}.",
        f"{setting(bench, runs.facts)}; n = {span(counts)} of {len(bench)} architectures.",
        runs.one_seed,
        shortfall(bench, runs.facts),
        "The printed ranges are those of the paper's 522 architectures at 512x512, read from the "
        "axis of the released notebook's figure."
        if printed
        else "",
    ]
    small = [size for size in sizes if size >= min(counts)]
    if small:
        notes.append(
            f"Where a cohort holds all architectures that can be chosen from (N ≥ n), its best is "
            f"the best of all: N = {', '.join(map(str, small))} says nothing of the score there."
        )
    return HistogramFigure(
        caption=" ".join(part for part in parts if part),
        notes=tuple(notes),
        marks=marks,
        call=_call(runs, sizes),
        runs=runs,
        sizes=sizes,
        bins=int(bins),
        printed=printed,
        unit="dB" if target.endswith("_db") else "",
    )


def _call(runs: ScoredRuns, sizes: tuple[int, ...]) -> str:
    return (
        f"figure4(bench, {runs.task!r}, target={runs.target!r}, fidelity={runs.fidelity!r}, "
        f"seed={runs.seed}, proxy={runs.proxy!r}, cohorts={sizes})"
    )


def _printed(bench: NASDIPBench, task: str, target: str) -> dict[str, tuple[float, float]]:
    values = paper_values()["figure4"]
    if not of_the_paper(bench) or target != values["target"]:
        return {}
    if task not in values["tasks"]:
        return {}
    place = values["tasks"].index(task)
    return {image: tuple(pairs[place]) for image, pairs in values["ranges"].items()}
