"""The runs behind a statistic: some images and seeds of a task at a fidelity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, MissingRunError, check_name

from .arrays.block import Block
from .arrays.names import image_position
from .arrays.scores import Scores
from .arrays.targets import TARGET, TARGETS

if TYPE_CHECKING:
    from .reader import ReleaseReader


class RunSet(NamedTuple):
    """Runs of one task at one fidelity. The axes of its arrays are architecture, image, seed.

    Attributes:
        block: all runs of the task at the fidelity.
        target: the column of runs.parquet to analyse.
        images: positions among the release's images, in the requested order.
        seeds: the seeds that a statistic uses or averages over.
    """

    bench: ReleaseReader
    block: Block
    target: str
    images: tuple[int, ...]
    seeds: tuple[int, ...]

    @classmethod
    def of(
        cls,
        bench: ReleaseReader,
        task: str,
        *,
        target: str | None = None,
        images: str | Sequence[str] | None = None,
        fidelity: str | None = None,
        seed: int | None = None,
        ranked: bool = False,
    ) -> RunSet:
        """Select the runs for a call; arguments as in `NASDIPBench.kendall`.

        Args:
            ranked: whether the target must be one of `RANKED_TARGETS`.

        Raises:
            UnknownNameError: unknown task, target, image, fidelity or seed.
            ConfigError: no image is named.
            MissingRunError: the release has no run of the task at the fidelity, or none with the
                target.
        """
        target = TARGET if target is None else target
        if not ranked:
            check_name("target", target, TARGETS)
        block = bench.runs.block(task, fidelity)
        if ranked:
            block.check_ranked(target)
        elif np.isnan(block.column(target)).all():
            raise MissingRunError(
                f"no run of {task!r} at fidelity {block.fidelity!r} has {target}: name another "
                f"target, such as best_psnr_smooth_db"
            )
        positions = tuple(chosen_images(bench, images))
        return cls(bench, block, target, positions, block.choose_seeds(seed))

    @property
    def task(self) -> str:
        """Its name."""
        return self.block.task

    @property
    def fidelity(self) -> str:
        """Its name."""
        return self.block.fidelity

    @property
    def image_names(self) -> tuple[str, ...]:
        """Names of the images, in order."""
        return tuple(self.bench.images[position] for position in self.images)

    def values(self, target: str | None = None) -> NDArray[np.float64]:
        """(architecture, image, seed) of a column, the set's own by default; NaN if none is ok."""
        name = self.target if target is None else target
        columns = [self.block.matrix(name, seed)[:, list(self.images)] for seed in self.seeds]
        return np.stack(columns, axis=2)

    def matrix(self, seed: int) -> NDArray[np.float64]:
        """(architecture, image) of the target at a seed, for all images of the release."""
        return self.block.matrix(self.target, seed)

    def scores(self, seed: int) -> Scores:
        """The training-free scores for a seed's corruption, for all images of the release."""
        return self.bench.runs.scores(self.task, self.fidelity, seed)[1]

    def facts(self) -> dict[str, Any]:
        """What a statistic was computed from, as plain values for the ``attrs`` of its frame."""
        return self.block.facts(self.target, self.seeds)

    def facts_of(self, targets: Sequence[str]) -> dict[str, Any]:
        """The same of a statistic of several targets, with its images."""
        facts = self.facts() | {"targets": list(targets), "images": list(self.image_names)}
        return {name: value for name, value in facts.items() if name != "target"}

    @property
    def places(self) -> list[int]:
        """Positions of the seeds on the seed axis of all runs."""
        return [self.block.position(one) for one in self.seeds]


def chosen_images(bench: ReleaseReader, images: str | Sequence[str] | None) -> list[int]:
    """Positions of the named images, in the given order, each once; None for all.

    Raises:
        UnknownNameError: an unknown image.
        ConfigError: no image is named.
    """
    if images is None:
        return list(range(len(bench.images)))
    several = isinstance(images, Iterable) and not isinstance(images, str)
    given = images if several else [images]
    positions = [image_position(name, bench.images, bench.tasks) for name in given]
    if not positions:
        raise ConfigError(f"no images are named; available: {', '.join(bench.images)}")
    return [*dict.fromkeys(positions)]


def images_with_runs(bench: ReleaseReader, block: Block, seeds: Sequence[int]) -> str:
    """Part of a sentence: which images have any run of the seeds."""
    there = np.any([block.statuses(seed) >= 0 for seed in seeds], axis=(0, 1))
    names = [name for name, has in zip(bench.images, there, strict=True) if has]
    return (
        f"{len(names)} of {len(bench.images)} images have runs of {block.task} at "
        f"{block.fidelity}: {', '.join(names) or 'none'}; name images to use only those"
    )
