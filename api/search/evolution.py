"""Regularised evolution. Must not import torch or pandas."""

from __future__ import annotations

from collections import deque

import numpy as np

from nasdip_bench.errors import check_whole

from ..simulation.simulator import Simulator
from .baselines import rank_value


def regularized_evolution(
    sim: Simulator, rng: np.random.Generator, *, population: int = 10, tournament: int = 3
) -> None:
    """Train a random population, then children of tournament winners; the oldest die.

    Source: Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture
    Search", AAAI 2019, algorithm 1. The default sizes are those of NAS-Bench-201, which used
    similar budgets.

    Deviation: a mutated architecture is hardly ever in a release. The child is the nearest
    untrained architecture of the release (`nasdip_bench.space.Neighbourhood`); training one twice
    would reveal nothing new.

    Args:
        sim: the simulator.
        rng: the only source of randomness.
        population: how many live at a time, at least 1.
        tournament: how many are drawn, with replacement, to choose a parent from; at least 1.

    Raises:
        ConfigError: a size below 1.
    """
    check_whole("population", population, 1)
    check_whole("tournament", tournament, 1)
    near = sim.runs.neighbourhood
    untrained = np.ones(len(sim), np.bool_)
    living: deque[tuple[float, int]] = deque(maxlen=population)

    def train(place: int) -> None:
        untrained[place] = False
        living.append((rank_value(sim.train(int(sim.space[place]))), place))

    for place in rng.permutation(len(sim))[:population].tolist():
        train(place)
    while untrained.any():
        drawn = rng.integers(len(living), size=tournament).tolist()
        _, parent = max(living[one] for one in drawn)
        train(near.nearest(near.mutate(parent, rng), untrained, rng))
