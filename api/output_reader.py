"""Reads the restored images that a release may keep. h5py is imported on use; never torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder, output_path
from nasdip_bench.errors import DatasetError
from nasdip_bench.files import sha256_bytes
from nasdip_bench.outputs import ABSENT, IMAGE_CHANNELS, read_output

__all__ = ["OutputReader"]


class OutputReader:
    """Outputs by (fidelity, task, rows). Safe to share between threads, and after a fork.

    Args:
        folder: the dataset.
    """

    def __init__(self, folder: DatasetFolder) -> None:
        self._folder = folder
        self._all_iterations = lru_cache(maxsize=None)(self._read_iterations)

    def __contains__(self, key: tuple[str, str]) -> bool:
        """Whether the release has a file of a (fidelity, task)."""
        return self._folder.has_outputs(*key)

    def iterations(
        self, fidelity: str, task: str, rows: Sequence[int] | NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """(rows,) int32: what outputs are of, `nasdip_bench.outputs.ABSENT` where there is none.

        Raises:
            DatasetError: the file is absent or damaged, or lacks a row.
        """
        found = self._all_iterations(fidelity, task)
        wanted = np.asarray(rows, np.int64)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(found):
            raise DatasetError(
                f"runs.parquet names a curve_row outside 0..{len(found) - 1} of {task} at "
                f"{fidelity}; run 'nasdip-bench verify'"
            )
        return found[wanted]

    def _read_iterations(self, fidelity: str, task: str) -> NDArray[np.int32]:
        with self._folder.outputs(fidelity, task) as file:
            found: NDArray[np.int32] = file["iteration"][:]
        return found

    def images(
        self, fidelity: str, task: str, rows: Sequence[int], channels: int
    ) -> NDArray[np.uint8]:
        """(rows, channels, H, W) uint8 of some rows, one at least.

        Raises:
            DatasetError: the file is absent or damaged, or lacks a row.
        """
        return np.stack([*self._read(fidelity, task, [(row, channels) for row in rows])])

    def digests(
        self, fidelity: str, task: str, rows: Sequence[tuple[int, int]]
    ) -> list[tuple[int, str] | None]:
        """Iteration and SHA-256 of the pixels of (row, channels), None where there is no output.

        Raises:
            DatasetError: the file is absent or damaged, or lacks a row.
        """
        if (fidelity, task) not in self:
            return [None] * len(rows)
        iterations = self.iterations(fidelity, task, [row for row, _ in rows]).tolist()
        images = self._read(fidelity, task, rows)
        return [
            None if iteration == ABSENT else (iteration, sha256_bytes(image.tobytes()))
            for iteration, image in zip(iterations, images, strict=True)
        ]

    def _read(
        self, fidelity: str, task: str, rows: Sequence[tuple[int, int]]
    ) -> Iterator[NDArray[np.uint8]]:
        with self._folder.outputs(fidelity, task) as file:
            for row, channels in rows:
                try:
                    if row < 0:
                        raise IndexError("rows count from 0")
                    image = read_output(file, row, channels)
                    if len(image) != channels or channels not in IMAGE_CHANNELS:
                        raise ValueError(f"{len(image)} channels, images.parquet has {channels}")
                except (IndexError, OSError, RuntimeError, ValueError) as error:
                    raise DatasetError(
                        f"{output_path(fidelity, task)} has no row {row} that can be read "
                        f"({error}); run 'nasdip-bench verify'"
                    ) from error
                yield image
