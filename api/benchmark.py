"""The benchmark as an object: `NASDIPBench`.

Opening reads the manifest alone; tables and curves load on use, each checked against the manifest's
SHA-256 first. pandas, SciPy and h5py are imported by the methods that need them, torch by none.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from nasdip_bench.api.absent import kept_place, missing_run
from nasdip_bench.api.curve_reader import CurveReader
from nasdip_bench.api.index import RECORD_VALUES, Block, RunIndex
from nasdip_bench.api.lookup import ArchitectureLike, ArchitectureRows
from nasdip_bench.api.records import Curve, RunRecord
from nasdip_bench.dataset import DatasetFolder, Manifest
from nasdip_bench.errors import (
    ArchitectureError,
    DatasetError,
    MissingRunError,
    UnknownNameError,
    unknown_name,
)
from nasdip_bench.schema import STATUSES
from nasdip_bench.space import Architecture

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["NASDIPBench"]

TableName = Literal["architectures", "images", "runs", "scores"]

_WHOLE = tuple(RECORD_VALUES.index(n) for n in ("best_raw_iteration", "best_iteration"))
_AT_END = RECORD_VALUES.index("best_at_end")
_KEPT_CURVES = 1024  # of at most 256 points: 4 MB


class NASDIPBench:
    """Read access to a release of the benchmark.

    An architecture may be given as its row in the release, its canonical string, the name of a
    released model, or an `Architecture`.

    Args:
        path: the dataset folder.

    Raises:
        DatasetError: there is no dataset, or one that this version cannot read.
    """

    def __init__(self, path: Path | str = "data/") -> None:
        self._folder = DatasetFolder(path)
        self._manifest = self._folder.manifest
        self._index = RunIndex(self._folder)
        self._reader = CurveReader(self._folder)
        self._image_rows = {name: row for row, name in enumerate(self._manifest.images)}
        self._rows: ArchitectureRows | None = None
        self._lock = threading.Lock()
        self._curves: dict[tuple[str, str, int, int, int | None], Curve] = {}

    # What there is

    @property
    def path(self) -> Path:
        """The dataset folder."""
        return self._folder.path

    @property
    def manifest(self) -> Manifest:
        """What the release says of itself."""
        return self._manifest

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images."""
        return tuple(self._manifest.images)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks there are at any fidelity."""
        return self._index.tasks

    @property
    def fidelities(self) -> tuple[str, ...]:
        """Names of the fidelities, highest first."""
        return self._index.fidelities

    def __len__(self) -> int:
        return self._manifest.architectures

    @overload
    def __getitem__(self, row: int) -> Architecture: ...
    @overload
    def __getitem__(self, row: slice) -> list[Architecture]: ...
    def __getitem__(self, row: int | slice) -> Architecture | list[Architecture]:
        if isinstance(row, slice):
            return [self._architectures.architecture(i) for i in range(*row.indices(len(self)))]
        return self._architectures.architecture(self._architectures.row(row))

    def __iter__(self) -> Iterator[Architecture]:
        return (self._architectures.architecture(row) for row in range(len(self)))

    def __contains__(self, arch: object) -> bool:
        try:
            self._architectures.row(arch)  # type: ignore[arg-type]
        except (UnknownNameError, ArchitectureError):
            return False
        return True

    def arch_id(self, arch: ArchitectureLike) -> int:
        """The row of an architecture in this release.

        Raises:
            UnknownNameError: the release does not have it.
            ArchitectureError: it is no architecture at all.
        """
        return self._architectures.row(arch)

    def __repr__(self) -> str:
        m = self._manifest
        parts = []
        for fidelity in self.fidelities:
            for task in self.tasks:
                record = m.task(fidelity, task)
                if record is not None:
                    most = m.architectures * len(m.images) * max(1, len(record.seeds))
                    parts.append(f"{task} at {fidelity}: {record.runs} of {most} runs")
        return (
            f"NASDIPBench({str(self.path)!r}: {m.name} {m.version}, {m.architectures} "
            f"architectures x {len(m.images)} images ({m.image_set}); {'; '.join(parts)})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy in another process opens the folder itself: locks and files cannot travel.
        return type(self), (str(self.path),)

    def close(self) -> None:
        """Close the open curve files; they open again when needed."""
        self._reader.close()

    # Queries

    def query(
        self,
        arch: ArchitectureLike,
        image: str,
        task: str,
        fidelity: str | None = None,
        seed: int | None = None,
        iteration: int | None = None,
    ) -> RunRecord:
        """The result of a run, or the mean over the default seeds.

        Args:
            arch: an architecture.
            image: name.
            task: name.
            fidelity: None for the release's default for the task; the result names it.
            seed: None for the mean over the default seeds, which are those that are complete for
                the task and fidelity (where none is, the one with the most runs); the result names
                them.
            iteration: also the PSNR at this budget, 1..iterations; it must be one that was kept.

        Raises:
            UnknownNameError: an architecture, image, task, fidelity, seed or iteration that is not
                in the release.
            MissingRunError: a run that the release could hold and does not.
            ArchitectureError: no architecture at all.
        """
        arch_id, image_row, block = self._find(arch, image, task, fidelity)
        if iteration is None:
            return self._record(block, arch_id, image_row, seed)
        place = kept_place(block, self._reader.iterations(block.fidelity, task), iteration)
        curve = self._curve(block, arch_id, image_row, seed)
        return self._record(block, arch_id, image_row, seed)._replace(
            iteration=int(iteration),
            psnr_db=float(curve.psnr_db[place]),
            psnr_smooth_db=float(curve.psnr_smooth_db[place]),
        )

    def curve(
        self,
        arch: ArchitectureLike,
        image: str,
        task: str,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> Curve:
        """The kept points of a learning curve, or of the mean over the default seeds.

        Arguments and exceptions as in `query`. A point of a mean is NaN where one of its runs has
        no value there.
        """
        arch_id, image_row, block = self._find(arch, image, task, fidelity)
        return self._curve(block, arch_id, image_row, seed)

    def scores(
        self, arch: ArchitectureLike, image: str, task: str, fidelity: str | None = None
    ) -> dict[str, float]:
        """The training-free scores of an architecture.

        Returns:
            "proxy/reference", such as "psd_db_strip_mse/corrupted" or "psd_99_bandwidth/none", to
            the mean over the scoring initialisations; NaN where the release has a null.

        Raises:
            UnknownNameError: an architecture, image, task or fidelity not in the release.
            MissingRunError: the architecture was not scored on this image.
        """
        arch_id = self._architectures.row(arch)
        if not isinstance(image, str) or image not in self._image_rows:
            raise unknown_name("image", image, self.images)
        name, scores = self._index.scores(task, fidelity)
        values = scores.values[arch_id, self._image_rows[image]].tolist()
        present = scores.present[arch_id, self._image_rows[image]].tolist()
        found = {k: v for k, v, p in zip(scores.keys, values, present, strict=True) if p}
        if not found:
            scored = int(scores.present[:, self._image_rows[image]].any(axis=1).sum())
            raise MissingRunError(
                f"no scores of architecture {self._architectures.codes[arch_id]} on {image!r} for "
                f"{task!r} at fidelity {name!r}; this release scores {scored} of {len(self)} "
                f"architectures there"
            )
        return found

    # Whole tables and statistics

    def to_frame(self, name: TableName) -> pd.DataFrame:
        """A whole table, with the columns of `nasdip_bench.schema.RELEASE_TABLES`.

        Args:
            name: "runs", "scores", "architectures" or "images".

        Raises:
            UnknownNameError: no such table.
        """
        return self.to_arrow(name).to_pandas()

    def to_arrow(self, name: TableName) -> pa.Table:
        """The same as an Arrow table, which needs no pandas and carries units and meanings.

        Raises:
            UnknownNameError: no such table.
        """
        return self._folder.table(name)

    def kendall(
        self,
        task: str,
        target: str = "best_psnr_smooth_db",
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> pd.DataFrame:
        """Kendall's tau-b between a target and the scores; see `api.analysis.kendall`."""
        from nasdip_bench.api.analysis import kendall

        return kendall(self, task, target, fidelity, seed)

    def overlap(
        self,
        task: str,
        k: int = 10,
        target: str = "best_psnr_smooth_db",
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> pd.DataFrame:
        """Architectures that pairs of images share in their top k; see `api.analysis.overlap`."""
        from nasdip_bench.api.analysis import overlap

        return overlap(self, task, k, target, fidelity, seed)

    def coverage(self) -> pd.DataFrame:
        """What there is and what is missing; see `api.analysis.coverage`."""
        from nasdip_bench.api.analysis import coverage

        return coverage(self)

    # Inside

    @property
    def runs(self) -> RunIndex:
        """The runs and scores as dense arrays, for bulk work."""
        return self._index

    @property
    def _architectures(self) -> ArchitectureRows:
        if self._rows is None:
            rows = ArchitectureRows(self._folder.table("architectures")["architecture"].to_pylist())
            if len(rows) != len(self):
                raise DatasetError(
                    f"the manifest says {len(self)} architectures, the table has {len(rows)}; run "
                    f"'nasdip-bench verify'"
                )
            self._rows = rows
        return self._rows

    def _find(
        self, arch: ArchitectureLike, image: str, task: str, fidelity: str | None
    ) -> tuple[int, int, Block]:
        rows = self._rows or self._architectures
        arch_id = rows.row(arch)
        image_row = self._image_rows.get(image) if type(image) is str else None
        if image_row is None:
            raise unknown_name("image", image, self.images)
        return arch_id, image_row, self._index.block(task, fidelity)

    def _record(self, block: Block, arch_id: int, image_row: int, seed: int | None) -> RunRecord:
        if seed is None:
            # Records are immutable, so that one can be handed out again and again.
            found = block.cache.get((arch_id, image_row))
            if found is not None:
                return found  # type: ignore[no-any-return]
        summary = block.summary(seed)
        if not summary.present[arch_id, image_row]:
            absent = summary.rows[arch_id, image_row].tolist().index(-1)
            raise MissingRunError(
                missing_run(self, block, arch_id, image_row, summary.seeds[absent])
            )
        numbers: list[Any] = summary.values[arch_id, image_row].tolist()
        if len(summary.seeds) == 1:
            for place in _WHOLE:
                if numbers[place] == numbers[place]:  # not NaN
                    numbers[place] = int(numbers[place])
        numbers[_AT_END] = numbers[_AT_END] > 0
        record = RunRecord(
            arch_id,
            self._architectures.codes[arch_id],
            self._manifest.images[image_row],
            block.task,
            block.fidelity,
            summary.seeds,
            STATUSES[summary.status[arch_id, image_row]],
            block.record.iterations,
            block.record.stop,
            *numbers,
        )
        if seed is None:
            block.cache[arch_id, image_row] = record
        return record

    def _curve(self, block: Block, arch_id: int, image_row: int, seed: int | None) -> Curve:
        key = (block.fidelity, block.task, arch_id, image_row, seed)
        found = self._curves.get(key) if type(seed) is not bool else None
        if found is None:
            record = self._record(block, arch_id, image_row, seed)
            rows = block.summary(seed).rows[arch_id, image_row]
            curves = [
                self._reader.curve(block.fidelity, block.task, int(block.columns["curve_row"][row]))
                for row in rows
            ]
            psnr_db, psnr_smooth_db = np.mean(curves, axis=0)
            psnr_db.setflags(write=False)
            psnr_smooth_db.setflags(write=False)
            iterations = self._reader.iterations(block.fidelity, block.task)
            found = Curve(iterations, psnr_db, psnr_smooth_db, *record[:7])
            with self._lock:
                while len(self._curves) >= _KEPT_CURVES:
                    self._curves.pop(next(iter(self._curves)))
                self._curves[key] = found
        return found
