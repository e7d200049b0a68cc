"""What a build was asked for and what has become of it: kept up to date, reported at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..folder.build_folder import Finished
from ..plan.units import RunKey, ScoreKey, Unit

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Coverage", "Ledger"]


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How far a build is for a task and seed, or for the scores.

    Attributes:
        what: such as "denoise, seed 0" or "scores".
        asked: runs, or networks with an image and a task, that are asked for.
        finished: of these, with a result.
        failed: of these, tried now in vain.
    """

    what: str
    asked: int
    finished: int
    failed: int

    @property
    def left(self) -> int:
        """Of these, not tried."""
        return self.asked - self.finished - self.failed

    def __str__(self) -> str:
        left = f", {self.left} left" if self.left else ""
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.what}: {self.finished} of {self.asked}{left}{failed}"


class Ledger:
    """Keeps the books of a build.

    Args:
        asked: all that is asked for, finished or not.
        planned: the units left to do.
        done: what is finished already.
    """

    def __init__(self, asked: Sequence[Unit], planned: Sequence[Unit], done: Finished) -> None:
        self._asked = [key for unit in asked for key in unit.keys]
        self._unit_of = {key: number for number, unit in enumerate(planned) for key in unit.keys}
        self._open = [len(unit.keys) for unit in planned]
        self._finished: set[RunKey | ScoreKey] = {*done.runs, *done.scores}
        self._failed: set[RunKey | ScoreKey] = set()
        self.diverged = 0
        """Runs that diverged now."""
        self.failed = 0
        """Runs that failed now, and architectures whose scores did."""
        self.recorded = 0
        """Runs, and images' scores, of which something came now."""

    def record(self, unit: Unit, table: pa.Table) -> bool:
        """Note what came of a unit, or of a part that an engine has made of one.

        Returns:
            whether a planned unit is now done, whole.
        """
        failed: list[RunKey | ScoreKey] = []
        self.recorded += len(unit.keys)
        if unit.runs:
            statuses = table["status"].to_pylist()
            self.diverged += statuses.count("diverged")
            failed += [
                run for run, status in zip(unit.runs, statuses, strict=True) if status == "failed"
            ]
            self.failed += len(failed)
        elif not len(table):
            failed += unit.scores
            self.failed += 1
        self._failed.update(failed)
        self._finished.update(key for key in unit.keys if key not in failed)
        number = self._unit_of[unit.keys[0]]
        self._open[number] -= len(unit.keys)
        return not self._open[number]

    @property
    def units_finished(self) -> int:
        """Planned units of which all was tried."""
        return self._open.count(0)

    @property
    def units_left(self) -> int:
        """Planned units of which something is still to do."""
        return len(self._open) - self.units_finished

    def coverage(self) -> tuple[Coverage, ...]:
        """How far the build is, by task and seed in the order of the plan, and for the scores."""
        asked = Counter(map(_group, self._asked))
        finished = Counter(_group(key) for key in self._asked if key in self._finished)
        failed = Counter(_group(key) for key in self._asked if key in self._failed)
        return tuple(
            Coverage(what=what, asked=asked[what], finished=finished[what], failed=failed[what])
            for what in sorted(asked, key=lambda what: what == "scores")
        )


def _group(key: RunKey | ScoreKey) -> str:
    return f"{key.task}, seed {key.seed}" if isinstance(key, RunKey) else "scores"
