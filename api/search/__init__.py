"""Searches on recorded runs: algorithms, their comparison over time, and the leaderboard.

An algorithm is a function of a `nasdip_bench.api.simulation.simulator.Simulator` and a NumPy
generator, its only source of randomness. It trains and scores through the simulator until it
returns or the budget is exhausted. It returns nothing: the simulator tracks the incumbent.

    def mine(sim, rng):
        for arch_id in rng.permutation(sim.space):
            sim.train(arch_id)

    compare(bench, "denoise", algorithms={"mine": mine, "random": "random"}, budget_seconds=3600)

`METHODS` are those that come with the package. Importing this does not import pandas, matplotlib or
torch.
"""

from __future__ import annotations

from .comparison import compare
from .evolution import regularized_evolution
from .figure import SearchFigure, search_figure
from .halving import hyperband, successive_halving
from .isnas import isnas
from .leaderboard import search_leaderboard
from .leaderboard_figure import search_leaderboard_figure
from .methods import METHODS, Algorithm, Method, isnas_by_score, run_search

__all__ = [
    "METHODS",
    "Algorithm",
    "Method",
    "SearchFigure",
    "compare",
    "hyperband",
    "isnas",
    "isnas_by_score",
    "regularized_evolution",
    "run_search",
    "search_figure",
    "search_leaderboard",
    "search_leaderboard_figure",
    "successive_halving",
]
