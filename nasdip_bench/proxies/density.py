"""Power spectral densities: formula, decibels, and the strip, histograms and discs of the scores.

Everything is float64 on numpy arrays. This module knows nothing about scores and networks; it must
not import scipy.

Source: Arican, Kara, Bredell, Konukoglu, "ISNAS-DIP: Image-Specific Neural Architecture Search for
Deep Image Prior", CVPR 2022, and its released code. Deviations: decibels use the decimal logarithm
(the released code uses the natural one, so its mean squared differences are ours times (ln 10)²),
and zeros are floored before the logarithm (in the released code they become infinite). Spectra
without energy or spread have defined values; the released code gives NaN or fails.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ImageError

FloatArray = NDArray[np.float64]

PSD_FLOOR = 1e-20
"""Smallest power spectral density distinguished from zero (-200 dB).

8-bit rounding alone leaves some 1e-10 (64 × 64) to 1e-12 (512 × 512) at each frequency. At
512 × 512 the floor is just above what float32 rounding leaves in a perfectly smooth output.
"""

STRIP_DIAMETERS = (0.1, 0.2)
"""The strip lies between these diameters, as fractions of the image's size (paper, eq. 2)."""

DISCS = 99
"""Number of concentric discs for the bandwidth; the largest reaches the corners."""

RELEASED_BINS, PAPER_BINS = 100, 75
"""Bins of the strip's histogram: in the released code (own range), in the paper's text (0 to 1)."""


def power_spectral_density(image: FloatArray) -> FloatArray:
    """The power spectral density |FFT2|² / n² of each channel, where n is the number of pixels.

    With this normalisation the sum over frequencies is the mean square of the image (Parseval),
    and the density at frequency zero is the square of its mean.

    Args:
        image: (..., H, W) float.

    Returns:
        (..., H, W) float64, frequency zero at row H // 2, column W // 2.
    """
    transform = np.fft.fft2(np.asarray(image, np.float64), axes=(-2, -1))
    transform /= image.shape[-2] * image.shape[-1]  # before squaring, so that nothing overflows
    density = np.square(transform.real) + np.square(transform.imag)
    return np.fft.fftshift(density, axes=(-2, -1))


def decibel(psd: FloatArray) -> FloatArray:
    """10·log10 of a power spectral density, with values below `PSD_FLOOR` raised to it."""
    db: FloatArray = 10 * np.log10(np.maximum(psd, PSD_FLOOR))
    return db


def relative_radius(height: int, width: int) -> FloatArray:
    """Distance of each frequency from the centre, in relative coordinates of the shifted spectrum.

    Row i and column j are at (j / width - 1/2, i / height - 1/2), as in the released code: 1/2 is
    the Nyquist frequency of an axis. Frequency zero is the origin if both sides are even; along an
    odd side it is half a step away from it.

    Returns:
        (H, W) float64 in [0, sqrt(1/2)].
    """
    # Keep this form, and float64: if a side is a multiple of 20, some frequencies lie exactly on
    # the strip's bounds, and the rounding of these operations decides whether they belong to it (at
    # 96 × 160, exact arithmetic changes the released code's strip score by 0.2 %).
    y = np.arange(height) / height - 0.5
    x = np.arange(width) / width - 0.5
    radius: FloatArray = np.sqrt(np.square(y)[:, None] + np.square(x))
    return radius


def strip_mask(height: int, width: int) -> NDArray[np.bool_]:
    """The frequencies of the strip: strictly inside its larger disc, outside its smaller one.

    Returns:
        (H, W) bool; its area is close to pi / 4 · (0.2² - 0.1²) = 2.36 % of all frequencies.
    """
    inner, outer = STRIP_DIAMETERS
    radius = relative_radius(height, width)
    mask: NDArray[np.bool_] = (inner / 2 <= radius) & (radius < outer / 2)
    return mask


def energy_bandwidth(psd: FloatArray, share: float = 0.99) -> float:
    """Size of the smallest centred disc with a share of the energy, interpolated linearly.

    The discs i from 0 (nothing) to 99 (to the corners) have the diameters sqrt(2)·i / 99.

    Args:
        psd: (H, W) float64, frequency zero at the centre.
        share: of the energy, above 0 and at most 1.

    Returns:
        The disc's number i over 99, in [0, 1]: its diameter as a fraction of sqrt(2). A constant
        image has share / 99, since all its energy is in the first disc. An image without energy has
        0. If even the largest disc, which excludes the corner, holds less than the share, it is 1.
    """
    rings = np.bincount(_disc_index(*psd.shape), weights=psd.ravel(), minlength=DISCS + 2)
    energy = np.cumsum(rings)  # within each disc, then of the whole spectrum
    target = share * energy[-1]
    if target == 0:
        return 0.0
    reached = int(np.argmax(energy >= target))
    if reached > DISCS:
        return 1.0
    below, above = energy[reached - 1], energy[reached]
    return float((reached - 1 + (target - below) / (above - below)) / DISCS)


def histogram_heights(values: FloatArray) -> FloatArray:
    """Bin heights of a density histogram of 100 bins over the values' own range, as released.

    Values below `PSD_FLOOR` are raised to it. Differences of at most the floor, or 1e-12 of the
    largest value, are rounding: such values count as equal and get NumPy's histogram of equal
    values (a range of width 1, so one bin of height 100).

    Args:
        values: float64, at least 0, any shape.

    Returns:
        (100,) float64, ascending: count / (total count · bin width), in 1 / (unit of the values).
    """
    floored = np.maximum(values, PSD_FLOOR).ravel()
    smallest, largest = floored.min(), floored.max()
    if largest - smallest <= max(PSD_FLOOR, 1e-12 * largest):
        floored = np.full_like(floored, largest)
    heights: FloatArray = np.sort(np.histogram(floored, RELEASED_BINS, density=True)[0])
    return heights


def cumulative_shares(strip_psd: FloatArray) -> FloatArray:
    """(75,) float64 in [0, 1]: share of the values up to each of 75 bins over 0 to 1.

    Overshooting images can have values above 1; they fall into the last bin.
    """
    bins = np.minimum(strip_psd.ravel() * PAPER_BINS, PAPER_BINS - 1).astype(np.intp)
    shares: FloatArray = np.cumsum(np.bincount(bins, minlength=PAPER_BINS)) / bins.size
    return shares


@lru_cache(maxsize=16)
def _disc_index(height: int, width: int) -> NDArray[np.intp]:
    """(H·W,) int: the smallest disc that holds each frequency; 100 if none does."""
    radius = relative_radius(height, width).ravel()
    diameters = np.sqrt(2) * (np.arange(DISCS + 1) / DISCS)
    # side="right" counts the bounds at or below the radius, since a disc excludes its edge.
    index = np.searchsorted(diameters / 2, radius, side="right")
    index.setflags(write=False)
    return index


@lru_cache(maxsize=16)
def strip_index(height: int, width: int) -> NDArray[np.intp]:
    """(n,) int: positions of the strip's frequencies in a flattened spectrum."""
    index = np.flatnonzero(strip_mask(height, width))
    if index.size == 0:
        raise ImageError(
            f"an image of {height} × {width} has no frequency in the strip between "
            f"{STRIP_DIAMETERS[0]:.0%} and {STRIP_DIAMETERS[1]:.0%} of its size: use an image of "
            "at least 16 × 16, where the strip always has one, or another score"
        )
    index.setflags(write=False)
    return index
