"""The loop of every build: unit after unit, until all are done, a limit, a signal or trouble."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from nasdip_bench.console.interruption import Interruption
from nasdip_bench.console.progress import Progress
from nasdip_bench.errors import BuildError

_Unit = TypeVar("_Unit")
_Made = TypeVar("_Made")


class Coverage(NamedTuple):
    """Progress of a build for "denoise, seed 0" or "scores": how many results were asked for.

    Of these ``finished`` have one and ``failed`` failed now.
    """

    what: str
    asked: int
    finished: int
    failed: int

    def __str__(self) -> str:
        left = self.asked - self.finished - self.failed
        more = [f", {n} {what}" for n, what in ((left, "left"), (self.failed, "failed")) if n]
        return f"{self.what}: {self.finished} of {self.asked}{''.join(more)}"


def coverage(asked: Iterable[tuple[str, str]]) -> tuple[Coverage, ...]:
    """Progress by group.

    Args:
        asked: for each result, its group and its state: "left", "failed", or another if it is
            finished.
    """
    states: dict[str, Counter[str]] = {}
    for group, state in asked:
        states.setdefault(group, Counter())[state] += 1
    return tuple(
        Coverage(group, n.total(), n.total() - n["left"] - n["failed"], n["failed"])
        for group, n in states.items()
    )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a build ended.

    Attributes:
        finished: units tried completely now, including those that failed.
        left: units still to do.
        diverged: runs recorded as diverged now.
        failed: runs recorded as failed now, and architectures whose scores failed; the next build
            tries them again.
        progressed: whether anything was recorded now, even only part of a unit of an experiment.
        signal: the signal that stopped it, or None.
        trouble: what ended it early, such as a full disk, and what to do; empty if nothing did.
        damaged: files that were found damaged and are made again.
        coverage: how much of the requested work is done.
    """

    finished: int
    left: int
    diverged: int
    failed: int
    progressed: bool
    signal: int | None
    trouble: str
    damaged: tuple[str, ...] = ()
    coverage: tuple[Coverage, ...] = ()


def carry_out(
    costs: Mapping[_Unit, float],
    done: Iterator[tuple[_Unit, _Made]],
    keep: Callable[[_Unit, _Made], Sequence[str]],
    interruption: Interruption,
) -> Outcome:
    """Carry out units and show progress.

    Args:
        costs: the predicted cost of each unit, in any one measure.
        done: units and their results, as an engine yields them.
        keep: keeps a result, and returns the statuses to count: "ok", "diverged" or "failed".
        interruption: stops the engine.
    """
    progress = Progress(len(costs), sum(costs.values()))
    finished, trouble, statuses = 0, "", Counter[str]()
    progress.begin()
    with interruption.handling_signals():
        try:
            for unit, made in done:
                statuses.update(keep(unit, made))
                finished += 1
                progress.finished(costs[unit], str(unit))
        except BuildError as error:
            trouble = str(error)
        finally:
            progress.close()
    return Outcome(
        finished=finished,
        left=len(costs) - finished,
        diverged=statuses["diverged"],
        failed=statuses["failed"],
        progressed=finished > 0,
        signal=interruption.signal,
        trouble=trouble,
    )
