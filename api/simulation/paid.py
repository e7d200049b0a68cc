"""The simulated clock: what a search has paid for, and what it can see for free as a result."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, NasdipError, check_name, check_whole
from nasdip_bench.space import encode_choices

from ..reading.architectures import ArchitectureLike
from .prices import is_number
from .recorded_runs import RecordedRuns

TRACKS = ("oracle", "deployable")
"""What a search sees: PSNR against the ground truth as well, or only what everybody has."""

_REPEATS = 20  # times the size of the space: a search with more repeats in a row is stuck


class BudgetExhaustedError(NasdipError, RuntimeError):
    """A query that the budget of a simulated search does not allow; it was not run."""


class Paid:
    """The simulated clock of a search, and how far each architecture has been trained.

    A query that does not fit the remaining budget is not charged and ends the search. Repeated
    queries are free, but too many in a row also end it.

    Attributes and exceptions: see `nasdip_bench.api.simulation.simulator.Simulator`.
    """

    def __init__(self, runs: RecordedRuns, budget_seconds: float | None, track: str) -> None:
        if budget_seconds is not None and not (is_number(budget_seconds) and budget_seconds > 0):
            raise ConfigError(
                f"budget_seconds {budget_seconds!r} must be a number above 0, or None for no limit"
            )
        check_name("track", track, TRACKS)
        self.budget_seconds = math.inf if budget_seconds is None else float(budget_seconds)
        self.clock = 0.0
        self.stopped = False
        self.runs, self.track = runs, track
        self.task, self.image, self.fidelity = runs.task, runs.image, runs.fidelity
        self.seed, self.target = runs.seed, runs.target
        self.space: NDArray[np.intp] = runs.space
        self.iterations: NDArray[np.int32] = runs.iterations
        self.stop = runs.stop
        self._trained = [-1] * len(runs.space)  # the last paid point of each
        self._repeated = 0  # queries in a row

    def __len__(self) -> int:
        return len(self.runs.space)

    @property
    def remaining(self) -> float:
        """Seconds left; infinite without a budget."""
        return self.budget_seconds - self.clock

    @property
    def trained(self) -> int:
        """How many architectures have been trained, to any iteration."""
        return sum(point >= 0 for point in self._trained)

    def trained_to(self, arch: ArchitectureLike) -> int:
        """How many iterations of an architecture have been paid for; 0 if not trained yet."""
        point = self._trained[self.runs.place_of(arch)]
        return int(self.iterations[point]) if point >= 0 else 0

    def kept(self, iterations: float) -> int:
        """The largest number of iterations, up to the given one, that can be trained to."""
        return self.runs.kept(iterations)

    def nearest(self, arch: ArchitectureLike, k: int = 1) -> list[int]:
        """The k architectures of the space nearest to one, including itself if it is there.

        Use it to replace proposals of an optimiser that searches all 10^10 architectures, which
        are hardly ever in a release.

        Args:
            arch: an architecture, in the release or not.
            k: how many, at most; the space may have fewer.

        Returns:
            arch_ids, nearest first, ties by arch_id. The distance is the number of choices that
            differ, as in `NASDIPBench.neighbours`.

        Raises:
            ConfigError: k is below 1.
            UnknownNameError: a row that the release does not have.
            ArchitectureError: not an architecture.
        """
        check_whole("k", k, 1)
        meant = self.runs.bench.architecture_rows.meant(arch)
        distances = self.runs.neighbourhood.distances(encode_choices(meant))
        found: list[int] = self.space[np.argsort(distances, kind="stable")[:k]].tolist()
        return found

    def seconds(self, arch: ArchitectureLike, iterations: int | None = None) -> float:
        """What `train` with these arguments would charge now; free and unlimited.

        Raises the exceptions of `train`, except BudgetExhaustedError.
        """
        return self._charge(*self._meant(arch, iterations))

    def psnr_db(self, arch: ArchitectureLike) -> NDArray[np.float64]:
        """(p,) float64 dB: the curve of an architecture at the ``iterations`` paid for.

        Free. NaN from where it diverged.

        Raises:
            ConfigError: on the track "deployable", or the architecture was not trained.
            MissingRunError, UnknownNameError: see `train`.
        """
        if self.track != "oracle":
            raise ConfigError(f"the track {self.track!r} shows no PSNR; sim.observables has more")
        place = self._paid(arch)
        return self.runs.psnr_db[place, : self._trained[place] + 1].copy()

    def observables(self, arch: ArchitectureLike) -> dict[str, NDArray[np.float64]]:
        """By name, (p,) float64 dB: the observables at the ``iterations`` paid for.

        Free on either track, since none needs the ground truth. See
        `nasdip_bench.observables.OBSERVABLES`.

        Raises:
            ConfigError: the architecture was not trained.
            MissingRunError: see `train`; or the release has no observables for the run.
            UnknownNameError: see `train`.
        """
        runs, place = self.runs, self._paid(arch)
        found = runs.bench.observables(
            int(runs.space[place]), runs.image, runs.task, fidelity=runs.fidelity, seed=runs.seed
        )
        paid = self._trained[place] + 1
        return {name: values[:paid] for name, values in found.values_db.items()}

    def distances(self, archs: Sequence[ArchitectureLike]) -> NDArray[np.float64]:
        """(N, N) float64: mean squared differences between restorations, at the stop.

        Free on either track. Images are in [0, 1].

        Args:
            archs: N architectures trained to the stop, none of which diverged.

        Raises:
            ConfigError: not a list, or one of them was not trained to the stop or diverged.
            MissingRunError: the release has no distances for one of them, or no run.
        """
        if not isinstance(archs, Sequence | np.ndarray) or isinstance(archs, str):
            raise ConfigError(f"archs {archs!r} must be a list of architectures: [{archs!r}]")
        runs, places = self.runs, [self.runs.place_of(arch) for arch in archs]
        stop = runs.point_of(self.stop)
        for place in places:
            if self._trained[place] < stop or math.isnan(runs.psnr_db[place, stop]):
                raise ConfigError(
                    f"{runs.codes[place]} has no restoration: train it to {self.stop} iterations "
                    f"first, and leave out what diverged"
                )
        return runs.distances(places)

    def _paid(self, arch: ArchitectureLike) -> int:
        """The place of an architecture that was trained."""
        place = self.runs.place_of(arch)
        if self._trained[place] < 0:
            raise ConfigError(
                f"{self.runs.codes[place]} has not been trained: sim.train({int(self.space[place])}"
                f", iterations) pays for what it shows"
            )
        return place

    def _meant(self, arch: ArchitectureLike, iterations: int | None) -> tuple[int, int]:
        wanted = self.stop if iterations is None else iterations
        return self.runs.place_of(arch), self.runs.point_of(wanted)

    def _charge(self, place: int, point: int) -> float:
        before = self._trained[place]
        if point <= before:
            return 0.0
        done = int(self.iterations[before]) if before >= 0 else 0
        return self.runs.prices.training(place, int(self.iterations[point]) - done)

    def _pay(self, seconds: float, *, new: bool) -> None:
        """Charge a query, or end the search; ``new`` if it has not been answered before."""
        if self.stopped:
            raise BudgetExhaustedError(
                f"the search ended at {self.clock:g} s of {self.budget_seconds:g} s; make a new "
                f"simulator for another"
            )
        self._repeated = 0 if new else self._repeated + 1
        if self._repeated > _REPEATS * len(self):
            self.stopped = True
            raise BudgetExhaustedError(
                f"{self._repeated} queries in a row repeated earlier ones: the search has nothing "
                f"left to train"
            )
        if self.clock + seconds > self.budget_seconds:
            self.stopped = True
            raise BudgetExhaustedError(
                f"a query of {seconds:g} s does not fit the remaining {self.remaining:g} s of the "
                f"budget of {self.budget_seconds:g} s; it was not run"
            )
        self.clock += seconds
