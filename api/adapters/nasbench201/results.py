"""One trial, and all of an architecture: the original's ``ResultsCount``, ``ArchResults``."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import UnknownNameError, check_name, check_whole

from .budgets import Budget

SETS = ("train", "valid", "x-valid", "test", "x-test", "ori-test")
"""Names of evaluation sets that published code uses."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ResultsCount:
    """An architecture on a dataset with one seed, trained for a budget.

    It holds its own curve and no reference to the release, so it can be copied and pickled.

    Attributes:
        name: the requested name of the dataset.
        seed: seed of the run.
        arch_config: what identifies the network: ``arch_str``, ``channel``, ``num_cells``,
            ``class_num`` (channels of the image), ``image``, ``task``, ``fidelity``.
        params, flop: number of trainable parameters and FLOP of a forward pass, in millions.
        budget: its epochs and iterations.
        kept: (P,) int, ascending: the kept iterations.
        psnr_db, psnr_smooth_db: (P,) float64 dB of the output and of the smoothed output there.
        seconds: simulated seconds per iteration.
        forward_seconds: simulated seconds of a forward pass.
        overhead_seconds: simulated seconds to start.
    """

    name: str
    seed: int
    arch_config: dict[str, Any]
    params: float
    flop: float
    budget: Budget
    kept: NDArray[np.int32] = field(repr=False)
    psnr_db: NDArray[np.float64] = field(repr=False)
    psnr_smooth_db: NDArray[np.float64] = field(repr=False)
    seconds: float
    forward_seconds: float
    overhead_seconds: float

    def get_total_epoch(self) -> int:
        """The number of epochs."""
        return self.budget.epochs

    def get_latency(self) -> float:
        """Seconds of a forward pass by the cost model: a third of a training iteration."""
        return self.forward_seconds

    def get_times(self) -> dict[str, float]:
        """Simulated seconds per epoch and in total; training includes evaluation."""
        total = self._seconds_of(self.budget.iterations)
        return {"T-train@epoch": total / self.budget.epochs, "T-train@total": total} | {
            f"T-{name}@{of}": 0.0 for name in SETS[1:] for of in ("epoch", "total")
        }

    def get_train(self, iepoch: int | None = None) -> dict[str, float]:
        """The metrics of the output; see `get_eval`."""
        return self.get_eval("train", iepoch)

    def get_eval(self, name: str, iepoch: int | None = None) -> dict[str, float]:
        """The metrics of a set.

        Args:
            name: one of `SETS`.
            iepoch: epoch, from 0, at whose end the value is taken; None for the last.

        Returns:
            ``iepoch``, ``loss``, ``accuracy`` (dB), ``cur_time`` (simulated seconds of the epoch)
            and ``all_time`` (up to its end). Both times are 0 for all sets except "train", since
            training includes evaluation.

        Raises:
            UnknownNameError: no such set, or an iteration that was not kept.
            ConfigError: iepoch is not a whole number within the training.
        """
        check_name("set", name, SETS)
        epochs, iterations, _ = self.budget
        last = epochs - 1
        epoch = last if iepoch is None else check_whole("iepoch", iepoch, 0, last)
        done, point = self._end_of(epoch)
        train = name == "train"
        psnr_db = float((self.psnr_db if train else self.psnr_smooth_db)[point])
        return {
            "iepoch": epoch,
            "loss": 10 ** (-psnr_db / 10),
            "accuracy": psnr_db,
            "cur_time": self.seconds * iterations / epochs if train else 0.0,
            "all_time": self._seconds_of(done) if train else 0.0,
        }

    @property
    def train_acc1es(self) -> dict[int, float]:
        """From each kept epoch, counted from 0, to the PSNR of the output in dB."""
        count, _, rounded = self.budget
        epochs = range(count) if rounded else self.kept[self.kept <= count] - 1
        return {int(epoch): self.get_train(int(epoch))["accuracy"] for epoch in epochs}

    def get_config(self, str2structure: None = None) -> dict[str, Any]:
        """The network's configuration, with the keys that published code reads.

        Returns:
            ``name``, ``C`` (channels), ``N`` (levels), ``num_classes`` (channels of the image) and
            ``arch_str``, which `NASDIPBench.build` accepts.
        """
        of = self.arch_config
        sizes = {"C": of["channel"], "N": of["num_cells"], "num_classes": of["class_num"]}
        return {"name": "nasdip", "arch_str": of["arch_str"]} | sizes

    def _seconds_of(self, iterations: int) -> float:
        return self.seconds * iterations + self.overhead_seconds

    def _end_of(self, epoch: int) -> tuple[int, int]:
        """Iterations done at the end of an epoch, and their place among the kept ones."""
        epochs, iterations, rounded = self.budget
        done = (epoch + 1) * iterations // epochs
        place = max(0, int(np.searchsorted(self.kept, done, side="right")) - 1)
        if not rounded and self.kept[place] != done:
            raise UnknownNameError(
                f"iepoch {epoch} ends at iteration {done}, which was not kept; the nearest kept "
                f"are {self.kept[place]} and {self.kept[place + 1]}"
            )
        return int(self.kept[place]), place


@dataclass(frozen=True, kw_only=True, eq=False)
class ArchResults:
    """All trials of one architecture, for one budget.

    Attributes:
        arch_index, arch_str: its index in the API, and its canonical string.
        all_results: from (dataset, seed) to the trial.
        rng: generator for random trials; None for Python's ``random``.
    """

    arch_index: int
    arch_str: str
    all_results: Mapping[tuple[str, int], ResultsCount] = field(repr=False)
    rng: random.Random | None = field(default=None, repr=False)

    @property
    def dataset_seed(self) -> dict[str, list[int]]:
        """From a dataset to the seeds of its trials."""
        found: dict[str, list[int]] = {}
        for dataset, seed in self.all_results:
            found.setdefault(dataset, []).append(seed)
        return found

    def get_dataset_names(self) -> list[str]:
        """The opened datasets."""
        return list(self.dataset_seed)

    def get_dataset_seeds(self, dataset: str) -> list[int]:
        """The seeds of its trials on a dataset.

        Raises:
            UnknownNameError: no such dataset.
        """
        seeds = self.dataset_seed
        return seeds[check_name("dataset", dataset, seeds)]

    def query(
        self, dataset: str, seed: int | None = None
    ) -> ResultsCount | dict[int, ResultsCount]:
        """One trial, or all by seed; raises as `trials` does."""
        trials = self.trials(dataset, False if seed is None else seed)
        return {one.seed: one for one in trials} if seed is None else trials[0]

    def trials(self, dataset: str, is_random: bool | int = False) -> list[ResultsCount]:
        """Select trials: a random one (True), all (False), or that of a seed (a number).

        Raises:
            UnknownNameError: no such dataset, or no trial with the seed.
        """
        seeds = self.get_dataset_seeds(dataset)
        if is_random is True:
            seeds = [(self.rng or random).choice(seeds)]
        elif is_random is not False:
            if is_random not in seeds:
                raise UnknownNameError(
                    f"no trial with seed {is_random!r}; available: {', '.join(map(str, seeds))}; "
                    f"a dataset named 'image-task@seed' opens another"
                )
            seeds = [is_random]
        return [self.all_results[dataset, seed] for seed in seeds]

    def get_metrics(
        self, dataset: str, setname: str, iepoch: int | None = None, is_random: bool | int = False
    ) -> dict[str, float]:
        """Mean of `ResultsCount.get_eval` over the selected trials; see `trials`."""
        return mean([one.get_eval(setname, iepoch) for one in self.trials(dataset, is_random)])

    def get_compute_costs(self, dataset: str) -> dict[str, float]:
        """``flops`` and ``params`` in millions, ``latency`` in seconds, and ``T-...``."""
        trials = self.trials(dataset)
        seconds = mean([{"latency": one.get_latency()} | one.get_times() for one in trials])
        return {"flops": trials[0].flop, "params": trials[0].params} | seconds

    def get_latency(self, dataset: str) -> float:
        """Seconds of a forward pass by the cost model, mean over trials."""
        return self.get_compute_costs(dataset)["latency"]

    def get_total_epoch(self, dataset: str | None = None) -> int:
        """Epochs of a trial on a dataset, by default the first."""
        return self.trials(dataset or self.get_dataset_names()[0])[0].get_total_epoch()

    def arch_idx_str(self) -> str:
        """The index with six digits."""
        return f"{self.arch_index:06d}"

    def lines(self) -> list[str]:
        """A description: the architecture, and two lines per dataset."""
        lines = [self.arch_str, f"datasets : {self.get_dataset_names()}"]
        for name, seeds in self.dataset_seed.items():
            one, cost = self.all_results[name, seeds[0]], self.get_compute_costs(name)
            train, test = (self.get_metrics(name, of) for of in ("train", "test"))
            lines += [
                f"{name:14s} FLOP={cost['flops']:6.2f} M, Params={cost['params']:.3f} M, "
                f"latency={1000 * cost['latency']:.2f} ms, {one.budget.iterations} iterations, "
                f"seed {', '.join(map(str, seeds))}",
                f"{name:14s} output : [mse = {train['loss']:.5f}, psnr = {train['accuracy']:.2f} "
                f"dB], smoothed : [mse = {test['loss']:.5f}, psnr = {test['accuracy']:.2f} dB]",
            ]
        return lines


def mean(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each value, over dictionaries with the same keys."""
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}
