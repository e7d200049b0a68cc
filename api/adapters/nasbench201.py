"""The release behind the method names of NAS-Bench-201 and NATS-Bench.

    from nasdip_bench.api import NASBench201API

    api = NASBench201API("data/")
    arch = api.random("lena-denoise")
    psnr, latency, cost, used = api.simulate_train_eval(arch, "lena-denoise", hp=None)

so that code which searches NAS-Bench-201 (Dong, Yang, ICLR 2020) or NATS-Bench (Dong, Liu, Musial,
Gabrys, TPAMI 2021) runs here. What differs:

- a dataset is an image and a task, "lena-denoise";
- ``hp`` is the budget in iterations, one that the release keeps; None, the default, and
  ``api.full_train_epochs`` are the stopping iteration of the fidelity. The strings "01", "12",
  "90" and "200", which published code has built in, mean epochs of training there: they are
  refused unless ``hps={"12": 109, "200": None}`` gives them a meaning;
- accuracies are PSNR in dB, against the ground truth
  (`nasdip_bench.api.adapters.nasbench201_results`);
- architectures are canonical strings; what a mutation gives is hardly ever in the release, and
  `NASBench201API.nearest` finds what stands in for it;
- a release may be partial, and more so of one task than of another: name the dataset that is
  searched. ``random(dataset)``, ``nearest(arch, k, dataset)`` and ``find_best(dataset, ...)``
  choose from ``evaluated(dataset)``, the architectures that have runs there; without it see
  `NASBench201API`; ``repr`` counts both;
- trials are the seeds that it was opened with, by default the release's default seeds, which all
  evaluated architectures have: a search draws from what ``find_best`` averages;
- seconds are those of a cost model, as in `nasdip_bench.api.simulation.simulator`;
- there are no weights (``get_net_param``, ``reload``, ``clear_params``), no configurations of
  networks (``get_net_config``; `NASDIPBench.build` makes the network), and no tools for the
  original's strings (``str2lists``, ``str2matrix``).

Must not import torch or pandas.
"""

from __future__ import annotations

import logging
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
)
from nasdip_bench.seeding import as_generator
from nasdip_bench.space import Architecture

from ..benchmark import NASDIPBench
from ..reading.architectures import ArchitectureLike
from ..reading.neighbourhood import Neighbourhood, choices_of
from ..simulation.prices import CostModel
from .nasbench201_datasets import Datasets
from .nasbench201_results import ArchResults, ResultsCount

__all__ = ["NASBench201API", "create"]

_log = logging.getLogger(__name__)

_EPOCHS = ("01", "12", "90", "200")
"""Names of budgets in NAS-Bench-201 and NATS-Bench, recipes of so many epochs."""


class NASBench201API:
    """Queries as of NAS-Bench-201's API.

    ``random``, ``nearest`` and ``evaluated_indexes`` without a dataset mean the architectures that
    are evaluated on every dataset, so that whatever a published script asks of them next can be
    answered. Where that leaves out some, a warning says once how many; with the dataset that is
    searched, ``random(dataset)`` and the like choose from all of ``evaluated(dataset)``.

    Args:
        file_path_or_dict: the dataset folder, or an open release.
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
        MissingRunError: the release has no runs at the fidelity.
        UnknownNameError: no such fidelity, cost model or seed of runs.
        ConfigError: a seed that is no whole number of at least 0, seeds of runs that are no list of
            different whole numbers, or names of budgets that mean no number of iterations.
    """

    full_train_epochs: None = None
    """As ``hp``: the stopping iteration of the fidelity, which depends on the task."""

    def __init__(
        self,
        file_path_or_dict: str | Path | NASDIPBench = "data/",
        verbose: bool = False,
        *,
        fidelity: str | None = None,
        hps: Mapping[str, int | None] | None = None,
        cost: str | CostModel = "flops",
        seed: int = 0,
        run_seeds: Sequence[int] | None = None,
        search_space: str = "tss",
    ) -> None:
        self.search_space_name = search_space
        self.bench: NASDIPBench = (
            file_path_or_dict
            if isinstance(file_path_or_dict, NASDIPBench)
            else NASDIPBench(file_path_or_dict)
        )
        self.verbose = verbose
        self.hps = _checked(hps)
        self._rng = as_generator(seed)
        self._used_time = 0.0
        self._data = Datasets(self.bench, fidelity, CostModel.of(cost), run_seeds)
        self._near: Neighbourhood | None = None
        self._warned = False

    # The space

    @property
    def dataset_names(self) -> tuple[str, ...]:
        """The datasets, "image-task", that have a run."""
        return self._data.names

    @property
    def evaluated_indexes(self) -> list[int]:
        """The architectures that are evaluated on every dataset; see `evaluated`."""
        return self._meant(None)

    def evaluated(self, dataset: str) -> list[int]:
        """The architectures that have runs on a dataset, ok or diverged, of every seed opened.

        Raises:
            UnknownNameError: there is no such dataset.
        """
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
            f"evaluated: {self._data.extent})"
        )

    def arch(self, index: int) -> str:
        """The canonical string of an index.

        Raises:
            IndexOutsideError: there is no such index.
        """
        return self[index]

    def random(self, dataset: str | None = None) -> int:
        """The index of an architecture that is evaluated, each as likely as another.

        Args:
            dataset: where; None for every dataset.

        Raises:
            UnknownNameError: there is no such dataset.
            MissingRunError: none is evaluated on every dataset.
        """
        there = self._some(dataset)
        return there[int(self._rng.integers(len(there)))]

    def nearest(self, arch: ArchitectureLike, k: int = 1, dataset: str | None = None) -> list[int]:
        """The indices of the k nearest architectures that are evaluated, itself included.

        For what NAS-Bench-201 does not need, since all of its space is in its table. Distance is
        the number of choices that differ; ties by index.

        Args:
            arch: an architecture, in the release or not.
            k: how many; no more come than there are.
            dataset: where they are evaluated; None for every dataset.

        Raises:
            ArchitectureError: no architecture at all.
            IndexOutsideError: an index outside the release.
            UnknownNameError: there is no such dataset.
            MissingRunError: none is evaluated on every dataset.
        """
        there = self._some(dataset)
        if self._near is None:
            self._near = Neighbourhood(self.bench.codes)
        row = isinstance(arch, int | np.integer)
        meant = Architecture.parse(self[arch] if row else arch)  # type: ignore[index, arg-type]
        distances = self._near.distances(np.array(choices_of(meant), np.int8))[there]
        return [there[place] for place in np.argsort(distances, kind="stable")[:k]]

    def query_index_by_arch(self, arch: Any) -> int:
        """The index of an architecture; -1 for what is not in the release.

        Args:
            arch: an index, a canonical string, the name of a released model, an `Architecture`, or
                an object whose ``tostr()`` gives one of these strings.

        Raises:
            IndexOutsideError: an index outside the release.
        """
        self._say("query_index_by_arch", arch=arch)
        if isinstance(arch, int | np.integer):
            return self._index(arch)
        try:
            return self.bench.arch_id(_plain(arch))
        except (UnknownNameError, ArchitectureError):
            return -1

    # Results

    def get_more_info(
        self,
        index: Any,
        dataset: str,
        iepoch: int | None = None,
        hp: str | int | None = None,
        is_random: bool | int = True,
    ) -> dict[str, float]:
        """Metrics of an architecture on a dataset.

        Args:
            index: an index, or an architecture.
            dataset: "image-task".
            iepoch: from 0: the value after ``iepoch + 1`` iterations; None for the last of ``hp``.
            hp: the budget in iterations, or a name of ``hps``; None for the stop.
            is_random: True for a random one of the seeds opened, False for their mean, or a seed.

        Returns:
            for "train" (of the output), "valid" and "test" (both of the smoothed output):
            ``*-loss`` (mean squared error), ``*-accuracy`` (PSNR, dB), ``*-per-time`` and
            ``*-all-time`` (simulated seconds; 0 but for train, since evaluating is part of it).

        Raises:
            UnknownNameError: a dataset, seed or iteration that there is not.
            MissingRunError: the architecture is not evaluated on the dataset.
            IndexOutsideError: an index outside the release.
            ConfigError: a budget that is no number of iterations and has no meaning in ``hps``.
        """
        self._say("get_more_info", index=index, dataset=dataset, iepoch=iepoch, hp=hp)
        trials = self._results(index, hp).trials(dataset, is_random)
        values = []
        for one in trials:
            train, smooth = one.get_train(iepoch), one.get_eval("valid", iepoch)
            loss, psnr_db = smooth["loss"], smooth["accuracy"]
            seconds = train["all_time"]
            trained = (train["loss"], train["accuracy"], seconds / (train["iepoch"] + 1), seconds)
            values.append((*trained, *(loss, psnr_db, 0.0, 0.0) * 2))
        means = np.mean(values, axis=0).tolist()
        kinds = ("loss", "accuracy", "per-time", "all-time")
        names = [f"{name}-{kind}" for name in ("train", "valid", "test") for kind in kinds]
        return dict(zip(names, means, strict=True))

    def simulate_train_eval(
        self,
        arch: Any,
        dataset: str,
        iepoch: int | None = None,
        hp: str | int | None = None,
        account_time: bool = True,
    ) -> tuple[float, float, float, float]:
        """Train an architecture on the simulated clock; arguments as of `get_more_info`.

        As there, every call pays for a whole training of a random seed; there is no budget. The
        ask/tell simulator, `nasdip_bench.api.simulation.simulator`, has one, and continues
        trainings.

        Returns:
            PSNR (dB, smoothed), seconds of a forward pass, seconds charged, seconds used in all.
        """
        info = self.get_more_info(arch, dataset, iepoch, hp, is_random=True)
        seconds = info["train-all-time"] + info["valid-per-time"]
        latency = self.get_latency(arch, dataset, hp)
        if account_time:
            self._used_time += seconds
        return info["valid-accuracy"], latency, seconds, self._used_time

    @property
    def used_time(self) -> float:
        """Simulated seconds since `reset_time`."""
        return self._used_time

    def reset_time(self) -> None:
        """Set the clock to 0."""
        self._used_time = 0.0

    def query_by_index(
        self, arch_index: int, dataname: str | None = None, hp: str | int | None = None
    ) -> ArchResults | dict[int, ResultsCount]:
        """All results of an index, or its trials on one dataset by seed."""
        results = self.query_meta_info_by_index(arch_index, hp)
        if dataname is None:
            return results
        return {one.seed: one for one in results.trials(dataname)}

    def query_meta_info_by_index(self, arch_index: int, hp: str | int | None = None) -> ArchResults:
        """All results of an index."""
        self._say("query_meta_info_by_index", arch_index=arch_index, hp=hp)
        return self._results(arch_index, hp)

    def query_by_arch(self, arch: Any, hp: str | int | None = None) -> str:
        """What there is of an architecture, in words."""
        return self.query_info_str_by_arch(arch, hp)

    def query_info_str_by_arch(self, arch: Any, hp: str | int | None = None) -> str:
        """What there is of an architecture, in words."""
        return "\n".join(self._results(arch, hp).lines())

    def get_cost_info(
        self, index: Any, dataset: str, hp: str | int | None = None
    ) -> dict[str, float]:
        """``flops`` of a forward pass and ``params``, both in millions; ``latency`` in seconds;
        ``T-train@epoch`` and ``T-train@total``, simulated seconds of an iteration and of all."""
        return self._results(index, hp).get_compute_costs(dataset)

    def get_latency(self, index: Any, dataset: str, hp: str | int | None = None) -> float:
        """Seconds of a forward pass by the cost model: a third of a training iteration."""
        return self._results(index, hp).get_latency(dataset)

    def find_best(
        self,
        dataset: str,
        metric_on_set: str,
        FLOP_max: float | None = None,
        Param_max: float | None = None,
        hp: str | int | None = None,
        *,
        flop_max: float | None = None,
        param_max: float | None = None,
    ) -> tuple[int, float | None]:
        """The index with the highest PSNR, and that PSNR; (-1, None) if there is none.

        Of ``evaluated(dataset)``; PSNR is the mean over the seeds that trials are drawn from.

        Args:
            dataset: "image-task".
            metric_on_set: "train" (of the output), or "valid", "test" ... (smoothed).
            FLOP_max: of a forward pass, in millions.
            Param_max: in millions.
            hp: the budget in iterations; None for the stop.
            flop_max: what NATS-Bench calls ``FLOP_max``.
            param_max: what it calls ``Param_max``.
        """
        there = self._data.evaluated(dataset)
        most_flops = FLOP_max if flop_max is None else flop_max
        most_params = Param_max if param_max is None else param_max
        best: tuple[int, float | None] = (-1, None)
        for index in there:
            flops, params = self._data.sizes(dataset, index)
            if most_flops is not None and flops > most_flops:
                continue
            if most_params is not None and params > most_params:
                continue
            psnr_db = self._results(index, hp).get_metrics(dataset, metric_on_set)["accuracy"]
            if psnr_db == psnr_db and (best[1] is None or psnr_db > best[1]):
                best = (index, psnr_db)
        return best

    def statistics(self, dataset: str, hp: str | int | None = None) -> dict[int, int]:
        """From a number of trials on a dataset to the number of architectures that have as many."""
        having = len(self._data.evaluated(dataset))
        self._iterations(hp, dataset)
        counts = {0: len(self) - having, len(self._data.seeds(dataset)): having}
        return {trials: count for trials, count in counts.items() if count}

    def show(self, index: int = -1) -> None:
        """Print what there is of an index, or of all that have something where it is below 0."""
        for one in self._data.anywhere if index < 0 else [self._index(index)]:
            lines = self._results(one, None).lines()
            sys.stdout.write(f"{one:06d}\n" + "\n".join(lines) + "\n")

    # Inside

    def _meant(self, dataset: str | None) -> list[int]:
        """What is evaluated on a dataset, or on all; says once what the latter leaves out."""
        if dataset is not None:
            return list(self._data.evaluated(dataset))
        there = self._data.everywhere
        most = max(self.dataset_names, key=lambda name: len(self._data.evaluated(name)))
        number = len(self._data.evaluated(most))
        if number > len(there) and not self._warned:
            self._warned = True
            _log.warning(
                "%d architectures are evaluated on all %d datasets, %d on %r: name the dataset "
                "that you search, as in api.random(%r)",
                *(len(there), len(self.dataset_names), number, most, most),
            )
        return list(there)

    def _some(self, dataset: str | None) -> list[int]:
        there = self._meant(dataset)
        if not there:
            raise MissingRunError(
                f"no architecture is evaluated on all {len(self.dataset_names)} datasets: name one "
                f"of api.dataset_names, as in api.random({self.dataset_names[0]!r})"
            )
        return there

    def _index(self, index: Any) -> int:
        whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
        if not whole or not 0 <= index < len(self):
            raise IndexOutsideError(
                f"architecture index {index!r} is no whole number in 0..{len(self) - 1}"
            )
        return int(index)

    def _iterations(self, hp: str | int | None, dataset: str) -> int:
        if hp is None:
            return self._data.stop(dataset)
        if isinstance(hp, str) and hp in self.hps:
            meant = self.hps[hp]
            return self._data.stop(dataset) if meant is None else self._data.kept(dataset, meant)
        if isinstance(hp, str) and hp in _EPOCHS:
            raise ConfigError(
                f"hp {hp!r} is {int(hp)} epochs in scripts for NAS-Bench-201, which is no number "
                f"of iterations here: give it a meaning, NASBench201API(..., hps={{{hp!r}: None}}) "
                f"for the stop or a number in place of None; hp={int(hp)} is {int(hp)} iterations"
            )
        number: Any = int(hp) if isinstance(hp, str) and hp.isdecimal() else hp
        if not _is_whole(number) or number < 1:
            names = ", ".join(self.hps) or "none has"
            raise ConfigError(
                f"hp {hp!r} must be a number of iterations, a whole one of at least 1, None for "
                f"the stop, or a name that has a meaning in hps: {names}"
            )
        return int(number)

    def _results(self, arch: Any, hp: str | int | None) -> ArchResults:
        row = isinstance(arch, int | np.integer)
        index = self._index(arch) if row else self.bench.arch_id(_plain(arch))
        code = self.bench.codes[index]
        self._iterations(hp, self.dataset_names[0])  # refused now, not at the first look at it

        def trial(dataset: str, seed: int) -> ResultsCount:
            runs = self._data.runs(dataset, seed)
            iterations = self._iterations(hp, dataset)
            runs.point_of(iterations)
            flops, params = self._data.sizes(dataset, index)
            return ResultsCount(
                name=dataset,
                seed=seed,
                arch_index=index,
                arch_str=code,
                params=params,
                flop=flops,
                epochs=iterations,
                runs=runs,
            )

        return ArchResults(
            arch_index=index,
            arch_str=code,
            dataset_seed={
                name: list(self._data.seeds(name))
                for name in self.dataset_names
                if self._data.is_evaluated(name, index)
            },
            datasets=self.dataset_names,
            trial=trial,
            rng=self._rng,
        )

    def _say(self, what: str, **arguments: object) -> None:
        if self.verbose:
            _log.info("%s(%s)", what, ", ".join(f"{k}={v!r}" for k, v in arguments.items()))


def _is_whole(number: Any) -> bool:
    """Whether it is a whole number, if only a float."""
    if isinstance(number, float | np.floating):
        return bool(np.isfinite(number)) and number == int(number)
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def _checked(hps: Any) -> dict[str, int | None]:
    """Names of budgets with what they mean.

    Raises:
        ConfigError: no mapping from strings to numbers of iterations.
    """
    if hps is None:
        return {}
    if not isinstance(hps, Mapping) or not all(isinstance(name, str) for name in hps):
        raise ConfigError(
            f"hps {hps!r} must be a mapping from names, strings, to numbers of iterations, such as "
            f"{{'12': 109, '200': None}}"
        )
    for name, meant in hps.items():
        if meant is not None and (not _is_whole(meant) or meant < 1):
            raise ConfigError(
                f"hps gives {name!r} the meaning {meant!r}, which must be a whole number of "
                f"iterations of at least 1, or None for the stop"
            )
    return {name: None if meant is None else int(meant) for name, meant in hps.items()}


def _plain(arch: Any) -> Any:
    return arch.tostr() if hasattr(arch, "tostr") else arch


def create(
    file_path_or_dict: str | Path | NASDIPBench | None = None,
    search_space: str = "tss",
    fast_mode: bool = True,
    verbose: bool = False,
    **options: Any,
) -> NASBench201API:
    """As NATS-Bench's ``create``: `NASBench201API` of a folder, None for ``data/``.

    Args:
        file_path_or_dict: the dataset folder, or an open release.
        search_space: there is one space; said again by ``search_space_name``.
        fast_mode: taken for the sake of callers; reading is always on use.
        verbose: log every query at INFO.
        **options: further arguments of `NASBench201API`.
    """
    return NASBench201API(
        file_path_or_dict or "data/", verbose, search_space=search_space, **options
    )
