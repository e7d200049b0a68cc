"""The cohort's average, to which the selected network comes closest.

Source: ISNAS-DIP (CVPR 2022), section 4.3: the outputs of the N trained networks are averaged "with
weights inversely proportional" to their scores; the network whose output has the least mean squared
error to the average is selected.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import unknown_name

__all__ = ["WEIGHTINGS", "closest", "weighted_average", "weights"]

_TIE = 1e-12
"""Of the largest: mean squared differences that differ by less are equal but for rounding."""


def _inverse(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / s, as the paper says; a score of zero is perfect, and takes all the weight."""
    perfect: NDArray[np.bool_] = scores == 0
    if perfect.any():
        return perfect.astype(np.float64)
    inverse: NDArray[np.float64] = scores.min() / scores  # the least, so that none overflows
    return inverse


def _released(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(max - s) / (max - min), as the released code has it; 0/0 for equal scores: then equal."""
    spread = scores.max() - scores.min()
    return (scores.max() - scores) / spread if spread > 0 else np.ones_like(scores)


def _equal(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ones_like(scores)


_RULES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "paper": _inverse,
    "released": _released,
    "equal": _equal,
}
WEIGHTINGS = tuple(_RULES)


def weights(scores: NDArray[np.float64], rule: str = "paper") -> NDArray[np.float64]:
    """Weights of a cohort's outputs.

    Args:
        scores: (N,) lower is better, not negative.
        rule: one of `WEIGHTINGS`.

    Returns:
        (N,) float64, not negative, with sum 1.
    """
    if rule not in _RULES:
        raise unknown_name("weighting", rule, WEIGHTINGS)
    found = _RULES[rule](np.asarray(scores, np.float64))
    shares: NDArray[np.float64] = found / found.sum()
    return shares


def weighted_average(
    outputs: NDArray[np.float32], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(C, H, W): the average of outputs (N, C, H, W) with weights (N,) of sum 1.

    Not rounded to float32.
    """
    average: NDArray[np.float64] = np.tensordot(shares, outputs.astype(np.float64), 1)
    return average


def closest(mean_squares: NDArray[np.float64]) -> NDArray[np.intp]:
    """The position of the least along the last axis; of those equally close the first.

    Args:
        mean_squares: (..., N) to the average; infinite where an output is not to be chosen.

    Returns:
        (...,) positions.
    """
    finite = np.isfinite(mean_squares)
    largest = mean_squares.max(axis=-1, keepdims=True, where=finite, initial=0)
    near = mean_squares <= mean_squares.min(axis=-1, keepdims=True) + _TIE * largest
    return np.asarray(near.argmax(axis=-1))
