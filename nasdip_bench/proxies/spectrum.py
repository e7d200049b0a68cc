"""A checked image with its spectrum, the input of image scores; parts are computed once and kept.

Must not import scipy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from nasdip_bench.errors import ImageError

from .candidate import Parts
from .density import (
    FloatArray,
    cumulative_shares,
    decibel,
    energy_bandwidth,
    histogram_heights,
    power_spectral_density,
    strip_index,
)

_LARGEST = 16.0
"""Magnitude that no image in [0, 1] reaches, however much resampling overshoots."""


class Spectrum:
    """An image with its spectrum, each part computed on first use and kept.

    Made by `prepare`. Comparing one image with many costs only one Fourier transform per image.
    The arrays are read-only.

    Args:
        image: (C, H, W) float64.
        parts: keeps the parts and their times.

    Attributes:
        image: (C, H, W) float64, a copy.
    """

    def __init__(self, image: FloatArray, parts: Parts | None = None) -> None:
        self.image = image
        self._parts = Parts() if parts is None else parts

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the image and of its spectrum."""
        channels, height, width = self.image.shape
        return channels, height, width

    @property
    def psd(self) -> FloatArray:
        """(C, H, W) float64: see `power_spectral_density`."""
        return self._part("psd", power_spectral_density, self.image)

    @property
    def psd_db(self) -> FloatArray:
        """(C, H, W) float64: `psd` in dB, see `decibel`."""
        return self._part("psd_db", decibel, self.psd)

    @property
    def strip_psd(self) -> FloatArray:
        """(C, n) float64: `psd` at the n frequencies of `strip_mask`, row by row."""
        return self._part("strip_psd", self._strip, self.psd)

    @property
    def strip_psd_db(self) -> FloatArray:
        """(C, n) float64: `psd_db` at the n frequencies of `strip_mask`, row by row."""
        return self._part("strip_psd_db", decibel, self.strip_psd)

    @property
    def bandwidth(self) -> float:
        """`energy_bandwidth` of the mean of `psd` over the channels."""
        return self._parts.get((self, "bandwidth"), _bandwidth, self.psd)

    @property
    def strip_heights(self) -> FloatArray:
        """(100,) float64: `histogram_heights` of `strip_psd`, its channels pooled."""
        return self._part("heights", histogram_heights, self.strip_psd)

    @property
    def strip_cumulative(self) -> FloatArray:
        """(75,) float64 in [0, 1]: `cumulative_shares` of `strip_psd`."""
        return self._part("cumulative", cumulative_shares, self.strip_psd)

    def _part(
        self, name: str, compute: Callable[[FloatArray], FloatArray], of: FloatArray
    ) -> FloatArray:
        return self._parts.get((self, name), lambda: _frozen(compute(of)))

    def _strip(self, spectrum: FloatArray) -> FloatArray:
        channels, height, width = self.shape
        flat: FloatArray = spectrum.reshape(channels, -1)[:, strip_index(height, width)]
        return flat


def _bandwidth(psd: FloatArray) -> float:
    return energy_bandwidth(psd.mean(axis=0))


def prepare(
    image: ArrayLike | Spectrum, role: str = "image", parts: Parts | None = None
) -> Spectrum:
    """Check an image and prepare it for any number of scores.

    Args:
        image: (C, H, W) floats in [0, 1], C 1 or 3. Values somewhat outside are accepted, since
            resampling overshoots; a prepared image is returned unchanged.
        role: what to call the image in errors.
        parts: where the spectrum keeps its parts and their times, for the timing of scores.

    Raises:
        ImageError: not an array of floats, wrong shape, non-finite, or far outside [0, 1].
    """
    if isinstance(image, Spectrum):
        return image
    try:
        array = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ImageError(
            f"the {role} is a {type(image).__name__} that numpy cannot read ({error}); give an "
            "array, such as tensor.detach().cpu().numpy()"
        ) from error
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(
            f"the {role} has dtype {array.dtype}; scores take floats in [0, 1]: convert it "
            "(8-bit images: image.astype(np.float32) / 255)"
        )
    if array.ndim != 3 or array.shape[0] not in (1, 3) or 0 in array.shape:
        raise ImageError(
            f"the {role} has shape {array.shape}; scores take (C, H, W) with C 1 or 3: "
            "add the channel axis (image[None]) or move it to the front"
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        count = int(np.count_nonzero(~np.isfinite(array)))
        raise ImageError(
            f"the {role} has {count} NaN or infinite values of {array.size}; scores take finite "
            "values in [0, 1]: check the network or file that it comes from"
        )
    if np.abs(array).max() > _LARGEST:
        raise ImageError(
            f"the {role} has values from {array.min():g} to {array.max():g}; scores take [0, 1]: "
            "rescale it (8-bit images: divide by 255)"
        )
    return Spectrum(_frozen(array), parts)


def _frozen(array: FloatArray) -> FloatArray:
    array.setflags(write=False)
    return array
