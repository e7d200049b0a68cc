"""Restored images on disk: smoothed outputs of fits, in 8 bits, for releases that keep them.

An output file holds those of the runs of one (fidelity, task): ``output`` (run x C x H x W, uint8)
and ``iteration`` (run, int32: the iteration that the output is of, 0 where a run has none). C is
the most channels of any image; a gray image has its one first, and zeros in the others. h5py is
imported on use. Must not import torch.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ABSENT", "IMAGE_CHANNELS", "MAX_PIXELS", "Output", "read_output", "write_outputs"]

ABSENT = 0
"""The iteration of a run without an output; iterations count from 1."""

IMAGE_CHANNELS = (1, 3)
"""Gray, or colour."""

MAX_PIXELS = 3 * 4096**2
"""Numbers of one output."""


class Output(NamedTuple):
    """A restored image.

    Attributes:
        iteration: the one it is of, from 1.
        deflated: the bytes of (C, H, W) uint8, as zlib compresses them.
    """

    iteration: int
    deflated: bytes

    @classmethod
    def of_image(cls, image: NDArray[np.float32], iteration: int) -> Output:
        """An image (C, H, W) in [0, 1], rounded to 8 bits."""
        return cls.of_pixels(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8), iteration)

    @classmethod
    def of_pixels(cls, pixels: NDArray[np.uint8], iteration: int) -> Output:
        """Pixels (C, H, W)."""
        return cls(iteration, zlib.compress(np.ascontiguousarray(pixels).tobytes()))

    def pixels(self, side: int) -> NDArray[np.uint8]:
        """(C, side, side) uint8.

        Raises:
            ValueError: it is no image of this size.
        """
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(self.deflated, 3 * side * side + 1)
        if not unpacker.eof:
            raise ValueError(f"it is no image of {side} x {side} pixels")
        return np.frombuffer(content, np.uint8).reshape(-1, side, side)


def write_outputs(path: Path, outputs: Sequence[Output | None], side: int) -> None:
    """Write an output file; it is made in memory first, as curve files are.

    Args:
        path: the file to create.
        outputs: of each run, in the order of the runs' ``curve_row``; one at least is not None.
        side: height and width.
    """
    import h5py

    channels = max(len(output.pixels(side)) for output in outputs if output is not None)
    shape = (len(outputs), channels, side, side)
    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest") as file:
        # A chunk a run: replaying reads a few of many.
        stored = file.create_dataset(
            "output", shape, np.uint8, chunks=(1, *shape[1:]), compression="gzip"
        )
        stored.attrs["unit"] = "1/255"
        stored.attrs["meaning"] = "smoothed output at the iteration, rounded to 8 bits"
        for row, output in enumerate(outputs):
            if output is not None:
                pixels = output.pixels(side)
                stored[row, : len(pixels)] = pixels
        iterations = [ABSENT if output is None else output.iteration for output in outputs]
        file.create_dataset("iteration", data=np.array(iterations, np.int32))
        file["iteration"].attrs["missing"] = ABSENT
    path.write_bytes(content.getvalue())


def read_output(file: Any, row: int, channels: int) -> NDArray[np.uint8]:
    """(channels, H, W) uint8 of a row of an open output file."""
    pixels: NDArray[np.uint8] = file["output"][row, :channels]
    return pixels
