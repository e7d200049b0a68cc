"""The search methods that come with the package, by name, and how to run one.

Must not import torch or pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from nasdip_bench.errors import ConfigError, MissingRunError, check_name
from nasdip_bench.seeding import as_generator
from nasdip_bench.space import Architecture

from ..replay.candidates import rankable_scores
from ..simulation.clock import BudgetExhaustedError
from ..simulation.simulator import Simulator
from .baselines import (
    any_architecture,
    cell_table,
    one_sampling,
    random_by_neighbour,
    random_search,
    transfer,
)
from .evolution import regularized_evolution
from .halving import hyperband, successive_halving
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
        by_distances: whether it needs distances between restorations, which a release may lack.
        by_observables: the same of observables.
    """

    algorithm: Algorithm
    track: str = "oracle"
    deterministic: bool = False
    by_target: bool = False
    by_distances: bool = False
    by_observables: bool = False


_One = str | Algorithm | Method

Methods = _One | Iterable[_One] | Mapping[str, _One]
"""One method or several, or a mapping from names."""

METHODS: dict[str, Method] = {
    "random": Method(random_search),
    "one sampling": Method(one_sampling, by_target=True),
    "evolution": Method(regularized_evolution),
    "halving": Method(successive_halving),
    "hyperband": Method(hyperband),
    "isnas": Method(isnas, "deployable", deterministic=True, by_distances=True),
    "isnas random": Method(random_cohort, "deployable", by_distances=True),
    "random+neighbour": Method(random_by_neighbour, "deployable", by_observables=True),
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


def without_data(
    bench: ReleaseReader, task: str, fidelity: str, methods: Mapping[str, Method]
) -> tuple[str, ...]:
    """Names of the methods that cannot run: the release has no distances, or no observables.

    Raises:
        DatasetError: the file of distances is damaged.
    """
    observables = any(
        path.startswith(f"observables/{fidelity}-{task}-s") for path in bench.manifest.files
    )
    try:
        bench.distances(task, fidelity=fidelity)
        distances = True
    except MissingRunError:
        distances = False
    return tuple(
        name
        for name, method in methods.items()
        if (method.by_distances and not distances) or (method.by_observables and not observables)
    )


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
    """Methods by the name to show.

    Args:
        methods: names in `METHODS`, functions or `Method`, one or several, shown by the names of
            the functions; or a mapping from names to these. Functions run on the track "oracle".

    Raises:
        UnknownNameError: no such name.
        ConfigError: no method, a duplicate name, or something that is not a method.
    """
    if isinstance(methods, Mapping):
        found: dict[str, _One] = dict(methods)
    else:
        several = _listed(methods)
        names = [_name(one) for one in several]
        found = dict(zip(names, several, strict=True))
        if len(found) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigError(
                f"algorithm {twice!r} is there twice; name them: "
                f"{{'one': function, 'other': function}}"
            )
    if not found:
        raise ConfigError(f"no algorithm: give at least one of {', '.join(METHODS)}")
    return {name: _method(one) for name, one in found.items()}


def _listed(methods: _One | Iterable[_One]) -> list[_One]:
    several = isinstance(methods, Iterable) and not isinstance(methods, str | Method)
    return list(cast("Iterable[_One]", methods)) if several else [cast("_One", methods)]


def _name(method: _One) -> str:
    function = method if isinstance(method, str) else _method(method).algorithm
    return function if isinstance(function, str) else getattr(function, "__name__", repr(function))


def _method(method: _One) -> Method:
    if isinstance(method, Method):
        if not callable(method.algorithm):
            raise ConfigError(
                f"the algorithm of Method({method.algorithm!r}, ...) must be a function of a "
                f"simulator and a generator; a shipped method is given by its name alone"
            )
        return method
    if callable(method):
        return Method(method)
    if not isinstance(method, str):
        raise ConfigError(
            f"algorithm {method!r} is neither a name nor a function of a simulator and a generator"
        )
    return METHODS[check_name("algorithm", method, METHODS)]
