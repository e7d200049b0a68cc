"""Means of groups of plain arrays. Needs no dataset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def group_means(
    values: NDArray[np.float64], groups: NDArray[np.integer], *, without_own: bool = False
) -> NDArray[np.float64]:
    """(n,) the mean over each one's group, or over its other members; NaN where there are none.

    Args:
        values: (n,) or (n, values of each one); NaN is left out.
        groups: (n,) group of each.
        without_own: leave out each one's own values.

    Example:
        >>> group_means(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1]), without_own=True)
        array([ 3.,  1., nan])
    """
    rows = values.reshape(len(values), -1)
    _, group = np.unique(groups, return_inverse=True)
    there = np.isfinite(rows)
    sums, counts = (
        np.bincount(group, of)[group] - (of if without_own else 0)
        for of in (np.where(there, rows, 0.0).sum(axis=1), there.sum(axis=1, dtype=np.float64))
    )
    means = np.full(len(rows), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
