"""What a simulated search sees."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError

from ..reading.records.showing import displayed


@displayed
class Observation(NamedTuple):
    """What a search sees of a training.

    Attributes:
        arch_id: row of the architecture in the release.
        architecture: its canonical string.
        iterations: iterations trained so far.
        oracle_db: the stored `psnr_db`; None on the track "deployable".
        seconds: seconds charged for this query.
        clock: simulated seconds since the search began, including this query.
        continued: whether it continued an earlier training.
        status: "ok", or "diverged" before this iteration.
    """

    arch_id: int
    architecture: str
    iterations: int
    oracle_db: float | None
    seconds: float
    clock: float
    continued: bool
    status: str

    @property
    def psnr_db(self) -> float:
        """PSNR of the output against the ground truth, dB; NaN if the run diverged.

        It measures the raw output: the smoothed one lags some 99 iterations behind and says little
        about a run that has just begun.

        Raises:
            ConfigError: on the track "deployable", where nobody has the ground truth.
        """
        if self.oracle_db is None:
            raise ConfigError(
                "the track 'deployable' shows no PSNR: choose by scores, observables or distances "
                "(sim.score, sim.observables, sim.distances), or open the track 'oracle'"
            )
        return self.oracle_db


@displayed
class ScoreObservation(NamedTuple):
    """What a search sees of a training-free score.

    Attributes:
        arch_id: row of the architecture in the release.
        architecture: its canonical string.
        proxy: name of the score.
        reference: what it compares with: corrupted, ground_truth (an oracle) or none.
        value: the mean over the scoring initialisations; NaN where the release has none.
        seconds: seconds charged for this query.
        clock: simulated seconds since the search began, including this query.
    """

    arch_id: int
    architecture: str
    proxy: str
    reference: str
    value: float
    seconds: float
    clock: float


class Trace(NamedTuple):
    """The incumbent after every paid query and every choice.

    Attributes:
        clock: (m,) float64 simulated seconds, never decreasing.
        incumbent: (m,) arch_ids, -1 before there is one.
        regret: (m,) float64, its distance from the best of the space by the target; NaN before
            there is one.
    """

    clock: NDArray[np.float64]
    incumbent: NDArray[np.intp]
    regret: NDArray[np.float64]
