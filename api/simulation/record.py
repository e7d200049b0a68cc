"""The record of a simulated search: its queries, and the incumbent after each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .observations import Choice, Query, ScoreObservation

if TYPE_CHECKING:
    import pandas as pd

    from .recorded_runs import RecordedRuns


class Trace(NamedTuple):
    """The incumbent after every paid query and every choice.

    Attributes:
        clock: (m,) float64 simulated seconds, never decreasing.
        incumbent: (m,) arch_ids, -1 before there is one.
        value: (m,) float64, the target of the incumbent; NaN before there is one.
        regret: (m,) float64, its distance from the best of the space; NaN before there is one.
    """

    clock: NDArray[np.float64]
    incumbent: NDArray[np.intp]
    value: NDArray[np.float64]
    regret: NDArray[np.float64]


class Record:
    """The queries in order, each with the place of the incumbent after it (-1 if none).

    Args:
        runs: the runs of the search.
    """

    def __init__(self, runs: RecordedRuns) -> None:
        self._runs = runs
        self._queries: list[Query] = []
        self._incumbents: list[int] = []

    def add(self, query: Query, incumbent: int) -> None:
        """Record a query."""
        self._queries.append(query)
        self._incumbents.append(incumbent)

    def trace(self) -> Trace:
        """The incumbents, as arrays."""
        runs = self._runs
        clock = np.array([query.clock for query in self._queries], np.float64)
        places = np.array(self._incumbents, np.intp)
        known = places >= 0
        values, regrets = (
            np.where(known, of[places], np.nan) for of in (runs.values, runs.regrets)
        )
        return Trace(clock, np.where(known, runs.space[places], -1), values, regrets)

    def frame(self) -> pd.DataFrame:
        """One row per query; see `nasdip_bench.api.simulation.simulator.Simulator.history`."""
        import pandas as pd

        rows = []
        for seen in self._queries:
            row = seen._asdict() | {"query": "train", "score": math.nan}
            if isinstance(seen, ScoreObservation):
                row |= {"query": f"{seen.proxy}/{seen.reference}", "score": seen.value}
            elif isinstance(seen, Choice):
                row |= {"query": "choose", "seconds": 0.0}
            else:
                row["psnr_db"] = math.nan if seen.oracle_db is None else seen.oracle_db
            rows.append(row)
        names = ["clock", "seconds", "query", "arch_id", "architecture", "iterations", "psnr_db"]
        names += ["continued", "status", "score"]
        frame = pd.DataFrame(rows, columns=names)
        frame = frame.astype({"iterations": "Int64", "continued": "boolean"})
        trace = self.trace()
        incumbent = pd.array(trace.incumbent, "Int64")
        incumbent[trace.incumbent < 0] = pd.NA
        frame["incumbent"], frame["regret"] = incumbent, trace.regret
        return frame
