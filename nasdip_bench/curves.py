"""Learning curves on disk: which points are kept, how they are coded, the HDF5 file.

A curve file holds the runs of one (fidelity, task): ``psnr`` and ``psnr_smooth`` (run x point,
uint16 thousandths of a dB, 65535 = missing) and ``iteration`` (point). h5py is imported on use.
Must not import torch.
"""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nasdip_bench.errors import ConfigError

__all__ = ["CURVES", "MAX_POINTS", "MISSING", "decode", "encode", "kept_points", "write_curves"]

CURVES = ("psnr", "psnr_smooth")
MAX_POINTS = 256
MISSING = 65535
STEPS_PER_DB = 1000
_DENSE_POINTS = 32
_ROWS_PER_CHUNK = 16


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


@lru_cache(maxsize=64)
def kept_points(iterations: int, stop: int, limit: int = MAX_POINTS) -> np.ndarray:
    """The points of a curve that a release keeps: all of a short one, else a thinned choice.

    The first 32, then as many as fit in geometric steps, always the stop and the last.

    Args:
        iterations: length of the full curve.
        stop: the iteration of ``final_*``, 1..iterations.
        limit: the most points to keep, at least 64.

    Returns:
        ascending int32 numbers of points, from 0; read-only.
    """
    points = _chosen_points(iterations, stop, limit)
    points.setflags(write=False)
    return points


def _chosen_points(iterations: int, stop: int, limit: int) -> np.ndarray:
    if not 1 <= stop <= iterations:
        raise ConfigError(f"stop {stop} must lie in 1..{iterations}")
    if iterations <= limit:
        return np.arange(iterations, dtype=np.int32)
    fixed = np.r_[np.arange(_DENSE_POINTS), stop - 1, iterations - 1]
    # Rounding merges the early steps, so more steps are asked for than points remain.
    for steps in range(8 * limit, 0, -1):
        geometric = np.rint(np.geomspace(_DENSE_POINTS, iterations - 1, steps))
        points = np.unique(np.r_[fixed, geometric.astype(np.int64)])
        if len(points) <= limit:
            return points.astype(np.int32)
    raise ConfigError(f"limit {limit} of kept points must be at least 64")


def write_curves(path: Path, psnr: np.ndarray, psnr_smooth: np.ndarray, points: np.ndarray) -> None:
    """Write a curve file.

    It is made in memory first: the HDF5 library crashes where a disk is full.

    Args:
        path: the file to create.
        psnr: (run, point) float64 dB, NaN where missing.
        psnr_smooth: the same of the smoothed outputs.
        points: (point,) numbers of the kept points, from 0.
    """
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest") as file:
        for name, values in zip(CURVES, (psnr, psnr_smooth), strict=True):
            chunk = (min(_ROWS_PER_CHUNK, max(1, len(values))), values.shape[1])
            dataset = file.create_dataset(
                name, data=encode(values), chunks=chunk, shuffle=True, compression="gzip"
            )
            dataset.attrs["unit"] = "dB"
            dataset.attrs["steps_per_unit"] = STEPS_PER_DB
            dataset.attrs["missing"] = MISSING
        file.create_dataset("iteration", data=np.asarray(points, np.int32) + 1)
        file["iteration"].attrs["meaning"] = "iterations trained: point i of a full curve is i + 1"
    path.write_bytes(content.getvalue())


def read_rows(file: Any, rows: slice | int) -> tuple[np.ndarray, np.ndarray]:
    """Decoded ``psnr`` and ``psnr_smooth`` of rows of an open curve file."""
    return decode(file["psnr"][rows]), decode(file["psnr_smooth"][rows])
