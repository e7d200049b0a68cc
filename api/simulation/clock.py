"""The simulated clock, which charges seconds to a budget and decides when a search is over."""

from __future__ import annotations

import math

import numpy as np

from nasdip_bench.errors import ConfigError, NasdipError


class BudgetExhaustedError(NasdipError, RuntimeError):
    """A query that the budget of a simulated search does not allow; it was not run."""


class Clock:
    """Simulated seconds within a budget.

    A query that does not fit the remaining budget is not charged and ends the search. Repeated
    queries are free, but too many in a row also end it.

    Attributes:
        budget_seconds: simulated seconds available; infinite without a budget.
        clock: simulated seconds used.
        stopped: whether the search is over.

    Args:
        budget_seconds: simulated seconds, above 0; None for no limit.
        patience: how many repeated queries in a row are allowed.

    Raises:
        ConfigError: the budget is not above 0.

    Example:
        >>> clock = Clock(10, patience=5)
        >>> clock.pay(4)
        >>> clock.remaining
        6.0
    """

    def __init__(self, budget_seconds: float | None, patience: int) -> None:
        number = isinstance(budget_seconds, int | float | np.number)
        if budget_seconds is not None and (
            not number or isinstance(budget_seconds, bool) or not budget_seconds > 0
        ):
            raise ConfigError(
                f"budget_seconds {budget_seconds!r} must be a number above 0, or None for no limit"
            )
        self.budget_seconds = math.inf if budget_seconds is None else float(budget_seconds)
        self.clock = 0.0
        self.stopped = False
        self._patience = patience
        self._repeated = 0

    @property
    def remaining(self) -> float:
        """Seconds left; infinite without a budget."""
        return self.budget_seconds - self.clock

    def pay(self, seconds: float, *, new: bool = True) -> None:
        """Charge a query, or end the search.

        Args:
            seconds: its cost.
            new: whether it has not been answered before.

        Raises:
            BudgetExhaustedError: it does not fit the remaining budget, is one repeated query too
                many, or the search has ended.
        """
        if self.stopped:
            raise BudgetExhaustedError(
                f"the search ended at {self.clock:g} s of {self.budget_seconds:g} s; make a new "
                f"simulator for another"
            )
        self._repeated = 0 if new else self._repeated + 1
        if self._repeated > self._patience:
            self.stopped = True
            raise BudgetExhaustedError(
                f"{self._repeated} queries in a row repeated earlier ones: the search has nothing "
                f"left to train"
            )
        if self.clock + seconds > self.budget_seconds:
            self.stopped = True
            raise BudgetExhaustedError(
                f"a query of {seconds:g} s does not fit the remaining {self.remaining:g} s of the "
                f"budget of {self.budget_seconds:g} s; it was not run"
            )
        self.clock += seconds
