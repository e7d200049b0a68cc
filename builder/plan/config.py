"""The configuration of a build: one validated, frozen object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nasdip_bench.errors import ConfigError, check_whole
from nasdip_bench.fidelity import Fidelity, check_precision
from nasdip_bench.images import Image
from nasdip_bench.proxies import info
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import get_task

DEFAULT_SCORING_INITS = 8
MAX_SEED = 2**31 - 1


def check_once(what: str, values: Sequence[object], *, needed: bool = True) -> None:
    """Raise `ConfigError` if nothing is requested, or something twice."""
    if needed and not values:
        raise ConfigError(f"no {what} is asked for; give at least one")
    repeated = [value for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise ConfigError(f"{what} {repeated[0]} is asked for twice; give each once")


def check_seeds(seeds: Sequence[int]) -> None:
    """Raise `ConfigError` if there are no seeds, or one is repeated or out of range."""
    check_once("seed", seeds)
    for seed in seeds:
        check_whole("seed", seed, 0, MAX_SEED)


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """The configuration of a build.

    Attributes:
        images: the images, loaded and checked.
        tasks: names of tasks.
        architectures: distinct, in the order of the list.
        fidelity: the training set-up.
        seeds: replicate numbers, distinct and not negative.
        precision: one of `nasdip_bench.fidelity.PRECISIONS`.
        device: "cpu", "cuda" or "cuda:N".
        scoring_inits: initialisations a training-free score is averaged over; 0 leaves scores out.
        scores: names of the scores to compute; empty: all registered scores.
        train: whether runs are trained (else only scores are computed).

    Raises:
        ConfigError: a value is not allowed, or the fidelity lacks one of the tasks.
        UnknownNameError: a task, precision or score is unknown.
    """

    images: tuple[Image, ...]
    tasks: tuple[str, ...]
    architectures: tuple[Architecture, ...]
    fidelity: Fidelity
    seeds: tuple[int, ...] = (0,)
    precision: str = "fp32"
    device: str = "cpu"
    scoring_inits: int = DEFAULT_SCORING_INITS
    scores: tuple[str, ...] = ()
    train: bool = True

    def __post_init__(self) -> None:
        check_once("image", [image.name for image in self.images])
        check_once("task", self.tasks)
        check_once("architecture", self.architectures)
        check_seeds(self.seeds)
        check_once("score", self.scores, needed=False)
        sets = sorted({image.image_set for image in self.images})
        if len(sets) > 1:
            raise ConfigError(f"images of the sets {' and '.join(sets)} do not go in one build")
        for name in self.tasks:
            self.fidelity.iterations_for(get_task(name).kind)
        if self.image_set == "user":  # the other sets have known sizes
            for image in self.images:
                image.at_resolution(self.fidelity.resolution)
        check_precision(self.precision, self.device)
        check_whole("scoring initialisations", self.scoring_inits, 0)
        for name in self.scores:
            info(name)
        if self.scores and not self.scoring_inits:
            raise ConfigError(
                f"scores {', '.join(self.scores)} are asked for, over 0 initialisations; give at "
                f"least 1, or name no scores"
            )
        if not (self.train or self.scoring_inits):
            raise ConfigError("neither runs nor scores are asked for; there is nothing to build")

    @property
    def image_set(self) -> str:
        """The set that all images belong to."""
        return self.images[0].image_set
