"""Which images a statistic is of, and which have runs at all. Must not import torch or pandas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.errors import ConfigError, unknown_name

from .runs import Block

if TYPE_CHECKING:
    from .reader import ReleaseReader

__all__ = ["chosen_images", "images_with_runs"]


def chosen_images(bench: ReleaseReader, images: str | Sequence[str] | None) -> list[int]:
    """Positions of the images that a call names, in its order, each once; None for all.

    Raises:
        UnknownNameError: an image that there is not.
        ConfigError: none is named.
    """
    if images is None:
        return list(range(len(bench.images)))
    several = isinstance(images, Iterable) and not isinstance(images, str)
    names = dict.fromkeys(images if several else [images])
    for name in names:
        if name not in bench.images:
            raise unknown_name("image", name, bench.images)
    if not names:
        raise ConfigError(f"no images are named; there is: {', '.join(bench.images)}")
    return [bench.images.index(name) for name in names]


def images_with_runs(bench: ReleaseReader, block: Block, seeds: Sequence[int]) -> str:
    """A sentence part on the images that have any run of the seeds."""
    there = np.any([block.statuses(seed) >= 0 for seed in seeds], axis=(0, 1))
    names = [name for name, has in zip(bench.images, there, strict=True) if has]
    return (
        f"{len(names)} of {len(bench.images)} images have runs of {block.task} at "
        f"{block.fidelity}: {', '.join(names) or 'none'}; name images to be asked for those alone"
    )
