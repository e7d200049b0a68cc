"""Messages for a missing run or curve point, with what the release has instead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import UnknownNameError, check_whole

from .block import Block
from .index import RunIndex


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
