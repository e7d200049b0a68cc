"""The record of a simulated search: its queries, and the incumbent after each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .observations import Query

if TYPE_CHECKING:
    import pandas as pd

    from .recorded_runs import RecordedRuns


_COLUMNS = (
    "clock", "seconds", "query", "arch_id", "architecture", "iterations", "psnr_db", "continued",
    "status", "score",
)  # fmt: skip


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


class Record:
    """The queries in order, each with the place of the incumbent after it (-1 if none).

    Args:
        runs: the runs of the search.
    """

    def __init__(self, runs: RecordedRuns) -> None:
        self._runs = runs
        self._queries: list[tuple[str, Query]] = []
        self._incumbents: list[int] = []

    def add(self, name: str, seen: Query, incumbent: int) -> None:
        """Record a query by its name and what it showed."""
        self._queries.append((name, seen))
        self._incumbents.append(incumbent)

    def trace(self) -> Trace:
        """The incumbents, as arrays."""
        runs = self._runs
        clock = np.array([seen.clock for _, seen in self._queries], np.float64)
        places = np.array(self._incumbents, np.intp)
        known = places >= 0
        regrets = np.where(known, runs.regrets[places], np.nan)
        return Trace(clock, np.where(known, runs.space[places], -1), regrets)

    def frame(self) -> pd.DataFrame:
        """One row per query; see `nasdip_bench.api.simulation.simulator.Simulator.history`."""
        import pandas as pd

        frame = pd.DataFrame([seen._asdict() | {"query": name} for name, seen in self._queries])
        frame = frame.rename(columns={"oracle_db": "psnr_db", "value": "score"})
        frame = frame.reindex(columns=_COLUMNS).astype(
            {"iterations": "Int64", "psnr_db": "float64", "continued": "boolean"}
        )
        trace = self.trace()
        incumbent = pd.array(trace.incumbent, "Int64")
        incumbent[trace.incumbent < 0] = pd.NA
        frame["incumbent"], frame["regret"] = incumbent, trace.regret
        return frame
