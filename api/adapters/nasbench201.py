"""The release behind the method names of NAS-Bench-201 and NATS-Bench.

    api = NASBench201API("data/")
    arch = api.random("lena-denoise")
    psnr, latency, cost, used = api.simulate_train_eval(arch, "lena-denoise", hp=None)

Code that searches NAS-Bench-201 (Dong, Yang, ICLR 2020) or NATS-Bench (Dong, Liu, Musial, Gabrys,
TPAMI 2021) runs here. What differs:

- a dataset is an image and a task, "lena-denoise"; accuracies are PSNR in dB against the ground
  truth; architectures are canonical strings; seconds are those of a cost model;
- ``hp`` is the budget in iterations, one that the release keeps; None and ``full_train_epochs`` are
  the stopping iteration of the fidelity. The strings "01", "12", "90" and "200" mean epochs in
  published code: they are refused unless ``hps={"12": 109, "200": None}`` gives them a meaning;
- what a mutation gives is hardly ever in the release: `NASBench201API.nearest` stands in for it;
- a release may be partial: ``random``, ``nearest`` and ``find_best`` choose from the architectures
  that are evaluated on the dataset named;
- trials are the seeds that it was opened with, by default the release's, which all evaluated
  architectures have: a search draws from what ``find_best`` averages;
- there are no weights (``get_net_param``, ``reload``, ``clear_params``), no configurations of
  networks (``get_net_config``; `NASDIPBench.build` makes the network), and no tools for the
  original's strings (``str2lists``, ``str2matrix``).

Must not import torch or pandas.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasdip_bench.errors import (
    ArchitectureError,
    ConfigError,
    IndexOutsideError,
    MissingRunError,
    UnknownNameError,
    unknown_name,
)
from nasdip_bench.seeding import as_generator
from nasdip_bench.space import Architecture, Neighbourhood, encode_choices

from ..benchmark import NASDIPBench
from ..reading.architectures import ArchitectureLike
from ..simulation.prices import CostModel
from .nasbench201_results import ArchResults, Dataset, ResultsCount, extent, read_datasets

__all__ = ["NASBench201API", "create"]

_log = logging.getLogger(__name__)

_EPOCHS = ("01", "12", "90", "200")
"""Names of budgets in NAS-Bench-201 and NATS-Bench, recipes of so many epochs."""

_Budget = str | int | None


class NASBench201API:
    """Queries as of NAS-Bench-201's API.

    An architecture is an index, a canonical string, the name of a released model, an
    `Architecture`, or an object whose ``tostr()`` gives one of these strings; a budget, ``hp``, a
    number of iterations, a name of ``hps``, or None for the stop.

    ``random``, ``nearest`` and ``evaluated_indexes`` without a dataset mean the architectures that
    are evaluated on every dataset, so that whatever a script asks of them next can be answered.
    Where that leaves out some, a warning says once how many.

    Args:
        file_path_or_dict: the dataset folder, or an open release; None as for `NASDIPBench`.
        verbose: log every query at INFO.
        fidelity: None for the release's default for each task.
        hps: names of budgets to iterations, for code that has names built in: the number is rounded
            down to one that the release keeps for the dataset, None is the stop. Strings alone are
            names: ``hp=200`` is 200 iterations whatever "200" means.
        cost: "flops", "recorded" or a `CostModel`: what simulated training is charged.
        seed: of ``random()`` and of random trials, with a generator of its own.
        run_seeds: the seeds of the runs that are trials; None for the release's default seeds of
            each task. A task takes those that it has. Architectures without a run of each of them
            are not evaluated, so that no mean is over other seeds than another.
        search_space: what ``search_space_name`` says, which callers of NATS-Bench ask for.

    Raises:
        DatasetError: there is no dataset there.
        MissingRunError: the release has no runs at the fidelity; of a query, none of the
            architecture on the dataset.
        UnknownNameError: no such fidelity, cost model or seed of runs; of a query, no such dataset,
            set or seed, or an iteration that was not kept.
        IndexOutsideError: of a query, an index outside the release.
        ConfigError: a seed that is no whole number of at least 0, seeds of runs that are no list of
            different whole numbers, or a budget that means no number of iterations.
    """

    full_train_epochs: None = None
    """As ``hp``: the stopping iteration of the fidelity, which depends on the task."""

    def __init__(
        self,
        file_path_or_dict: str | Path | NASDIPBench | None = None,
        verbose: bool = False,
        *,
        fidelity: str | None = None,
        hps: Mapping[str, int | None] | None = None,
        cost: str | CostModel = "flops",
        seed: int = 0,
        run_seeds: Sequence[int] | None = None,
        search_space: str = "tss",
    ) -> None:
        if not isinstance(file_path_or_dict, NASDIPBench):
            file_path_or_dict = NASDIPBench(file_path_or_dict)
        self.bench = file_path_or_dict
        self.search_space_name = search_space
        self.verbose = verbose
        self.hps = {} if hps is None else _checked(hps)
        self.used_time = 0.0
        """Simulated seconds since `reset_time`."""
        self._rng = as_generator(seed)
        self._datasets = read_datasets(self.bench, fidelity, CostModel.of(cost), run_seeds)
        evaluated = [one.members for one in self._datasets.values()]
        self._everywhere = sorted(frozenset.intersection(*evaluated))
        self._anywhere = sorted(frozenset.union(*evaluated))
        self._near: Neighbourhood | None = None
        self._warned = False

    # The space

    @property
    def dataset_names(self) -> tuple[str, ...]:
        """The datasets, "image-task", that have a run."""
        return tuple(self._datasets)

    @property
    def evaluated_indexes(self) -> list[int]:
        """The architectures that are evaluated on every dataset; see `evaluated`."""
        return self._meant(None)

    def evaluated(self, dataset: str) -> list[int]:
        """The architectures that have runs on a dataset, ok or diverged, of every seed opened."""
        return self._meant(dataset)

    @property
    def avaliable_hps(self) -> list[str]:
        """Names of budgets that have a meaning, those of ``hps``; spelt as in NATS-Bench."""
        return list(self.hps)

    @property
    def meta_archs(self) -> list[str]:
        """Canonical strings of all architectures, by index."""
        return list(self.bench.codes)

    @property
    def archstr2index(self) -> dict[str, int]:
        """From the canonical string of an architecture to its index."""
        return {code: index for index, code in enumerate(self.bench.codes)}

    def __len__(self) -> int:
        return len(self.bench)

    def __iter__(self) -> Iterator[str]:
        return iter(self.bench.codes)

    def __getitem__(self, index: int) -> str:
        return self.bench.codes[self._index(index)]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({str(self.bench.path)!r}: {len(self)} architectures, of which "
            f"evaluated: {extent(self._datasets.values())}; {len(self._everywhere)} on all "
            f"{len(self._datasets)} datasets)"
        )

    def arch(self, index: int) -> str:
        """The canonical string of an index."""
        return self[index]

    def random(self, dataset: str | None = None) -> int:
        """The index of an architecture that is evaluated on a dataset (None: on every dataset)."""
        there = self._some(dataset)
        return there[int(self._rng.integers(len(there)))]

    def nearest(self, arch: ArchitectureLike, k: int = 1, dataset: str | None = None) -> list[int]:
        """The indices of the k nearest architectures that are evaluated, itself included.

        Distance is the number of choices that differ; ties by index.

        Args:
            arch: an architecture, in the release or not.
            k: how many; no more come than there are.
            dataset: where they are evaluated; None for every dataset.

        Raises:
            ArchitectureError: no architecture at all.
        """
        there = self._some(dataset)
        if self._near is None:
            self._near = Neighbourhood(self.bench.codes)
        meant: Any = self[arch] if isinstance(arch, int | np.integer) else arch
        distances = self._near.distances(encode_choices(Architecture.parse(meant)))[there]
        return [there[place] for place in np.argsort(distances, kind="stable")[:k]]

    def query_index_by_arch(self, arch: Any) -> int:
        """The index of an architecture; -1 for what is not in the release."""
        self._say("query_index_by_arch", arch=arch)
        try:
            return self._row(arch)
        except (UnknownNameError, ArchitectureError):
            return -1

    # Results

    def get_more_info(
        self,
        index: Any,
        dataset: str,
        iepoch: int | None = None,
        hp: _Budget = None,
        is_random: bool | int = True,
    ) -> dict[str, float]:
        """Metrics of an architecture on a dataset.

        Args:
            index: an index, or an architecture.
            dataset: "image-task".
            iepoch: from 0: the value after ``iepoch + 1`` iterations; None for the last of ``hp``.
            hp: the budget.
            is_random: True for a random one of the seeds opened, False for their mean, or a seed.

        Returns:
            for "train" (of the output), "valid" and "test" (both of the smoothed output):
            ``*-loss`` (mean squared error), ``*-accuracy`` (PSNR, dB), ``*-per-time`` and
            ``*-all-time`` (simulated seconds; 0 but for train, since evaluating is part of it).
        """
        self._say("get_more_info", index=index, dataset=dataset, iepoch=iepoch, hp=hp)
        values = []
        for one in self._results(index, hp).trials(dataset, is_random):
            train, smooth = one.get_train(iepoch), one.get_eval("valid", iepoch)
            seconds = train["all_time"]
            trained = [train["loss"], train["accuracy"], seconds / (train["iepoch"] + 1), seconds]
            values.append(trained + 2 * [smooth["loss"], smooth["accuracy"], 0.0, 0.0])
        kinds = ("loss", "accuracy", "per-time", "all-time")
        names = [f"{name}-{kind}" for name in ("train", "valid", "test") for kind in kinds]
        return dict(zip(names, np.mean(values, axis=0).tolist(), strict=True))

    def simulate_train_eval(
        self,
        arch: Any,
        dataset: str,
        iepoch: int | None = None,
        hp: _Budget = None,
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

    def query_by_index(
        self, arch_index: int, dataname: str | None = None, hp: _Budget = None
    ) -> ArchResults | dict[int, ResultsCount]:
        """All results of an index, or its trials on one dataset by seed."""
        results = self.query_meta_info_by_index(arch_index, hp)
        return results if dataname is None else {one.seed: one for one in results.trials(dataname)}

    def query_meta_info_by_index(self, arch_index: int, hp: _Budget = None) -> ArchResults:
        """All results of an index."""
        self._say("query_meta_info_by_index", arch_index=arch_index, hp=hp)
        return self._results(arch_index, hp)

    def query_by_arch(self, arch: Any, hp: _Budget = None) -> str:
        """What there is of an architecture, in words."""
        return "\n".join(self._results(arch, hp).lines())

    query_info_str_by_arch = query_by_arch

    def get_cost_info(self, index: Any, dataset: str, hp: _Budget = None) -> dict[str, float]:
        """``flops`` of a forward pass and ``params``, both in millions; ``latency`` in seconds;
        ``T-train@epoch`` and ``T-train@total``, simulated seconds of an iteration and of all."""
        return self._results(index, hp).get_compute_costs(dataset)

    def get_latency(self, index: Any, dataset: str, hp: _Budget = None) -> float:
        """Seconds of a forward pass by the cost model: a third of a training iteration."""
        return self._results(index, hp).get_latency(dataset)

    def find_best(
        self,
        dataset: str,
        metric_on_set: str,
        FLOP_max: float | None = None,
        Param_max: float | None = None,
        hp: _Budget = None,
        *,
        flop_max: float | None = None,
        param_max: float | None = None,
    ) -> tuple[int, float | None]:
        """The index with the highest PSNR, and that PSNR; (-1, None) if there is none.

        Of ``evaluated(dataset)``; PSNR is the mean over the seeds that trials are drawn from.

        Args:
            dataset: "image-task".
            metric_on_set: "train" (of the output), or "valid", "test" ... (smoothed).
            FLOP_max, flop_max: of a forward pass, in millions; NATS-Bench has the lower case.
            Param_max, param_max: likewise.
            hp: the budget.
        """
        found, limits = self._dataset(dataset), []
        for original, nats in ((FLOP_max, flop_max), (Param_max, param_max)):
            limit = original if nats is None else nats
            limits.append(math.inf if limit is None else limit)
        best: tuple[int, float | None] = (-1, None)
        for index in found.evaluated:
            if all(size <= most for size, most in zip(found.sizes(index), limits, strict=True)):
                metrics = self._results(index, hp).get_metrics(dataset, metric_on_set)
                psnr_db = metrics["accuracy"]
                if not math.isnan(psnr_db) and (best[1] is None or psnr_db > best[1]):
                    best = (index, psnr_db)
        return best

    def statistics(self, dataset: str, hp: _Budget = None) -> dict[int, int]:
        """From a number of trials on a dataset to the number of architectures that have as many."""
        found = self._dataset(dataset)
        self._iterations(hp, found)
        having = len(found.evaluated)
        counts = {0: len(self) - having, len(found.seeds): having}
        return {trials: count for trials, count in counts.items() if count}

    def show(self, index: int = -1) -> None:
        """Print what there is of an index, or of all that have something where it is below 0."""
        for one in self._anywhere if index < 0 else [index]:
            results = self._results(one, None)
            sys.stdout.write("\n".join([results.arch_idx_str(), *results.lines(), ""]))

    # Inside

    def _dataset(self, name: str) -> Dataset:
        if name not in self._datasets:
            raise unknown_name("dataset", name, self._datasets)
        return self._datasets[name]

    def _meant(self, dataset: str | None) -> list[int]:
        """What is evaluated on a dataset, or on all; says once what the latter leaves out."""
        if dataset is not None:
            return list(self._dataset(dataset).evaluated)
        there = self._everywhere
        most = max(self._datasets.values(), key=lambda one: len(one.evaluated))
        if len(most.evaluated) > len(there) and not self._warned:
            self._warned = True
            _log.warning(
                "%d architectures are evaluated on all %d datasets, %d on %r: name the dataset "
                "that you search, as in api.random(%r)",
                *(len(there), len(self._datasets), len(most.evaluated), most.name, most.name),
            )
        return list(there)

    def _some(self, dataset: str | None) -> list[int]:
        there = self._meant(dataset)
        if not there:
            raise MissingRunError(
                f"no architecture is evaluated on all {len(self._datasets)} datasets: name one of "
                f"api.dataset_names, as in api.random({self.dataset_names[0]!r})"
            )
        return there

    def _index(self, index: Any) -> int:
        whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
        if not whole or not 0 <= index < len(self):
            raise IndexOutsideError(
                f"architecture index {index!r} is no whole number in 0..{len(self) - 1}"
            )
        return int(index)

    def _row(self, arch: Any) -> int:
        if isinstance(arch, int | np.integer):
            return self._index(arch)
        return self.bench.arch_id(arch.tostr() if hasattr(arch, "tostr") else arch)

    def _iterations(self, hp: _Budget, dataset: Dataset) -> int:
        if hp is None:
            return dataset.stop
        if isinstance(hp, str) and hp in self.hps:
            meant = self.hps[hp]
            return dataset.stop if meant is None else dataset.runs(dataset.seeds[0]).kept(meant)
        if isinstance(hp, str) and hp in _EPOCHS:
            raise ConfigError(
                f"hp {hp!r} is {int(hp)} epochs in scripts for NAS-Bench-201, which is no number "
                f"of iterations here: give it a meaning, NASBench201API(..., hps={{{hp!r}: None}}) "
                f"for the stop or a number in place of None; hp={int(hp)} is {int(hp)} iterations"
            )
        number: Any = int(hp) if isinstance(hp, str) and hp.isdecimal() else hp
        if not _is_budget(number):
            names = ", ".join(self.hps) or "none has"
            raise ConfigError(
                f"hp {hp!r} must be a number of iterations, a whole one of at least 1, None for "
                f"the stop, or a name that has a meaning in hps: {names}"
            )
        return int(number)

    def _results(self, arch: Any, hp: _Budget) -> ArchResults:
        index = self._row(arch)
        self._iterations(hp, next(iter(self._datasets.values())))  # refused now, and not on use
        return ArchResults(
            arch_index=index,
            arch_str=self.bench.codes[index],
            dataset_seed={n: [*d.seeds] for n, d in self._datasets.items() if index in d.members},
            datasets=self._datasets,
            iterations=lambda dataset: self._iterations(hp, dataset),
            rng=self._rng,
        )

    def _say(self, what: str, **arguments: object) -> None:
        if self.verbose:
            _log.info("%s(%s)", what, ", ".join(f"{k}={v!r}" for k, v in arguments.items()))


def _is_budget(number: Any) -> bool:
    """Whether it is a whole number of at least 1, if only a float."""
    if isinstance(number, bool) or not isinstance(number, int | float | np.number):
        return False
    return bool(1 <= number < math.inf and number == int(number))


def _checked(hps: Any) -> dict[str, int | None]:
    """Names of budgets with what they mean."""
    if not isinstance(hps, Mapping) or not all(isinstance(name, str) for name in hps):
        raise ConfigError(
            f"hps {hps!r} must be a mapping from names, strings, to numbers of iterations, such as "
            f"{{'12': 109, '200': None}}"
        )
    for name, meant in hps.items():
        if meant is not None and not _is_budget(meant):
            raise ConfigError(
                f"hps gives {name!r} the meaning {meant!r}, which must be a whole number of "
                f"iterations of at least 1, or None for the stop"
            )
    return {name: None if meant is None else int(meant) for name, meant in hps.items()}


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
        search_space: there is one space; said again by ``search_space_name``.
        fast_mode: taken for the sake of callers; reading is always on use.
        verbose: log every query at INFO.
        **options: further arguments of `NASBench201API`.
    """
    return NASBench201API(file_path_or_dict, verbose, search_space=search_space, **options)
