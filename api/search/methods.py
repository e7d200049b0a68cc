"""The search methods that come with the package, by name, and how to run one.

Must not import torch or pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nasdip_bench.errors import ConfigError, check_name
from nasdip_bench.seeding import as_generator
from nasdip_bench.space import Architecture

from ..replay.candidates import rankable_scores
from ..simulation.paid import BudgetExhaustedError
from ..simulation.simulator import Simulator
from .algorithms import hyperband, random_search, regularized_evolution, successive_halving
from .baselines import any_architecture, cell_table, one_sampling, random_by_neighbour, transfer
from .isnas import isnas, random_cohort

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

Algorithm = Callable[[Simulator, np.random.Generator], object]
"""A function that searches on a simulator; it must not return an architecture."""


class Method(NamedTuple):
    """An algorithm, and the track that it runs on.

    Attributes:
        algorithm: the function.
        track: what it needs to see, one of `nasdip_bench.api.simulation.paid.TRACKS`.
        deterministic: whether it ignores its generator; one search per seed of the runs is enough.
        by_target: whether it looks at the target on other images, so its choice depends on it.
    """

    algorithm: Algorithm
    track: str = "oracle"
    deterministic: bool = False
    by_target: bool = False


Methods = Sequence[str] | Mapping[str, str | Algorithm | Method]
"""Names in `METHODS`, or your own names of these, of functions or of `Method`."""

METHODS: dict[str, Method] = {
    "random": Method(random_search),
    "one sampling": Method(one_sampling, by_target=True),
    "evolution": Method(regularized_evolution),
    "halving": Method(successive_halving),
    "hyperband": Method(hyperband),
    "isnas": Method(isnas, "deployable", deterministic=True),
    "isnas random": Method(random_cohort, "deployable"),
    "random+neighbour": Method(random_by_neighbour, "deployable"),
    "any": Method(any_architecture, "deployable"),
    "cell table": Method(cell_table, "deployable", by_target=True),
    "transfer": Method(transfer, "deployable", by_target=True),
}
"""The shipped methods, by the name that tables and pictures show."""


def isnas_by_score(
    bench: ReleaseReader, task: str, fidelity: str | None = None
) -> dict[str, Method]:
    """ISNAS with each score of a release that a user can compute and where lower is better."""
    scores = rankable_scores(bench, bench.runs.block(task, fidelity), "corrupted")
    return {
        f"isnas {score}": METHODS["isnas"]._replace(algorithm=partial(isnas, score=score))
        for score in scores
    }


def run_search(
    sim: Simulator, method: str | Algorithm | Method, rng: int | np.random.Generator = 0
) -> Simulator:
    """Run a search until it returns or exhausts its budget; return the simulator.

    Args:
        sim: a simulator, fresh or used.
        method: a name in `METHODS`, a function of a simulator and a generator, or a `Method`.
        rng: a seed or a generator.

    Raises:
        UnknownNameError: no such name.
        ConfigError: not a simulator, a method, or a seed or generator; the simulator's track does
            not show what the method needs; or the method returns an architecture instead of
            choosing it.

    Example:
        >>> sim = NASDIPBench("data/").simulator("lena", "denoise")
        >>> run_search(sim, "random").trained > 0
        True
    """
    if not isinstance(sim, Simulator):
        raise ConfigError(
            f"sim {sim!r:.80} is not a simulator: bench.simulator(image, task) makes one"
        )
    algorithm, generator = _method(method).algorithm, as_generator(rng)
    try:
        returned = algorithm(sim, generator)
    except BudgetExhaustedError:
        if not sim.stopped:  # raised by another simulator
            raise
        return sim
    if isinstance(returned, int | np.integer | str | Architecture):
        raise ConfigError(
            f"the search returned {returned!r}, which is ignored: choose an architecture with "
            f"sim.choose(arch), and return nothing"
        )
    return sim


def named_methods(methods: Methods) -> dict[str, Method]:
    """Methods by the name to show; functions run on the track "oracle".

    Raises:
        UnknownNameError: no such name.
        ConfigError: no method, or something that is not a method.
    """
    several = isinstance(methods, Sequence | Mapping) and not isinstance(methods, str)
    if not several or not all(isinstance(name, str) for name in methods):
        raise ConfigError(
            f"methods {methods!r} must be a list of names, ['random'], or a mapping from names to "
            f"methods, {{'mine': function}}"
        )
    found = methods if isinstance(methods, Mapping) else {name: name for name in methods}
    if not found:
        raise ConfigError(f"no method: give at least one of {', '.join(METHODS)}")
    return {name: _method(one) for name, one in found.items()}


def _method(method: str | Algorithm | Method) -> Method:
    if isinstance(method, str):
        return METHODS[check_name("method", method, METHODS)]
    found = method if isinstance(method, Method) else Method(method)
    if not callable(found.algorithm):
        raise ConfigError(
            f"method {found.algorithm!r} must be a function of a simulator and a generator; a "
            f"shipped method is given by its name alone"
        )
    return found
