"""How far rankings agree: scores with PSNR, seeds with each other, fidelities with each other.

Every tau comes with the number of architectures and pairs, the ties and a bootstrap interval over
architectures (`nasdip_bench.ranks.bootstrap`). All images and seeds of a row are resampled
together, so that the interval of a mean over images allows for their being measured on the same
architectures.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import ConfigError, MissingRunError, unknown_name
from nasdip_bench.ranks.noise import attainable_tau

from ..reading.run_set import RunSet
from .own_values import own_values
from .tau_frame import METHODS, Resampling, stacked, tau_frame

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.architectures import ArchitectureLike
    from ..reading.reader import ReleaseReader

__all__ = [
    "KINDS",
    "OWN",
    "codes_of",
    "correlate",
    "fidelity_agreement",
    "kendall_intervals",
    "seed_agreement",
]

KINDS = ("sampling", "transform", "kernel", "activation")
"""Attributes of the upsampling cell to compare architectures within."""


OWN = "own"
"""Stands for the reference of values of the user's, which are no score of a release."""


def kendall_intervals(
    bench: ReleaseReader,
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    within: str | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """Kendall's tau-b between a target and the training-free scores, with all it rests on.

    The tau of `NASDIPBench.kendall`, in long form: each seed's runs with its own scores.

    Args:
        bench: the release.
        task: name.
        target: a column of runs.parquet that is a measurement.
        fidelity: None for the release's default for the task.
        seed: None for each of the default seeds; tau is then the mean over them.
        level: of confidence of the intervals, between 0 and 1.
        resamples: of the bootstrap; 0 makes no intervals.
        rng: seed of the resamples.
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
    runs = RunSet.of(bench, task, target=target, images=images, fidelity=fidelity, seed=seed)
    targets = [runs.matrix(one) for one in runs.seeds]
    scores_of = [runs.scores(one) for one in runs.seeds]
    scores, kinds = scores_of[0], _kinds(bench, within)
    resampling = Resampling(level, resamples, rng)
    frames = [
        tau_frame(
            bench,
            [
                (matrix, of.values[:, :, column])
                for matrix, of in zip(targets, scores_of, strict=True)
            ],
            resampling,
            (runs.target, key),
            runs.images,
            kinds=kinds,
        )
        for column, key in enumerate(scores.keys)
    ]
    frame = stacked(dict(zip(scores.columns, frames, strict=True)), ["proxy", "reference", "image"])
    frame.attrs = runs.facts() | resampling._asdict() | {"within": within}
    return frame


def correlate(
    bench: ReleaseReader,
    values: ArrayLike | Mapping[ArchitectureLike, float],
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    method: str = "kendall",
    within: str | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
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
        level: of confidence of the intervals, between 0 and 1.
        resamples: of the bootstrap; 0 makes no intervals.
        rng: seed of the resamples.
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
    runs = RunSet.of(bench, task, target=target, images=images, fidelity=fidelity, seed=seed)
    matrix, resampling = own_values(bench, values), Resampling(level, resamples, rng)
    pairs = [(runs.matrix(one), matrix) for one in runs.seeds]
    names, kinds = (runs.target, "the proxy"), _kinds(bench, within)
    frame = tau_frame(
        bench, pairs, resampling, names, runs.images, METHODS[method], kinds=kinds
    ).rename(columns={"tau": METHODS[method].symbol})
    facts = {"proxy": OWN, "method": method, "within": within}
    frame.attrs = runs.facts() | resampling._asdict() | facts
    return frame


def seed_agreement(
    bench: ReleaseReader,
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    within: str | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """The noise ceiling: tau-b of a target between runs that differ in the seed alone.

    Over all seeds there are, also incomplete ones, in pairs; tau is the mean over the pairs that
    have two architectures in common on every image where any pair has.

    Args:
        bench: the release.
        task: name.
        target: a column of runs.parquet that is a measurement.
        fidelity: None for the release's default for the task.
        level: of confidence of the intervals, between 0 and 1.
        resamples: of the bootstrap; 0 makes no intervals.
        rng: seed of the resamples.
        images: one or several names; None for all. The mean is over these.
        within: compare architectures of one value of an attribute alone, as in
            `kendall_intervals`: the ceiling of a tau within it.

    Returns:
        indexed by image, and `MEAN`; columns as of `kendall_intervals` (``std`` over pairs of
        seeds), and ``attainable``: what a score that knew the architectures' expected values would
        reach against one run, if values and noise are normal (`nasdip_bench.ranks.noise`). In
        ``attrs`` as there, and ``pairs`` of seeds.

    Raises:
        ConfigError: a setting of the resampling that is out of range.
        UnknownNameError: a task, target, fidelity, image or attribute that there is not.
        MissingRunError: the release has runs of fewer than two seeds.
    """
    runs = RunSet.of(bench, task, target=target, images=images, fidelity=fidelity)
    block, chosen, kinds = runs.block, runs.images, _kinds(bench, within)
    resampling = Resampling(level, resamples, rng)
    if len(block.seeds) < 2:
        having = ", ".join(map(str, block.seeds))
        raise MissingRunError(
            f"the noise ceiling needs runs of two seeds; {task} at {block.fidelity} has those of "
            f"seed {having} only"
        )
    matrices = {one: runs.matrix(one) for one in block.seeds}
    seeds = list(itertools.combinations(block.seeds, 2))
    there = {one: np.isfinite(matrix) for one, matrix in matrices.items()}
    enough = [(there[one] & there[other])[:, list(chosen)].sum(axis=0) >= 2 for one, other in seeds]
    somewhere = np.any(enough, axis=0)
    seeds = [
        pair for pair, of_images in zip(seeds, enough, strict=True) if of_images[somewhere].all()
    ] or seeds
    pairs = [(matrices[one], matrices[other]) for one, other in seeds]
    names = (f"{runs.target} of one seed",) * 2
    frame = tau_frame(bench, pairs, resampling, names, chosen, kinds=kinds)
    frame.insert(3, "attainable", [attainable_tau(tau) for tau in frame["tau"]])
    facts = block.facts(runs.target, block.seeds) | resampling._asdict() | {"within": within}
    frame.attrs = facts | {"pairs": [list(pair) for pair in seeds]}
    return frame


def fidelity_agreement(
    bench: ReleaseReader,
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelities: tuple[str, str] | None = None,
    within: str | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
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
        level: of confidence of the intervals, between 0 and 1.
        resamples: of the bootstrap; 0 makes no intervals.
        rng: seed of the resamples.
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
    sets = {
        name: RunSet.of(bench, task, target=target, images=images, fidelity=name) for name in names
    }
    resampling, kinds = Resampling(level, resamples, rng), _kinds(bench, within)
    chosen, measured = sets[names[0]].images, sets[names[0]].target
    frames = {}
    for a, b in itertools.combinations(names, 2):
        pairs = [
            (sets[a].matrix(one), sets[b].matrix(other))
            for one in sets[a].seeds
            for other in sets[b].seeds
        ]
        called = f"{measured} at {a}", f"that at {b}"
        frames[a, b] = tau_frame(bench, pairs, resampling, called, chosen, kinds=kinds)
    frame = stacked(frames, ["fidelity_a", "fidelity_b", "image"])
    seeds = {name: list(runs.seeds) for name, runs in sets.items()}
    facts = {"task": task, "target": measured, "seeds": seeds, "within": within}
    frame.attrs = facts | resampling._asdict()
    return frame


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
