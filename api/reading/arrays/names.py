"""Look up images, tasks, iterations and runs; errors say what the release has instead.

An image given where a task belongs, or the reverse, is told so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import UnknownNameError, check_whole, unknown_name

if TYPE_CHECKING:
    from .block import Block
    from .index import RunIndex


def image_position(image: object, images: Sequence[str], tasks: Sequence[str]) -> int:
    """The position of an image; see `unknown_image` for the arguments and the error."""
    if not isinstance(image, str) or image not in images:
        raise unknown_image(image, images, tasks)
    return images.index(image)


def unknown_image(image: object, images: Sequence[str], tasks: Sequence[str]) -> UnknownNameError:
    """The error for an unknown image, or for a task where an image belongs.

    Args:
        image: as given.
        images: all known images.
        tasks: all known tasks.
    """
    if isinstance(image, str) and image in tasks:
        return _out_of_order(f"{image!r} is a task, where an image belongs", "image", images)
    return unknown_name("image", image, images)


def unknown_task(task: object, tasks: Sequence[str], images: Sequence[str]) -> UnknownNameError:
    """The error for an unknown task, or for an image where a task belongs.

    Args:
        task: as given.
        tasks: all known tasks.
        images: all known images.
    """
    if isinstance(task, str) and task in images:
        return _out_of_order(f"{task!r} is an image, where a task belongs", "task", tasks)
    return unknown_name("task", task, tasks)


def _out_of_order(what: str, kind: str, there: Sequence[str]) -> UnknownNameError:
    return UnknownNameError(
        f"{what}: an architecture comes before an image, an image before a task. Available as "
        f"{kind}: {', '.join(there)}."
    )


def kept_place(block: Block, kept: NDArray[np.int32], iteration: int) -> int:
    """The place of an iteration among the kept ones.

    Args:
        block: the runs that the curves belong to.
        kept: (P,) int32, ascending.
        iteration: the requested one.

    Raises:
        UnknownNameError: it is outside the budget or was not kept.
    """
    last = block.record.iterations
    note = f", the length of runs of {block.task!r} at fidelity {block.fidelity!r}"
    check_whole("iteration", iteration, 1, last, note=note, error=UnknownNameError)
    place = int(np.searchsorted(kept, iteration))
    if place == len(kept) or kept[place] != iteration:
        near = " and ".join(str(kept[i]) for i in (place - 1, place) if 0 <= i < len(kept))
        raise UnknownNameError(
            f"iteration {iteration} of {block.task!r} at fidelity {block.fidelity!r} was not kept: "
            f"a release keeps {len(kept)} of the {last}. The nearest kept are {near}; "
            f"bench.curve(...).iterations and 'nasdip-bench curve' list all"
        )
    return place


def missing_run(
    runs: RunIndex,
    block: Block,
    architecture: tuple[int, str],
    image: tuple[int, str],
    seed: int,
) -> str:
    """The message for a run that the release could hold but does not.

    Args:
        runs: all runs of the release.
        block: where the run should be.
        architecture: its row and canonical string.
        image: its position and name.
        seed: seed of the run.
    """
    (arch_id, code), (image_row, name), task = architecture, image, block.task
    having = []
    for fidelity in runs.fidelities:
        if not runs.has_runs(task, fidelity):
            continue
        other = runs.block(task, fidelity)
        there = other.rows[arch_id, image_row] >= 0
        seeds = [str(s) for s, is_there in zip(other.seeds, there, strict=True) if is_there]
        if seeds:
            having.append(f"{fidelity} with seed {', '.join(seeds)}")
    held, most = block.record.seeds.get(str(seed), 0), block.rows.shape[0] * block.rows.shape[1]
    return (
        f"no run of architecture {code} on {name!r} for {task!r} at fidelity "
        f"{block.fidelity!r} with seed {seed}. Available for this architecture, image and task: "
        f"{'; '.join(having) or 'none'}. The release holds {held} of the {most} runs of {task} at "
        f"{block.fidelity} with seed {seed}: bench.coverage() and "
        f"'nasdip-bench coverage' count them, bench.evaluated({task!r}) lists architectures."
    )
