"""The average of a trained cohort, and which of its networks to keep.

New rules need no other part of the package.

Source: ISNAS-DIP (CVPR 2022), section 4.3: the outputs of the N trained networks are averaged "with
weights inversely proportional" to their scores; the network whose output has the least mean squared
error to the average is selected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.distances import to_average
from nasdip_bench.errors import ConfigError, check_name
from nasdip_bench.seeding import BitStream

_TIE = 1e-12
"""Mean squared differences this close, relative to the largest, are equal except for rounding."""


def _inverse(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / s, as in the paper; a score of zero is perfect and takes all the weight."""
    perfect: NDArray[np.bool_] = scores == 0
    if perfect.any():
        return perfect.astype(np.float64)
    inverse: NDArray[np.float64] = scores.min() / scores  # times the least, so that none overflows
    return inverse


def _released(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(max - s) / (max - min), as in the released code; equal scores (0/0) get equal weights."""
    spread = scores.max() - scores.min()
    return (scores.max() - scores) / spread if spread > 0 else np.ones_like(scores)


_RULES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "paper": _inverse,
    "released": _released,
    "equal": np.ones_like,
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
    found = _RULES[check_name("weighting", rule, WEIGHTINGS)](np.asarray(scores, np.float64))
    shares: NDArray[np.float64] = found / found.sum()
    return shares


def closest(mean_squares: NDArray[np.float64]) -> NDArray[np.intp]:
    """Position of the least value along the last axis; the first of equally close ones.

    Args:
        mean_squares: (..., N) to the average; infinite for outputs that must not be chosen.

    Returns:
        (...,) positions.
    """
    finite = np.isfinite(mean_squares)
    largest = mean_squares.max(axis=-1, keepdims=True, where=finite, initial=0)
    near = mean_squares <= mean_squares.min(axis=-1, keepdims=True) + _TIE * largest
    return np.asarray(near.argmax(axis=-1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Cohort:
    """What a selector sees: the trained networks that did not diverge, in the order of the ranking.

    Of their smoothed outputs at the end of training it sees only the distances, so recorded
    distances replay a search as well as pictures would.

    Attributes:
        scores: (N,) of the untrained networks; lower is better.
        between: (N, N) float64, the mean squared difference of every two outputs.
        psnr_db: (N,) against the ground truth; NaN if there is none.
        weighting: weights of the average, one of `WEIGHTINGS`.
        seed: seed of the search.
    """

    scores: NDArray[np.float64]
    between: NDArray[np.float64]
    psnr_db: NDArray[np.float64]
    weighting: str = "paper"
    seed: int = 0

    @property
    def weights(self) -> NDArray[np.float64]:
        """(N,) weights of the average, with sum 1."""
        return weights(self.scores, self.weighting)

    @property
    def to_average(self) -> NDArray[np.float64]:
        """(N,) the mean squared difference of each output to their weighted average."""
        return to_average(self.between, self.weights)


Selector: TypeAlias = Callable[[Cohort], int]
"""A selection rule: the position of the network to keep."""


def closest_to_average(cohort: Cohort) -> int:
    """The least mean squared error to the cohort's average: the paper's rule."""
    return int(closest(cohort.to_average))


def best_score(cohort: Cohort) -> int:
    """The best score of the untrained networks, which needs no cohort."""
    return int(np.argmin(cohort.scores))


def random_choice(cohort: Cohort) -> int:
    """A random network, drawn with the search's seed."""
    return BitStream("isnas selection", cohort.seed).integer(len(cohort.scores))


def oracle(cohort: Cohort) -> int:
    """The highest PSNR: what the ground truth would choose, a bound and not a method."""
    if not np.isfinite(cohort.psnr_db).any():
        raise ConfigError(
            "the oracle chooses by PSNR, but there is no ground truth at the size of the "
            "selection: give one and select at full size, or choose another selector"
        )
    return int(np.nanargmax(cohort.psnr_db))


_SELECTORS: dict[str, Selector] = {
    "closest": closest_to_average,
    "oracle": oracle,
    "random": random_choice,
    "best-score": best_score,
}
SELECTORS = tuple(_SELECTORS)

UNTRAINED = "best-score"
"""The selector that needs no trained cohort."""


def get_selector(name: str) -> Selector:
    """The selector with a name of `SELECTORS`."""
    return _SELECTORS[check_name("selector", name, SELECTORS)]
