"""The value of a training-free score: precision, hits and regret of choosing by it.

Figure 4 of ISNAS-DIP (CVPR 2022) as numbers: the N architectures that a score ranks first are a
cohort, and the best of it is kept. Each value comes with that of N random architectures, as its
exact expectation over all subsets (`nasdip_bench.ranks.chance`), because the best of fifteen at
random is good too.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, check_whole
from nasdip_bench.ranks.chance import best_of_first, chance_of_hit, expected_best
from nasdip_bench.ranks.correlation import top_k

from ...reading.run_set import RunSet
from ..tau_frame import MEAN, Resampling, stacked, tau_frame
from .candidates import Values, own_candidates, ranked, scores_of_release, why_partial
from .cohorts import COHORTS, ScoredRuns, check_sizes

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.arrays.block import Block
    from ...reading.reader import ReleaseReader


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
    """Judge every training-free score of the release, and your own, as a way to choose.

    An architecture is a candidate on an image if it has the score and an ok or diverged run; a
    diverged run is worse than any other. Scores rank in the direction that they claim; those that
    claim none (sizes) rank lowest first. Each seed's runs go with that seed's scores; values are
    means over seeds.

    Args:
        task: name.
        k: number of architectures that count as the best.
        cohorts: cohort sizes N.
        target: one of the columns of runs.parquet where higher is better.
        fidelity: None for the release's default for the task.
        seed: None for each default seed.
        values: your own by name, each as in `nasdip_bench.api.statistics.own_values`. No name may
            be that of a score, which has its own direction.
        lower_is_better: names of those values where lower is better; for the others higher is.
        level: confidence level of the intervals, between 0 and 1.
        resamples: number of bootstrap resamples; 0 for no intervals.
        rng: seed of the resamples.
        images: one or several names; None for all. The mean is over these.

    Returns:
        A frame indexed by (proxy, reference, image), and by `tau_frame.MEAN` for the mean over
        images; the reference of your own values is "own". ``direction``: "lower" or "higher" is
        better, with "?" if none is claimed; ``n`` candidates; ``tau``, ``low``, ``high`` with raw
        sign (`NASDIPBench.kendall_intervals`); ``precision``, the share of its k best that are
        among the k best of the target, and ``precision_chance``, k/n; for each N: ``hit_N``,
        whether its N best include at least one of the k best (in the mean, a share),
        ``hit_N_chance``; ``regret_N``, how far the best of its N best is from the best of all, in
        the target's unit, ``regret_N_chance``; ``reason``, why tau is NaN, and whether the row
        covers fewer architectures than others, which makes it incomparable; ``seconds``, mean time
        of the score for one architecture, image and task (NaN for your own).
        Values are NaN if there are fewer than N candidates (for precision and hits: fewer than k
        that did not diverge; some scores cover few architectures), if all of them diverged, or if
        the score is constant; then the mean over images is NaN too. ``attrs`` as in
        `kendall_intervals`, and ``k``, ``cohorts``.

    Raises:
        ConfigError: k exceeds every score's number of candidates on an image, a cohort is below 1,
            your own values have another shape or a score's name, or a setting is out of range.
        UnknownNameError: an unknown task, target, fidelity, seed or image.
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
    check_sizes(cohorts)
    check_whole("k", k, 1)
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
            f"nothing to judge: this release has no scores of {task} at {block.fidelity}, and no "
            f"values are given; give values={{name: numbers}}"
        )
    _check_k(names, block, k, frames.values())
    most = {image: max(frame.loc[image, "n"] for frame in frames.values()) for image in rows}
    for frame in frames.values():
        frame["reason"] = [
            why_partial(frame.loc[image, "reason"], frame.loc[image, "n"], of)
            for image, of in most.items()
        ]
    whole = stacked(frames, ["proxy", "reference", "image"])
    whole.attrs = (
        runs.facts()
        | asdict(resampling)
        | {"k": int(k), "cohorts": [int(size) for size in cohorts]}
    )
    return whole


def merit(runs: ScoredRuns, image: int, k: int, cohorts: Sequence[int]) -> dict[str, float]:
    """The numbers for one seed and image."""
    ranking, values = runs.to_choose(image)
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
    """(n,) regret of the first N, at N - 1; NaN until one of them has a value."""
    if not np.isfinite(values).any():
        return np.full(len(values), math.nan)
    return np.asarray(np.nanmax(values) - best_of_first(ranking, values))


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Means of numbers by name; the minimum for the count ``n``."""
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
