"""A stopping rule at work on a restoration while it is trained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nasdip_bench.fit.objective import Problem
from nasdip_bench.fit.recording import Observer, outputs_held
from nasdip_bench.stopping import Fits, StoppingRule, Watch
from nasdip_bench.tasks import noise_estimate

from .image import Degraded

__all__ = ["Stopper", "check_rule", "held_bytes"]


class Stopper:
    """Watches one fit with a rule, and holds the output that it would deliver.

    What the rule needs is computed on the device; the host waits for it at every iteration. A rule
    that needs nothing, such as ``last``, costs nothing.

    Args:
        rule: the rule.
        image: what is restored: rules may know its estimated noise.
        problem: the same on the device.
        iterations: at most.

    Raises:
        ConfigError: the rule has no meaning for the task.
    """

    def __init__(
        self, rule: StoppingRule, image: Degraded, problem: Problem, iterations: int
    ) -> None:
        self._watch = Watch(rule, known(image, iterations))
        self._problem, self._needs = problem, rule.needs
        self._observer = Observer(problem, rule.needs)
        self._as_output = rule.delivers == "output"
        self._kept: Tensor | None = None
        self._latest: Tensor | None = None

    def look(self, iteration: int, output: Tensor, smoothed: Tensor) -> bool:
        """Whether to end the fit here; see ``on_output`` of `nasdip_bench.fit.loop.fit_stack`."""
        delivered = output if self._as_output else smoothed
        self._latest = delivered
        losses = self._problem.losses(output) if "loss" in self._needs else output.new_zeros(1)
        means = self._observer.look(iteration, losses, output, smoothed)
        seen = {name: _in_db(means.get(name)) for name in self._needs}
        if self._watch.look(iteration + 1, seen)[0]:
            self._kept = delivered.clone()
        return not self._watch.running[0]

    def restored(self) -> tuple[int, Tensor]:
        """The iteration (from 1) that is delivered, and its output."""
        kept = self._latest if self._kept is None else self._kept
        assert kept is not None, "no iteration was looked at"
        return int(self._watch.delivered[0]), kept


def known(image: Degraded, iterations: int) -> Fits:
    """What a rule may know of a restoration before it begins.

    Of the noise that is its estimate: an image that comes corrupted does not say its sigma.
    """
    noisy = image.task.kind == "denoise"
    estimate = noise_estimate(image.seen) if noisy else np.nan
    return Fits(
        kind=image.task.kind,
        budget=iterations,
        stop=iterations,
        sigma=np.array([np.nan]),
        sigma_estimate=np.array([estimate]),
    )


def check_rule(rule: StoppingRule, image: Degraded) -> None:
    """Refuse a rule that cannot be asked about an image.

    Raises:
        ConfigError: it has no meaning for the task, or needs to know what is not known.
    """
    Watch(rule, known(image, iterations=1))


def held_bytes(rule: StoppingRule, shape: tuple[int, int, int]) -> int:
    """Memory of the past outputs that a rule's observables take, of an image (C, H, W)."""
    return 4 * outputs_held(rule.needs) * int(np.prod(shape))


def _in_db(mean: Tensor | None) -> NDArray[np.float64]:
    if mean is None:  # not defined yet
        return np.array([np.nan])
    values: NDArray[np.float64] = mean.double().cpu().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        return -10 * np.log10(values)
