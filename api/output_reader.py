"""Reads the restored images that a release may keep. h5py is imported on use; never torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder, output_path
from nasdip_bench.errors import DatasetError
from nasdip_bench.outputs import read_output

__all__ = ["OutputReader"]


class OutputReader:
    """Outputs by (fidelity, task, rows). Safe to share between threads, and after a fork.

    Args:
        folder: the dataset.
    """

    def __init__(self, folder: DatasetFolder) -> None:
        self._folder = folder
        self._iterations = lru_cache(maxsize=None)(self._read_iterations)

    def __contains__(self, key: tuple[str, str]) -> bool:
        """Whether the release has a file of a (fidelity, task)."""
        return self._folder.has_outputs(*key)

    def iterations(self, fidelity: str, task: str) -> NDArray[np.int32]:
        """(row,) int32, read-only: what each output is of, `nasdip_bench.outputs.ABSENT` of none.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        return self._iterations(fidelity, task)

    def _read_iterations(self, fidelity: str, task: str) -> NDArray[np.int32]:
        with self._folder.outputs(fidelity, task) as file:
            found: NDArray[np.int32] = file["iteration"][:]
        found.setflags(write=False)
        return found

    def images(
        self, fidelity: str, task: str, rows: Sequence[int], channels: int
    ) -> NDArray[np.uint8]:
        """(rows, channels, H, W) uint8 of some rows.

        Raises:
            DatasetError: the file is absent or damaged, or lacks a row.
        """
        with self._folder.outputs(fidelity, task) as file:
            try:
                if rows and min(rows) < 0:
                    raise IndexError("a row below 0")
                images = np.stack([read_output(file, row, channels) for row in rows])
                if images.shape[1] != channels:
                    raise ValueError(f"{images.shape[1]} channels instead of {channels}")
            except (IndexError, OSError, RuntimeError, ValueError) as error:
                raise DatasetError(
                    f"{output_path(fidelity, task)} has no rows {list(rows)} that can be read "
                    f"({error}); run 'nasdip-bench verify'"
                ) from error
        return images
