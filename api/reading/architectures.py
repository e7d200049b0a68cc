"""Find the row of an architecture in a release, or explain why it has none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ArchitectureError, DatasetError, UnknownNameError
from nasdip_bench.space import Architecture, Neighbourhood, encode_choices

ArchitectureLike = int | str | Architecture
"""Row in the release, canonical string, name of a released model, or `Architecture`."""

_SHOWN = 3


class ArchitectureRows:
    """The architectures of a release, by their canonical strings in order.

    Raises:
        DatasetError: a code is not a canonical string, or occurs twice.
    """

    def __init__(self, codes: Sequence[str]) -> None:
        self.codes = tuple(codes)
        self._rows = {code: row for row, code in enumerate(self.codes)}
        if len(self._rows) != len(self.codes):
            raise DatasetError("architectures.parquet holds an architecture twice; release again")
        # Parsing all of them costs more than opening the dataset, so it is done on demand.
        self._parsed: dict[int, Architecture] = {}

    def __len__(self) -> int:
        return len(self.codes)

    def architecture(self, row: int) -> Architecture:
        """The architecture of a row that exists."""
        if row not in self._parsed:
            self._parsed[row] = Architecture.parse(self.codes[row])
        return self._parsed[row]

    def row(self, arch: ArchitectureLike) -> int:
        """The row of an architecture.

        Raises:
            UnknownNameError: the release does not have it.
            ArchitectureError: it is not an architecture.
        """
        if isinstance(arch, str):
            found = self._rows.get(arch)
            if found is not None:
                return found
        if isinstance(arch, int | np.integer) and not isinstance(arch, bool):
            if 0 <= arch < len(self.codes):
                return int(arch)
            raise UnknownNameError(
                f"no architecture in row {arch}; this release has rows 0..{len(self.codes) - 1}"
            )
        if isinstance(arch, str) and arch.isdecimal():
            raise ArchitectureError(
                f"{arch!r} is not an architecture; a row is a whole number: {int(arch)}"
            )
        if not isinstance(arch, str | Architecture):
            raise ArchitectureError(
                f"{arch!r:.60} is not an architecture; give its row, a whole number, or its code"
            )
        parsed = Architecture.parse(arch)
        found = self._rows.get(str(parsed))
        if found is None:
            raise UnknownNameError(self._absent(parsed))
        return found

    def meant(self, arch: ArchitectureLike) -> Architecture:
        """The architecture itself; one that is not given by its row need not be in the release.

        Raises:
            UnknownNameError: the release does not have the row.
            ArchitectureError: it is not an architecture.
        """
        if isinstance(arch, int | np.integer):
            return self.architecture(self.row(arch))
        return Architecture.parse(arch)

    def distances(self, arch: Architecture) -> NDArray[np.intp]:
        """(n,): in how many choices, 0..31, each architecture differs from the given one.

        The choices are the 25 skip bits and six of the cell: sampling, transform, kernel,
        activation, the order of sampling and transform, and dilation.
        """
        return self._near.distances(encode_choices(arch))

    @cached_property
    def _near(self) -> Neighbourhood:
        return Neighbourhood(self.codes)

    @cached_property
    def samplings(self) -> NDArray[np.intp]:
        """(n,) the sampling of the cell and its order with the transform, as a number."""
        kinds = [self.architecture(row).attributes for row in range(len(self))]
        names = [f"{kind.sampling} {kind.transform_first}" for kind in kinds]
        return np.unique(names, return_inverse=True)[1]

    def __contains__(self, arch: Architecture) -> bool:
        return str(arch) in self._rows

    def _absent(self, arch: Architecture) -> str:
        distances = self.distances(arch)
        near = ", ".join(self.codes[row] for row in np.argsort(distances, kind="stable")[:_SHOWN])
        return (
            f"architecture {str(arch)!r} is not in this release of {len(self)} architectures. "
            f"The nearest are {near}. Rows 0..{len(self) - 1} and bench[i] list all of them."
        )
