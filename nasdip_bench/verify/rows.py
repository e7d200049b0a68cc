"""What the checks of a dataset have in common: tables as arrays, and sentences about rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.manifest import Manifest, TaskRecord

Table = dict[str, NDArray[Any]]
"""By name of the column: (rows,) values."""

Problems = Iterator[str]
"""A sentence each."""

_SHOWN = 3


def task_records(manifest: Manifest) -> Iterator[tuple[str, str, TaskRecord]]:
    """Fidelity, task and record of all that a manifest lists."""
    for fidelity, facts in manifest.fidelities.items():
        for task in facts.get("tasks", {}):
            record = manifest.task(fidelity, task)
            if record is not None:
                yield fidelity, task, record


def bad_rows(table: str, bad: NDArray[np.bool_], what: str) -> Problems:
    """One sentence for all the rows of a table that are bad in one way."""
    where = np.flatnonzero(bad)
    if len(where):
        shown = ", ".join(map(str, where[:_SHOWN])) + (", ..." if len(where) > _SHOWN else "")
        yield f"{table}: {len(where)} rows {what} (row {shown})"


def rows_of(table: Table, fidelity: str, task: str) -> NDArray[np.intp]:
    """The rows of a table that are of a fidelity and task."""
    return np.flatnonzero((table["fidelity"] == fidelity) & (table["task"] == task))
