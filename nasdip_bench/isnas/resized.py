"""The small problem that a cohort is trained on in the resized selection.

Source: ISNAS-DIP (CVPR 2022), section 4.3. The paper selects on the image resized so that its
shorter side is 64. Its released script resizes the *clean* image and corrupts that, which leaks the
ground truth into the search. Here the **corrupted** image is resized.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from nasdip_bench.errors import ConfigError
from nasdip_bench.space import SIZE_MULTIPLE
from nasdip_bench.tasks import Denoise, Inpaint, Observation

from .image import Degraded

SHORTER_SIDE = 64
_FILTER = PillowImage.Resampling.BILINEAR  # a triangle, wider when shrinking


def resized(problem: Degraded) -> Degraded:
    """The corrupted image at a small size, without a ground truth.

    Denoising: y' = R(y). Inpainting: y' = R(m·x) / R(m) where R(m) > 0, and the loss weights
    each pixel with R(m): mean R(m)·(f(z) - y')². R is Pillow's antialiased triangle filter, whose
    weights are not negative. An image whose shorter side is 64 or less keeps its size.

    Raises:
        ConfigError: super-resolution, for which it is not defined.
    """
    observation = problem.observation
    mask = observation.mask
    size = _small_size(problem)
    seen = resize(problem.cropped(observation.corrupted), size, _FILTER)
    if isinstance(problem.task, Inpaint) and mask is not None:
        weight = np.clip(resize(problem.cropped(mask), size, _FILTER), 0, None)
        known = weight > 0
        average = np.divide(seen, weight, out=np.zeros_like(seen), where=known)
        # The fit multiplies its output by the mask: take the root of the weight, so that squares
        # get the weight itself.
        root = np.sqrt(weight)
        observation = Observation(corrupted=root * np.clip(average, 0, 1), mask=root)
    else:
        observation = Observation(corrupted=np.clip(seen, 0, 1))
    return Degraded(
        name=problem.name, task=problem.task, observation=observation, truth=None, size=size
    )


def _small_size(problem: Degraded) -> tuple[int, int]:
    """(height, width): the shorter side 64, both multiples of 32, never an enlargement."""
    if not isinstance(problem.task, Denoise | Inpaint):
        raise ConfigError(
            f"the resized selection is not defined for {problem.task.name}, whose image is small "
            f"already: use --selection full"
        )
    scale = min(1.0, SHORTER_SIDE / min(problem.size))
    height, width = (
        max(SHORTER_SIDE, round(side * scale / SIZE_MULTIPLE) * SIZE_MULTIPLE)
        for side in problem.size
    )
    return height, width


def resize(
    image: np.ndarray, size: tuple[int, int], resample: PillowImage.Resampling
) -> NDArray[np.float32]:
    """Resize (C, H, W) floats to (height, width) with Pillow, antialiased when shrinking."""
    planes = [PillowImage.fromarray(np.ascontiguousarray(plane, np.float32)) for plane in image]
    return np.stack([np.asarray(plane.resize(size[::-1], resample)) for plane in planes])
