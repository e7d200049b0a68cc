"""Our Figure 3: PSNR against a training-free score, by image, with the cohorts it finds.

What the paper's Figure 3 shows could not be established from the material at hand: this one shows
what the cells of Table 1 sum up, and what Figure 4's marks are chosen from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.ranks.correlation import Correlation, kendall_tau_b

from ..exhibits.forms import csv_text
from ..exhibits.paper_exhibit import PaperExhibit
from ..statistics.choosing_cohorts import COHORTS, PROXY, Cohort, ScoredRuns, scored_runs
from .captions import image_marks, setting, shortfall, span

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["ScatterFigure", "figure3"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ScatterFigure(PaperExhibit):
    """A target against a score, a point an architecture.

    Attributes:
        runs: scores and values.
        sizes: of the cohorts, ascending.
        codes: canonical strings of the architectures, by row.
    """

    runs: ScoredRuns
    sizes: tuple[int, ...]
    codes: tuple[str, ...]

    def correlation(self, image: int) -> Correlation:
        """Tau-b of an image, by its position, over the points that are shown."""
        return kendall_tau_b(self.runs.values[:, image], self.runs.scores[:, image])

    def cohorts(self, image: int) -> list[Cohort]:
        """The cohort of each size."""
        return [self.runs.cohort(image, size) for size in self.sizes]

    def heads(self) -> list[list[str]]:
        """Set-up of the columns."""
        regrets = [f"regret of best of {size}" for size in self.sizes]
        return [["image", "n", "tau", "lowest score", "highest score", *regrets]]

    def body(self) -> list[list[str]]:
        """A row an image."""
        rows = []
        for position, name in enumerate(self.runs.images):
            tau = self.correlation(position).tau
            scores = self.runs.scores[:, position]
            finite = scores[np.isfinite(scores)]
            ends = [f"{v:.4g}" for v in (finite.min(), finite.max())] if len(finite) else ["--"] * 2
            regrets = [
                "--" if cohort.best < 0 else f"{cohort.regret:.2f}"
                for cohort in self.cohorts(position)
            ]
            shown = "--" if np.isnan(tau) else f"{tau:+.2f}"
            rows.append([self.label(name), str(len(finite)), shown, *ends, *regrets])
        return rows

    def csv(self) -> str:
        """A line an image and architecture; the target is empty where the run diverged."""
        setup = (self.runs.task, self.runs.target, self.runs.fidelity, self.runs.seed)
        rows = []
        for position, name in enumerate(self.runs.images):
            cohorts = self.cohorts(position)
            for arch_id in np.flatnonzero(np.isfinite(self.runs.scores[:, position])).tolist():
                score, value = (
                    float(matrix[arch_id, position])
                    for matrix in (self.runs.scores, self.runs.values)
                )
                within = [str(c.size) for c in cohorts if arch_id in c.members]
                numbers = (repr(score), "" if np.isnan(value) else repr(value), " ".join(within))
                which = (name, arch_id, self.codes[arch_id])
                rows.append((*which, *numbers, *setup, self.runs.proxy))
        head = ("image", "arch_id", "architecture", "score", "value", "cohorts", "task", "target")
        return csv_text((*head, "fidelity", "seed", "proxy"), rows)

    def draw(self, path: Path, form: str) -> None:
        """Small multiples; see `nasdip_bench.api.exhibits.exhibit.Exhibit.draw`."""
        from .panels import draw_scatter

        draw_scatter(self, path, form)


def figure3(
    bench: NASDIPBench,
    task: str = "denoise",
    target: str = "best_psnr_smooth_db",
    fidelity: str | None = None,
    seed: int | None = None,
    *,
    proxy: str = PROXY,
    cohorts: Sequence[int] = COHORTS,
) -> ScatterFigure:
    """Our Figure 3 from a release.

    Args:
        bench: the release.
        task: name.
        target: column of runs.parquet with a direction.
        fidelity: None for the release's default for the task.
        seed: None for the first of the default seeds: a cohort is of one seed.
        proxy: name of the score (`nasdip_bench.proxies.named_score`).
        cohorts: sizes N.

    Raises:
        ConfigError: a cohort below 1.
        UnknownNameError: a task, target, fidelity, seed or score that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    runs = scored_runs(bench, task, target, fidelity, seed, proxy, cohorts)
    sizes = tuple(sorted({int(size) for size in cohorts}))
    counts = [runs.count(position) for position in range(len(runs.images))]
    marks, notes = image_marks(bench)
    parts = [
        f"Figure 3 ({task}): PSNR against {runs.proxy} of the untrained network, a point an "
        f"architecture, with the N architectures of lowest score, N = "
        f"{' and '.join(map(str, sizes))}. What the print's Figure 3 shows was not established: "
        f"this is not claimed to be the same.",
        f"{setting(bench, runs.facts)}; n = {span(counts)} of {len(bench)} architectures. Tau is "
        f"tau-b, its sign raw: negative is good for a distance.",
        runs.one_seed,
        shortfall(bench, runs.facts),
    ]
    return ScatterFigure(
        caption=" ".join(part for part in parts if part),
        notes=tuple(notes),
        marks=marks,
        call=(
            f"figure3(bench, {task!r}, target={target!r}, fidelity={runs.fidelity!r}, "
            f"seed={runs.seed}, proxy={runs.proxy!r}, cohorts={sizes})"
        ),
        runs=runs,
        sizes=sizes,
        codes=bench.codes,
    )
