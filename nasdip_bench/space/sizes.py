"""Sizes of images that the networks accept. Must not import torch."""

from __future__ import annotations

from nasdip_bench.errors import ImageError

from .architecture import LEVELS

__all__ = ["MIN_SIZE", "SIZE_MULTIPLE", "check_size"]

SIZE_MULTIPLE = 2**LEVELS
MIN_SIZE = 2 * SIZE_MULTIPLE
"""At the deepest level two pixels are left, so that one can be reflected."""


def check_size(height: int, width: int) -> None:
    """Raise `ImageError` unless the networks accept images of this size."""
    if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE or min(height, width) < MIN_SIZE:
        raise ImageError(
            f"an image of {height} x {width} does not fit the networks: height and width must be "
            f"multiples of {SIZE_MULTIPLE} and at least {MIN_SIZE}; crop or resize it"
        )
