"""Stopping rules, and how they watch fits.

A rule sees the observables of an iteration (`nasdip_bench.observables`), never PSNR or SSIM. For
each of R fits at once, it says whether to deliver this output unless a better one comes, and
whether to stop. Training therefore holds only one output per fit, the last that the rule kept.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, check_name
from nasdip_bench.observables import OBSERVABLES

Answer = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""(R,) whether to deliver this output unless a better one comes; (R,) whether to stop."""

Look = Callable[[int, Mapping[str, NDArray[np.float64]]], Answer]
"""Called with an iteration (from 1, ascending) and its (R,) values by name. Answers for fits that
are already stopped are ignored."""


DELIVERED = ("smoothed", "output")
"""What a rule may deliver of an iteration."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fits:
    """What a rule may know about R fits before they begin.

    Attributes:
        kind: kind of task: "denoise", "inpaint" or "super_resolve".
        budget: maximum number of iterations.
        stop: the iteration at which the set-up stops every fit, 1..budget.
        sigma: (R,) float64, standard deviation of the noise, images in [0, 1]; NaN if there is no
            noise or it is unknown.
        sigma_estimate: (R,) float64, the same estimated from the corrupted image
            (`nasdip_bench.tasks.noise_estimate`); NaN if there is no noise.
    """

    kind: str
    budget: int
    stop: int
    sigma: NDArray[np.float64]
    sigma_estimate: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sigma)


class StoppingRule(ABC):
    """A stopping rule; subclasses are frozen dataclasses whose fields are the parameters.

    Attributes:
        name: name of the rule: letters, digits and hyphens.
        needs: names of `nasdip_bench.observables.OBSERVABLES` that it looks at.
        delivers: what is delivered of the kept iteration, "smoothed" or "output"; a field where it
            is a choice.

    Example:
        A rule that stops once a tenth of the output's power is at high frequencies:

        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Sharp(StoppingRule):
        ...     share: float = 0.1
        ...     name = "sharp"
        ...     needs = ("high_frequency",)
        ...
        ...     def begin(self, fits):
        ...         def look(iteration, seen):
        ...             sharp = seen["high_frequency"] <= -10 * np.log10(self.share)
        ...             return sharp, sharp
        ...         return look
        >>> str(Sharp(0.2))
        'sharp(share=0.2)'
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    delivers: str = "smoothed"

    @abstractmethod
    def begin(self, fits: Fits) -> Look:
        """Start watching fits.

        Observables are in dB, -10·log10 of a mean, so a higher value is a smaller mean. Undefined
        ones are NaN, such as a variance before its window is full.

        Args:
            fits: what is known about them.
        """

    def no_meaning(self, kind: str) -> str | None:
        """Why the rule does not apply to a kind of task, or None if it does."""
        del kind
        return None

    def earliest(self, budget: int) -> int:
        """The first iteration of which the rule can keep the output.

        Args:
            budget: maximum number of iterations.
        """
        del budget
        return 1

    @property
    def parameters(self) -> str:
        """Names and values, such as ``tau=0.75,sigma=estimate``; "smoothed" goes without saying."""
        values = {name: getattr(self, name) for name in parameter_names(type(self))}
        if self.delivers == "smoothed":
            values.pop("delivers", None)
        return ",".join(f"{name}={value}" for name, value in values.items() if value is not None)

    def __str__(self) -> str:
        return f"{self.name}({self.parameters})" if self.parameters else self.name


def parameter_names(rule: type[Any]) -> list[str]:
    """Names of the parameters of a class of rules.

    Raises:
        ConfigError: the class is not a dataclass.
    """
    if not dataclasses.is_dataclass(rule):
        raise ConfigError(
            f"the class {rule.__name__} of stopping rule {rule.name} is not a dataclass: write "
            f"@dataclass(frozen=True) above it"
        )
    return [field.name for field in dataclasses.fields(rule)]


class Watch:
    """R fits under a rule: which still run, how long they have run, and what they deliver.

    Args:
        rule: the rule.
        fits: what is known about them.

    Attributes:
        running: (R,) bool, whether each still runs.
        paid: (R,) int, iterations that each has run.
        delivered: (R,) int, the iteration that each would deliver now: the last one kept, or the
            latest if none was kept.

    Raises:
        ConfigError: the rule does not apply to the task.
        UnknownNameError: the rule needs an unknown observable.
    """

    def __init__(self, rule: StoppingRule, fits: Fits) -> None:
        for name in rule.needs:
            check_name("observable", name, OBSERVABLES)
        if reason := rule.no_meaning(fits.kind):
            raise ConfigError(f"stopping rule {rule}: {reason}")
        self._rule, self._look = rule, rule.begin(fits)
        self.running = np.ones(len(fits), bool)
        self.paid = np.zeros(len(fits), np.int64)
        self.delivered = np.zeros(len(fits), np.int64)
        self._kept = np.zeros(len(fits), bool)

    def look(self, iteration: int, seen: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Show one iteration to the rule.

        Args:
            iteration: from 1, ascending.
            seen: (R,) float64 in dB by name, of the observables that the rule needs.

        Returns:
            (R,) whether the rule keeps the output of this iteration.

        Raises:
            ConfigError: the rule's answer is not two arrays of R booleans.
        """
        answer = self._look(iteration, seen)
        if not isinstance(answer, tuple) or len(answer) != 2 or not all(map(self._says, answer)):
            raise ConfigError(
                f"stopping rule {self._rule} answered {answer!r}: return two arrays of "
                f"{len(self.running)} booleans, which fits keep this output and which of them stop"
            )
        keep, stop = answer
        self.paid[self.running] = iteration
        keep = self.running & keep
        self._kept |= keep
        now = keep | (self.running & ~self._kept)
        self.delivered[now] = iteration
        self.running &= ~stop
        return keep

    def _says(self, part: object) -> bool:
        """Whether this is a boolean for each fit."""
        shape = self.running.shape
        return isinstance(part, np.ndarray) and part.dtype == bool and part.shape == shape


class Stops(NamedTuple):
    """Where a rule stops R runs.

    Attributes:
        delivered: (R,) int, the iteration whose output is delivered.
        paid: (R,) int, iterations trained.
        stopped: (R,) bool; False where the budget ended first.
    """

    delivered: NDArray[np.int64]
    paid: NDArray[np.int64]
    stopped: NDArray[np.bool_]


def follow(
    rule: StoppingRule,
    fits: Fits,
    iterations: NDArray[np.integer],
    observables: Mapping[str, NDArray[np.floating]],
) -> Stops:
    """Find where a rule stops recorded runs.

    Args:
        rule: the rule.
        fits: what it may know about the R runs.
        iterations: (P,) the recorded iterations, ascending, from 1. The rule looks at no others.
        observables: (R, P) in dB by name, of all observables that the rule needs.

    Raises:
        ConfigError: the rule does not apply to the task, or needs what was not recorded.
        UnknownNameError: the rule needs an unknown observable.
    """
    watch = Watch(rule, fits)
    if absent := [name for name in rule.needs if name not in observables]:
        raise ConfigError(f"stopping rule {rule} needs {absent[0]}, which is not recorded here")
    curves = {name: np.asarray(observables[name], np.float64).T for name in rule.needs}
    for point, iteration in enumerate(iterations.tolist()):
        watch.look(iteration, {name: curve[point] for name, curve in curves.items()})
        if not watch.running.any():
            break
    return Stops(watch.delivered, watch.paid, ~watch.running)
