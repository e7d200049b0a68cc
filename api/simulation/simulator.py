"""Search without training: a clock that charges what the recorded runs would have cost.

    sim = bench.simulator("lena", "denoise", budget_seconds=3600)
    seen = sim.train(arch, iterations=100)  # then sim.train(arch) pays only for the rest

On the track "oracle" a search sees PSNR against the **ground truth**. Nobody who restores a
photograph has one, so its results are an upper bound. On the track "deployable" it sees what
everybody has: scores against the corrupted image, observables of the fit, distances between
restorations. `Simulator.test` judges either on other seeds. Must not import torch; imports pandas
on use.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nasdip_bench.errors import ConfigError

from ..reading.architectures import ArchitectureLike
from .held_out import HeldOut, judge
from .observations import Observation, ScoreObservation, Trace
from .paid import Paid
from .recorded_runs import RecordedRuns

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    "clock", "seconds", "query", "arch_id", "architecture", "iterations", "psnr_db", "continued",
    "status", "score",
)  # fmt: skip


class Simulator(Paid):
    """A search on recorded runs, behind a simulated clock.

    The space is the architectures that have a run; the repr states how many of the release they
    are.

    A query that does not fit the remaining budget is not run and not charged. It raises
    `nasdip_bench.api.simulation.paid.BudgetExhaustedError`, and so does every query after it: the
    search is over. Repeating a paid query is free, but a search also ends after too many repeats in
    a row: twenty times the number of architectures.

    The incumbent is what the search would return now: its last choice (`choose`). On the track
    "oracle", a search without a choice has the architecture with the highest PSNR among those
    trained for the most iterations so far. Regret is the incumbent's distance in dB from the best
    of the space, by the target and on the searched seed. It measures how well the search optimises
    what it sees; `test` measures what its choice is worth.

    Attributes:
        runs: the recorded runs; ``task``, ``image``, ``fidelity``, ``seed`` and ``target`` (the
            column of runs.parquet used to measure regret) are theirs.
        space: (n,) arch_ids of the architectures that can be trained, ascending.
        iterations: (P,) int32, ascending: the iterations that can be trained to.
        track: "oracle" or "deployable".
        stop: the default of `train`, the stopping iteration of the fidelity.
        budget_seconds: simulated seconds available; infinite without a budget.
        clock, remaining: simulated seconds used, and left.
        stopped: whether the search is over.

    Args:
        runs: from `nasdip_bench.api.simulation.opening.read_runs`.
        budget_seconds: simulated seconds, above 0; None for no limit.
        track: "oracle" or "deployable".

    Raises:
        ConfigError: the budget is not above 0.
        UnknownNameError: no such track.
    """

    def __init__(
        self, runs: RecordedRuns, budget_seconds: float | None = None, track: str = "oracle"
    ) -> None:
        super().__init__(runs, budget_seconds, track)
        self._scored: set[tuple[int, str, str]] = set()
        self._passed: dict[int, int] = {}  # by place, initialisations whose output is known
        self._answered: set[tuple[int, int]] = set()  # place, point
        self._best = (-1, -math.inf)  # the point and PSNR of the oracle's incumbent
        self._incumbent = -1  # its place, chosen or not
        self._chose = False
        # The paid queries and choices, each with the place of the incumbent after it.
        self._queries: list[dict[str, Any]] = []

    @property
    def incumbent(self) -> int | None:
        """arch_id of the incumbent; None before there is one."""
        return None if self._incumbent < 0 else int(self.space[self._incumbent])

    @property
    def regret(self) -> float:
        """Regret of the incumbent; NaN without one."""
        return math.nan if self._incumbent < 0 else float(self.runs.regrets[self._incumbent])

    def __repr__(self) -> str:
        budget = "no budget" if math.isinf(self.budget_seconds) else f"{self.budget_seconds:g} s"
        return (
            f"{type(self).__name__}({self.task} of {self.image!r} at {self.fidelity}, seed "
            f"{self.seed}, track {self.track}: {len(self)} of {len(self.runs.bench)} architectures "
            f"have a run; {self.clock:g} s of {budget} used; cost: {self.runs.prices.text})"
        )

    def train(self, arch: ArchitectureLike, iterations: int | None = None) -> Observation:
        """Train an architecture to an iteration, continuing where it stopped.

        A run that diverges is charged like any other (the fit finds out at its end) and is NaN.

        Args:
            arch: an architecture of the space.
            iterations: total iterations, one of ``iterations``; None for ``stop``. Those already
                trained are not charged again; looking up an earlier iteration is free.

        Raises:
            BudgetExhaustedError: it does not fit the remaining budget, or the search has ended.
            MissingRunError: the release has no run of the architecture here.
            UnknownNameError: no such architecture, or an iteration that was not kept.
        """
        place, point = self._meant(arch, iterations)
        runs, before, seconds = self.runs, self._trained[place], self._charge(place, point)
        paid = point > before
        self._pay(seconds, new=(place, point) not in self._answered)
        self._answered.add((place, point))
        psnr_db, oracle = float(runs.psnr_db[place, point]), self.track == "oracle"
        seen = Observation(
            int(runs.space[place]),
            runs.codes[place],
            int(runs.iterations[point]),
            psnr_db if oracle else None,
            seconds,
            self.clock,
            paid and before >= 0,
            "diverged" if math.isnan(psnr_db) else "ok",
        )
        if paid:
            self._trained[place] = point
            found = (point, psnr_db)
            if oracle and not self._chose and seen.status == "ok" and found > self._best:
                self._best, self._incumbent = found, place
            self._record("train", **seen._asdict())
        return seen

    def score(
        self, arch: ArchitectureLike, proxy: str = "psd_db_strip_mse", reference: str | None = None
    ) -> ScoreObservation:
        """Compute a training-free score of an architecture.

        The charge is the recorded seconds of the score, plus a forward pass for each scoring
        initialisation by the cost model, since the recorded seconds exclude the passes. Further
        scores of the same architecture reuse the passes. Scores of the network itself (parameters,
        operations ...) include their passes in their seconds. Unrecorded seconds, as in an imported
        release, cost nothing.

        Args:
            arch: an architecture of the space.
            proxy: name of the score, alone or as "name/reference".
            reference: corrupted (what a user has), ground_truth (an oracle) or none; None for the
                one implied by the name (`nasdip_bench.proxies.named_score`).

        Raises:
            BudgetExhaustedError: it does not fit the remaining budget, or the search has ended.
            MissingRunError: the release has no run of the architecture here.
            UnknownNameError: no such architecture or score.
            ConfigError: a score against the ground truth on the track "deployable".
        """
        runs = self.runs
        place = runs.place_of(arch)
        proxy, reference = runs.named_score(proxy, reference)
        if reference == "ground_truth" and self.track != "oracle":
            raise ConfigError(
                f"{proxy}/{reference} needs the ground truth, which the track {self.track!r} does "
                f"not show: take {proxy}/corrupted, or open the track 'oracle'"
            )
        scores = runs.scores(proxy, reference)
        key = (place, proxy, reference)
        paid = key not in self._scored
        known, seconds = self._passed.get(place, 0), 0.0
        if paid:
            passes = max(0, scores.inits[place] - known)
            seconds = scores.seconds[place] + passes * float(runs.prices.forward[place])
        self._pay(seconds, new=paid)
        who = int(runs.space[place]), runs.codes[place]
        seen = ScoreObservation(*who, *key[1:], scores.values[place], seconds, self.clock)
        if paid:
            self._scored.add(key)
            self._passed[place] = max(scores.inits[place], known)
            self._record(f"{proxy}/{reference}", **seen._asdict())
        return seen

    def choose(self, arch: ArchitectureLike) -> None:
        """Set what the search would return from now on; free, and it need not be trained.

        Raises:
            MissingRunError, UnknownNameError: see `train`.
        """
        self._incumbent, self._chose = self.runs.place_of(arch), True
        self._record(
            "choose",
            arch_id=self.incumbent,
            architecture=self.runs.codes[self._incumbent],
            clock=self.clock,
            seconds=0.0,
        )

    def test(self) -> HeldOut:
        """Judge the incumbent on the other seeds, and end the search.

        Raises:
            ConfigError: there is no incumbent.
            MissingRunError: the release has no other seed, or the incumbent has no run of one: open
                the simulator with ``held_out=True``.
        """
        if self._incumbent < 0:
            raise ConfigError(
                "there is no choice to test: name an architecture with sim.choose(...)"
                + (", or train one" if self.track == "oracle" else "")
            )
        found = judge(self.runs, self._incumbent)
        self.stopped = True
        return found

    def trace(self) -> Trace:
        """The incumbent after every paid query and every choice, as arrays."""
        clock = np.array([query["clock"] for query in self._queries], np.float64)
        places = np.array([query["place"] for query in self._queries], np.intp)
        known = places >= 0
        regrets = np.where(known, self.runs.regrets[places], np.nan)
        return Trace(clock, np.where(known, self.space[places], -1), regrets)

    def history(self) -> pd.DataFrame:
        """One row per paid query and choice, in order.

        Returns:
            ``clock``, ``seconds`` (charged); ``query``: "train", a score's "proxy/reference" or
            "choose"; ``arch_id``, ``architecture``; ``iterations``, ``psnr_db`` (NaN on the track
            "deployable"), ``continued``, ``status`` of a training; ``score``: its value;
            ``incumbent`` (arch_id) and ``regret`` after the query, missing before the first.
            ``attrs`` holds ``task``, ``image``, ``fidelity``, ``seed``, ``track``, ``target``,
            ``cost``, ``budget_seconds``, ``architectures`` (number in the space).
        """
        import pandas as pd

        frame = pd.DataFrame(self._queries)
        frame = frame.rename(columns={"oracle_db": "psnr_db", "value": "score"})
        frame = frame.reindex(columns=_COLUMNS).astype(
            {"iterations": "Int64", "psnr_db": "float64", "continued": "boolean"}
        )
        trace = self.trace()
        incumbent = pd.array(trace.incumbent, "Int64")
        incumbent[trace.incumbent < 0] = pd.NA
        frame["incumbent"], frame["regret"] = incumbent, trace.regret
        own = ("task", "image", "fidelity", "seed", "track", "target", "budget_seconds")
        more = {"cost": self.runs.prices.text, "architectures": len(self)}
        frame.attrs = {name: getattr(self, name) for name in own} | more
        return frame

    def _record(self, query: str, **seen: Any) -> None:
        self._queries.append({"query": query, "place": self._incumbent, **seen})
