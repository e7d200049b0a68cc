"""Reading a release: runs, curves, scores and tables, each loaded on use.

Opening reads the manifest alone; tables and curves load on use, and what is read of them is
compared with its SHA-256 first. pandas is imported by the methods that need it, torch by none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder, Manifest
from nasdip_bench.dataset.curve_parts import KINDS
from nasdip_bench.dataset.curves import CODES, decode_float32
from nasdip_bench.dataset.distances import Distances
from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.errors import (
    ArchitectureError,
    DatasetError,
    MissingRunError,
    UnknownNameError,
    unknown_name,
)
from nasdip_bench.observables import SSIM
from nasdip_bench.space import Architecture
from nasdip_bench.storage.locks import ForkSafeLock

from .architectures import ArchitectureLike, ArchitectureRows
from .columns import strings
from .missing import kept_place, missing_run
from .parts import PartReader
from .records import Curve, CurveArrays, Observables, Replicates, RunRecord
from .runs import RECORD_VALUES, Block, RunIndex

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["ReleaseReader", "TableName"]

TableName = Literal["architectures", "images", "runs", "scores", "corruptions", "stops", "reruns"]

_WHOLE = tuple(place for place, name in enumerate(RECORD_VALUES) if name.endswith("_iteration"))
_AT_END = RECORD_VALUES.index("best_at_end")
_KEPT_CURVES = 1024  # of at most 128 points: 3 MB


class ReleaseReader:
    """Read access to a release; `nasdip_bench.api.benchmark` adds what is computed from it.

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
        self._reader = PartReader(self._folder, "curves")
        self._observables = PartReader(self._folder, "observables")
        self._distances: dict[tuple[str, str], Distances] = {}
        self._image_rows = {name: row for row, name in enumerate(self._manifest.images)}
        self._rows: ArchitectureRows | None = None
        self._lock = ForkSafeLock()
        self._kept: dict[tuple[str, str, int, int, int | None], Curve] = {}

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

    @property
    def codes(self) -> tuple[str, ...]:
        """Canonical strings of the architectures, by row."""
        return self._architectures.codes

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
            f"{type(self).__name__}({str(self.path)!r}: {m.name} {m.version}, {m.architectures} "
            f"architectures x {len(m.images)} images ({m.image_set}); {'; '.join(parts)})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy in another process opens the folder itself: locks and files cannot travel.
        return type(self), (str(self.path),)

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
        curve = self._curve(block, arch_id, image_row, seed)
        place = kept_place(block, curve.iterations, iteration)
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

    def curves(
        self, task: str, fidelity: str | None = None, seed: int | None = None
    ) -> CurveArrays:
        """All learning curves of a task at a fidelity, as arrays.

        Args:
            task: name.
            fidelity: None for the release's default for the task; the result names it.
            seed: None for every seed there is.

        Raises:
            UnknownNameError: a task, fidelity or seed that there is not.
            MissingRunError: the release has no run of the task at the fidelity.
        """
        block = self._index.block(task, fidelity)
        seeds = block.seeds if seed is None else block.choose_seeds(seed)
        iterations = self._reader.iterations(block.fidelity, task)
        shape = len(self), len(self.images), len(seeds), len(iterations)
        arrays = {name: np.full(shape, np.nan, np.float32) for name in KINDS["curves"]}
        for place, one in enumerate(seeds):
            rows = block.rows[:, :, block.position(one)]
            arch_ids, images = np.nonzero(rows >= 0)
            places = block.columns["curve_row"][rows[arch_ids, images]]
            for name, codes in self._reader.codes(
                block.fidelity, task, one, arch_ids, places
            ).items():
                arrays[name][arch_ids, images, place] = decode_float32(codes, CODES[name])
        return CurveArrays(
            iterations,
            arrays["psnr"],
            arrays["psnr_smooth"],
            arrays[SSIM],
            task,
            block.fidelity,
            self.images,
            seeds,
        )

    def observables(
        self,
        arch: ArchitectureLike,
        image: str,
        task: str,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> Observables:
        """What a run recorded without the ground truth, at the kept points of its curve.

        Args:
            arch: an architecture.
            image: name.
            task: name.
            fidelity: None for the release's default for the task; the result names it.
            seed: None for the first of the default seeds; the result names it.

        Raises:
            UnknownNameError: an architecture, image, task, fidelity or seed that is not in the
                release.
            MissingRunError: the release has no such run, or no observables of it.
            ArchitectureError: no architecture at all.
        """
        arch_id, image_row, block = self._find(arch, image, task, fidelity)
        one = block.choose_seeds(seed)[0]
        record = self._record(block, arch_id, image_row, one)
        if not self._observables.has(block.fidelity, task, one, arch_id):
            raise MissingRunError(
                f"no observables of architecture {record.architecture} on {image!r} for {task!r} "
                f"at fidelity {block.fidelity!r} with seed {one}: this release has none of the "
                f"run, as of all runs that were imported; releases of 'nasdip-build' have them"
            )
        row = int(block.columns["curve_row"][block.rows[arch_id, image_row, block.position(one)]])
        values = self._observables.values(block.fidelity, task, one, arch_id, row)
        for array in values.values():
            array.setflags(write=False)
        iterations = self._observables.iterations(block.fidelity, task)
        return Observables(iterations, values, *record[:5], one, record.status)

    def replicates(
        self, arch: ArchitectureLike, image: str, task: str, fidelity: str | None = None
    ) -> Replicates:
        """The runs of an architecture that differ in the seed alone, with mean and spread.

        Arguments and exceptions as in `query`.
        """
        arch_id, image_row, block = self._find(arch, image, task, fidelity)
        there = block.rows[arch_id, image_row] >= 0
        seeds = [one for one, is_there in zip(block.seeds, there, strict=True) if is_there]
        if not seeds:
            raise MissingRunError(missing_run(self, block, arch_id, image_row, block.seeds[0]))
        return Replicates.of([self._record(block, arch_id, image_row, one) for one in seeds])

    def across_fidelities(
        self, arch: ArchitectureLike, image: str, task: str
    ) -> dict[str, Replicates]:
        """What there is of an architecture at each fidelity, highest first.

        Fidelities that have no run of it are left out; arguments and exceptions as in `query`.
        """
        found = {}
        for fidelity in self.fidelities:
            try:
                found[fidelity] = self.replicates(arch, image, task, fidelity)
            except MissingRunError as error:
                absent = error
        if not found:
            raise absent
        return found

    def scores(
        self,
        arch: ArchitectureLike,
        image: str,
        task: str,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> dict[str, float]:
        """The training-free scores of an architecture.

        Args:
            arch: an architecture.
            image: name.
            task: name.
            fidelity: None for the release's default for the task.
            seed: of the corruption that a score sees; None for the mean over the default seeds
                (`nasdip_bench.api.reading.runs.RunIndex.scores`). Scores that see none are the same
                for every seed; those of a seed that was not scored are left out.

        Returns:
            "proxy/reference", such as "psd_db_strip_mse/corrupted" or "psd_99_bandwidth/none", to
            the mean over the scoring initialisations; NaN where the release has a null.

        Raises:
            UnknownNameError: an architecture, image, task, fidelity or seed not in the release.
            MissingRunError: the architecture was not scored on this image.
        """
        arch_id = self._architectures.row(arch)
        if not isinstance(image, str) or image not in self._image_rows:
            raise unknown_name("image", image, self.images)
        name, scores = self._index.scores(task, fidelity, seed)
        values = scores.values[arch_id, self._image_rows[image]].tolist()
        present = scores.present[arch_id, self._image_rows[image]].tolist()
        found = {k: v for k, v, p in zip(scores.keys, values, present, strict=True) if p}
        if not found:
            scored = int(scores.present[:, self._image_rows[image]].any(axis=1).sum())
            of_seed = "" if seed is None else f" with seed {seed}"
            raise MissingRunError(
                f"no scores of architecture {self.codes[arch_id]} on {image!r} for "
                f"{task!r} at fidelity {name!r}{of_seed}; this release scores {scored} of "
                f"{len(self)} architectures there"
            )
        return found

    # Whole tables

    def to_frame(self, name: TableName, categories: bool = False) -> pd.DataFrame:
        """A whole table, with the columns that `docs/data.md` explains.

        Args:
            name: "runs", "scores", "corruptions", "stops", "reruns", "architectures" or
                "images".
            categories: columns of strings as unordered categoricals, faster to group by. With
                pandas 2, say ``observed=True`` to ``groupby``.

        Raises:
            UnknownNameError: no such table.
        """
        # pandas keeps strings with 64-bit offsets: of others it would make a copy.
        table = self._folder.table(name, "dictionary" if categories else "large_string")
        return table.to_pandas(use_threads=False)  # see `nasdip_bench.storage.files.read_parquet`

    def to_arrow(self, name: TableName, categories: bool = False) -> pa.Table:
        """The same as an Arrow table, which needs no pandas and carries units and meanings.

        Args:
            name: as in `to_frame`.
            categories: columns of strings as dictionaries.

        Raises:
            UnknownNameError: no such table.
        """
        return self._folder.table(name, "dictionary" if categories else "string")

    def score_values(self) -> NDArray[np.float32]:
        """The single values of the scores, of which ``value`` is the mean.

        Returns:
            (row, initialisation) float32, rows as of ``to_frame("scores")``; NaN behind the last of
            a row.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        return self._folder.score_values()

    # Inside

    @property
    def runs(self) -> RunIndex:
        """The runs and scores as dense arrays, for bulk work."""
        return self._index

    def distances(self, task: str, fidelity: str | None = None) -> Distances:
        """How far the restorations of a task are from each other, at the fidelity's stop.

        Args:
            task: name.
            fidelity: None for the release's default for the task.

        Raises:
            UnknownNameError: no such task or fidelity in the release.
            MissingRunError: the release has no distances of the task at the fidelity.
            DatasetError: the file is damaged.
        """
        name = self._index.fidelity_of(task, fidelity)
        if not self._folder.has_distances(name, task):
            raise MissingRunError(
                f"this release has no distances between the restorations of {task} at {name}: "
                f"'nasdip-build release' of the build folder writes them"
            )
        with self._lock:
            if (name, task) not in self._distances:
                self._distances[name, task] = self._folder.distances(name, task)
            return self._distances[name, task]

    @property
    def _architectures(self) -> ArchitectureRows:
        if self._rows is None:
            # Encoded, as it was read: writing strings out would import pyarrow.compute, which takes
            # a quarter of the time to the first query.
            places, names = strings(
                self._folder.table("architectures", "dictionary")["architecture"]
            )
            rows = ArchitectureRows([names[place] for place in places])
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
        # Records are immutable, so that one can be handed out again and again. Not for a seed that
        # only equals a number, such as True, which is refused.
        kept = seed is None or type(seed) is int
        if kept:
            found = block.cache.get((arch_id, image_row, seed))
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
            self.codes[arch_id],
            self._manifest.images[image_row],
            block.task,
            block.fidelity,
            summary.seeds,
            STATUSES[summary.status[arch_id, image_row]],
            block.record.iterations,
            block.record.stop,
            *numbers,
        )
        if kept:
            block.cache[arch_id, image_row, seed] = record
        return record

    def _curve(self, block: Block, arch_id: int, image_row: int, seed: int | None) -> Curve:
        key = (block.fidelity, block.task, arch_id, image_row, seed)
        found = self._kept.get(key) if seed is None or type(seed) is int else None
        if found is None:
            record = self._record(block, arch_id, image_row, seed)
            rows = block.columns["curve_row"][block.summary(seed).rows[arch_id, image_row]]
            by_seed = [
                self._reader.values(block.fidelity, block.task, one, arch_id, row)
                for one, row in zip(record.seeds, rows.tolist(), strict=True)
            ]
            raw, smooth, ssim = (
                np.mean([of[name] for of in by_seed], axis=0) for name in KINDS["curves"]
            )
            for mean in (raw, smooth, ssim):
                mean.setflags(write=False)
            iterations = self._reader.iterations(block.fidelity, block.task)
            found = Curve(iterations, raw, smooth, ssim, *record[:7])
            with self._lock:
                while len(self._kept) >= _KEPT_CURVES:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[key] = found
        return found
