"""Run work units: in this process, or in several on this machine.

An engine yields (unit, result) pairs as units finish, in any order. When a stop is requested, it
abandons the units in progress. A unit of a dataset is some runs or scores, its result the table of
a shard; a unit of an experiment is a restoration, its result a row.

``make(check=check)`` makes a worker, whose ``execute(unit)`` runs a unit; it calls ``check`` often,
which raises to abandon the unit. ``fits(unit)`` says whether a unit can finish in the remaining
time; at the first that cannot, an engine stops starting units.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from nasdip_bench.console.interruption import Interrupted, Interruption
from nasdip_bench.errors import BuildError

_POLL_SECONDS = 0.2

logger = logging.getLogger(__name__)


def in_this_process(
    units: Sequence[Any],
    make: Callable[..., Any],
    interruption: Interruption,
    fits: Callable[[Any], bool],
) -> Iterator[tuple[Any, Any]]:
    """Run units one after the other."""
    worker = make(check=interruption.check)
    for unit in units:
        if interruption.requested or not fits(unit):
            return
        try:
            made = worker.execute(unit)
        except Interrupted:
            return
        yield unit, made


def in_processes(
    units: Sequence[Any],
    make: Callable[..., Any],
    interruption: Interruption,
    fits: Callable[[Any], bool],
    *,
    workers: int,
) -> Iterator[tuple[Any, Any]]:
    """Run units in several worker processes.

    Workers are spawned (not forked), do not hear signals to the group, and end with the builder's
    process, however that ends. If one dies, the others do its unit, after all other units.

    Raises:
        BuildError: all workers died.
    """
    waiting = deque(units)
    crew: dict[Connection, BaseProcess] = {}
    idle: list[Connection] = []
    in_hand: dict[Connection, Any] = {}
    try:
        while not interruption.requested:
            while waiting and (idle or not crew):
                if not fits(waiting[0]):
                    waiting.clear()
                elif not crew:
                    for _ in range(workers):
                        _start_worker(crew)
                else:
                    in_hand[line := idle.pop()] = waiting.popleft()
                    _send(line, in_hand[line])
            if not waiting and not in_hand:
                return
            heard = wait(crew, _POLL_SECONDS)
            for line in [line for line in crew if line in heard]:
                try:
                    made, error, where = line.recv()
                except (EOFError, OSError):
                    crew.pop(line).join()
                    if line in idle:
                        idle.remove(line)
                    if line in in_hand:
                        waiting.append(in_hand.pop(line))
                    _report_death(len(crew))
                    continue
                if error is not None:
                    raise error from RuntimeError(f"in a worker process:\n{where}")
                idle.append(line)
                if line in in_hand:
                    yield in_hand.pop(line), made
                else:
                    _send(line, make)
    finally:
        # Workers hold nothing worth waiting for: the builder writes the shards.
        for process in crew.values():
            process.kill()
        for line, process in crew.items():
            process.join()
            line.close()


def _report_death(left: int) -> None:
    """Warn that a worker died; raise `BuildError` if no other is left."""
    died = "a worker process died, perhaps for lack of memory"
    if not left:
        raise BuildError(
            f"{died}, and no other is left; what is finished is kept: give the same command "
            f"again, with fewer --workers"
        )
    logger.warning("%s; %d more go on", died, left)


def _send(line: Connection, what: Any) -> None:
    """Send to a worker that is waiting for it; that it has died shows on the next receipt."""
    with suppress(OSError):
        line.send(what)


def _start_worker(crew: dict[Connection, BaseProcess]) -> None:
    """Start a process that asks for ``make`` once it can read.

    Sent with the process, one too large for a pipe would block the builder for ever if the
    process died before it had read it.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,))
    with _signals_blocked():
        process.start()
    theirs.close()
    crew[ours] = process


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block SIGINT and SIGTERM, also in processes started here, for as long as they live.

    A terminal's Ctrl-C and a scheduler's SIGTERM reach the whole group: the builder decides.
    """
    resource_tracker.ensure_running()  # when a process starts it, it unblocks these signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(line: Connection) -> None:
    """Ask how to make a worker, then do unit after unit: answers (result, error, traceback)."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):  # the builder has ended
        line.send((None, None, ""))
        worker = line.recv()()
        while True:
            unit = line.recv()
            answer: tuple[Any, Exception | None, str]
            try:
                answer = worker.execute(unit), None, ""
            except Exception as error:
                answer = None, error, traceback.format_exc()
            line.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
