"""All trials of one architecture: what NAS-Bench-201 calls ``ArchResults``."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nasdip_bench.errors import UnknownNameError, check_name

from .trial import ResultsCount


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
        """One trial, or all by seed.

        Raises:
            UnknownNameError: no such dataset, or no trial with the seed.
        """
        trials = self.trials(dataset, False if seed is None else seed)
        return {one.seed: one for one in trials} if seed is None else trials[0]

    def trials(self, dataset: str, is_random: bool | int = False) -> list[ResultsCount]:
        """Select trials: a random one (True), all (False), or that of a seed (a number)."""
        seeds = choose_seeds(self.get_dataset_seeds(dataset), is_random, self.rng)
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


def choose_seeds(
    seeds: Sequence[int], is_random: bool | int, rng: random.Random | None
) -> list[int]:
    """Select seeds: a random one (True), all (False), or a given one (a number).

    Raises:
        UnknownNameError: no trial has the given seed.
    """
    if is_random is True:
        return [(rng or random).choice(seeds)]
    if is_random is False:
        return list(seeds)
    if is_random not in seeds:
        raise UnknownNameError(
            f"no trial with seed {is_random!r}; available: {', '.join(map(str, seeds))}; "
            f"a dataset named 'image-task@seed' opens another"
        )
    return [is_random]


def mean(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each value, over dictionaries with the same keys."""
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}
