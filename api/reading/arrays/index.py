"""All blocks and scores of a release by task and fidelity, each read when first requested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.errors import DatasetError, MissingRunError, unknown_name

from ..records.run import NUMBERS
from .block import Block
from .columns import codes, numbers, strings
from .names import unknown_task
from .scores import Scores, ScoresBySeed
from .targets import TARGETS


class RunIndex:
    """All blocks and scores of a dataset folder."""

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
        """The requested fidelity, or the default one of the task.

        Raises:
            UnknownNameError: no such task or fidelity in the release.
            MissingRunError: the release does not have the task at this fidelity.
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
        except (KeyError, TypeError):  # not read yet, or not a name
            return self._load(task, fidelity)

    def missing_run(
        self, block: Block, arch_id: int, code: str, image: int, seeds: Sequence[int]
    ) -> str:
        """The message for a run that the release could hold but does not.

        It is about the first of the seeds that the architecture (row, canonical string) has no run
        with, on the image at a position.
        """
        there = block.seeds_of(arch_id, image)
        seed = next(one for one in seeds if one not in there)
        having = []
        for fidelity in self.fidelities:
            if self.has_runs(block.task, fidelity):
                others = self.block(block.task, fidelity).seeds_of(arch_id, image)
                if others:
                    having.append(f"{fidelity} with seed {', '.join(map(str, others))}")
        held, most = block.record.seeds.get(str(seed), 0), block.statuses(seed).size
        return (
            f"no run of architecture {code} on {self._manifest.images[image]!r} for "
            f"{block.task!r} at fidelity {block.fidelity!r} with seed {seed}. Available for this "
            f"architecture, image and task: {'; '.join(having) or 'none'}. The release holds "
            f"{held} of the {most} runs of {block.task} at {block.fidelity} with seed {seed}: "
            f"bench.coverage() and 'nasdip-bench coverage' count them, "
            f"bench.evaluated({block.task!r}) lists architectures."
        )

    def _load(self, task: str, fidelity: str | None) -> Block:
        name = str(self.fidelity_of(task, fidelity))  # NumPy's strings become Python's
        task = str(task)
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
        """The fidelity, and the scores of a task at it; there may be none.

        Scores that see no corruption are the same for every seed. The others are those of the seed,
        and missing if the release has none for it.

        Args:
            task: name.
            fidelity: None for the release's default for the task.
            seed: seed of the corruption; None for the mean over the default seeds of the runs, or
                all scored seeds if there are no runs. Each score uses the seeds with the most rows.

        Raises:
            UnknownNameError: no such task or fidelity in the release, or no run and no score has
                the seed.
            MissingRunError: the release does not have the task at this fidelity.
        """
        name = self.fidelity_of(task, fidelity)
        return name, self.scores_by_seed(task, name).of(seed)

    def scores_by_seed(self, task: str, fidelity: str) -> ScoresBySeed:
        """The scores of a task at a fidelity that the release has it at."""
        if (fidelity, task) not in self._scores:
            columns = self._table("scores")
            mine = self._rows_of(columns, fidelity, task)
            self._scores[fidelity, task] = ScoresBySeed(
                self._shape,
                {column: values[mine] for column, values in columns.items()},
                self._pairs,
                task,
                fidelity,
                self._manifest.task(fidelity, task),  # type: ignore[arg-type]  # else no fidelity
            )
        return self._scores[fidelity, task]

    def _rows_of(self, columns: dict[str, NDArray[Any]], fidelity: str, task: str) -> Any:
        at = (self.fidelities.index(fidelity), self.tasks.index(task))
        return np.flatnonzero((columns["fidelity"] == at[0]) & (columns["task"] == at[1]))

    def _table(self, name: str) -> dict[str, NDArray[Any]]:
        if name not in self._columns:
            table = self._folder.table(name, "dictionary")
            wanted: tuple[str, ...] = ("arch_id", "seed", "value", "seconds", "inits")
            if name == "runs":
                wanted = ("arch_id", "seed", "curve_row", *{*TARGETS, *NUMBERS})
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
