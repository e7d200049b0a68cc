"""Datasets in the sense of NAS-Bench-201: an image and a task, at one fidelity."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from nasdip_bench.errors import ConfigError, MissingRunError, check_name
from nasdip_bench.space import LEVELS

from ...reading.arrays.block import Block
from ...reading.costs import FLOPS_OF_TRAINING, Costs, costs
from ...reading.reader import ReleaseReader
from ...simulation.opening import read_runs
from ...simulation.prices import CostModel
from ...simulation.recorded_runs import RecordedRuns
from .budgets import HP, read_hp
from .results import ResultsCount

_log = logging.getLogger(__name__)


class NotEvaluatedError(MissingRunError, ValueError):
    """An architecture has no run on a dataset, or a release has no runs at all."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """An image and a task.

    Attributes:
        image: name.
        block: the runs of the task.
        seeds: the seeds of the trials.
        evaluated: rows of the architectures that have a run of each seed, ok or diverged.
        cost: what training costs.
    """

    bench: ReleaseReader
    image: str
    block: Block
    seeds: tuple[int, ...]
    evaluated: frozenset[int]
    cost: CostModel
    _runs: dict[int, RecordedRuns] = field(default_factory=dict, repr=False)  # by seed, once read

    @property
    def name(self) -> str:
        """ "image-task"."""
        return f"{self.image}-{self.block.task}"

    def of_seed(self, seed: str) -> Dataset:
        """The same with one seed for its trials.

        Raises:
            UnknownNameError: no run has the seed.
        """
        check_name(f"seed of {self.name!r}", seed, [str(one) for one in self.block.seeds])
        seeds = (int(seed),)
        there = self.block.evaluated(seeds, self.bench.images.index(self.image))
        return replace(self, seeds=seeds, evaluated=frozenset(np.flatnonzero(there).tolist()))

    @cached_property
    def _costs(self) -> Costs:
        at = self.bench.images.index(self.image)
        return costs(self.bench, self.block, (at,), self.block.seeds)

    def trial(
        self, row: int, seed: int, hp: HP, hps: Mapping[str, int | None], name: str
    ) -> ResultsCount:
        """The trial of an architecture with a seed, for a budget; raises those of `read_hp`."""
        if seed not in self._runs:
            at = (self.block.task, self.image, self.block.fidelity, seed)
            self._runs[seed] = read_runs(self.bench, *at, cost=self.cost)[self.image]
        runs = self._runs[seed]
        budget = read_hp(hp, hps, runs)
        place = runs.position[row]
        training = float(self._costs.flops_per_iteration[row])
        return ResultsCount(
            name=name,
            seed=seed,
            arch_config={
                "arch_str": self.bench.codes[row],
                "channel": self.bench.manifest.fidelities[self.block.fidelity]["channels"],
                "num_cells": LEVELS,
                "class_num": self.bench.image_channels[self.bench.images.index(self.image)],
                "image": self.image,
                "task": self.block.task,
                "fidelity": self.block.fidelity,
            },
            params=float(self._costs.parameters[row]) / 1e6,
            flop=training / FLOPS_OF_TRAINING / 1e6,
            budget=budget,
            kept=runs.iterations,
            psnr_db=runs.psnr_db[place],
            psnr_smooth_db=runs.psnr_smooth_db[place],
            seconds=float(runs.prices.per_iteration[place]),
            forward_seconds=float(runs.prices.forward[place]),
            overhead_seconds=runs.prices.overhead,
        )


def open_datasets(
    bench: ReleaseReader,
    names: Mapping[str, str] | None,
    fidelity: str | None,
    cost: CostModel,
) -> dict[str, Dataset]:
    """The datasets of a release that have a run, by the requested names.

    Args:
        names: mapping to names of datasets, "image-task" or "image-task@seed"; None for all, under
            their own names.
        fidelity, cost: see `NASBench201API`.

    Raises:
        UnknownNameError: no such dataset or fidelity, or a seed that no run has.
        NotEvaluatedError: no runs at the fidelity.
        ConfigError: names are not a mapping.
    """
    if fidelity is not None:
        check_name("fidelity", fidelity, bench.fidelities)
    meant = [(task, fidelity or bench.runs.fidelity_of(task, None)) for task in bench.tasks]
    blocks = [bench.runs.block(*one) for one in meant if bench.runs.has_runs(*one)]
    found = {}
    for block in blocks:
        for position, image in enumerate(bench.images):
            rows = np.flatnonzero(block.evaluated(block.default_seeds, position)).tolist()
            if rows:
                one = Dataset(bench, image, block, block.default_seeds, frozenset(rows), cost)
                found[one.name] = one
    if not found:
        raise NotEvaluatedError(
            f"this release has no runs{f' at fidelity {fidelity!r}' if fidelity else ''}; "
            f"bench.coverage() shows which exist"
        )
    if names is None:
        return found
    if not isinstance(names, Mapping):
        raise ConfigError(
            f"datasets {names!r} must be a mapping from a script's names to dataset names, such as "
            f"{{'cifar10-valid': 'lena-denoise'}}"
        )
    opened = {}
    for alias, name in names.items():
        whole, at, seed = str(name).partition("@")
        one = found[check_name("dataset", whole, found)]
        opened[alias] = one.of_seed(seed) if at else one
    return opened


def common_rows(datasets: Mapping[str, Dataset], *, warn: bool) -> list[int]:
    """Rows of the architectures that are evaluated on all datasets, ascending.

    Args:
        datasets: by name.
        warn: whether to log a warning if one of them alone has more.

    Raises:
        NotEvaluatedError: there are none.
    """
    rows = sorted(frozenset.intersection(*(one.evaluated for one in datasets.values())))
    most = max(datasets.values(), key=lambda one: len(one.evaluated))
    told = (
        f"{len(rows) or 'no'} architectures are evaluated on all {len(datasets)} datasets, "
        f"{len(most.evaluated)} on {most.name!r}: open the one that you search, "
        f"dataset={most.name!r}"
    )
    if not rows:
        raise NotEvaluatedError(told)
    if warn and len(rows) < len(most.evaluated):
        _log.warning("%s", told)
    return rows


def extent(datasets: Iterable[Dataset]) -> str:
    """The datasets of each task and seeds of trials, in words."""
    images: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for one in datasets:
        images.setdefault((one.block.task, one.seeds), []).append(one.image)
    return "; ".join(
        f"{task} of {', '.join(dict.fromkeys(of))} (seed {', '.join(map(str, seeds))})"
        for (task, seeds), of in images.items()
    )
