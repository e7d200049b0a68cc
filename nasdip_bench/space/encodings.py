"""Architectures as arrays: vectors, graphs, and choices to count distances with.

The functions take one `Architecture` or canonical string, or several (`Architectures`), and raise
`ArchitectureError` if one is not a valid architecture.

Must not import pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .architecture import DILATIONS, LEVELS, SKIP_BITS, Architecture
from .cells import ACTIVATIONS, KERNELS, SAMPLINGS, TRANSFORMS, cell_attributes

Architectures: TypeAlias = "Architecture | str | Iterable[Architecture | str]"
"""One architecture or several, as objects or canonical strings."""

CHOICES = SKIP_BITS + 6
"""Number of choices that define an architecture: 25 skip bits; the cell's sampling, transform,
kernel, activation and order of sampling and transform; the dilation."""

ONE_HOT_COLUMNS: tuple[str, ...] = (
    *(f"sampling={s}" for s in SAMPLINGS),
    "transform_first",
    *(f"transform={t}" for t in TRANSFORMS),
    *(f"kernel={k}" for k in KERNELS),
    *(f"dilation={d}" for d in DILATIONS[1:]),
    *(f"activation={a}" for a in ACTIVATIONS),
    *(f"skip[{i},{j}]" for i in range(LEVELS) for j in range(LEVELS)),
)

NODE_COLUMNS: tuple[str, ...] = ("input", "encoder", *ONE_HOT_COLUMNS[:-SKIP_BITS])
"""Attributes of a node: the input, an encoder level, or the upsampling cell of a decoder level."""


def encode_one_hot(architectures: Architectures) -> np.ndarray:
    """Attribute vectors for surrogate models.

    Returns:
        (46,) float32 of 0 and 1 for one architecture, (n, 46) for n: sampling (5), transform first
        (1), transform (6), kernel (4, all zero if absent), dilation 2 or 3 (2), activation (3),
        skip bits (25). `ONE_HOT_COLUMNS` names the columns.
    """

    def encoded(arch: Architecture) -> list[bool]:
        a = arch.attributes
        return [
            *(a.sampling == s for s in SAMPLINGS),
            a.transform_first,
            *(a.transform == t for t in TRANSFORMS),
            *(a.kernel == k for k in KERNELS),
            *(arch.dilation == d for d in DILATIONS[1:]),
            *(a.activation == n for n in ACTIVATIONS),
            *(bit == "1" for bit in arch.skip),
        ]

    return _encoded(architectures, encoded, (len(ONE_HOT_COLUMNS),), np.float32)


def encode_adjacency(architectures: Architectures) -> np.ndarray:
    """The networks' graphs of feature maps, for graph-based methods.

    Returns:
        (11, 11) uint8 for one architecture, (n, 11, 11) for n; [a, b] = 1 if node a feeds node b.
        Nodes are in topological order: 0 the input, 1..5 the outputs of encoder levels 1..5, 6..10
        those of decoder levels 5..1. The hourglass chain is always present; the skip pattern adds
        the edges from nodes 0..4.
    """
    nodes = 2 * LEVELS + 1

    def encoded(arch: Architecture) -> np.ndarray:
        adjacency = np.eye(nodes, k=1, dtype=np.uint8)
        for row, column in arch.connections:
            adjacency[column, 2 * LEVELS - row] = 1
        return adjacency

    return _encoded(architectures, encoded, (nodes, nodes), np.uint8)


def encode_nodes(architectures: Architectures) -> np.ndarray:
    """The operations of the nodes of `encode_adjacency`, for graph-based methods.

    Returns:
        (11, 23) float32 of 0 and 1 for one architecture, (n, 11, 23) for n; `NODE_COLUMNS` names
        the columns. Decoder nodes have the upsampling cell's attributes, as in `encode_one_hot`.
    """

    def encoded(arch: Architecture) -> np.ndarray:
        nodes = np.zeros((2 * LEVELS + 1, len(NODE_COLUMNS)), np.float32)
        nodes[0, 0] = nodes[1 : LEVELS + 1, 1] = 1
        nodes[LEVELS + 1 :, 2:] = encode_one_hot(arch)[:-SKIP_BITS]
        return nodes

    return _encoded(architectures, encoded, (2 * LEVELS + 1, len(NODE_COLUMNS)), np.float32)


def encode_choices(architectures: Architectures) -> NDArray[np.int8]:
    """The `CHOICES` of architectures as category numbers: only equality has a meaning.

    Returns:
        (31,) int8 for one architecture, (n, 31) for n; an absent kernel is 0.
    """

    def encoded(arch: Architecture) -> list[int]:
        return [*map(int, arch.skip), *_cell_choices(arch.cell), arch.dilation]

    return _encoded(architectures, encoded, (CHOICES,), np.int8)


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


def _encoded(
    architectures: Architectures,
    encode: Callable[[Architecture], ArrayLike],
    shape: tuple[int, ...],
    dtype: DTypeLike,
) -> np.ndarray:
    """(*shape) for one architecture, (n, *shape) for n."""
    if isinstance(architectures, str) or not isinstance(architectures, Iterable):
        return np.asarray(encode(Architecture.parse(architectures)), dtype)
    rows = [encode(Architecture.parse(one)) for one in architectures]
    return np.asarray(rows, dtype).reshape(-1, *shape)


class Neighbourhood:
    """Moves among given architectures, such as those of a release.

    A release is a random sample from some 10^10 architectures, so one that differs from a member
    in a single choice is hardly ever a member too. A move therefore mutates an architecture with
    `Architecture.mutate` and takes the member nearest to the result.

    Args:
        codes: canonical strings of the architectures, in order.
    """

    def __init__(self, codes: Sequence[str]) -> None:
        self.architectures = [Architecture.parse(code) for code in codes]
        self.choices = encode_choices(self.architectures)

    def distances(self, choices: NDArray[np.int8]) -> NDArray[np.intp]:
        """(n,): in how many `CHOICES` each architecture differs from the given ones, 0..31."""
        differ: NDArray[np.intp] = np.count_nonzero(self.choices != choices, axis=1)
        return differ

    def nearest(
        self, choices: NDArray[np.int8], allowed: NDArray[np.bool_], rng: np.random.Generator
    ) -> int:
        """Index of the nearest allowed architecture; ties are broken at random.

        Args:
            choices: (31,) of an architecture, a member or not.
            allowed: (n,), at least one True.
            rng: breaks ties.
        """
        distances = np.where(allowed, self.distances(choices), CHOICES + 1)
        return int(rng.choice(np.flatnonzero(distances == distances.min())))

    def mutate(self, place: int, rng: np.random.Generator) -> NDArray[np.int8]:
        """(31,): the choices of a member after `Architecture.mutate`."""
        return encode_choices(self.architectures[place].mutate(rng))
