"""Searches of the literature: random search, evolution, successive halving, Hyperband.

The last two compare unfinished runs. A learning curve of a release is one fit, so an architecture
that is promoted continues where it stopped and pays only for the rest. Must not import torch or
pandas.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import cycle

import numpy as np

from nasdip_bench.errors import check_whole

from ..simulation.observations import Observation
from ..simulation.simulator import Simulator


def random_search(sim: Simulator, rng: np.random.Generator) -> None:
    """Train architectures in random order, each to the stopping iteration, none twice.

    Source: Li, Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI
    2019.
    """
    for arch_id in rng.permutation(sim.space).tolist():
        sim.train(arch_id)


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
        living.append((_rank_value(sim.train(int(sim.space[place]))), place))

    for place in rng.permutation(len(sim))[:population].tolist():
        train(place)
    while untrained.any():
        drawn = rng.integers(len(living), size=tournament).tolist()
        _, parent = max(living[one] for one in drawn)
        train(near.nearest(near.mutate(parent, rng), untrained, rng))


def rungs(sim: Simulator, eta: int = 3, levels: int = 4) -> list[int]:
    """Iterations of the rungs, ascending: stop / eta^(levels - 1), ..., stop / eta, stop.

    Each is rounded down to an iteration that the release keeps.

    Args:
        eta: the ratio of neighbouring rungs, a whole number of at least 2.
        levels: the largest number of rungs, at least 1; rungs that coincide are merged.

    Raises:
        ConfigError: eta or levels outside its range.
    """
    check_whole("eta", eta, 2)
    check_whole("levels", levels, 1)
    return sorted({sim.kept(sim.stop / eta**level) for level in range(levels)})


def successive_halving(
    sim: Simulator, rng: np.random.Generator, *, eta: int = 3, levels: int = 4
) -> None:
    """Run brackets of eta^(levels - 1) architectures; the best 1/eta advance at every rung.

    A bracket ends with a single architecture trained to the stop. The next one starts with
    architectures not drawn before. Once all have been drawn, those that have not reached the stop
    are drawn again and pay only for further iterations. The search returns when all have.

    Source: Jamieson, Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
    Optimization", AISTATS 2016.

    Args:
        eta: one in eta architectures advances.
        levels: the largest number of rungs.

    Raises:
        ConfigError: eta below 2 or levels below 1.
    """
    steps = rungs(sim, eta, levels)
    queue: list[int] = []
    while _bracket(sim, rng, queue, eta ** (len(steps) - 1), steps, eta):
        pass


def hyperband(sim: Simulator, rng: np.random.Generator, *, eta: int = 3, levels: int = 4) -> None:
    """Run brackets of successive halving that start at each rung in turn, the lowest first.

    Source: Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar, "Hyperband: A Novel Bandit-Based
    Approach to Hyperparameter Optimization", JMLR 2018, algorithm 1. See `successive_halving` for
    arguments and exceptions.
    """
    steps = rungs(sim, eta, levels)
    queue: list[int] = []
    for first in cycle(range(len(steps))):
        later = len(steps) - 1 - first
        count = math.ceil(len(steps) / (later + 1) * eta**later)
        if not _bracket(sim, rng, queue, count, steps[first:], eta):
            return


def _bracket(
    sim: Simulator,
    rng: np.random.Generator,
    queue: list[int],
    count: int,
    steps: list[int],
    eta: int,
) -> bool:
    """Run one bracket of at most ``count`` architectures of a queue; return whether there were any.

    An empty queue is refilled with those that have not reached the stop, in random order.
    """
    if not queue:
        unfinished = [a for a in sim.space.tolist() if sim.trained_to(a) < sim.stop]
        queue += rng.permutation(np.array(unfinished, np.intp)).tolist()
    members = queue[:count]
    del queue[:count]
    for step in steps if members else ():
        seen = [(_rank_value(sim.train(arch_id, step)), arch_id) for arch_id in members]
        # The best advances first, since the first of a rung is the incumbent for a while.
        seen.sort(key=lambda one: one[0], reverse=True)
        members = [arch_id for _, arch_id in seen[: max(1, len(seen) // eta)]]
    return bool(members)


def _rank_value(seen: Observation) -> float:
    """A PSNR to rank by; diverged runs rank lowest."""
    return -math.inf if seen.status == "diverged" else seen.psnr_db
