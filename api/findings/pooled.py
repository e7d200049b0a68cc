"""Rank correlations pooled over images, over whatever images and architectures there are.

A partial release has runs of some architectures on some images. Tau is computed on each image that
has enough, and averaged; all images and seeds are resampled together, as in
`nasdip_bench.api.statistics.intervals`, so that the interval allows for their sharing
architectures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.ranks.bootstrap import bootstrap_tau, draw_resamples, percentile_interval
from nasdip_bench.ranks.correlation import kendall_tau_b

__all__ = ["FEWEST", "Pooled", "image_effect", "pooled_tau", "stand_in_loss"]

FEWEST = 5
"""Architectures that an image must have to count; of fewer, tau takes a handful of values."""

LEVEL = 0.95
RESAMPLES = 1000

Matrix = NDArray[np.float64]  # (architecture, image)


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """A mean of taus.

    Attributes:
        value: the mean, or a difference of means; NaN where no image has enough.
        low: lower end of the 95 % interval over resampled architectures.
        high: upper end.
        error: standard deviation over the resamples.
        images: names of the images it is over.
        n: fewest and most architectures of an image.
    """

    value: float
    low: float
    high: float
    error: float
    images: tuple[str, ...]
    n: tuple[int, int]

    @property
    def decided(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0

    def decided_among(self, tests: int) -> bool:
        """The same of one of several tests, of which by chance one in twenty errs at all.

        Bonferroni's correction of a normal test, since the tails of the resamples are too thin.
        """
        return abs(self.value) > NormalDist().inv_cdf(1 - (1 - LEVEL) / (2 * tests)) * self.error


NOTHING = Pooled(value=math.nan, low=math.nan, high=math.nan, error=math.nan, images=(), n=(0, 0))


def pooled_tau(
    names: Sequence[str],
    pairs: Sequence[tuple[Matrix, Matrix]],
    strata: NDArray[np.intp] | None = None,
) -> Pooled:
    """The mean of tau-b over images and pairs of matrices.

    Args:
        names: of the images, the columns.
        pairs: matrices to correlate, such as PSNR of one seed and a score; NaN where there is none.
        strata: (architecture,) codes; only architectures of the same are compared. None: all.
    """
    columns: dict[str, list[tuple[NDArray[np.float64], NDArray[np.float64]]]] = {}
    counts = []
    for position, name in enumerate(names):
        mine = [(a[:, position], b[:, position]) for a, b in pairs]
        found = [kendall_tau_b(x, y) for x, y in mine]
        if found and all(one.n >= FEWEST and math.isfinite(one.tau) for one in found):
            columns[name] = mine
            counts += [one.n for one in found]
    if not columns:
        return NOTHING
    rows = np.zeros(len(pairs[0][0]), np.bool_)
    for x, y in itertools.chain.from_iterable(columns.values()):
        rows |= np.isfinite(x) & np.isfinite(y)
    draws = _whole_and_resamples(int(rows.sum()))
    kinds = None if strata is None else strata[rows]
    samples = np.mean(
        [
            np.mean([bootstrap_tau(x[rows], y[rows], draws, kinds) for x, y in mine], axis=0)
            for mine in columns.values()
        ],
        axis=0,
    )
    return _pooled(samples, tuple(columns), (min(counts), max(counts)))


def stand_in_loss(
    names: Sequence[str], seeds: Sequence[Matrix], others: Sequence[Matrix]
) -> tuple[Pooled, Pooled, Pooled] | None:
    """Does another fidelity rank less alike than another seed does?

    Over the same architectures and images, resampled together, since neither tau is known without
    error.

    Args:
        names: of the images, the columns.
        seeds: target by seed of the fidelity whose seeds are the ceiling.
        others: target by seed of the other fidelity.

    Returns:
        tau between the two seeds, the mean of their taus with the other fidelity, and the first
        less the second, of the three runs that have most in common; None where there are no two
        seeds, or no three runs have an image with enough.
    """
    found = []
    for one, other in itertools.combinations(seeds, 2):
        for stand_in in others:
            there = np.isfinite(one) & np.isfinite(other) & np.isfinite(stand_in)
            images = np.flatnonzero(there.sum(axis=0) >= FEWEST)
            rows = there[:, images].all(axis=1)
            if len(images) and rows.sum() >= FEWEST:
                at = np.ix_(rows, images)
                found.append((images, one[at], other[at], stand_in[at]))
    if not found:
        return None
    images, one, other, stand_in = max(found, key=lambda runs: runs[1].size)
    draws = _whole_and_resamples(len(one))

    def tau(a: Matrix, b: Matrix) -> NDArray[np.float64]:
        of_images = [bootstrap_tau(x, y, draws) for x, y in zip(a.T, b.T, strict=True)]
        return np.asarray(np.mean(of_images, axis=0))

    own, with_it = tau(one, other), (tau(one, stand_in) + tau(other, stand_in)) / 2
    return _compared(own, with_it, names, images, len(one))


def image_effect(
    names: Sequence[str], seeds: Sequence[Matrix]
) -> tuple[Pooled, Pooled, Pooled] | None:
    """Does the ranking of architectures depend on the image, beyond the noise of a run?

    Tau between two runs of the same image, and between runs of two images, both between different
    seeds and over the same architectures, so that both have the same noise.

    Args:
        names: of the images, the columns.
        seeds: target by seed.

    Returns:
        tau of the same image, tau of two images, and the first less the second; None without two
        seeds that share two images and enough architectures.
    """
    found = []
    for one, other in itertools.combinations(seeds, 2):
        both = np.isfinite(one) & np.isfinite(other)
        images = np.flatnonzero(both.sum(axis=0) >= FEWEST)
        rows = both[:, images].all(axis=1)
        if len(images) >= 2 and rows.sum() >= FEWEST:
            found.append((one[np.ix_(rows, images)], other[np.ix_(rows, images)], images))
    if not found:
        return None
    one, other, images = max(found, key=lambda pair: pair[0].size)  # the fullest pair of seeds
    draws = _whole_and_resamples(len(one))
    taus = np.stack(
        [np.stack([bootstrap_tau(x, y, draws) for y in other.T]) for x in one.T]
    )  # (image, image, whole and resamples)
    same = np.eye(len(images), dtype=bool)
    return _compared(taus[same].mean(axis=0), taus[~same].mean(axis=0), names, images, len(one))


def _compared(
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    names: Sequence[str],
    images: NDArray[np.int64],
    n: int,
) -> tuple[Pooled, Pooled, Pooled]:
    """Two taus and their difference."""
    shown = tuple(names[position] for position in images.tolist())
    first, second, difference = (
        _pooled(samples, shown, (n, n)) for samples in (one, other, one - other)
    )
    return first, second, difference


def _whole_and_resamples(n: int) -> NDArray[np.float32]:
    """(1 + resamples, n): how often each is drawn, first each once."""
    return np.concatenate([np.ones((1, n), np.float32), draw_resamples(n, RESAMPLES)])


def _pooled(measured: NDArray[np.float64], images: tuple[str, ...], n: tuple[int, int]) -> Pooled:
    """Of the value of the whole, first, and those of the resamples."""
    value, samples = float(measured[0]), measured[1:]
    low, high = percentile_interval(samples, LEVEL)
    defined = samples[np.isfinite(samples)]
    error = float(defined.std(ddof=1)) if len(defined) > 1 else math.nan
    return Pooled(value=value, low=low, high=high, error=error, images=images, n=n)
