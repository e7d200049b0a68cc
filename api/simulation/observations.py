"""What a simulated search sees, and its record as a frame. pandas on use; never torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Observation", "ScoreObservation", "Trace", "history_frame"]


class Observation(NamedTuple):
    """What a search sees of a training.

    Attributes:
        arch_id: row of the architecture in the release.
        architecture: its canonical string.
        iterations: trained so far.
        psnr_db: dB of the output there, against the ground truth: an oracle. NaN if it diverged.
        psnr_smooth_db: the same of the smoothed output: what searches maximise.
        seconds: charged for this query.
        clock: simulated seconds since the search began, this query included.
        continued: whether an earlier training went on.
        status: "ok", or "diverged" before this iteration.
    """

    arch_id: int
    architecture: str
    iterations: int
    psnr_db: float
    psnr_smooth_db: float
    seconds: float
    clock: float
    continued: bool
    status: str


class ScoreObservation(NamedTuple):
    """What a search sees of a training-free score.

    Attributes:
        arch_id: row of the architecture in the release.
        architecture: its canonical string.
        proxy: name of the score.
        reference: what it compares with: corrupted, ground_truth (an oracle) or none.
        value: the mean over the scoring initialisations; NaN where the release has none.
        seconds: charged for this query.
        clock: simulated seconds since the search began, this query included.
    """

    arch_id: int
    architecture: str
    proxy: str
    reference: str
    value: float
    seconds: float
    clock: float


class Trace(NamedTuple):
    """The incumbent after every paid query.

    Attributes:
        clock: (m,) float64 simulated seconds, not descending.
        incumbent: (m,) arch_ids, -1 before there is one.
        value: (m,) float64, the target of the incumbent; NaN before there is one.
        regret: (m,) float64, its distance from the best of the space; NaN before there is one.
    """

    clock: NDArray[np.float64]
    incumbent: NDArray[np.intp]
    value: NDArray[np.float64]
    regret: NDArray[np.float64]


def history_frame(log: Sequence[Observation | ScoreObservation], trace: Trace) -> pd.DataFrame:
    """A row for every paid query; see `nasdip_bench.api.simulation.simulator.Simulator.history`.

    Args:
        log: the m queries, in order.
        trace: (m,) the incumbent after each.
    """
    import pandas as pd

    rows = []
    for seen in log:
        row = seen._asdict() | {"query": "train", "score": math.nan}
        if isinstance(seen, ScoreObservation):
            row |= {"query": f"{seen.proxy}/{seen.reference}", "score": seen.value}
        rows.append(row)
    names = ["clock", "seconds", "query", "arch_id", "architecture", "iterations", "psnr_db"]
    names += ["psnr_smooth_db", "continued", "status", "score"]
    frame = pd.DataFrame(rows, columns=names)
    frame = frame.astype({"iterations": "Int64", "continued": "boolean"})
    incumbent = pd.array(trace.incumbent, "Int64")
    incumbent[trace.incumbent < 0] = pd.NA
    frame["incumbent"], frame["regret"] = incumbent, trace.regret
    return frame
