"""Searches that compare unfinished runs: successive halving and Hyperband.

A learning curve of a release is one fit, so an architecture that is promoted continues where it
stopped and pays only for the rest. Must not import torch or pandas.
"""

from __future__ import annotations

import math
from itertools import cycle

import numpy as np

from nasdip_bench.errors import check_whole

from ..simulation.simulator import Simulator
from .baselines import rank_value


def rungs(sim: Simulator, eta: int = 3, levels: int = 4) -> list[int]:
    """Iterations of the rungs, ascending: stop / eta^(levels - 1), ..., stop / eta, stop.

    Each is rounded down to an iteration that the release keeps.

    Args:
        sim: the simulator.
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
        sim: the simulator.
        rng: the only source of randomness.
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
        seen = [(rank_value(sim.train(arch_id, step)), arch_id) for arch_id in members]
        # The best advances first, since the first of a rung is the incumbent for a while.
        seen.sort(key=lambda one: one[0], reverse=True)
        members = [arch_id for _, arch_id in seen[: max(1, len(seen) // eta)]]
    return bool(members)
