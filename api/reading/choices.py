"""Architectures of a release to choose from: evaluated ones, random ones, the nearest to one.

Must not import torch or pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, MissingRunError, unknown_name
from nasdip_bench.seeding import as_generator
from nasdip_bench.space import Architecture

if TYPE_CHECKING:
    from .architectures import ArchitectureLike
    from .reader import ReleaseReader

__all__ = ["evaluated", "neighbours", "random"]


def evaluated(
    bench: ReleaseReader,
    task: str,
    image: str | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> NDArray[np.intp]:
    """Rows of the architectures that have runs, ok or diverged: `query` answers for these.

    What a simulator or the names of NAS-Bench-201 search in is the same.

    Args:
        task: name.
        image: name; None for every image that has a run of the task at the fidelity.
        fidelity: None for the release's default for the task.
        seed: None for every default seed.

    Returns:
        (n,), ascending.

    Raises:
        UnknownNameError: an image, task, fidelity or seed that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    block = bench.runs.block(task, fidelity)
    if image is not None and (not isinstance(image, str) or image not in bench.images):
        raise unknown_name("image", image, bench.images)
    place = None if image is None else bench.images.index(image)
    return np.flatnonzero(block.evaluated(block.choose_seeds(seed), place))


def random(
    bench: ReleaseReader,
    rng: int | np.random.Generator | None = None,
    task: str | None = None,
    image: str | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> Architecture:
    """An architecture of the release, each as likely as another.

    Args:
        rng: a seed, a generator to draw from, or None for one that the system seeds.
        task: None for any, whether it has runs or not; else one that is `evaluated`, to which
            the arguments after this one belong.
        image: name.
        fidelity: name.
        seed: of the runs.

    Raises:
        ConfigError: an image, a fidelity or a seed without a task, or rng is no seed and no
            generator.
        UnknownNameError: a name or seed that there is not.
        MissingRunError: none is evaluated.
    """
    rows = _rows_to_choose_from(bench, task, image, fidelity, seed)
    return bench[int(as_generator(rng).choice(rows))]


def neighbours(
    bench: ReleaseReader,
    arch: ArchitectureLike,
    k: int = 10,
    task: str | None = None,
    image: str | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> list[tuple[Architecture, int]]:
    """The architectures of the release nearest to one, which need not be in it.

    A release is a sample of 10^10 architectures: those that differ in a single choice
    (`Architecture.neighbours`) are hardly ever in it.

    Args:
        arch: an architecture.
        k: how many, 1..the number of others.
        task: None for any, whether they have runs or not; else those that are `evaluated`, to
            which the arguments after this one belong.
        image: name.
        fidelity: name.
        seed: of the runs.

    Returns:
        (architecture, distance), nearest first, ties by row; distance: the number of choices
        that differ, of the 25 skip bits and the six of the cell (sampling, transform, kernel,
        activation, order, dilation).

    Raises:
        ConfigError: k is outside the range, or an image, a fidelity or a seed without a task.
        UnknownNameError: a row, a name or a seed that there is not.
        ArchitectureError: no architecture at all.
        MissingRunError: none is evaluated.
    """
    rows = _rows_to_choose_from(bench, task, image, fidelity, seed)
    origin = bench[arch] if isinstance(arch, int | np.integer) else Architecture.parse(arch)
    distances = bench.architecture_rows.distances(origin)
    nearest = rows[np.argsort(distances[rows], kind="stable")]
    others = [row for row in nearest.tolist() if distances[row]]
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= len(others):
        raise ConfigError(f"k {k!r} must be a whole number from 1 to {len(others)}")
    return [(bench[row], int(distances[row])) for row in others[:k]]


def _rows_to_choose_from(
    bench: ReleaseReader,
    task: str | None,
    image: str | None,
    fidelity: str | None,
    seed: int | None,
) -> NDArray[np.intp]:
    """(n,) ascending: the evaluated rows, or all where no task is given."""
    if task is not None:
        rows = evaluated(bench, task, image, fidelity, seed)
        if not len(rows):
            raise MissingRunError(
                f"no architecture has runs of {task!r} at "
                f"{bench.runs.fidelity_of(task, fidelity)!r} on {image or 'all images'} with "
                f"{'all default seeds' if seed is None else f'seed {seed}'}: bench.coverage() "
                f"says what there is"
            )
        return rows
    for name, value in (("image", image), ("fidelity", fidelity), ("seed", seed)):
        if value is not None:
            raise ConfigError(f"{name} {value!r} means nothing without a task: give task= too")
    return np.arange(len(bench))
