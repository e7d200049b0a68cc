"""`NASBench201API`: the queries."""

from __future__ import annotations

import logging
import math
import sys
from pathlib import Path
from typing import Any

from nasdip_bench.errors import unknown_name

from ...benchmark import NASDIPBench
from ...calls import explain_calls
from .budgets import HP, takes_old_names
from .opened import OpenDatasets
from .results import ArchResults, mean
from .trial import ResultsCount

__all__ = ["NASBench201API", "create"]

_log = logging.getLogger(__name__)

_MORE_INFO = {"train": "train", "valid": "x-valid", "test": "x-test", "valtest": "ori-test"}
"""From a name in `NASBench201API.get_more_info` to its set."""


@explain_calls
class NASBench201API(OpenDatasets):
    """Queries as of NAS-Bench-201's API; architectures as of `Architectures`.

    Args:
        file_path_or_dict: the dataset folder, or an open release; None as for `NASDIPBench`.
        verbose: log every query of results at INFO.
        dataset: the one to open, "image-task". Indices then are of all architectures evaluated on
            it. With neither this nor ``datasets`` all that have a run are opened.
        datasets: names in a script to names of datasets, which are opened.
        fidelity: None for the release's default for each task.
        hps: names of budgets to iterations, for code that has names built in: the number is rounded
            down to one that the release keeps for the dataset, None is the stop. Of a name that is
            a number, "12", ``iepoch`` counts so many epochs, equal shares of the iterations, each
            rounded down to what is kept; "12" and 12 are the same.
        cost: "flops", "recorded" or a `CostModel`: what simulated training is charged.
        seed: of all draws, with a generator of its own; None to draw from Python's ``random``.
        run_seeds: the seeds of the runs that are trials; None for the release's default seeds of
            each task. A task takes those that it has. Architectures without a run of each of them
            are not evaluated, so that no mean is over other seeds than another.

    Raises:
        DatasetError: there is no dataset folder there.
        NotEvaluatedError: no runs at the fidelity, or no architecture is evaluated on all datasets;
            of a query, the architecture is not evaluated.
        UnknownNameError: no such dataset, fidelity, cost model or seed of runs; of a query, no such
            dataset, set or seed, or an iteration that was not kept.
        IndexOutsideError: of a query, an index outside the API's.
        ConfigError: seeds, ``datasets`` or ``hps`` of another form; of a query, a budget that means
            no number of iterations, or an epoch outside it.

    Example:
        >>> api = NASBench201API("data/", dataset="lena-denoise", hps={"12": 109, "200": None})
        >>> best, psnr_db = api.find_best("lena-denoise", "test", hp="200")
        >>> best in api.evaluated_indexes, api[best] in api.meta_archs
        (True, True)
        >>> end = api.get_more_info(best, "lena-denoise", hp="12", is_random=False)
        >>> end == api.get_more_info(best, "lena-denoise", iepoch=11, hp=12, is_random=False)
        True
    """

    @takes_old_names
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
            iepoch: from 0: the value at the end of this epoch; None for the last of ``hp``.
            hp: a name in ``hps``, a number of iterations, or None for the stop.
            is_random: True for a random one of the seeds opened, False for their mean, or a seed.

        Returns:
            for "train" (of the output), "valid", "test" and "valtest" (all of the smoothed
            output): ``*-loss`` (mean squared error), ``*-accuracy`` (PSNR, dB), ``*-per-time`` and
            ``*-all-time`` (simulated seconds of an epoch and of all; 0 but for train, since
            evaluating is part of it).
        """
        self._say("get_more_info", index=index, dataset=dataset, iepoch=iepoch, hp=hp)
        values = []
        for one in self._trials(self._row(index), dataset, hp, is_random):
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
        """Train an architecture on the simulated clock; arguments as of `get_more_info`.

        As in the original, every call pays for a whole training of a random seed, and there is no
        budget; `nasdip_bench.api.simulation.simulator` has one, and continues trainings.

        Returns:
            PSNR (dB, smoothed), seconds of a forward pass, seconds charged, seconds used in all.
        """
        info = self.get_more_info(arch, dataset, iepoch, hp, is_random=True)
        seconds = info["train-all-time"]
        if account_time:
            self.used_time += seconds
        return info["valid-accuracy"], self.get_latency(arch, dataset, hp), seconds, self.used_time

    def reset_time(self) -> None:
        """Set the clock to 0."""
        self.used_time = 0.0

    @takes_old_names
    def query_meta_info_by_index(self, arch_index: int, hp: HP = None) -> ArchResults:
        """All results of an index."""
        self._say("query_meta_info_by_index", arch_index=arch_index, hp=hp)
        return self._results(arch_index, self._datasets, hp)

    @takes_old_names
    def query_by_index(
        self, arch_index: int, dataname: str | None = None, hp: HP = None
    ) -> ArchResults | dict[int, ResultsCount]:
        """All results of an index, or its trials on one dataset by seed."""
        if dataname is None:
            return self.query_meta_info_by_index(arch_index, hp)
        return {one.seed: one for one in self._trials(self._row(arch_index), dataname, hp)}

    @takes_old_names
    def query_by_arch(self, arch: Any, hp: HP = None) -> str:
        """What there is of an architecture, in words."""
        return "\n".join(self.query_meta_info_by_index(arch, hp).lines())

    query_info_str_by_arch = query_by_arch

    @takes_old_names
    def get_cost_info(self, index: Any, dataset: str, hp: HP = None) -> dict[str, float]:
        """``flops`` of a forward pass and ``params``, both in millions; ``latency`` in seconds;
        ``T-train@epoch`` and ``T-train@total``, simulated seconds of an epoch and of all."""
        return self._results(index, [dataset], hp).get_compute_costs(dataset)

    @takes_old_names
    def get_latency(self, index: Any, dataset: str, hp: HP = None) -> float:
        """Seconds of a forward pass by the cost model: a third of a training iteration."""
        return self._results(index, [dataset], hp).get_latency(dataset)

    def get_net_config(self, index: Any, dataset: str) -> dict[str, Any]:
        """The network's configuration; see `ResultsCount.get_config`."""
        return self._trials(self._row(index), dataset, None)[0].get_config()

    @takes_old_names
    def get_net_param(
        self, index: Any, dataset: str, seed: int | None = None, hp: HP = None
    ) -> dict[int, None] | None:
        """None, or None by seed, as where the original's weights were cleared: none were kept."""
        return self._results(index, [dataset], hp).get_net_param(dataset, seed)

    @takes_old_names
    def find_best(
        self,
        dataset: str,
        metric_on_set: str,
        flop_max: float | None = None,
        param_max: float | None = None,
        hp: HP = None,
        enforce_all: bool | None = None,
    ) -> tuple[int, float | None]:
        """The index with the highest PSNR, and that PSNR; (-1, None) if there is none.

        PSNR is the mean over the seeds that trials are drawn from.

        Args:
            dataset: one of ``dataset_names``.
            metric_on_set: "train" (of the output), or "valid", "test" ... (smoothed).
            flop_max, param_max: FLOP of a forward pass and parameters, both in millions.
            hp: the budget.
            enforce_all: of no effect: all architectures are looked at.
        """
        most = [math.inf if limit is None else limit for limit in (flop_max, param_max)]
        best: tuple[int, float | None] = (-1, None)
        for index in range(len(self)):
            results = self._results(index, [dataset], hp)
            (one, *_) = results.trials(dataset)
            psnr_db = results.get_metrics(dataset, metric_on_set)["accuracy"]
            fits = one.flop <= most[0] and one.params <= most[1]
            if fits and not math.isnan(psnr_db) and (best[1] is None or psnr_db > best[1]):
                best = (index, psnr_db)
        return best

    @takes_old_names
    def statistics(self, dataset: str, hp: HP = None) -> dict[int, int]:
        """From a number of trials on a dataset to the number of architectures that have as many."""
        return {len(self._trials(0, dataset, hp)): len(self)}

    def show(self, index: Any = -1) -> None:
        """Print what there is of an architecture, or of all where the index is below 0."""
        every = isinstance(index, int) and index < 0
        for one in range(len(self)) if every else [index]:
            results = self.query_meta_info_by_index(one)
            sys.stdout.write("\n".join([results.arch_idx_str(), *results.lines(), ""]))

    def _say(self, what: str, **arguments: object) -> None:
        if self.verbose:
            _log.info("%s(%s)", what, ", ".join(f"{k}={v!r}" for k, v in arguments.items()))


def create(
    file_path_or_dict: str | Path | NASDIPBench | None = None,
    search_space: str = "tss",
    fast_mode: bool = True,
    verbose: bool = False,
    **options: Any,
) -> NASBench201API:
    """As NATS-Bench's ``create``: a `NASBench201API`.

    Args:
        file_path_or_dict: the dataset folder, or an open release; None as for `NASDIPBench`.
        search_space: "tss" or "topology", which is the kind of space that there is.
        fast_mode: of no effect: results are always read on use.
        verbose: log every query of results at INFO.
        **options: further arguments of `NASBench201API`.

    Raises:
        UnknownNameError: a search space of sizes.
    """
    if search_space not in ("tss", "topology"):
        raise unknown_name("search space", search_space, ("tss", "topology"))
    return NASBench201API(file_path_or_dict, verbose, **options)
