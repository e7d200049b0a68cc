"""The search algorithms that come with the package, by name, and how one is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from nasdip_bench.errors import ConfigError, unknown_name
from nasdip_bench.seeding import as_generator

from .evolution import regularized_evolution
from .halving import hyperband, successive_halving
from .random_order import random_search
from .ranking import isnas_ranking
from .simulator import BudgetExhaustedError, Simulator

__all__ = ["ALGORITHMS", "Algorithm", "named_algorithms", "run_search"]

Algorithm = Callable[[Simulator, np.random.Generator], object]
"""Searches on a simulator; what it returns is not looked at."""

ALGORITHMS: dict[str, Algorithm] = {
    "random": random_search,
    "evolution": regularized_evolution,
    "halving": successive_halving,
    "hyperband": hyperband,
    "isnas_oracle": isnas_ranking,
}
"""By the name that tables and pictures show."""


def run_search(
    sim: Simulator, algorithm: str | Algorithm, rng: int | np.random.Generator = 0
) -> Simulator:
    """Run an algorithm until it returns or its budget ends it.

    Args:
        sim: a simulator, used or not.
        algorithm: a name of `ALGORITHMS`, or a function.
        rng: a seed or a generator.

    Returns:
        the simulator.

    Raises:
        UnknownNameError: no such name.
        ConfigError: neither a name nor a function, or rng is no seed and no generator.
    """
    ((_, function),) = named_algorithms([algorithm]).items()
    generator = as_generator(rng)
    try:
        function(sim, generator)
    except BudgetExhaustedError:
        if not sim.stopped:  # that of another simulator
            raise
    return sim


def named_algorithms(
    algorithms: Sequence[str | Algorithm] | Mapping[str, str | Algorithm] | None,
) -> dict[str, Algorithm]:
    """Algorithms by the name to show.

    Args:
        algorithms: names of `ALGORITHMS` or functions, which go by their own names, or a mapping
            from names to these; None for all of `ALGORITHMS`.

    Raises:
        UnknownNameError: no such name.
        ConfigError: none, a name twice, or what is neither a name nor a function.
    """
    if algorithms is None:
        return dict(ALGORITHMS)
    if isinstance(algorithms, str):
        algorithms = [algorithms]
    if not isinstance(algorithms, Mapping):
        names = [
            one if isinstance(one, str) else getattr(one, "__name__", "") for one in algorithms
        ]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ConfigError(
                f"algorithm {sorted(twice)[0]!r} is there twice; name them: "
                f"{{'one': function, 'other': function}}"
            )
        algorithms = dict(zip(names, algorithms, strict=True))
    found: dict[str, Algorithm] = {}
    for name, one in algorithms.items():
        if isinstance(one, str):
            if one not in ALGORITHMS:
                raise unknown_name("algorithm", one, ALGORITHMS)
            found[name] = ALGORITHMS[one]
        elif callable(one):
            found[name] = one
        else:
            raise ConfigError(
                f"algorithm {one!r} is neither a name nor a function of a simulator and a generator"
            )
    if not found:
        raise ConfigError(f"no algorithm: give at least one of {', '.join(ALGORITHMS)}")
    return found
