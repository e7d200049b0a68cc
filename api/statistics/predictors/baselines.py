"""Two predictors to beat: the mean of one's kind of sampling, and ridge regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.space import Architecture, encode_one_hot

Predictor = Callable[
    [Sequence[Architecture], NDArray[np.float64], Sequence[Architecture]], ArrayLike
]
"""A function of n trained architectures, their (n,) target and m others, to (m,) predictions."""

_PENALTIES = np.logspace(-2, 4, 13)


def sampling_mean(
    trained: Sequence[Architecture], target: NDArray[np.float64], others: Sequence[Architecture]
) -> NDArray[np.float64]:
    """The mean of the trained architectures with the same sampling and order of sampling and
    transform; without any, the mean of all.

    Example:
        >>> from nasdip_bench.space import paper_architectures
        >>> some = paper_architectures()[:4]
        >>> sampling_mean(some[:2], np.array([28.0, 30.0]), some[2:]).shape
        (2,)
    """
    kinds = [_kind(arch) for arch in trained]
    means = {
        kind: target[[place for place, one in enumerate(kinds) if one == kind]].mean()
        for kind in {*kinds}
    }
    return np.array([means.get(_kind(arch), target.mean()) for arch in others])


def _kind(arch: Architecture) -> tuple[str, bool]:
    return arch.attributes.sampling, arch.attributes.transform_first


def ridge(
    trained: Sequence[Architecture], target: NDArray[np.float64], others: Sequence[Architecture]
) -> NDArray[np.float64]:
    """Ridge regression on the one-hot encoding (Hoerl and Kennard, Technometrics 12, 1970).

    The penalty is the one of 13 between 0.01 and 10,000 with the least leave-one-out error (Golub,
    Heath and Wahba, Technometrics 21, 1979, equation 1.3).

    Example:
        >>> from nasdip_bench.space import paper_architectures
        >>> some = paper_architectures()[:12]
        >>> ridge(some[:10], np.arange(10.0), some[10:]).shape
        (2,)
    """
    x = encode_one_hot(trained).astype(np.float64)
    centre, mean = x.mean(axis=0), target.mean()
    left, widths, right = np.linalg.svd(x - centre, full_matrices=False)
    along = left.T @ (target - mean)
    kept = widths**2 / (widths**2 + _PENALTIES[:, None])  # (penalty, direction)
    errors = (target - mean) - (kept * along) @ left.T
    leverage = kept @ (left**2).T + 1 / len(target)  # the mean is fitted too
    best = np.mean((errors / (1 - leverage)) ** 2, axis=1).argmin()
    weights = right.T @ (along * widths / (widths**2 + _PENALTIES[best]))
    return np.asarray(mean + (encode_one_hot(others) - centre) @ weights)


PREDICTORS: dict[str, Predictor] = {"sampling mean": sampling_mean, "ridge": ridge}
"""The predictors of every `predictor_table`, by name."""
