"""Run work units on a Ray cluster: the driver hands out units, receives tables, counts attempts.

The cluster gets all the workers its resources allow, one unit each, the most expensive units first.
Workers are sent the images once and return small tables, so no shared file system is needed. If a
worker is lost, its unit is tried again after all others, and a stack run by run, so that one bad
run does not take others with it. A unit that keeps losing its workers is recorded as failed
(`nasdip_bench.builder.engines.ray.attempts`).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nasdip_bench._version import __version__
from nasdip_bench.console.interruption import Interruption
from nasdip_bench.errors import BuildError
from nasdip_bench.fidelity import get_fidelity

from ...plan.cost import LARGEST_SHARED_CPU_RESOLUTION, unit_cost
from ...plan.units import RunKey, ScoreKey, Unit
from ..local import Engine
from ..worker import WorkerSpec
from .attempts import Attempts
from .cluster import Cluster, RayOptions, cause
from .worker import RayWorker

if TYPE_CHECKING:
    import pyarrow as pa

_POLL_SECONDS = 0.2
_HIRE_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
_MAX_FALSE_STARTS = 3

logger = logging.getLogger(__name__)


def on_ray(cluster: Cluster, options: RayOptions) -> Engine:
    """An engine whose workers are actors of a Ray cluster.

    Args:
        cluster: connected.
        options: the size of a worker.
    """

    def engine(
        units: Sequence[Unit],
        spec: WorkerSpec,
        interruption: Interruption,
        fits: Callable[[Unit], bool],
    ) -> Iterator[tuple[Unit, pa.Table]]:
        if not units:
            return
        gpus = options.gpus_for(spec.device)
        cpus = _worker_cpus(cluster, options, units[0], gpus)
        spec = replace(spec, threads=cpus)
        driver = _Driver(cluster, cpus, gpus, spec, interruption, fits)
        try:
            yield from driver.carry_out(units)
        finally:
            driver.dismiss()

    return engine


def _worker_cpus(cluster: Cluster, options: RayOptions, unit: Unit, gpus: float) -> int:
    """Cores per worker: one, or all of a node where a process can use them."""
    resolution = get_fidelity((unit.runs or unit.scores)[0].fidelity).resolution
    if options.cpus_per_worker or gpus or resolution <= LARGEST_SHARED_CPU_RESOLUTION:
        return options.cpus_per_worker or 1
    nodes = [int(node.get("CPU", 0)) for node in cluster.resources()]
    return min((cpus for cpus in nodes if cpus), default=1)  # the smallest must hold one, too


@dataclass(eq=False)
class _Hired:
    """An actor, and the node it runs on once it has started."""

    actor: Any
    node: str = ""


@dataclass(frozen=True)
class _Call:
    """A request to an actor: to start (no unit), to run a unit, or to give it up."""

    worker: _Hired
    unit: Unit | None = None
    gives_up: bool = False


class _Driver:
    """Hands units to workers until none are left, whatever happens to the workers."""

    def __init__(
        self,
        cluster: Cluster,
        cpus: int,
        gpus: float,
        spec: WorkerSpec,
        interruption: Interruption,
        fits: Callable[[Unit], bool],
    ) -> None:
        self._cluster, self._cpus, self._gpus = cluster, cpus, gpus
        self._device = spec.device
        self._attempts, self._interruption, self._fits = Attempts(), interruption, fits
        self._ray = cluster.ray
        self._spec = self._ray.put(spec)
        self._actor_class = self._ray.remote(RayWorker).options(
            num_cpus=cpus, num_gpus=gpus, max_restarts=0, max_task_retries=0
        )
        self._waiting: deque[Unit] = deque()
        self._workers: set[_Hired] = set()
        self._idle: list[_Hired] = []
        self._calls: dict[Any, _Call] = {}
        self._reasons: dict[RunKey | ScoreKey, str] = {}
        self._false_starts = 0
        self._next_look = 0.0
        self._patient_until = time.monotonic() + _PATIENCE_SECONDS

    def carry_out(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, pa.Table]]:
        """Yield units and their tables as they finish."""
        self._waiting.extend(sorted(units, key=lambda unit: -unit_cost(unit, self._device)))
        while not self._interruption.requested:
            self._hire()
            self._hand_out()
            if not self._work:
                return
            for ref in self._answered():
                yield from self._receive(ref, self._calls[ref])
                del self._calls[ref]

    def dismiss(self) -> None:
        """Abandon the units in progress."""
        for worker in list(self._workers):
            self._dismiss(worker)

    @property
    def _work(self) -> int:
        """Number of units that wait or are with a worker."""
        return len(self._waiting) + sum(call.unit is not None for call in self._calls.values())

    # -- workers -----------------------------------------------------------------------------------

    def _hire(self) -> None:
        """Start the workers that there is room and work for; nodes come and go."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _HIRE_SECONDS
        wanted = min(self._cluster.room(self._cpus, self._gpus), self._work)
        while len(self._workers) < wanted:
            worker = _Hired(self._actor_class.remote())
            self._workers.add(worker)
            self._calls[worker.actor.start.remote(self._spec, __version__)] = _Call(worker)
        if any(worker.node for worker in self._workers):
            self._patient_until = now + _PATIENCE_SECONDS
        elif now > self._patient_until:
            self._patient_until = float("inf")
            logger.warning(
                "no worker has started for %.0f s: nodes are gone, or busy with other work; the "
                "build continues when there is room for a worker with %d CPUs and %g GPUs",
                _PATIENCE_SECONDS,
                self._cpus,
                self._gpus,
            )

    def _dismiss(self, worker: _Hired) -> None:
        self._workers.discard(worker)
        with suppress(self._ray.exceptions.RayError, RuntimeError):  # already gone
            self._ray.kill(worker.actor)

    # -- units -------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        while self._idle and self._waiting:
            unit = self._waiting.popleft()
            if self._attempts.exhausted(unit):
                worker = self._idle.pop()
                ref = worker.actor.give_up.remote(unit, self._verdict(unit))
                self._calls[ref] = _Call(worker, unit, gives_up=True)
            elif self._fits(unit):  # else it is left for another build; a shorter one may fit
                worker = self._idle.pop()
                self._calls[worker.actor.execute.remote(unit)] = _Call(worker, unit)

    def _answered(self) -> list[Any]:
        if not self._calls:
            time.sleep(_POLL_SECONDS)
            return []
        refs = list(self._calls)
        done: list[Any]
        done, _ = self._ray.wait(refs, num_returns=1, timeout=_POLL_SECONDS)
        return done

    def _receive(self, ref: Any, call: _Call) -> Iterator[tuple[Unit, pa.Table]]:
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._lose(call, error)
            return
        if call.unit is None:
            self._false_starts = 0
            call.worker.node = answer
            self._idle.append(call.worker)
            return
        table, messages = answer
        for message in messages:
            logger.warning("%s", message)
        if not call.gives_up and call.unit.runs and "failed" in table["status"].to_pylist():
            # An error can leave a GPU's context unusable, so that every later run would fail.
            self._dismiss(call.worker)
        else:
            self._idle.append(call.worker)
        yield call.unit, table

    # -- losses ------------------------------------------------------------------------------------

    def _lose(self, call: _Call, error: Exception) -> None:
        """Handle a worker that was lost or raised an unexpected exception."""
        self._dismiss(call.worker)
        if self._interruption.requested:  # a scheduler stops the builder and its workers together
            return
        if not self._cluster.connected:
            raise BuildError(
                f"the connection to {self._cluster.name} is lost; what is finished is kept: the "
                f"same command goes on from here"
            )
        if call.unit is None:
            self._false_start(error)
            return
        if call.gives_up:
            self._waiting.append(call.unit)
            return
        what = self._blame(call, call.unit, error)
        logger.warning("%s: %s; it is tried again", call.unit, what)
        self._reasons |= dict.fromkeys(call.unit.keys, what)
        self._waiting.extend(call.unit.one_by_one())

    def _blame(self, call: _Call, unit: Unit, error: Exception) -> str:
        """Record whether a unit killed its worker; return what happened."""
        exceptions = self._ray.exceptions
        if isinstance(error, exceptions.RayTaskError):
            self._attempts.died(unit)
            return f"its worker raised {cause(error)}"
        fate = self._cluster.fate(call.worker.node)
        if fate == "removed":
            return "its node was removed"
        if fate == "alive" and isinstance(
            error, (exceptions.ActorDiedError, exceptions.OutOfMemoryError)
        ):
            self._attempts.died(unit)
            return f"its worker died ({cause(error)})"
        self._attempts.lost(unit)
        return f"its node or the connection to it was lost ({cause(error)})"

    def _false_start(self, error: Exception) -> None:
        exceptions = self._ray.exceptions
        if isinstance(error, exceptions.ActorUnavailableError):
            return  # the node is gone
        self._false_starts += 1
        failed = isinstance(error, exceptions.RayTaskError) or getattr(
            error, "actor_init_failed", False
        )
        if failed or self._false_starts >= _MAX_FALSE_STARTS:
            raise BuildError(
                f"a worker cannot be started: {cause(error)}; every node needs nasdip-bench "
                f"{__version__} and a torch that can use --device {self._device}"
            )

    def _verdict(self, unit: Unit) -> str:
        deaths, losses = self._attempts.of(unit)
        last = next((self._reasons[key] for key in unit.keys if key in self._reasons), "not known")
        verdict = (
            f"given up: its worker died {deaths} times, its node was lost {losses} times; "
            f"last: {last}"
        )
        logger.warning("%s: %s", unit, verdict)
        return verdict
