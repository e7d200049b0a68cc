"""Reads learning curves, and keeps their files open.

h5py is imported on use. Must not import torch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.curves import CURVES, decode
from nasdip_bench.dataset import DatasetFolder, curve_path
from nasdip_bench.errors import DatasetError
from nasdip_bench.locks import ForkSafeLock

__all__ = ["CurveReader"]


class _OpenFile(NamedTuple):
    """An open curve file; a data set that is looked up each time costs more than its row."""

    file: Any
    curves: tuple[Any, ...]
    iterations: NDArray[np.int32]


class CurveReader:
    """Curves by (fidelity, task, rows). Safe to share between threads, and after a fork.

    Args:
        folder: the dataset.
    """

    def __init__(self, folder: DatasetFolder) -> None:
        self._folder = folder
        self._lock = ForkSafeLock()
        self._files: dict[tuple[str, str], _OpenFile] = {}
        self._process = os.getpid()

    def iterations(self, fidelity: str, task: str) -> NDArray[np.int32]:
        """(P,) int32, ascending: the iterations that were kept; read-only.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        with self._lock:
            return self._open(fidelity, task).iterations

    def curves(self, fidelity: str, task: str, rows: Sequence[int]) -> NDArray[np.float64]:
        """(2, rows, P) float64 dB of some rows, NaN where missing: raw, then smoothed.

        Raises:
            DatasetError: the file is absent or damaged, or lacks a row.
        """
        with self._lock:
            opened = self._open(fidelity, task)
            try:
                # The runs of a cell that differ in the seed alone are often neighbours.
                if [*rows] == [*range(rows[0], rows[0] + len(rows))]:
                    steps = [curve[rows[0] : rows[-1] + 1] for curve in opened.curves]
                else:
                    steps = [np.stack([curve[row] for row in rows]) for curve in opened.curves]
                shape = (len(rows), len(opened.iterations))
                if min(rows) < 0 or any(part.shape != shape for part in steps):
                    raise IndexError(f"{len(opened.curves[0])} rows")
            except (IndexError, OSError, RuntimeError, ValueError) as error:
                raise _unreadable(fidelity, task, f"rows {list(rows)}", error) from error
        return decode(np.stack(steps))

    def all_steps(self, fidelity: str, task: str) -> tuple[NDArray[np.uint16], ...]:
        """The whole file as it is stored: (row, P) uint16 of the raw and the smoothed curves.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        with self._lock:
            opened = self._open(fidelity, task)
            try:
                return tuple(curve[:] for curve in opened.curves)
            except (OSError, RuntimeError, ValueError) as error:
                raise _unreadable(fidelity, task, "curves", error) from error

    def close(self) -> None:
        """Close the open files; they open again when needed."""
        with self._lock:
            for opened in self._files.values():
                opened.file.close()
            self._files.clear()

    def _open(self, fidelity: str, task: str) -> _OpenFile:
        if self._process != os.getpid():
            # HDF5's own state does not survive a fork reliably: the child opens the files anew.
            self._files, self._process = {}, os.getpid()
        found = self._files.get((fidelity, task))
        if found is None:
            file = self._folder.curves(fidelity, task)
            try:
                iterations = np.asarray(file["iteration"][:], np.int32)
                found = _OpenFile(file, tuple(file[name] for name in CURVES), iterations)
            except (KeyError, AttributeError, OSError, ValueError, TypeError) as error:
                file.close()
                raise _unreadable(fidelity, task, "iteration or psnr", error) from error
            iterations.setflags(write=False)
            self._files[fidelity, task] = found
        return found


def _unreadable(fidelity: str, task: str, what: str, error: Exception) -> DatasetError:
    return DatasetError(
        f"{curve_path(fidelity, task)} has no {what} that can be read ({error}); run "
        f"'nasdip-bench verify'"
    )
