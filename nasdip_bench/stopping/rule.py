"""What a stopping rule is, and how fits are watched with one.

A rule sees the observables of an iteration (`nasdip_bench.observables`), never PSNR or SSIM, and
answers two questions for each of R fits at once: is this the output to deliver if nothing better
comes, and is this the end? So whoever trains needs to hold one output a fit, the last that the rule
wanted to keep.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, unknown_name
from nasdip_bench.observables import OBSERVABLES

Answer = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""(R,) whether this output is the one to deliver if nothing better comes; (R,) whether to stop."""

Look = Callable[[int, Mapping[str, NDArray[np.float64]]], Answer]
"""Called with an iteration, from 1, ascending, and by name the (R,) values there. What it
answers of a fit that it has stopped is ignored."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fits:
    """What a rule may know of R fits before they begin.

    Attributes:
        kind: of the task: "denoise", "inpaint" or "super_resolve".
        budget: iterations at most.
        stop: the iteration at which the set-up stops every fit, 1..budget.
        sigma: (R,) float64, standard deviation of the noise, images in [0, 1]; NaN where there is
            none, or none is known.
        sigma_estimate: (R,) float64, the same estimated from the corrupted image
            (`nasdip_bench.tasks.noise_estimate`); NaN where there is no noise.
    """

    kind: str
    budget: int
    stop: int
    sigma: NDArray[np.float64]
    sigma_estimate: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sigma)


class StoppingRule(ABC):
    """A rule; subclasses are frozen dataclasses, whose fields are its parameters.

    Attributes:
        name: of the rule, in words of letters, digits and hyphens.
        needs: names of `nasdip_bench.observables.OBSERVABLES` that it looks at.
        delivers: "smoothed" or "output": of which the kept iteration is delivered.

    Example:
        A rule that stops where the output is sharper than a tenth:

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
    delivers: ClassVar[str] = "smoothed"

    @abstractmethod
    def begin(self, fits: Fits) -> Look:
        """Start watching fits.

        Observables are in dB, -10·log10 of a mean: the higher, the smaller the mean. NaN where one
        is not defined, such as a variance before its window is filled.

        Args:
            fits: what is known of them.
        """

    def no_meaning(self, kind: str) -> str | None:
        """Why the rule cannot be asked about a kind of task, or None."""
        del kind
        return None

    @property
    def parameters(self) -> str:
        """Names and values, such as ``tau=0.75,sigma=estimate``."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]  # subclasses are dataclasses
        values = {field.name: getattr(self, field.name) for field in fields}
        return ",".join(f"{name}={value}" for name, value in values.items() if value is not None)

    def __str__(self) -> str:
        return f"{self.name}({self.parameters})" if self.parameters else self.name


class Watch:
    """R fits under a rule: which go on, what they have paid, and what they deliver.

    Args:
        rule: the rule.
        fits: what is known of them.

    Attributes:
        running: (R,) bool, whether each goes on.
        paid: (R,) int, iterations that each has run, or ran.
        delivered: (R,) int, the iteration that each delivers as things are; of a fit in which
            nothing was kept so far, the latest.

    Raises:
        ConfigError: the rule has no meaning for the task.
        UnknownNameError: the rule needs what is no observable.
    """

    def __init__(self, rule: StoppingRule, fits: Fits) -> None:
        for name in rule.needs:
            if name not in OBSERVABLES:
                raise unknown_name("observable", name, OBSERVABLES)
        if reason := rule.no_meaning(fits.kind):
            raise ConfigError(f"stopping rule {rule}: {reason}")
        self._rule, self._look = rule, rule.begin(fits)
        self.running = np.ones(len(fits), bool)
        self.paid = np.zeros(len(fits), np.int64)
        self.delivered = np.zeros(len(fits), np.int64)
        self._kept = np.zeros(len(fits), bool)

    def look(self, iteration: int, seen: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Go on to an iteration.

        Args:
            iteration: from 1, ascending.
            seen: by name, (R,) float64 in dB of what the rule needs.

        Returns:
            (R,) whether the rule keeps the output of this iteration.

        Raises:
            ConfigError: the rule does not answer as it must.
        """
        answer = self._look(iteration, seen)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise ConfigError(
                f"stopping rule {self._rule} answered {answer!r}: answer two arrays, which fits "
                f"keep this output and which of them stop"
            )
        keep, stop = answer
        self.paid[self.running] = iteration
        keep = self.running & keep
        self._kept |= keep
        now = keep | (self.running & ~self._kept)
        self.delivered[now] = iteration
        self.running &= ~stop
        return keep


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
    """Where a rule stops recorded runs.

    Args:
        rule: the rule.
        fits: what it may know of the R runs.
        iterations: (P,) ascending, from 1: those that were recorded. Of some only, the rule looks
            at these and at no others.
        observables: by name, (R, P) in dB, of all that the rule needs.

    Raises:
        ConfigError: the rule has no meaning for the task, or needs what was not recorded.
        UnknownNameError: the rule needs what is no observable.
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
