"""An image to restore, from arrays or files, padded to a size that the networks accept.

Arrays are (C, H, W) float32 in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, ImageError
from nasdip_bench.images import centre_crop, read_image
from nasdip_bench.space import MIN_SIZE, SIZE_MULTIPLE
from nasdip_bench.tasks import Denoise, Inpaint, Observation, Task, psnr_db

MAX_PIXELS = 16 * 2**20
"""Maximum for the restored image; a fit at 4096 x 4096 takes some 100 GB."""


@dataclass(frozen=True, kw_only=True)
class Degraded:
    """An observation padded to sides that the networks accept, and the way back.

    Attributes:
        name: name of the image; part of the keys of random draws.
        task: the task.
        observation: padded.
        truth: (C, H, W), padded; None if there is none.
        size: (height, width) of the restored image, without the padding.
        sigma_255: the noise in grey levels of 255, if it is known; else None.
    """

    name: str
    task: Task
    observation: Observation
    truth: np.ndarray | None
    size: tuple[int, int]
    sigma_255: float | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the networks' output."""
        channels, height, width = self.observation.corrupted.shape
        factor = self.task.factor
        return channels, height * factor, width * factor

    def cropped(self, output: np.ndarray) -> np.ndarray:
        """A network's output (C, H, W) without the padding: (C, height, width)."""
        return output[:, : self.size[0], : self.size[1]]

    def delivered(self, output: np.ndarray) -> np.ndarray:
        """A network's output (C, H, W) with the known pixels of inpainting put back."""
        mask = self.observation.mask
        return output if mask is None else np.where(mask == 1, self.observation.corrupted, output)

    @property
    def seen(self) -> np.ndarray:
        """(C, h, w): the corrupted image without the padding."""
        factor = self.task.factor
        return self.observation.corrupted[:, : self.size[0] // factor, : self.size[1] // factor]

    def psnr_db(self, output: np.ndarray) -> float:
        """PSNR in dB of a network's output against the ground truth, without the padding.

        On luma for super-resolution of colour; NaN without a ground truth.
        """
        if self.truth is None:
            return float("nan")
        image, truth = (self.task.measured(self.cropped(one)) for one in (output, self.truth))
        return psnr_db(image, truth)


def corrupt(truth: np.ndarray, task: Task, name: str, mask: np.ndarray | None = None) -> Degraded:
    """Corrupt a clean image for a task.

    For super-resolution it is first cropped at the centre to multiples of the factor.

    Args:
        truth: (C, H, W).
        task: the task.
        name: name of the image; it keys the draw of the corruption.
        mask: (1, H, W) of 0 and 1, for inpainting with your own mask; None draws one.

    Raises:
        ImageError: a mask of the wrong size.
        ConfigError: a mask for a task other than inpainting.
    """
    truth = centre_crop(truth, task.factor)
    if mask is None:
        observation = task.corrupt(truth, name)
    else:
        observation = Observation(corrupted=_masked(truth, task, mask), mask=mask)
    sigma_255 = task.sigma_255 if isinstance(task, Denoise) else None
    return _padded(observation, task, truth, name, sigma_255)


def degraded(
    seen: np.ndarray,
    task: Task,
    name: str,
    *,
    mask: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    sigma_255: float | None = None,
) -> Degraded:
    """Take an image that is already corrupted.

    Args:
        seen: (C, h, w), the corrupted image; for super-resolution the small one.
        task: the task.
        name: name of the image.
        mask: (1, h, w) of 0 (missing) and 1, for inpainting.
        truth: (C, H, W), to measure against; H = h, or factor · h for super-resolution.
        sigma_255: the noise in grey levels of 255, for rules that want to know it; None: unknown.

    Raises:
        ImageError: a mask or a ground truth of the wrong size.
        ConfigError: inpainting without a mask, or a mask for another task.
    """
    if mask is None:
        if isinstance(task, Inpaint):
            raise ConfigError(
                "inpainting an image that is already corrupted needs a mask of the missing pixels: "
                "give one (--mask FILE), or corrupt a clean image (--corrupt)"
            )
    else:
        seen = _masked(seen, task, mask)
    if truth is not None:
        factor = task.factor
        expected = (seen.shape[0], seen.shape[1] * factor, seen.shape[2] * factor)
        if truth.shape != expected:
            raise ImageError(
                f"the ground truth is {_text(truth.shape)}, but must be {_text(expected)} "
                f"(channels x height x width) to fit the image: take the right file"
            )
    return _padded(Observation(corrupted=seen, mask=mask), task, truth, name, sigma_255)


def read_problem(
    path: Path,
    task: Task,
    *,
    clean: bool = False,
    mask: Path | None = None,
    truth: Path | None = None,
    sigma_255: float | None = None,
) -> Degraded:
    """Read an image to restore from files.

    Args:
        path: the image, of any size: gray or colour, 8 or 16 bits (reduced to 8); transparent parts
            are laid over white.
        task: the task.
        clean: the image is clean: corrupt it, and use it as the ground truth.
        mask: for inpainting: white where the image is known, black where not.
        truth: the clean image, to measure against.
        sigma_255: see `degraded`; a clean image gets that of the task.

    Raises:
        ImageError: a file that cannot be read, or has the wrong size.
        ConfigError: files that do not go together.
    """
    pixels, name = _read_pixels(path), path.stem
    known = None if mask is None else _read_mask(mask)
    if clean and truth is not None:
        raise ConfigError(
            "an image that is to be corrupted is its own ground truth: leave out --ground-truth, "
            "or --corrupt if it is corrupted already"
        )
    if clean:
        problem = corrupt(pixels, task, name, known)
    else:
        clean_pixels = None if truth is None else _read_pixels(truth)
        problem = degraded(pixels, task, name, mask=known, truth=clean_pixels, sigma_255=sigma_255)
    _, height, width = problem.shape
    if height * width > MAX_PIXELS:
        raise ImageError(
            f"the restored image would have {height} x {width} pixels, more than {MAX_PIXELS}: cut "
            f"the image into parts, or reduce it"
        )
    return problem


def _read_pixels(path: Path) -> NDArray[np.float32]:
    """(C, H, W) float32 in [0, 1] of an image file; see `nasdip_bench.images.read_image`."""
    return read_image(path).pixels.astype(np.float32) / np.float32(255)


def _read_mask(path: Path) -> NDArray[np.float32]:
    """(1, H, W) of 0 and 1: 1 where every channel is at least half-way to white."""
    darkest = read_image(path).pixels.min(axis=0, keepdims=True)
    return np.asarray(darkest >= 128, np.float32)


def _masked(image: np.ndarray, task: Task, mask: np.ndarray) -> np.ndarray:
    if not isinstance(task, Inpaint):
        raise ConfigError(f"a mask is for inpainting, not for {task.name}: leave it out")
    if mask.shape != (1, *image.shape[1:]):
        raise ImageError(
            f"the mask is {_text(mask.shape[1:])}, the image {_text(image.shape[1:])} (height x "
            f"width): they must have the same size"
        )
    missing = float(1 - mask.mean())
    if not 0 < missing < 1:
        raise ImageError(
            f"the mask says that {missing:.0%} of the pixels are missing: white pixels are known, "
            f"black ones are filled in"
        )
    return np.asarray(image * mask, np.float32)


def _padded(
    observation: Observation,
    task: Task,
    truth: np.ndarray | None,
    name: str,
    sigma_255: float | None,
) -> Degraded:
    """Pad by reflection at the lower and right edge to multiples of 32, at least 64."""
    factor = task.factor
    _, height, width = observation.corrupted.shape
    more = [
        (max(MIN_SIZE, -(-side * factor // SIZE_MULTIPLE) * SIZE_MULTIPLE) // factor) - side
        for side in (height, width)
    ]

    def pad(image: np.ndarray, by: int) -> np.ndarray:
        widths = [(0, 0), (0, more[0] * by), (0, more[1] * by)]
        return np.pad(image, widths, mode="symmetric")

    return Degraded(
        name=name,
        task=task,
        observation=Observation(
            corrupted=pad(observation.corrupted, 1),
            mask=None if observation.mask is None else pad(observation.mask, 1),
        ),
        truth=None if truth is None else pad(truth, factor),
        size=(height * factor, width * factor),
        sigma_255=sigma_255,
    )


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
