"""Counts what a build was asked for, what is done and what failed, for the report at the end."""

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
    """Counts runs and scores by task and seed.

    Args:
        asked: the keys of all requested work.
        done: the keys of what was finished before.

    Attributes:
        units: units tried now.
        diverged: runs that diverged now.
        failed: runs that failed now, and architectures whose scores did.
    """

    def __init__(self, asked: Sequence[Key], done: Set[Key]) -> None:
        self._asked = Counter(map(_group, asked))
        self._finished = Counter(_group(key) for key in asked if key in done)
        self._failed = Counter[str]()
        self.units = self.diverged = self.failed = 0

    def record(self, unit: Unit, table: pa.Table) -> None:
        """Count the result of a unit."""
        what = _group(unit.keys[0])  # all of a unit are of one task and seed, or all are scores
        if unit.runs:
            statuses = Counter(table["status"].to_pylist())
            failed = statuses["failed"]
            self.failed += failed
            self.diverged += statuses["diverged"]
        else:
            failed = 0 if len(table) else len(unit.scores)
            self.failed += failed > 0
        self.units += 1
        self._failed[what] += failed
        self._finished[what] += len(unit.keys) - failed

    def coverage(self) -> tuple[Coverage, ...]:
        """Progress by task and seed, in the order of the plan, and for the scores."""
        return tuple(
            Coverage(what, asked, self._finished[what], self._failed[what])
            for what, asked in sorted(self._asked.items(), key=lambda item: item[0] == "scores")
        )


def _group(key: Key) -> str:
    return f"{key.task}, seed {key.seed}" if isinstance(key, RunKey) else "scores"
