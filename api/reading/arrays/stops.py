"""Where recorded stopping rules stop the runs of a task, as dense arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.curve_parts import part_of
from nasdip_bench.dataset.manifest import part_path

from .block import Block


class RecordedStops(NamedTuple):
    """Stops of all runs of a task at a fidelity.

    Attributes:
        rules: name and parameters of each rule.
        delivered: (rule, architecture, image, seed) int32, the delivered iteration; 0 where no run
            ended ok or none was recorded.
        paid: same shape, iterations trained.
        stopped: same shape, bool; False where the budget ended first.
        psnr_smooth_db: same shape, float32, at the delivered iteration; NaN where there is none.
        ssim_smooth: same shape, likewise.
    """

    rules: tuple[tuple[str, str], ...]
    delivered: NDArray[np.int32]
    paid: NDArray[np.int32]
    stopped: NDArray[np.bool_]
    psnr_smooth_db: NDArray[np.float32]
    ssim_smooth: NDArray[np.float32]


_COLUMNS = ("iteration", "paid", "stopped", "psnr_smooth_db", "ssim_smooth")


def read_recorded_stops(folder: DatasetFolder, block: Block) -> RecordedStops:
    """Read all stops of a block, part by part.

    Raises:
        DatasetError: a file is damaged.
    """
    found = []
    for place, seed in enumerate(block.seeds):
        rows = block.rows[:, :, place]
        arch_ids, images = np.nonzero(rows >= 0)
        parts = part_of(arch_ids.astype(np.int32))
        places = block.columns["curve_row"][rows[arch_ids, images]]
        for number in np.unique(parts).tolist():
            if (
                part_path("stops", block.fidelity, block.task, seed, number)
                in folder.manifest.files
            ):
                mine = parts == number
                _, part = folder.stops(block.fidelity, block.task, seed, number, int(mine.sum()))
                found.append((part.take(places[mine]), arch_ids[mine], images[mine], place))
    rules = tuple(dict.fromkeys(rule for part, *_ in found for rule in part.rules))
    shape = (len(rules), *block.rows.shape)
    whole = RecordedStops(
        rules,
        delivered=np.zeros(shape, np.int32),
        paid=np.zeros(shape, np.int32),
        stopped=np.zeros(shape, np.bool_),
        psnr_smooth_db=np.full(shape, np.nan, np.float32),
        ssim_smooth=np.full(shape, np.nan, np.float32),
    )
    for part, arch_ids, images, place in found:
        there = part.values["iteration"] > 0
        for number, rule in enumerate(part.rules):
            mine = there[:, number]
            at = (rules.index(rule), arch_ids[mine], images[mine], place)
            for column, array in zip(_COLUMNS, whole[1:], strict=True):
                array[at] = part.values[column][mine, number]
    return whole
