"""Where recorded stopping rules stop the runs of a task, as dense arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.curve_parts import part_of
from nasdip_bench.dataset.manifest import part_path
from nasdip_bench.dataset.stop_parts import stacked_stops

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


def read_recorded_stops(folder: DatasetFolder, block: Block) -> RecordedStops:
    """Read all stops of a block, part by part.

    Raises:
        DatasetError: a file is damaged.
    """
    found, shape = [], block.status.shape
    for place, seed in enumerate(block.seeds):
        arch_ids, images = np.nonzero(block.statuses(seed) >= 0)
        parts = part_of(arch_ids.astype(np.int32))
        places = block.curve_row[arch_ids, images, place]
        for number in np.unique(parts).tolist():
            if (
                part_path("stops", block.fidelity, block.task, seed, number)
                in folder.manifest.files
            ):
                mine = parts == number
                _, part = folder.stops(block.fidelity, block.task, seed, number, int(mine.sum()))
                runs = np.ravel_multi_index(
                    (arch_ids[mine], images[mine], place), block.status.shape
                )
                found.append((runs, part.take(places[mine])))
    whole = stacked_stops(block.status.size, found)
    values = {
        name: np.moveaxis(array.reshape(*shape, len(whole.rules)), -1, 0)
        for name, array in whole.values.items()
    }
    delivered = values["iteration"]
    psnr_smooth_db, ssim_smooth = (
        np.where(delivered > 0, values[name], np.float32(np.nan))
        for name in ("psnr_smooth_db", "ssim_smooth")
    )
    return RecordedStops(
        whole.rules, delivered, values["paid"], values["stopped"], psnr_smooth_db, ssim_smooth
    )
