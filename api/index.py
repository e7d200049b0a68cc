"""The runs of a release as dense arrays: one `Block` for a (fidelity, task).

Axes in the one order of the package: architecture, image, seed. A scalar query is two dictionary
look-ups and one row of a matrix, so pandas has no place here. Must not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder, TaskRecord
from nasdip_bench.errors import DatasetError, MissingRunError, UnknownNameError, unknown_name
from nasdip_bench.schema import RELEASE_TABLES, STATUSES

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TARGETS", "Block", "RunIndex", "Scores", "codes_of"]

_IDENTIFIERS = ("arch_id", "seed", "protocol_version", "curve_row", "diverged_at")
TARGETS = tuple(
    column.name
    for column in RELEASE_TABLES["runs"]
    if column.type in ("int32", "int64", "float64") and column.name not in _IDENTIFIERS
)
"""The columns of runs.parquet that are measurements, and can be correlated with scores."""

RANKED_TARGETS = {
    column.name: column.direction for column in RELEASE_TABLES["runs"] if column.direction
}
"""Those of them that say which end is better, "higher" or "lower"; a top-k needs that."""

# The numbers of a record, in the order of its fields.
RECORD_VALUES = (
    "final_psnr_db",
    "final_psnr_smooth_db",
    "last_psnr_db",
    "last_psnr_smooth_db",
    "best_psnr_db",
    "best_raw_iteration",
    "best_psnr_smooth_db",
    "best_iteration",
    "best_at_end",
    "psnr_corrupted_db",
    "loss",
    "seconds",
)


def codes_of(column: pa.ChunkedArray, names: Sequence[str], what: str) -> NDArray[np.int64]:
    """(rows,) the position in ``names`` of each value of a column of strings.

    Raises:
        DatasetError: a value that is not among the names.
    """
    encoded = column.combine_chunks().dictionary_encode()
    found = encoded.dictionary.to_pylist()
    positions = {name: position for position, name in enumerate(names)}
    unknown = [name for name in found if name not in positions]
    if unknown or encoded.null_count:
        raise DatasetError(
            f"{what} holds {unknown[0] if unknown else None!r}, which the manifest does not list; "
            f"run 'nasdip-bench verify'"
        )
    table = np.array([positions[name] for name in found], np.int64)
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    return table[indices] if len(table) else np.zeros(0, np.int64)


class Block:
    """The runs of one task at one fidelity.

    Attributes:
        fidelity: name.
        task: name.
        record: the manifest's facts.
        seeds: all seeds there are, ascending.
        rows: (architecture, image, seed) int32: the row in ``columns``, -1 where there is no run.
        columns: by name, (run,) values of runs.parquet; int8 positions in `STATUSES` for status.
        values: (run, `RECORD_VALUES`) float64, NaN where null.
        cache: means over the default seeds, by (arch_id, position of the image).
    """

    def __init__(
        self,
        fidelity: str,
        task: str,
        record: TaskRecord,
        shape: tuple[int, int],
        columns: dict[str, NDArray[Any]],
    ) -> None:
        self.fidelity, self.task, self.record = fidelity, task, record
        self.columns = columns
        self.seeds: tuple[int, ...] = tuple(sorted({*map(int, columns["seed"])}))
        self.default_seeds = tuple(record.default_seeds)
        self.rows = np.full((*shape, len(self.seeds)), -1, np.int32)
        self.rows[
            columns["arch_id"], columns["image"], np.searchsorted(self.seeds, columns["seed"])
        ] = np.arange(len(columns["seed"]), dtype=np.int32)
        self.values = np.column_stack([columns[name].astype(np.float64) for name in RECORD_VALUES])
        self.cache: dict[tuple[int, int], Any] = {}
        self._positions = {seed: position for position, seed in enumerate(self.seeds)}

    def choose_seeds(self, seed: int | None) -> tuple[int, ...]:
        """The seeds of a query: the one asked for, or the default ones.

        Raises:
            UnknownNameError: no run of the block has the seed.
        """
        if seed is None:
            return self.default_seeds
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if not whole or seed not in self._positions:
            raise UnknownNameError(
                f"unknown seed {seed!r} for task {self.task!r} at fidelity {self.fidelity!r}. "
                f"There is: {', '.join(map(str, self.seeds)) or 'none'}. Leave it out for the mean "
                f"over {', '.join(map(str, self.default_seeds)) or 'none'}."
            )
        return (int(seed),)

    def position(self, seed: int) -> int:
        """Where a seed of the block stands on the seed axis."""
        return self._positions[seed]

    def matrix(self, target: str, seed: int) -> NDArray[np.float64]:
        """(architecture, image) float64 of one column at one seed; NaN where no run is ok."""
        rows = self.rows[:, :, self.position(seed)]
        ok = (rows >= 0) & (self.columns["status"][rows] == 0)
        return np.where(ok, self.columns[target][rows].astype(np.float64), np.nan)

    def statuses(self, seed: int) -> NDArray[np.int8]:
        """(architecture, image) int8, the position in `STATUSES`; -1 where there is no run."""
        rows = self.rows[:, :, self.position(seed)]
        return np.where(rows >= 0, self.columns["status"][rows], np.int8(-1))


class Scores:
    """The scores of one task at one fidelity.

    Attributes:
        columns: (proxy, reference), in the order of scores.parquet.
        keys: the same as "proxy/reference".
        values: (architecture, image, column) float64, NaN where there is none.
        present: the same shape, bool: there is a row, if only a null.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        arch_ids: NDArray[np.int32],
        images: NDArray[np.int64],
        pairs: list[tuple[str, str]],
        values: NDArray[np.float64],
    ) -> None:
        self.columns: tuple[tuple[str, str], ...] = tuple(dict.fromkeys(pairs))
        self.keys = tuple("/".join(pair) for pair in self.columns)
        positions = {pair: position for position, pair in enumerate(self.columns)}
        at = (arch_ids, images, np.array([positions[pair] for pair in pairs], np.intp))
        self.values = np.full((*shape, len(self.columns)), np.nan)
        self.present = np.zeros(self.values.shape, bool)
        self.values[at] = values
        self.present[at] = True


class RunIndex:
    """All blocks of a release; runs and scores are read when first asked for.

    Args:
        folder: the dataset.
    """

    def __init__(self, folder: DatasetFolder) -> None:
        self._folder = folder
        self._manifest = folder.manifest
        self.fidelities = tuple(self._manifest.fidelities)
        tasks: dict[str, None] = {}
        for facts in self._manifest.fidelities.values():
            tasks.update(dict.fromkeys(facts.get("tasks", {})))
        self.tasks = tuple(tasks)
        self._shape = (self._manifest.architectures, len(self._manifest.images))
        self._blocks: dict[tuple[str | None, str], Block] = {}
        self._scores: dict[tuple[str, str], Scores] = {}
        self._columns: dict[str, dict[str, NDArray[Any]]] = {}

    def fidelity_of(self, task: str, fidelity: str | None) -> str:
        """The fidelity asked for, or the default one of the task.

        Raises:
            UnknownNameError: no such task or fidelity in the release.
            MissingRunError: the task is not there at this fidelity.
        """
        if not isinstance(task, str) or task not in self.tasks:
            raise unknown_name("task", task, self.tasks)
        if fidelity is None:
            having = [f for f in self.fidelities if self._manifest.task(f, task)]
            return self._manifest.default_fidelity.get(task, having[0])
        if not isinstance(fidelity, str) or fidelity not in self.fidelities:
            raise unknown_name("fidelity", fidelity, self.fidelities)
        if self._manifest.task(fidelity, task) is None:
            raise MissingRunError(
                f"this release has no task {task!r} at fidelity {fidelity!r}; it has {task} at "
                f"{self._having(task)}"
            )
        return fidelity

    def _having(self, task: str) -> str:
        return ", ".join(f for f in self.fidelities if self._manifest.task(f, task)) or "none"

    def block(self, task: str, fidelity: str | None = None) -> Block:
        """The runs of a task.

        Raises:
            UnknownNameError: no such task or fidelity in the release.
            MissingRunError: no run of the task at this fidelity.
        """
        try:
            return self._blocks[fidelity, task]
        except (KeyError, TypeError):  # not read yet, or no name at all
            return self._load(task, fidelity)

    def _load(self, task: str, fidelity: str | None) -> Block:
        name = self.fidelity_of(task, fidelity)
        record = self._manifest.task(name, task)
        if record is None or not record.runs:
            raise MissingRunError(
                f"this release has no runs of task {task!r} at fidelity {name!r}, only scores"
            )
        if (name, task) not in self._blocks:
            columns = self._table("runs")
            mine = self._rows_of(columns, name, task)
            chosen = {column: values[mine] for column, values in columns.items()}
            self._blocks[name, task] = Block(name, task, record, self._shape, chosen)
        self._blocks[fidelity, task] = self._blocks[name, task]
        return self._blocks[name, task]

    def scores(self, task: str, fidelity: str | None = None) -> tuple[str, Scores]:
        """The fidelity, and the scores of a task at it; they may be none.

        Raises:
            UnknownNameError: no such task or fidelity in the release.
            MissingRunError: the task is not there at this fidelity.
        """
        name = self.fidelity_of(task, fidelity)
        if (name, task) not in self._scores:
            columns = self._table("scores")
            mine = self._rows_of(columns, name, task)
            pairs = zip(
                columns["proxy"][mine].tolist(), columns["reference"][mine].tolist(), strict=True
            )
            self._scores[name, task] = Scores(
                self._shape,
                columns["arch_id"][mine],
                columns["image"][mine],
                list(pairs),
                columns["value"][mine],
            )
        return name, self._scores[name, task]

    def _rows_of(self, columns: dict[str, NDArray[Any]], fidelity: str, task: str) -> Any:
        at = (self.fidelities.index(fidelity), self.tasks.index(task))
        return np.flatnonzero((columns["fidelity"] == at[0]) & (columns["task"] == at[1]))

    def _table(self, name: str) -> dict[str, NDArray[Any]]:
        if name not in self._columns:
            table = self._folder.table(name)
            wanted: Iterable[str] = (
                ("arch_id", "seed", "curve_row", *dict.fromkeys((*TARGETS, *RECORD_VALUES)))
                if name == "runs"
                else ("arch_id", "value", "proxy", "reference")
            )
            columns = {column: table[column].to_numpy() for column in wanted}
            ids = columns["arch_id"]
            if len(ids) and not (ids.min() >= 0 and ids.max() < self._shape[0]):
                raise DatasetError(
                    f"{name}.parquet has an arch_id outside 0..{self._shape[0] - 1}; run "
                    f"'nasdip-bench verify'"
                )
            for column, names in (
                ("image", self._manifest.images),
                ("task", self.tasks),
                ("fidelity", self.fidelities),
            ):
                columns[column] = codes_of(table[column], names, f"{name}.parquet, {column},")
            if name == "runs":
                status = codes_of(table["status"], STATUSES, "runs.parquet, status,")
                columns["status"] = status.astype(np.int8)
            self._columns[name] = columns
        return self._columns[name]
