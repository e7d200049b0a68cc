"""The benchmark as an object: `NASDIPBench`.

Reading is in `nasdip_bench.api.reading.reader`; the methods here compute answers from what it
reads, each in a module of its own that is imported on use. Must not import torch; only `build`
does, on use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import ConfigError, MissingRunError, unknown_name
from nasdip_bench.seeding import as_generator
from nasdip_bench.space import Architecture

from .reading.architectures import ArchitectureLike
from .reading.reader import ReleaseReader

if TYPE_CHECKING:
    import pandas as pd

    from nasdip_bench.isnas.selection import Selector
    from nasdip_bench.network import Network

    from .reading.costs import CostRecord
    from .replay import IsnasRecord
    from .simulation.prices import CostModel
    from .simulation.simulator import Simulator
    from .statistics.best import Ranked, Statistics

__all__ = ["NASDIPBench"]

TARGET = "best_psnr_smooth_db"
SEEN_BY_A_SEARCH = "final_psnr_smooth_db"
"""Not an oracle over iterations: what a search sees that trains to the stop."""


class NASDIPBench(ReleaseReader):
    """A release of the benchmark: queries, curves, scores, tables, statistics.

    An architecture may be given as its row in the release, its canonical string, the name of a
    released model, or an `Architecture`.

    Args:
        path: the dataset folder.

    Raises:
        DatasetError: there is no dataset, or one that this version cannot read.
    """

    # The best, and how far the others are

    def top_k(
        self,
        task: str,
        k: int = 10,
        image: str | Sequence[str] | None = None,
        target: str = TARGET,
        fidelity: str | None = None,
        seed: int | None = None,
        *,
        max_parameters: float | None = None,
        max_flops: float | None = None,
        max_seconds: float | None = None,
    ) -> tuple[Ranked, ...]:
        """The k best architectures, by the mean over images where none or several are given.

        Limits: trainable parameters, FLOP of an iteration (forward and backward), recorded
        processor seconds of a run. See `api.selection.top_k`.
        """
        from .statistics.best import Limits, top_k

        limits = Limits(max_parameters, max_flops, max_seconds)
        return top_k(self, task, k, image, target, fidelity, seed, limits)

    def find_best(
        self,
        task: str,
        image: str | Sequence[str] | None = None,
        target: str = TARGET,
        fidelity: str | None = None,
        seed: int | None = None,
        *,
        max_parameters: float | None = None,
        max_flops: float | None = None,
        max_seconds: float | None = None,
    ) -> Ranked:
        """The best architecture within limits; see `top_k`."""
        (best,) = self.top_k(
            task,
            1,
            image,
            target,
            fidelity,
            seed,
            max_parameters=max_parameters,
            max_flops=max_flops,
            max_seconds=max_seconds,
        )
        return best

    def regret(
        self,
        arch: ArchitectureLike,
        task: str,
        image: str | Sequence[str] | None = None,
        target: str = TARGET,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> float:
        """How far an architecture is from the best one; see `api.selection.regret`."""
        from .statistics.best import regret

        return regret(self, arch, task, image, target, fidelity, seed)

    def statistics(
        self,
        task: str,
        image: str | Sequence[str] | None = None,
        target: str = TARGET,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> Statistics:
        """How a target is distributed; see `api.selection.statistics`."""
        from .statistics.best import statistics

        return statistics(self, task, image, target, fidelity, seed)

    def cost(
        self,
        arch: ArchitectureLike,
        task: str,
        image: str | None = None,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> CostRecord:
        """Parameters, operations and recorded seconds of a run; see `api.costs`."""
        from .reading.costs import architecture_cost_of

        return architecture_cost_of(self, arch, task, image, fidelity, seed)

    def simulator(
        self,
        image: str,
        task: str,
        fidelity: str | None = None,
        seed: int | None = None,
        *,
        budget_seconds: float | None = None,
        cost: str | CostModel = "flops",
        target: str = SEEN_BY_A_SEARCH,
    ) -> Simulator:
        """A clock that charges what training would have cost; see `api.simulator`."""
        from .simulation.simulator import open_simulator

        return open_simulator(
            self,
            image,
            task,
            fidelity,
            seed,
            budget_seconds=budget_seconds,
            cost=cost,
            target=target,
        )

    # The paper's search, replayed

    def isnas(
        self,
        image: str,
        task: str,
        score: str,
        n: int = 15,
        *,
        reference: str = "corrupted",
        weighting: str = "paper",
        selector: str | Selector = "closest",
        with_output: bool = False,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> IsnasRecord:
        """What ISNAS would have selected on an image; see `api.replay.record.isnas`."""
        from .replay import isnas

        return isnas(
            self,
            image,
            task,
            score,
            n,
            reference=reference,
            weighting=weighting,
            selector=selector,
            with_output=with_output,
            fidelity=fidelity,
            seed=seed,
        )

    def isnas_curve(
        self,
        task: str,
        scores: str | Sequence[str] | None = None,
        images: str | Sequence[str] | None = None,
        n: int | None = None,
        *,
        reference: str = "corrupted",
        weighting: str = "paper",
        selector: str | Selector = "closest",
        with_output: bool = False,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> pd.DataFrame:
        """The same for cohorts of 1 to n, scores and images; see `api.replay.curve`."""
        from .replay.curve import isnas_curve

        return isnas_curve(
            self,
            task,
            scores,
            images,
            n,
            reference=reference,
            weighting=weighting,
            selector=selector,
            with_output=with_output,
            fidelity=fidelity,
            seed=seed,
        )

    # Moving in the space

    def evaluated(
        self,
        task: str,
        image: str | None = None,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> NDArray[np.intp]:
        """Rows of the architectures that have runs, ok or diverged: `query` answers for these.

        What a simulator or the names of NAS-Bench-201 search in is the same.

        Args:
            task: name.
            image: name; None for every image that has a run of the task at the fidelity.
            fidelity: None for the release's default for the task.
            seed: None for every default seed.

        Returns:
            (n,), ascending.

        Raises:
            UnknownNameError: an image, task, fidelity or seed that there is not.
            MissingRunError: the release has no run of the task at the fidelity.
        """
        block = self.runs.block(task, fidelity)
        if image is not None and (not isinstance(image, str) or image not in self._image_rows):
            raise unknown_name("image", image, self.images)
        place = None if image is None else self._image_rows[image]
        return np.flatnonzero(block.evaluated(block.choose_seeds(seed), place))

    def random(
        self,
        rng: int | np.random.Generator | None = None,
        task: str | None = None,
        image: str | None = None,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> Architecture:
        """An architecture of the release, each as likely as another.

        Args:
            rng: a seed, a generator to draw from, or None for one that the system seeds.
            task: None for any, whether it has runs or not; else one that is `evaluated`, to which
                the arguments after this one belong.
            image: name.
            fidelity: name.
            seed: of the runs.

        Raises:
            ConfigError: an image, a fidelity or a seed without a task, or rng is no seed and no
                generator.
            UnknownNameError: a name or seed that there is not.
            MissingRunError: none is evaluated.
        """
        rows = self._rows_to_choose_from(task, image, fidelity, seed)
        return self[int(as_generator(rng).choice(rows))]

    def neighbours(
        self,
        arch: ArchitectureLike,
        k: int = 10,
        task: str | None = None,
        image: str | None = None,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> list[tuple[Architecture, int]]:
        """The architectures of the release nearest to one, which need not be in it.

        A release is a sample of 10^10 architectures: those that differ in a single choice
        (`Architecture.neighbours`) are hardly ever in it.

        Args:
            arch: an architecture.
            k: how many, 1..the number of others.
            task: None for any, whether they have runs or not; else those that are `evaluated`, to
                which the arguments after this one belong.
            image: name.
            fidelity: name.
            seed: of the runs.

        Returns:
            (architecture, distance), nearest first, ties by row; distance: the number of choices
            that differ, of the 25 skip bits and the six of the cell (sampling, transform, kernel,
            activation, order, dilation).

        Raises:
            ConfigError: k is outside the range, or an image, a fidelity or a seed without a task.
            UnknownNameError: a row, a name or a seed that there is not.
            ArchitectureError: no architecture at all.
            MissingRunError: none is evaluated.
        """
        rows = self._rows_to_choose_from(task, image, fidelity, seed)
        origin = self[arch] if isinstance(arch, int | np.integer) else Architecture.parse(arch)
        distances = self._architectures.distances(origin)
        nearest = rows[np.argsort(distances[rows], kind="stable")]
        others = [row for row in nearest.tolist() if distances[row]]
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= len(others):
            raise ConfigError(f"k {k!r} must be a whole number from 1 to {len(others)}")
        return [(self[row], int(distances[row])) for row in others[:k]]

    def _rows_to_choose_from(
        self, task: str | None, image: str | None, fidelity: str | None, seed: int | None
    ) -> NDArray[np.intp]:
        """(n,) ascending: the evaluated rows, or all where no task is given."""
        if task is not None:
            rows = self.evaluated(task, image, fidelity, seed)
            if not len(rows):
                raise MissingRunError(
                    f"no architecture has runs of {task!r} at "
                    f"{self.runs.fidelity_of(task, fidelity)!r} on {image or 'all images'} with "
                    f"{'all default seeds' if seed is None else f'seed {seed}'}: bench.coverage() "
                    f"says what there is"
                )
            return rows
        for name, value in (("image", image), ("fidelity", fidelity), ("seed", seed)):
            if value is not None:
                raise ConfigError(f"{name} {value!r} means nothing without a task: give task= too")
        return np.arange(len(self))

    def build(
        self,
        arch: ArchitectureLike,
        image: str | None = None,
        task: str | None = None,
        fidelity: str | None = None,
        seed: int = 0,
    ) -> Network:
        """The untrained torch network of an architecture, at the width of a fidelity.

        With an image and a task its weights are those that the run of the seed started from; else
        they are drawn from the architecture and the seed alone. Torch's global random state is
        neither read nor changed.

        Args:
            arch: an architecture, in the release or not.
            image: name; its channels are the network's. None for gray.
            task: name.
            fidelity: None for the release's default for the task (without one, for its first).
            seed: of the weights.

        Raises:
            UnknownNameError: an image, task, fidelity or row that there is not.
            ConfigError: an image without a task, a task without an image, an imported run, or a
                seed that is no whole number of at least 0.
        """
        from nasdip_bench.fidelity import FOREIGN_PROTOCOL
        from nasdip_bench.network.weights import draw_run_weights, draw_weights
        from nasdip_bench.proxies.scoring import blank_network

        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise ConfigError(f"seed {seed!r} must be a whole number of at least 0")
        if (image is None) != (task is None):
            raise ConfigError(
                f"image {image!r} and task {task!r}: give both for the weights of a run, or neither"
            )
        if image is not None and self._manifest.protocol_version == FOREIGN_PROTOCOL:
            raise ConfigError(
                f"the weights that the imported run on {image!r} started from are not known: leave "
                f"out image and task"
            )
        name = self._index.fidelity_of(task or self.tasks[0], fidelity)
        chosen = self[arch] if isinstance(arch, int | np.integer) else Architecture.parse(arch)
        image_channels = 1
        if image is not None:
            if image not in self._image_rows:
                raise unknown_name("image", image, self.images)
            image_channels = self.to_arrow("images")["channels"][self._image_rows[image]].as_py()
        channels = self._manifest.fidelities[name]["channels"]
        network = blank_network(chosen, image_channels, channels, "cpu")
        if image is None or task is None:
            draw_weights(network, "build", str(chosen), channels, image_channels, seed)
        else:
            draw_run_weights(network, str(chosen), image, task, name, seed)
        return network

    # Statistics over the release

    def kendall(
        self,
        task: str,
        target: str = TARGET,
        fidelity: str | None = None,
        seed: int | None = None,
        *,
        images: str | Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Kendall's tau-b between a target and the scores; see `api.analysis.kendall`."""
        from .statistics.kendall import kendall

        return kendall(self, task, target, fidelity, seed, images=images)

    def kendall_intervals(
        self,
        task: str,
        target: str = TARGET,
        fidelity: str | None = None,
        seed: int | None = None,
        *,
        images: str | Sequence[str] | None = None,
        within: str | None = None,
        level: float = 0.95,
        resamples: int = 1000,
        rng: int = 0,
    ) -> pd.DataFrame:
        """`kendall` with pairs, ties and intervals; see `api.agreement.kendall_intervals`."""
        from .statistics.intervals import Resampling, kendall_intervals

        how = Resampling(level, resamples, rng)
        return kendall_intervals(
            self, task, target, fidelity, seed, how, images=images, within=within
        )

    def correlate(
        self,
        values: ArrayLike | Mapping[ArchitectureLike, float],
        task: str,
        target: str = TARGET,
        fidelity: str | None = None,
        seed: int | None = None,
        *,
        images: str | Sequence[str] | None = None,
        method: str = "kendall",
        within: str | None = None,
        level: float = 0.95,
        resamples: int = 1000,
        rng: int = 0,
    ) -> pd.DataFrame:
        """Rank correlation of values of one's own; see `api.agreement.correlate`."""
        from .statistics.intervals import Resampling, correlate

        how = Resampling(level, resamples, rng)
        return correlate(
            self, values, task, target, fidelity, seed, how,
            images=images, method=method, within=within,
        )  # fmt: skip

    def seed_agreement(
        self,
        task: str,
        target: str = TARGET,
        fidelity: str | None = None,
        *,
        images: str | Sequence[str] | None = None,
        within: str | None = None,
        level: float = 0.95,
        resamples: int = 1000,
        rng: int = 0,
    ) -> pd.DataFrame:
        """The noise ceiling, tau-b between seeds; see `api.agreement.seed_agreement`."""
        from .statistics.intervals import Resampling, seed_agreement

        how = Resampling(level, resamples, rng)
        return seed_agreement(self, task, target, fidelity, how, images=images, within=within)

    def fidelity_agreement(
        self,
        task: str,
        target: str = TARGET,
        fidelities: tuple[str, str] | None = None,
        *,
        images: str | Sequence[str] | None = None,
        within: str | None = None,
        level: float = 0.95,
        resamples: int = 1000,
        rng: int = 0,
    ) -> pd.DataFrame:
        """Tau-b between fidelities; see `api.agreement.fidelity_agreement`."""
        from .statistics.intervals import Resampling, fidelity_agreement

        how = Resampling(level, resamples, rng)
        return fidelity_agreement(self, task, target, fidelities, how, images=images, within=within)

    def proxy_table(
        self,
        task: str,
        k: int = 10,
        cohorts: Sequence[int] = (5, 15),
        target: str = TARGET,
        fidelity: str | None = None,
        seed: int | None = None,
        *,
        images: str | Sequence[str] | None = None,
        values: Mapping[str, ArrayLike | Mapping[ArchitectureLike, float]] | None = None,
        lower_is_better: Collection[str] = (),
        level: float = 0.95,
        resamples: int = 1000,
        rng: int = 0,
    ) -> pd.DataFrame:
        """What choosing by each score is worth; see `api.proxy_merit.proxy_table`."""
        from .statistics.choosing import proxy_table
        from .statistics.intervals import Resampling

        how = Resampling(level, resamples, rng)
        return proxy_table(
            self,
            task,
            k,
            cohorts,
            target,
            fidelity,
            seed,
            values,
            lower_is_better,
            how,
            images=images,
        )

    def selection_curve(
        self,
        task: str,
        proxy: str | None = None,
        target: str = TARGET,
        fidelity: str | None = None,
        seed: int | None = None,
        *,
        images: str | Sequence[str] | None = None,
        values: ArrayLike | Mapping[ArchitectureLike, float] | None = None,
        lower_is_better: bool | None = None,
    ) -> pd.DataFrame:
        """The best of the N first by a score; see `api.proxy_merit.selection_curve`."""
        from .statistics.choosing import selection_curve

        return selection_curve(
            self, task, proxy, target, fidelity, seed, values, lower_is_better, images=images
        )

    def overlap(
        self,
        task: str,
        k: int = 10,
        target: str = TARGET,
        fidelity: str | None = None,
        seed: int | None = None,
        *,
        images: str | Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Architectures that pairs of images share in their top k; see `api.overlaps.overlap`."""
        from .statistics.overlaps import overlap

        return overlap(self, task, k, target, fidelity, seed, images=images)

    def overlap_table(
        self,
        task: str,
        k: int = 10,
        target: str = TARGET,
        fidelity: str | None = None,
        seed: int | None = None,
        *,
        images: str | Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Overlap beside chance and seed noise; see `api.overlaps.overlap_table`."""
        from .statistics.overlaps import overlap_table

        return overlap_table(self, task, k, target, fidelity, seed, images=images)

    def coverage(self) -> pd.DataFrame:
        """What there is and what is missing; see `api.analysis.coverage`."""
        from .statistics.kendall import coverage

        return coverage(self)
