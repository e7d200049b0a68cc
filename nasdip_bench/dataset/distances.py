"""Distances between restorations: what replays of ISNAS need instead of the pictures.

``distances/<fidelity>-<task>.h5`` holds the mean squared differences of the smoothed outputs at the
fidelity's stop, -10·log10 in thousandths of a dB, 16 bits (like PSNR in
`nasdip_bench.dataset.curves`):

    pairs      (image, seed, pair), pairs of architectures in the order of
               `scipy.spatial.distance.squareform`
    truth      (image, seed, architecture), to the ground truth
    corrupted  (image, seed, architecture), to the corrupted image, over its known pixels
    seed       (seed,) int32

All architectures of the release have a place; 65535 means no restoration.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.storage.arrays import Array, hdf5_bytes, read_hdf5

from .curves import DECIBEL, MISSING, decode, encode

_ARRAYS = ("pairs", "truth", "corrupted")


class Distances(NamedTuple):
    """The content of a file.

    Attributes:
        seeds: (S,) int32.
        pairs: (image, S, n (n - 1) / 2) uint16.
        truth: (image, S, n) uint16.
        corrupted: (image, S, n) uint16.
    """

    seeds: NDArray[np.int32]
    pairs: NDArray[np.uint16]
    truth: NDArray[np.uint16]
    corrupted: NDArray[np.uint16]

    def restored(self, seed: int) -> NDArray[np.bool_]:
        """(image, n) whether there are distances to a restoration; none with an unknown seed."""
        return np.asarray((self.truth[:, self.seeds == seed] != MISSING).any(axis=1))

    def between(self, image: int, seed: int) -> NDArray[np.float64]:
        """(n, n) mean squared differences, NaN where either of the two has no restoration.

        Args:
            image: position of the image.
            seed: one of `seeds`.
        """
        (place,) = np.flatnonzero(self.seeds == seed)
        count = self.truth.shape[2]
        square = np.zeros((count, count))
        square[np.triu_indices(count, 1)] = 10 ** (-decode(self.pairs[image, place]) / 10)
        square += square.T
        absent = self.truth[image, place] == MISSING
        square[absent] = square[:, absent] = math.nan
        return square


def mean_squares(restorations: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n, n) mean squared differences of (n, values), from their scalar products in float64."""
    wide = np.asarray(restorations, np.float64)
    wide = wide - wide.mean(axis=0)  # what all have in common only costs digits
    products = wide @ wide.T
    squares = np.diag(products)
    found = (squares[:, None] + squares - 2 * products) / wide.shape[1]
    np.fill_diagonal(found, 0)
    return np.maximum(found, 0)  # type: ignore[no-any-return]


def to_average(between: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean squared difference of each restoration to a weighted average of them.

    |x_i - Σ p_j x_j|² = Σ_j p_j d_ij - ½ Σ_jk p_j p_k d_jk for shares p with sum 1.

    Args:
        between: (n, n) mean squared differences.
        shares: (..., n), weights with sum 1 along the last axis.

    Returns:
        (..., n), not negative.
    """
    each = shares @ between
    spread = (each * shares).sum(-1, keepdims=True) / 2
    return np.maximum(each - spread, 0)  # type: ignore[no-any-return]


def distances_bytes(distances: Distances) -> bytes:
    """The content of a file."""
    stated = {"unit": "dB", "steps_per_unit": DECIBEL.steps, "missing": MISSING}
    arrays = {}
    for name in _ARRAYS:
        values = getattr(distances, name)
        arrays[name] = Array(values, (1, 1, values.shape[2]), stated)
    arrays["seed"] = Array(np.asarray(distances.seeds, np.int32))
    return hdf5_bytes(arrays)


def read_distances(content: bytes, path: str) -> Distances:
    """Read the arrays of a file.

    Args:
        content: content of the file, already compared with its hash.
        path: name of the file in errors.

    Raises:
        DatasetError: it is not such a file.
    """
    found = read_hdf5(content, path, ("seed", *_ARRAYS))
    return Distances(found["seed"], *(found[name] for name in _ARRAYS))


def coded(mean_squares: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Mean squared differences as they are stored; NaN is missing, 0 the largest code."""
    with np.errstate(divide="ignore"):
        return encode(-10 * np.log10(mean_squares))
