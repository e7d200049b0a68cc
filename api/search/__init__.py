"""Searches on recorded runs: algorithms, their comparison over time, and the leaderboard.

An algorithm is a function of a `nasdip_bench.api.simulation.simulator.Simulator` and a NumPy
generator, its only source of randomness. It trains and scores through the simulator until it
returns or the budget is exhausted. It returns nothing: the simulator tracks the incumbent.

    def mine(sim, rng):
        for arch_id in rng.permutation(sim.space):
            sim.train(arch_id)

    compare(bench, "denoise", methods={"mine": mine, "random": "random"}, budget_seconds=3600)

`METHODS` are those that come with the package. Importing this does not import pandas, matplotlib or
torch.
"""

from __future__ import annotations

from .algorithms import hyperband as hyperband
from .algorithms import regularized_evolution as regularized_evolution
from .algorithms import successive_halving as successive_halving
from .comparison import compare as compare
from .figure import SearchFigure as SearchFigure
from .figure import search_figure as search_figure
from .isnas import isnas as isnas
from .leaderboard import search_leaderboard as search_leaderboard
from .leaderboard_figure import search_leaderboard_figure as search_leaderboard_figure
from .methods import METHODS as METHODS
from .methods import Algorithm as Algorithm
from .methods import Method as Method
from .methods import isnas_by_score as isnas_by_score
from .methods import run_search as run_search
