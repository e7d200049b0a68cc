"""The best architectures, and regret against them.

Must not import torch, pandas or SciPy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingRunError, check_whole
from nasdip_bench.ranks.top import top_k as best_positions

from ..reading.costs import Limits, costs
from ..reading.run_set import RunSet, images_with_runs
from .ranking import Ranked, Ranking

if TYPE_CHECKING:
    from ..reading.architectures import ArchitectureLike
    from ..reading.reader import ReleaseReader


def top_k(
    bench: ReleaseReader,
    task: str,
    *,
    k: int = 10,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    max_parameters: float | None = None,
    max_flops: float | None = None,
    max_seconds: float | None = None,
) -> Ranking:
    """The k best architectures, best first; ties break by arch_id.

    Args:
        task: name.
        k: how many, from 1 to the number of candidates.
        images: name, or several for the mean over them; None for all images of the release.
        target: a column of runs.parquet where higher is better.
        fidelity: None for the release's default for the task; results name it.
        seed: None for the mean over the default seeds; results name them.
        max_parameters: limit on trainable numbers at the fidelity's width.
        max_flops: limit on FLOP of an iteration, forward and backward.
        max_seconds: limit on the recorded processor time of a run.

    Raises:
        ConfigError: k is outside 1..candidates, or a limit is not a number above 0.
        UnknownNameError: an unknown image, task, target, fidelity or seed.
        MissingRunError: the release has no run of the task at the fidelity, or no candidate.

    Example:
        >>> [one.rank for one in NASDIPBench("data/").top_k("denoise", k=3, images="lena")]
        [1, 2, 3]
    """
    runs = RunSet.of(
        bench, task, target=target, images=images, fidelity=fidelity, seed=seed, ranked=True
    )
    block, positions, seeds = runs.block, runs.images, runs.seeds
    values = _values(runs)
    limits = Limits(max_parameters, max_flops, max_seconds)
    prices = costs(bench, block, positions, seeds)
    allowed = np.isfinite(values) & limits.allow(prices)
    candidates = int(allowed.sum())
    if not candidates:
        raise MissingRunError(
            f"no architecture to choose from{limits.described}: of {len(values)} in this release "
            f"{int(np.isfinite(values).sum())} have ok runs of {task} at {block.fidelity} on "
            f"{_on(bench, positions)}; {images_with_runs(bench, block, seeds)}"
        )
    who = f"ok runs of {task} at {block.fidelity} on {_on(bench, positions)}{limits.described}"
    k = check_whole("k", k, 1, candidates, note=f", the architectures that have {who}")
    best = best_positions(np.where(allowed, values, np.nan), k)
    return Ranking(
        Ranked(
            rank,
            arch_id,
            bench.codes[arch_id],
            float(values[arch_id]),
            runs.target,
            block.task,
            _named(images),
            block.fidelity,
            seeds,
            candidates,
            int(prices.parameters[arch_id]),
            float(prices.flops_per_iteration[arch_id]),
            float(prices.processor_seconds[arch_id]),
        )
        for rank, arch_id in enumerate(best.tolist(), start=1)
    )


def find_best(
    bench: ReleaseReader,
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    max_parameters: float | None = None,
    max_flops: float | None = None,
    max_seconds: float | None = None,
) -> Ranked:
    """The best architecture; same arguments and exceptions as `top_k`.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> bench.find_best("denoise", images="lena").rank
        1
    """
    (best,) = top_k(
        bench,
        task,
        k=1,
        target=target,
        images=images,
        fidelity=fidelity,
        seed=seed,
        max_parameters=max_parameters,
        max_flops=max_flops,
        max_seconds=max_seconds,
    )
    return best


def regret(
    bench: ReleaseReader,
    arch: ArchitectureLike,
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> float:
    """How far an architecture is from the release's best, in the target's unit; at least 0.

    Other arguments as in `top_k`. NaN if one of its runs diverged or failed.

    Raises:
        UnknownNameError: an unknown architecture, image, task, target, fidelity or seed.
        ArchitectureError: not an architecture at all.
        MissingRunError: one of its runs is missing.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> bench.regret(bench.find_best("denoise").arch_id, "denoise")
        0.0
    """
    arch_id = bench.arch_id(arch)
    runs = RunSet.of(
        bench, task, target=target, images=images, fidelity=fidelity, seed=seed, ranked=True
    )
    for one in runs.image_names:
        for of_seed in runs.seeds:
            # Reports which run is missing, and the available ones.
            bench.query(arch_id, one, task, fidelity=runs.fidelity, seed=of_seed)
    values = _values(runs)
    if math.isnan(values[arch_id]):
        return math.nan
    return float(np.nanmax(values) - values[arch_id])


def _named(images: str | Sequence[str] | None) -> str | tuple[str, ...] | None:
    if images is None or isinstance(images, str):
        return None if images is None else str(images)
    return tuple(dict.fromkeys(map(str, images)))


def _on(bench: ReleaseReader, images: Sequence[int]) -> str:
    if len(images) == len(bench.images):
        return "all images"
    return ", ".join(bench.images[position] for position in images)


def _values(runs: RunSet) -> NDArray[np.float64]:
    """(architecture,) means over images and seeds; NaN if one of the runs is not ok."""
    return np.asarray(runs.values().mean(axis=(1, 2)))
