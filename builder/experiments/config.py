"""The configuration of an experiment: one validated, frozen object. Must not import torch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from nasdip_bench.errors import ConfigError
from nasdip_bench.experiments.methods import Method, restorable
from nasdip_bench.experiments.sets import ground_truth
from nasdip_bench.experiments.setting import Setting
from nasdip_bench.fidelity import check_precision
from nasdip_bench.images import Image
from nasdip_bench.tasks import get_task

from ..plan.config import check_once, check_seeds
from ..plan.shares import Share, divided

if TYPE_CHECKING:
    from nasdip_bench.isnas.config import SearchConfig

_BASELINES = ("dip", "nas-dip")


class Restoration(NamedTuple):
    """An image to restore by a method; the seed is None if nothing is drawn."""

    image: str
    task: str
    method: Method
    seed: int | None

    def __str__(self) -> str:
        return "/".join(str(part) for part in self if part is not None)


class ResultKey(NamedTuple):
    """A requested result; one restoration counts in each set that has the image."""

    set: str
    image: str
    task: str
    method: Method
    seed: int | None

    @property
    def restoration(self) -> Restoration:
        """The key without the set."""
        return Restoration(*self[1:])


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """The configuration of an experiment.

    Attributes:
        images: by set, loaded and checked.
        tasks: names of tasks, by set.
        methods: distinct.
        setting: the set-up.
        seeds: replicate numbers of searches.
        baseline_seeds: replicate numbers of DIP and NAS-DIP.
        device: "cpu", "cuda" or "cuda:N".

    Raises:
        ConfigError, UnknownNameError, ImageError: a value is not allowed.
    """

    images: Mapping[str, tuple[Image, ...]]
    tasks: Mapping[str, tuple[str, ...]]
    methods: tuple[Method, ...]
    setting: Setting
    seeds: tuple[int, ...] = (0,)
    baseline_seeds: tuple[int, ...] = (0,)
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_once("method", self.methods)
        check_seeds(self.seeds)
        check_seeds(self.baseline_seeds)
        check_precision(self.setting.precision, self.device)
        found: dict[str, Image] = {}
        for image in (image for images in self.images.values() for image in images):
            if found.setdefault(image.name, image).sha256 != image.sha256:
                raise ConfigError(
                    f"two different pictures are called {image.name!r}: rename one of them, or run "
                    f"the sets separately"
                )
        if not (self.shapes and self.wanted):
            raise ConfigError(
                "there is nothing to do: no image of the sets has a task that a method is defined "
                "for; give other --sets, --tasks or --methods"
            )

    @cached_property
    def wanted(self) -> list[ResultKey]:
        """The requested results, image by image."""
        return [
            ResultKey(name, image.name, task, method, seed)
            for name, images in self.images.items()
            for image in images
            for task in self.tasks[name]
            for method in self.methods
            if restorable(method, task)
            for seed in self._seeds(method)
        ]

    @staticmethod
    def restorations(results: Iterable[ResultKey]) -> list[Restoration]:
        """The restorations needed for results; one that counts in two sets appears once."""
        return [*dict.fromkeys(result.restoration for result in results)]

    def _seeds(self, method: Method) -> tuple[int | None, ...]:
        if not method.is_drawn:
            return (None,)
        return self.baseline_seeds if method.name in _BASELINES else self.seeds

    @cached_property
    def pictures(self) -> dict[str, Image]:
        """All images by name; one that is in two sets appears once."""
        return {image.name: image for images in self.images.values() for image in images}

    @cached_property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """(C, H, W) of the restoration, by image."""
        crop = self.setting.crop
        return {name: ground_truth(image, crop).shape for name, image in self.pictures.items()}

    @cached_property
    def scores(self) -> tuple[str, ...]:
        """The scores used to rank candidates."""
        return tuple(dict.fromkeys(method.score for method in self.methods if method.ranks))

    def search_config(self, key: Restoration) -> SearchConfig:
        """The search of a restoration; of a baseline, iterations and channels count. Imports torch.

        Raises:
            ConfigError, UnknownNameError: the setting does not fit the task or the score.
        """
        method = key.method
        more: dict[str, Any] = {"seed": key.seed or 0}
        if method.score:
            more["score"] = method.score
        if method.name == "random":
            more["weighting"] = "equal"
        elif method.name in ("best-score", "oracle"):
            more["selector"] = method.name
        return self.setting.search_config(get_task(key.task), method.selection or "full", **more)

    def check_searches(self) -> None:
        """Raise if the setting does not fit a task or score; imports torch."""
        for key in self.restorations(self.wanted):
            self.search_config(key)


def results_of_share(config: ExperimentConfig, share: Share | None) -> list[ResultKey]:
    """The results of a share: whole (image, task) pairs, whose methods share fits.

    The pairs with the most pixels times iterations are dealt first. Each job computes its share
    from the whole experiment alone, so that together they do all of it and no fit twice.
    """
    if share is None:
        return config.wanted
    costs: Counter[tuple[str, str]] = Counter()
    for key in config.restorations(config.wanted):
        pixels = math.prod(config.shapes[key.image][1:])
        costs[key.image, key.task] += pixels * config.search_config(key).iterations
    mine = {*divided(dict(sorted(costs.items())), share.count)[share.index - 1]}
    return [key for key in config.wanted if (key.image, key.task) in mine]
