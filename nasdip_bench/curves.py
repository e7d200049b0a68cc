"""Learning curves on disk: which points are kept, and how they are coded. Must not import torch."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from nasdip_bench.errors import ConfigError

__all__ = ["CURVES", "MAX_POINTS", "MISSING", "decode", "decode_float32", "encode", "kept_points"]

CURVES = ("psnr", "psnr_smooth")
MAX_POINTS = 256
MISSING = 65535
STEPS_PER_DB = 1000
_DENSE_POINTS = 32


def encode(psnr_db: np.ndarray) -> np.ndarray:
    """PSNR in dB to uint16 thousandths of a dB, of any shape.

    NaN becomes `MISSING`. Values are clipped to 0..65.534 dB: outputs lie in (0, 1), so that PSNR
    is never negative, and above 65 dB an 8-bit image is exact to 1/7 of a step.
    """
    values = np.asarray(psnr_db, np.float64)
    steps = np.rint(np.clip(values, 0, (MISSING - 1) / STEPS_PER_DB) * STEPS_PER_DB)
    return np.where(np.isnan(values), MISSING, steps).astype(np.uint16)


def decode(steps: np.ndarray) -> np.ndarray:
    """uint16 thousandths of a dB to float64 dB, NaN where missing; to half a thousandth exact."""
    return np.where(steps == MISSING, np.nan, np.asarray(steps, np.float64) / STEPS_PER_DB)


def decode_float32(steps: np.ndarray) -> np.ndarray:
    """The same, rounded to float32, looked up: for many curves at once, in a fifth of the time."""
    found: np.ndarray = _all_values()[steps]
    return found


@cache
def _all_values() -> np.ndarray:
    return decode(np.arange(MISSING + 1, dtype=np.uint16)).astype(np.float32)


@lru_cache(maxsize=64)
def kept_points(iterations: int, stop: int) -> np.ndarray:
    """The points of a curve that a release keeps: all of a short one, else `MAX_POINTS` of it.

    The first 32, then as many as fit in geometric steps, always the stop and the last.

    Args:
        iterations: length of the full curve.
        stop: the iteration of ``final_*``, 1..iterations.

    Returns:
        ascending int32 numbers of points, from 0; read-only.

    Raises:
        ConfigError: the stop lies outside the curve.
    """
    points = _chosen_points(iterations, stop)
    points.setflags(write=False)
    return points


def _chosen_points(iterations: int, stop: int) -> np.ndarray:
    if not 1 <= stop <= iterations:
        raise ConfigError(f"stop {stop} must lie in 1..{iterations}")
    if iterations <= MAX_POINTS:
        return np.arange(iterations, dtype=np.int32)
    fixed = np.r_[np.arange(_DENSE_POINTS), stop - 1, iterations - 1]
    for steps in _numbers_of_steps(iterations):
        geometric = np.rint(np.geomspace(_DENSE_POINTS, iterations - 1, steps))
        points = np.unique(np.r_[fixed, geometric.astype(np.int64)])
        if len(points) <= MAX_POINTS:
            break
    return points.astype(np.int32)


def _numbers_of_steps(iterations: int) -> np.ndarray:
    """Numbers of geometric steps to try, descending; those that surely leave too many points not.

    Rounding merges the early steps, so they are more than the points that remain. Below the value
    at which a step is as long as 1, every whole number is a point; above it, every step gives one.
    """
    steps = np.arange(8 * MAX_POINTS, 1, -1)
    span = np.log((iterations - 1) / _DENSE_POINTS)
    merged = np.clip(1 / np.expm1(span / (steps - 1)), _DENSE_POINTS, iterations - 1)
    apart = (steps - 1) * (1 - np.log(merged / _DENSE_POINTS) / span)
    few: np.ndarray = steps[merged + apart - 3 <= MAX_POINTS]  # 3: more than roundings make
    return few
