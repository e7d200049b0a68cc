"""How often each run or score was begun and not finished, since the driver began.

A **death** is a worker that ended while it had the unit, its machine being well: most likely the
unit's doing. A **loss** is a unit of which nothing more was heard: its node or the connection to it
was lost. Counts live as long as the driver: its next start begins anew. Must not import torch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ...plan.units import RunKey, ScoreKey, Unit

__all__ = ["MAX_DEATHS", "MAX_LOSSES", "Attempts"]

MAX_DEATHS = 3
MAX_LOSSES = 6
"""More than deaths: losses strike whatever is in hand, and units are seldom to blame."""


@dataclass
class Attempts:
    """Deaths and losses by run and score, so that a part of a stack keeps its count."""

    _deaths: Counter[RunKey | ScoreKey] = field(default_factory=Counter)
    _losses: Counter[RunKey | ScoreKey] = field(default_factory=Counter)

    def died(self, unit: Unit) -> None:
        """Note that the worker of a unit has died."""
        self._deaths.update(unit.keys)

    def lost(self, unit: Unit) -> None:
        """Note that nothing more was heard of a unit."""
        self._losses.update(unit.keys)

    def of(self, unit: Unit) -> tuple[int, int]:
        """Deaths and losses of a unit: of those of its runs or scores, the highest."""
        deaths, losses = (max(c[key] for key in unit.keys) for c in (self._deaths, self._losses))
        return deaths, losses

    def exhausted(self, unit: Unit) -> bool:
        """Whether a unit is to be given up."""
        deaths, losses = self.of(unit)
        return deaths >= MAX_DEATHS or losses >= MAX_LOSSES
