"""A restored image of a release that keeps them. Must not import torch or pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingRunError, unknown_name
from nasdip_bench.outputs import ABSENT

if TYPE_CHECKING:
    from nasdip_bench.api.lookup import ArchitectureLike
    from nasdip_bench.api.reader import ReleaseReader

__all__ = ["Restored", "restored"]


class Restored(NamedTuple):
    """The smoothed output of a run, in 8 bits.

    Attributes:
        pixels: (C, H, W) uint8.
        iteration: the one it is of, from 1; the fidelity's stop when the run was trained.
        arch_id: row of the architecture in this release.
        architecture: its canonical string.
        image: name.
        task: name.
        fidelity: the training set-up.
        seed: of the run.
    """

    pixels: NDArray[np.uint8]
    iteration: int
    arch_id: int
    architecture: str
    image: str
    task: str
    fidelity: str
    seed: int


def restored(
    bench: ReleaseReader,
    arch: ArchitectureLike,
    image: str,
    task: str,
    fidelity: str | None = None,
    seed: int | None = None,
) -> Restored:
    """The restored image of a run.

    Args:
        bench: the release.
        arch: an architecture.
        image: name.
        task: name.
        fidelity: None for the release's default for the task.
        seed: None for the first of the default seeds.

    Raises:
        UnknownNameError: an architecture, image, task, fidelity or seed that there is not.
        ArchitectureError: no architecture at all.
        MissingRunError: the run is missing, or its output is not kept.
        DatasetError: the file of outputs is damaged.
    """
    if image not in bench.images:
        raise unknown_name("image", image, bench.images)
    block = bench.runs.block(task, fidelity)
    one = block.choose_seeds(seed)[0]
    run = bench.query(arch, image, task, block.fidelity, one)  # says if it is missing
    position = bench.images.index(image)
    row = block.rows[run.arch_id, position, block.position(one)]
    key = (block.fidelity, task)
    place = int(block.columns["curve_row"][row])
    kept = ABSENT
    if key in bench.outputs:
        kept = int(bench.outputs.iterations(*key, [place])[0])
    if kept == ABSENT:
        raise MissingRunError(
            f"no output of {run.architecture} on {image} for {task} at {block.fidelity} with seed "
            f"{one} ({run.status}): this release keeps "
            f"{'those of other runs' if key in bench.outputs else 'none of this task'}; build with "
            f"'nasdip-build --keep-outputs', and release that"
        )
    channels = bench.to_arrow("images")["channels"][position].as_py()
    (pixels,) = bench.outputs.images(*key, [place], channels)
    return Restored(pixels, kept, run.arch_id, run.architecture, image, task, block.fidelity, one)
