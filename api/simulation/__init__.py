"""Search algorithms on the simulator, and their comparison.

An algorithm is a function of a `nasdip_bench.api.simulation.simulator.Simulator` and a NumPy
generator, the only source of its randomness. It trains and scores through the simulator until it
returns or the budget ends it, and tells nobody its result: the simulator knows the incumbent at any
time.

    def mine(sim, rng):
        for arch_id in rng.permutation(sim.space):
            sim.train(arch_id)

    compare(bench, "denoise", algorithms={"mine": mine, "random": "random"}, budget_seconds=3600)

`ALGORITHMS` are those that come with the package; each has a module with its source. Importing
this imports neither pandas nor matplotlib, and never torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .algorithms import ALGORITHMS, Algorithm, run_search
    from .comparison import compare
    from .evolution import regularized_evolution
    from .figure import SearchFigure, search_figure
    from .halving import hyperband, successive_halving
    from .random_order import random_search
    from .ranking import isnas_ranking

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "run_search",
    "compare",
    "random_search",
    "regularized_evolution",
    "successive_halving",
    "hyperband",
    "isnas_ranking",
    "SearchFigure",
    "search_figure",
]

_MODULES = {
    "ALGORITHMS": "algorithms",
    "Algorithm": "algorithms",
    "run_search": "algorithms",
    "compare": "comparison",
    "random_search": "random_order",
    "regularized_evolution": "evolution",
    "successive_halving": "halving",
    "hyperband": "halving",
    "isnas_ranking": "ranking",
    "SearchFigure": "figure",
    "search_figure": "figure",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
