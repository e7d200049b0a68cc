"""Reads learning curves, and keeps their files open.

h5py is imported on use. Must not import torch.
"""

from __future__ import annotations

import os
import threading
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.curves import read_rows
from nasdip_bench.dataset import DatasetFolder, curve_path
from nasdip_bench.errors import DatasetError

__all__ = ["CurveReader", "StoredCurve"]


class StoredCurve(NamedTuple):
    """One run's kept points: (P,) float64 dB, NaN where missing."""

    psnr_db: NDArray[np.float64]
    psnr_smooth_db: NDArray[np.float64]


class CurveReader:
    """Curves by (fidelity, task, row). Safe to share between threads, and after a fork.

    Args:
        folder: the dataset.
    """

    def __init__(self, folder: DatasetFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._files: dict[tuple[str, str], Any] = {}
        self._iterations: dict[tuple[str, str], NDArray[np.int32]] = {}
        self._process = os.getpid()

    def iterations(self, fidelity: str, task: str) -> NDArray[np.int32]:
        """(P,) int32, ascending: the iterations that were kept; read-only.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        key = (fidelity, task)
        if key not in self._iterations:
            with self._lock:
                values = np.asarray(self._read(key, "iteration", slice(None)), np.int32)
            values.setflags(write=False)
            self._iterations[key] = values
        return self._iterations[key]

    def curve(self, fidelity: str, task: str, row: int) -> StoredCurve:
        """The curve in a row of a curve file.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        with self._lock:
            return StoredCurve(*self._read((fidelity, task), None, row))

    def close(self) -> None:
        """Close the open files; they open again when needed."""
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()

    def _read(self, key: tuple[str, str], dataset: str | None, rows: slice | int) -> Any:
        if self._process != os.getpid():
            # HDF5's own state does not survive a fork reliably: the child opens the files anew.
            self._files, self._process = {}, os.getpid()
        if key not in self._files:
            self._files[key] = self._folder.curves(*key)
        file = self._files[key]
        try:
            return read_rows(file, rows) if dataset is None else file[dataset][rows]
        except (KeyError, IndexError, OSError, ValueError) as error:
            raise DatasetError(
                f"{curve_path(*key)} has no {dataset or f'row {rows}'} that can be read ({error}); "
                f"run 'nasdip-bench verify'"
            ) from error
