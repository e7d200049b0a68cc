"""What `nasdip_bench.api.adapters.nasbench201` answers from: datasets, and results with the method
names of NAS-Bench-201.

Accuracies are PSNR in dB against the ground truth: "train" is of the output, every other set
("valid", "test", "x-valid" ...) of the smoothed output, since an image has one ground truth.
Losses are the mean squared errors that the PSNR stands for, 10^(-dB / 10).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from nasdip_bench.errors import ConfigError, MissingRunError, UnknownNameError, unknown_name

from ..reading.costs import FLOPS_OF_TRAINING, Costs, costs
from ..reading.reader import ReleaseReader
from ..reading.runs import Block
from ..simulation.prices import CostModel
from ..simulation.recorded_runs import RecordedRuns, read_runs

__all__ = ["SETS", "ArchResults", "Dataset", "ResultsCount", "extent", "read_datasets"]

SETS = ("train", "valid", "x-valid", "test", "x-test", "ori-test")
"""Names of evaluation sets that published code uses."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset in the sense of NAS-Bench-201: an image and a task, at one fidelity.

    Attributes:
        bench: the release.
        image: name.
        block: the runs of the task.
        seeds: that trials have.
        evaluated: indices of the architectures that have a run of each seed, ok or diverged.
        read: from a seed to the runs of the task by image.
    """

    bench: ReleaseReader
    image: str
    block: Block
    seeds: tuple[int, ...]
    evaluated: list[int]
    read: Callable[[int], dict[str, RecordedRuns]]

    @property
    def name(self) -> str:
        """ "image-task"."""
        return f"{self.image}-{self.block.task}"

    @property
    def stop(self) -> int:
        """The stopping iteration of its fidelity."""
        return self.block.record.stop

    @cached_property
    def members(self) -> frozenset[int]:
        """``evaluated``, to look up in."""
        return frozenset(self.evaluated)

    def runs(self, seed: int) -> RecordedRuns:
        """Its runs of a seed."""
        return self.read(seed)[self.image]

    def sizes(self, index: int) -> tuple[float, float]:
        """FLOP of a forward pass and trainable parameters of an architecture, both in millions."""
        forward = float(self._costs.flops_per_iteration[index]) / FLOPS_OF_TRAINING
        return forward / 1e6, float(self._costs.parameters[index]) / 1e6

    @cached_property
    def _costs(self) -> Costs:
        at = self.bench.images.index(self.image)
        return costs(self.bench, self.block, (at,), self.block.seeds)


def read_datasets(
    bench: ReleaseReader, fidelity: str | None, cost: CostModel, run_seeds: Sequence[int] | None
) -> dict[str, Dataset]:
    """The datasets of a release that have a run, by name; see `NASBench201API`.

    Raises:
        UnknownNameError: no such fidelity, or a seed that no task has.
        MissingRunError: no runs at it.
        ConfigError: seeds that are no list of different whole numbers.
    """
    if fidelity is not None and fidelity not in bench.fidelities:
        raise unknown_name("fidelity", fidelity, bench.fidelities)
    meant = [(task, fidelity or bench.runs.fidelity_of(task, None)) for task in bench.tasks]
    blocks = [bench.runs.block(*one) for one in meant if bench.runs.has_runs(*one)]
    _check_seeds(run_seeds, blocks)
    found = {}
    for block in blocks:
        wanted = block.default_seeds if run_seeds is None else run_seeds
        seeds = tuple(int(seed) for seed in wanted if seed in block.seeds)
        if not seeds:
            continue
        evaluated = {
            image: np.flatnonzero(block.evaluated(seeds, at)).tolist()
            for at, image in enumerate(bench.images)
        }
        images = [image for image in bench.images if evaluated[image]]
        # All images of a task are in one file, which is read once.
        read = cache(partial(read_runs, bench, block.task, images, block.fidelity, cost=cost))
        for image in images:
            one = Dataset(bench, image, block, seeds, evaluated[image], read)
            found[one.name] = one
    if not found:
        raise MissingRunError(
            f"this release has no runs{f' at fidelity {fidelity!r}' if fidelity else ''}; "
            f"bench.coverage() says what there is"
        )
    return found


def extent(datasets: Collection[Dataset]) -> str:
    """In words: what is evaluated of each task, by which seeds."""
    parts = []
    for task in dict.fromkeys(one.block.task for one in datasets):
        mine = [one for one in datasets if one.block.task == task]
        counts = sorted({len(one.evaluated) for one in mine})
        number = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
        seeds = ", ".join(map(str, mine[0].seeds))
        parts.append(f"{task}: {number} on {len(mine)} images, seed {seeds}")
    return "; ".join(parts)


def _check_seeds(run_seeds: Sequence[int] | None, blocks: Sequence[Block]) -> None:
    if run_seeds is None:
        return
    whole = isinstance(run_seeds, Sequence) and all(
        isinstance(seed, int | np.integer) and not isinstance(seed, bool) for seed in run_seeds
    )
    if not whole or not run_seeds or len(set(run_seeds)) < len(run_seeds):
        raise ConfigError(
            f"run_seeds {run_seeds!r} must be a list of different whole numbers, such as [0, 1], "
            f"or None for the default seeds"
        )
    there = sorted({seed for block in blocks for seed in block.seeds})
    for seed in run_seeds:
        if seed not in there:
            raise unknown_name("seed", seed, there)


@dataclass(frozen=True)
class ResultsCount:
    """One trial: an architecture on a dataset with one seed, trained for a number of iterations.

    Attributes:
        name: of the dataset, "image-task".
        seed: of the run.
        arch_index, arch_str: row of the architecture in the release, and its canonical string.
        params, flop: trainable numbers and FLOP of a forward pass, in millions.
        epochs: iterations trained.
        runs: where the curve comes from.
    """

    name: str
    seed: int
    arch_index: int
    arch_str: str
    params: float
    flop: float
    epochs: int
    runs: RecordedRuns = field(repr=False)

    @property
    def arch_config(self) -> dict[str, Any]:
        """What identifies the network."""
        return {"arch_str": self.arch_str, "fidelity": self.runs.fidelity}

    @property
    def _place(self) -> int:
        return self.runs.position[self.arch_index]

    def get_total_epoch(self) -> int:
        """Iterations trained."""
        return self.epochs

    def get_latency(self) -> float:
        """Seconds of a forward pass by the cost model: a third of a training iteration."""
        return float(self.runs.prices.forward[self._place])

    def get_times(self) -> dict[str, float]:
        """Simulated seconds of an iteration and of all."""
        prices = self.runs.prices
        return {
            "T-train@epoch": float(prices.per_iteration[self._place]),
            "T-train@total": prices.training(self._place, self.epochs),
        }

    def get_train(self, iepoch: int | None = None) -> dict[str, float]:
        """Of the output; see `get_eval`."""
        return self.get_eval("train", iepoch)

    def get_eval(self, name: str, iepoch: int | None = None) -> dict[str, float]:
        """The metrics of a set.

        Args:
            name: one of `SETS`.
            iepoch: from 0: the value after ``iepoch + 1`` iterations, which must be kept; None for
                the last.

        Returns:
            ``iepoch``, ``loss``, ``accuracy`` (dB), ``cur_time`` (simulated seconds of the
            iteration) and ``all_time`` (of all up to it), both 0 of all sets but "train", since
            evaluating is part of training.

        Raises:
            UnknownNameError: no such set, or an iteration that was not kept.
            ConfigError: iepoch is outside the training.
        """
        if name not in SETS:
            raise unknown_name("set", name, SETS)
        done = self.epochs if iepoch is None else iepoch + 1
        if not 1 <= done <= self.epochs:
            raise ConfigError(f"iepoch {iepoch} is outside 0..{self.epochs - 1}")
        runs, place, trained = self.runs, self._place, name == "train"
        curves = runs.psnr_db if trained else runs.psnr_smooth_db
        psnr_db = float(curves[place, runs.point_of(done)])
        return {
            "iepoch": done - 1,
            "loss": 10 ** (-psnr_db / 10),
            "accuracy": psnr_db,
            "cur_time": float(runs.prices.per_iteration[place]) if trained else 0.0,
            "all_time": runs.prices.training(place, done) if trained else 0.0,
        }

    def get_eval_set(self) -> list[str]:
        """Names of the sets that are not "train"."""
        return list(SETS[1:])


@dataclass(frozen=True, kw_only=True)
class ArchResults:
    """All trials of one architecture.

    Attributes:
        arch_index, arch_str: row of the architecture in the release, and its canonical string.
        dataset_seed: by dataset that it is evaluated on, the seeds of its trials.
        datasets: all that the release has runs of, by name.
        iterations: of a trial on a dataset.
        rng: chooses a trial where a random one is asked for.
    """

    arch_index: int
    arch_str: str
    dataset_seed: Mapping[str, list[int]]
    datasets: Mapping[str, Dataset] = field(repr=False)
    iterations: Callable[[Dataset], int] = field(repr=False)
    rng: np.random.Generator = field(repr=False)

    def get_dataset_names(self) -> list[str]:
        """The datasets that it is evaluated on."""
        return list(self.dataset_seed)

    def get_dataset_seeds(self, dataset: str) -> list[int]:
        """The seeds of its trials on a dataset; exceptions as of `query`."""
        if dataset not in self.datasets:
            raise unknown_name("dataset", dataset, self.datasets)
        if dataset not in self.dataset_seed:
            raise MissingRunError(
                f"architecture {self.arch_index} has no run on {dataset!r} of each seed that the "
                f"API was opened with; it has on {', '.join(self.dataset_seed) or 'no dataset'}; "
                f"api.evaluated({dataset!r}) are those that have"
            )
        return list(self.dataset_seed[dataset])

    def query(
        self, dataset: str, seed: int | None = None
    ) -> ResultsCount | dict[int, ResultsCount]:
        """One trial, or all by seed.

        Raises:
            MissingRunError: no run on the dataset.
            UnknownNameError: no such dataset, or none of the seed.
        """
        trials = self.trials(dataset, False if seed is None else seed)
        return {one.seed: one for one in trials} if seed is None else trials[0]

    def trials(self, dataset: str, is_random: bool | int = False) -> list[ResultsCount]:
        """The trials meant: one at random (True), all (False), or that of a seed (a number)."""
        seeds = self.get_dataset_seeds(dataset)
        if is_random is True:
            seeds = [seeds[int(self.rng.integers(len(seeds)))]]
        elif is_random is not False:
            if is_random not in seeds:
                raise UnknownNameError(
                    f"no trial of architecture {self.arch_index} on {dataset!r} with seed "
                    f"{is_random!r}; there is {', '.join(map(str, seeds))}; "
                    f"NASBench201API(..., run_seeds=...) opens others"
                )
            seeds = [is_random]
        return [self._trial(self.datasets[dataset], seed) for seed in seeds]

    def _trial(self, dataset: Dataset, seed: int) -> ResultsCount:
        runs, iterations = dataset.runs(seed), self.iterations(dataset)
        runs.point_of(iterations)
        flop, params = dataset.sizes(self.arch_index)
        who = self.arch_index, self.arch_str
        return ResultsCount(dataset.name, seed, *who, params, flop, iterations, runs)

    def get_metrics(
        self, dataset: str, setname: str, iepoch: int | None = None, is_random: bool | int = False
    ) -> dict[str, float]:
        """As `ResultsCount.get_eval`, of the trials meant; the mean where there are several."""
        return _mean([one.get_eval(setname, iepoch) for one in self.trials(dataset, is_random)])

    def get_compute_costs(self, dataset: str) -> dict[str, float]:
        """``flops`` and ``params`` in millions, ``latency`` in seconds, and ``T-train@...``."""
        trials = self.trials(dataset)
        seconds = _mean([{"latency": one.get_latency()} | one.get_times() for one in trials])
        return {"flops": trials[0].flop, "params": trials[0].params} | seconds

    def get_latency(self, dataset: str) -> float:
        """Seconds of a forward pass by the cost model, the mean over trials."""
        return self.get_compute_costs(dataset)["latency"]

    def get_total_epoch(self, dataset: str | None = None) -> int:
        """Iterations trained on a dataset, or on the first."""
        return self.trials(dataset or self.get_dataset_names()[0])[0].epochs

    def arch_idx_str(self) -> str:
        """The row with six digits."""
        return f"{self.arch_index:06d}"

    def lines(self) -> list[str]:
        """What it says of itself: the architecture, and two lines a dataset."""
        lines = [self.arch_str, f"datasets : {self.get_dataset_names()}"]
        for name, seeds in self.dataset_seed.items():
            cost = self.get_compute_costs(name)
            train, test = (self.get_metrics(name, one) for one in ("train", "test"))
            lines += [
                f"{name:14s} FLOP={cost['flops']:6.2f} M, Params={cost['params']:.3f} M, "
                f"latency={1000 * cost['latency']:.2f} ms, {self.get_total_epoch(name)} "
                f"iterations, seed {', '.join(map(str, seeds))}",
                f"{name:14s} output : [mse = {train['loss']:.5f}, psnr = {train['accuracy']:.2f} "
                f"dB], smoothed : [mse = {test['loss']:.5f}, psnr = {test['accuracy']:.2f} dB]",
            ]
        return lines


def _mean(found: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}
