"""Search without training: a clock that charges what the recorded runs would have cost.

    sim = bench.simulator("lena", "denoise", budget_seconds=3600)
    seen = sim.train(arch, iterations=100)  # then sim.train(arch) pays only for the rest

What a search sees is the PSNR of the smoothed output against the **ground truth** at the iteration
it trained to. Someone who restores a photograph has no ground truth: a search on the simulator is
an upper bound for methods that select by other means. Must not import torch; pandas on use.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError
from nasdip_bench.space import Architecture

from ..reading.architectures import ArchitectureLike
from ..reading.neighbourhood import choices_of
from .observations import BudgetExhaustedError, Observation, ScoreObservation, Trace, history_frame
from .prices import CostModel
from .recorded_runs import TARGET, RecordedRuns, read_runs

if TYPE_CHECKING:
    import pandas as pd

    from ..benchmark import NASDIPBench

__all__ = [
    "BudgetExhaustedError",
    "Observation",
    "ScoreObservation",
    "Simulator",
    "Trace",
    "open_simulator",
]

_REPEATS = 20  # times the size of the space, in a row: then nothing new is being asked


class Simulator:
    """A clock over recorded runs.

    The space is the architectures that have a run: ``space`` has their arch_ids, ``len(sim)`` their
    number; ``bench.simulator(...)`` says in its repr how many of the release's they are.

    A query that does not fit the rest of the budget is not run and not charged; it raises
    `BudgetExhaustedError`, and so does every query after it: the search is over. What has been
    paid for is free, but a search that only repeats itself is stopped too, after twenty times as
    many repeated queries in a row as there are architectures.

    The incumbent is what a search would return now: of the architectures trained for the most
    iterations so far, the one with the highest smoothed PSNR there. Regret is its distance from the
    best of the space by the target (`nasdip_bench.api.simulation.recorded_runs.TARGET` by default),
    in dB.

    Attributes:
        budget_seconds: simulated seconds that may be used; infinite without a budget.
        clock: those that have been.
        stopped: whether the search is over.

    Args:
        runs: from `nasdip_bench.api.simulation.recorded_runs.read_runs`.
        budget_seconds: simulated seconds, above 0; None for no limit.

    Raises:
        ConfigError: a budget that is not above 0.
    """

    def __init__(self, runs: RecordedRuns, budget_seconds: float | None = None) -> None:
        number = isinstance(budget_seconds, int | float | np.number)
        if budget_seconds is not None and (
            not number or isinstance(budget_seconds, bool) or not budget_seconds > 0
        ):
            raise ConfigError(
                f"budget_seconds {budget_seconds!r} must be a number above 0, or None for no limit"
            )
        self.runs = runs
        self.budget_seconds = math.inf if budget_seconds is None else float(budget_seconds)
        self.clock = 0.0
        self.stopped = False
        self._trained = [-1] * len(runs.space)  # the last point of each that was paid for
        self._scored: set[tuple[int, str, str]] = set()
        self._passed: dict[int, int] = {}  # by place, initialisations whose output is known
        self._answered: set[tuple[int, int]] = set()  # place, point
        self._repeated = 0
        self._best: tuple[int, float, int] | None = None  # point, PSNR, place
        self._log: list[tuple[Observation | ScoreObservation, int]] = []

    # What there is

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.runs.task

    @property
    def image(self) -> str:
        """Name of the image."""
        return self.runs.image

    @property
    def fidelity(self) -> str:
        """Name of the fidelity."""
        return self.runs.fidelity

    @property
    def seed(self) -> int:
        """The seed of the runs."""
        return self.runs.seed

    @property
    def target(self) -> str:
        """The column of runs.parquet that regret is measured by."""
        return self.runs.target

    @property
    def space(self) -> NDArray[np.intp]:
        """(n,) arch_ids of the architectures that can be trained, ascending."""
        return self.runs.space

    @property
    def stop(self) -> int:
        """What `train` trains to by default: the stopping iteration of the fidelity."""
        return self.runs.stop

    @property
    def iterations(self) -> NDArray[np.int32]:
        """(P,) ascending: the iterations that can be trained to."""
        return self.runs.iterations

    @property
    def remaining(self) -> float:
        """Seconds left; infinite without a budget."""
        return self.budget_seconds - self.clock

    @property
    def incumbent(self) -> int | None:
        """arch_id of the incumbent; None while nothing has been trained, or all diverged."""
        return None if self._best is None else int(self.runs.space[self._best[2]])

    @property
    def regret(self) -> float:
        """Regret of the incumbent; NaN without one."""
        return math.nan if self._best is None else float(self.runs.regrets[self._best[2]])

    def __len__(self) -> int:
        return len(self.runs.space)

    def __repr__(self) -> str:
        budget = "no budget" if math.isinf(self.budget_seconds) else f"{self.budget_seconds:g} s"
        return (
            f"{type(self).__name__}({self.task} of {self.image!r} at {self.fidelity}, seed "
            f"{self.seed}: {len(self)} of {len(self.runs.bench)} architectures have a run; "
            f"{self.clock:g} s of {budget} used; cost: {self.runs.prices.text})"
        )

    def trained_to(self, arch: ArchitectureLike) -> int:
        """How many iterations of an architecture have been paid for; 0 of one not trained yet.

        Exceptions as of `train`, but no budget's.
        """
        point = self._trained[self.runs.place_of(arch)]
        return int(self.runs.iterations[point]) if point >= 0 else 0

    def kept(self, iterations: float) -> int:
        """The most iterations that can be trained to within a number of them, at least 1.

        Releases keep some points of a learning curve; ``iterations`` lists them.

        Raises:
            ConfigError: no number above 0.
        """
        return self.runs.kept(iterations)

    def nearest(self, arch: ArchitectureLike, k: int = 1) -> list[int]:
        """The k architectures of the space nearest to one, itself included where it is there.

        Proposals of an optimiser that moves in the whole space of 10^10 architectures are hardly
        ever in a release: this is what stands in for them.

        Args:
            arch: an architecture, in the release or not.
            k: how many; no more come than there are.

        Returns:
            arch_ids, nearest first, ties by arch_id. Distance is the number of choices that differ,
            as in `NASDIPBench.neighbours`.

        Raises:
            UnknownNameError: a row that the release does not have.
            ArchitectureError: no architecture at all.
        """
        row = isinstance(arch, int | np.integer)
        meant = self.runs.bench[arch] if row else Architecture.parse(arch)  # type: ignore[index, arg-type]
        near = self.runs.neighbourhood
        distances = near.distances(np.array(choices_of(meant), np.int8))
        return [int(arch_id) for arch_id in self.space[np.argsort(distances, kind="stable")[:k]]]

    # Queries

    def seconds(self, arch: ArchitectureLike, iterations: int | None = None) -> float:
        """What `train` with these arguments would charge now. Exceptions as there, but no budget's.

        Asking for it is free and not limited.
        """
        place, point = self._meant(arch, iterations)
        return self._charge(place, point)

    def train(self, arch: ArchitectureLike, iterations: int | None = None) -> Observation:
        """Train an architecture to an iteration, or on to it.

        A run that diverges is charged like any other (the fit finds out at its end) and is NaN.

        Args:
            arch: an architecture of the space.
            iterations: in all, one of ``iterations``; None for ``stop``. Those already trained are
                not paid again; fewer than those are looked up for nothing.

        Raises:
            BudgetExhaustedError: it does not fit the rest of the budget, or the search has ended.
            MissingRunError: the release has no run of the architecture here.
            UnknownNameError: no such architecture, or an iteration that was not kept.
        """
        place, point = self._meant(arch, iterations)
        runs, before = self.runs, self._trained[place]
        seconds = self._charge(place, point)
        paid = point > before
        self._pay(seconds, new=(place, point) not in self._answered)
        self._answered.add((place, point))
        psnr_smooth = float(runs.psnr_smooth_db[place, point])
        seen = Observation(
            int(runs.space[place]),
            runs.codes[place],
            int(runs.iterations[point]),
            float(runs.psnr_db[place, point]),
            psnr_smooth,
            seconds,
            self.clock,
            paid and before >= 0,
            "diverged" if math.isnan(psnr_smooth) else "ok",
        )
        if paid:
            self._trained[place] = point
            found = (point, psnr_smooth, place)
            if seen.status == "ok" and (self._best is None or found[:2] > self._best[:2]):
                self._best = found
            self._record(seen)
        return seen

    def score(
        self,
        arch: ArchitectureLike,
        proxy: str = "psd_db_strip_mse",
        reference: str | None = None,
    ) -> ScoreObservation:
        """Compute a training-free score of an architecture.

        Charged are the recorded seconds of the score and a forward pass for each of its scoring
        initialisations, by the cost model, since the recorded seconds leave the passes out. Further
        scores of the same architecture reuse the passes. Scores of the network itself (parameters,
        operations ...) have no passes beyond those in their seconds. Seconds that were not
        recorded, as in an imported release, cost nothing.

        Args:
            arch: an architecture of the space.
            proxy: name of the score, alone or as "name/reference".
            reference: corrupted (what a user has), ground_truth (an oracle) or none; None for that
                of the name (`nasdip_bench.proxies.named_score`).

        Raises:
            BudgetExhaustedError: it does not fit the rest of the budget, or the search has ended.
            MissingRunError: the release has no run of the architecture here.
            UnknownNameError: no such architecture or score.
        """
        runs = self.runs
        place = runs.place_of(arch)
        proxy, reference = runs.named_score(proxy, reference)
        scores = runs.scores(proxy, reference)
        key = (place, proxy, reference)
        paid = key not in self._scored
        seconds = 0.0
        if paid:
            known = self._passed.get(place, 0)
            passes = max(0, scores.inits[place] - known)
            seconds = scores.seconds[place] + passes * float(runs.prices.forward[place])
        self._pay(seconds, new=paid)
        seen = ScoreObservation(
            int(runs.space[place]),
            runs.codes[place],
            proxy,
            reference,
            scores.values[place],
            seconds,
            self.clock,
        )
        if paid:
            self._scored.add(key)
            self._passed[place] = max(scores.inits[place], self._passed.get(place, 0))
            self._record(seen)
        return seen

    # What has been

    @property
    def trained(self) -> int:
        """How many architectures have been trained, to any iteration."""
        return sum(point >= 0 for point in self._trained)

    def trace(self) -> Trace:
        """The incumbent after every paid query, as arrays."""
        places = np.array([place for _, place in self._log], np.intp)
        nobody = places < 0
        return Trace(
            np.array([seen.clock for seen, _ in self._log], np.float64),
            np.where(nobody, -1, self.runs.space[places]),
            np.where(nobody, np.nan, self.runs.values[places]),
            np.where(nobody, np.nan, self.runs.regrets[places]),
        )

    def history(self) -> pd.DataFrame:
        """A row for every paid query, in order.

        Returns:
            ``clock``, ``seconds`` (charged); ``query``: "train" or a score's "proxy/reference";
            ``arch_id``, ``architecture``; ``iterations``, ``psnr_db``, ``psnr_smooth_db``,
            ``continued``, ``status`` of a training (missing for a score); ``score``: its value;
            ``incumbent`` (arch_id) and ``regret`` after the query, missing before the first. In
            ``attrs``: ``task``, ``image``, ``fidelity``, ``seed``, ``target``, ``cost``,
            ``budget_seconds``, ``architectures`` (of the space).
        """
        frame = history_frame([seen for seen, _ in self._log], self.trace())
        frame.attrs = {
            "task": self.task,
            "image": self.image,
            "fidelity": self.fidelity,
            "seed": self.seed,
            "target": self.target,
            "cost": self.runs.prices.text,
            "budget_seconds": self.budget_seconds,
            "architectures": len(self),
        }
        return frame

    # Inside

    def _meant(self, arch: ArchitectureLike, iterations: int | None) -> tuple[int, int]:
        runs = self.runs
        return runs.place_of(arch), runs.point_of(runs.stop if iterations is None else iterations)

    def _charge(self, place: int, point: int) -> float:
        before = self._trained[place]
        if point <= before:
            return 0.0
        done = int(self.runs.iterations[before]) if before >= 0 else 0
        prices = self.runs.prices
        more = int(self.runs.iterations[point]) - done
        return more * float(prices.per_iteration[place]) + prices.overhead

    def _pay(self, seconds: float, *, new: bool) -> None:
        if self.stopped:
            raise BudgetExhaustedError(
                f"the search ended at {self.clock:g} s of {self.budget_seconds:g} s; make a new "
                f"simulator for another"
            )
        self._repeated = 0 if new else self._repeated + 1
        if self._repeated > _REPEATS * len(self):
            self.stopped = True
            raise BudgetExhaustedError(
                f"{self._repeated} queries in a row asked for what had been answered: the search "
                f"has nothing left to train"
            )
        if self.clock + seconds > self.budget_seconds:
            self.stopped = True
            raise BudgetExhaustedError(
                f"a query of {seconds:g} s does not fit the remaining {self.remaining:g} s of the "
                f"budget of {self.budget_seconds:g} s; it was not run"
            )
        self.clock += seconds

    def _record(self, seen: Observation | ScoreObservation) -> None:
        self._log.append((seen, -1 if self._best is None else self._best[2]))


def open_simulator(
    bench: NASDIPBench,
    image: str,
    task: str,
    fidelity: str | None = None,
    seed: int | None = None,
    *,
    budget_seconds: float | None = None,
    cost: str | CostModel = "flops",
    target: str = TARGET,
) -> Simulator:
    """A simulated search on one image.

    Args:
        bench: the release.
        image: name.
        task: name.
        fidelity: None for the release's default for the task; the repr names it.
        seed: of the runs; None for the first of the default seeds.
        budget_seconds: simulated seconds; None for no limit.
        cost: "flops" (the default: deterministic, and fair between architectures), "recorded"
            (wall times, which depend on stacks and load), or a
            `nasdip_bench.api.simulation.prices.CostModel` with a rate and an overhead of one's own.
        target: a column of runs.parquet with a direction, by which regret is measured.

    Raises:
        UnknownNameError: an image, task, fidelity, seed, target or cost model that there is not.
        MissingRunError: the release has no run to simulate from.
        ConfigError: a budget that is not above 0.
    """
    runs = read_runs(bench, task, [image], fidelity, seed, cost=cost, target=target)
    return Simulator(runs[image], budget_seconds)
