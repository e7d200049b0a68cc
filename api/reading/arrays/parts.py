"""Read learning curves and observables part by part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.curve_parts import KINDS, CurvePart, part_of
from nasdip_bench.dataset.curves import CODES, MISSING, decode
from nasdip_bench.dataset.manifest import part_path
from nasdip_bench.errors import DatasetError

from .block import Block


class PartReader:
    """The curves or observables of runs. Safe to share between threads and after a fork.

    A part is read when one of its runs is first requested, and then kept. At worst, two threads
    read it twice. ``kind`` is one of `nasdip_bench.dataset.curve_parts.KINDS`.
    """

    def __init__(self, folder: DatasetFolder, kind: str) -> None:
        self._folder, self._kind = folder, kind
        self._parts: dict[tuple[str, str, int, int], CurvePart] = {}
        self._iterations: dict[tuple[str, str], NDArray[np.int32]] = {}

    def has(self, block: Block, seed: int, arch_id: int) -> bool:
        """Whether the release has the part that a run belongs to."""
        path = part_path(self._kind, block.fidelity, block.task, seed, part_of(arch_id))
        return path in self._folder.manifest.files

    def iterations(self, block: Block) -> NDArray[np.int32]:
        """(P,) int32, ascending, read-only: the kept iterations, the same in all parts.

        Raises:
            DatasetError: the release has no part, or the first is missing or damaged.
        """
        fidelity, task = where = block.fidelity, block.task
        if where not in self._iterations:
            beginning = f"{self._kind}/{fidelity}-{task}-s"
            files = [path for path in self._folder.manifest.files if path.startswith(beginning)]
            seed, _, part = min(files, default="")[len(beginning) : -len(".h5")].partition("-")
            if not (seed.isdecimal() and part.isdecimal()):
                raise DatasetError(
                    f"the release has no {self._kind} of {task} at {fidelity}; run 'nasdip-bench "
                    f"verify'"
                )
            self._part(fidelity, task, int(seed), int(part))
        return self._iterations[where]

    def codes(
        self, block: Block, seed: int, arch_ids: NDArray[np.integer], images: NDArray[np.integer]
    ) -> dict[str, NDArray[np.uint16]]:
        """By name, (run, P) uint16 of some runs of a seed; all missing where a part lacks an array.

        Args:
            arch_ids: (run,) rows of their architectures.
            images: (run,) positions of their images.

        Raises:
            DatasetError: a file is missing or damaged, or lacks a row.
        """
        parts = part_of(np.asarray(arch_ids, np.int32))
        rows = block.curve_row[arch_ids, images, block.position(seed)]
        shape = len(parts), len(self.iterations(block))
        found = {name: np.full(shape, MISSING, np.uint16) for name in KINDS[self._kind]}
        for number in np.unique(parts).tolist():
            mine = np.flatnonzero(parts == number)
            wanted = rows[mine]
            key = block.fidelity, block.task, seed, number
            part = self._part(*key, int(wanted.min()), int(wanted.max()))
            for name, codes in part.codes.items():
                found[name][mine] = codes[wanted]
        return found

    def values(
        self, block: Block, seed: int, arch_id: int, image: int
    ) -> dict[str, NDArray[np.float64]]:
        """By name, (P,) float64 of a run, NaN where missing; see `codes` for the arguments."""
        row = int(block.curve_row[arch_id, image, block.position(seed)])
        part = self._part(block.fidelity, block.task, seed, part_of(arch_id), row, row)
        nothing = np.full(len(part.iterations), np.nan)
        return {
            name: decode(part.codes[name][row], CODES[name]) if name in part.codes else nothing
            for name in KINDS[self._kind]
        }

    def _part(
        self, fidelity: str, task: str, seed: int, number: int, lowest: int = 0, highest: int = 0
    ) -> CurvePart:
        """A part that has the requested rows."""
        key = (fidelity, task, seed, number)
        found = self._parts.get(key)
        if found is None:
            found = self._parts[key] = self._read(*key)
        count = min(map(len, found.codes.values()), default=0)
        if not 0 <= lowest <= highest < count:
            raise DatasetError(
                f"runs.parquet names a curve_row outside 0..{count - 1} of "
                f"{part_path(self._kind, *key)}; run 'nasdip-bench verify'"
            )
        return found

    def _read(self, fidelity: str, task: str, seed: int, number: int) -> CurvePart:
        part = self._folder.part(self._kind, fidelity, task, seed, number)
        kept = self._iterations.setdefault((fidelity, task), part.iterations)
        if not np.array_equal(kept, part.iterations):
            raise DatasetError(
                f"{part_path(self._kind, fidelity, task, seed, number)} keeps different iterations "
                f"than another part; run 'nasdip-bench verify'"
            )
        return part
