"""Regularised (aging) evolution, in the part of the space that the release has.

Source: Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture Search",
AAAI 2019, algorithm 1. Population 10 and tournaments of 3 are what NAS-Bench-201 ran, whose budgets
are of this size.

Deviation: a mutated architecture is not in a release (`nasdip_bench.api.reading.neighbourhood`).
The child is the untrained architecture of the release that is nearest to the mutated one; training
one twice would tell nothing new.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.errors import ConfigError

if TYPE_CHECKING:
    from .simulator import Simulator

__all__ = ["regularized_evolution"]


def regularized_evolution(
    sim: Simulator, rng: np.random.Generator, *, population: int = 10, tournament: int = 3
) -> None:
    """Train a random population, then children of tournament winners; the oldest die.

    Args:
        sim: the simulator.
        rng: the only source of randomness.
        population: how many live at a time, at least 1.
        tournament: how many are drawn, with replacement, to choose a parent from; at least 1.

    Raises:
        ConfigError: a size below 1.
    """
    for name, size in (("population", population), ("tournament", tournament)):
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ConfigError(f"{name} {size!r} must be a whole number of at least 1")
    near = sim.runs.neighbourhood
    untrained = np.ones(len(sim), np.bool_)
    living: deque[tuple[float, int]] = deque(maxlen=population)

    def train(place: int) -> None:
        untrained[place] = False
        psnr = sim.train(int(sim.space[place])).psnr_smooth_db
        living.append((-math.inf if math.isnan(psnr) else psnr, place))

    for place in rng.permutation(len(sim))[:population].tolist():
        train(place)
    while untrained.any():
        drawn = rng.integers(len(living), size=tournament).tolist()
        _, parent = max(living[one] for one in drawn)
        train(near.nearest(near.mutate(parent, rng), untrained, rng))
