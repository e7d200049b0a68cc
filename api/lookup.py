"""From what users call an architecture to its row in a release, and what to say where it has none.

Must not import torch or pandas.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasdip_bench.errors import DatasetError, UnknownNameError
from nasdip_bench.space import Architecture

__all__ = ["ArchitectureLike", "ArchitectureRows"]

ArchitectureLike = int | str | Architecture
"""Row in the release, canonical string, name of a released model, or `Architecture`."""

_SHOWN = 3


class ArchitectureRows:
    """The architectures of a release, in order.

    Args:
        codes: canonical strings, by row.

    Raises:
        DatasetError: a code that is not a canonical string, or one that is there twice.
    """

    def __init__(self, codes: Sequence[str]) -> None:
        self.codes = tuple(codes)
        self._rows = {code: row for row, code in enumerate(self.codes)}
        if len(self._rows) != len(self.codes):
            raise DatasetError("architectures.parquet holds an architecture twice; release again")
        # Parsing all of them costs more than opening the dataset, so it waits until it is asked.
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
            ArchitectureError: it is no architecture at all.
        """
        if isinstance(arch, str):
            found = self._rows.get(arch)
            if found is not None:
                return found
        if type(arch) is int or (isinstance(arch, int | np.integer) and not isinstance(arch, bool)):
            if 0 <= arch < len(self.codes):
                return int(arch)
            raise UnknownNameError(
                f"no architecture in row {arch}; this release has rows 0..{len(self.codes) - 1}"
            )
        parsed = Architecture.parse(arch)  # type: ignore[arg-type]
        found = self._rows.get(str(parsed))
        if found is None:
            raise UnknownNameError(self._absent(parsed))
        return found

    def __contains__(self, arch: Architecture) -> bool:
        return str(arch) in self._rows

    def _absent(self, arch: Architecture) -> str:
        others = [Architecture.parse(code) for code in self.codes]

        def distance(other: Architecture) -> int:
            return sum(a != b for a, b in zip(arch.skip, other.skip, strict=True))

        near = []
        same_cell = sorted((o for o in others if o.cell == arch.cell), key=distance)[:_SHOWN]
        same_skip = [o for o in others if o.skip == arch.skip][:_SHOWN]
        if same_cell:
            near.append(f"With the same cell: {', '.join(map(str, same_cell))}.")
        if same_skip:
            near.append(f"With the same skip pattern: {', '.join(map(str, same_skip))}.")
        if not near:
            near.append(f"The nearest skip pattern is in {min(others, key=distance)}.")
        return (
            f"architecture {str(arch)!r} is not in this release of {len(others)} architectures. "
            f"{' '.join(near)} Rows 0..{len(others) - 1} and bench[i] list all of them."
        )
