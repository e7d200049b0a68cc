"""Carry out work units: in this process, or in several on this machine.

An engine turns units into pairs of a unit and what it yields as they are finished, in any order.
When a stop is requested it abandons what is in hand. What a unit is, only its worker knows: runs
and scores of a dataset, which yield the table of a shard, or the restorations of an experiment.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from nasdip_bench.console.interruption import Interrupted, Interruption
from nasdip_bench.errors import BuildError

__all__ = ["Engine", "in_processes", "in_this_process"]

Engine = Callable[
    [Sequence[Any], Any, Interruption, Callable[[Any], bool]], Iterator[tuple[Any, Any]]
]
"""(units, spec, interruption, fits) to finished units.

``spec.worker(check)`` gives what carries out units by ``execute(unit)``; ``check`` is called often
and raises to abandon the unit in hand. ``fits(unit)`` says whether a unit can end within the time
that is left; the engine stops handing out at the first that does not. The engines of this module
take units from a deque as it is, so that their caller can add to it what a finished unit has made
possible."""

_POLL_SECONDS = 0.2


def in_this_process(
    units: Sequence[Any], spec: Any, interruption: Interruption, fits: Callable[[Any], bool]
) -> Iterator[tuple[Any, Any]]:
    """One unit after the other."""
    worker = spec.worker(interruption.check)
    waiting = units if isinstance(units, deque) else deque(units)
    while waiting:
        if interruption.requested or not fits(waiting[0]):
            return
        unit = waiting.popleft()
        try:
            made = worker.execute(unit)
        except Interrupted:
            return
        yield unit, made


def in_processes(workers: int) -> Engine:
    """An engine of several worker processes, each with the spec's device and threads.

    Workers are started afresh (not forked), ignore signals to the group, and end when the builder's
    process ends, however it does.
    """

    def engine(
        units: Sequence[Any], spec: Any, interruption: Interruption, fits: Callable[[Any], bool]
    ) -> Iterator[tuple[Any, Any]]:
        waiting = units if isinstance(units, deque) else deque(units)
        pool = ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), _start_worker, (spec,)
        )
        in_hand: dict[Future[Any], Any] = {}
        try:
            while True:
                while waiting and len(in_hand) < workers and not interruption.requested:
                    if not fits(waiting[0]):
                        waiting.clear()
                        break
                    unit = waiting.popleft()
                    in_hand[pool.submit(_execute, unit)] = unit
                if not in_hand or interruption.requested:
                    return
                done, _ = wait(in_hand, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    unit = in_hand.pop(future)
                    yield unit, future.result()
        except BrokenProcessPool as error:
            if interruption.requested:
                return
            raise BuildError(
                "a worker process died, perhaps for want of memory; what is finished is kept: "
                "build again with fewer --workers"
            ) from error
        finally:
            # Workers hold nothing that is worth waiting for: the builder writes the shards. They
            # are killed before the pool is told: of a broken pool, Python 3.13 holds the lock that
            # `shutdown` needs until the other workers have ended, which its SIGTERM does not do.
            processes = list((pool._processes or {}).values())
            for process in processes:
                process.kill()
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.join()

    return engine


_worker: Any = None


def _start_worker(spec: Any) -> None:
    global _worker  # one worker a process, made when the process starts
    # A terminal's Ctrl-C and a scheduler's SIGTERM reach the whole group: the builder decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = spec.worker(lambda: None)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _execute(unit: Any) -> Any:
    return _worker.execute(unit)
