"""Reads what the paper's released code recorded of one run. Must not import torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import DatasetError

from .plain_pickle import read_plain_pickle

_CURVES = ("psnr_gt", "psnr_gt_sm", "loss")
_MOST_ITERATIONS = 1_000_000
_DROP_DB = 3.0


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """What ``htr.pkl`` records of a run.

    Attributes:
        psnr: (T,) dB of the outputs, point i before update i, while the loss was finite.
        psnr_smooth: (T,) dB of the smoothed outputs.
        loss: (T,).
        iterations: number of iterations trained.
    """

    psnr: NDArray[np.float64]
    psnr_smooth: NDArray[np.float64]
    loss: NDArray[np.float64]
    iterations: int

    @property
    def diverged(self) -> bool:
        """Whether the loss became non-finite."""
        return len(self.loss) < self.iterations

    @property
    def cut(self) -> bool:
        """Whether the released loop's early stop ended it: 3 dB below its best PSNR."""
        return not self.diverged and bool(self.psnr[-1] + _DROP_DB < best_of(self.psnr))


def read_history(folder: Path) -> tuple[History, float | None]:
    """The history of a run, and the PSNR of the corrupted image in dB if it was kept.

    Raises:
        DatasetError: a file is damaged, or lacks a curve.
    """
    path, noisy = folder / "htr.pkl", folder / "psnr_noisy.pkl"
    found = read_plain_pickle(path)
    curves: list[Any] = [found.get(name) if isinstance(found, dict) else None for name in _CURVES]
    lengths = {len(curve) if _are_numbers(curve) else 0 for curve in curves}
    if len(lengths) > 1 or not 1 <= max(lengths) <= _MOST_ITERATIONS:
        raise DatasetError(
            f"{str(path)!r} has no {', '.join(_CURVES)} that are lists of equally many numbers, 1 "
            f"to {_MOST_ITERATIONS}"
        )
    corrupted = read_plain_pickle(noisy) if noisy.exists() else None
    if corrupted is not None and not (_are_numbers([corrupted]) and math.isfinite(corrupted)):
        raise DatasetError(f"{str(noisy)!r} holds no PSNR")
    values = np.array(curves)
    finite = np.isfinite(values).all(axis=0)
    psnr, psnr_smooth, loss = values[:, : len(finite) if finite.all() else np.argmin(finite)]
    history = History(psnr=psnr, psnr_smooth=psnr_smooth, loss=loss, iterations=len(finite))
    return history, corrupted


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is float for one in value)


def best_of(curve: NDArray[np.float64]) -> float:
    """The best PSNR in dB, as the released code finds it: the highest above 0."""
    return float(curve.max(initial=0.0))
