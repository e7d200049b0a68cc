"""Compare search algorithms by regret over simulated time, across images and repeats.

Results are deterministic: every search has its own generator, keyed by the seed, the name of the
algorithm, the task, the image and the repeat. Adding an algorithm or an image changes none of the
others.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, check_whole

from ..reading.arrays.targets import TARGET
from ..simulation.clock import Clock
from ..simulation.opening import read_runs
from ..simulation.prices import CostModel
from ..simulation.recorded_runs import RecordedRuns
from ..simulation.simulator import Simulator
from .methods import Method, Methods, named_methods, run_search, without_data

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader

ALL_IMAGES = "all"
"""The image name in rows that are means over all images."""

COMPARED = ("random", "evolution", "halving", "hyperband", "isnas")
"""The algorithms compared by default."""

_DEFAULT_TRAININGS = 50
_QUANTILES = (0.025, 0.975)


class _Curves(NamedTuple):
    """(repeat, point) float64 on the grid of times."""

    incumbent: NDArray[np.float64]
    regret: NDArray[np.float64]


def compare(
    bench: ReleaseReader,
    task: str = "denoise",
    *,
    images: str | Sequence[str] | None = None,
    algorithms: Methods | None = None,
    budget_seconds: float | None = None,
    repeats: int = 50,
    fidelity: str | None = None,
    run_seed: int | None = None,
    target: str | None = None,
    cost: str | CostModel = "flops",
    points: int = 100,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """Regret of search algorithms against simulated time.

    Each algorithm searches each image ``repeats`` times within the budget. Regret is the distance
    of the incumbent from the best architecture that can be searched, on the same seed of the runs.
    It measures how well a search optimises what it sees; `search_leaderboard` judges its choice on
    another seed. Repeats cycle through the default seeds, so the bands include seed noise.

    Args:
        task: name.
        images: a name, or several; None for all.
        algorithms: names of `nasdip_bench.api.search.METHODS`, functions of (simulator, generator),
            or a mapping from names to these. Only these are compared: name "random" too, to have it
            beside yours. None for `COMPARED`, without isnas if the release has no distances between
            restorations.
        budget_seconds: simulated seconds of one search, enough to train an architecture to the
            stop. None for 50 trainings of mean cost, or half of the space if that is less.
        repeats: searches of each algorithm on each image, at least 1.
        fidelity: None for the release's default for the task; the result names it.
        run_seed: the seed of the runs; None for the default seeds in turn.
        target: a column of runs.parquet where higher is better, used to measure regret; None for
            `nasdip_bench.api.reading.arrays.targets.TARGET`.
        cost: "flops", "recorded" or a `CostModel`.
        points: steps of the common grid of times, from 0 to the budget; at least 1.
        resamples: bootstrap resamples, at least 1.
        rng: seed of searches and resamples, at least 0.

    Returns:
        a row for each image, algorithm and point in time: ``task``, ``image`` ("all" for the mean
        over images), ``algorithm``, ``track`` (what it may see), ``seconds``, ``incumbent`` (mean
        of the target over repeats), ``regret`` (mean), ``regret_low``, ``regret_high`` (95 %,
        percentile bootstrap of the mean over repeats; images are not resampled). Until a search can
        return an architecture (on the track "deployable", until it chooses one), it might return
        any, so it counts as the mean over the space. ``attrs`` holds ``task``, ``target``,
        ``fidelity``, ``seeds``, ``images``, ``algorithms``, ``budget_seconds``, ``repeats``,
        ``rng``, ``cost``, ``architectures`` (in the space, by image), ``release`` (architectures
        in the release), and by algorithm ``tracks``, ``trained`` (architectures, mean over
        searches), ``spent`` (seconds) and ``nothing`` (searches that ended without a choice).

    Raises:
        ConfigError: a number outside its range, too short a budget, no open dataset, algorithm or
            image, or a duplicate.
        UnknownNameError: an unknown name.
        MissingRunError: the release has no run to simulate from.
    """
    for name, value in (("repeats", repeats), ("points", points), ("resamples", resamples)):
        check_whole(name, value, 1)
    check_whole("rng", rng, 0)
    if not hasattr(bench, "runs"):
        raise ConfigError(
            f"bench {bench!r:.80} is not an open dataset: compare(NASDIPBench('data/'), task)"
        )
    methods = named_methods(COMPARED if algorithms is None else algorithms)
    block = bench.runs.block(task, fidelity)
    if algorithms is None:
        for name in without_data(bench, task, block.fidelity, methods):
            del methods[name]
    target = TARGET if target is None else target
    seeds = block.choose_seeds(run_seed)[:repeats]
    by_seed = [
        read_runs(bench, task, images, fidelity, one, cost=cost, target=target) for one in seeds
    ]
    first = by_seed[0]
    budget = search_budget([*first.values()], budget_seconds)
    grid = np.linspace(0, budget, points + 1)
    rows: list[pd.DataFrame] = []
    trained, spent, nothing = {}, {}, {}
    for name, method in methods.items():
        curves, ended = [], []
        for image in first:
            one, simulators = _repeat(
                method, name, [runs[image] for runs in by_seed], budget, repeats, rng, grid
            )
            curves.append(one)
            ended += simulators
        trained[name] = float(np.mean([sim.trained for sim in ended]))
        spent[name] = float(np.mean([sim.clock for sim in ended]))
        nothing[name] = sum(sim.incumbent is None for sim in ended)
        mean = _Curves(*(np.mean(parts, axis=0) for parts in zip(*curves, strict=True)))
        for image, of_image in zip([*first, ALL_IMAGES], [*curves, mean], strict=True):
            resampling = keyed_generator(rng, "bootstrap", name, task, image, 0)
            who = {"task": task, "image": image, "algorithm": name, "track": method.track}
            rows.append(_frame(who, grid, of_image, resamples, resampling))
    import pandas as pd

    frame = pd.concat(rows, ignore_index=True)
    some = next(iter(first.values()))
    frame.attrs = {
        "task": task,
        "target": target,
        "fidelity": some.fidelity,
        "seeds": list(seeds),
        "images": [*first],
        "algorithms": [*methods],
        "tracks": {name: method.track for name, method in methods.items()},
        "budget_seconds": float(budget),
        "repeats": int(repeats),
        "rng": int(rng),
        "cost": some.prices.text,
        "architectures": {
            image: min(len(runs[image].space) for runs in by_seed) for image in first
        },
        "release": len(bench),
        "trained": trained,
        "spent": spent,
        "nothing": nothing,
    }
    return frame


def search_budget(runs: Sequence[RecordedRuns], budget_seconds: float | None) -> float:
    """Simulated seconds of one search.

    Args:
        runs: runs of the images to search on.
        budget_seconds: as requested; None for the default of `compare`.

    Raises:
        ConfigError: not a number above 0, or too short for any training to the stop.
    """
    if budget_seconds is None:
        means = [float(r.prices.per_iteration.mean()) * r.stop + r.prices.overhead for r in runs]
        fewest = min(len(r.space) for r in runs)
        return float(np.mean(means)) * min(_DEFAULT_TRAININGS, max(1, fewest // 2))
    budget = Clock(budget_seconds, 0).budget_seconds
    least = min(float(r.prices.per_iteration.min()) * r.stop + r.prices.overhead for r in runs)
    if budget < least:
        raise ConfigError(
            f"budget_seconds {budget_seconds:g} is too short to train any architecture to the "
            f"stop, which takes {least:.3g} s at least"
        )
    return budget


def keyed_generator(seed: int, *key: str | int) -> np.random.Generator:
    """An independent random stream for every seed and key."""
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    return np.random.default_rng([seed, *words])


def _repeat(
    method: Method,
    name: str,
    by_seed: list[RecordedRuns],
    budget: float,
    repeats: int,
    rng: int,
    grid: NDArray[np.float64],
) -> tuple[_Curves, list[Simulator]]:
    """All searches of one algorithm on one image."""
    curves = _Curves(*np.full((2, repeats, len(grid)), math.nan))
    simulators = []
    for repeat in range(repeats):
        runs = by_seed[repeat % len(by_seed)]
        sim = Simulator(runs, budget, method.track)
        run_search(sim, method, keyed_generator(rng, "search", name, runs.task, runs.image, repeat))
        trace = sim.trace()
        # The incumbent at each time; before the first, any architecture might be returned.
        regrets = np.r_[np.nan, trace.regret][np.searchsorted(trace.clock, grid, side="right")]
        curves.regret[repeat] = np.where(np.isnan(regrets), runs.regrets.mean(), regrets)
        curves.incumbent[repeat] = runs.best - curves.regret[repeat]
        simulators.append(sim)
    return curves, simulators


def _frame(
    who: Mapping[str, str],
    grid: NDArray[np.float64],
    curves: _Curves,
    resamples: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    import pandas as pd

    low, high = _band(curves.regret, resamples, rng)
    columns: dict[str, Any] = {
        **who,
        "seconds": grid,
        "incumbent": curves.incumbent.mean(axis=0),
        "regret": curves.regret.mean(axis=0),
        "regret_low": low,
        "regret_high": high,
    }
    return pd.DataFrame(columns)


def _band(
    values: NDArray[np.float64], resamples: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile bootstrap of the mean over the first axis: (point,) lower and upper ends.

    NaN for a single repeat, which says nothing about others.
    """
    repeats = len(values)
    if repeats == 1:
        return np.full_like(values[0], np.nan), np.full_like(values[0], np.nan)
    weights = rng.multinomial(repeats, np.full(repeats, 1 / repeats), size=resamples) / repeats
    low, high = np.quantile(weights @ values, _QUANTILES, axis=0)
    return low, high
