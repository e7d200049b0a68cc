"""A release as the datasets of `nasdip_bench.api.adapters.nasbench201`:

one for each image and task.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasdip_bench.errors import ConfigError, MissingRunError, unknown_name

from ..benchmark import NASDIPBench
from ..reading.costs import FLOPS_OF_TRAINING, Costs, costs
from ..reading.runs import Block
from ..simulation.prices import CostModel
from ..simulation.recorded_runs import RecordedRuns, read_runs

__all__ = ["Datasets"]


class Datasets:
    """The datasets of a release, "image-task", at one fidelity a task.

    Args:
        bench: the release.
        fidelity: None for the release's default for each task.
        cost: of simulated training.
        run_seeds: seeds of runs, of which each task takes those that it has; None for the default
            seeds of each task.

    Attributes:
        everywhere: indices of the architectures that are evaluated on every dataset.
        anywhere: indices of those that are on some.

    Raises:
        UnknownNameError: no such fidelity, or a seed that no task has.
        MissingRunError: no runs at it.
        ConfigError: seeds that are no list of different whole numbers.
    """

    def __init__(
        self,
        bench: NASDIPBench,
        fidelity: str | None,
        cost: CostModel,
        run_seeds: Sequence[int] | None,
    ) -> None:
        if fidelity is not None and fidelity not in bench.fidelities:
            raise unknown_name("fidelity", fidelity, bench.fidelities)
        self._bench, self._cost = bench, cost
        self._blocks: dict[str, tuple[Block, int]] = {}
        self._seeds: dict[str, tuple[int, ...]] = {}
        self._evaluated: dict[str, list[int]] = {}
        self._runs: dict[tuple[str, int], RecordedRuns] = {}
        self._sizes: dict[str, Costs] = {}
        everywhere = np.ones(len(bench), np.bool_)
        anywhere = ~everywhere
        blocks = []
        for task in bench.tasks:
            at = [fidelity] if fidelity else [bench.runs.fidelity_of(task, None)]
            record = bench.manifest.task(at[0], task)
            if record is None or not record.runs:
                continue
            blocks.append(bench.runs.block(task, at[0]))
        _check_seeds(run_seeds, blocks)
        for block in blocks:
            wanted = block.default_seeds if run_seeds is None else run_seeds
            seeds = tuple(int(seed) for seed in wanted if seed in block.seeds)
            if not seeds:
                continue
            for place, image in enumerate(bench.images):
                done = block.evaluated(seeds, place)
                if done.any():
                    name = f"{image}-{block.task}"
                    self._blocks[name], self._seeds[name] = (block, place), seeds
                    self._evaluated[name] = np.flatnonzero(done).tolist()
                    everywhere, anywhere = everywhere & done, anywhere | done
        if not self._blocks:
            raise MissingRunError(
                f"this release has no runs{f' at fidelity {fidelity!r}' if fidelity else ''}; "
                f"bench.coverage() says what there is"
            )
        self._members = {name: set(indices) for name, indices in self._evaluated.items()}
        self.everywhere: list[int] = np.flatnonzero(everywhere).tolist()
        self.anywhere: list[int] = np.flatnonzero(anywhere).tolist()

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

    def evaluated(self, dataset: str) -> list[int]:
        """Indices of the architectures that have a run of each of its seeds, ok or diverged.

        Raises:
            UnknownNameError: no such dataset.
        """
        self.check(dataset)
        return self._evaluated[dataset]

    def is_evaluated(self, dataset: str, index: int) -> bool:
        """Whether an architecture is among them."""
        return index in self._members[dataset]

    def seeds(self, dataset: str) -> tuple[int, ...]:
        """The seeds that trials of a dataset have."""
        return self._seeds[dataset]

    @property
    def extent(self) -> str:
        """In words: what is evaluated of each task, by which seeds."""
        by_task: dict[str, list[str]] = {}
        for name, (block, _) in self._blocks.items():
            by_task.setdefault(block.task, []).append(name)
        parts = []
        for task, names in by_task.items():
            counts = [len(self._evaluated[name]) for name in names]
            least, most = min(counts), max(counts)
            number = f"{most}" if least == most else f"{least} to {most}"
            seeds = ", ".join(map(str, self._seeds[names[0]]))
            parts.append(f"{task}: {number} on {len(names)} images, seed {seeds}")
        return f"{'; '.join(parts)}; {len(self.everywhere)} on all {len(self._blocks)} datasets"

    def stop(self, dataset: str) -> int:
        """The stopping iteration of its fidelity."""
        return self._blocks[dataset][0].record.stop

    def kept(self, dataset: str, iterations: int) -> int:
        """The most iterations within a number of them that the release keeps."""
        return self.runs(dataset, self._seeds[dataset][0]).kept(iterations)

    def runs(self, dataset: str, seed: int) -> RecordedRuns:
        """The runs of a dataset that have a seed."""
        if (dataset, seed) not in self._runs:
            block, _ = self._blocks[dataset]
            # All images of a task are in one file, which is read once.
            images = [
                self._bench.images[place]
                for other, place in self._blocks.values()
                if other is block
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
