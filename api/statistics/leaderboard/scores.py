"""An honest leaderboard of training-free scores: trivial predictors compete in it.

A score must beat more than chance: the sampling alone decides much of an architecture's PSNR. So
the table has trivial entries, an interval and a p-value for every tau (all p-values corrected as
one family), and tau among architectures with the same sampling.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import check_whole
from nasdip_bench.ranks.jackknife import unit_signs

from ...reading.run_set import RunSet
from ..choosing.candidates import (
    Candidate,
    Values,
    own_candidates,
    ranked,
    scores_of_release,
    why_partial,
)
from ..choosing.table import merit
from ..tau_frame import MEAN, Resampling, index_of, tau_frame

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.reader import ReleaseReader

NULL = "trivial"
"""The reference of predictors that see no image and no network."""

_NO_P = (
    "p is not defined: too few architectures have values on all images at all seeds, or the taus "
    "of images cancel"
)

_ROUNDING = 1e-6
"""Rounding error of a variance in float32; tau's variance for 10,000 architectures is 4e-5."""


def score_leaderboard(
    bench: ReleaseReader,
    task: str,
    *,
    k: int = 10,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    values: Mapping[str, Values] | None = None,
    lower_is_better: Collection[str] = (),
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """Every score of the release, your own, and trivial predictors, best tau first.

    The trivial entries: ``sampling mean``, the mean target on the *other* images of the
    architectures with the same sampling (and order of sampling and transform); ``cell table``, the
    mean on the other images of the *other* architectures with the same cell, if any, else the
    sampling mean; ``random``. Sizes, also trivial, are scores of the release.

    Args:
        task: name.
        k: number of architectures that count as the best, for precision.
        target: a column of runs.parquet where higher is better; None for
            `nasdip_bench.api.reading.arrays.targets.TARGET`.
        images: one or several names; None for all. Values are means over these.
        fidelity: None for the release's default for the task.
        seed: None for each default seed; values are means over them.
        values: your own scores by name, as in `NASDIPBench.correlate`.
        lower_is_better: names of those values where lower is better.
        level: confidence level of the intervals.
        resamples: number of bootstrap resamples; 0 for no intervals.
        rng: seed of the resamples.

    Returns:
        A frame indexed by (proxy, reference); the reference of trivial predictors is `NULL`, of
        your own scores "own". ``direction``: the one that the score claims, "lower?" if none.
        ``tau_signed``, ``low``, ``high``: tau-b with its interval; positive is good in the claimed
        direction, negative means that the other direction is better (`kendall` and `proxy_table`
        give the raw sign). ``tau_signed_within``, ``low_within``, ``high_within``: the same among
        architectures with the same sampling and order of sampling and transform. ``p``,
        ``p_within``: two-sided, against architectures exchanged at random (*within*: inside their
        strata), with Holm's correction over both columns; over the architectures with values on
        all images at all seeds, whereas tau takes those of each image; none for trivial predictors,
        two of which are made of the target. ``precision``,
        ``precision_chance``: the share of its k best among the k best. ``regret`` of its best,
        ``regret_random``. ``seconds`` for one architecture, image and task; ``n`` architectures;
        ``reason``, why tau or ``p`` is NaN, and whether the row covers fewer architectures than
        others, which makes it incomparable; else "". In ``attrs``: task, target, fidelity, seeds,
        k and the resampling.

    Raises:
        UnknownNameError: unknown task, target, image, fidelity, seed or name of values.
        ConfigError: a setting out of range, or values of another shape.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> found = NASDIPBench("data/").score_leaderboard("denoise", resamples=0)
        >>> ("sampling mean", "trivial") in found.index
        True
    """
    import pandas as pd

    check_whole("k", k, 1)
    runs = RunSet.of(
        bench, task, target=target, images=images, fidelity=fidelity, seed=seed, ranked=True
    )
    resampling, strata = Resampling(level, resamples, rng), bench.architecture_rows.samplings
    entries = [
        *scores_of_release(runs),
        *own_candidates(runs, values or {}, lower_is_better),
        *_nulls(runs, strata),
    ]
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in entries:
        signed = {one: -entry.sign * raw for one, raw in entry.raw.items()}  # higher ranks first
        pairs = [(runs.matrix(one), signed[one]) for one in runs.seeds]
        names = (runs.target, entry.proxy)
        over_all, within = (
            tau_frame(bench, pairs, resampling, names, runs.images, kinds=kinds).loc[MEAN]
            for kinds in (None, strata)
        )
        means = _merits(runs, entry, k)
        chosen = [(x[:, list(runs.images)], y[:, list(runs.images)]) for x, y in pairs]
        everyone = np.zeros(len(bench), np.intp)
        p_values = [_p_value(chosen, kinds) for kinds in (everyone, strata)]
        if entry.reference == NULL:  # made of the target: exchanging architectures is no null
            p_values = [np.nan, np.nan]
        rows[entry.proxy, entry.reference] = {
            "direction": entry.direction,
            "tau_signed": over_all["tau"],
            **{name: over_all[name] for name in ("low", "high")},
            "tau_signed_within": within["tau"],
            **{f"{name}_within": within[name] for name in ("low", "high")},
            "p": p_values[0],
            "p_within": p_values[1],
            "precision": means["precision"],
            "precision_chance": means["precision_chance"],
            "regret": means["regret_1"],
            "regret_random": means["regret_1_chance"],
            "seconds": entry.seconds,
            "n": int(over_all["n"]),
            "reason": over_all["reason"]
            or (_NO_P if np.isnan(p_values[0]) and entry.reference != NULL else ""),
        }
    # Any order of all architectures has the chance of a random one.
    order = np.tile(np.arange(len(bench), dtype=np.float64)[:, None], len(bench.images))
    chance = _merits(runs, Candidate("random", NULL, "", dict.fromkeys(runs.seeds, order), 0), k)
    rows["random", NULL] = dict.fromkeys(next(iter(rows.values())), np.nan) | {
        "direction": "", "reason": "", "tau_signed": 0.0, "tau_signed_within": 0.0,
        "precision": chance["precision_chance"], "precision_chance": chance["precision_chance"],
        "regret": chance["regret_1_chance"], "regret_random": chance["regret_1_chance"],
        "n": int(np.isfinite(runs.values()).sum(axis=0).min()),
    }  # fmt: skip
    frame = pd.DataFrame(list(rows.values()), index=index_of(rows, ["proxy", "reference"]))
    frame["reason"] = [
        why_partial(reason, n, frame["n"].max())
        for reason, n in zip(frame["reason"], frame["n"], strict=True)
    ]
    tested = frame[["p", "p_within"]].to_numpy()
    frame[["p", "p_within"]] = _holm(tested.ravel()).reshape(tested.shape)
    frame = frame.sort_values("tau_signed", ascending=False, kind="stable")
    frame.attrs = runs.facts() | {"k": k} | asdict(resampling)
    return frame


def _nulls(runs: RunSet, strata: NDArray[np.intp]) -> list[Candidate]:
    """The trivial predictors, which need neither network nor image."""
    bench = runs.bench
    whole = runs._replace(images=tuple(range(len(bench.images))))
    target = whole.values().mean(axis=2)  # (architecture, image)
    cells = np.array([arch.cell for arch in bench])
    by_sampling = _means_elsewhere(target, strata, own=True)
    by_cell = _means_elsewhere(target, cells, own=False)
    by_cell = np.where(np.isfinite(by_cell), by_cell, by_sampling)
    return [
        Candidate(name, NULL, "higher", dict.fromkeys(runs.seeds, matrix), 0.0)
        for name, matrix in (("sampling mean", by_sampling), ("cell table", by_cell))
    ]


def _merits(runs: RunSet, entry: Candidate, k: int) -> dict[str, float]:
    """Means over images and seeds of what `merit` finds."""
    judged = [
        merit(ranked(runs, one, entry), image, k, (1,))
        for one in runs.seeds
        for image in runs.images
    ]
    return {name: float(np.mean([row[name] for row in judged])) for name in judged[0]}


def _means_elsewhere(
    target: NDArray[np.float64], groups: NDArray[np.integer], *, own: bool
) -> NDArray[np.float64]:
    """(architecture, image) mean target of a group on the other images; NaN if none is left.

    Args:
        target: (architecture, image), NaN if missing.
        groups: (architecture,) group of each.
        own: also count an architecture's own values; then all of a group have the same mean.
    """
    there = np.isfinite(target)
    values = np.where(there, target, 0.0)
    found = np.full(target.shape, np.nan)
    for group in np.unique(groups):
        mine = np.flatnonzero(groups == group)
        sums = []
        for of in (values[mine], there[mine].astype(np.float64)):
            left = np.broadcast_to(of.sum() - of.sum(axis=0), of.shape)
            sums.append(left if own else left - of.sum(axis=1, keepdims=True) + of)
        means = np.full(sums[0].shape, np.nan)
        np.divide(sums[0], sums[1], out=means, where=sums[1] > 0)
        found[mine] = means
    return found


def _p_value(
    pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], strata: NDArray[np.intp]
) -> float:
    """Two-sided p-value of the mean tau-b over images and seeds, for pairs within strata.

    The null hypothesis exchanges architectures at random inside the strata. Then tau has mean 0 and
    a known variance (Daniels, Biometrika 33, 1944, for one pair of samples; here also between
    pairs); its distribution is taken as normal.

    Args:
        pairs: (architecture, image) target and score, by seed; infinite values count as missing.
        strata: (architecture,) stratum of each.
    """
    from scipy.stats import norm

    there = np.all([np.isfinite(x) & np.isfinite(y) for x, y in pairs], axis=(0, 2))
    if there.sum() < 2:
        return float("nan")
    kinds = strata[there]
    same = None if not kinds.any() else kinds[:, None] == kinds[None, :]
    x, y = (
        unit_signs(np.concatenate([pair[side][there].T for pair in pairs]), same) for side in (0, 1)
    )
    if np.isnan(x[:, :1, :1]).any() or np.isnan(y[:, :1, :1]).any():
        return float("nan")
    taus = np.einsum("cij,cij->c", x, y)
    variance = 0.0
    for kind in np.unique(kinds):
        rows = np.flatnonzero(kinds == kind)
        whole = len(rows) == len(kinds)
        of_kind = (x, y) if whole else (of[:, rows][:, :, rows] for of in (x, y))
        variance += _permutation_variance(*of_kind)
    if variance < _ROUNDING:  # the taus of images cancel in every order
        return float("nan")
    return float(2 * norm.sf(abs(float(taus.sum())) / np.sqrt(variance)))


def _permutation_variance(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """Variance of the sum over c of Σ x[c, i, j]·y[c, p(i), p(j)] over random permutations p.

    Args:
        x: (c, n, n), antisymmetric in its last axes.
        y: the same.
    """
    n = x.shape[1]
    if n < 2:
        return 0.0
    flat = [of.reshape(len(of), -1) for of in (x, y)]
    squares_x, squares_y = ((of @ of.T).astype(np.float64) for of in flat)
    rows_x, rows_y = (of.sum(axis=2, dtype=np.float64) for of in (x, y))
    variance = 2 / (n * (n - 1)) * squares_x * squares_y
    if n > 2:
        of_rows = (rows_x @ rows_x.T - squares_x) * (rows_y @ rows_y.T - squares_y)
        variance += 4 / (n * (n - 1) * (n - 2)) * of_rows
    return float(variance.sum())


def _holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's correction; NaN stays NaN and does not count as a test."""
    corrected = np.full(len(p_values), np.nan)
    there = np.flatnonzero(np.isfinite(p_values))
    order = there[np.argsort(p_values[there], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
