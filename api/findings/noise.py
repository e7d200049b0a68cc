"""How noisy runs and scores are: tau between seeds, reliability of the scores."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.ranks.bootstrap import attainable_tau, reliability
from nasdip_bench.ranks.correlation import kendall_tau_b_table

from ..reading.runs import Block
from ..statistics.intervals import codes_of
from .choices import KIND
from .pooled import Pooled, pooled_tau
from .words import caution, counts, number, plural, table, where, with_interval

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["between_seeds", "noise_section"]


def between_seeds(bench: NASDIPBench, block: Block, target: str, *, within: bool = False) -> Pooled:
    """Tau between runs that differ in the seed alone, over all pairs of seeds that share enough.

    Pairs of seeds are taken one by one: they may share other architectures and images.

    Args:
        bench: the release.
        block: the runs of a task at a fidelity.
        target: a column of runs.parquet with a direction.
        within: compare architectures of the same `KIND` alone.
    """
    kinds = codes_of(bench, KIND) if within else None
    pairs = itertools.combinations([block.matrix(target, seed) for seed in block.seeds], 2)
    found = [pooled_tau(bench.images, [pair], kinds) for pair in pairs]
    return max(found, key=lambda one: (len(one.images) * one.n[0],), default=pooled_tau([], []))


def noise_section(bench: NASDIPBench, blocks: Sequence[Block], target: str) -> Iterator[str]:
    """The section's paragraphs."""
    yield "## How noisy is a run?"
    yield (
        "Tau between runs that differ in nothing but the seed: no score that sees an architecture "
        "once can be expected to agree with a run much better. *Attainable* is what a score that "
        "knew every expected PSNR would reach against one run. *Within* compares architectures of "
        f"one `{KIND}` alone. Where there are several pairs of seeds, the one with most in common."
    )
    body, without, fewest = [], [], []
    for block in blocks:
        found = between_seeds(bench, block, target)
        if not found.images:
            without.append(f"{where(block)} ({plural(len(block.seeds), 'seed')})")
            continue
        fewest.append(found.n[0])
        body.append(
            [
                where(block),
                with_interval(found),
                number(attainable_tau(found.value)),
                with_interval(between_seeds(bench, block, target, within=True)),
                counts(found),
            ]
        )
    if body:
        yield table(["runs of", "tau between seeds", "attainable", "within", "over"], body)
        if said := caution(min(fewest)):
            yield said
    if without:
        yield (
            f"No two seeds share enough runs for {'; '.join(without)}: there the ceiling is not "
            f"known."
        )
    yield "## How noisy is a score?"
    yield from _scores(bench, blocks)


def _scores(bench: NASDIPBench, blocks: Sequence[Block]) -> Iterator[str]:
    frame, singles = bench.to_frame("scores"), bench.score_values()
    body = []
    for block in blocks:
        mine = frame[(frame["task"] == block.task) & (frame["fidelity"] == block.fidelity)]
        for (proxy, reference, inits), rows in mine.groupby(
            ["proxy", "reference", "inits"], observed=True, sort=False
        ):
            if inits < 2:
                continue
            by_image = [
                _of_inits(singles[of.index, : int(inits)].astype(np.float64))
                for _, of in rows.groupby(
                    ["image", "seed"], observed=True, sort=False, dropna=False
                )
            ]
            defined = [one for one in by_image if np.isfinite(one[:2]).all()]
            if not defined:
                continue
            medians = np.median([one[:4] for one in defined], axis=0)
            body.append(
                [
                    where(block),
                    f"`{proxy}/{reference}`",
                    *(number(value, ".2f") for value in medians.tolist()),
                    f"n = {min(one.n for one in defined)}, K = {inits}",
                ]
            )
    if not body:
        yield "No score of this release has two scoring initialisations: not known."
        return
    yield (
        "A score is the mean over K scoring initialisations of the untrained network. *Tau of one* "
        "is measured: the mean over pairs of initialisations. *ICC* is the share of a score's "
        "variance that is the architecture's, for one initialisation and for the mean of K; *tau "
        "of the mean* follows from it if all is normal, for two means of K. Extreme values weigh "
        "with their squares. Medians over images and seeds. Scores of one initialisation, and "
        "those that are the same for all architectures, are left out."
    )
    head = ["scores of", "score", "tau of one", "ICC of one", "of the mean", "tau of the mean"]
    yield table([*head, "over"], body)


class _OfInits(NamedTuple):
    """How far the initialisations of a score agree on an image."""

    tau: float
    icc: float
    icc_of_mean: float
    tau_of_mean: float
    n: int


def _of_inits(values: NDArray[np.float64]) -> _OfInits:
    """Of (architecture, initialisation) values."""
    there = values[np.isfinite(values).all(axis=1)]
    repeats = there.shape[1]
    found = reliability(there.mean(axis=1), there.std(axis=1, ddof=1), repeats)
    taus = kendall_tau_b_table(there.T, there.T)
    pairs = [taus[i][j].tau for i, j in itertools.combinations(range(repeats), 2)]
    return _OfInits(float(np.mean(pairs)), found.single, found.mean, found.tau_mean, found.n)
