"""`NASBench201API`: opened datasets of a release, and the queries of NAS-Bench-201's API."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from nasdip_bench.errors import ConfigError, check_name, check_whole

from ...benchmark import NASDIPBench
from ...simulation.prices import CostModel
from .architectures import Architectures
from .budgets import HP, check_budgets
from .datasets import common_rows, extent, open_datasets
from .results import ArchResults, ResultsCount, mean

_MORE_INFO = {"train": "train", "valid": "x-valid", "test": "x-test", "valtest": "ori-test"}
"""From a name in `NASBench201API.get_more_info` to its set."""


class NASBench201API(Architectures):
    """The queries of NAS-Bench-201's API; see `Architectures` for how to give an architecture.

    Args:
        file_path_or_dict: the dataset folder, or an open release; for None see `NASDIPBench`.
        verbose: no effect.
        dataset: the one to open, "image-task" or "image-task@seed". Indices then cover all
            architectures evaluated on it. With neither this nor ``datasets``, all datasets with a
            run are opened.
        datasets: mapping from a script's names to the datasets to open. "lena-denoise@1" has only
            the runs of seed 1. Search on @0 and report on @1, and what was chosen is judged on
            another corruption; only architectures with runs of both seeds then have an index.
        fidelity: None for the release's default for each task.
        hps: mapping from names of budgets to iterations, for code with built-in names. The number
            is rounded down to one that the release keeps for the dataset; None is the stop. For a
            name that is a number, such as "12", ``iepoch`` counts that many epochs: equal shares of
            the iterations, each rounded down to a kept one. "12" and 12 are the same.
        cost: cost model of simulated training: "flops", "recorded" or a `CostModel`.
        seed: seed of a separate generator for all draws; None to use Python's ``random``.

    Raises:
        DatasetError: there is no dataset folder there.
        NotEvaluatedError: no runs at the fidelity, or no architecture evaluated on all datasets;
            in a query, the architecture is not evaluated.
        UnknownNameError: no such dataset, fidelity, cost model or seed of runs; in a query, no such
            dataset, set or seed, or an iteration that was not kept.
        IndexOutsideError: in a query, an index outside the API's.
        ConfigError: ``seed``, ``datasets`` or ``hps`` have the wrong form; in a query, a budget
            that is not a number of iterations, or an epoch outside it.

    Example:
        >>> api = NASBench201API("data/", dataset="lena-denoise", hps={"12": 300, "200": None})
        >>> best, psnr_db = api.find_best("lena-denoise", "test", hp="200")
        >>> best in api.evaluated_indexes, api[best] in api.meta_archs
        (True, True)
        >>> end = api.get_more_info(best, "lena-denoise", hp="12", is_random=False)
        >>> end == api.get_more_info(best, "lena-denoise", iepoch=11, hp=12, is_random=False)
        True
    """

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
    ) -> None:
        given = file_path_or_dict
        self.bench = given if isinstance(given, NASDIPBench) else NASDIPBench(given)
        names = datasets if dataset is None else {dataset: dataset, **(datasets or {})}
        self._datasets = open_datasets(self.bench, names, fidelity, CostModel.of(cost))
        self._rows = common_rows(self._datasets, warn=names is None)
        longest = min(one.block.record.iterations for one in self._datasets.values())
        self.hps = check_budgets(hps, longest)
        self.used_time = 0.0
        rng = None if seed is None else random.Random(check_whole("seed", seed, 0))
        super().__init__([self.bench.codes[row] for row in self._rows], rng)

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
        stops = sorted({one.block.record.stop for one in self._datasets.values()})
        if not recipes and len(stops) > 1:
            raise ConfigError(
                f"the datasets stop at iterations {', '.join(map(str, stops))}: open one of them, "
                f"dataset=..., or name the budgets, hps={{'200': None}}"
            )
        return max(recipes or stops)

    @cached_property
    def arch2infos_dict(self) -> dict[int, dict[str, ArchResults]]:
        """From an index to its results by ``hp``, one of ``avaliable_hps``."""
        names, hps = self.dataset_names, self.avaliable_hps
        return {
            index: {hp: self._results(index, names, hp) for hp in hps} for index in range(len(self))
        }

    def get_more_info(
        self,
        index: Any,
        dataset: str,
        iepoch: int | None = None,
        hp: HP = None,
        is_random: bool | int = True,
    ) -> dict[str, float]:
        """Metrics of an architecture on a dataset.

        Args:
            index: an index, or an architecture.
            dataset: one of ``dataset_names``.
            iepoch: epoch, from 0, at whose end the value is taken; None for the last of ``hp``.
            hp: a name in ``hps``, a number of iterations, or None for the stop.
            is_random: True for a random one of the opened seeds, False for their mean, or a seed.

        Returns:
            for "train" (the output), "valid", "test" and "valtest" (the smoothed output):
            ``*-loss`` (mean squared error), ``*-accuracy`` (PSNR, dB), ``*-per-time`` and
            ``*-all-time`` (simulated seconds per epoch and in total; 0 except for train, since
            evaluation is part of it).
        """
        values = []
        for one in self._results(index, [dataset], hp).trials(dataset, is_random):
            found = {}
            for name, of in _MORE_INFO.items():
                metrics = one.get_eval(of, iepoch)
                found[f"{name}-loss"] = metrics["loss"]
                found[f"{name}-accuracy"] = metrics["accuracy"]
                found[f"{name}-per-time"] = metrics["all_time"] / (metrics["iepoch"] + 1)
                found[f"{name}-all-time"] = metrics["all_time"]
            values.append(found)
        return mean(values)

    def simulate_train_eval(
        self,
        arch: Any,
        dataset: str,
        iepoch: int | None = None,
        hp: HP = None,
        account_time: bool = True,
    ) -> tuple[float, float, float, float]:
        """Train an architecture on the simulated clock; see `get_more_info` for the arguments.

        As in the original, every call pays for a whole training with a random seed, and there is no
        budget. `nasdip_bench.api.simulation.simulator` has one, and continues trainings.

        Returns:
            PSNR (dB, smoothed), seconds of a forward pass, seconds charged, total seconds used.
        """
        info = self.get_more_info(arch, dataset, iepoch, hp, is_random=True)
        seconds = info["train-all-time"]
        if account_time:
            self.used_time += seconds
        return info["valid-accuracy"], self.get_latency(arch, dataset, hp), seconds, self.used_time

    def reset_time(self) -> None:
        """Set the clock, ``used_time``, to 0."""
        self.used_time = 0.0

    def query_meta_info_by_index(self, arch_index: int, hp: HP = None) -> ArchResults:
        """All results of an index."""
        return self._results(arch_index, self._datasets, hp)

    def query_by_index(
        self, arch_index: int, dataname: str | None = None, hp: HP = None
    ) -> ArchResults | dict[int, ResultsCount]:
        """All results of an index, or its trials on one dataset by seed."""
        if dataname is None:
            return self.query_meta_info_by_index(arch_index, hp)
        return {one.seed: one for one in self._results(arch_index, [dataname], hp).trials(dataname)}

    def query_by_arch(self, arch: Any, hp: HP = None) -> str:
        """All results of an architecture, in words."""
        return "\n".join(self.query_meta_info_by_index(arch, hp).lines())

    query_info_str_by_arch = query_by_arch

    def get_cost_info(self, index: Any, dataset: str, hp: HP = None) -> dict[str, float]:
        """``flops`` of a forward pass and ``params``, both in millions; ``latency`` in seconds;
        ``T-train@epoch`` and ``T-train@total``, simulated seconds per epoch and in total."""
        return self._results(index, [dataset], hp).get_compute_costs(dataset)

    def get_latency(self, index: Any, dataset: str, hp: HP = None) -> float:
        """Seconds of a forward pass by the cost model: a third of a training iteration."""
        return self._results(index, [dataset], hp).get_latency(dataset)

    def get_net_config(self, index: Any, dataset: str) -> dict[str, Any]:
        """The network's configuration; see `ResultsCount.get_config`."""
        return self._results(index, [dataset], None).trials(dataset)[0].get_config()

    def find_best(
        self,
        dataset: str,
        metric_on_set: str,
        FLOP_max: float | None = None,
        Param_max: float | None = None,
        hp: HP = None,
        enforce_all: bool | None = None,
    ) -> tuple[int, float | None]:
        """The index with the highest PSNR, and that PSNR; (-1, None) if there is none.

        PSNR is the mean over the seeds that trials are drawn from.

        Args:
            dataset: one of ``dataset_names``.
            metric_on_set: "train" (output), or "valid", "test" ... (smoothed output).
            FLOP_max, Param_max: limits on FLOP of a forward pass and parameters, in millions.
            hp: the budget.
            enforce_all: no effect; all architectures are considered.
        """
        most = [math.inf if limit is None else limit for limit in (FLOP_max, Param_max)]
        best: tuple[int, float | None] = (-1, None)
        for index in range(len(self)):
            results = self._results(index, [dataset], hp)
            (one, *_) = results.trials(dataset)
            psnr_db = results.get_metrics(dataset, metric_on_set)["accuracy"]
            fits = one.flop <= most[0] and one.params <= most[1]
            if fits and not math.isnan(psnr_db) and (best[1] is None or psnr_db > best[1]):
                best = (index, psnr_db)
        return best

    def show(self, index: Any = -1) -> None:
        """Print the results of an architecture, or of all if the index is below 0."""
        every = isinstance(index, int) and index < 0
        for one in range(len(self)) if every else [index]:
            results = self.query_meta_info_by_index(one)
            sys.stdout.write("\n".join([results.arch_idx_str(), *results.lines(), ""]))

    def _prepare_info(self, index: int) -> None:
        """Reject an index outside the API's; results are read on use."""
        self._index(index)

    def _results(self, arch: Any, datasets: Iterable[str], hp: HP) -> ArchResults:
        index, trials = self._row(arch), {}
        for name in datasets:
            found = self._datasets[check_name("dataset", name, self._datasets)]
            for seed in found.seeds:
                trials[name, seed] = found.trial(self._rows[index], seed, hp, self.hps, name)
        return ArchResults(
            arch_index=index, arch_str=self[index], all_results=trials, rng=self._rng
        )


def create(
    file_path_or_dict: str | Path | NASDIPBench | None = None,
    search_space: str = "tss",
    fast_mode: bool = True,
    verbose: bool = False,
    **options: Any,
) -> NASBench201API:
    """Create a `NASBench201API`, like NATS-Bench's ``create``.

    Args:
        file_path_or_dict, **options: see `NASBench201API`.
        search_space: "tss" or "topology", the only kind of space here.
        fast_mode, verbose: no effect; results are always read on use.

    Raises:
        UnknownNameError: a search space of sizes.
    """
    check_name("search space", search_space, ("tss", "topology"))
    return NASBench201API(file_path_or_dict, verbose, **options)
