"""How often each run or score was started and not finished, since the driver started.

A **death**: the worker ended during the unit while its machine was fine; most likely the unit's
fault. A **loss**: nothing more was heard of the unit, since its node or the connection to it was
lost. Counts last as long as the driver; the next one starts from zero. Must not import torch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ...plan.units import RunKey, ScoreKey, Unit

MAX_DEATHS = 3
MAX_LOSSES = 6
"""More than deaths: a loss hits whatever is in progress, and units are seldom to blame."""


@dataclass
class Attempts:
    """Deaths and losses by run and score, so that part of a stack keeps its count."""

    _deaths: Counter[RunKey | ScoreKey] = field(default_factory=Counter)
    _losses: Counter[RunKey | ScoreKey] = field(default_factory=Counter)

    def died(self, unit: Unit) -> None:
        """Note that the worker of a unit has died."""
        self._deaths.update(unit.keys)

    def lost(self, unit: Unit) -> None:
        """Note that nothing more was heard of a unit."""
        self._losses.update(unit.keys)

    def of(self, unit: Unit) -> tuple[int, int]:
        """Deaths and losses of a unit: the highest counts of its runs or scores."""
        deaths, losses = (max(c[key] for key in unit.keys) for c in (self._deaths, self._losses))
        return deaths, losses

    def exhausted(self, unit: Unit) -> bool:
        """Whether a unit is to be given up."""
        deaths, losses = self.of(unit)
        return deaths >= MAX_DEATHS or losses >= MAX_LOSSES
