"""The benchmark as an object: `NASDIPBench`.

`nasdip_bench.api.reading` reads the data. Statistics are functions in their own modules that take
the release as first argument; here they become methods. Only methods that return a frame import
pandas, and only `build` imports torch.
"""

from __future__ import annotations

from .reading.choices import evaluated, neighbours, random
from .reading.costs import architecture_cost_of
from .reading.reader import ReleaseReader
from .replay import isnas
from .replay.curve import isnas_curve
from .search.leaderboard import search_leaderboard
from .simulation.opening import open_simulator
from .statistics.agreement.noise import noise
from .statistics.agreement.replicates import fidelity_agreement, seed_agreement
from .statistics.agreement.scores import correlate, kendall, kendall_intervals
from .statistics.best import find_best, regret, top_k
from .statistics.choosing.curve import selection_curve
from .statistics.coverage import coverage
from .statistics.early import early_ranking
from .statistics.image_gain import image_gain
from .statistics.leaderboard.scores import score_leaderboard
from .statistics.overlaps import overlap
from .statistics.predictors.table import predictor_table
from .statistics.stopping.table import kept_point_agreement, stopping_table
from .untrained import build


class NASDIPBench(ReleaseReader):
    """A release of the benchmark: queries, curves, scores, tables, statistics.

    An architecture may be given as its row in the release, its canonical string, the name of a
    released model, or an `Architecture`.

    Args:
        path: the dataset folder; None for ``./data`` if it is a dataset, else the one shipped with
            the package.

    Raises:
        DatasetError: there is no dataset, or this version cannot read it.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> len(bench)
        522
    """

    # The best, and how far behind the others are
    top_k = top_k
    find_best = find_best
    regret = regret
    cost = architecture_cost_of

    # Rankings: how well they agree, and what choosing by a score is worth
    kendall = kendall
    kendall_intervals = kendall_intervals
    correlate = correlate
    seed_agreement = seed_agreement
    fidelity_agreement = fidelity_agreement
    noise = noise
    score_leaderboard = score_leaderboard
    selection_curve = selection_curve
    predictor_table = predictor_table
    overlap = overlap
    image_gain = image_gain
    early_ranking = early_ranking
    coverage = coverage

    # When to stop, and what a search finds
    stopping_table = stopping_table
    kept_point_agreement = kept_point_agreement
    isnas = isnas
    isnas_curve = isnas_curve
    simulator = open_simulator
    search_leaderboard = search_leaderboard

    # Moving in the space
    evaluated = evaluated
    random = random
    neighbours = neighbours
    build = build
