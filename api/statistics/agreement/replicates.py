"""Agreement of rankings by PSNR between seeds, and between fidelities."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.errors import MissingRunError
from nasdip_bench.ranks.noise import attainable_tau

from ...reading.run_set import RunSet
from ..coverage import with_runs
from ..tau_frame import stacked, strata_of, tau_frames

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.reader import ReleaseReader


def seed_agreement(
    bench: ReleaseReader,
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    within: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """The noise ceiling: tau-b of a target between runs that differ only in the seed.

    It takes all pairs of seeds, including incomplete ones. Tau is the mean over the pairs that have
    two architectures in common on every image where any pair has. Arguments as in
    `kendall_intervals`; with ``within`` it is the ceiling of a tau within.

    Returns:
        A frame indexed by image, and `MEAN`; columns as in `kendall_intervals` (``std`` over pairs
        of seeds), and ``attainable``: what a score that knows the architectures' expected values
        would reach against one run, if values and noise are normal (`nasdip_bench.ranks.noise`).
        ``attrs`` as there, and ``pairs`` of seeds.

    Raises:
        MissingRunError: the release has runs of fewer than two seeds.
        NasdipError: as in `kendall_intervals`.

    Example:
        >>> row = NASDIPBench("data/").seed_agreement("denoise").loc["(mean)"]
        >>> bool(0 < row["tau"] < 1)
        True
    """
    runs = RunSet.of(bench, task, target=target, images=images, fidelity=fidelity)
    block, chosen = runs.block, runs.images
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
    pairs = [(matrices[one], matrices[other][..., None]) for one, other in seeds]
    name, strata = f"{runs.target} of one seed", strata_of(bench, within)
    (frame,) = tau_frames(runs, pairs, [name], level, strata, called=name)
    frame.insert(3, "attainable", [attainable_tau(tau) for tau in frame["tau"]])
    facts = block.facts(runs.target, block.seeds) | {"level": level, "within": within}
    frame.attrs = facts | {"pairs": [list(pair) for pair in seeds]}
    return frame


def fidelity_agreement(
    bench: ReleaseReader,
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelities: tuple[str, str] | None = None,
    within: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tau-b of a target between fidelities: does the cheap one rank like the expensive one?

    Tau is the mean over all pairs of their default seeds, since fidelities share no random draws.
    It is bounded by the noise of both fidelities: compare it with `seed_agreement`. Other arguments
    as in `kendall_intervals`; the mean over images is NaN if one of them lacks runs at either.

    Args:
        fidelities: two names; None for all pairs that the release has runs of the task at.

    Returns:
        A frame indexed by (fidelity_a, fidelity_b, image), and `MEAN`; columns as in
        `kendall_intervals`. In ``attrs``: ``task``, ``target``, ``seeds`` by fidelity, ``level``
        and ``within``.

    Raises:
        MissingRunError: the release has runs of the task at fewer than two fidelities.
        NasdipError: as in `kendall_intervals`.

    Example:
        >>> found = NASDIPBench("data/").fidelity_agreement("denoise")
        >>> found.index.names
        FrozenList(['fidelity_a', 'fidelity_b', 'image'])
    """
    if fidelities is not None:
        names = [bench.runs.block(task, name).fidelity for name in fidelities]
    else:
        bench.runs.fidelity_of(task, None)  # raises with the available tasks
        names = [name for name, of_task in with_runs(bench) if of_task == task]
    if len(set(names)) < 2:
        raise MissingRunError(
            f"fidelities are compared in pairs; the release has runs of {task} at "
            f"{', '.join(names) or 'none'} only"
            if fidelities is None
            else f"fidelity {names[0]} is compared with itself; give two different ones"
        )
    sets = {
        name: RunSet.of(bench, task, target=target, images=images, fidelity=name) for name in names
    }
    strata, measured = strata_of(bench, within), sets[names[0]].target
    frames = {}
    for a, b in itertools.combinations(names, 2):
        pairs = [
            (sets[a].matrix(one), sets[b].matrix(other)[..., None])
            for one in sets[a].seeds
            for other in sets[b].seeds
        ]
        of_pair = tau_frames(
            sets[a], pairs, [f"that at {b}"], level, strata, called=f"{measured} at {a}"
        )
        frames[a, b] = of_pair[0]
    frame = stacked(frames, ["fidelity_a", "fidelity_b", "image"])
    seeds = {name: list(runs.seeds) for name, runs in sets.items()}
    facts = {"task": task, "target": measured, "seeds": seeds}
    frame.attrs = facts | {"level": level, "within": within}
    return frame
