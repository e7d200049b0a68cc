"""A user's files as what a search takes: image, mask, ground truth. Must not import torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, ImageError
from nasdip_bench.images import read_image
from nasdip_bench.tasks import Inpaint, Task

from .image import Degraded, corrupt, degraded

__all__ = ["MAX_PIXELS", "read_mask", "read_pixels", "read_problem"]

MAX_PIXELS = 16 * 2**20
"""Of the restored image; a fit at 4096 x 4096 holds some 100 GB."""


def read_problem(
    path: Path,
    task: Task,
    *,
    clean: bool = False,
    mask: Path | None = None,
    truth: Path | None = None,
) -> Degraded:
    """What is to be restored, from files.

    Args:
        path: the image: gray or colour, of 8 or 16 bits (reduced to 8), transparent parts over
            white; any size.
        task: the task.
        clean: the image is clean and is to be corrupted; it is the ground truth, then.
        mask: for inpainting: white where the image is known, black where not.
        truth: the clean image, to measure against.

    Raises:
        ImageError: a file that cannot be read, or of a size that does not fit.
        ConfigError: files that do not go together.
    """
    pixels, name = read_pixels(path), path.stem
    known = None if mask is None else read_mask(mask)
    if clean and truth is not None:
        raise ConfigError(
            "an image that is to be corrupted is its own ground truth: leave out --ground-truth, "
            "or --corrupt if it is corrupted already"
        )
    if isinstance(task, Inpaint) and known is None and not clean:
        raise ConfigError(
            "inpainting needs to know which pixels are missing: give a mask (--mask FILE, white is "
            "known, black is missing), or let a clean image be corrupted (--corrupt --missing 0.5)"
        )
    if clean:
        problem = corrupt(pixels, task, name, known)
    else:
        clean_pixels = None if truth is None else read_pixels(truth)
        problem = degraded(pixels, task, name, mask=known, truth=clean_pixels)
    _, height, width = problem.shape
    if height * width > MAX_PIXELS:
        raise ImageError(
            f"the restored image would have {height} x {width} pixels, more than {MAX_PIXELS}: cut "
            f"the image into parts, or reduce it"
        )
    return problem


def read_pixels(path: Path) -> NDArray[np.float32]:
    """(C, H, W) float32 in [0, 1] of an image file; see `nasdip_bench.images.read_image`."""
    return read_image(path).pixels.astype(np.float32) / np.float32(255)


def read_mask(path: Path) -> NDArray[np.float32]:
    """(1, H, W) of 0 and 1: at least half-way to white in every channel is 1."""
    darkest = read_image(path).pixels.min(axis=0, keepdims=True)
    return np.asarray(darkest >= 128, np.float32)
