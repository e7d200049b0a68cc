"""Repeat searches on every image and seed, and resample them.

Results are deterministic: every search has its own generator, keyed by the seed, the name of the
method, the task, the image, the seed of the runs and the repeat. Must not import torch or pandas.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError
from nasdip_bench.ranks.bootstrap import expanded_level, percentile_interval

from ..simulation.recorded_runs import RecordedRuns
from ..simulation.simulator import Simulator
from ..statistics.tau_frame import Resampling
from .methods import Method, run_search

Runs = Sequence[Mapping[str, RecordedRuns]]
"""For each searched seed, the runs by image."""

_DEFAULT_TRAININGS = 50
_ROUNDING = 1e-9  # dB; equal means differ by less


def search_budget(runs: Sequence[RecordedRuns], budget_seconds: float | None) -> float:
    """Simulated seconds of one search on these images, as requested or by default.

    Raises:
        ConfigError: not a number above 0, or too short for any training to the stop.
    """
    if budget_seconds is None:
        means = [float(r.prices.per_iteration.mean()) * r.stop + r.prices.overhead for r in runs]
        fewest = min(len(r.space) for r in runs)
        return float(np.mean(means)) * min(_DEFAULT_TRAININGS, max(1, fewest // 2))
    budget = Simulator(runs[0], budget_seconds).budget_seconds
    least = min(float(r.prices.per_iteration.min()) * r.stop + r.prices.overhead for r in runs)
    if budget < least:
        raise ConfigError(
            f"budget_seconds {budget_seconds:g} is too short to train any architecture to the "
            f"stop, which takes {least:.3g} s at least"
        )
    return budget


def repeats_of(method: Method, repeats: int) -> int:
    """How often a method searches on an image and seed: once if it is deterministic."""
    return 1 if method.deterministic else repeats


def each_search(
    runs: Runs,
    name: str,
    method: Method,
    budget: float,
    repeats: int,
    rng: int,
) -> Iterator[tuple[tuple[int, int, int], Simulator]]:
    """Run all searches of a method, whose name keys its draws.

    Yields:
        (image, seed, repeat) by position, and the simulator after the search.
    """
    for s, by_image in enumerate(runs):
        for i, (image, on) in enumerate(by_image.items()):
            for repeat in range(repeats_of(method, repeats)):
                sim = Simulator(on, budget, method.track)
                key = ("search", name, on.task, image, on.seed, repeat)
                run_search(sim, method, keyed_generator(rng, *key))
                yield (i, s, repeat), sim


def keyed_generator(seed: int, *key: str | int) -> np.random.Generator:
    """An independent random stream for every seed and key."""
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    return np.random.default_rng([seed, *words])


class Resamples:
    """One set of resampled images, and resampled searches on each of them."""

    def __init__(self, images: int, resampling: Resampling) -> None:
        self._resampling = resampling
        self._rng = np.random.default_rng(resampling.rng)
        self._drawn = self._rng.integers(images, size=(resampling.resamples, images))

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(draw, image, ...) means over seeds and resampled repeats of (image, seed, repeat, ...)
        values; each call draws anew.
        """
        seeds, repeats = values.shape[1:3]
        weights = self._rng.multinomial(
            repeats, np.full(repeats, 1 / repeats), size=self._resampling.resamples
        )
        return np.asarray(np.einsum("dr,isr...->di...", weights / repeats, values) / seeds)

    def interval(self, means: NDArray[np.float64], places: list[int]) -> tuple[float, float]:
        """The interval of (draw, image) means, from `means`, for one image or for all resampled.

        NaN if nothing varies.
        """
        level = self._resampling.level
        if len(places) == 1:
            draws = means[:, places[0]]
        else:
            draws = np.take_along_axis(means, self._drawn, axis=1).mean(axis=1)
            level = expanded_level(level, len(places))
        if not len(draws) or not np.ptp(draws) >= _ROUNDING:  # or NaN
            return float("nan"), float("nan")
        return percentile_interval(draws, level)
