"""How far rankings agree: scores with PSNR, seeds with each other, fidelities with each other.

Every tau comes with the number of architectures and pairs, the ties and a bootstrap interval over
architectures (`nasdip_bench.ranks.bootstrap`). All images and seeds of a row are resampled
together, so that the interval of a mean over images allows for their being measured on the same
architectures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import ConfigError, MissingRunError, unknown_name
from nasdip_bench.ranks.bootstrap import (
    attainable_tau,
    bootstrap_rho,
    bootstrap_tau,
    draw_resamples,
    percentile_interval,
    stratified_tau,
    tied_pairs,
)
from nasdip_bench.ranks.correlation import Correlation, kendall_tau_b, spearman_rho

from ..reading.chosen import chosen_images
from ..reading.runs import TARGETS, Block
from .own_values import Matrix, own_values

if TYPE_CHECKING:
    from ..reading.architectures import ArchitectureLike
    from ..reading.reader import ReleaseReader

__all__ = [
    "DEFAULT_RESAMPLING",
    "KINDS",
    "MEAN",
    "OWN",
    "Resampling",
    "codes_of",
    "correlate",
    "fidelity_agreement",
    "kendall_intervals",
    "seed_agreement",
    "stacked",
    "tau_frame",
]

KINDS = ("sampling", "transform", "kernel", "activation")
"""Attributes of the upsampling cell to compare architectures within."""

MEAN = "(mean)"
"""Stands for the image in rows that are means over images."""

OWN = "own"
"""Stands for the reference of values of the user's, which are no score of a release."""

FEWEST = 5
"""Architectures that an interval needs: of fewer the resamples are a handful."""


class _Method(NamedTuple):
    """A rank correlation: its symbol, of two samples, and of two samples in each resample."""

    symbol: str
    point: Callable[..., Correlation]
    bootstrap: Callable[..., NDArray[np.float64]]


METHODS = {
    "kendall": _Method("tau", kendall_tau_b, bootstrap_tau),
    "spearman": _Method("rho", spearman_rho, bootstrap_rho),
}


class Resampling(NamedTuple):
    """How intervals are made.

    Attributes:
        level: of confidence, between 0 and 1.
        resamples: how many; 0 makes no intervals.
        rng: seed of the resamples; the same gives the same intervals.
    """

    level: float = 0.95
    resamples: int = 1000
    rng: int = 0


DEFAULT_RESAMPLING = Resampling()


def kendall_intervals(
    bench: ReleaseReader,
    task: str,
    target: str = "best_psnr_smooth_db",
    fidelity: str | None = None,
    seed: int | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
    *,
    images: str | Sequence[str] | None = None,
    within: str | None = None,
) -> pd.DataFrame:
    """Kendall's tau-b between a target and the training-free scores, with all it rests on.

    The tau of `NASDIPBench.kendall`, in long form: each seed's runs with its own scores.

    Args:
        bench: the release.
        task: name.
        target: a column of runs.parquet that is a measurement.
        fidelity: None for the release's default for the task.
        seed: None for each of the default seeds; tau is then the mean over them.
        resampling: of the intervals.
        images: one or several names; None for all. The mean is over these.
        within: one of `KINDS`, an attribute of the upsampling cell: only pairs of architectures
            that have its value in common are counted. A score that tells nothing but the attribute
            has no tau there. None: all pairs.

    Returns:
        indexed by (proxy, reference, image), and by `MEAN` for the mean of tau over the images:
        ``tau``; ``low`` and ``high``, its interval; ``std`` over seeds (NaN for one); ``n``
        architectures, the fewest over seeds (and images); ``pairs`` of them that are compared, n
        (n - 1) / 2 or those within; ``tied_x`` and ``tied_y``, the pairs that are tied in the
        target and in the score, the most over seeds; ``reason``, why tau or its interval is NaN,
        else "". In ``attrs``: ``task``, ``target``, ``fidelity``, ``seeds``, ``level``,
        ``resamples``, ``rng``, ``within``.

    Raises:
        ConfigError: a setting of the resampling that is out of range.
        UnknownNameError: a task, target, fidelity, seed, image or attribute that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    block, seeds = _measured(bench, task, target, fidelity, seed)
    targets = [block.matrix(target, one) for one in seeds]
    scores_of = [bench.runs.scores(task, block.fidelity, one)[1] for one in seeds]
    scores = scores_of[0]
    chosen, kinds = chosen_images(bench, images), _kinds(bench, within)
    frames = [
        tau_frame(
            bench,
            [
                (matrix, of.values[:, :, column])
                for matrix, of in zip(targets, scores_of, strict=True)
            ],
            resampling,
            (target, key),
            chosen,
            kinds=kinds,
        )
        for column, key in enumerate(scores.keys)
    ]
    frame = stacked(dict(zip(scores.columns, frames, strict=True)), ["proxy", "reference", "image"])
    frame.attrs = block.facts(target, seeds) | resampling._asdict() | {"within": within}
    return frame


def correlate(
    bench: ReleaseReader,
    values: ArrayLike | Mapping[ArchitectureLike, float],
    task: str,
    target: str = "best_psnr_smooth_db",
    fidelity: str | None = None,
    seed: int | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
    *,
    images: str | Sequence[str] | None = None,
    method: str = "kendall",
    within: str | None = None,
) -> pd.DataFrame:
    """Kendall's tau-b, or Spearman's rho, between a target and values of one's own.

    As in `kendall_intervals`: raw sign, one seed at a time, over the architectures that have an ok
    run and a finite value.

    Args:
        bench: the release.
        values: see `api.own_values`.
        task: name.
        target: a column of runs.parquet that is a measurement.
        fidelity: None for the release's default for the task.
        seed: None for each of the default seeds.
        resampling: of the intervals.
        images: one or several names; None for all. The mean is over these.
        method: "kendall" for tau-b, or "spearman" for rho.
        within: as in `kendall_intervals`; of tau alone.

    Returns:
        indexed by image, and `MEAN`; columns and ``attrs`` as of `kendall_intervals`, and
        ``proxy``: `OWN`, ``method``; instead of ``tau`` the column of Spearman's is ``rho``. The
        sign is raw: nothing is assumed of which end is better.

    Raises:
        ConfigError: an array of another shape, or a setting out of range.
        UnknownNameError: an architecture, task, target, fidelity, seed, image, method or attribute
            that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if within is not None and method != "kendall":
        raise ConfigError(f"within={within!r} is of tau, not of method {method!r}: leave one out")
    block, seeds = _measured(bench, task, target, fidelity, seed)
    matrix = own_values(bench, values)
    pairs = [(block.matrix(target, one), matrix) for one in seeds]
    chosen = chosen_images(bench, images)
    names, kinds = (target, "the proxy"), _kinds(bench, within)
    frame = tau_frame(bench, pairs, resampling, names, chosen, METHODS[method], kinds=kinds).rename(
        columns={"tau": METHODS[method].symbol}
    )
    facts = {"proxy": OWN, "method": method, "within": within}
    frame.attrs = block.facts(target, seeds) | resampling._asdict() | facts
    return frame


def seed_agreement(
    bench: ReleaseReader,
    task: str,
    target: str = "best_psnr_smooth_db",
    fidelity: str | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
    *,
    images: str | Sequence[str] | None = None,
    within: str | None = None,
) -> pd.DataFrame:
    """The noise ceiling: tau-b of a target between runs that differ in the seed alone.

    Over all seeds there are, also incomplete ones, in pairs; tau is the mean over the pairs that
    have two architectures in common on every image where any pair has.

    Args:
        bench: the release.
        task: name.
        target: a column of runs.parquet that is a measurement.
        fidelity: None for the release's default for the task.
        resampling: of the intervals.
        images: one or several names; None for all. The mean is over these.
        within: compare architectures of one value of an attribute alone, as in
            `kendall_intervals`: the ceiling of a tau within it.

    Returns:
        indexed by image, and `MEAN`; columns as of `kendall_intervals` (``std`` over pairs of
        seeds), and ``attainable``: what a score that knew the architectures' expected values would
        reach against one run, if values and noise are normal (`nasdip_bench.ranks.bootstrap`). In
        ``attrs`` as there, and ``pairs`` of seeds.

    Raises:
        ConfigError: a setting of the resampling that is out of range.
        UnknownNameError: a task, target, fidelity, image or attribute that there is not.
        MissingRunError: the release has runs of fewer than two seeds.
    """
    block, _ = _measured(bench, task, target, fidelity, None)
    chosen, kinds = chosen_images(bench, images), _kinds(bench, within)
    if len(block.seeds) < 2:
        having = ", ".join(map(str, block.seeds))
        raise MissingRunError(
            f"the noise ceiling needs runs of two seeds; {task} at {block.fidelity} has those of "
            f"seed {having} only"
        )
    matrices = {one: block.matrix(target, one) for one in block.seeds}
    seeds = list(itertools.combinations(block.seeds, 2))
    there = {one: np.isfinite(matrix) for one, matrix in matrices.items()}
    enough = [(there[one] & there[other])[:, chosen].sum(axis=0) >= 2 for one, other in seeds]
    somewhere = np.any(enough, axis=0)
    seeds = [
        pair for pair, of_images in zip(seeds, enough, strict=True) if of_images[somewhere].all()
    ] or seeds
    pairs = [(matrices[one], matrices[other]) for one, other in seeds]
    names = (f"{target} of one seed",) * 2
    frame = tau_frame(bench, pairs, resampling, names, chosen, kinds=kinds)
    frame.insert(3, "attainable", [attainable_tau(tau) for tau in frame["tau"]])
    facts = block.facts(target, block.seeds) | resampling._asdict() | {"within": within}
    frame.attrs = facts | {"pairs": [list(pair) for pair in seeds]}
    return frame


def fidelity_agreement(
    bench: ReleaseReader,
    task: str,
    target: str = "best_psnr_smooth_db",
    fidelities: tuple[str, str] | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
    *,
    images: str | Sequence[str] | None = None,
    within: str | None = None,
) -> pd.DataFrame:
    """Tau-b of a target between fidelities: does the cheap one rank as the dear one does?

    Each default seed of the one with each of the other, since draws of different fidelities have
    nothing in common; tau is the mean over them. Between fidelities tau is bounded by the noise of
    both: compare it with `seed_agreement`.

    Args:
        bench: the release.
        task: name.
        target: a column of runs.parquet that is a measurement.
        fidelities: two names; None for all pairs that the release has runs of the task at.
        resampling: of the intervals.
        images: one or several names; None for all. The mean is over these, and NaN where one of
            them has no runs at both.
        within: compare architectures of one value of an attribute alone, as in
            `kendall_intervals`.

    Returns:
        indexed by (fidelity_a, fidelity_b, image), and `MEAN`; columns as of `kendall_intervals`.
        In ``attrs``: ``task``, ``target``, ``seeds`` by fidelity, the resampling and ``within``.

    Raises:
        ConfigError: a setting of the resampling that is out of range.
        UnknownNameError: a task, target, fidelity, image or attribute that there is not.
        MissingRunError: the release has runs of the task at fewer than two fidelities.
    """
    if fidelities is not None:
        names = [bench.runs.block(task, name).fidelity for name in fidelities]
    else:
        bench.runs.fidelity_of(task, None)  # says which tasks there are
        records = [(name, bench.manifest.task(name, task)) for name in bench.fidelities]
        names = [name for name, record in records if record is not None and record.runs]
    if len(set(names)) < 2:
        raise MissingRunError(
            f"fidelities are compared two and two; the release has runs of {task} at "
            f"{', '.join(names) or 'none'} only"
            if fidelities is None
            else f"fidelity {names[0]} is compared with itself; give two different ones"
        )
    blocks = {name: _measured(bench, task, target, name, None) for name in names}
    chosen, kinds = chosen_images(bench, images), _kinds(bench, within)
    frames = {}
    for a, b in itertools.combinations(names, 2):
        (block_a, seeds_a), (block_b, seeds_b) = blocks[a], blocks[b]
        pairs = [
            (block_a.matrix(target, one), block_b.matrix(target, other))
            for one in seeds_a
            for other in seeds_b
        ]
        called = f"{target} at {a}", f"that at {b}"
        frames[a, b] = tau_frame(bench, pairs, resampling, called, chosen, kinds=kinds)
    frame = stacked(frames, ["fidelity_a", "fidelity_b", "image"])
    seeds = {name: list(seeds) for name, (_, seeds) in blocks.items()}
    facts = {"task": task, "target": target, "seeds": seeds, "within": within}
    frame.attrs = facts | resampling._asdict()
    return frame


def stacked(frames: Mapping[tuple[str, str], pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """Frames below each other, in their order, indexed by key and row; of none, an empty one."""
    if not frames:
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[] for _ in names], names=names))
    whole = pd.concat(frames, names=names)
    # Levels in the order of appearance: an index that pandas takes as sorted is looked up without
    # a warning, in whole and in part.
    keys = [whole.index.get_level_values(level) for level in range(len(names))]
    levels = [pd.Index(key.unique()) for key in keys]
    codes = [level.get_indexer(key) for level, key in zip(levels, keys, strict=True)]
    whole.index = pd.MultiIndex(levels=levels, codes=codes, names=names)
    return whole


def _measured(
    bench: ReleaseReader, task: str, target: str, fidelity: str | None, seed: int | None
) -> tuple[Block, tuple[int, ...]]:
    if target not in TARGETS:
        raise unknown_name("target", target, TARGETS)
    block = bench.runs.block(task, fidelity)
    return block, block.choose_seeds(seed)


def _kinds(bench: ReleaseReader, within: str | None) -> NDArray[np.intp] | None:
    """The strata to count pairs within, if any."""
    if within is None:
        return None
    if within not in KINDS:
        raise unknown_name("attribute to compare within", within, KINDS)
    return codes_of(bench, within)


def codes_of(bench: ReleaseReader, attribute: str) -> NDArray[np.intp]:
    """(architecture,) the value of an attribute of the cell, as a number."""
    values = [str(getattr(arch.attributes, attribute)) for arch in bench]
    return np.unique(values, return_inverse=True)[1]


def tau_frame(
    bench: ReleaseReader,
    pairs: Sequence[tuple[Matrix, Matrix]],
    resampling: Resampling,
    names: Sequence[str],
    images: Sequence[int] | None = None,
    method: _Method = METHODS["kendall"],
    *,
    kinds: NDArray[np.intp] | None = None,
) -> pd.DataFrame:
    """Rows by image, and their mean, of the mean tau over pairs of matrices.

    There is no interval below `FEWEST` architectures.

    Args:
        bench: the release.
        pairs: (architecture, image) matrices to correlate, in most cases a pair a seed.
        resampling: of the intervals.
        names: of the first and the second of a pair, for reasons.
        images: by position; None for all.
        method: tau or rho.
        kinds: (architecture,), for tau alone: pairs of one kind are counted and no others.

    Raises:
        ConfigError: a setting of the resampling that is out of range.
    """
    shown = range(len(bench.images)) if images is None else images
    pairs = [(a[:, list(shown)], b[:, list(shown)]) for a, b in pairs]
    having = np.zeros(len(bench), np.bool_)
    for a, b in pairs:
        having |= (np.isfinite(a) & np.isfinite(b)).any(axis=1)
    chosen = [(a[having], b[having]) for a, b in pairs]
    strata = [] if kinds is None else [kinds[having]]
    point = method.point if kinds is None else stratified_tau
    draws = None
    resamples = resampling.resamples
    if isinstance(resamples, bool) or not isinstance(resamples, int) or resamples < 0:
        raise ConfigError(
            f"resamples {resamples!r} must be a whole number of at least 0, which makes no "
            f"intervals"
        )
    if resamples:
        draws = draw_resamples(int(having.sum()), resampling.resamples, resampling.rng)
        percentile_interval(np.zeros(1), resampling.level)  # checks the level
    rows, samples, by_pair = {}, [], []
    for position, image in enumerate(bench.images[one] for one in shown):
        columns = [(a[:, position], b[:, position]) for a, b in chosen]
        found = [point(x, y, *strata) for x, y in columns]
        taus = np.array([one.tau for one in found])
        drawn = np.full(1, math.nan)
        enough = all(one.n >= FEWEST for one in found)
        if draws is not None and enough and np.isfinite(taus).all():
            drawn = np.mean([method.bootstrap(x, y, draws, *strata) for x, y in columns], axis=0)
        samples.append(drawn)
        by_pair.append(taus)
        rows[image] = _row(taus, drawn, resampling.level) | _basis(columns, found, names, *strata)
    if rows:
        rows[MEAN] = _row(
            np.mean(by_pair, axis=0),
            np.mean(samples, axis=0) if len({len(s) for s in samples}) == 1 else np.full(1, np.nan),
            resampling.level,
        ) | _basis_of_mean(rows, method.symbol)
    columns_of = [*_row(np.zeros(1), np.zeros(1), 0.5), *_basis([], [], names)]
    frame = pd.DataFrame(list(rows.values()), columns=columns_of)
    frame.index = pd.Index(list(rows), name="image")
    return frame


def _row(taus: NDArray[np.float64], drawn: NDArray[np.float64], level: float) -> dict[str, Any]:
    low, high = percentile_interval(drawn, level)
    return {
        "tau": float(np.mean(taus)) if len(taus) else math.nan,
        "low": low,
        "high": high,
        "std": float(np.std(taus, ddof=1)) if len(taus) > 1 else math.nan,
    }


def _basis(
    columns: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    found: Sequence[Correlation],
    names: Sequence[str],
    kinds: NDArray[np.intp] | None = None,
) -> dict[str, Any]:
    """What a row's tau rests on."""
    n = min((one.n for one in found), default=0)
    both = [np.isfinite(x) & np.isfinite(y) for x, y in columns]
    # The architectures of each kind with both numbers, by column.
    compared = [
        [there] if kinds is None else [there & (kinds == kind) for kind in np.unique(kinds)]
        for there in both
    ]
    tied_x, tied_y = (
        max(
            (
                sum(tied_pairs(pair[side][mine]) for mine in groups)
                for pair, groups in zip(columns, compared, strict=True)
            ),
            default=0,
        )
        for side in (0, 1)
    )
    pairs = min(
        (sum(math.comb(int(mine.sum()), 2) for mine in groups) for groups in compared), default=0
    )
    reason = next((one.reason for one in found if one.reason), "")
    if not reason and n < FEWEST:
        reason = f"n = {n} is too few for an interval, {FEWEST} are needed"
    return {
        "n": n,
        "pairs": pairs,
        "tied_x": tied_x,
        "tied_y": tied_y,
        "reason": reason.replace("the first sample", names[0]).replace(
            "the second sample", names[1]
        ),
    }


def _basis_of_mean(by_image: Mapping[str, Mapping[str, Any]], symbol: str) -> dict[str, Any]:
    rows = list(by_image.values())
    n = min(row["n"] for row in rows)
    defined = [image for image, row in by_image.items() if not math.isnan(row["tau"])]
    undefined = len(rows) - len(defined)
    reason = next((row["reason"] for row in rows if row["reason"]), "")
    if undefined:
        reason = f"{symbol} is not defined for {undefined} of {len(rows)} images"
        reason += f"; it is for {', '.join(defined)}" if defined else ""
    return {
        "n": n,
        "pairs": min(row["pairs"] for row in rows),
        "tied_x": max(row["tied_x"] for row in rows),
        "tied_y": max(row["tied_y"] for row in rows),
        "reason": reason,
    }
