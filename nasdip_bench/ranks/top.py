"""The k best of plain arrays, and how many of them two share. Needs no dataset."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import check_whole


def top_k(values: ArrayLike, k: int) -> NDArray[np.intp]:
    """Positions of the k highest values, best first.

    Ties break by position, the first wins; NaN is last.

    Args:
        values: (n,) numbers.
        k: 1..n.

    Raises:
        ConfigError: k is outside 1..n.
    """
    numbers = np.asarray(values, np.float64)
    check_whole("k", k, 1, len(numbers), note=", the number of values to choose from")
    return np.argsort(-np.where(np.isnan(numbers), -np.inf, numbers), kind="stable")[:k]


def overlap_matrix(values: ArrayLike, k: int) -> NDArray[np.int64]:
    """How many of their k best positions two rows share, for all pairs of rows.

    Args:
        values: (rows, n) numbers, higher is better, NaN last.
        k: 1..n.

    Returns:
        (rows, rows) int64, symmetric, k on the diagonal.

    Raises:
        ConfigError: k is outside 1..n.
    """
    matrix = np.asarray(values, np.float64)
    chosen = np.zeros(matrix.shape, np.int64)
    for row, numbers in enumerate(matrix):
        chosen[row, top_k(numbers, k)] = 1
    return chosen @ chosen.T
