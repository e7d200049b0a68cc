"""Architectures: definition, code and sampling.

An architecture is a pair (upsampling cell, skip pattern), plus a dilation that is 1 in the released
space. This module holds no networks.

Source: Arican, Kara, Bredell, Konukoglu, "ISNAS-DIP: Image-Specific Neural Architecture Search for
Deep Image Prior", CVPR 2022, section 4.1, and the numbering of its released code.
"""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass, field
from functools import lru_cache

import numpy as np

from nasdip_bench.errors import ArchitectureError, ImageError, check_whole
from nasdip_bench.seeding import BitStream, as_generator

from .cells import NUM_CELLS, VALID_CELLS, Cell, cell_attributes

LEVELS = 5
"""Encoder levels, and decoder levels."""

SKIP_BITS = LEVELS * LEVELS
DILATIONS = (1, 2, 3)

SIZE_MULTIPLE = 2**LEVELS
MIN_SIZE = 2 * SIZE_MULTIPLE
"""Leaves two pixels at the deepest level, so that one can be reflected."""

_CODE = re.compile(r"(?P<cell>\d{1,3})-(?P<skip>[01]+)(?:-d(?P<dilation>\d+))?")
# The released code writes three forms: "0_172_iteration_4000_sigma_25_skip_<bits>", "0_172_<bits>"
# and, from a list of lines "172,<bits>", "172_<bits>".
_RELEASED = re.compile(
    r"(?:\d+_)?(?P<cell>\d{1,3})_(?:iteration_\d+_sigma_[\d.]+_skip_)?(?P<skip>[01]+)"
)
_CODE_HELP = (
    "give '<cell>-<25 bits>' such as '172-0000011001001001100111101', with '-d2' or '-d3' appended "
    "for a dilated cell, or a released model name such as "
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
        dilation: 1 in the released space; 2 or 3 if the cell's transform has a kernel above 1.

    Raises:
        ArchitectureError: an unknown or invalid cell, a skip pattern that is not 25 bits, or a
            dilation that the cell does not support.
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
        if self.dilation > 1 and not attributes.dilatable:
            raise ArchitectureError(
                f"dilation {self.dilation} has no effect on cell {self.cell} "
                f"({attributes.transform}, kernel {attributes.kernel}); it needs a transform with "
                f"a kernel of 3, 5 or 7"
            )
        object.__setattr__(self, "cell", int(self.cell))
        object.__setattr__(self, "attributes", attributes)

    @classmethod
    def parse(cls, text: str | Architecture) -> Architecture:
        """Read a canonical string or the name of a released model; pass an architecture through.

        Raises:
            ArchitectureError: the text is neither, or names an invalid architecture.
        """
        if isinstance(text, Architecture):
            return text
        if not isinstance(text, str):
            raise ArchitectureError(f"{text!r} is not an architecture: {_CODE_HELP}")
        match = _CODE.fullmatch(text.strip()) or _RELEASED.fullmatch(text.strip())
        if match is None:
            raise ArchitectureError(f"{text!r} is not an architecture: {_CODE_HELP}")
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
        """(row, source) pairs of the skip connections, sorted by row, then source."""
        return [(int(i), int(j)) for i, j in np.argwhere(self.skip_matrix)]

    def mutate(self, rng: int | np.random.Generator | BitStream | None = None) -> Architecture:
        """Return a copy with one of 26 equally likely changes: a new cell, or a flipped skip bit.

        A new cell is drawn uniformly from the other valid ones. The dilation is kept if the new
        cell supports it, and is 1 otherwise.

        Args:
            rng: a seed, or a generator or stream to draw from (draws from a stream are the same on
                every machine); None: a generator seeded by the system.

        Raises:
            ConfigError: rng is not one of these.
        """
        draw = rng.integer if isinstance(rng, BitStream) else as_generator(rng).integers
        position = int(draw(SKIP_BITS + 1))
        if position < SKIP_BITS:
            return self._flipped(position)
        others = [cell for cell in VALID_CELLS if cell != self.cell]
        return self._with_cell(others[int(draw(len(others)))])

    def neighbours(self) -> list[Architecture]:
        """The architectures that differ in one skip bit or in one attribute of the cell.

        Cells are neighbours if they differ in exactly one of sampling, transform, kernel,
        activation and the order of sampling and transform. A missing kernel (interpolation with
        identity) counts as equal to any.
        """
        flips = [self._flipped(position) for position in range(SKIP_BITS)]
        return flips + [self._with_cell(cell) for cell in _neighbouring_cells(self.cell)]

    def _flipped(self, position: int) -> Architecture:
        bit = "0" if self.skip[position] == "1" else "1"
        skip = self.skip[:position] + bit + self.skip[position + 1 :]
        return Architecture(self.cell, skip, self.dilation)

    def _with_cell(self, cell: int) -> Architecture:
        dilation = self.dilation if cell_attributes(cell).dilatable else 1
        return Architecture(cell, self.skip, dilation)


@lru_cache(maxsize=NUM_CELLS)
def _neighbouring_cells(cell: int) -> tuple[int, ...]:
    mine = astuple(cell_attributes(cell))

    def differences(other: int) -> int:
        pairs = zip(mine, astuple(cell_attributes(other)), strict=True)
        return sum(one != another for one, another in pairs if None not in (one, another))

    return tuple(other for other in VALID_CELLS if differences(other) == 1)


def sample_architectures(
    count: int = 522, seed: int = 0, *, purpose: str = "sample"
) -> list[Architecture]:
    """Draw distinct architectures, the same list on every machine and Python version.

    Each cell is uniform over the 297 valid ones, and each skip bit is set with probability 1/2.
    A shorter list is a prefix of a longer one with the same seed. The architectures of the
    benchmark are others, the paper's own: `paper_architectures`.

    Args:
        count: how many, at least 1.
        seed: seed of the list.
        purpose: separates independent lists with one seed ("sample", or "candidates" for ISNAS).

    Raises:
        ConfigError: the count is not a whole number of at least 1.
    """
    check_whole("number of architectures", count, 1)
    stream = BitStream("architectures", purpose, seed)
    drawn: dict[Architecture, None] = {}
    while len(drawn) < count:
        cell = VALID_CELLS[stream.integer(len(VALID_CELLS))]
        skip = "".join(str(stream.integer(2)) for _ in range(SKIP_BITS))
        drawn.setdefault(Architecture(cell, skip))
    return list(drawn)


def check_size(height: int, width: int) -> None:
    """Raise `ImageError` unless the networks accept images of this size."""
    if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE or min(height, width) < MIN_SIZE:
        raise ImageError(
            f"an image of {height} x {width} does not fit the networks: height and width must be "
            f"multiples of {SIZE_MULTIPLE} and at least {MIN_SIZE}; crop or resize it"
        )
