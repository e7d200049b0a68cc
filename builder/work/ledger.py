"""Tracks what a build was asked for and what is done, and reports it at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, NamedTuple

from ..plan.units import Key, RunKey, Unit

if TYPE_CHECKING:
    import pyarrow as pa


class Coverage(NamedTuple):
    """Progress of a build for "denoise, seed 0" or "scores".

    Counts runs (for scores: networks with an image and a task) that are requested, that have a
    result, and that failed now.
    """

    what: str
    asked: int
    finished: int
    failed: int

    def __str__(self) -> str:
        left = self.asked - self.finished - self.failed
        more = [f", {n} {what}" for n, what in ((left, "left"), (self.failed, "failed")) if n]
        return f"{self.what}: {self.finished} of {self.asked}{''.join(more)}"


class Ledger:
    """Tracks the requested work, the units left to do and what is done.

    Attributes:
        diverged: runs that diverged now.
        failed: runs that failed now, and architectures whose scores did.
        recorded: runs, and images' scores, that were recorded now.
    """

    def __init__(self, asked: Sequence[Unit], planned: Sequence[Unit], done: Set[Key]) -> None:
        self._asked = [key for unit in asked for key in unit.keys]
        self._unit_of = {key: number for number, unit in enumerate(planned) for key in unit.keys}
        self._open = [len(unit.keys) for unit in planned]
        self._finished, self._failed = {*done}, set[Key]()
        self.diverged = self.failed = self.recorded = 0

    def record(self, unit: Unit, table: pa.Table) -> bool:
        """Record the result of a unit, or of a part that an engine split off.

        Returns:
            whether a planned unit is now completely done.
        """
        failed: set[Key] = set() if len(table) else {*unit.scores}
        self.failed += bool(failed)
        if unit.runs:
            statuses = table["status"].to_pylist()
            failed = {run for run, s in zip(unit.runs, statuses, strict=True) if s == "failed"}
            self.failed += len(failed)
            self.diverged += statuses.count("diverged")
        self.recorded += len(unit.keys)
        self._failed |= failed
        self._finished |= {*unit.keys} - failed
        number = self._unit_of[unit.keys[0]]
        self._open[number] -= len(unit.keys)
        return not self._open[number]

    @property
    def units_finished(self) -> int:
        """Planned units that were tried completely."""
        return self._open.count(0)

    @property
    def units_left(self) -> int:
        """Planned units with work left."""
        return len(self._open) - self.units_finished

    def coverage(self) -> tuple[Coverage, ...]:
        """Progress by task and seed, in the order of the plan, and for the scores."""
        asked = Counter(map(_group, self._asked))
        finished = Counter(_group(key) for key in self._asked if key in self._finished)
        failed = Counter(_group(key) for key in self._asked if key in self._failed)
        return tuple(
            Coverage(what, asked[what], finished[what], failed[what])
            for what in sorted(asked, key=lambda what: what == "scores")
        )


def _group(key: Key) -> str:
    return f"{key.task}, seed {key.seed}" if isinstance(key, RunKey) else "scores"
