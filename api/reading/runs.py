"""The runs of a release as dense arrays: one `Block` for a (fidelity, task).

Axes in the one order of the package: architecture, image, seed. A scalar query is two dictionary
look-ups and one row of a matrix, so pandas has no place here. Must not import torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder, TaskRecord
from nasdip_bench.dataset.schema import RELEASE_TABLES, STATUSES
from nasdip_bench.errors import DatasetError, MissingRunError, UnknownNameError, unknown_name

from .columns import codes, numbers, strings
from .names import unknown_task
from .scores import Scores, ScoresBySeed

__all__ = [
    "RANKED_TARGETS",
    "PAPER_TARGET",
    "TARGET",
    "TARGETS",
    "VERDICT_TARGETS",
    "Block",
    "RunIndex",
    "Summary",
]

_ENDED = (STATUSES.index("ok"), STATUSES.index("diverged"))
_NOT_MEASURED = (
    "arch_id", "seed", "protocol_version", "curve_row", "diverged_at", "stack", "threads",
)  # fmt: skip
TARGET = "stopped_psnr_smooth_db"
"""What statistics are of, and searches are judged by, where no target is named: what somebody gets
who has no ground truth and must stop."""

PAPER_TARGET = "best_psnr_smooth_db"
"""What the paper's tables and figures are of, as in its notebooks: an oracle over iterations."""

VERDICT_TARGETS = (PAPER_TARGET, TARGET, "last_psnr_smooth_db")
"""What verdicts on scores and searches are given for: an oracle over iterations, a stop without the
ground truth, and none."""

TARGETS = tuple(
    column.name
    for column in RELEASE_TABLES["runs"]
    if column.type in ("int32", "int64", "float64") and column.name not in _NOT_MEASURED
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
    "stopped_psnr_smooth_db",
    "stopped_iteration",
    "final_ssim_smooth",
    "last_ssim_smooth",
    "best_ssim_smooth",
    "stopped_ssim_smooth",
    "best_at_end",
    "psnr_corrupted_db",
    "loss",
    "seconds",
    "processor_seconds",
)


class Summary(NamedTuple):
    """The cells of a block at some seeds.

    Attributes:
        seeds: the seeds.
        present: (architecture, image) bool: all of the runs are there.
        values: (architecture, image, `RECORD_VALUES`) float64 means, NaN where one is.
        status: (architecture, image) int8, the worst position in `STATUSES`.
        rows: (architecture, image, seed) int32, as in `Block`.
    """

    seeds: tuple[int, ...]
    present: NDArray[np.bool_]
    values: NDArray[np.float64]
    status: NDArray[np.int8]
    rows: NDArray[np.int32]


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
        cache: records by (arch_id, position of the image, seed), None for the default seeds.
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
        if not self.default_seeds or not set(self.default_seeds) <= set(self.seeds):
            raise DatasetError(
                f"the manifest says seeds {list(self.default_seeds)} of {task!r} at fidelity "
                f"{fidelity!r}, runs.parquet has {list(self.seeds)}; run 'nasdip-bench verify'"
            )
        self.rows = np.full((*shape, len(self.seeds)), -1, np.int32)
        self.rows[
            columns["arch_id"], columns["image"], np.searchsorted(self.seeds, columns["seed"])
        ] = np.arange(len(columns["seed"]), dtype=np.int32)
        if not len(columns["seed"]) == np.count_nonzero(self.rows >= 0) == record.runs:
            raise DatasetError(
                f"the manifest says {record.runs} runs of {task!r} at fidelity {fidelity!r}, "
                f"runs.parquet has {len(columns['seed'])}, or one twice; run 'nasdip-bench verify'"
            )
        self.values = np.column_stack([columns[name].astype(np.float64) for name in RECORD_VALUES])
        self.cache: dict[tuple[int, int, int | None], Any] = {}
        self._positions = {seed: position for position, seed in enumerate(self.seeds)}
        self._summaries: dict[int | None, Summary] = {}

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
                f"There is: {', '.join(map(str, self.seeds)) or 'none'}. Leave it out for the "
                f"default: {', '.join(map(str, self.default_seeds)) or 'none'}."
            )
        return (int(seed),)

    def summary(self, seed: int | None) -> Summary:
        """All cells at a seed, or their means over the default seeds.

        Raises:
            UnknownNameError: no run of the block has the seed.
        """
        plain = seed is None or type(seed) is int  # True is no seed, though it equals 1
        found = self._summaries.get(seed) if plain else None
        if found is None:
            seeds = self.choose_seeds(seed)
            rows = self.rows[:, :, [self.position(one) for one in seeds]]
            # Where a run is absent, the last row stands in; present says so.
            found = Summary(
                seeds,
                np.asarray((rows >= 0).all(axis=2)),
                self.values[rows].mean(axis=2),
                self.columns["status"][rows].max(axis=2),
                rows,
            )
            self._summaries[None if seed is None else seeds[0]] = found
        return found

    def direction(self, target: str) -> int:
        """1 where the higher end of a target is better, -1 where the lower is.

        Raises:
            UnknownNameError: the column has no better end, or there is no such column.
            MissingRunError: ok runs are without it: those that were imported with curves that end
                before the stop, or with none.
        """
        if target not in tuple(RANKED_TARGETS):
            raise unknown_name("target of a ranking", target, RANKED_TARGETS)
        ok = self.columns["status"] == STATUSES.index("ok")
        absent = int(np.isnan(self.columns[target][ok]).sum())
        if absent:
            raise MissingRunError(
                f"{absent} of {int(ok.sum())} runs of {self.task!r} at fidelity {self.fidelity!r} "
                f"have no {target}, so that it cannot rank them: take best_psnr_smooth_db"
            )
        return -1 if RANKED_TARGETS[target] == "lower" else 1

    def facts(self, target: str, seeds: Sequence[int]) -> dict[str, Any]:
        """What a statistic was computed from, in plain values, for the ``attrs`` of its frame."""
        return {
            "task": self.task,
            "target": target,
            "fidelity": self.fidelity,
            "seeds": list(seeds),
        }

    def evaluated(self, seeds: Sequence[int], image: int | None = None) -> NDArray[np.bool_]:
        """(architecture,) bool: there is a run of each of the seeds that ended, ok or diverged.

        Missing and failed runs say nothing of an architecture; that it diverges says something.

        Args:
            seeds: of the block.
            image: position of the image; None for every image that has a run of each of the seeds.
        """
        ended = np.all([np.isin(self.statuses(one), _ENDED) for one in seeds], axis=0)
        if image is not None:
            return np.asarray(ended[:, image])
        images = ended.any(axis=0)
        return np.asarray(ended[:, images].all(axis=1) & images.any())

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
        self._scores: dict[tuple[str, str], ScoresBySeed] = {}
        self._columns: dict[str, dict[str, NDArray[Any]]] = {}
        self._pairs: dict[int, tuple[str, str]] = {}

    def fidelity_of(self, task: str, fidelity: str | None) -> str:
        """The fidelity asked for, or the default one of the task.

        Raises:
            UnknownNameError: no such task or fidelity in the release.
            MissingRunError: the task is not there at this fidelity.
        """
        if not isinstance(task, str) or task not in self.tasks:
            raise unknown_task(task, self.tasks, self._manifest.images)
        if fidelity is None:
            having = [f for f in self.fidelities if self._manifest.task(f, task)]
            default = self._manifest.default_fidelity.get(task, having[0])
            if default not in having:
                raise DatasetError(
                    f"the manifest names {default!r} as the default of {task!r}, which is at "
                    f"{self._having(task)}; run 'nasdip-bench verify'"
                )
            return default
        if not isinstance(fidelity, str) or fidelity not in self.fidelities:
            raise unknown_name("fidelity", fidelity, self.fidelities)
        if self._manifest.task(fidelity, task) is None:
            raise MissingRunError(
                f"this release has no task {task!r} at fidelity {fidelity!r}; it has {task} at "
                f"{self._having(task)}"
            )
        return fidelity

    @property
    def proxies(self) -> tuple[str, ...]:
        """All scores, as "proxy/reference", in the order of scores.parquet."""
        there = dict.fromkeys(self._table("scores")["pair"].tolist())
        return tuple("/".join(self._pairs[pair]) for pair in there)

    def has_runs(self, task: str, fidelity: str) -> bool:
        """Whether the release has any run of a task at a fidelity."""
        record = self._manifest.task(fidelity, task)
        return record is not None and record.runs > 0

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

    def scores(
        self, task: str, fidelity: str | None = None, seed: int | None = None
    ) -> tuple[str, Scores]:
        """The fidelity, and the scores of a task at it; they may be none.

        Scores that see no corruption are the same for every seed. The others are those of the seed,
        and absent where the release has none of it.

        Args:
            task: name.
            fidelity: None for the release's default for the task.
            seed: of the corruption; None for the mean over the default seeds of the runs (without
                runs over all that are scored), for each score over those with the most rows of it.

        Raises:
            UnknownNameError: no such task or fidelity in the release, or no run and no score has
                the seed.
            MissingRunError: the task is not there at this fidelity.
        """
        name = self.fidelity_of(task, fidelity)
        if (name, task) not in self._scores:
            columns = self._table("scores")
            mine = self._rows_of(columns, name, task)
            self._scores[name, task] = ScoresBySeed(
                self._shape,
                {column: values[mine] for column, values in columns.items()},
                self._pairs,
                f"task {task!r} at fidelity {name!r}",
                self._manifest.task(name, task),  # type: ignore[arg-type]  # else no fidelity
            )
        return name, self._scores[name, task].of(seed)

    def _rows_of(self, columns: dict[str, NDArray[Any]], fidelity: str, task: str) -> Any:
        at = (self.fidelities.index(fidelity), self.tasks.index(task))
        return np.flatnonzero((columns["fidelity"] == at[0]) & (columns["task"] == at[1]))

    def _table(self, name: str) -> dict[str, NDArray[Any]]:
        if name not in self._columns:
            table = self._folder.table(name, "dictionary")
            wanted: tuple[str, ...] = ("arch_id", "seed", "value")
            if name == "runs":
                wanted = ("arch_id", "seed", "curve_row", *{*TARGETS, *RECORD_VALUES})
            columns = {column: numbers(table[column]) for column in wanted}
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
                columns[column] = codes(table[column], names, f"{name}.parquet, {column},")
            if name == "runs":
                status = codes(table["status"], STATUSES, "runs.parquet, status,")
                columns["status"] = status.astype(np.int8)
            else:
                proxies, proxy_names = strings(table["proxy"])
                references, reference_names = strings(table["reference"])
                columns["pair"] = proxies.astype(np.int64) * len(reference_names) + references
                self._pairs = dict(
                    enumerate((str(p), str(r)) for p in proxy_names for r in reference_names)
                )
            self._columns[name] = columns
        return self._columns[name]
