"""Random search: the baseline of every comparison.

Source: Li, Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .simulator import Simulator

__all__ = ["random_search"]


def random_search(sim: Simulator, rng: np.random.Generator) -> None:
    """Train architectures in random order, each to the stopping iteration, none twice."""
    for arch_id in rng.permutation(sim.space).tolist():
        sim.train(arch_id)
