"""The plan of a build: what is asked for, less what is finished, as work units in order.

Order: seed, architecture, then scores, task, image. A build that stops early has thus finished
whole architectures in the order of the sample, which is a random order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from nasdip_bench.builder.config import BuildConfig
from nasdip_bench.cost import Cost, architecture_cost
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import get_task

__all__ = ["RunKey", "ScoreKey", "Unit", "make_plan", "unit_flops"]


class RunKey(NamedTuple):
    """What makes a run the one it is."""

    architecture: str
    image: str
    task: str
    fidelity: str
    seed: int


class ScoreKey(NamedTuple):
    """What makes the scores of an untrained network the ones they are."""

    architecture: str
    image: str
    task: str
    fidelity: str


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A piece of work that is done on one device and finished as one shard.

    Attributes:
        architecture: its canonical string; all keys share it.
        runs: runs to train, of one task, fidelity and seed; several are trained as one stack.
        scores: scores to compute; those of one architecture share the network's outputs.
        scoring_inits: initialisations for the scores.
    """

    architecture: str
    runs: tuple[RunKey, ...] = ()
    scores: tuple[ScoreKey, ...] = ()
    scoring_inits: int = 0

    @property
    def kind(self) -> str:
        """The table of the unit's shard: "runs" or "scores"."""
        return "runs" if self.runs else "scores"


def make_plan(
    config: BuildConfig,
    finished_runs: Set[RunKey],
    finished_scores: Set[ScoreKey],
    stack: int | Callable[[Architecture], int] = 1,
) -> list[Unit]:
    """The units left to do.

    Args:
        config: what is asked for.
        finished_runs: keys of runs to leave out.
        finished_scores: keys of scores to leave out.
        stack: the most runs to train as one, of all or by architecture; 1 trains each alone.
    """
    most = stack if callable(stack) else lambda _: stack
    return list(_units(config, finished_runs, finished_scores, most))


def _units(
    config: BuildConfig,
    finished_runs: Set[RunKey],
    finished_scores: Set[ScoreKey],
    stack: Callable[[Architecture], int],
) -> Iterator[Unit]:
    names = [image.name for image in config.images]
    for seed in config.seeds:
        for arch in config.architectures:
            architecture, most = str(arch), stack(arch)
            pairs = [(task, image) for task in config.tasks for image in names]
            if config.scoring_inits and seed == config.seeds[0]:
                wanted = (ScoreKey(architecture, i, t, config.fidelity.name) for t, i in pairs)
                scores = tuple(key for key in wanted if key not in finished_scores)
                if scores:
                    yield Unit(
                        architecture=architecture, scores=scores, scoring_inits=config.scoring_inits
                    )
            if not config.train:
                continue
            for task in config.tasks:
                runs = (RunKey(architecture, i, task, config.fidelity.name, seed) for i in names)
                left = [run for run in runs if run not in finished_runs]
                for first in range(0, len(left), most):
                    yield Unit(architecture=architecture, runs=tuple(left[first : first + most]))


def unit_flops(unit: Unit) -> float:
    """Floating-point operations of a unit: forward and backward count three forward passes.

    Counted for one input and output channel; colour adds less than a per cent.
    """
    fidelity = get_fidelity((unit.runs or unit.scores)[0].fidelity)
    passes = sum(3 * fidelity.iterations_for(get_task(run.task).kind) for run in unit.runs)
    if unit.scores:
        passes += unit.scoring_inits
    cost = _cost(unit.architecture, fidelity.channels)
    return passes * cost.forward_flops(fidelity.resolution, fidelity.resolution)


@lru_cache(maxsize=4096)
def _cost(architecture: str, channels: int) -> Cost:
    return architecture_cost(Architecture.parse(architecture), channels=channels)
