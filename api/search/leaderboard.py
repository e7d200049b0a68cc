"""A fair leaderboard of searches: each is judged on seeds that it did not see.

Next to the result of a search it shows the gain over random search with the same budget, and over
the architecture that the other images recommend without any search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, MissingRunError, check_whole

from ..reading.arrays.targets import VERDICT_TARGETS
from ..simulation.held_out import judged, other_seeds
from ..simulation.opening import read_runs
from ..simulation.prices import CostModel
from ..statistics.tau_frame import MEAN, Resampling, index_of
from .methods import METHODS, Method, Methods, isnas_by_score, named_methods
from .repeats import Resamples, Runs, each_search, repeats_of, search_budget

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader


RANDOM = "random"
"""The method that all others are compared with."""


class _Searches(NamedTuple):
    """All searches of one method, by image, searched seed and repeat."""

    track: str
    places: NDArray[np.intp]  # of the choices in the space of their image; -1 where there is none
    trained: NDArray[np.float64]  # architectures
    seconds: NDArray[np.float64]


class _Judged(NamedTuple):
    """How the choices do on the other seeds, by image, searched seed and repeat."""

    values: NDArray[np.float64]
    diverged: NDArray[np.bool_]
    resampled: NDArray[np.float64]  # (draw, image), means over seeds and resampled repeats


def search_leaderboard(
    bench: ReleaseReader,
    task: str,
    *,
    images: str | Sequence[str] | None = None,
    methods: Methods | None = None,
    targets: Sequence[str] = VERDICT_TARGETS,
    budget_seconds: float | None = None,
    repeats: int = 100,
    cost: str | CostModel = "flops",
    fidelity: str | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """Rank searches by what they choose, judged on seeds that they did not see; best first.

    Each seed is searched in turn, and the choices are judged on the other seeds, which corrupt the
    image differently. All methods search the architectures that have runs of every seed, and the
    distances between restorations that `isnas` needs. The baselines are random search with the same
    budget on the track "oracle", and ``transfer``: the architecture that is best by the target on
    the other images, which costs nothing.

    Args:
        task: name.
        images: one or several names; None for all.
        methods: your own methods by name, in addition to the shipped ones, whose names they
            cannot have: functions of (simulator, generator), or `nasdip_bench.api.search.Method`.
        targets: columns of runs.parquet where higher is better.
        budget_seconds: simulated seconds of one search; None for 50 trainings of mean cost to the
            stop, or half of the space if that is less.
        repeats: searches on each image and seed; deterministic methods run once.
        cost: "flops", "recorded" or a `CostModel`.
        fidelity: None for the release's default for the task.
        level: confidence level of the intervals, which resample images and the searches on each.
            For a single image they resample only its searches; deterministic methods have none.
        resamples: bootstrap resamples; 0 for no intervals.
        rng: seed of searches and resamples.

    Returns:
        indexed by (target, image, method), with image "(mean)" for all of them. ``track``;
        ``psnr_db``, ``low``, ``high``: the target, mean over searches and seeds;
        ``over_random_db`` and ``over_transfer_db``, each with its ``_low`` and ``_high``: the gain
        over the baselines, NaN over transfer in a release with one image; ``trained``:
        architectures; ``seconds``: simulated; ``searches``;
        ``diverged``: searches whose choice diverged on another seed, which counts as the worst
        there; ``nothing``: searches without a choice, which count as the mean of the space; ``n``:
        architectures searched, the fewest of any image. ``attrs`` holds task, fidelity, seeds,
        images, budget_seconds, repeats, cost, ``left_out`` (shipped methods that need distances
        between restorations or observables that the release lacks), and the resampling.

    Raises:
        ConfigError: a setting out of range, or the name of a shipped method.
        UnknownNameError: an unknown name.
        MissingRunError: fewer than two seeds, or no architecture with runs of all of them.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> board = bench.search_leaderboard("denoise", images="lena", repeats=2, resamples=0)
        >>> float(board.loc["best_psnr_smooth_db", "(mean)", "transfer"].over_transfer_db)
        0.0
    """
    import pandas as pd

    check_whole("repeats", repeats, 1)
    resampling = Resampling(level, resamples, rng)
    runs = _runs_by_seed(bench, task, images, fidelity, cost, targets[0])
    budget = search_budget([*runs[0].values()], budget_seconds)
    some = next(iter(runs[0].values()))
    entries = {name: method for name, method in METHODS.items() if name != "isnas"}
    entries |= isnas_by_score(bench, task, fidelity)
    own = {} if methods is None else named_methods(methods)
    for name in own:
        if name in entries:
            raise ConfigError(
                f"your own method cannot be called {name!r}, the name of a shipped one, which is "
                f"in the leaderboard anyway: give another name"
            )
    entries |= own
    found: dict[str, _Searches] = {}
    left_out: list[str] = []
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for target in targets:
        mine = _runs_by_seed(bench, task, images, fidelity, cost, target)
        for name, method in entries.items():
            if name in left_out or (name in found and not method.by_target):
                continue
            try:
                found[name] = _search(mine, name, method, budget, repeats, rng)
            except MissingRunError:
                if name in own:
                    raise
                left_out.append(name)
        for (image, name), row in _verdicts(mine, found, resampling).items():
            rows[target, image, name] = row
    index = index_of(rows, ["target", "image", "method"])
    frame = pd.DataFrame(list(rows.values()), index=index)
    frame.attrs = {
        "task": task,
        "fidelity": some.fidelity,
        "seeds": list(some.block.seeds),
        "images": [*runs[0]],
        "budget_seconds": float(budget),
        "repeats": int(repeats),
        "cost": some.prices.text,
        "left_out": left_out,
        **asdict(resampling),
    }
    return frame


def _runs_by_seed(
    bench: ReleaseReader,
    task: str,
    images: str | Sequence[str] | None,
    fidelity: str | None,
    cost: str | CostModel,
    target: str,
) -> Runs:
    """The runs that can be searched on a seed and judged on the others."""
    block = bench.runs.block(task, fidelity)
    how: dict[str, Any] = {"cost": cost, "target": target, "held_out": True, "restored": True}
    runs = [read_runs(bench, task, images, block.fidelity, seed, **how) for seed in block.seeds]
    other_seeds(next(iter(runs[0].values())))  # or an error
    return runs


def _search(
    runs: Runs, name: str, method: Method, budget: float, repeats: int, rng: int
) -> _Searches:
    shape = len(runs[0]), len(runs), repeats_of(method, repeats)
    places, trained, seconds = np.full(shape, -1), np.zeros(shape), np.zeros(shape)
    for at, sim in each_search(runs, name, method, budget, repeats, rng):
        if sim.incumbent is not None:
            places[at] = sim.runs.position[sim.incumbent]
        trained[at], seconds[at] = sim.trained, sim.clock
    return _Searches(method.track, places, trained, seconds)


def _verdicts(
    runs: Runs, searches: Mapping[str, _Searches], resampling: Resampling
) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of a target by image (the mean first) and method, best first."""
    names = [*runs[0]]
    resamples = Resamples(len(names), resampling)
    choices = {name: _judged(runs, of.places, resamples) for name, of in searches.items()}
    baselines = {"over_random": choices[RANDOM], "over_transfer": _transfer(runs, resamples)}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    meant = {MEAN: [*range(len(names))]} | {name: [i] for i, name in enumerate(names)}
    for image, places in meant.items():
        found: dict[str, dict[str, Any]] = {}
        for name, of in searches.items():
            mine = choices[name]
            low, high = resamples.interval(mine.resampled, places)
            psnr_db = mine.values[places].mean()
            row = {"track": of.track, "psnr_db": psnr_db, "low": low, "high": high}
            for gap, other in baselines.items():
                low, high = resamples.interval(mine.resampled - other.resampled, places)
                row |= {
                    f"{gap}_db": psnr_db - other.values[places].mean(),
                    f"{gap}_low": low,
                    f"{gap}_high": high,
                }
            found[name] = row | {
                "trained": of.trained[places].mean(),
                "seconds": of.seconds[places].mean(),
                "searches": mine.values[places].size,
                "diverged": int(mine.diverged[places].sum()),
                "nothing": int((of.places[places] < 0).sum()),
                "n": min(
                    len(by_image[names[place]].space) for by_image in runs for place in places
                ),
            }
        order = sorted(found, key=lambda name: -found[name]["psnr_db"])
        rows |= {(image, name): found[name] for name in order}
    return rows


def _judged(runs: Runs, places: NDArray[np.intp], resamples: Resamples) -> _Judged:
    """Judge choices: a diverged run counts as the worst, no choice as the mean of the space."""
    values, diverged = np.empty(places.shape), np.zeros(places.shape, np.bool_)
    for s, by_image in enumerate(runs):
        for i, one in enumerate(by_image.values()):
            mine, on = places[i, s], judged(one, one.target)
            diverged[i, s] = (mine >= 0) & np.isnan(on[mine])
            known = np.where(np.isnan(on), np.nanmin(on), on)
            values[i, s] = np.where(mine >= 0, known[mine], known.mean())
    return _Judged(values, diverged, resamples.means(values))


def _transfer(runs: Runs, resamples: Resamples) -> _Judged:
    """Judge what the other images recommend; NaN where there are none."""
    of_seeds = [[one.recommended for one in by_image.values()] for by_image in runs]
    places = np.array(of_seeds).T[:, :, None]
    found, known = _judged(runs, places, resamples), places >= 0
    return found._replace(
        values=np.where(known, found.values, np.nan),
        resampled=np.where(known.all(axis=(1, 2)), found.resampled, np.nan),
    )
