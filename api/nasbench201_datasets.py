"""A release as the datasets of `nasdip_bench.api.nasbench201`: one for each image and task."""

from __future__ import annotations

import numpy as np

from nasdip_bench.api.benchmark import NASDIPBench
from nasdip_bench.api.costs import FLOPS_OF_TRAINING, Costs, costs
from nasdip_bench.api.index import Block
from nasdip_bench.api.recorded_runs import RecordedRuns, read_runs
from nasdip_bench.api.simulation_cost import CostModel
from nasdip_bench.errors import MissingRunError, unknown_name

__all__ = ["Datasets"]


class Datasets:
    """The datasets of a release, "image-task", at one fidelity a task.

    Args:
        bench: the release.
        fidelity: None for the release's default for each task.
        cost: of simulated training.

    Attributes:
        seeds: by dataset and architecture, the seeds of the runs that ended, ok or diverged.
        evaluated: indices of the architectures that have a run on every dataset; on any, where
            none has.

    Raises:
        UnknownNameError: no such fidelity.
        MissingRunError: no runs at it.
    """

    def __init__(self, bench: NASDIPBench, fidelity: str | None, cost: CostModel) -> None:
        if fidelity is not None and fidelity not in bench.fidelities:
            raise unknown_name("fidelity", fidelity, bench.fidelities)
        self._bench, self._cost = bench, cost
        self._blocks: dict[str, tuple[Block, int]] = {}
        self.seeds: dict[str, list[list[int]]] = {}
        self._runs: dict[tuple[str, int], RecordedRuns] = {}
        self._sizes: dict[str, Costs] = {}
        everywhere = np.ones(len(bench), np.bool_)
        anywhere = ~everywhere
        for task in bench.tasks:
            at = [fidelity] if fidelity else [bench.runs.fidelity_of(task, None)]
            record = bench.manifest.task(at[0], task)
            if record is None or not record.runs:
                continue
            block = bench.runs.block(task, at[0])
            for place, image in enumerate(bench.images):
                seeds = _ended(block, place)
                done = np.array([len(of_architecture) > 0 for of_architecture in seeds])
                if done.any():
                    self._blocks[f"{image}-{task}"] = (block, place)
                    self.seeds[f"{image}-{task}"] = seeds
                    everywhere, anywhere = everywhere & done, anywhere | done
        if not self.seeds:
            raise MissingRunError(
                f"this release has no runs{f' at fidelity {fidelity!r}' if fidelity else ''}; "
                f"bench.coverage() says what there is"
            )
        chosen = everywhere if everywhere.any() else anywhere
        self.evaluated: list[int] = np.flatnonzero(chosen).tolist()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the datasets that have a run."""
        return tuple(self._blocks)

    def check(self, dataset: str) -> None:
        """Refuse a dataset that there is not.

        Raises:
            UnknownNameError: there is not.
        """
        if dataset not in self._blocks:
            raise unknown_name("dataset", dataset, self._blocks)

    def stop(self, dataset: str) -> int:
        """The stopping iteration of its fidelity."""
        return self._blocks[dataset][0].record.stop

    def default_seeds(self, dataset: str) -> frozenset[int]:
        """The release's default seeds of its task and fidelity."""
        return frozenset(self._blocks[dataset][0].default_seeds)

    def kept(self, dataset: str, iterations: int) -> int:
        """The most iterations within a number of them that the release keeps."""
        seed = next(seed for of_architecture in self.seeds[dataset] for seed in of_architecture)
        return self.runs(dataset, seed).kept(iterations)

    def runs(self, dataset: str, seed: int) -> RecordedRuns:
        """The runs of a dataset that have a seed."""
        if (dataset, seed) not in self._runs:
            block, _ = self._blocks[dataset]
            # All images of a task are in one file, which is read once.
            images = [
                self._bench.images[place]
                for name, (other, place) in self._blocks.items()
                if other is block and any(seed in seeds for seeds in self.seeds[name])
            ]
            found = read_runs(
                self._bench, block.task, images, block.fidelity, seed, cost=self._cost
            )
            for image, runs in found.items():
                self._runs[f"{image}-{block.task}", seed] = runs
        return self._runs[dataset, seed]

    def sizes(self, dataset: str, index: int) -> tuple[float, float]:
        """FLOP of a forward pass and trainable parameters of an architecture, both in millions."""
        if dataset not in self._sizes:
            block, place = self._blocks[dataset]
            self._sizes[dataset] = costs(self._bench, block, (place,), block.seeds)
        of_all = self._sizes[dataset]
        forward = float(of_all.flops_per_iteration[index]) / FLOPS_OF_TRAINING
        return forward / 1e6, float(of_all.parameters[index]) / 1e6


def _ended(block: Block, place: int) -> list[list[int]]:
    """By architecture, the seeds of the runs on an image that ended, ok or diverged."""
    rows = block.rows[:, place]
    done = (rows >= 0) & (block.columns["status"][rows] <= 1)
    return [
        [seed for seed, is_there in zip(block.seeds, of_architecture, strict=True) if is_there]
        for of_architecture in done.tolist()
    ]
