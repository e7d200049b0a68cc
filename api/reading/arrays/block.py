"""The runs of a task at a fidelity as dense arrays.

The axis order is that of the package: architecture, image, seed. A scalar query is two dictionary
look-ups and one matrix row, so pandas is not needed. Must not import torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import TaskRecord
from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.errors import (
    DatasetError,
    MissingRunError,
    UnknownNameError,
    check_name,
    check_whole,
)

from ..records.run import NUMBERS, RunRecord
from .names import check_seed
from .targets import RANKED_TARGETS, TARGETS

OK = STATUSES.index("ok")
ENDED = (OK, STATUSES.index("diverged"))
COLUMNS = (*NUMBERS, *(name for name in TARGETS if name not in NUMBERS))
"""The numeric columns of runs.parquet; those of a `RunRecord` come first."""


class Block:
    """The runs of one task at one fidelity.

    Attributes:
        fidelity: name.
        task: name.
        record: the manifest's facts.
        seeds: all seeds, ascending.
        default_seeds: the seeds that a query averages over.
        status: (architecture, image, seed) int8 positions in `STATUSES`; -1 where there is no run.
        curve_row: (architecture, image, seed) int32, the row in its part of the curves.
        values: (architecture, image, seed, `COLUMNS`) float64, NaN where there is no value.
        cache: records by (arch_id, position of the image, seeds).
    """

    def __init__(
        self,
        fidelity: str,
        task: str,
        record: TaskRecord,
        shape: tuple[int, int],
        runs: dict[str, NDArray[Any]],
    ) -> None:
        self.fidelity, self.task, self.record = fidelity, task, record
        self.seeds: tuple[int, ...] = tuple(sorted({*map(int, runs["seed"])}))
        self.default_seeds = tuple(record.default_seeds)
        if not self.default_seeds or not set(self.default_seeds) <= set(self.seeds):
            raise DatasetError(
                f"the manifest says seeds {list(self.default_seeds)} of {task!r} at fidelity "
                f"{fidelity!r}, runs.parquet has {list(self.seeds)}; run 'nasdip-bench verify'"
            )
        dense = (*shape, len(self.seeds))
        cells = runs["arch_id"], runs["image"], np.searchsorted(self.seeds, runs["seed"])
        self.status = np.full(dense, -1, np.int8)
        self.status[cells] = runs["status"]
        if not len(runs["seed"]) == np.count_nonzero(self.status >= 0) == record.runs:
            raise DatasetError(
                f"the manifest says {record.runs} runs of {task!r} at fidelity {fidelity!r}, "
                f"runs.parquet has {len(runs['seed'])}, or one twice; run 'nasdip-bench verify'"
            )
        self.curve_row = np.full(dense, -1, np.int32)
        self.curve_row[cells] = runs["curve_row"]
        self.values = np.full((*dense, len(COLUMNS)), np.nan)
        for name in COLUMNS:
            self.column(name)[cells] = runs[name]
        self.cache: dict[tuple[int, int, tuple[int, ...]], RunRecord] = {}
        self._means: dict[tuple[int, ...], tuple[NDArray[np.float64], NDArray[np.int8]]] = {}

    def choose_seeds(self, seed: int | None) -> tuple[int, ...]:
        """The seeds of a query: the requested one, or the default ones.

        Raises:
            UnknownNameError: no run of the block has the seed.
        """
        if seed is None:
            return self.default_seeds
        return (check_seed(seed, self.seeds, self.default_seeds, self.task, self.fidelity),)

    def means(self, seeds: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Means over some seeds of the block, kept for the next call.

        Returns:
            (architecture, image, `NUMBERS`) float64, NaN if any run's value is; and (architecture,
            image) int8, the worst position in `STATUSES`, -1 if any run is missing.
        """
        if seeds not in self._means:
            places = [self.position(one) for one in seeds]
            status = self.status[:, :, places]
            worst = np.where((status < 0).any(axis=2), np.int8(-1), status.max(axis=2))
            values = self.values[:, :, places, : len(NUMBERS)].mean(axis=2)
            self._means[seeds] = values, worst
        return self._means[seeds]

    def check_ranked(self, target: str) -> None:
        """Refuse a target that cannot rank the architectures.

        Raises:
            UnknownNameError: no such column, or higher is not better.
            MissingRunError: some ok runs lack it: imported runs whose curves end before the stop,
                or that have none.
        """
        check_name("target of a ranking", target, RANKED_TARGETS)
        ok = self.status == OK
        absent = int(np.isnan(self.column(target)[ok]).sum())
        if absent:
            raise MissingRunError(
                f"{absent} of {int(ok.sum())} runs of {self.task!r} at fidelity {self.fidelity!r} "
                f"have no {target}, so it cannot rank them: take best_psnr_smooth_db"
            )

    def facts(self, target: str, seeds: Sequence[int]) -> dict[str, Any]:
        """What a statistic was computed from, as plain values for the ``attrs`` of its frame."""
        return {
            "task": self.task,
            "target": target,
            "fidelity": self.fidelity,
            "seeds": list(seeds),
        }

    def evaluated(self, seeds: Sequence[int], image: int | None = None) -> NDArray[np.bool_]:
        """(architecture,) bool: whether its runs of all the seeds ended, ok or diverged.

        Missing and failed runs say nothing about an architecture; diverged ones do. ``image`` is a
        position; None for every image that has a run of each of the seeds.
        """
        ended = np.all([self.ended(one) for one in seeds], axis=0)
        if image is not None:
            return np.asarray(ended[:, image])
        images = ended.any(axis=0)
        return np.asarray(ended[:, images].all(axis=1) & images.any())

    def ended(self, seed: int) -> NDArray[np.bool_]:
        """(architecture, image) whether there is a run of the seed, ok or diverged."""
        return np.isin(self.statuses(seed), ENDED)

    def position(self, seed: int) -> int:
        """Position of a seed of the block on the seed axis."""
        return self.seeds.index(seed)

    def kept_place(self, kept: NDArray[np.int32], iteration: int) -> int:
        """The place of an iteration among the (P,) int32 kept ones, which ascend.

        Raises:
            UnknownNameError: it is outside the budget or was not kept.
        """
        last = self.record.iterations
        note = f", the length of runs of {self.task!r} at fidelity {self.fidelity!r}"
        check_whole("iteration", iteration, 1, last, note=note, error=UnknownNameError)
        place = int(np.searchsorted(kept, iteration))
        if place == len(kept) or kept[place] != iteration:
            near = " and ".join(str(kept[i]) for i in (place - 1, place) if 0 <= i < len(kept))
            raise UnknownNameError(
                f"iteration {iteration} of {self.task!r} at fidelity {self.fidelity!r} was not "
                f"kept: a release keeps {len(kept)} of the {last}. The nearest kept are {near}; "
                f"bench.curve(...).iterations and 'nasdip-bench curve' list all"
            )
        return place

    def seeds_of(self, arch_id: int, image: int) -> tuple[int, ...]:
        """The seeds of an architecture's runs on an image, ascending."""
        there = self.status[arch_id, image] >= 0
        return tuple(np.array(self.seeds)[there].tolist())

    def column(self, name: str) -> NDArray[np.float64]:
        """(architecture, image, seed) float64 of one of `COLUMNS`, a view."""
        return self.values[..., COLUMNS.index(name)]

    def matrix(self, target: str, seed: int) -> NDArray[np.float64]:
        """(architecture, image) float64 of one column at one seed; NaN where no run is ok."""
        values = self.column(target)[:, :, self.position(seed)]
        return np.where(self.statuses(seed) == OK, values, np.nan)

    def statuses(self, seed: int) -> NDArray[np.int8]:
        """(architecture, image) int8, the position in `STATUSES`; -1 where there is no run."""
        return self.status[:, :, self.position(seed)]
