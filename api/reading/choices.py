"""Pick architectures of a release: all evaluated ones, a random one, or the nearest to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingRunError, check_whole
from nasdip_bench.seeding import as_generator
from nasdip_bench.space import Architecture

from .arrays.names import image_position

if TYPE_CHECKING:
    from .architectures import ArchitectureLike
    from .reader import ReleaseReader


def evaluated(
    bench: ReleaseReader,
    task: str | None = None,
    *,
    image: str | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> NDArray[np.intp]:
    """Rows of the architectures that have runs, ok or diverged: those that `query` can answer for.

    The simulator and the NAS-Bench-201 interface search the same architectures.

    Args:
        task: name; None for every task that has runs at the fidelity.
        image: name; None for every image that has a run of the task at the fidelity.
        fidelity: None for the release's default for the task.
        seed: None for every default seed.

    Returns:
        (n,), ascending; ``bench[rows]`` gives the architectures.

    Raises:
        UnknownNameError: an unknown image, task, fidelity or seed.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> rows = bench.evaluated("denoise")
        >>> bench[rows][0] == bench[int(rows[0])]
        True
    """
    place = None if image is None else image_position(image, bench.images, bench.tasks)
    there = np.ones(len(bench), np.bool_)
    for one in _tasks_with_runs(bench, fidelity) if task is None else (task,):
        block = bench.runs.block(one, fidelity)
        there &= block.evaluated(block.choose_seeds(seed), place)
    return np.flatnonzero(there)


def random(
    bench: ReleaseReader,
    seed: int | np.random.Generator | None = None,
    *,
    task: str | None = None,
    image: str | None = None,
    fidelity: str | None = None,
    run_seed: int | None = None,
) -> Architecture:
    """Draw an architecture that has runs, all with equal probability.

    Args:
        seed: seed of the draw, or a generator; None for a random seed.
        task: draw among those `evaluated` for this task; None for every task. The arguments below
            are also those of `evaluated`.
        image: name.
        fidelity: name.
        run_seed: seed of the runs.

    Raises:
        ConfigError: seed is neither a seed nor a generator.
        UnknownNameError: an unknown name or seed.
        MissingRunError: no architecture is evaluated.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> bench.query(bench.random(1), "lena", "denoise").status
        'ok'
    """
    rows = _rows_to_choose_from(bench, task, image, fidelity, run_seed)
    return bench[int(as_generator(seed).choice(rows))]


def neighbours(
    bench: ReleaseReader,
    arch: ArchitectureLike,
    *,
    k: int = 10,
    task: str | None = None,
    image: str | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> list[tuple[Architecture, int]]:
    """The architectures with runs that are nearest to the given one.

    A release is a small sample of 10^10 architectures: those that differ in a single choice
    (`Architecture.neighbours`) are hardly ever in it.

    Args:
        arch: an architecture, in the release or not.
        k: how many, from 1 to the number of others.
        task: choose among those `evaluated` for this task; None for every task. The arguments
            below are also those of `evaluated`.
        image: name.
        fidelity: name.
        seed: seed of the runs.

    Returns:
        (architecture, distance), nearest first, ties by row. The distance is the number of choices
        that differ, of the 25 skip bits and six of the cell (sampling, transform, kernel,
        activation, order, dilation).

    Raises:
        ConfigError: k is outside the range.
        UnknownNameError: an unknown row, name or seed.
        ArchitectureError: not an architecture.
        MissingRunError: no architecture is evaluated.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> near = bench.neighbours(0, k=3, task="denoise")
        >>> len(near), near[0][1] > 0  # architecture and how many choices differ
        (3, True)
    """
    rows = _rows_to_choose_from(bench, task, image, fidelity, seed)
    every = bench.architecture_rows
    distances = every.distances(every.meant(arch))
    nearest = rows[np.argsort(distances[rows], kind="stable")]
    others = [row for row in nearest.tolist() if distances[row]]
    return [
        (bench[row], int(distances[row])) for row in others[: check_whole("k", k, 1, len(others))]
    ]


def _tasks_with_runs(bench: ReleaseReader, fidelity: str | None) -> tuple[str, ...]:
    """Tasks with runs at a fidelity; if none, the first task, so that its error explains why."""
    runs = bench.runs
    names = {task: fidelity or runs.fidelity_of(task, None) for task in bench.tasks}
    return tuple(t for t, name in names.items() if runs.has_runs(t, name)) or bench.tasks[:1]


def _rows_to_choose_from(
    bench: ReleaseReader,
    task: str | None,
    image: str | None,
    fidelity: str | None,
    seed: int | None,
) -> NDArray[np.intp]:
    """(n,) ascending, at least one: the evaluated rows."""
    rows = evaluated(bench, task, image=image, fidelity=fidelity, seed=seed)
    if not len(rows):
        runs, what = bench.runs, "every task" if task is None else repr(task)
        tasks = _tasks_with_runs(bench, fidelity) if task is None else (task,)
        names = {runs.fidelity_of(one, fidelity) for one in tasks}
        raise MissingRunError(
            f"no architecture has runs of {what} at {' and '.join(map(repr, sorted(names)))} on "
            f"{image or 'all images'} with "
            f"{'all default seeds' if seed is None else f'seed {seed}'}: bench.coverage() shows "
            f"which runs exist"
        )
    return rows
