"""What a training-free score is worth: precision, hits and regret of choosing by it.

Figure 4 of ISNAS-DIP (CVPR 2022) as numbers: the N architectures that a score puts first are a
cohort, of which the best is kept. Beside each value stands the one of N architectures at random, as
its exact expectation over all subsets (`nasdip_bench.ranks.chance`): the best of fifteen at random
is good, too.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import ConfigError, unknown_name
from nasdip_bench.proxies import image_scores, info, named_score, network_scores
from nasdip_bench.ranks.chance import best_of_first, chance_of_hit, expected_best
from nasdip_bench.ranks.correlation import top_k

from ..reading.run_set import RunSet
from .choosing_cohorts import COHORTS, PROXY, ScoredRuns, ranked_runs
from .own_values import OWN, own_values
from .tau_frame import MEAN, Resampling, stacked, tau_frame

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.architectures import ArchitectureLike
    from ..reading.arrays.block import Block
    from ..reading.reader import ReleaseReader

__all__ = [
    "Candidate",
    "Values",
    "merit",
    "own_candidates",
    "proxy_table",
    "ranked",
    "scores_of_release",
    "selection_curve",
]

Values = ArrayLike | Mapping["ArchitectureLike", float]
UNNAMED = "values"
"""What a user's values are called that were given no name."""


class Candidate(NamedTuple):
    """Numbers to rank architectures by, (architecture, image) by seed, as recorded.

    ``sign`` is 1 where a lower number ranks first, else -1.
    """

    proxy: str
    reference: str
    direction: str
    sign: int
    raw: Mapping[int, NDArray[np.float64]]
    seconds: float


def proxy_table(
    bench: ReleaseReader,
    task: str,
    *,
    k: int = 10,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    cohorts: Sequence[int] = COHORTS,
    values: Mapping[str, Values] | None = None,
    lower_is_better: Collection[str] = (),
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """Every training-free score of the release, and one's own, judged as a way to choose.

    An architecture can be chosen on an image where it has the score and a run, ok or diverged; a
    diverged run is worse than any. Scores are ranked in the direction that they claim; those that
    claim none (sizes) lowest first. One seed at a time, runs and scores; values are means over
    seeds.

    Args:
        bench: the release.
        task: name.
        k: how many count as the best.
        cohorts: sizes N to choose by the score.
        target: one of the columns of runs.parquet with a direction.
        fidelity: None for the release's default for the task.
        seed: None for each of the default seeds.
        values: one's own by name, each as `api.own_values` takes them. No name may be
            that of a score, whose direction is another matter.
        lower_is_better: the names of those values of which lower is better; of the others higher.
        level: of confidence of the intervals, between 0 and 1.
        resamples: of the bootstrap; 0 makes no intervals.
        rng: seed of the resamples.
        images: one or several names; None for all. The mean is over these.

    Returns:
        indexed by (proxy, reference, image), and by `api.agreement.MEAN` for the mean over images;
        the reference of own values is "own". ``direction``: "lower" or "higher" is better, with
        "?" where none is claimed; ``n`` to choose from; ``tau``, ``low``, ``high`` with raw sign
        (`api.agreement.kendall_intervals`); ``precision``, the share of its k best that are among
        the k best of the target, and ``precision_chance``, k/n; for each N: ``hit_N``, whether its
        N best hold one at least of the k best (a share, as a mean), ``hit_N_chance``;
        ``regret_N``, how far the best of its N best is from the best of all, in the target's unit,
        ``regret_N_chance``; NaN where fewer than N can be chosen (for precision and hits: fewer
        than k that did not diverge; some scores may be there for a few architectures only), all of
        them diverged, or the score is the same for all and thus ranks nothing; then the mean over
        images is NaN, too; ``reason`` why tau is;
        ``seconds`` that the score took for one architecture, image and task, the mean (NaN for own
        values). In ``attrs`` as of `kendall_intervals`, and ``k``, ``cohorts``.

    Raises:
        ConfigError: k is above the number to choose from on an image by any score, a cohort below
            1, own values of another shape or with the name of a score, or a setting out of range.
        UnknownNameError: a task, target, fidelity, seed or image that there is not.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> found = bench.proxy_table("denoise", k=5, cohorts=(3,), resamples=0)
        >>> row = found.loc["psd_db_strip_mse", "corrupted", "(mean)"]
        >>> bool(row["regret_3"] >= 0)
        True
    """
    import pandas as pd

    runs = RunSet.of(
        bench, task, target=target, images=images, fidelity=fidelity, seed=seed, ranked=True
    )
    block, seeds, names = runs.block, runs.seeds, runs.image_names
    _check_sizes("cohort size", cohorts)
    _check_sizes("k", [k])
    resampling = Resampling(level, resamples, rng)
    frames = {}
    for candidate in (
        *scores_of_release(runs),
        *own_candidates(runs, values or {}, lower_is_better),
    ):
        by_seed = [ranked(runs, one, candidate) for one in seeds]
        rows = {
            image: _mean([merit(one, position, k, cohorts) for one in by_seed])
            for position, image in zip(runs.images, names, strict=True)
        }
        rows[MEAN] = _mean(list(rows.values()))
        merits = pd.DataFrame(list(rows.values()), index=pd.Index(list(rows), name="image"))
        merits["n"] = merits["n"].astype(np.int64)
        pairs = [(runs.matrix(one), candidate.raw[one]) for one in seeds]
        taus = tau_frame(bench, pairs, resampling, (runs.target, "the proxy"), runs.images)
        frame = pd.concat(
            [
                merits[["n"]],
                taus[["tau", "low", "high"]],
                merits.drop(columns="n"),
                taus[["reason"]],
            ],
            axis=1,
        )
        frame.insert(0, "direction", candidate.direction)
        frame["seconds"] = candidate.seconds
        frames[candidate.proxy, candidate.reference] = frame
    if not frames:
        raise ConfigError(
            f"no scores of {task} at {block.fidelity} in this release and no own values: nothing "
            f"to judge; give values={{name: numbers}}"
        )
    _check_k(names, block, k, frames.values())
    whole = stacked(frames, ["proxy", "reference", "image"])
    whole.attrs = (
        runs.facts()
        | resampling._asdict()
        | {"k": int(k), "cohorts": [int(size) for size in cohorts]}
    )
    return whole


def selection_curve(
    bench: ReleaseReader,
    task: str,
    *,
    proxy: str | None = None,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    values: Values | None = None,
    lower_is_better: bool | None = None,
) -> pd.DataFrame:
    """The best of the N first by a score, for every N, beside the best of N at random.

    Candidates and directions as in `proxy_table`; means over seeds.

    Args:
        bench: the release.
        task: name.
        proxy: name of a score of the release (`nasdip_bench.proxies.named_score`), None for
            `api.cohorts.PROXY`; or what one's own values are called, not the name of a score.
        target: one of the columns of runs.parquet with a direction.
        fidelity: None for the release's default for the task.
        seed: None for each of the default seeds.
        values: one's own, as in `api.own_values`.
        lower_is_better: of one's own values; None for higher. That of a score is known.
        images: one or several names; None for all.

    Returns:
        indexed by (image, cohort), N from 1 to the number to choose from (the fewest over seeds),
        and `api.agreement.MEAN` (to the fewest over images that have any): ``value`` of the target,
        ``regret``, ``value_random`` and ``regret_random``, their expectations for N at random. In
        ``attrs``: ``task``, ``target``, ``fidelity``, ``seeds``; ``proxy``, "proxy/reference", the
        reference of own values being "own"; ``direction`` as in `proxy_table`.

    Raises:
        ConfigError: own values of another shape or with the name of a score, or the direction of
            a score of the release.
        UnknownNameError: a score, task, target, fidelity, seed or image that there is not.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> found = bench.selection_curve("denoise", proxy="psd_db_strip_mse").loc["lena", "regret"]
        >>> bool(found.is_monotonic_decreasing)
        True
    """
    import pandas as pd

    runs = RunSet.of(
        bench, task, target=target, images=images, fidelity=fidelity, seed=seed, ranked=True
    )
    if values is None:
        if lower_is_better is not None:
            raise ConfigError(
                f"lower_is_better={lower_is_better!r} is of values of one's own, and none are "
                f"given: the direction of a score of the release is known"
            )
        of_release = {(c.proxy, c.reference): c for c in scores_of_release(runs)}
        wanted = named_score(PROXY if proxy is None else proxy, of_release)
        key, candidate = "/".join(wanted), of_release[wanted]
    else:
        name = UNNAMED if proxy is None else proxy
        lower = [name] if lower_is_better else []
        (candidate,) = own_candidates(runs, {name: values}, lower)
        key = f"{name}/{OWN}"
    by_seed = [ranked(runs, one, candidate) for one in runs.seeds]
    curves = {}
    for position in runs.images:
        of_seeds = [_curve(one, position) for one in by_seed]
        length = min(curve.shape[1] for curve in of_seeds)
        if length:
            curves[bench.images[position]] = np.mean(
                [curve[:, :length] for curve in of_seeds], axis=0
            )
    if curves:
        shortest = min(curve.shape[1] for curve in curves.values())
        curves[MEAN] = np.mean([curve[:, :shortest] for curve in curves.values()], axis=0)
    index = [(image, n + 1) for image, curve in curves.items() for n in range(curve.shape[1])]
    frame = pd.DataFrame(
        np.concatenate([*curves.values(), np.zeros((4, 0))], axis=1).T,
        columns=["value", "regret", "value_random", "regret_random"],
        index=pd.MultiIndex.from_tuples(index, names=["image", "cohort"])
        if index
        else pd.MultiIndex.from_arrays([[], []], names=["image", "cohort"]),
    )
    frame.attrs = runs.facts() | {
        "proxy": key,
        "direction": candidate.direction,
    }
    return frame


def scores_of_release(runs: RunSet) -> Iterator[Candidate]:
    """The scores of the release, in its order."""
    of_seeds = {one: runs.scores(one) for one in runs.seeds}
    columns = of_seeds[runs.seeds[0]].columns
    seconds = _seconds(runs)
    registered = (*image_scores(), *network_scores())
    for column, (proxy, reference) in enumerate(columns):
        raw = {one: scores.values[:, :, column] for one, scores in of_seeds.items()}
        lower = info(proxy).lower_is_better if proxy in registered else None
        direction = "higher" if lower is False else "lower" if lower else "lower?"
        sign = -1 if lower is False else 1
        yield Candidate(
            proxy, reference, direction, sign, raw, seconds.get((proxy, reference), math.nan)
        )


def own_candidates(
    runs: RunSet,
    values: Mapping[str, Values],
    lower_is_better: Collection[str],
) -> Iterator[Candidate]:
    """One's own values, the same for every seed."""
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise ConfigError(
            "own values are given by name, as values={'mine': numbers}, where numbers are a "
            "mapping from architectures, or an array"
        )
    odd = [name for name in lower_is_better if name not in values]
    if odd:
        raise unknown_name("name of own values in lower_is_better", odd[0], values)
    _, scores = runs.bench.runs.scores(runs.task, runs.fidelity)
    taken = {*image_scores(), *network_scores(), *(proxy for proxy, _ in scores.columns)}
    for name, given in values.items():
        if name.partition("/")[0] in taken:
            raise ConfigError(
                f"values of one's own cannot be called {name!r}, the name of a score, which has a "
                f"direction of its own: give another name, and lower_is_better where it is so"
            )
        raw, lower = (
            dict.fromkeys(runs.seeds, own_values(runs.bench, given)),
            name in lower_is_better,
        )
        direction, sign = ("lower", 1) if lower else ("higher", -1)
        yield Candidate(name, OWN, direction, sign, raw, math.nan)


def _seconds(runs: RunSet) -> dict[tuple[str, str], float]:
    scores = runs.bench.to_frame("scores")
    mine = scores[(scores["task"] == runs.task) & (scores["fidelity"] == runs.fidelity)]
    means = mine.groupby(["proxy", "reference"], observed=True)["seconds"].mean()
    return {(str(p), str(r)): float(value) for (p, r), value in means.items()}


def ranked(runs: RunSet, seed: int, candidate: Candidate) -> ScoredRuns:
    ranking = candidate.sign * candidate.raw[seed]
    return ranked_runs(runs.bench, runs.block, seed, runs.target, ranking, candidate.proxy)


def _to_choose(runs: ScoredRuns, image: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ranking and values, higher is better, of those that can be chosen on an image."""
    having = np.isfinite(runs.scores[:, image])
    return runs.scores[having, image], runs.sign * runs.values[having, image]


def merit(runs: ScoredRuns, image: int, k: int, cohorts: Sequence[int]) -> dict[str, float]:
    """The numbers of one seed and image."""
    ranking, values = _to_choose(runs, image)
    n = len(values)
    found = {"n": float(n), "precision": math.nan, "precision_chance": math.nan}
    best = set(top_k(values, k).tolist()) if np.isfinite(values).sum() >= k else set()
    order = np.argsort(ranking, kind="stable")
    ranks = n > 1 and bool(ranking.min() < ranking.max())
    if ranks and best:
        found["precision"] = len(best.intersection(order[:k].tolist())) / k
        found["precision_chance"] = k / n
    regrets = _regrets(ranking, values)
    for size in cohorts:
        enough = ranks and size <= n
        hits, chance = math.nan, math.nan
        if enough and best:
            hits = float(not best.isdisjoint(order[:size].tolist()))
            chance = float(chance_of_hit(n, k, size)[0])
        found |= {f"hit_{size}": hits, f"hit_{size}_chance": chance}
        found[f"regret_{size}"] = float(regrets[size - 1]) if enough else math.nan
        found[f"regret_{size}_chance"] = (
            float(np.max(values, where=np.isfinite(values), initial=-np.inf))
            - float(expected_best(values, size)[0])
            if enough and np.isfinite(values).any()
            else math.nan
        )
    return found


def _regrets(ranking: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) regret of the N first, at N - 1; NaN until one of them has a value."""
    if not np.isfinite(values).any():
        return np.full(len(values), math.nan)
    return np.asarray(np.nanmax(values) - best_of_first(ranking, values))


def _curve(runs: ScoredRuns, image: int) -> NDArray[np.float64]:
    """(value, regret, value_random, regret_random) × N of one seed and image."""
    ranking, values = _to_choose(runs, image)
    if not np.isfinite(values).any():
        return np.full((4, len(values)), math.nan)
    highest = np.nanmax(values)
    chosen = best_of_first(ranking, values)
    random = expected_best(values, np.arange(1, len(values) + 1))
    return np.stack([runs.sign * chosen, highest - chosen, runs.sign * random, highest - random])


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Means of numbers by name; of ``n``, which is a count, the fewest."""
    means: dict[str, Any] = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    means["n"] = min(row["n"] for row in rows)
    return means


def _check_k(images: Sequence[str], block: Block, k: int, frames: Collection[pd.DataFrame]) -> None:
    for image in images:
        n = max(int(frame.loc[image, "n"]) for frame in frames)
        if 0 < n < k:
            raise ConfigError(
                f"k {k} must be at most n = {n}, the most architectures that have a run of "
                f"{block.task} at {block.fidelity} on {image} and a value of one score"
            )


def _check_sizes(what: str, sizes: Sequence[int]) -> None:
    if not isinstance(sizes, Iterable):
        raise ConfigError(f"{what}s {sizes!r} must be several whole numbers, such as (5, 15)")
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ConfigError(f"{what} {size!r} must be a whole number of at least 1")
