"""Which network of a trained cohort to keep. New rules need not know of the rest of the package.

Must not import torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.distances import to_average
from nasdip_bench.errors import ConfigError, unknown_name
from nasdip_bench.seeding import BitStream

from .averaging import closest, weights

__all__ = [
    "SELECTORS",
    "BestScore",
    "ClosestToAverage",
    "Cohort",
    "Oracle",
    "RandomChoice",
    "Selector",
    "get_selector",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cohort:
    """What a selector sees: the trained networks that did not diverge, in the order of the ranking.

    Their smoothed outputs at the end of training are known by their distances alone, so that
    recorded distances replay a search as well as pictures would.

    Attributes:
        scores: (N,) of the untrained networks; lower is better.
        between: (N, N) float64, the mean squared difference of every two outputs.
        psnr_db: (N,) against the ground truth; NaN where there is none.
        weighting: of the average; see `nasdip_bench.isnas.averaging`.
        seed: of the search.
    """

    scores: NDArray[np.float64]
    between: NDArray[np.float64]
    psnr_db: NDArray[np.float64]
    weighting: str = "paper"
    seed: int = 0

    @property
    def weights(self) -> NDArray[np.float64]:
        """(N,) of the average, with sum 1."""
        return weights(self.scores, self.weighting)

    @property
    def to_average(self) -> NDArray[np.float64]:
        """(N,) the mean squared difference of each output to their weighted average."""
        return to_average(self.between, self.weights)


class Selector(Protocol):
    """A rule."""

    def __call__(self, cohort: Cohort) -> int:
        """The position of the network to keep."""


class ClosestToAverage:
    """The least mean squared error to the cohort's average: the paper's rule."""

    def __call__(self, cohort: Cohort) -> int:
        return int(closest(cohort.to_average))


class BestScore:
    """The best score of the untrained networks: no cohort would have been needed."""

    def __call__(self, cohort: Cohort) -> int:
        return int(np.argmin(cohort.scores))


class RandomChoice:
    """Any, by the search's seed."""

    def __call__(self, cohort: Cohort) -> int:
        return BitStream("isnas selection", cohort.seed).integer(len(cohort.scores))


class Oracle:
    """The highest PSNR: what the ground truth would choose, a bound and not a method."""

    def __call__(self, cohort: Cohort) -> int:
        if not np.isfinite(cohort.psnr_db).any():
            raise ConfigError(
                "the oracle chooses by PSNR, and there is no ground truth at the size of the "
                "selection: give one and select at full size, or choose another selector"
            )
        return int(np.nanargmax(cohort.psnr_db))


_SELECTORS: dict[str, Selector] = {
    "closest": ClosestToAverage(),
    "oracle": Oracle(),
    "random": RandomChoice(),
    "best-score": BestScore(),
}
SELECTORS = tuple(_SELECTORS)


def get_selector(name: str) -> Selector:
    """The selector of a name of `SELECTORS`."""
    if name not in _SELECTORS:
        raise unknown_name("selector", name, SELECTORS)
    return _SELECTORS[name]
