"""What queries of `nasdip_bench.api.adapters.nasbench201` return: results with NAS-Bench-201's
method names.

Accuracies are PSNR in dB against the ground truth: "train" is of the output, every other set
("valid", "test", "x-valid" ...) of the smoothed output, since an image has one ground truth.
Losses are the mean squared errors that the PSNR stands for, 10^(-dB / 10).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nasdip_bench.errors import ConfigError, MissingRunError, UnknownNameError, unknown_name

from ..simulation.recorded_runs import RecordedRuns

__all__ = ["SETS", "ArchResults", "ResultsCount"]

SETS = ("train", "valid", "x-valid", "test", "x-test", "ori-test")
"""Names of evaluation sets that published code uses."""


@dataclass(frozen=True, kw_only=True)
class ResultsCount:
    """One trial: an architecture on a dataset with one seed, trained for a number of iterations.

    Attributes:
        name: of the dataset, "image-task".
        seed: of the run.
        arch_index: row of the architecture in the release.
        arch_str: its canonical string.
        params: trainable numbers at the fidelity's width, in millions.
        flop: FLOP of a forward pass, in millions.
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

    def get_total_epoch(self) -> int:
        """Iterations trained."""
        return self.epochs

    def get_latency(self) -> float:
        """Seconds of a forward pass by the cost model: a third of a training iteration."""
        return float(self.runs.prices.forward[self.runs.position[self.arch_index]])

    def get_times(self) -> dict[str, float]:
        """Simulated seconds of an iteration and of all."""
        one = float(self.runs.prices.per_iteration[self.runs.position[self.arch_index]])
        return {"T-train@epoch": one, "T-train@total": self.seconds(self.epochs)}

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
        place, point = self.runs.position[self.arch_index], self.runs.point_of(done)
        trained = name == "train"
        curves = self.runs.psnr_db if trained else self.runs.psnr_smooth_db
        psnr_db = float(curves[place, point])
        return {
            "iepoch": done - 1,
            "loss": 10 ** (-psnr_db / 10),
            "accuracy": psnr_db,
            "cur_time": float(self.runs.prices.per_iteration[place]) if trained else 0.0,
            "all_time": self.seconds(done) if trained else 0.0,
        }

    def get_eval_set(self) -> list[str]:
        """Names of the sets that are not "train"."""
        return list(SETS[1:])

    def seconds(self, iterations: int) -> float:
        """Simulated seconds of a training."""
        prices = self.runs.prices
        one = float(prices.per_iteration[self.runs.position[self.arch_index]])
        return iterations * one + prices.overhead


@dataclass(frozen=True, kw_only=True)
class ArchResults:
    """All trials of one architecture.

    Attributes:
        arch_index: row of the architecture in the release.
        arch_str: its canonical string.
        dataset_seed: by dataset that it is evaluated on, the seeds of its trials.
        datasets: all that the release has runs of.
        trial: (dataset, seed) to result, which is made on use.
        rng: chooses a trial where a random one is asked for.
    """

    arch_index: int
    arch_str: str
    dataset_seed: Mapping[str, list[int]]
    datasets: tuple[str, ...]
    trial: Callable[[str, int], ResultsCount] = field(repr=False)
    rng: np.random.Generator = field(repr=False)

    def get_dataset_names(self) -> list[str]:
        """The datasets that it is evaluated on."""
        return list(self.dataset_seed)

    def get_dataset_seeds(self, dataset: str) -> list[int]:
        """The seeds of its trials on a dataset.

        Raises:
            UnknownNameError: there is no such dataset.
            MissingRunError: it has none there.
        """
        if dataset not in self.datasets:
            raise unknown_name("dataset", dataset, self.datasets)
        if dataset not in self.dataset_seed:
            there = ", ".join(self.dataset_seed)
            raise MissingRunError(
                f"architecture {self.arch_index} has no run on {dataset!r} of each seed that the "
                f"API was opened with; it has on {there or 'no dataset'}; "
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
        seeds = self.get_dataset_seeds(dataset)
        if seed is None:
            return {one: self.trial(dataset, one) for one in seeds}
        if seed not in seeds:
            raise UnknownNameError(
                f"no trial of architecture {self.arch_index} on {dataset!r} with seed {seed!r}; "
                f"there is {', '.join(map(str, seeds))}; NASBench201API(..., run_seeds=...) opens "
                f"others"
            )
        return self.trial(dataset, seed)

    def trials(self, dataset: str, is_random: bool | int = False) -> list[ResultsCount]:
        """The trials meant: one at random (True), all (False), or that of a seed (a number)."""
        seeds = self.get_dataset_seeds(dataset)
        if is_random is True:
            seeds = [seeds[int(self.rng.integers(len(seeds)))]]
        elif is_random is not False:
            return [self.query(dataset, is_random)]  # type: ignore[list-item]
        return [self.trial(dataset, one) for one in seeds]

    def get_metrics(
        self,
        dataset: str,
        setname: str,
        iepoch: int | None = None,
        is_random: bool | int = False,
    ) -> dict[str, float]:
        """As `ResultsCount.get_eval`, of the trials meant; the mean where there are several."""
        found = [one.get_eval(setname, iepoch) for one in self.trials(dataset, is_random)]
        return {key: float(np.mean([one[key] for one in found])) for key in found[0]}

    def get_compute_costs(self, dataset: str) -> dict[str, float]:
        """``flops`` and ``params`` in millions, ``latency`` in seconds, and ``T-train@...``."""
        trials = self.trials(dataset)
        times = [one.get_times() for one in trials]
        return {
            "flops": trials[0].flop,
            "params": trials[0].params,
            "latency": self.get_latency(dataset),
            **{key: float(np.mean([one[key] for one in times])) for key in times[0]},
        }

    def get_latency(self, dataset: str) -> float:
        """Seconds of a forward pass by the cost model, the mean over trials."""
        return float(np.mean([one.get_latency() for one in self.trials(dataset)]))

    def get_total_epoch(self, dataset: str | None = None) -> int:
        """Iterations trained on a dataset, or on the first."""
        return self.trials(dataset or next(iter(self.dataset_seed)))[0].epochs

    def arch_idx_str(self) -> str:
        """The row with six digits."""
        return f"{self.arch_index:06d}"

    def lines(self) -> list[str]:
        """What it says of itself: the architecture, and two lines a dataset."""
        names = self.get_dataset_names()
        lines = [self.arch_str, f"datasets : {names}"]
        for name in names:
            cost = self.get_compute_costs(name)
            train, test = (self.get_metrics(name, one) for one in ("train", "test"))
            seeds = ", ".join(map(str, self.dataset_seed[name]))
            lines += [
                f"{name:14s} FLOP={cost['flops']:6.2f} M, Params={cost['params']:.3f} M, "
                f"latency={1000 * cost['latency']:.2f} ms, {self.get_total_epoch(name)} "
                f"iterations, seed {seeds}",
                f"{name:14s} output : [mse = {train['loss']:.5f}, psnr = {train['accuracy']:.2f} "
                f"dB], smoothed : [mse = {test['loss']:.5f}, psnr = {test['accuracy']:.2f} dB]",
            ]
        return lines
