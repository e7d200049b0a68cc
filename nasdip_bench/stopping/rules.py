"""The stopping rules that come with the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, check_name, check_whole

from .rule import DELIVERED, Answer, Fits, Look, StoppingRule


@dataclass(frozen=True)
class Fixed(StoppingRule):
    """Stop every fit at one iteration chosen beforehand, as most of the literature does.

    Args:
        iteration: from 1; None: the set-up's stopping iteration.
    """

    iteration: int | None = None
    name = "fixed"

    def __post_init__(self) -> None:
        if self.iteration is not None:
            check_whole("iteration", self.iteration, 1)

    def begin(self, fits: Fits) -> Look:
        end = fits.stop if self.iteration is None else self.iteration
        return lambda iteration, _: _both(np.full(len(fits), iteration >= end))

    def earliest(self, budget: int) -> int:
        return 1 if self.iteration is None else self.iteration


@dataclass(frozen=True)
class Last(StoppingRule):
    """Run to the end of the budget."""

    name = "last"

    def begin(self, fits: Fits) -> Look:
        return lambda iteration, _: _both(np.zeros(len(fits), bool))


@dataclass(frozen=True)
class Discrepancy(StoppingRule):
    """Stop where the restoration's distance from the corrupted image matches the noise.

    The first iteration with ⟨(s - y)²⟩ ≤ tau·sigma². Source: Morozov's discrepancy principle, 1966.
    tau is below 1 because the best restoration has followed some of the noise, and so is closer to
    the corrupted image than the ground truth is.

    Args:
        tau: factor of the variance, positive.
        sigma: "estimate", from the corrupted image alone, or "known".
    """

    tau: float = 0.75
    sigma: str = "estimate"
    name = "discrepancy"
    needs = ("loss_smooth",)

    def __post_init__(self) -> None:
        _check_positive("tau", self.tau)
        check_name("sigma", self.sigma, ("estimate", "known"))

    def begin(self, fits: Fits) -> Look:
        """Keep and stop at the first crossing.

        Raises:
            ConfigError: sigma is "known", but not known for all fits.
        """
        if self.sigma == "known" and np.isnan(fits.sigma).any():
            raise ConfigError(
                f"stopping rule {self}: the sigma of this image is not known; give it to "
                f"nasdip-restore with --sigma, or estimate it, with sigma=estimate"
            )
        sigma = fits.sigma if self.sigma == "known" else fits.sigma_estimate
        level = -10 * np.log10(self.tau * sigma**2)
        return lambda _, seen: _both(seen["loss_smooth"] >= level)

    def no_meaning(self, kind: str) -> str | None:
        if kind == "denoise":
            return None
        return "there is no noise to compare with; the rule applies only to denoising"


class _Least(StoppingRule):
    """Keep the least value of one observable; stop once it has not fallen for a while."""

    patience: int | float
    burn_in = 0

    def __post_init__(self) -> None:
        _check_patience(self.patience)
        check_name("what a stopping rule delivers", self.delivers, DELIVERED)

    def begin(self, fits: Fits) -> Look:
        (observable,) = self.needs
        wait = _iterations(self.patience, fits.budget)
        least_db = np.full(len(fits), -np.inf)
        at = np.zeros(len(fits), np.int64)

        def look(iteration: int, seen: Mapping[str, NDArray[np.float64]]) -> Answer:
            # In dB, less is higher.
            less = (seen[observable] > least_db) & (iteration > self.burn_in)
            least_db[less], at[less] = seen[observable][less], iteration
            return less, (iteration - at >= wait) & (at > 0)

        return look


@dataclass(frozen=True)
class NeighbourMinimum(_Least):
    """Keep the least ⟨(s_p - y_q)²⟩ over neighbouring pixels p, q; needs no sigma.

    The noise of y_q is independent of that of y_p, so following the noise at p does not help at q.
    In the spirit of Noise2Self (Batson and Royer, ICML 2019).

    Args:
        patience: in iterations; below 1, a share of the budget.
    """

    patience: int | float = 0.1
    name = "neighbour"
    needs = ("neighbour",)

    def no_meaning(self, kind: str) -> str | None:
        if kind != "super_resolve":
            return None
        return "the corrupted image is smaller than the restoration, so pixels have no neighbours"


@dataclass(frozen=True)
class WindowedVariance(_Least):
    """ES-WMV: keep the least variance of the latest outputs.

    Source: Wang, Li, Zhuang, Chen, Liang, Sun, "Early Stopping for Deep Image Prior", TMLR 2023
    (arXiv 2112.06074), algorithm 1; published with a window of 100 and a patience of 1000, for
    budgets of 5000 and more. It looks for the best output, and the paper delivers that; the
    smoothed output is at its best some 100 iterations later.

    Args:
        window: 25 or 100 outputs.
        patience: in iterations; below 1, a share of the budget.
        delivers: "smoothed", as all rules here do, or "output", as the paper does.
    """

    window: int = 100
    patience: int | float = 0.1
    delivers: str = "smoothed"
    name = "es-wmv"

    def __post_init__(self) -> None:
        if self.window not in (25, 100):
            raise ConfigError(
                f"window {self.window!r} of es-wmv must be 25 or 100, whose variances are recorded"
            )
        super().__post_init__()

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return (f"wmv_{self.window}",)

    def earliest(self, budget: int) -> int:
        return self.window


@dataclass(frozen=True)
class ExponentialVariance(_Least):
    """ES-EMV: keep the least exponentially weighted variance of the outputs, weight 0.1.

    Source: see `WindowedVariance`, algorithm 2; published with a patience of 1000. The variance
    starts at zero, so the published code looks only from iteration 102 on; the paper does not say
    so. The code clips its mean to [0, 1], where the outputs lie anyway.

    Args:
        patience: in iterations; below 1, a share of the budget.
        burn_in: iterations that are not looked at.
        delivers: "smoothed", as all rules here do, or "output", as the paper does.
    """

    patience: int | float = 0.1
    burn_in: int = 101
    delivers: str = "smoothed"
    name = "es-emv"
    needs = ("emv",)

    def __post_init__(self) -> None:
        check_whole("burn_in of a stopping rule", self.burn_in, 0)
        super().__post_init__()

    def earliest(self, budget: int) -> int:
        return max(self.burn_in + 1, 2)  # the first output has no variance


@dataclass(frozen=True)
class Plateau(StoppingRule):
    """Stop once the training loss has not improved enough for a while.

    Same as Keras's ``EarlyStopping(min_delta, patience)``, with a relative difference.

    Args:
        patience: in iterations; below 1, a share of the budget.
        gain_db: the improvement that counts, in dB of the loss.
    """

    patience: int | float = 0.05
    gain_db: float = 0.1
    name = "plateau"
    needs = ("loss",)

    def __post_init__(self) -> None:
        _check_patience(self.patience)
        _check_positive("gain_db", self.gain_db)

    def earliest(self, budget: int) -> int:
        return 1 + _iterations(self.patience, budget)

    def begin(self, fits: Fits) -> Look:
        wait = _iterations(self.patience, fits.budget)
        best_db = np.full(len(fits), -np.inf)
        at = np.zeros(len(fits), np.int64)

        def look(iteration: int, seen: Mapping[str, NDArray[np.float64]]) -> Answer:
            better = seen["loss"] > best_db + self.gain_db
            best_db[better], at[better] = seen["loss"][better], iteration
            return _both(iteration - at >= wait)

        return look


def _both(answer: NDArray[np.bool_]) -> Answer:
    """Keep and stop at the same iteration."""
    return answer, answer


def _iterations(patience: int | float, budget: int) -> int:
    """A patience in iterations."""
    return max(1, round(patience * budget)) if patience < 1 else int(patience)


def _check_positive(name: str, value: object) -> None:
    if not isinstance(value, int | float) or not 0 < value < np.inf:
        raise ConfigError(f"{name} {value!r} of a stopping rule must be a positive number")


def _check_patience(value: object) -> None:
    whole = isinstance(value, int) and value >= 1
    if not whole and not (isinstance(value, float) and 0 < value < 1):
        raise ConfigError(
            f"patience {value!r} of a stopping rule must be a whole number of iterations from 1, "
            f"or a share of the budget between 0 and 1"
        )
