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
from .arrays.names import image_position
from .records.curves import Curve, Observables
from .records.run import NUMBERS, Replicates, RunRecord, ScoreValues
from .tables import ReleaseTables

_WHOLE = tuple(place for place, name in enumerate(NUMBERS) if name.endswith("_iteration"))
_AT_END = NUMBERS.index("best_at_end")
_Place = tuple[Block, int, int, tuple[int, ...]]
"""Task and fidelity, row of the architecture, position of the image, seeds."""
_KEPT_CURVES = 1024  # at most 128 points each: 3 MB


class ReleaseReader(ReleaseTables):
    """Queries of a release; `nasdip_bench.api.benchmark` adds statistics and documents both."""

    def __init__(self, path: Path | str | None = None) -> None:
        super().__init__(path)
        self._kept: dict[tuple[str, str, int, int, tuple[int, ...]], Curve] = {}

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
        where = self._find(arch, image, task, fidelity, seed)
        record = self._record(*where)
        if iteration is None:
            return record
        curve = self._curve(*where)
        place = where[0].kept_place(curve.iterations, iteration)
        return record._replace(
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
        return self._curve(*self._find(arch, image, task, fidelity, seed))

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
        block, arch_id, image_row, (one, *_) = self._find(arch, image, task, fidelity, seed)
        record = self._record(block, arch_id, image_row, (one,))
        if not self._observables.has(block, one, arch_id):
            raise MissingRunError(
                f"no observables of architecture {record.architecture} on {image!r} for {task!r} "
                f"at fidelity {block.fidelity!r} with seed {one}: this release has none for the "
                f"run, as for all imported runs; releases of 'nasdip-build' have them"
            )
        values = self._observables.values(block, one, arch_id, image_row)
        for array in values.values():
            array.setflags(write=False)
        iterations = self._observables.iterations(block)
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
        block, arch_id, image_row, _ = self._find(arch, image, task, fidelity, None)
        seeds = block.seeds_of(arch_id, image_row)
        if not seeds:
            code = self.codes[arch_id]
            raise MissingRunError(
                self.runs.missing_run(block, arch_id, code, image_row, block.seeds)
            )
        return Replicates.of([self._record(block, arch_id, image_row, (one,)) for one in seeds])

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
        name, scores = self.runs.scores(task, fidelity, seed)
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
        self, arch: ArchitectureLike, image: str, task: str, fidelity: str | None, seed: int | None
    ) -> _Place:
        arch_id = self.architecture_rows.row(arch)
        image_row = image_position(image, self.images, self.tasks)
        block = self.runs.block(task, fidelity)
        return block, arch_id, image_row, block.choose_seeds(seed)

    def _record(
        self, block: Block, arch_id: int, image_row: int, seeds: tuple[int, ...]
    ) -> RunRecord:
        # Records are immutable, so one can be handed out repeatedly.
        found = block.cache.get((arch_id, image_row, seeds))
        if found is not None:
            return found
        values, status = block.means(seeds)
        code = self.codes[arch_id]
        if status[arch_id, image_row] < 0:
            raise MissingRunError(self.runs.missing_run(block, arch_id, code, image_row, seeds))
        numbers: list[Any] = values[arch_id, image_row].tolist()
        if len(seeds) == 1:
            for place in _WHOLE:
                if numbers[place] == numbers[place]:  # not NaN
                    numbers[place] = int(numbers[place])
        numbers[_AT_END] = numbers[_AT_END] > 0
        block.cache[arch_id, image_row, seeds] = record = RunRecord(
            arch_id,
            code,
            self.images[image_row],
            block.task,
            block.fidelity,
            seeds,
            STATUSES[status[arch_id, image_row]],
            block.record.iterations,
            block.record.stop,
            *numbers,
        )
        return record

    def _curve(self, block: Block, arch_id: int, image_row: int, seeds: tuple[int, ...]) -> Curve:
        key = (block.fidelity, block.task, arch_id, image_row, seeds)
        found = self._kept.get(key)
        if found is None:
            record = self._record(block, arch_id, image_row, seeds)
            by_seed = [self._reader.values(block, one, arch_id, image_row) for one in seeds]
            raw, smooth, ssim = (
                np.mean([of[name] for of in by_seed], axis=0) for name in KINDS["curves"]
            )
            for mean in (raw, smooth, ssim):
                mean.setflags(write=False)
            found = Curve(self._reader.iterations(block), raw, smooth, ssim, *record[:7])
            if len(self._kept) >= _KEPT_CURVES:
                self._kept = {}  # other threads may be reading the old one
            self._kept[key] = found
        return found
