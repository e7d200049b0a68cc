"""Read single runs of a release: results, curves, observables, scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nasdip_bench.dataset.curve_parts import KINDS
from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.errors import MissingRunError

from .architectures import ArchitectureLike
from .arrays.block import Block
from .arrays.names import image_position, kept_place, missing_run, unknown_image
from .records.curves import Curve, Observables
from .records.run import NUMBERS, Replicates, RunRecord
from .records.score_values import ScoreValues
from .tables import ReleaseTables

_WHOLE = tuple(place for place, name in enumerate(NUMBERS) if name.endswith("_iteration"))
_AT_END = NUMBERS.index("best_at_end")
_KEPT_CURVES = 1024  # at most 128 points each: 3 MB


class ReleaseReader(ReleaseTables):
    """Queries of a release; `nasdip_bench.api.benchmark` adds statistics and documents both."""

    def __init__(self, path: Path | str | None = None) -> None:
        super().__init__(path)
        self._kept: dict[tuple[str, str, int, int, int | None], Curve] = {}

    def query(
        self,
        arch: ArchitectureLike,
        image: str,
        task: str,
        *,
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
            seed: None for the mean over the default seeds; the result names them. These are the
                seeds that are complete for the task and fidelity; if none is, the one with the
                most runs.
            iteration: also return the PSNR at this iteration, 1..iterations; it must be a kept one.

        Raises:
            UnknownNameError: an architecture, image, task, fidelity, seed or iteration that is not
                in the release.
            MissingRunError: a run that the release could hold but does not.
            ArchitectureError: not an architecture.

        Example:
            >>> run = NASDIPBench("data/").query(0, "lena", "denoise")
            >>> run.fidelity, run.best_psnr_smooth_db >= run.stopped_psnr_smooth_db
            ('r64c16', True)
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
        *,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> Curve:
        """The kept points of a learning curve, or of the mean over the default seeds.

        See `query` for arguments and exceptions. A point of a mean is NaN if one of its runs has
        no value there.

        Example:
            >>> curve = NASDIPBench("data/").curve(0, "lena", "denoise")
            >>> curve.psnr_db.shape == curve.iterations.shape
            True
        """
        arch_id, image_row, block = self._find(arch, image, task, fidelity)
        return self._curve(block, arch_id, image_row, seed)

    def observables(
        self,
        arch: ArchitectureLike,
        image: str,
        task: str,
        *,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> Observables:
        """What a run recorded without the ground truth, at the kept points of its curve.

        See `query` for arguments and exceptions, except that ``seed=None`` means the first default
        seed. MissingRunError also if the release has no observables for the run.

        Example:
            >>> found = NASDIPBench("data/").observables(0, "lena", "denoise")
            >>> len(found.values_db)
            8
        """
        arch_id, image_row, block = self._find(arch, image, task, fidelity)
        one = block.choose_seeds(seed)[0]
        record = self._record(block, arch_id, image_row, one)
        if not self._observables.has(block.fidelity, task, one, arch_id):
            raise MissingRunError(
                f"no observables of architecture {record.architecture} on {image!r} for {task!r} "
                f"at fidelity {block.fidelity!r} with seed {one}: this release has none for the "
                f"run, as for all imported runs; releases of 'nasdip-build' have them"
            )
        row = int(block.columns["curve_row"][block.rows[arch_id, image_row, block.position(one)]])
        values = self._observables.values(block.fidelity, task, one, arch_id, row)
        for array in values.values():
            array.setflags(write=False)
        iterations = self._observables.iterations(block.fidelity, task)
        return Observables(iterations, values, *record[:5], one, record.status)

    def replicates(
        self, arch: ArchitectureLike, image: str, task: str, *, fidelity: str | None = None
    ) -> Replicates:
        """The runs of an architecture that differ only in the seed, with mean and spread.

        See `query` for arguments and exceptions.

        Example:
            >>> found = NASDIPBench("data/").replicates(0, "lena", "denoise")
            >>> len(found.runs) == len(found.seeds)
            True
        """
        arch_id, image_row, block = self._find(arch, image, task, fidelity)
        there = block.rows[arch_id, image_row] >= 0
        seeds = [one for one, is_there in zip(block.seeds, there, strict=True) if is_there]
        if not seeds:
            raise MissingRunError(self._missing(block, arch_id, image_row, block.seeds[0]))
        return Replicates.of([self._record(block, arch_id, image_row, one) for one in seeds])

    def scores(
        self,
        arch: ArchitectureLike,
        image: str,
        task: str,
        *,
        fidelity: str | None = None,
        seed: int | None = None,
    ) -> ScoreValues:
        """The training-free scores of an architecture.

        Args:
            arch: an architecture.
            image: name.
            task: name.
            fidelity: None for the release's default for the task.
            seed: seed of the corruption that a score sees; None for the mean over the default seeds
                (`nasdip_bench.api.reading.arrays.index.RunIndex.scores`). Scores that see none are
                the same for every seed; scores missing for the seed are left out.

        Returns:
            a dictionary from "proxy/reference", such as "psd_db_strip_mse/corrupted", to the mean
            over the scoring initialisations, NaN where the release has a null. A name alone works
            too: "psd_db_strip_mse".

        Raises:
            UnknownNameError: an architecture, image, task, fidelity or seed not in the release.
            MissingRunError: the architecture was not scored on this image.

        Example:
            >>> found = NASDIPBench("data/").scores(0, "lena", "denoise")
            >>> found["psd_db_strip_mse/corrupted"] > 0
            True
        """
        arch_id = self.architecture_rows.row(arch)
        image_row = image_position(image, self.images, self.tasks)
        name, scores = self._index.scores(task, fidelity, seed)
        values = scores.values[arch_id, image_row].tolist()
        present = scores.present[arch_id, image_row].tolist()
        all_of_it = zip(scores.keys, values, present, strict=True)
        found = ScoreValues({key: value for key, value, there in all_of_it if there})
        if not found:
            scored = int(scores.present[:, image_row].any(axis=1).sum())
            of_seed = "" if seed is None else f" with seed {seed}"
            raise MissingRunError(
                f"no scores of architecture {self.codes[arch_id]} on {image!r} for "
                f"{task!r} at fidelity {name!r}{of_seed}; this release scores {scored} of "
                f"{len(self)} architectures there"
            )
        return found

    def _find(
        self, arch: ArchitectureLike, image: str, task: str, fidelity: str | None
    ) -> tuple[int, int, Block]:
        rows = self._rows or self.architecture_rows
        arch_id = rows.row(arch)
        image_row = self._image_rows.get(image) if isinstance(image, str) else None
        if image_row is None:
            raise unknown_image(image, self.images, self.tasks)
        return arch_id, image_row, self._index.block(task, fidelity)

    def _record(self, block: Block, arch_id: int, image_row: int, seed: int | None) -> RunRecord:
        # Records are immutable, so one can be handed out repeatedly. Not for a seed that only
        # equals a number, such as True, which is rejected.
        kept = seed is None or type(seed) is int
        if kept:
            found = block.cache.get((arch_id, image_row, seed))
            if found is not None:
                return found  # type: ignore[no-any-return]
        summary = block.summary(seed)
        if not summary.present[arch_id, image_row]:
            absent = summary.rows[arch_id, image_row].tolist().index(-1)
            raise MissingRunError(self._missing(block, arch_id, image_row, summary.seeds[absent]))
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

    def _missing(self, block: Block, arch_id: int, image_row: int, seed: int) -> str:
        arch, image = (arch_id, self.codes[arch_id]), (image_row, self.images[image_row])
        return missing_run(self._index, block, arch, image, seed)

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
