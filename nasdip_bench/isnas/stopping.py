"""When a restoration ends, without a look at the ground truth.

The paper trains for a fixed number of iterations. `WindowedVariance` watches the outputs: while a
Deep Image Prior draws the image they settle, and when it begins to draw the noise they move again.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import torch
from torch import Tensor

from nasdip_bench.errors import ConfigError

__all__ = ["FixedIterations", "StoppingRule", "WindowedVariance"]

_LOOK_EVERY = 50
"""Iterations between looks from the host, each of which waits for the device."""


class StoppingRule(Protocol):
    """A rule for one fit; a new one is made for each."""

    def look(self, iteration: int, output: Tensor, smoothed: Tensor) -> bool:
        """Whether to end the fit here; see ``on_output`` of `nasdip_bench.dip.fit_stack`."""

    def restored(self) -> tuple[int, Tensor]:
        """The iteration (from 1) whose smoothed output is the restoration, and that output."""


class FixedIterations:
    """The end of the fit: the paper's rule."""

    def look(self, iteration: int, output: Tensor, smoothed: Tensor) -> bool:
        """Never ends a fit."""
        self._last = iteration + 1, smoothed
        return False

    def restored(self) -> tuple[int, Tensor]:
        """The last."""
        return self._last


class WindowedVariance:
    """The least variance of the latest outputs: ES-WMV.

    Source: Wang, Li, Zhuang, Chen, Liang, Sun, "Early Stopping for Deep Image Prior", TMLR 2023,
    algorithm 1: VAR(t) = 1/W sum over the last W outputs of |x - mean|²; the fit ends when VAR has
    not become less for P iterations, and the output at the least VAR is kept. There the output
    itself is kept; here the smoothed one of that iteration, as everywhere in this package.

    Args:
        window: W.
        patience: P.
    """

    def __init__(self, window: int = 100, patience: int = 1000) -> None:
        for name, value in (("window", window), ("patience", patience)):
            if value < 1:
                raise ConfigError(f"{name} {value} of the windowed variance must be at least 1")
        self.window, self.patience = window, patience
        self._latest: deque[Tensor] = deque()
        self._sum = self._squares = torch.zeros(())
        self._least = torch.tensor(torch.inf)
        self._at = torch.tensor(-1)
        self._kept = torch.zeros(())

    def look(self, iteration: int, output: Tensor, smoothed: Tensor) -> bool:
        """Whether the variance has not become less for `patience` iterations."""
        image = output.double()
        if not self._latest:
            self._least, self._at = self._least.to(image), self._at.to(image.device)
            self._sum, self._squares = torch.zeros_like(image), image.new_zeros(())
            self._kept = smoothed.clone()
        # Sums that are carried along, in float64: a window need not be gone through each time.
        self._latest.append(image)
        self._sum = self._sum + image
        self._squares = self._squares + (image**2).sum()
        if len(self._latest) > self.window:
            oldest = self._latest.popleft()
            self._sum = self._sum - oldest
            self._squares = self._squares - (oldest**2).sum()
        if len(self._latest) < self.window:
            self._kept = smoothed.clone()
            self._at.fill_(iteration)
            return False
        variance = self._squares / self.window - ((self._sum / self.window) ** 2).sum()
        waiting = iteration - self._at <= self.patience
        better = (variance < self._least) & (waiting | self._least.isinf())
        self._least = torch.where(better, variance, self._least)
        self._at = torch.where(better, iteration, self._at)
        self._kept = torch.where(better, smoothed, self._kept)
        return (iteration + 1) % _LOOK_EVERY == 0 and iteration - int(self._at) > self.patience

    def restored(self) -> tuple[int, Tensor]:
        """That of the least variance; where no window was filled, the last."""
        return int(self._at) + 1, self._kept
