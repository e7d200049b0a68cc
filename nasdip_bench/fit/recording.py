"""Recorders of a fit: curves computed on its device at every iteration, without waiting for it.

A recorder only looks: no draw and no number of the fit changes. Formulas are in
`nasdip_bench.observables`; sums over many outputs or of nearly equal numbers are in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from nasdip_bench.errors import check_name
from nasdip_bench.observables import OBSERVABLES

from .objective import Problem

_WINDOWS = {"wmv_25": 25, "wmv_100": 100}
_EMV_WEIGHT = 0.1
_HIGH = 0.25
"""Cycles per pixel."""


def outputs_held(wanted: Collection[str]) -> int:
    """Number of past outputs that an `Observer` of these names holds."""
    past = [_WINDOWS.get(name, 1) for name in wanted if name == "step" or name in _WINDOWS]
    return max(past, default=0)


class Observer:
    """Computes observables of a fit's outputs, iteration by iteration.

    It holds only what they need: for ``wmv_100`` the last hundred outputs, 4 MB each at
    1024 x 1024.

    Args:
        problem: R problems.
        wanted: names of `nasdip_bench.observables.OBSERVABLES`.

    Raises:
        UnknownNameError: an unknown name.
    """

    def __init__(self, problem: Problem, wanted: Collection[str]) -> None:
        for name in wanted:
            check_name("observable", name, OBSERVABLES)
        self.names = tuple(name for name in OBSERVABLES if name in wanted)
        self._problem = problem
        self._neighbour = _neighbour(problem) if "neighbour" in wanted else _undefined
        self._past = outputs_held(wanted)
        self._outputs: Tensor | None = None
        self._squares: list[Tensor] = []
        self._sums: dict[int, Tensor] = {}
        self._sums_of_squares: dict[int, Tensor] = {}
        self._mean: Tensor | None = None
        self._variance: Tensor | None = None

    def look(
        self, iteration: int, losses: Tensor, images: Tensor, smoothed: Tensor
    ) -> dict[str, Tensor]:
        """The observables of an iteration; undefined ones are left out.

        Args:
            iteration: from 0, each once.
            losses: (R,) of the outputs.
            images: (R, C, H, W), the outputs.
            smoothed: (R, C, H, W), their moving average.

        Returns:
            (R,) by name: means, not yet in dB.
        """
        seen: dict[str, Tensor] = {}
        problem, wide = self._problem, images.double()
        for name in self.names:
            if name == "loss":
                seen[name] = losses / problem.known_share
            elif name == "loss_smooth":
                seen[name] = problem.losses(smoothed) / problem.known_share
            elif name == "neighbour":
                seen[name] = self._neighbour(smoothed)
            elif name == "high_frequency":
                seen[name] = _high_share(images)
            elif name == "emv":
                self._follow(wide, seen)
        if self._past:
            self._compare_with_past(iteration, images, wide, seen)
        return seen

    def _follow(self, wide: Tensor, seen: dict[str, Tensor]) -> None:
        """e ← e + α·d, d = x - e; v ← (1 - α)(v + α⟨d²⟩)."""
        if self._mean is None:
            self._mean, self._variance = wide.clone(), wide.new_zeros(len(wide))
            return
        assert self._variance is not None
        difference = wide - self._mean
        self._mean.add_(difference, alpha=_EMV_WEIGHT)
        square = difference.square().mean((1, 2, 3))
        self._variance = (1 - _EMV_WEIGHT) * (self._variance + _EMV_WEIGHT * square)
        seen["emv"] = self._variance

    def _compare_with_past(
        self, iteration: int, images: Tensor, wide: Tensor, seen: dict[str, Tensor]
    ) -> None:
        if self._outputs is None:
            self._outputs = images.new_zeros(self._past, *images.shape)
        if "step" in self.names and iteration:
            before = self._outputs[(iteration - 1) % self._past]
            seen["step"] = (wide - before).square().mean((1, 2, 3))
        for name, window in _WINDOWS.items():
            if name in self.names:
                variance = self._window(iteration, window, wide)
                if iteration + 1 >= window:
                    seen[name] = variance
        self._outputs[iteration % self._past] = images

    def _window(self, iteration: int, window: int, wide: Tensor) -> Tensor:
        """The variance over a window of outputs, from running sums of x and of ⟨x²⟩."""
        assert self._outputs is not None
        square = wide.square().mean((1, 2, 3))
        if window not in self._sums:
            self._sums[window], self._sums_of_squares[window] = wide.clone(), square
            return square
        total, squares = self._sums[window], self._sums_of_squares[window]
        total.add_(wide)
        squares = squares + square
        if iteration >= window:
            leaving = self._outputs[(iteration - window) % self._past].double()
            total.sub_(leaving)
            squares = squares - leaving.square().mean((1, 2, 3))
        self._sums_of_squares[window] = squares
        return squares / window - (total / window).square().mean((1, 2, 3))


def _undefined(smoothed: Tensor) -> Tensor:
    return smoothed.new_full((len(smoothed),), math.nan)


def _neighbour(problem: Problem) -> Callable[[Tensor], Tensor]:
    """⟨(s_p - y_q)²⟩ over all p and their known neighbours q (of four), by expanding the square.

    Σ n_p s_p² - 2 Σ s_p b_p + c, where n_p counts the known neighbours of p, b_p is the sum of
    their y, and c the sum of y² over all pairs.
    """
    if problem.reduces:  # the corrupted image has another size
        return _undefined
    corrupted = problem.corrupted.double()
    runs, channels, height, width = corrupted.shape
    known = torch.ones_like(corrupted[:, :1])
    if problem.mask is not None:
        known = problem.mask.double().expand(runs, 1, height, width)
    count = _sum_of_neighbours(known)
    total = _sum_of_neighbours(known * corrupted)
    constant = _sum_of_neighbours(known * corrupted.square()).sum((1, 2, 3))
    pairs = count.sum((1, 2, 3)) * channels

    def measure(smoothed: Tensor) -> Tensor:
        wide = smoothed.double()
        return ((wide * (wide * count - 2 * total)).sum((1, 2, 3)) + constant) / pairs

    return measure


def _sum_of_neighbours(x: Tensor) -> Tensor:
    """At each pixel, the sum over those of its four neighbours that lie in the image."""
    total = torch.zeros_like(x)
    total[..., 1:, :] += x[..., :-1, :]
    total[..., :-1, :] += x[..., 1:, :]
    total[..., :, 1:] += x[..., :, :-1]
    total[..., :, :-1] += x[..., :, 1:]
    return total


def _high_share(images: Tensor) -> Tensor:
    """The share of power, mean excluded, at frequencies above a quarter of a cycle per pixel."""
    power = torch.view_as_real(torch.fft.rfft2(images)).square().sum((1, -1)).flatten(1)
    high, all_but_mean = (power @ _bands(*images.shape[2:], power.dtype, power.device)).unbind(1)
    return torch.div(high, all_but_mean)


@lru_cache(maxsize=16)
def _bands(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(H·(W // 2 + 1), 2): how often each value of a real transform counts in the two sums."""
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
    # The transform leaves out the columns that mirror others.
    counts = torch.full((height, width // 2 + 1), 2.0)
    counts[:, 0] = 1
    if width % 2 == 0:
        counts[:, -1] = 1
    counts[0, 0] = 0
    high = counts * (torch.hypot(rows, columns) > _HIGH)
    return torch.stack([high.flatten(), counts.flatten()], 1).to(device, dtype)


class Ssim:
    """Structural similarity to fixed references, same as scikit-image's.

    ``structural_similarity(gaussian_weights=True, use_sample_covariance=False, data_range=1)``:
    Gaussian windows with deviation 1.5, cut at 5 pixels, without the border of 5 pixels; the mean
    over channels. Source: Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13(4), 2004.

    Args:
        references: (R, C, H, W), each side at least 11.
    """

    def __init__(self, references: Tensor) -> None:
        self._references = references
        height, width = references.shape[2:]
        self._rows = _windows(height, references.dtype, references.device)
        self._columns = _windows(width, references.dtype, references.device).T
        both = self._smooth(torch.cat([references, references.square()]))
        self._mean, square = both.chunk(2)
        self._variance = square - self._mean.square()

    def __call__(self, images: Tensor) -> Tensor:
        """(R,) the similarity of (R, C, H, W) images to the references."""
        moments = self._smooth(torch.cat([images, images.square(), images * self._references]))
        mean, square, product = moments.chunk(3)
        variance = square - mean.square()
        covariance = product - mean * self._mean
        c1, c2 = 0.01**2, 0.03**2
        similarity = ((2 * mean * self._mean + c1) * (2 * covariance + c2)) / (
            (mean.square() + self._mean.square() + c1) * (variance + self._variance + c2)
        )
        return similarity.mean((1, 2, 3))

    def _smooth(self, images: Tensor) -> Tensor:
        """Gaussian means at the pixels whose window lies in the image."""
        return self._rows @ images @ self._columns


@lru_cache(maxsize=16)
def _windows(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(size - 10, size): the Gaussian window along an axis at each place where it fits."""
    radius, deviation = 5, 1.5
    offsets = np.arange(-radius, radius + 1)
    window = np.exp(-0.5 * (offsets / deviation) ** 2)
    window /= window.sum()
    matrix = np.zeros((size - 2 * radius, size))
    for row in range(len(matrix)):
        matrix[row, row : row + 2 * radius + 1] = window
    return torch.from_numpy(matrix).to(device, dtype)
