"""What the checks of a dataset share: tables as arrays, and sentences about rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.manifest import Manifest, TaskRecord

Table = dict[str, NDArray[Any]]
"""(rows,) values by name of the column."""

Problems = Iterator[str]
"""One sentence per problem."""

_SHOWN = 3


def task_records(manifest: Manifest) -> Iterator[tuple[str, str, TaskRecord]]:
    """(fidelity, task, record) of all tasks that a manifest lists."""
    for fidelity, facts in manifest.fidelities.items():
        for task, record in facts["tasks"].items():
            yield fidelity, task, TaskRecord(**record)


def bad_rows(
    table: str, bad: NDArray[np.bool_], what: str, rows: NDArray[np.intp] | None = None
) -> Problems:
    """One sentence for all rows of a table that share one problem.

    Args:
        table: name of the table.
        bad: whether a row has the problem.
        what: the problem.
        rows: the rows that ``bad`` is of; None: all.
    """
    where = np.flatnonzero(bad) if rows is None else rows[bad]
    if len(where):
        shown = ", ".join(map(str, where[:_SHOWN])) + (", ..." if len(where) > _SHOWN else "")
        yield f"{table}: {len(where)} rows {what} (row {shown})"


def rows_of(table: Table, fidelity: str, task: str) -> NDArray[np.intp]:
    """The rows of a table with a fidelity and task."""
    return np.flatnonzero((table["fidelity"] == fidelity) & (table["task"] == task))
