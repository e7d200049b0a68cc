"""What a release holds.

Opening it reads only the manifest; each file is checked against its SHA-256 when it is first read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import MANIFEST, DatasetFolder
from nasdip_bench.errors import ArchitectureError, DatasetError, UnknownNameError
from nasdip_bench.space import Architecture

from .architectures import ArchitectureLike, ArchitectureRows
from .arrays.columns import strings
from .arrays.index import RunIndex


def default_dataset() -> Path:
    """``./data`` if it is a dataset, else the one shipped with the package.

    In an editable install, that is the dataset of the checkout.
    """
    here, installed = Path("data"), Path(str(resources.files("nasdip_bench")))
    shipped = next(
        (path for path in (installed / "data", installed.parent / "data") if _is_dataset(path)),
        here,
    )
    return here if _is_dataset(here) else shipped


def _is_dataset(path: Path) -> bool:
    return (path / MANIFEST).is_file()


class Release:
    """What a release holds.

    Args:
        path: the dataset folder; None for `default_dataset`.

    Attributes:
        path: the dataset folder.
        manifest: what the release states about itself.
        images: names of the images.
        tasks: names of the tasks at any fidelity.
        fidelities: names of the fidelities, highest first.
        runs: the runs and scores as dense arrays, for bulk work.

    Raises:
        DatasetError: there is no dataset, or this version cannot read it.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._folder = DatasetFolder(default_dataset() if path is None else path)
        self.path = self._folder.path
        self.manifest = self._folder.manifest
        self.images = tuple(self.manifest.images)
        self.runs = RunIndex(self._folder)
        self.tasks, self.fidelities = self.runs.tasks, self.runs.fidelities

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the runs of any task at any fidelity, ascending."""
        records = (self.manifest.task(f, t) for f in self.fidelities for t in self.tasks)
        return tuple(sorted({int(seed) for record in records if record for seed in record.seeds}))

    @property
    def image_channels(self) -> tuple[int, ...]:
        """Channels of the images, 1 for gray or 3 for colour."""
        return tuple(self._folder.table("images", "string")["channels"].to_pylist())

    @property
    def proxies(self) -> tuple[str, ...]:
        """The scores of any task at any fidelity, as "proxy/reference"."""
        return self.runs.proxies

    @property
    def default_fidelity(self) -> dict[str, str]:
        """By task, the fidelity used if none is requested."""
        return {task: self.runs.fidelity_of(task, None) for task in self.tasks}

    def __len__(self) -> int:
        return self.manifest.architectures

    @overload
    def __getitem__(self, row: int) -> Architecture: ...
    @overload
    def __getitem__(
        self, row: slice | Sequence[int] | NDArray[np.integer]
    ) -> list[Architecture]: ...
    def __getitem__(
        self, row: int | slice | Sequence[int] | NDArray[np.integer]
    ) -> Architecture | list[Architecture]:
        if isinstance(row, slice):
            row = range(*row.indices(len(self)))
        if isinstance(row, range | list | tuple | np.ndarray):
            return [self[one] for one in row]
        return self.architecture_rows.architecture(self.arch_id(row))  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Architecture]:
        return (self.architecture_rows.architecture(row) for row in range(len(self)))

    def __contains__(self, arch: object) -> bool:
        try:
            self.architecture_rows.row(arch)  # type: ignore[arg-type]
        except (UnknownNameError, ArchitectureError):
            return False
        return True

    @property
    def codes(self) -> tuple[str, ...]:
        """Canonical strings of the architectures, by row."""
        return self.architecture_rows.codes

    def arch_id(self, arch: ArchitectureLike) -> int:
        """The row of an architecture in this release.

        Raises:
            UnknownNameError: the release does not have it.
            ArchitectureError: it is not an architecture.

        Example:
            >>> bench = NASDIPBench("data/")
            >>> bench.arch_id(str(bench[7]))
            7
        """
        return self.architecture_rows.row(arch)

    def __repr__(self) -> str:
        m = self.manifest
        parts = []
        for fidelity in self.fidelities:
            for task in self.tasks:
                record = m.task(fidelity, task)
                if record is not None:
                    most = m.architectures * len(m.images) * max(1, len(record.seeds))
                    parts.append(f"{task} at {fidelity}: {record.runs} of {most} runs")
        return (
            f"{type(self).__name__}({str(self.path)!r}: {m.name} {m.version}, {m.architectures} "
            f"architectures x {len(m.images)} images ({m.image_set}); {'; '.join(parts)})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy in another process opens the folder itself, so only the path travels.
        return type(self), (str(self.path),)

    @cached_property
    def architecture_rows(self) -> ArchitectureRows:
        """The architectures by row; read when first needed."""
        # Dictionary-encoded, as read: decoding would import pyarrow.compute, which takes a quarter
        # of the time to the first query.
        places, names = strings(self._folder.table("architectures", "dictionary")["architecture"])
        rows = ArchitectureRows([names[place] for place in places])
        if len(rows) != len(self):
            raise DatasetError(
                f"the manifest says {len(self)} architectures, the table has {len(rows)}; run "
                f"'nasdip-bench verify'"
            )
        return rows
