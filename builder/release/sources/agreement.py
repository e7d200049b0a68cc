"""Stacks tables of several sources: finds rows with equal keys and checks that they agree.

The numbers, and all that decides them, must agree. Who computed a run, with what and how fast
(`nasdip_bench.dataset.schema.PROVENANCE_COLUMNS`) may differ; the kept row records its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nasdip_bench.dataset.curves import CODES, decode
from nasdip_bench.dataset.schema import PROVENANCE_COLUMNS, Column
from nasdip_bench.errors import BuildError

from .contents import KEY_COLUMNS

_MADE_BY = ("engine", "stack", "threads", "device", "torch")
"""Why a run may be rounded otherwise in another source."""


class Stacked:
    """Stacked tables of one kind.

    Args:
        what: name of a row in messages: "run", "score" or "corruption".
        tables: at least one.
        sources: name of each table, for messages.

    Attributes:
        table: all rows.
        kept: the rows to keep, in order: for each key the first that did not fail, else the first.
        twice: (2, pair) kept rows, and dropped rows that must agree with them. Failed rows
            contradict nothing.
    """

    def __init__(self, what: str, tables: Sequence[pa.Table], sources: Sequence[str]) -> None:
        self.table = pa.concat_tables(tables)
        self._what, self._key = what, KEY_COLUMNS[f"{what}s"]
        self._sources = np.repeat(sources, [len(table) for table in tables]).tolist()
        failed = np.zeros(len(self.table), bool)
        if "status" in self.table.column_names:
            failed = self._column("status") == "failed"
        # Not as arrays: there an absent seed is NaN, which equals nothing.
        keys = list(zip(*(self.table[name].to_pylist() for name in self._key), strict=True))
        kept: dict[tuple[Any, ...], int] = {}
        pairs: list[tuple[int, int]] = []
        for row in np.argsort(failed, kind="stable").tolist():
            first = kept.setdefault(keys[row], row)
            if first != row and not failed[row]:
                pairs.append((first, row))
        self.kept: NDArray[np.int64] = np.sort(np.fromiter(kept.values(), np.int64, len(kept)))
        self.twice: NDArray[np.int64] = np.array(pairs, np.int64).reshape(-1, 2).T

    def _column(self, name: str) -> NDArray[Any]:
        """(row,) values, None or NaN where missing."""
        return self.table[name].to_numpy()  # type: ignore[no-any-return]

    def check_columns(self, columns: Iterable[Column], rounding: float = 0) -> None:
        """Raise `BuildError` if rows with equal keys have different numbers.

        Args:
            columns: of the table; provenance columns may differ.
            rounding: how much numbers may differ.
        """
        for column in columns:
            name = column.name
            if name in self._key or name in PROVENANCE_COLUMNS:
                continue
            one, other = self._column(name)[self.twice]
            unlike = (one != other) & ~((one != one) & (other != other))
            if rounding:
                unlike &= ~(np.abs(one - other) <= rounding)
            if len(differing := np.flatnonzero(unlike)):
                first = differing[0]
                self._contradict(
                    differing,
                    f"{name} is {one[first]} in the first and {other[first]} in the second",
                )

    def check_curves(self, name: str, codes: NDArray[np.uint16]) -> None:
        """Raise `BuildError` if curves of one run are not equal.

        Args:
            name: of the curve.
            codes: (row, point).
        """
        one, other = codes[self.twice]
        if len(differing := np.flatnonzero((one != other).any(axis=1))):
            ends = (decode(curves[differing[0]], CODES[name]) for curves in (one, other))
            apart = np.nanmax(np.abs(np.subtract(*ends)), initial=0)
            self._contradict(
                differing, f"their {name} curves are up to {apart:g} apart ({CODES[name].unit})"
            )

    def _contradict(self, differing: NDArray[np.intp], difference: str) -> None:
        first, second = self.twice[:, differing[0]].tolist()
        key = "/".join(str(self.table[name][first].as_py()) for name in self._key)
        others = f" ({len(differing)} {self._what}s differ in this)" if len(differing) > 1 else ""
        unlike = "".join(
            f", {name} {values[0]} and {values[1]}"
            for name in _MADE_BY
            if name in self.table.column_names
            and len(set(values := self.table[name].take([first, second]).to_pylist())) > 1
        )
        raise BuildError(
            f"{self._what} {key} is in {self._sources[first]!r} and in {self._sources[second]!r}, "
            f"and not the same: {difference}{others}{unlike and f'; made with{unlike[1:]}'}; leave "
            f"one of the two out"
        )

    def check_alike(self, groups: Iterable[str], values: Iterable[str | None], why: str) -> None:
        """Raise `BuildError` if rows of one group have two values, and say ``why`` they must not.

        In messages, a group starts a sentence and a value ends it. None matches every value."""
        found: dict[str, tuple[str, str]] = {}
        for group, value, source in zip(groups, values, self._sources, strict=True):
            if value is None:
                continue
            first, where = found.setdefault(group, (value, source))
            if first != value:
                raise BuildError(f"{group} {first} in {where!r} and {value} in {source!r}: {why}")
