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

from nasdip_bench.space import Architecture, encode_choices

from ..reading.architectures import ArchitectureLike
from .clock import Clock
from .observations import Observation, ScoreObservation, Trace, history_frame
from .prices import CostModel
from .recorded_runs import TARGET, RecordedRuns, read_runs

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader

__all__ = ["Simulator", "open_simulator"]

_REPEATS = 20  # times the size of the space, in a row: then nothing new is being asked


class Simulator(Clock):
    """A clock over recorded runs.

    The space is the architectures that have a run; the repr says how many of the release's they
    are.

    A query that does not fit the rest of the budget is not run and not charged. It raises
    `nasdip_bench.api.simulation.clock.BudgetExhaustedError`, and so does every query after it: the
    search is over. What has been paid for is free, but a search that only repeats itself is stopped
    too, after twenty times as many repeated queries in a row as there are architectures.

    The incumbent is what a search would return now: of the architectures trained for the most
    iterations so far, the one with the highest smoothed PSNR there. Regret is its distance from the
    best of the space by the target (`nasdip_bench.api.simulation.recorded_runs.TARGET` by default),
    in dB.

    Attributes:
        runs: what it draws on; ``task``, ``image``, ``fidelity``, ``seed`` and ``target`` (the
            column of runs.parquet that regret is measured by) are theirs.
        space: (n,) arch_ids of the architectures that can be trained, ascending.
        iterations: (P,) int32, ascending: the iterations that can be trained to.
        stop: what `train` trains to by default: the stopping iteration of the fidelity.
        budget_seconds, clock, stopped, remaining: see `nasdip_bench.api.simulation.clock.Clock`.

    Args:
        runs: from `nasdip_bench.api.simulation.recorded_runs.read_runs`.
        budget_seconds: simulated seconds, above 0; None for no limit.

    Raises:
        ConfigError: a budget that is not above 0.
    """

    def __init__(self, runs: RecordedRuns, budget_seconds: float | None = None) -> None:
        super().__init__(budget_seconds, patience=_REPEATS * len(runs.space))
        self.runs = runs
        self.task, self.image, self.fidelity = runs.task, runs.image, runs.fidelity
        self.seed, self.target = runs.seed, runs.target
        self.space: NDArray[np.intp] = runs.space
        self.iterations: NDArray[np.int32] = runs.iterations
        self.stop = runs.stop
        self._trained = [-1] * len(runs.space)  # the last point of each that was paid for
        self._scored: set[tuple[int, str, str]] = set()
        self._passed: dict[int, int] = {}  # by place, initialisations whose output is known
        self._answered: set[tuple[int, int]] = set()  # place, point
        self._best: tuple[int, float, int] | None = None  # point, PSNR, place
        self._log: list[tuple[Observation | ScoreObservation, int]] = []

    @property
    def incumbent(self) -> int | None:
        """arch_id of the incumbent; None while nothing has been trained, or all diverged."""
        return None if self._best is None else int(self.space[self._best[2]])

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
        """How many iterations of an architecture have been paid for; 0 of one not trained yet."""
        point = self._trained[self.runs.place_of(arch)]
        return int(self.iterations[point]) if point >= 0 else 0

    def kept(self, iterations: float) -> int:
        """The most iterations that can be trained to within a number of them, at least 1."""
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
        distances = self.runs.neighbourhood.distances(encode_choices(meant))
        found: list[int] = self.space[np.argsort(distances, kind="stable")[:k]].tolist()
        return found

    def seconds(self, arch: ArchitectureLike, iterations: int | None = None) -> float:
        """What `train` with these arguments would charge now. Exceptions as there, but no budget's.

        Asking for it is free and not limited.
        """
        return self._charge(*self._meant(arch, iterations))

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
        runs, before, seconds = self.runs, self._trained[place], self._charge(place, point)
        paid = point > before
        self.pay(seconds, new=(place, point) not in self._answered)
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
            self._log.append((seen, -1 if self._best is None else self._best[2]))
        return seen

    def score(
        self, arch: ArchitectureLike, proxy: str = "psd_db_strip_mse", reference: str | None = None
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
        known, seconds = self._passed.get(place, 0), 0.0
        if paid:
            passes = max(0, scores.inits[place] - known)
            seconds = scores.seconds[place] + passes * float(runs.prices.forward[place])
        self.pay(seconds, new=paid)
        who = int(runs.space[place]), runs.codes[place]
        seen = ScoreObservation(*who, *key[1:], scores.values[place], seconds, self.clock)
        if paid:
            self._scored.add(key)
            self._passed[place] = max(scores.inits[place], known)
            self._log.append((seen, -1 if self._best is None else self._best[2]))
        return seen

    @property
    def trained(self) -> int:
        """How many architectures have been trained, to any iteration."""
        return sum(point >= 0 for point in self._trained)

    def trace(self) -> Trace:
        """The incumbent after every paid query, as arrays."""
        clock = np.array([seen.clock for seen, _ in self._log], np.float64)
        places = np.array([place for _, place in self._log], np.intp)
        known = places >= 0
        values, regrets = (
            np.where(known, of[places], np.nan) for of in (self.runs.values, self.runs.regrets)
        )
        return Trace(clock, np.where(known, self.space[places], -1), values, regrets)

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
        own = ("task", "image", "fidelity", "seed", "target", "budget_seconds")
        more = {"cost": self.runs.prices.text, "architectures": len(self)}
        frame.attrs = {name: getattr(self, name) for name in own} | more
        return frame

    def _meant(self, arch: ArchitectureLike, iterations: int | None) -> tuple[int, int]:
        wanted = self.stop if iterations is None else iterations
        return self.runs.place_of(arch), self.runs.point_of(wanted)

    def _charge(self, place: int, point: int) -> float:
        before = self._trained[place]
        if point <= before:
            return 0.0
        done = int(self.iterations[before]) if before >= 0 else 0
        return self.runs.prices.training(place, int(self.iterations[point]) - done)


def open_simulator(
    bench: ReleaseReader,
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
        cost: "flops" (the default), "recorded" or a `CostModel`, which says what they mean.
        target: a column of runs.parquet with a direction, by which regret is measured.

    Raises:
        NasdipError: as `read_runs`; ConfigError for a budget that is not above 0.
    """
    runs = read_runs(bench, task, [image], fidelity, seed, cost=cost, target=target)
    return Simulator(runs[image], budget_seconds)
