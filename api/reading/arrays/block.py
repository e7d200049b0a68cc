"""The runs of a task at a fidelity as dense arrays.

The axis order is that of the package: architecture, image, seed. A scalar query is two dictionary
look-ups and one matrix row, so pandas is not needed. Must not import torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import TaskRecord
from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.errors import DatasetError, MissingRunError, UnknownNameError, check_name

from ..records.run import NUMBERS
from .targets import RANKED_TARGETS

_ENDED = (STATUSES.index("ok"), STATUSES.index("diverged"))


class Summary(NamedTuple):
    """The cells of a block at some seeds.

    Attributes:
        seeds: the seeds.
        present: (architecture, image) bool: whether all of the runs exist.
        values: (architecture, image, `NUMBERS`) float64 means, NaN if any run's value is.
        status: (architecture, image) int8, the worst position in `STATUSES`.
        rows: (architecture, image, seed) int32, see `Block`.
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
        seeds: all seeds, ascending.
        rows: (architecture, image, seed) int32: the row in ``columns``, -1 where there is no run.
        columns: by name, (run,) values of runs.parquet; int8 positions in `STATUSES` for status.
        values: (run, `NUMBERS`) float64, NaN where null.
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
        self.values = np.column_stack([columns[name].astype(np.float64) for name in NUMBERS])
        self.cache: dict[tuple[int, int, int | None], Any] = {}
        self._positions = {seed: position for position, seed in enumerate(self.seeds)}
        self._summaries: dict[int | None, Summary] = {}

    def choose_seeds(self, seed: int | None) -> tuple[int, ...]:
        """The seeds of a query: the requested one, or the default ones.

        Raises:
            UnknownNameError: no run of the block has the seed.
        """
        if seed is None:
            return self.default_seeds
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if not whole or seed not in self._positions:
            raise UnknownNameError(
                f"unknown seed {seed!r} for task {self.task!r} at fidelity {self.fidelity!r}. "
                f"Available: {', '.join(map(str, self.seeds)) or 'none'}. Leave it out for the "
                f"default: {', '.join(map(str, self.default_seeds)) or 'none'}; "
                f"bench.replicates(...) has the runs of each."
            )
        return (int(seed),)

    def summary(self, seed: int | None) -> Summary:
        """All cells at a seed, or their means over the default seeds.

        Raises:
            UnknownNameError: no run of the block has the seed.
        """
        plain = seed is None or type(seed) is int  # True is not a seed, though it equals 1
        found = self._summaries.get(seed) if plain else None
        if found is None:
            seeds = self.choose_seeds(seed)
            rows = self.rows[:, :, [self.position(one) for one in seeds]]
            # A missing run gets the values of the last row; present marks it.
            found = Summary(
                seeds,
                np.asarray((rows >= 0).all(axis=2)),
                self.values[rows].mean(axis=2),
                self.columns["status"][rows].max(axis=2),
                rows,
            )
            self._summaries[None if seed is None else seeds[0]] = found
        return found

    def check_ranked(self, target: str) -> None:
        """Refuse a target that cannot rank the architectures.

        Raises:
            UnknownNameError: no such column, or higher is not better.
            MissingRunError: some ok runs lack it: imported runs whose curves end before the stop,
                or that have none.
        """
        check_name("target of a ranking", target, RANKED_TARGETS)
        ok = self.columns["status"] == STATUSES.index("ok")
        absent = int(np.isnan(self.columns[target][ok]).sum())
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

        Missing and failed runs say nothing about an architecture; diverged ones do.

        Args:
            seeds: seeds of the block.
            image: position of the image; None for every image that has a run of each of the seeds.
        """
        ended = np.all([np.isin(self.statuses(one), _ENDED) for one in seeds], axis=0)
        if image is not None:
            return np.asarray(ended[:, image])
        images = ended.any(axis=0)
        return np.asarray(ended[:, images].all(axis=1) & images.any())

    def position(self, seed: int) -> int:
        """Position of a seed of the block on the seed axis."""
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
