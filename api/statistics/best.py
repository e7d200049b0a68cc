"""The best architectures, and regret against them.

Must not import torch, pandas or SciPy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, MissingRunError, check_whole
from nasdip_bench.ranks.top import top_k as best_positions

from ..exhibits.forms import aligned
from ..reading.costs import Costs, costs
from ..reading.records.showing import displayed, html_table, shown
from ..reading.run_set import RunSet, images_with_runs

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.architectures import ArchitectureLike
    from ..reading.reader import ReleaseReader


SHOWN = (
    "arch_id",
    "architecture",
    "value",
    "parameters",
    "flops_per_iteration",
    "processor_seconds",
)
"""The fields of `Ranked` that differ from row to row."""


@displayed
class Ranked(NamedTuple):
    """An architecture among the best.

    Attributes:
        rank: 1 is the best.
        arch_id: row of the architecture in this release.
        architecture: its canonical string.
        value: value of the target; the mean over seeds, and over images unless one is given.
        target: column of runs.parquet.
        task: name.
        images: name, several for the mean over them, or None for the mean over all of the release.
        fidelity: its name.
        seeds: the seeds that the value is averaged over.
        candidates: number of architectures chosen from: those within the limits that have an ok
            run of every seed on every chosen image.
        parameters: trainable numbers at the fidelity's width.
        flops_per_iteration: FLOP of an iteration, forward and backward.
        processor_seconds: mean recorded time of a run.
    """

    rank: int
    arch_id: int
    architecture: str
    value: float
    target: str
    task: str
    images: str | tuple[str, ...] | None
    fidelity: str
    seeds: tuple[int, ...]
    candidates: int
    parameters: int
    flops_per_iteration: float
    processor_seconds: float


class Ranking(tuple[Ranked, ...]):
    """The best architectures, best first: a tuple that displays as a table."""

    def to_frame(self) -> pd.DataFrame:
        """One row per architecture, indexed by rank."""
        import pandas as pd

        return pd.DataFrame(list(self), columns=Ranked._fields).set_index("rank")

    def _cells(self) -> list[list[str]]:
        names = ["rank", *SHOWN]
        return [names, *([shown(getattr(one, name)) for name in names] for one in self)]

    def _caption(self) -> str:
        first = self[0]
        images = "the mean over all images" if first.images is None else shown(first.images)
        return (
            f"{first.target}, {first.task} on {images}, fidelity {first.fidelity}, "
            f"{'seed' if len(first.seeds) == 1 else 'seeds'} {shown(first.seeds)}, "
            f"the best of {first.candidates}"
        )

    def __repr__(self) -> str:
        return "\n".join([self._caption(), *aligned(self._cells())])

    def _repr_html_(self) -> str:
        head, *rows = self._cells()
        return html_table([head], rows, caption=self._caption())


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
    prices = costs(bench, block, positions, seeds)
    limits = {"parameters": max_parameters, "flops": max_flops, "seconds": max_seconds}
    allowed = np.isfinite(values) & _within(prices, limits)
    given = [f"{name} <= {limit:g}" for name, limit in limits.items() if limit is not None]
    within = f" within the limits {', '.join(given)}" if given else ""
    candidates = int(allowed.sum())
    if not candidates:
        raise MissingRunError(
            f"no architecture to choose from{within}: of {len(values)} in this release "
            f"{int(np.isfinite(values).sum())} have ok runs of {task} at {block.fidelity} on "
            f"{_on(bench, positions)}; {images_with_runs(bench, block, seeds)}"
        )
    who = f"ok runs of {task} at {block.fidelity} on {_on(bench, positions)}{within}"
    k = check_whole("k", k, 1, candidates, note=f", the architectures that have {who}")
    best = best_positions(np.where(allowed, values, np.nan), k)
    several = None if images is None else runs.image_names
    named = str(images) if isinstance(images, str) else several
    return Ranking(
        Ranked(
            rank,
            arch_id,
            bench.codes[arch_id],
            float(values[arch_id]),
            runs.target,
            block.task,
            named,
            block.fidelity,
            seeds,
            candidates,
            int(prices.parameters[arch_id]),
            float(prices.flops_per_iteration[arch_id]),
            float(prices.processor_seconds[arch_id]),
        )
        for rank, arch_id in enumerate(best.tolist(), start=1)
    )


def _within(prices: Costs, limits: Mapping[str, float | None]) -> NDArray[np.bool_]:
    """(architecture,) whether its costs are within limits of parameters, FLOP and seconds."""
    allowed = np.ones(len(prices.parameters), np.bool_)
    spent = (prices.parameters, prices.flops_per_iteration, prices.processor_seconds)
    for (name, limit), values in zip(limits.items(), spent, strict=True):
        if limit is None:
            continue
        number = isinstance(limit, int | float | np.number) and not isinstance(limit, bool)
        if not number or not limit > 0:
            raise ConfigError(f"the limit of {name}, {limit!r}, must be a number above 0")
        allowed &= values <= limit  # NaN seconds count as above it
    return allowed


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


def _on(bench: ReleaseReader, images: Sequence[int]) -> str:
    if len(images) == len(bench.images):
        return "all images"
    return ", ".join(bench.images[position] for position in images)


def _values(runs: RunSet) -> NDArray[np.float64]:
    """(architecture,) means over images and seeds; NaN if one of the runs is not ok."""
    return np.asarray(runs.values().mean(axis=(1, 2)))
