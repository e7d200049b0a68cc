"""The runs behind a simulated search: one image, task, fidelity and seed, as arrays.

They are read once and shared by every `nasdip_bench.api.simulation.simulator.Simulator` on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, MissingRunError
from nasdip_bench.proxies import named_score, network_scores
from nasdip_bench.space import Neighbourhood

from ..reading.architectures import ArchitectureLike
from ..reading.arrays.block import Block
from .prices import Prices, is_number

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader


class RecordedScores(NamedTuple):
    """One score of the architectures that can be searched.

    Attributes:
        values: (n,) as a list; NaN where the release has none.
        seconds: (n,) seconds to compute the score in all initialisations, without forward passes.
        inits: (n,) forward passes that it takes; 0 for scores of the network itself, whose seconds
            include their passes.
    """

    values: list[float]
    seconds: list[float]
    inits: list[int]


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedRuns:
    """Recorded learning curves that replace training.

    The space is the n architectures that have a run, ok or diverged. Missing and failed runs say
    nothing about an architecture, so it excludes them.

    Attributes:
        block: its runs of the task at the fidelity.
        image: name.
        seed: seed of the runs, and of the corruption that scores see.
        target: column of runs.parquet used to measure regret.
        space: (n,) arch_ids, ascending.
        codes: (n,) canonical strings.
        iterations: (P,) int32, ascending: the kept points, which training can stop at.
        stop: the stopping iteration of the fidelity, one of ``iterations``.
        psnr_db: (n, P) float64 dB of the outputs, NaN after a divergence.
        psnr_smooth_db: the same for the smoothed outputs.
        values: (n,) float64, the target; NaN for runs that diverged.
        prices: those of the space.
    """

    bench: ReleaseReader
    block: Block
    image: str
    seed: int
    target: str
    space: NDArray[np.intp]
    codes: tuple[str, ...]
    iterations: NDArray[np.int32]
    stop: int
    psnr_db: NDArray[np.float64]
    psnr_smooth_db: NDArray[np.float64]
    values: NDArray[np.float64]
    prices: Prices

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.block.task

    @property
    def fidelity(self) -> str:
        """Name of the fidelity."""
        return self.block.fidelity

    @property
    def image_place(self) -> int:
        """The position of the image in the release."""
        return self.bench.images.index(self.image)

    def kept(self, iterations: float) -> int:
        """The largest kept number of iterations up to the given one; the first if there is none.

        Raises:
            ConfigError: not a number above 0.
        """
        if not is_number(iterations) or not iterations > 0:
            raise ConfigError(f"iterations {iterations!r} must be a number above 0")
        place = int(np.searchsorted(self.iterations, iterations, side="right"))
        return int(self.iterations[max(0, place - 1)])

    @cached_property
    def best(self) -> float:
        """The best value of the target in the space; NaN if all diverged."""
        if not np.isfinite(self.values).any():
            return float("nan")
        return float(np.nanmax(self.values))

    @cached_property
    def regrets(self) -> NDArray[np.float64]:
        """(n,) float64, at least 0: distance of each from the best, in the target's unit.

        A run that diverged ranks last: it gets the regret of the worst that did not.
        """
        distances = np.abs(self.best - self.values)
        if np.isnan(self.best):
            return distances
        return np.where(np.isnan(distances), np.nanmax(distances), distances)

    @cached_property
    def elsewhere(self) -> NDArray[np.float64]:
        """(n,) float64: the mean of the target over the other images of the release, same seed.

        This is what a release reveals about an image that is not in it. NaN where one of the runs
        is not ok, and everywhere in a release with one image.
        """
        matrix = self.block.matrix(self.target, self.seed)[self.space]
        if matrix.shape[1] == 1:
            return np.full(len(self.space), np.nan)
        return np.asarray(np.delete(matrix, self.image_place, axis=1).mean(axis=1))

    @cached_property
    def recommended(self) -> int:
        """The place of the best by ``elsewhere``, the first of ties; -1 with one image."""
        means = self.elsewhere
        return int(np.nanargmax(means)) if np.isfinite(means).any() else -1

    def distances(self, places: Sequence[int]) -> NDArray[np.float64]:
        """(N, N) mean squared differences between the restorations of some places, at the stop.

        Raises:
            MissingRunError: the release has no distances for one of them.
        """
        chosen = self._distances[np.ix_(places, places)]
        if np.isnan(chosen).any():
            raise MissingRunError(
                f"the release has no distances between some of these restorations of {self.task} "
                f"of {self.image!r} at {self.fidelity} with seed {self.seed}"
            )
        return chosen

    @cached_property
    def comparable(self) -> NDArray[np.bool_]:
        """(n,) bool: the restoration has distances in the release, or the run diverged."""
        diverged = np.isnan(self.psnr_db[:, self.point_of(self.stop)])
        return np.asarray(np.isfinite(np.diag(self._distances)) | diverged)

    @cached_property
    def _distances(self) -> NDArray[np.float64]:
        found = self.bench.distances(self.task, fidelity=self.fidelity)
        if self.seed not in found.seeds:
            return np.full((len(self.space), len(self.space)), np.nan)
        return found.between(self.image_place, self.seed)[np.ix_(self.space, self.space)]

    @cached_property
    def position(self) -> dict[int, int]:
        """From arch_id to the place in ``space``."""
        return {arch_id: place for place, arch_id in enumerate(self.space.tolist())}

    @cached_property
    def neighbourhood(self) -> Neighbourhood:
        """Distances between the architectures of the space."""
        return Neighbourhood(self.codes)

    def place_of(self, arch: ArchitectureLike) -> int:
        """The place of an architecture in ``space``.

        Raises:
            UnknownNameError: it is not in the release.
            ArchitectureError: not an architecture.
            MissingRunError: the release has no run of it here, or one that failed.
        """
        arch_id = self.bench.arch_id(arch)
        if arch_id in self.position:
            return self.position[arch_id]
        code, image = self.bench.codes[arch_id], self.image_place
        if self.seed in self.block.seeds_of(arch_id, image):
            raise MissingRunError(
                f"architecture {code} cannot be searched on {self.image!r} for {self.task!r} at "
                f"{self.fidelity!r}: its run of seed {self.seed} failed, or it lacks a seed that "
                f"the search is tested on; take one of the {len(self.space)} in 'sim.space'"
            )
        told = self.bench.runs.missing_run(self.block, arch_id, code, image, [self.seed])
        raise MissingRunError(f"{told} A search takes those in 'sim.space'.")

    def point_of(self, iterations: int) -> int:
        """The place of a number of iterations among the kept ones.

        Raises:
            UnknownNameError: it was not kept, or is outside the budget.
        """
        point = self._points.get(iterations) if type(iterations) is int else None
        return self.block.kept_place(self.iterations, iterations) if point is None else point

    @cached_property
    def _points(self) -> dict[int, int]:
        return {iteration: point for point, iteration in enumerate(self.iterations.tolist())}

    def named_score(self, proxy: str, reference: str | None) -> tuple[str, str]:
        """The full name and reference of a score.

        Raises:
            UnknownNameError: the release has no such score.
        """
        return named_score(proxy if reference is None else f"{proxy}/{reference}", self._scores)

    def scores(self, proxy: str, reference: str) -> RecordedScores:
        """One score of the space at the seed, with its cost; KeyError if there is none."""
        return self._scores[proxy, reference]

    @cached_property
    def _scores(self) -> dict[tuple[str, str], RecordedScores]:
        by_seed = self.bench.runs.scores_by_seed(self.task, self.fidelity)
        known = by_seed.of(self.seed)
        at = (self.space, self.image_place)
        values = known.values[at]
        seconds = np.nan_to_num(by_seed.dense("seconds", self.seed)[at])
        inits = np.nan_to_num(by_seed.dense("inits", self.seed)[at]).astype(int)
        inits[:, np.isin([proxy for proxy, _ in known.columns], [*network_scores()])] = 0
        return {
            pair: RecordedScores(*(of[:, place].tolist() for of in (values, seconds, inits)))
            for place, pair in enumerate(known.columns)
            if known.present[at][:, place].any()
        }
