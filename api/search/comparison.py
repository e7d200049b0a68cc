"""Compare searches by regret over simulated time, on the seed that they see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, MissingRunError, check_whole

from ..reading.arrays.targets import TARGET
from ..simulation.opening import read_runs
from ..simulation.prices import CostModel
from ..statistics.tau_frame import MEAN, Resampling, index_of
from .methods import Method, Methods, named_methods
from .repeats import Resamples, Runs, each_search, repeats_of, search_budget

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader

COMPARED = ("random", "evolution", "halving", "hyperband", "isnas")
"""The methods compared by default."""


def compare(
    bench: ReleaseReader,
    task: str = "denoise",
    *,
    images: str | Sequence[str] | None = None,
    methods: Methods | None = None,
    budget_seconds: float | None = None,
    repeats: int = 25,
    fidelity: str | None = None,
    seed: int | None = None,
    target: str | None = None,
    cost: str | CostModel = "flops",
    points: int = 100,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """Regret of searches against simulated time.

    Regret is the distance of the incumbent from the best architecture that can be searched, on the
    same seed of the runs. It measures how well a search optimises what it sees;
    `search_leaderboard` judges its choice on another seed.

    Args:
        task: name.
        images: a name, or several; None for all.
        methods: names in `nasdip_bench.api.search.METHODS`, or a mapping from names to these, to
            functions of (simulator, generator) or to `Method`. Only these are compared: name
            "random" too, to have it beside yours. None for those of `COMPARED` that the release has
            the data for.
        budget_seconds: simulated seconds of one search, enough to train an architecture to the
            stop. None for 50 trainings of mean cost, or half of the space if that is less.
        repeats: searches on each image and seed; deterministic methods run once.
        fidelity: None for the release's default for the task; the result names it.
        seed: the seed of the runs; None for the default seeds.
        target: a column of runs.parquet where higher is better, used to measure regret; None for
            `nasdip_bench.api.reading.arrays.targets.TARGET`.
        cost: "flops", "recorded" or a `CostModel`.
        points: steps of the common grid of times, from 0 to the budget; at least 1.
        level: confidence level of the intervals, which resample images and the searches on each.
        resamples: bootstrap resamples; 0 for no intervals.
        rng: seed of searches and resamples, at least 0.

    Returns:
        indexed by (image, method, seconds), with image "(mean)" for all of them. ``track`` (what
        the method may see); ``incumbent``, the target, and ``regret``, means over searches and
        seeds; ``low``, ``high``, the interval of regret, NaN where nothing varies. Until a search
        can return an architecture (on the track "deployable", until it chooses one), it might
        return any, so it counts as the mean over the space. ``attrs`` holds ``task``, ``target``,
        ``fidelity``, ``seeds``, ``images``, ``budget_seconds``, ``repeats``, ``cost``, ``n``
        (architectures in the space, by image), ``left_out`` (methods of `COMPARED` without data),
        by method ``trained`` (architectures, mean over searches) and ``nothing`` (searches that
        ended without a choice), and the resampling.

    Raises:
        ConfigError: a number outside its range, too short a budget, or no open dataset, method or
            image.
        UnknownNameError: an unknown name.
        MissingRunError: the release has no run to simulate from, or lacks what a named method
            needs.
    """
    import pandas as pd

    for name, value in (("repeats", repeats), ("points", points)):
        check_whole(name, value, 1)
    resampling = Resampling(level, resamples, rng)
    if not hasattr(bench, "runs"):
        raise ConfigError(
            f"bench {bench!r:.80} is not an open dataset: compare(NASDIPBench('data/'), task)"
        )
    entries = named_methods(COMPARED if methods is None else methods)
    block = bench.runs.block(task, fidelity)
    seeds = block.choose_seeds(seed)
    target = TARGET if target is None else target
    how: dict[str, Any] = {"cost": cost, "target": target, "restored": True}
    runs = [read_runs(bench, task, images, fidelity, one, **how) for one in seeds]
    names = [*runs[0]]
    best = np.array([[of[image].best for of in runs] for image in names])[..., None, None]
    budget = search_budget([*runs[0].values()], budget_seconds)
    grid = np.linspace(0, budget, points + 1)
    meant = {MEAN: [*range(len(names))]} | {name: [i] for i, name in enumerate(names)}
    rows: dict[tuple[str, str, float], dict[str, Any]] = {}
    trained: dict[str, float] = {}
    nothing: dict[str, int] = {}
    left_out: list[str] = []
    for name, method in entries.items():
        try:
            regrets, trained[name], nothing[name] = _search(
                runs, name, method, budget, repeats, rng, grid
            )
        except MissingRunError:
            if methods is not None:
                raise
            left_out.append(name)
            continue
        resamples_of = Resamples(len(names), resampling)
        resampled = resamples_of.means(regrets)
        incumbent, regret = (of.mean(axis=(1, 2)) for of in (best - regrets, regrets))
        for image, places in meant.items():
            for point, seconds in enumerate(grid.tolist()):
                low, high = resamples_of.interval(resampled[..., point], places)
                rows[image, name, seconds] = {
                    "track": method.track,
                    "incumbent": incumbent[places, point].mean(),
                    "regret": regret[places, point].mean(),
                    "low": low,
                    "high": high,
                }
    ordered = sorted(rows, key=lambda key: [*meant].index(key[0]))
    index = index_of(ordered, ["image", "method", "seconds"])
    frame = pd.DataFrame([rows[key] for key in ordered], index=index)
    frame.attrs = {
        "task": task,
        "target": target,
        "fidelity": block.fidelity,
        "seeds": list(seeds),
        "images": names,
        "budget_seconds": float(budget),
        "repeats": int(repeats),
        "cost": next(iter(runs[0].values())).prices.text,
        "n": {image: min(len(of[image].space) for of in runs) for image in names},
        "left_out": left_out,
        "trained": trained,
        "nothing": nothing,
        **asdict(resampling),
    }
    return frame


def _search(
    runs: Runs,
    name: str,
    method: Method,
    budget: float,
    repeats: int,
    rng: int,
    grid: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float, int]:
    """All searches of one method.

    Returns:
        (image, seed, repeat, point) regret on the grid of times; architectures trained, mean over
        searches; and how many searches ended without a choice.
    """
    shape = len(runs[0]), len(runs), repeats_of(method, repeats)
    regret, trained, nothing = np.empty((*shape, len(grid))), np.empty(shape), 0
    for at, sim in each_search(runs, name, method, budget, repeats, rng):
        trace = sim.trace()
        # The incumbent at each time; before the first, any architecture might be returned.
        regrets = np.r_[np.nan, trace.regret][np.searchsorted(trace.clock, grid, side="right")]
        regret[at] = np.where(np.isnan(regrets), sim.runs.regrets.mean(), regrets)
        trained[at] = sim.trained
        nothing += sim.incumbent is None
    return regret, float(trained.mean()), nothing
