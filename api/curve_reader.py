"""Reads learning curves by the chunks of their files. Must not import torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.curve_chunks import CurveChunks
from nasdip_bench.curves import decode
from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.locks import ForkSafeLock

__all__ = ["CurveReader"]


class CurveReader:
    """Curves by (fidelity, task, rows). Safe to share between threads, and after a fork.

    Args:
        folder: the dataset.
    """

    def __init__(self, folder: DatasetFolder) -> None:
        self._folder = folder
        self._lock = ForkSafeLock()
        self._files: dict[tuple[str, str], CurveChunks] = {}

    def iterations(self, fidelity: str, task: str) -> NDArray[np.int32]:
        """(P,) int32, ascending: the iterations that were kept; read-only.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        return self._chunks(fidelity, task).iterations

    def curves(self, fidelity: str, task: str, rows: Sequence[int]) -> NDArray[np.float64]:
        """(2, rows, P) float64 dB of some rows, NaN where missing: raw, then smoothed.

        Raises:
            DatasetError: the file is absent or damaged, or lacks a row.
        """
        return decode(self._chunks(fidelity, task).steps(rows))

    def all_steps(self, fidelity: str, task: str) -> NDArray[np.uint16]:
        """(2, row, P) uint16: the whole file as it is stored, the raw and the smoothed curves.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        return self._chunks(fidelity, task).all_steps()

    def _chunks(self, fidelity: str, task: str) -> CurveChunks:
        with self._lock:
            found = self._files.get((fidelity, task))
            if found is None:
                found = self._files[fidelity, task] = self._folder.curve_chunks(fidelity, task)
            return found
