"""Run work units: in this process, or in several on this machine.

An engine yields (unit, result) pairs as units finish, in any order. When a stop is requested, it
abandons the units in progress. Only the worker knows what a unit is: the runs and scores of a
dataset, whose result is the table of a shard, or the restorations of an experiment.
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

Engine = Callable[
    [Sequence[Any], Any, Interruption, Callable[[Any], bool]], Iterator[tuple[Any, Any]]
]
"""(units, spec, interruption, fits) to finished units.

``spec.worker(check)`` returns an object whose ``execute(unit)`` runs a unit; it calls ``check``
often, which raises to abandon the unit in progress. ``fits(unit)`` says whether a unit can finish
in the remaining time; at the first that cannot, the engine stops starting units. If ``units`` is a
deque, the engines of this module consume it in place, so the caller can add units as others
finish."""

_POLL_SECONDS = 0.2


def in_this_process(
    units: Sequence[Any], spec: Any, interruption: Interruption, fits: Callable[[Any], bool]
) -> Iterator[tuple[Any, Any]]:
    """Run units one after the other."""
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
    """An engine with several worker processes, each with the spec's device and threads.

    Workers are spawned (not forked), ignore signals to the group, and end with the builder's
    process, however that ends.
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
                "a worker process died, perhaps for lack of memory; what is finished is kept: "
                "build again with fewer --workers"
            ) from error
        finally:
            # Workers hold nothing worth waiting for: the builder writes the shards. Kill them
            # before `shutdown`: with a broken pool, Python 3.13 holds the lock that `shutdown`
            # needs until all workers have ended, and they ignore its SIGTERM.
            processes = list((pool._processes or {}).values())
            for process in processes:
                process.kill()
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.join()

    return engine


_worker: Any = None


def _start_worker(spec: Any) -> None:
    global _worker  # one worker per process, made when the process starts
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
