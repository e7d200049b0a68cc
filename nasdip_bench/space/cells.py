"""The upsampling cells and their numbers 0..323 in the paper's released code; 297 can be built."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from nasdip_bench.errors import ArchitectureError, check_whole

SAMPLINGS = ("bilinear", "bicubic", "nearest", "pixel_shuffle", "transposed_conv")
TRANSFORMS = (
    "conv",
    "transposed_conv",
    "split_stack_sum",
    "separable_conv",
    "depthwise_conv",
    "identity",
)
KERNELS = (1, 3, 5, 7)
ACTIVATIONS = ("none", "relu", "leaky_relu")
NUM_CELLS = 324

# The released numbering is four blocks of 63 (5 transforms x 4 kernels x 3 activations, then the
# identity with its 3 activations), one block of 60 with the pixel shuffle after the transform, and
# 12 stride-2 transposed convolutions.
_BLOCK = 63
_SHUFFLE_LAST_START = 252
_TRANSPOSED_START = 312
_PER_TRANSFORM = len(KERNELS) * len(ACTIVATIONS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """The attributes of one upsampling cell.

    Attributes:
        sampling: one of `SAMPLINGS`.
        transform: one of `TRANSFORMS`.
        kernel: side of the transform's kernel, or of the transposed convolution's if that is the
            sampling; None if the cell has no kernel (interpolation with identity).
        activation: one of `ACTIVATIONS`; applied after the sampling and after the transform.
        transform_first: the transform precedes the sampling (only with pixel_shuffle).
    """

    sampling: str
    transform: str
    kernel: int | None
    activation: str
    transform_first: bool = False

    @property
    def dilatable(self) -> bool:
        """Whether the cell has a transform that a dilation changes."""
        return self.transform != "identity" and self.kernel != 1

    @property
    def invalid_because(self) -> str | None:
        """Why the cell cannot be built with 128 channels, or None if it can."""
        if self.sampling != "pixel_shuffle":
            return None
        if self.transform == "depthwise_conv":
            return "a depthwise convolution cannot change the number of channels"
        if self.transform == "identity":
            return "pixel_shuffle with an identity transform leaves a quarter of the channels"
        return None


@lru_cache(maxsize=NUM_CELLS)
def cell_attributes(cell: int) -> Cell:
    """The attributes of a cell number of the released code, valid or not.

    Args:
        cell: 0..323.

    Raises:
        ArchitectureError: not a whole number in this range.
    """
    check_whole("cell", cell, 0, NUM_CELLS - 1, error=ArchitectureError)
    if cell >= _TRANSPOSED_START:
        return Cell(
            sampling="transposed_conv",
            transform="identity",
            kernel=KERNELS[(cell // 3) % 4],
            activation=ACTIVATIONS[cell % 3],
        )
    transform_first = cell >= _SHUFFLE_LAST_START
    block, r = (3, cell - _SHUFFLE_LAST_START) if transform_first else divmod(cell, _BLOCK)
    transform = TRANSFORMS[r // _PER_TRANSFORM]
    return Cell(
        sampling=SAMPLINGS[block],
        transform=transform,
        kernel=None if transform == "identity" else KERNELS[(r // 3) % 4],
        activation=ACTIVATIONS[r % 3],
        transform_first=transform_first,
    )


VALID_CELLS: tuple[int, ...] = tuple(
    number for number in range(NUM_CELLS) if cell_attributes(number).invalid_because is None
)
"""The 297 cells that can be built, ascending."""
