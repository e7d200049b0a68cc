"""The scores of a release as dense arrays, for the corruption of each seed."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.manifest import TaskRecord
from nasdip_bench.errors import DatasetError

from .names import check_seed


class Scores(NamedTuple):
    """The scores of one task at one fidelity, for the corruption of one seed or a mean of several.

    Attributes:
        columns: (proxy, reference), in the order of scores.parquet.
        keys: the same as "proxy/reference".
        values: (architecture, image, column) float64, NaN where missing.
        present: same shape, bool: whether there is a row, even if its value is null.
    """

    columns: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]
    values: NDArray[np.float64]
    present: NDArray[np.bool_]


class ScoresBySeed:
    """The scores of one task at one fidelity.

    Args:
        shape: numbers of architectures and images.
        rows: by name, columns of scores.parquet; ``seed`` is NaN where a score sees no corruption.
        pairs: (proxy, reference) by the code in ``pair``.
        record: the manifest's facts of the task at the fidelity.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        rows: dict[str, NDArray[Any]],
        pairs: dict[int, tuple[str, str]],
        task: str,
        fidelity: str,
        record: TaskRecord,
    ) -> None:
        found, first, inverse = np.unique(rows["pair"], return_index=True, return_inverse=True)
        order = np.argsort(first)  # order of first appearance, that of the registry
        self._columns = tuple(pairs[code] for code in found[order].tolist())
        self._keys = tuple(map("/".join, self._columns))
        self._at = (rows["arch_id"], rows["image"], np.argsort(order)[inverse])
        self._shape = (*shape, len(self._columns))
        self._rows = rows
        self._blind = np.isnan(rows["seed"].astype(np.float64))
        self._sees = np.isin(np.arange(len(self._columns)), self._at[2][~self._blind])
        self._seeds = tuple(map(int, np.unique(rows["seed"][~self._blind])))
        self._default_seeds = tuple(record.default_seeds) or self._seeds
        self._task, self._fidelity = task, fidelity
        self._there = {*self._seeds, *map(int, record.seeds)}
        self._found: dict[int | None, Scores] = {}

    def of(self, seed: int | None) -> Scores:
        """The scores of a seed, or the mean over the default seeds; see `RunIndex.scores`.

        Raises:
            UnknownNameError: no run and no score has the seed.
        """
        if seed is not None:
            seed = check_seed(seed, self._there, self._default_seeds, self._task, self._fidelity)
        if seed not in self._found:
            self._found[seed] = self._mean() if seed is None else self._of_seed(seed)
        return self._found[seed]

    def dense(self, column: str, seed: float) -> NDArray[np.float64]:
        """(architecture, image, score) of value, seconds or inits at a seed; NaN without a row.

        With NaN as seed, of only the scores that see no corruption.
        """
        mine = self._rows_of(seed)
        values = np.full(self._shape, np.nan)
        values[tuple(places[mine] for places in self._at)] = self._rows[column][mine]
        return values

    def _rows_of(self, seed: float) -> NDArray[np.bool_]:
        return np.asarray(self._blind | (self._rows["seed"] == seed))

    def _of_seed(self, seed: float) -> Scores:
        present = ~np.isnan(self.dense("inits", seed))  # never null, unlike values
        if np.count_nonzero(present) != np.count_nonzero(self._rows_of(seed)):
            raise DatasetError("scores.parquet has a score twice; run 'nasdip-bench verify'")
        return Scores(self._columns, self._keys, self.dense("value", seed), present)

    def _mean(self) -> Scores:
        by_seed = [self.of(seed) for seed in self._default_seeds if seed in self._seeds]
        if len(by_seed) < 2:
            return by_seed[0] if by_seed else self._of_seed(math.nan)
        values = np.stack([scores.values for scores in by_seed])
        there = np.stack([scores.present for scores in by_seed])
        rows = there.sum(axis=(1, 2), keepdims=True)
        # A partly scored seed must not mask the rows of fully scored ones.
        counts = rows == rows.max(axis=0)
        mean = np.where(counts, values, 0).sum(axis=0) / counts.sum(axis=0)
        present = (there | ~counts).all(axis=0)
        of_all = np.where(self._sees, np.where(present, mean, np.nan), values[0])
        return Scores(self._columns, self._keys, of_all, present)
