"""What a search must beat, such as what the other images of a release reveal for free.

Must not import torch or pandas.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.ranks.groups import group_means

from ..simulation.simulator import Simulator


def random_by_neighbour(sim: Simulator, rng: np.random.Generator) -> None:
    """Random search without the ground truth, by the observable ``neighbour``.

    The choice is the architecture whose restoration came closest to the corrupted image's
    neighbouring pixels, at any iteration up to the stop; the first one trained if the task has no
    such observable.
    """
    best = -math.inf
    for arch_id in rng.permutation(sim.space).tolist():
        if sim.train(arch_id).status == "diverged":
            continue
        closest = float(np.fmax.reduce(sim.observables(arch_id)["neighbour"]))  # -10·log10
        if sim.incumbent is None or closest > best:
            best = closest
            sim.choose(arch_id)


def one_sampling(sim: Simulator, rng: np.random.Generator) -> None:
    """Random search among the architectures whose sampling is best on the other images.

    The sampling, and whether it comes before or after the transform, decides most of an
    architecture's PSNR. The best one can be read off a table of other images.
    """
    kinds = sim.runs.bench.architecture_rows.samplings[sim.space]
    best = _best(group_means(sim.runs.elsewhere, kinds), rng)
    for arch_id in rng.permutation(sim.space[kinds == kinds[best]]).tolist():
        sim.train(arch_id)


def any_architecture(sim: Simulator, rng: np.random.Generator) -> None:
    """Choose an architecture at random, without looking at anything."""
    sim.choose(int(rng.choice(sim.space)))


def transfer(sim: Simulator, rng: np.random.Generator) -> None:
    """Choose the architecture that is best on the other images, without looking at this one.

    Ties go to the first in the release. If the release has no other image, choose at random.
    """
    place = sim.runs.recommended
    sim.choose(int(sim.space[place if place >= 0 else rng.integers(len(sim))]))


def cell_table(sim: Simulator, rng: np.random.Generator) -> None:
    """Choose by the mean of each cell on the other images, without looking at this one.

    The value of an architecture is the mean over the *other* architectures with its cell; if there
    are none, over those with its sampling. Ties are broken at random.
    """
    elsewhere, kinds = sim.runs.elsewhere, sim.runs.bench.architecture_rows.samplings[sim.space]
    cells = np.array([arch.cell for arch in sim.runs.neighbourhood.architectures])
    by_cell = group_means(elsewhere, cells, without_own=True)
    values = np.where(np.isnan(by_cell), group_means(elsewhere, kinds), by_cell)
    sim.choose(int(sim.space[_best(values, rng)]))


def _best(values: NDArray[np.float64], rng: np.random.Generator) -> int:
    """The place of the highest value; at random among ties, or if nothing is known."""
    known = np.where(np.isnan(values), -np.inf, values)
    return int(rng.choice(np.flatnonzero(known == known.max())))
