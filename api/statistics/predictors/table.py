"""How many trained architectures teach a predictor to rank the others of the same image?

Source of the question and of the two axes, training-set size and rank correlation: White, Zela, Ru,
Liu, Hutter, "How Powerful are Performance Predictors in Neural Architecture Search?" (NeurIPS
2021).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, check_whole
from nasdip_bench.ranks.bootstrap import expanded_level, percentile_interval
from nasdip_bench.ranks.tau import tau_b

from ...reading.run_set import RunSet
from ..choosing.candidates import scores_of_release
from ..tau_frame import FEWEST, MEAN, Resampling, check_enough, index_of
from .baselines import PREDICTORS, Predictor

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.reader import ReleaseReader

SIZES = (10, 20, 50, 100, 200)
"""Sizes of the training set by default, as far as they leave half of the architectures."""

MEASURES = ("tau", "tau_within", "regret", "lead")


def predictor_table(
    bench: ReleaseReader,
    task: str,
    *,
    predictors: Mapping[str, Predictor] | None = None,
    sizes: Sequence[int] | None = None,
    repeats: int = 10,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """How well predictors rank architectures of an image that they were not fitted to.

    A predictor is fitted to the target of some architectures, on one image at one seed, and ranks
    all others. It competes with two that are shipped, `baselines.PREDICTORS`, and with the score
    of the release that ranks best, which needs no training. Only architectures with an ok run on
    all of these images, at all of these seeds, take part. All predictors, images and seeds use the
    same training sets, each an extension of the smaller ones.

    Other arguments as in `kendall`; means over seeds.

    Args:
        predictors: your own by name, in addition: functions of n architectures, their (n,) target
            and m other architectures that return m numbers, higher for better.
        sizes: numbers of trained architectures; None for `SIZES`.
        repeats: training sets of each size.
        target: a column of runs.parquet where higher is better.
        level: confidence level of the intervals, which resample images and training sets; for one
            image, training sets.
        resamples: number of bootstrap resamples; 0 for no intervals.
        rng: seed of the training sets and resamples.

    Returns:
        A frame indexed by (predictor, size, image), the last image being `MEAN`; the score has
        size 0. ``tau``: tau-b with the target among the held-out architectures, 0 if all
        predictions are equal; ``tau_within``: the same, for pairs with the same sampling and order
        of sampling and transform; ``regret``: how many dB the target of the one predicted best (the
        mean of equals) is below the best held-out one; ``lead``: ``tau`` less that of the score
        (NaN if the release has none, and for the score); each with its ``low_`` and ``high_``.
        ``held_out``: architectures ranked. In ``attrs``: task, target, fidelity, seeds, images, n
        (architectures), repeats and the resampling.

    Raises:
        UnknownNameError: unknown task, target, image, fidelity or seed.
        ConfigError: a setting out of range, the name of a shipped predictor, or predictions that
            are not one finite number for each architecture.
        MissingRunError: the release has no run of the task at the fidelity, or too few
            architectures with all of these runs.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> found = bench.predictor_table("denoise", sizes=[20], repeats=2, resamples=0)
        >>> bool(found.loc["sampling mean", 20, "(mean)"].tau > 0.5)
        True
    """
    import pandas as pd

    check_whole("repeats", repeats, 1)
    resampling = Resampling(level, resamples, rng)
    runs = RunSet.of(
        bench, task, target=target, images=images, fidelity=fidelity, seed=seed, ranked=True
    )
    values = runs.values()
    some = np.flatnonzero(np.isfinite(values).all(axis=(1, 2)))
    check_enough(runs, len(some), 2 + FEWEST)
    chosen, everyone = _sizes(sizes, len(some)), _named(predictors or {})
    orders = [np.random.default_rng([rng, repeat]).permutation(some) for repeat in range(repeats)]
    score, of_score = _best_score(runs, values, some)
    measured = {
        (name, size): _with_lead(
            [_judge(runs, values, name, everyone[name], order, size) for order in orders],
            of_score[:, 0],
        )
        for name in everyone
        for size in chosen
    }
    if score:
        measured[score, 0] = _with_lead([of_score], np.full(len(runs.images), np.nan))
    rows: dict[tuple[str, int, str], dict[str, Any]] = {}
    for (name, size), of in measured.items():
        of_images = [of[:, [place]] for place in range(len(runs.images))]
        for image, mine in zip([*runs.image_names, MEAN], [*of_images, of], strict=True):
            rows[name, size, image] = _row(mine, resampling) | {"held_out": len(some) - size}
    index = index_of(rows, ["predictor", "size", "image"])
    frame = pd.DataFrame(list(rows.values()), index=index)
    facts = {"images": list(runs.image_names), "n": len(some), "repeats": repeats}
    frame.attrs = runs.facts() | facts | asdict(resampling)
    return frame


def _sizes(sizes: Sequence[int] | None, n: int) -> list[int]:
    """The sizes of the training sets, ascending."""
    if sizes is None:
        return [size for size in SIZES if 2 * size <= n] or [max(2, n // 2)]
    for size in sizes:
        check_whole("sizes of training sets", size, 2)
        if size > n - FEWEST:
            raise ConfigError(
                f"a training set of {size} leaves {max(0, n - size)} of {n} architectures to rank; "
                f"at least {FEWEST} are needed"
            )
    return sorted({*map(int, sizes)})


def _named(own: Mapping[str, Predictor]) -> dict[str, Predictor]:
    for name in own:
        if name in PREDICTORS:
            raise ConfigError(
                f"your own predictor cannot be called {name!r}, the name of a shipped one, which "
                f"is in the table anyway: give another name"
            )
    return PREDICTORS | dict(own)


def _judge(
    runs: RunSet,
    values: NDArray[np.float64],
    name: str,
    predictor: Predictor,
    order: NDArray[np.intp],
    size: int,
) -> NDArray[np.float64]:
    """(image, 3) of a predictor fitted to the first of the order: `_measure`, mean over seeds."""
    trained, others = ([runs.bench[row] for row in of.tolist()] for of in np.split(order, [size]))
    kinds = runs.bench.architecture_rows.samplings[order[size:]]
    found = np.empty((*values.shape[1:], 3))
    for place in np.ndindex(values.shape[1:]):
        target = values[order, *place]
        predicted = np.asarray(predictor(trained, target[:size].copy(), others), np.float64)
        if predicted.shape != (len(others),) or not np.isfinite(predicted).all():
            raise ConfigError(
                f"predictor {name!r} must return {len(others)} finite numbers, one for each other "
                f"architecture, not an array of shape {predicted.shape}"
                f"{'' if np.isfinite(predicted).all() else ' with NaN or infinite values'}"
            )
        found[place] = _measure(predicted, target[size:], kinds)
    return np.asarray(found.mean(axis=1))


def _best_score(
    runs: RunSet, values: NDArray[np.float64], some: NDArray[np.intp]
) -> tuple[str, NDArray[np.float64]]:
    """The score with the highest tau that sees no ground truth, if any, and its (image, 3)."""
    kinds = runs.bench.architecture_rows.samplings[some]
    best = "", np.full((len(runs.images), 3), np.nan)
    for score in scores_of_release(runs):
        of_seeds = [
            -score.sign * score.raw[seed][some][:, list(runs.images)] for seed in runs.seeds
        ]
        if score.reference == "ground_truth" or not np.isfinite(of_seeds).all():
            continue
        found = np.array(
            [
                [_measure(of[:, i], values[some, i, s], kinds) for s, of in enumerate(of_seeds)]
                for i in range(len(runs.images))
            ]
        ).mean(axis=1)
        if not best[0] or found[:, 0].mean() > best[1][:, 0].mean():
            best = f"{score.proxy}/{score.reference}", found
    return best


def _measure(
    predicted: NDArray[np.float64], target: NDArray[np.float64], kinds: NDArray[np.intp]
) -> tuple[float, float, float]:
    """Tau, tau within and regret of predictions; those that are all equal rank nothing: tau 0."""
    taus = [tau_b(predicted, target, strata) for strata in (None, kinds)]
    first = predicted == predicted.max()
    tau, within = (0.0 if math.isnan(one) else one for one in taus)
    return tau, within, float(target.max() - target[first].mean())


def _with_lead(
    measured: Sequence[NDArray[np.float64]], of_score: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(repeat, image, measure) of (image, 3) for each repeat, and tau of the score by image."""
    stacked = np.stack(measured)
    return np.append(stacked, stacked[..., :1] - of_score[:, None], axis=-1)


def _row(measured: NDArray[np.float64], resampling: Resampling) -> dict[str, float]:
    """Means of (repeat, image, measure), with their intervals; NaN if nothing can be resampled."""
    repeats, images = measured.shape[:2]
    ends = np.full((2, len(MEASURES)), math.nan)
    if resampling.resamples and measured[..., 0].size > 1:
        rng, draws = np.random.default_rng(resampling.rng), resampling.resamples
        of_repeats = rng.integers(repeats, size=(draws, repeats, 1))
        of_images = rng.integers(images, size=(draws, 1, images))
        means = measured[of_repeats, of_images].mean(axis=(1, 2))
        level = expanded_level(resampling.level, images if images > 1 else repeats)
        ends = np.transpose([percentile_interval(mean, level) for mean in means.T])
    row = {}
    for place, name in enumerate(MEASURES):
        row[name] = float(measured[..., place].mean())
        row[f"low_{name}"], row[f"high_{name}"] = ends[:, place].tolist()
    return row
