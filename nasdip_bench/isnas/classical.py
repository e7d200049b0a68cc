"""What a method without a network makes of the same image, to be reported beside the search.

scikit-image's non-local means (Buades, Coll, Morel, CVPR 2005), biharmonic inpainting (Damelin and
Hoang, 2018), and Pillow's bicubic enlargement.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from nasdip_bench.tasks import Denoise, Inpaint, noise_estimate

from .image import Degraded

__all__ = ["classical_restoration"]


def classical_restoration(problem: Degraded) -> tuple[str, NDArray[np.float32]]:
    """The name of the method, and its (C, height, width) image in [0, 1] without the padding."""
    if isinstance(problem.task, Denoise):
        return _non_local_means(problem)
    if isinstance(problem.task, Inpaint):
        return _biharmonic(problem)
    return _bicubic(problem)


def _non_local_means(problem: Degraded) -> tuple[str, NDArray[np.float32]]:
    """With the strength of the noise as estimated from the image, which is all a user has."""
    from skimage.restoration import denoise_nl_means

    noisy = np.moveaxis(problem.seen, 0, -1)
    sigma = noise_estimate(problem.seen)
    found = denoise_nl_means(
        noisy,
        patch_size=5,
        patch_distance=6,
        h=0.8 * sigma,
        sigma=sigma,
        fast_mode=True,
        channel_axis=-1,
    )
    return "non-local means", _image(found.reshape(noisy.shape))


def _biharmonic(problem: Degraded) -> tuple[str, NDArray[np.float32]]:
    from skimage.restoration import inpaint_biharmonic

    mask = problem.observation.mask
    missing = problem.cropped(np.asarray(mask))[0] == 0
    found = inpaint_biharmonic(
        np.moveaxis(problem.seen, 0, -1), missing, split_into_regions=True, channel_axis=-1
    )
    return "biharmonic inpainting", _image(found)


def _bicubic(problem: Degraded) -> tuple[str, NDArray[np.float32]]:
    height, width = problem.size
    planes = [
        PillowImage.fromarray(np.ascontiguousarray(plane)).resize(
            (width, height), PillowImage.Resampling.BICUBIC
        )
        for plane in problem.seen
    ]
    return "bicubic enlargement", np.clip(np.stack([np.asarray(p) for p in planes]), 0, 1)


def _image(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """(H, W, C) to (C, H, W) in [0, 1]."""
    return np.clip(np.moveaxis(rows, -1, 0), 0, 1).astype(np.float32)
