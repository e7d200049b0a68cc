"""The search space: what an architecture is, its codes, and how architectures are drawn.

An architecture is a pair (upsampling cell, skip pattern), plus a dilation that is 1 in the released
space. Cells carry the numbers 0..323 of the paper's released code; 27 of them cannot be built.

This module holds no networks and must not import torch.

Source: Arican, Kara, Bredell, Konukoglu, "ISNAS-DIP: Image-Specific Neural Architecture Search for
Deep Image Prior", CVPR 2022, section 4.1, and the numbering of its released code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from nasdip_bench.errors import ArchitectureError, ConfigError
from nasdip_bench.seeding import BitStream, as_generator

__all__ = [
    "ACTIVATIONS",
    "KERNELS",
    "LEVELS",
    "NUM_CELLS",
    "ONE_HOT_COLUMNS",
    "SAMPLINGS",
    "TRANSFORMS",
    "VALID_CELLS",
    "Architecture",
    "Cell",
    "cell_attributes",
    "encode_adjacency",
    "encode_one_hot",
    "random_architecture",
    "sample_architectures",
]

LEVELS = 5
"""Encoder levels, and decoder levels."""

SAMPLINGS = ("bilinear", "bicubic", "nearest", "pixel_shuffle", "transposed_conv")
TRANSFORMS = (
    "conv",
    "transposed_conv",
    "split_stack_sum",
    "separable_conv",
    "depthwise_conv",
    "identity",
)
KERNELS = (1, 3, 5, 7)
ACTIVATIONS = ("none", "relu", "leaky_relu")
DILATIONS = (1, 2, 3)
NUM_CELLS = 324
SKIP_BITS = LEVELS * LEVELS

DEFAULT_SAMPLE_SIZE = 522
DEFAULT_SAMPLE_SEED = 0

# The released numbering is four blocks of 63 (5 transforms x 4 kernels x 3 activations, then the
# identity with its 3 activations), one block of 60 with the pixel shuffle after the transform, and
# 12 stride-2 transposed convolutions.
_BLOCK = 63
_SHUFFLE_LAST_START = 252
_TRANSPOSED_START = 312
_PER_TRANSFORM = len(KERNELS) * len(ACTIVATIONS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """The attributes of one upsampling cell.

    Attributes:
        sampling: one of `SAMPLINGS`.
        transform: one of `TRANSFORMS`.
        kernel: side of the transform's kernel, or of the transposed convolution's where that is the
            sampling; None where the cell has no kernel (interpolation with identity).
        activation: one of `ACTIVATIONS`; applied after the sampling and after the transform.
        transform_first: the transform precedes the sampling (only with pixel_shuffle).
    """

    sampling: str
    transform: str
    kernel: int | None
    activation: str
    transform_first: bool = False

    @property
    def invalid_because(self) -> str | None:
        """Why the cell cannot be built with 128 channels, or None where it can."""
        if self.sampling != "pixel_shuffle":
            return None
        if self.transform == "depthwise_conv":
            return "a depthwise convolution cannot change the number of channels"
        if self.transform == "identity":
            return "pixel_shuffle with an identity transform leaves a quarter of the channels"
        return None


@lru_cache(maxsize=NUM_CELLS)
def cell_attributes(cell: int) -> Cell:
    """The attributes of a cell number of the released code, valid or not.

    Args:
        cell: 0..323.

    Raises:
        ArchitectureError: the number is outside this range.
    """
    if isinstance(cell, bool) or not isinstance(cell, int | np.integer):
        raise ArchitectureError(f"cell {cell!r} is no integer; a cell is a number 0..323")
    if not 0 <= cell < NUM_CELLS:
        raise ArchitectureError(f"cell {cell} does not exist; cells are numbered 0..323")
    if cell >= _TRANSPOSED_START:
        return Cell(
            sampling="transposed_conv",
            transform="identity",
            kernel=KERNELS[(cell // 3) % 4],
            activation=ACTIVATIONS[cell % 3],
        )
    transform_first = cell >= _SHUFFLE_LAST_START
    block, r = (3, cell - _SHUFFLE_LAST_START) if transform_first else divmod(cell, _BLOCK)
    transform = TRANSFORMS[r // _PER_TRANSFORM]
    return Cell(
        sampling=SAMPLINGS[block],
        transform=transform,
        kernel=None if transform == "identity" else KERNELS[(r // 3) % 4],
        activation=ACTIVATIONS[r % 3],
        transform_first=transform_first,
    )


VALID_CELLS: tuple[int, ...] = tuple(
    number for number in range(NUM_CELLS) if cell_attributes(number).invalid_because is None
)
"""The 297 cells that can be built, ascending."""

_CODE = re.compile(r"(?P<cell>\d{1,3})-(?P<skip>[01]+)(?:-d(?P<dilation>\d+))?")
_RELEASED = re.compile(r"\d+_(?P<cell>\d{1,3})_iteration_\d+_sigma_[\d.]+_skip_(?P<skip>[01]+)")
_CODE_HELP = (
    "give '<cell>-<25 bits>' such as '172-0000011001001001100111101', with '-d2' or '-d3' behind "
    "it for a dilated cell, or a released model name such as "
    "'0_172_iteration_4000_sigma_25_skip_0000011001001001100111101'"
)


@dataclass(frozen=True, slots=True, order=True)
class Architecture:
    """One point of the search space. Equal, hashed and ordered by (cell, skip, dilation).

    Attributes:
        cell: number of the upsampling cell in the released numbering, one of `VALID_CELLS`.
        skip: 25 characters "0" or "1". Bit 5 i + j, row i and column j, says whether source j is
            added to the upsampled input of decoder level i + 1 (row 0 is the finest level). Source
            0 is the network's input, source j the output of encoder level j.
        dilation: 1 in the released space; 2 or 3 where the cell's transform has a kernel above 1.

    Raises:
        ArchitectureError: a cell that does not exist or cannot be built, a skip pattern that is not
            25 bits, a dilation that the cell does not have.
    """

    cell: int
    skip: str
    dilation: int = 1
    attributes: Cell = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        attributes = cell_attributes(self.cell)
        if attributes.invalid_because:
            raise ArchitectureError(
                f"cell {self.cell} ({attributes.sampling}, {attributes.transform}) cannot be "
                f"built: {attributes.invalid_because}; cells 237..251 and 300..311 are the 27 "
                f"invalid ones, the other 297 of 0..323 are valid"
            )
        if not isinstance(self.skip, str) or not re.fullmatch(f"[01]{{{SKIP_BITS}}}", self.skip):
            raise ArchitectureError(
                f"skip pattern {self.skip!r} is not {SKIP_BITS} characters of 0 and 1 "
                f"(5 rows of 5, finest decoder level first)"
            )
        if type(self.dilation) is not int or self.dilation not in DILATIONS:
            raise ArchitectureError(f"dilation {self.dilation!r} is not one of {DILATIONS}")
        if self.dilation > 1 and (
            attributes.transform == "identity" or attributes.kernel in (None, 1)
        ):
            raise ArchitectureError(
                f"dilation {self.dilation} has no effect on cell {self.cell} "
                f"({attributes.transform}, kernel {attributes.kernel}); it needs a transform with "
                f"a kernel of 3, 5 or 7"
            )
        object.__setattr__(self, "cell", int(self.cell))
        object.__setattr__(self, "attributes", attributes)

    @classmethod
    def from_code(cls, cell: int, skip: str, dilation: int = 1) -> Architecture:
        """The architecture of a cell number and a skip string, the pair the released code uses."""
        return cls(cell, skip, dilation)

    @classmethod
    def parse(cls, text: str | Architecture) -> Architecture:
        """Read a canonical string or the name of a released model; pass an architecture through.

        Raises:
            ArchitectureError: the text is neither, or names an invalid architecture.
        """
        if isinstance(text, Architecture):
            return text
        if not isinstance(text, str):
            raise ArchitectureError(f"{text!r} is no architecture: {_CODE_HELP}")
        match = _CODE.fullmatch(text.strip()) or _RELEASED.fullmatch(text.strip())
        if match is None:
            raise ArchitectureError(f"{text!r} is no architecture: {_CODE_HELP}")
        found = match.groupdict()
        return cls(int(found["cell"]), found["skip"], int(found.get("dilation") or 1))

    def __str__(self) -> str:
        suffix = f"-d{self.dilation}" if self.dilation > 1 else ""
        return f"{self.cell}-{self.skip}{suffix}"

    @property
    def skip_matrix(self) -> np.ndarray:
        """(5, 5) bool; [i, j]: source j is added at decoder level i + 1."""
        bits = np.array([bit == "1" for bit in self.skip])
        return bits.reshape(LEVELS, LEVELS)

    @property
    def connections(self) -> list[tuple[int, int]]:
        """Pairs (row, source) of the skip connections, by row and then source."""
        return [(int(i), int(j)) for i, j in np.argwhere(self.skip_matrix)]

    def mutate(self, rng: int | np.random.Generator | BitStream | None = None) -> Architecture:
        """A copy with one change drawn uniformly among 26: another cell, or one flipped skip bit.

        A new cell is uniform over the other valid ones; the dilation is kept where the new cell has
        it and falls back to 1 otherwise.

        Args:
            rng: a seed, a generator or stream to draw from (of a stream the draws are the same on
                every machine), or None for a generator that the system seeds.

        Raises:
            ConfigError: rng is none of these.
        """
        draw = rng.integer if isinstance(rng, BitStream) else as_generator(rng).integers
        position = int(draw(SKIP_BITS + 1))
        if position < SKIP_BITS:
            return self._flipped(position)
        others = [cell for cell in VALID_CELLS if cell != self.cell]
        return self._with_cell(others[int(draw(len(others)))])

    def neighbours(self) -> list[Architecture]:
        """The architectures that differ in one skip bit or in one attribute of the cell.

        Cells are neighbours where they differ in exactly one of sampling, transform, kernel,
        activation and the order of sampling and transform. A kernel that is absent (identity under
        an interpolation) counts as equal to any.
        """
        flips = [self._flipped(position) for position in range(SKIP_BITS)]
        return flips + [self._with_cell(cell) for cell in _neighbouring_cells(self.cell)]

    def _flipped(self, position: int) -> Architecture:
        bit = "0" if self.skip[position] == "1" else "1"
        skip = self.skip[:position] + bit + self.skip[position + 1 :]
        return Architecture(self.cell, skip, self.dilation)

    def _with_cell(self, cell: int) -> Architecture:
        attributes = cell_attributes(cell)
        keeps = attributes.transform != "identity" and attributes.kernel not in (None, 1)
        return Architecture(cell, self.skip, self.dilation if keeps else 1)


@lru_cache(maxsize=NUM_CELLS)
def _neighbouring_cells(cell: int) -> tuple[int, ...]:
    mine = cell_attributes(cell)

    def distance(other: Cell) -> int:
        kernels_differ = (
            mine.kernel != other.kernel and mine.kernel is not None and other.kernel is not None
        )
        return (
            (mine.sampling != other.sampling)
            + (mine.transform != other.transform)
            + kernels_differ
            + (mine.activation != other.activation)
            + (mine.transform_first != other.transform_first)
        )

    return tuple(
        other for other in VALID_CELLS if other != cell and distance(cell_attributes(other)) == 1
    )


def random_architecture(stream: BitStream) -> Architecture:
    """Draw an architecture: cell uniform over the 297 valid ones, each skip bit with odds 1/2."""
    cell = VALID_CELLS[stream.integer(len(VALID_CELLS))]
    skip = "".join(str(stream.integer(2)) for _ in range(SKIP_BITS))
    return Architecture(cell, skip)


def sample_architectures(
    count: int = DEFAULT_SAMPLE_SIZE, seed: int = DEFAULT_SAMPLE_SEED, *, purpose: str = "sample"
) -> list[Architecture]:
    """Draw distinct architectures, the same list on every machine and Python.

    A shorter list is the beginning of a longer one of the same seed, so that a part of the
    benchmark is a random part.

    Args:
        count: how many, at least 1.
        seed: seed of the list; the benchmark's sample is seed 0.
        purpose: separates independent lists of one seed ("sample", or "candidates" for ISNAS).
    """
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 1:
        raise ConfigError(f"count {count!r} of architectures to draw must be an integer above 0")
    stream = BitStream("architectures", purpose, seed)
    drawn: dict[Architecture, None] = {}
    while len(drawn) < count:
        drawn.setdefault(random_architecture(stream))
    return list(drawn)


ONE_HOT_COLUMNS: tuple[str, ...] = (
    *(f"sampling={s}" for s in SAMPLINGS),
    "transform_first",
    *(f"transform={t}" for t in TRANSFORMS),
    *(f"kernel={k}" for k in KERNELS),
    *(f"dilation={d}" for d in DILATIONS[1:]),
    *(f"activation={a}" for a in ACTIVATIONS),
    *(f"skip[{i},{j}]" for i in range(LEVELS) for j in range(LEVELS)),
)


def encode_one_hot(architectures: Architecture | str | Iterable[Architecture | str]) -> np.ndarray:
    """Attribute vectors for surrogate models.

    Args:
        architectures: one architecture, or several; canonical strings will do.

    Returns:
        (46,) float32 of 0 and 1 of one architecture, (n, 46) of n: sampling (5), transform first
        (1), transform (6), kernel (4, all zero where absent), dilation 2 or 3 (2), activation (3),
        skip bits (25). `ONE_HOT_COLUMNS` names the columns.

    Raises:
        ArchitectureError: one of them is no architecture.
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


def encode_adjacency(
    architectures: Architecture | str | Iterable[Architecture | str],
) -> np.ndarray:
    """The networks' graphs of feature maps, for graph-based methods.

    Args:
        architectures: one architecture, or several; canonical strings will do.

    Returns:
        (11, 11) uint8 of one architecture, (n, 11, 11) of n; [a, b] = 1 where node a feeds node b.
        Nodes in topological order: 0 the input, 1..5 the outputs of encoder levels 1..5, 6..10
        those of decoder levels 5..1. The chain of the hourglass is always there; the skip pattern
        adds the edges from nodes 0..4.

    Raises:
        ArchitectureError: one of them is no architecture.
    """
    nodes = 2 * LEVELS + 1

    def encoded(arch: Architecture) -> np.ndarray:
        adjacency = np.eye(nodes, k=1, dtype=np.uint8)
        for row, column in arch.connections:
            adjacency[column, 2 * LEVELS - row] = 1
        return adjacency

    return _encoded(architectures, encoded, (nodes, nodes), np.uint8)


def _encoded(
    architectures: Architecture | str | Iterable[Architecture | str],
    encode: Callable[[Architecture], ArrayLike],
    shape: tuple[int, ...],
    dtype: DTypeLike,
) -> np.ndarray:
    """(*shape) of one architecture, (n, *shape) of n."""
    if isinstance(architectures, str) or not isinstance(architectures, Iterable):
        return np.asarray(encode(Architecture.parse(architectures)), dtype)
    rows = [encode(Architecture.parse(one)) for one in architectures]
    return np.asarray(rows, dtype).reshape(-1, *shape)
