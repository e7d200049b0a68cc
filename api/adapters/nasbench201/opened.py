"""The opened datasets of a release, under a script's names, and their trials."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nasdip_bench.errors import ConfigError, check_name, check_whole

from ...benchmark import NASDIPBench
from ...simulation.prices import CostModel
from .architectures import Architectures
from .budgets import HP, check_lengths, checked, read_hp
from .datasets import common_rows, extent, open_datasets
from .results import ArchResults, choose_seeds
from .trial import ResultsCount


class OpenDatasets(Architectures):
    """Opened datasets of a release; see `NASBench201API` for the arguments."""

    def __init__(
        self,
        file_path_or_dict: str | Path | NASDIPBench | None = None,
        verbose: bool = False,
        *,
        dataset: str | None = None,
        datasets: Mapping[str, str] | None = None,
        fidelity: str | None = None,
        hps: Mapping[str, int | None] | None = None,
        cost: str | CostModel = "flops",
        seed: int | None = None,
        run_seeds: Sequence[int] | None = None,
    ) -> None:
        self.verbose = verbose
        self.hps = checked(hps)
        self.used_time = 0.0
        """Simulated seconds since `reset_time`."""
        names = datasets if dataset is None else {dataset: dataset, **(datasets or {})}
        self._opened = names, fidelity, CostModel.of(cost), run_seeds
        self._rng = None if seed is None else random.Random(check_whole("seed", seed, 0))
        self._open(file_path_or_dict)

    def _open(self, data: str | Path | NASDIPBench | None) -> None:
        self.bench = data if isinstance(data, NASDIPBench) else NASDIPBench(data)
        self._datasets = open_datasets(self.bench, *self._opened)
        for one in self._datasets.values():
            check_lengths(self.hps, one.name, one.block.record.iterations)
        self._rows = common_rows(self._datasets, warn=self._opened[0] is None)
        self._infos: dict[int, dict[str, ArchResults]] = {}
        super().__init__([self.bench.codes[row] for row in self._rows], self._rng)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({str(self.bench.path)!r}: {len(self)} architectures, each "
            f"evaluated for {extent(self._datasets.values())})"
        )

    @property
    def dataset_names(self) -> tuple[str, ...]:
        """The names of the opened datasets."""
        return tuple(self._datasets)

    @property
    def avaliable_hps(self) -> list[str]:
        """Names of the available budgets; misspelt as in NATS-Bench."""
        return list(self.hps) or [str(self.full_train_epochs)]

    @property
    def full_train_epochs(self) -> int:
        """The ``hp`` of the longest recipe in ``hps``, or the stop of the fidelity.

        Raises:
            ConfigError: there are no recipes, and the datasets stop at different iterations.
        """
        recipes = [int(name) for name in self.hps if name.isdecimal()]
        stops = sorted({one.stop for one in self._datasets.values()})
        if not recipes and len(stops) > 1:
            raise ConfigError(
                f"the datasets stop at iterations {', '.join(map(str, stops))}: open one of them, "
                f"dataset=..., or name the budgets, hps={{'200': None}}"
            )
        return max(recipes or stops)

    @property
    def arch2infos_dict(self) -> dict[int, dict[str, ArchResults]]:
        """From an index to its results by ``hp``, one of ``avaliable_hps``."""
        if not self._infos:
            names, hps = self.dataset_names, self.avaliable_hps
            self._infos = {
                index: {hp: self._results(index, names, hp) for hp in hps}
                for index in range(len(self))
            }
        return self._infos

    def reload(self, archive_root: str | Path | None = None, index: int | None = None) -> None:
        """Reopen the release, or open another folder; always all of it, whatever the index."""
        self._open(archive_root or self.bench.path)

    def _prepare_info(self, index: int) -> None:
        """Reject an index outside the API's; results are read on use."""
        self._index(index)

    def clear_params(self, index: int, hp: HP = None) -> None:
        """Reject an index outside the API's; there are no weights to clear."""
        self._index(index)

    def _results(self, arch: Any, datasets: Iterable[str], hp: HP) -> ArchResults:
        index = self._row(arch)
        trials = {(d, one.seed): one for d in datasets for one in self._trials(index, d, hp)}
        return ArchResults(
            arch_index=index, arch_str=self[index], all_results=trials, rng=self._rng
        )

    def _trials(
        self, index: int, dataset: str, hp: HP, is_random: bool | int = False
    ) -> list[ResultsCount]:
        check_name("dataset", dataset, self._datasets)
        found, budget = self._datasets[dataset], read_hp(hp, self.hps)
        seeds = choose_seeds(found.seeds, is_random, self._rng)
        return [found.trial(self._rows[index], seed, budget, dataset) for seed in seeds]
