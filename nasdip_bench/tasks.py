"""The restoration tasks: how an image is corrupted, and what a restoration is compared with.

Images are arrays (C, H, W) in [0, 1]. The corrupted image depends only on image, task, resolution
and seed: it is the same for every architecture. Losses and PSNR on torch tensors are in
`nasdip_bench.fit.objective`.

Sources: ISNAS-DIP (CVPR 2022), section 5; Ulyanov et al., "Deep Image Prior", CVPR 2018, for the
fixed Lanczos downsampler of super-resolution.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nasdip_bench.errors import ConfigError, ImageError, check_name
from nasdip_bench.seeding import BitStream

if TYPE_CHECKING:
    from PIL.Image import Resampling


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What a fit sees of an image.

    Attributes:
        corrupted: (C, h, w) float32 in [0, 1]: y. For inpainting m·x, for super-resolution the
            low-resolution image.
        mask: (1, H, W) float32 of 0 (missing) and 1, for inpainting; else None.
    """

    corrupted: np.ndarray
    mask: np.ndarray | None = None


class Task(ABC):
    """A restoration task; its name is part of the keys of random draws.

    Attributes:
        kind: the name without parameters; fidelities state iterations by kind.
        factor: how many times smaller the corrupted image is: above 1 in super-resolution.
    """

    kind: ClassVar[str]
    factor: int = 1

    @property
    @abstractmethod
    def name(self) -> str:
        """The kind, with its parameters if they are not the paper's."""

    @abstractmethod
    def corrupt(self, truth: np.ndarray, image_name: str, seed: int = 0) -> Observation:
        """Corrupt a ground truth, the same way at every call.

        Args:
            truth: (C, H, W) float32 in [0, 1].
            image_name: part of the draw's key.
            seed: of the run: each has its own noise or mask. If it is the right one, the dataset's
                ``psnr_corrupted_db`` is that of the result.
        """

    def _stream(self, truth: np.ndarray, image_name: str, seed: int) -> BitStream:
        """The random stream of a corruption; seed 0 keeps the stream of protocol 1."""
        key = ("corruption", image_name, self.name, f"{truth.shape[1]}x{truth.shape[2]}")
        return BitStream(*key, seed) if seed else BitStream(*key)

    def reduce(self, output: np.ndarray) -> np.ndarray:
        """Reduce a network's output (C, H, W) to what is comparable with the corrupted image."""
        return output

    def scoring_references(
        self, truth: np.ndarray, observation: Observation
    ) -> dict[str, np.ndarray]:
        """The images that training-free scores compare a reduced output with.

        Returns:
            "corrupted" (what a user has) and "ground_truth" (what only a benchmark has), each with
            the shape of a reduced output.
        """
        return {"corrupted": observation.corrupted, "ground_truth": self.reduce(truth)}

    def enlarged(self, corrupted: np.ndarray) -> np.ndarray:
        """A corrupted image at the size of the truth: in super-resolution bicubic, with 8 bits."""
        return corrupted

    def measured(self, image: np.ndarray) -> np.ndarray:
        """An image as quality is measured on it: in super-resolution of colour, its luma."""
        return image

    def comparable(
        self, truth: np.ndarray, observation: Observation
    ) -> tuple[np.ndarray, np.ndarray]:
        """The corrupted image, enlarged, and the ground truth, both as quality is measured."""
        return self.measured(self.enlarged(observation.corrupted)), self.measured(truth)

    def psnr_corrupted_db(self, truth: np.ndarray, observation: Observation) -> float:
        """PSNR in dB of the corrupted image against the ground truth; see `comparable`."""
        return psnr_db(*self.comparable(truth, observation))

    def known_share(self, observation: Observation) -> float:
        """The share of known pixels in the corrupted image: below 1 only for inpainting."""
        if observation.mask is None:
            return 1.0
        # Squared, since a resized mask holds the roots of weights.
        return float(np.mean(observation.mask.astype(np.float64) ** 2))


@dataclass(frozen=True)
class Denoise(Task):
    """Additive white Gaussian noise, y = clip(x + N(0, (sigma/255)²), 0, 1)."""

    sigma_255: float = 25.0
    kind = "denoise"

    def __post_init__(self) -> None:
        if not 0 < self.sigma_255 <= 255:
            raise ConfigError(f"sigma {self.sigma_255} must be above 0 and at most 255")

    @property
    def name(self) -> str:
        return self.kind if self.sigma_255 == 25 else f"{self.kind}_sigma{self.sigma_255:g}"

    def corrupt(self, truth: np.ndarray, image_name: str, seed: int = 0) -> Observation:
        noise = self._stream(truth, image_name, seed).normal64(truth.shape)
        noisy = truth.astype(np.float64) + self.sigma_255 / 255 * noise
        return Observation(corrupted=np.clip(noisy, 0, 1).astype(np.float32))


@dataclass(frozen=True)
class Inpaint(Task):
    """A Bernoulli mask, one for all channels: y = m·x."""

    missing: float = 0.5
    kind = "inpaint"

    def __post_init__(self) -> None:
        if not 0 < self.missing < 1:
            raise ConfigError(f"missing fraction {self.missing} must lie between 0 and 1")

    @property
    def name(self) -> str:
        return self.kind if self.missing == 0.5 else f"{self.kind}_missing{self.missing:g}"

    def corrupt(self, truth: np.ndarray, image_name: str, seed: int = 0) -> Observation:
        stream = self._stream(truth, image_name, seed)
        mask = (stream.uniform64((1, *truth.shape[1:])) >= self.missing).astype(np.float32)
        return Observation(corrupted=mask * truth, mask=mask)


@dataclass(frozen=True)
class SuperResolve(Task):
    """Super-resolution: Pillow reduces the image to y, with 8 bits; the loss reduces by D.

    The two reductions differ a little, as in the paper's set-up.
    """

    factor: int = 4
    kind = "super_resolve"

    def __post_init__(self) -> None:
        if self.factor not in (2, 4, 8):
            raise ConfigError(f"super-resolution factor {self.factor} must be 2, 4 or 8")

    @property
    def name(self) -> str:
        return f"{self.kind}_x{self.factor}"

    def corrupt(self, truth: np.ndarray, image_name: str, seed: int = 0) -> Observation:
        from PIL import Image as PillowImage

        del image_name, seed  # nothing is drawn
        _, height, width = truth.shape
        if height % self.factor or width % self.factor:
            raise ImageError(
                f"an image of {height} x {width} cannot be reduced by {self.factor}; crop it to "
                f"multiples of 32"
            )
        size = (width // self.factor, height // self.factor)
        return Observation(corrupted=_resize(truth, size, PillowImage.Resampling.LANCZOS))

    def reduce(self, output: np.ndarray) -> np.ndarray:
        rows = lanczos_matrix(output.shape[-2], self.factor)
        columns = lanczos_matrix(output.shape[-1], self.factor)
        return rows @ output @ columns.T  # type: ignore[no-any-return]

    def enlarged(self, corrupted: np.ndarray) -> np.ndarray:
        from PIL import Image as PillowImage

        size = (corrupted.shape[2] * self.factor, corrupted.shape[1] * self.factor)
        return _resize(corrupted, size, PillowImage.Resampling.BICUBIC)

    def measured(self, image: np.ndarray) -> np.ndarray:
        return luma(image) if len(image) == 3 else image


BENCHMARK_TASKS = ("denoise", "inpaint")
"""The tasks of the dataset."""

TASKS: dict[str, Task] = {
    task.name: task
    for task in (Denoise(), Inpaint(), SuperResolve(2), SuperResolve(4), SuperResolve(8))
}


def get_task(name: str) -> Task:
    """The task with a name, with the paper's parameters."""
    return TASKS[check_name("task", name, TASKS)]


def psnr_db(image: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, data range 1, no clipping; inf for equal images."""
    error = float(np.mean((image.astype(np.float64) - truth.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def noise_estimate(image: np.ndarray) -> float:
    """Estimate the standard deviation of an image's noise from the image alone.

    The median of the absolute diagonal Haar coefficients over 0.6745, their median in white
    Gaussian noise of deviation 1 (Donoho, Johnstone, Biometrika 1994). Texture makes it too high:
    at 64 x 64 its square is 0.96 to 1.46 times the true one, depending on image and seed.

    Args:
        image: (C, H, W); the last row or column of an odd side is left out.

    Returns:
        the estimate, in the image's units.

    Example:
        >>> noise_estimate(np.tile([[[0.0, 0.5], [0.5, 0.0]]], (1, 4, 4))) == 0.5 / 0.6745
        True
    """
    height, width = image.shape[1] // 2 * 2, image.shape[2] // 2 * 2
    image = image[:, :height, :width]
    a, b = image[:, ::2, ::2].astype(np.float64), image[:, ::2, 1::2]
    c, d = image[:, 1::2, ::2], image[:, 1::2, 1::2]
    return float(np.median(np.abs(a - b - c + d) / 2)) / 0.6745


LUMA_WEIGHTS = (65.481 / 255, 128.553 / 255, 24.966 / 255)
LUMA_OFFSET = 16 / 255


def luma(image: np.ndarray) -> np.ndarray:
    """BT.601 studio-range luma, (3, H, W) in [0, 1] to (1, H, W) in [16/255, 235/255].

    scikit-image's ``rgb2ycbcr(...)[..., 0] / 255``; Pillow's full-range Y reads 1.3 dB lower.
    """
    weights = np.asarray(LUMA_WEIGHTS, np.float64).reshape(3, 1, 1)
    return (image * weights).sum(0, keepdims=True) + LUMA_OFFSET  # type: ignore[no-any-return]


@lru_cache(maxsize=32)
def lanczos_matrix(size: int, factor: int) -> np.ndarray:
    """DIP's fixed Lanczos-2 downsampler along one axis, as a matrix.

    Support 2, phase 0.5, replicate padding: 4·factor taps, normalised to sum 1. The kernel is
    separable, so D x = A x Bᵀ with A and B made by this function.

    Returns:
        (size // factor, size) float64, read-only; each row sums to 1.
    """
    support = 2
    taps = np.arange(2 * support * factor)
    distance = (taps + 0.5 - support * factor) / factor
    kernel = np.sinc(distance) * np.sinc(distance / support)
    kernel /= kernel.sum()
    matrix = np.zeros((size // factor, size))
    first = (len(taps) - factor) // 2
    for row in range(size // factor):
        columns = np.clip(row * factor - first + taps, 0, size - 1)
        np.add.at(matrix[row], columns, kernel)
    matrix.flags.writeable = False
    return matrix


def _resize(image: np.ndarray, size: tuple[int, int], resample: Resampling) -> np.ndarray:
    """Resize (C, H, W) in [0, 1] to ``size`` = (width, height) with Pillow, in 8 bits."""
    from PIL import Image as PillowImage

    eight_bit = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    planes = [
        np.asarray(PillowImage.fromarray(plane).resize(size, resample)) for plane in eight_bit
    ]
    return np.stack(planes).astype(np.float32) / np.float32(255)
