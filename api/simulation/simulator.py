"""Search without training: a clock that charges what the recorded runs would have cost.

    sim = bench.simulator("lena", "denoise", budget_seconds=3600)
    seen = sim.train(arch, iterations=100)  # then sim.train(arch) pays only for the rest

On the track "oracle" a search sees PSNR against the **ground truth**; someone who restores a
photograph has none, so that its results bound what can be reached. On the track "deployable" it
sees what everybody has: scores against the corrupted image, observables of the fit, distances
between restorations. Either is judged by `Simulator.test`, on another seed. Must not import torch;
pandas on use.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nasdip_bench.errors import ConfigError

from ..calls import explain_calls
from ..reading.architectures import ArchitectureLike
from .held_out import HeldOut, Judge
from .observations import Choice, Observation, ScoreObservation
from .paid import Paid
from .record import Record, Trace
from .recorded_runs import RecordedRuns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Simulator"]


@explain_calls
class Simulator(Paid):
    """A clock over recorded runs.

    The space is the architectures that have a run; the repr says how many of the release's they
    are.

    A query that does not fit the rest of the budget is not run and not charged. It raises
    `nasdip_bench.api.simulation.clock.BudgetExhaustedError`, and so does every query after it: the
    search is over. What has been paid for is free, but a search that only repeats itself is stopped
    too, after twenty times as many repeated queries in a row as there are architectures.

    The incumbent is what a search would return now: what it chose last (`choose`). On the track
    "oracle" a search that chooses nothing has the architecture of highest PSNR among those trained
    for the most iterations so far. Regret is its distance from the best of the space by the target,
    on the seed that is searched, in dB: how well the search optimises what it sees. What its choice
    is worth, `test` says.

    Attributes:
        runs: what it draws on; ``task``, ``image``, ``fidelity``, ``seed`` and ``target`` (the
            column of runs.parquet that regret is measured by) are theirs.
        space: (n,) arch_ids of the architectures that can be trained, ascending.
        iterations: (P,) int32, ascending: the iterations that can be trained to.
        track: "oracle" or "deployable".
        stop: what `train` trains to by default: the stopping iteration of the fidelity.
        budget_seconds, clock, stopped, remaining: see `nasdip_bench.api.simulation.clock.Clock`.

    Args:
        runs: from `nasdip_bench.api.simulation.opening.read_runs`.
        budget_seconds: simulated seconds, above 0; None for no limit.
        track: "oracle" or "deployable".

    Raises:
        ConfigError: a budget that is not above 0.
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
        self._incumbent = -1  # its place, or that of what was chosen
        self._chose = False
        self._record = Record(runs)

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
            self._record.add(seen, self._incumbent)
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
        self.pay(seconds, new=paid)
        who = int(runs.space[place]), runs.codes[place]
        seen = ScoreObservation(*who, *key[1:], scores.values[place], seconds, self.clock)
        if paid:
            self._scored.add(key)
            self._passed[place] = max(scores.inits[place], known)
            self._record.add(seen, self._incumbent)
        return seen

    def choose(self, arch: ArchitectureLike) -> None:
        """Say what the search would return from now on; free, trained or not.

        Raises:
            MissingRunError, UnknownNameError: as `train`.
        """
        self._incumbent, self._chose = self.runs.place_of(arch), True
        who = int(self.space[self._incumbent]), self.runs.codes[self._incumbent]
        self._record.add(Choice(*who, self.clock), self._incumbent)

    def test(self) -> HeldOut:
        """Judge the incumbent on the other seeds, and end the search.

        Raises:
            ConfigError: there is no incumbent.
            MissingRunError: the release has no other seed, or none of the incumbent: open the
                simulator with ``held_out=True``.
        """
        if self._incumbent < 0:
            raise ConfigError(
                "nothing has been chosen to be tested: name an architecture with sim.choose(...)"
                + (", or train one" if self.track == "oracle" else "")
            )
        found = Judge(self.runs).verdict(self._incumbent)
        self.stopped = True
        return found

    def trace(self) -> Trace:
        """The incumbent after every paid query and every choice, as arrays."""
        return self._record.trace()

    def history(self) -> pd.DataFrame:
        """A row for every paid query and every choice, in order.

        Returns:
            ``clock``, ``seconds`` (charged); ``query``: "train", a score's "proxy/reference" or
            "choose"; ``arch_id``, ``architecture``; ``iterations``, ``psnr_db`` (NaN on the track
            "deployable"), ``continued``, ``status`` of a training; ``score``: its value;
            ``incumbent`` (arch_id) and ``regret`` after the query, missing before the first. In
            ``attrs``: ``task``, ``image``, ``fidelity``, ``seed``, ``track``, ``target``, ``cost``,
            ``budget_seconds``, ``architectures`` (of the space).
        """
        frame = self._record.frame()
        own = ("task", "image", "fidelity", "seed", "track", "target", "budget_seconds")
        more = {"cost": self.runs.prices.text, "architectures": len(self)}
        frame.attrs = {name: getattr(self, name) for name in own} | more
        return frame
