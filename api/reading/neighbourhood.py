"""Moving in a release: mutate an architecture, and find those of the release that are near.

A release is a random sample of some 10^10 architectures: what differs from a member in a single
choice is hardly ever another member. A move therefore mutates an architecture as the space defines
it (`nasdip_bench.space.Architecture.mutate`) and takes what lies nearest to the result.

Must not import torch or pandas.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.space import (
    ACTIVATIONS,
    KERNELS,
    SAMPLINGS,
    TRANSFORMS,
    VALID_CELLS,
    Architecture,
    cell_attributes,
)

__all__ = ["CHOICES", "Neighbourhood", "choices_of"]

_SKIP_BITS = 25
_CELL = slice(_SKIP_BITS, _SKIP_BITS + 5)
_KERNEL = _SKIP_BITS + 2
_TRANSFORM = _SKIP_BITS + 1
_DILATION = _SKIP_BITS + 5
CHOICES = _SKIP_BITS + 6
"""The choices that make an architecture: 25 skip bits; of the cell sampling, transform, kernel,
activation and the order of sampling and transform; dilation."""


def choices_of(arch: Architecture) -> list[int]:
    """The `CHOICES` of an architecture as numbers; an absent kernel is 0."""
    bits = [int(bit) for bit in arch.skip]
    return [*bits, *_cell_choices(arch.cell), arch.dilation]


@cache
def _cell_choices(cell: int) -> tuple[int, ...]:
    a = cell_attributes(cell)
    return (
        SAMPLINGS.index(a.sampling),
        TRANSFORMS.index(a.transform),
        a.kernel or 0,
        ACTIVATIONS.index(a.activation),
        int(a.transform_first),
    )


@cache
def _cells() -> NDArray[np.int8]:
    """(297, 5): the choices of the valid cells."""
    return np.array([_cell_choices(cell) for cell in VALID_CELLS], np.int8)


class Neighbourhood:
    """Distances between some architectures, in choices that differ.

    Args:
        codes: canonical strings of the architectures, in order.
    """

    def __init__(self, codes: Sequence[str]) -> None:
        rows = [choices_of(Architecture.parse(code)) for code in codes]
        self.choices: NDArray[np.int8] = np.array(rows, np.int8).reshape(-1, CHOICES)

    def distances(self, choices: NDArray[np.int8]) -> NDArray[np.intp]:
        """(n,): in how many of their `CHOICES` the architectures differ from one, 0..31."""
        differ: NDArray[np.intp] = np.count_nonzero(self.choices != choices, axis=1)
        return differ

    def nearest(
        self,
        choices: NDArray[np.int8],
        allowed: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> int:
        """The place of the nearest one that is allowed; ties are broken at random.

        Args:
            choices: (31,) of an architecture, in the release or not.
            allowed: (n,), at least one True.
            rng: breaks ties.
        """
        distances = np.where(allowed, self.distances(choices), CHOICES + 1)
        return int(rng.choice(np.flatnonzero(distances == distances.min())))

    def mutate(self, place: int, rng: np.random.Generator) -> NDArray[np.int8]:
        """(31,): the choices of one of the architectures after one change among 26.

        As in `nasdip_bench.space.Architecture.mutate`: one of the 25 skip bits is flipped, or the
        cell becomes another valid one, uniformly; a dilation that the new cell does not have falls
        back to 1.
        """
        choices: NDArray[np.int8] = self.choices[place].copy()
        position = int(rng.integers(_SKIP_BITS + 1))
        if position < _SKIP_BITS:
            choices[position] ^= 1
            return choices
        cells = _cells()
        others = cells[(cells != choices[_CELL]).any(axis=1)]
        choices[_CELL] = others[rng.integers(len(others))]
        identity = choices[_TRANSFORM] == TRANSFORMS.index("identity")
        if identity or choices[_KERNEL] < KERNELS[1]:
            choices[_DILATION] = 1
        return choices
