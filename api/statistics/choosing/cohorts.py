"""ISNAS cohorts on recorded runs: the N architectures with the lowest score, and their best.

Source: ISNAS-DIP (CVPR 2022), section 4, and its released notebooks: for one image, sort by one
score, ascending, take the N lowest (N = 15), and look up the best of them. Nothing is trained
here; the runs are looked up.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, check_whole
from nasdip_bench.proxies import named_score

from ...reading.arrays.block import Block

if TYPE_CHECKING:
    from ...reading.reader import ReleaseReader

PROXY = "psd_db_strip_mse/corrupted"
COHORTS = (5, 15)


class Cohort(NamedTuple):
    """The architectures with the lowest score on an image.

    Attributes:
        size: the requested N; the cohort is smaller if there are fewer candidates.
        members: (≤ N,) rows of architectures, lowest score first, ties by row.
        best: row of its best architecture; -1 if all diverged.
        value: target of the best; NaN if all diverged.
        rank: rank of the best among all candidates, from 1; 0 if all diverged.
        regret: how far it is from the best of all, at least 0.
    """

    size: int
    members: NDArray[np.intp]
    best: int
    value: float
    rank: int
    regret: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredRuns:
    """A score and a target of the architectures, at one seed.

    An architecture is a candidate on an image if it has an ok or diverged run and a finite score.
    Diverged runs have no value and rank last.

    Attributes:
        task: name.
        fidelity: its name.
        seed: seed of the runs.
        target: column of runs.parquet where higher is better.
        proxy: "proxy/reference".
        images: names.
        scores: (architecture, image) float64, NaN if not a candidate.
        values: (architecture, image) float64, NaN if not a candidate or diverged.
        others: the other default seeds, if no seed was given.
    """

    task: str
    fidelity: str
    seed: int
    target: str
    proxy: str
    images: tuple[str, ...]
    scores: NDArray[np.float64]
    values: NDArray[np.float64]
    others: tuple[int, ...] = ()

    @property
    def one_seed(self) -> str:
        """A sentence on the seed if the release has other default seeds, else ""."""
        if not self.others:
            return ""
        return (
            f"A cohort has one seed, here {self.seed}; also available: "
            f"{', '.join(map(str, self.others))}."
        )

    @property
    def facts(self) -> dict[str, object]:
        """The set-up, like ``attrs`` of the frames in `nasdip_bench.api.statistics`."""
        return {
            "task": self.task,
            "target": self.target,
            "fidelity": self.fidelity,
            "seeds": [self.seed],
        }

    def count(self, image: int) -> int:
        """Number of candidates on the image at a position."""
        return int(np.isfinite(self.scores[:, image]).sum())

    def to_choose(self, image: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores and values (higher is better) of the candidates on an image."""
        having = np.isfinite(self.scores[:, image])
        return self.scores[having, image], self.values[having, image]

    def cohort(self, image: int, size: int) -> Cohort:
        """The cohort of the image at a position."""
        score, value = self.scores[:, image], self.values[:, image]
        order = np.argsort(score, kind="stable")  # NaN is last
        members = order[: min(size, self.count(image))]
        if not np.isfinite(value[members]).any():
            return Cohort(size, members, -1, math.nan, 0, math.nan)
        best = int(members[np.nanargmax(value[members])])
        rank, regret = 1 + int((value > value[best]).sum()), np.nanmax(value) - value[best]
        return Cohort(size, members, best, float(value[best]), rank, float(regret))


def scored_runs(
    bench: ReleaseReader,
    task: str,
    target: str,
    fidelity: str | None,
    seed: int | None,
    proxy: str,
    sizes: Collection[int],
) -> ScoredRuns:
    """Scores and runs of a release.

    Args:
        target: column of runs.parquet where higher is better.
        seed: seed of the runs and of the corruption that the score sees; a cohort has one seed.
            None for the first default seed.
        proxy: name of a score (`nasdip_bench.proxies.named_score`).
        sizes: cohort sizes to check.

    Raises:
        ConfigError: not several whole numbers of at least 1.
        UnknownNameError: an unknown task, target, fidelity, seed or score.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    if not isinstance(sizes, Collection) or not sizes:
        raise ConfigError(f"cohort sizes {sizes!r} must be several whole numbers, such as (5, 15)")
    for size in sizes:
        check_whole("cohort size", size, 1)
    block = bench.runs.block(task, fidelity)
    one, *others = block.choose_seeds(seed)
    _, scores = bench.runs.scores(task, block.fidelity, one)
    wanted = named_score(proxy, scores.columns)
    column = scores.values[:, :, scores.columns.index(wanted)]
    return ranked_runs(bench, block, one, target, column, "/".join(wanted), tuple(others))


def ranked_runs(
    bench: ReleaseReader,
    block: Block,
    seed: int,
    target: str,
    column: NDArray[np.float64],
    proxy: str,
    others: tuple[int, ...] = (),
) -> ScoredRuns:
    """The runs of a seed, with the numbers to rank architectures by, lowest first.

    Args:
        target: column of runs.parquet where higher is better.
        column: (architecture, image) float64; not finite if an architecture is not a candidate.
        proxy: name of the numbers.
        others: the other default seeds.

    Raises:
        UnknownNameError: an unknown target.
    """
    block.check_ranked(target)
    chosen_from = block.ended(seed) & np.isfinite(column)
    return ScoredRuns(
        task=block.task,
        fidelity=block.fidelity,
        seed=seed,
        target=target,
        proxy=proxy,
        images=bench.images,
        scores=np.where(chosen_from, column, np.nan),
        values=np.where(chosen_from, block.matrix(target, seed), np.nan),
        others=others,
    )
