"""Search algorithms on the simulator, and their comparison.

An algorithm is a function of a `nasdip_bench.api.simulation.simulator.Simulator` and a NumPy
generator, the only source of its randomness. It trains and scores through the simulator until it
returns or the budget ends it, and tells nobody its result: the simulator knows the incumbent at any
time.

    def mine(sim, rng):
        for arch_id in rng.permutation(sim.space):
            sim.train(arch_id)

    compare(bench, "denoise", algorithms={"mine": mine, "random": "random"}, budget_seconds=3600)

`ALGORITHMS` are those that come with the package. Importing this imports neither pandas nor
matplotlib, and never torch.
"""

from __future__ import annotations

from .algorithms import (
    ALGORITHMS,
    Algorithm,
    hyperband,
    isnas_ranking,
    random_search,
    regularized_evolution,
    run_search,
    successive_halving,
)
from .comparison import compare
from .figure import SearchFigure, search_figure

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "SearchFigure",
    "compare",
    "hyperband",
    "isnas_ranking",
    "random_search",
    "regularized_evolution",
    "run_search",
    "search_figure",
    "successive_halving",
]
