"""The search algorithms that come with the package, by name, and how one is run.

Sources and deviations stand with each function. A learning curve in a release is one fit: an
architecture that goes on continues from where it stopped, and only the rest is paid. Must not
import torch or pandas.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle

import numpy as np

from nasdip_bench.errors import ConfigError, check_whole, unknown_name
from nasdip_bench.seeding import as_generator

from .clock import BudgetExhaustedError
from .simulator import Simulator

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "hyperband",
    "isnas_ranking",
    "named_algorithms",
    "random_search",
    "regularized_evolution",
    "run_search",
    "rungs",
    "successive_halving",
]

Algorithm = Callable[[Simulator, np.random.Generator], object]
"""Searches on a simulator; what it returns is not looked at."""


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
    Search", AAAI 2019, algorithm 1. The default sizes are those that NAS-Bench-201 ran, with
    budgets of this size.

    Deviation: a mutated architecture is hardly ever in a release. The child is the untrained
    architecture of the release nearest to it (`nasdip_bench.space.Neighbourhood`); training one
    twice would tell nothing new.

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
        psnr_db = sim.train(int(sim.space[place])).psnr_smooth_db
        living.append((_finite(psnr_db), place))

    for place in rng.permutation(len(sim))[:population].tolist():
        train(place)
    while untrained.any():
        drawn = rng.integers(len(living), size=tournament).tolist()
        _, parent = max(living[one] for one in drawn)
        train(near.nearest(near.mutate(parent, rng), untrained, rng))


def rungs(sim: Simulator, eta: int = 3, levels: int = 4) -> list[int]:
    """Iterations of the rungs, ascending: the stop / eta^(levels - 1), ..., the stop.

    Each is rounded down to an iteration that the release keeps.

    Args:
        sim: the simulator.
        eta: the ratio of neighbouring rungs, a whole number of at least 2.
        levels: how many at most, at least 1; rungs that fall together are one.

    Raises:
        ConfigError: eta or levels outside its range.
    """
    check_whole("eta", eta, 2)
    check_whole("levels", levels, 1)
    return sorted({sim.kept(sim.stop / eta**level) for level in range(levels)})


def successive_halving(
    sim: Simulator, rng: np.random.Generator, *, eta: int = 3, levels: int = 4
) -> None:
    """Brackets of eta^(levels - 1) architectures, of which the best 1/eta go on at every rung.

    One bracket ends with a single architecture trained to the stop; further ones begin, each with
    architectures that had not been drawn. When all have been, those that have not reached the stop
    are drawn again, which pays only for what they go on; the search returns when all have.

    Source: Jamieson, Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
    Optimization", AISTATS 2016.

    Args:
        sim: the simulator.
        rng: the only source of randomness.
        eta: of how many one goes on.
        levels: of rungs.

    Raises:
        ConfigError: eta below 2 or levels below 1.
    """
    steps = rungs(sim, eta, levels)
    queue: list[int] = []
    while _bracket(sim, rng, queue, eta ** (len(steps) - 1), steps, eta):
        pass


def hyperband(sim: Simulator, rng: np.random.Generator, *, eta: int = 3, levels: int = 4) -> None:
    """Brackets of successive halving that start at each of the rungs in turn, the lowest first.

    Source: Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar, "Hyperband: A Novel Bandit-Based
    Approach to Hyperparameter Optimization", JMLR 2018, algorithm 1. Arguments and exceptions as in
    `successive_halving`.
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
    """One bracket of at most ``count`` architectures of a queue; whether there were any.

    An empty queue is filled with those that have not reached the stop, in random order.
    """
    if not queue:
        unfinished = [a for a in sim.space.tolist() if sim.trained_to(a) < sim.stop]
        queue += rng.permutation(np.array(unfinished, np.intp)).tolist()
    members = queue[:count]
    del queue[:count]
    for step in steps if members else ():
        seen = [(_finite(sim.train(arch_id, step).psnr_smooth_db), arch_id) for arch_id in members]
        # The best goes on first, since the first of a rung is the incumbent for a while.
        seen.sort(key=lambda one: one[0], reverse=True)
        members = [arch_id for _, arch_id in seen[: max(1, len(seen) // eta)]]
    return bool(members)


def _finite(psnr_db: float) -> float:
    """A PSNR to rank by: that of a diverged run is the lowest."""
    return -math.inf if math.isnan(psnr_db) else psnr_db


def isnas_ranking(
    sim: Simulator,
    rng: np.random.Generator,
    *,
    proxy: str = "psd_db_strip_mse",
    reference: str | None = None,
    cohort: int = 15,
) -> None:
    """Pay for the score of every architecture, then train the N best by it, best first.

    **The selection is an oracle**: the incumbent is the trained architecture of highest PSNR
    against the ground truth, so that this is what the ranking could give at best. The paper keeps
    the output nearest to the cohort's average; `nasdip_bench.api.replay` replays that, without a
    clock.

    Lower is better, unless the score claims the opposite. Ties break by arch_id; architectures
    without the score are not trained. Source: Arican, Kara, Bredell, Konukoglu,
    "ISNAS-DIP", CVPR 2022, section 4.

    Args:
        sim: the simulator.
        rng: unused: the ranking is deterministic.
        proxy: name of the score, alone or as "name/reference".
        reference: what it compares with; None for that of the name, corrupted where there are two.
        cohort: N.

    Raises:
        ConfigError: a cohort below 1.
        UnknownNameError: the release has no such score.
    """
    from nasdip_bench.proxies import image_scores, info, network_scores  # which imports PIL

    check_whole("cohort", cohort, 1)
    name = proxy.partition("/")[0]
    known = name in (*image_scores(), *network_scores())
    sign = -1.0 if known and info(name).lower_is_better is False else 1.0
    values = ((sign * sim.score(a, proxy, reference).value, a) for a in sim.space.tolist())
    scored = [one for one in values if not math.isnan(one[0])]
    for _, arch_id in sorted(scored)[:cohort]:
        sim.train(arch_id)


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
        sim: a simulator, used or not, which is returned.
        algorithm: a name of `ALGORITHMS`, or a function.
        rng: a seed or a generator.

    Raises:
        UnknownNameError: no such name.
        ConfigError: neither a name nor a function, or rng is no seed and no generator.
    """
    function, generator = _function(algorithm), as_generator(rng)
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
        names = [a if isinstance(a, str) else getattr(a, "__name__", "") for a in algorithms]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ConfigError(
                f"algorithm {min(twice)!r} is there twice; name them: "
                f"{{'one': function, 'other': function}}"
            )
        algorithms = dict(zip(names, algorithms, strict=True))
    if not algorithms:
        raise ConfigError(f"no algorithm: give at least one of {', '.join(ALGORITHMS)}")
    return {name: _function(one) for name, one in algorithms.items()}


def _function(algorithm: str | Algorithm) -> Algorithm:
    if callable(algorithm):
        return algorithm
    if not isinstance(algorithm, str):
        raise ConfigError(
            f"algorithm {algorithm!r} is neither a name nor a function of a simulator and a "
            f"generator"
        )
    if algorithm not in ALGORITHMS:
        raise unknown_name("algorithm", algorithm, ALGORITHMS)
    return ALGORITHMS[algorithm]
