"""Whole tables and arrays of a release, each read on use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.curve_parts import KINDS
from nasdip_bench.dataset.curves import CODES, decode, decode_float32
from nasdip_bench.dataset.distances import Distances
from nasdip_bench.errors import ConfigError, MissingRunError, check_name, unknown_name
from nasdip_bench.observables import OBSERVABLES, SSIM

from .arrays.parts import PartReader
from .arrays.stops import RecordedStops, read_recorded_stops
from .costs import network_costs
from .records.curves import CurveArrays
from .release import Release

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

TableName = Literal["architectures", "images", "runs", "scores", "corruptions", "stops", "reruns"]


class ReleaseTables(Release):
    """Whole tables and arrays of a release; see `Release` for arguments and errors."""

    def __init__(self, path: Path | str | None = None) -> None:
        super().__init__(path)
        self._reader = PartReader(self._folder, "curves")
        self._observables = PartReader(self._folder, "observables")
        self._distances: dict[tuple[str, str], Distances] = {}
        self._stops: dict[tuple[str, str], RecordedStops] = {}

    def to_frame(
        self, name: TableName, *, categories: bool = False, fidelity: str | None = None
    ) -> pd.DataFrame:
        """A whole table as a frame; `docs/data.md` explains the columns.

        Args:
            name: "runs", "scores", "corruptions", "stops", "reruns", "architectures" or
                "images".
            categories: whether to return strings as unordered categoricals, which are faster to
                group by. With pandas 2, pass ``observed=True`` to ``groupby``.
            fidelity: only for "architectures": ``parameters`` and ``flops_per_iteration`` (forward
                and backward) are then those at this fidelity, and a column ``fidelity`` lets you
                merge runs on ``["arch_id", "fidelity"]``. None for the table as on disk, whose
                costs are always those of networks with 128 channels.

        Raises:
            UnknownNameError: no such table or fidelity.
            ConfigError: a fidelity for another table.

        Example:
            >>> bench = NASDIPBench("data/")
            >>> architectures = bench.to_frame("architectures", fidelity="r64c16")
            >>> bench.to_frame("runs").merge(architectures, on=["arch_id", "fidelity"]).shape[0] > 0
            True
        """
        # pandas keeps strings with 64-bit offsets; it would copy others.
        table = self._folder.table(name, "dictionary" if categories else "large_string")
        frame = table.to_pandas(use_threads=False)  # see `nasdip_bench.storage.files.read_parquet`
        if fidelity is None:
            return frame
        if name != "architectures":
            raise ConfigError(
                f"fidelity {fidelity!r} means nothing for {name!r}, whose rows name theirs: "
                f"frame[frame['fidelity'] == {fidelity!r}]"
            )
        if not isinstance(fidelity, str) or fidelity not in self.fidelities:
            raise unknown_name("fidelity", fidelity, self.fidelities)
        facts = self.manifest.fidelities[fidelity]
        parameters, flops = network_costs(self.codes, max(self.image_channels), facts)
        frame = frame.drop(columns=["parameters_released", "flops_512"])
        frame.insert(1, "fidelity", fidelity)
        return frame.assign(parameters=parameters, flops_per_iteration=flops)

    def to_arrow(self, name: TableName, *, categories: bool = False) -> pa.Table:
        """A whole table as an Arrow table, with units and meanings; needs no pandas.

        Args:
            name: see `to_frame`.
            categories: whether to return strings as dictionaries.

        Raises:
            UnknownNameError: no such table.

        Example:
            >>> NASDIPBench("data/").to_arrow("architectures").num_rows
            522
        """
        return self._folder.table(name, "dictionary" if categories else "string")

    def score_values(self) -> NDArray[np.float32]:
        """The scores of each initialisation, whose mean is ``value`` in the table of scores.

        Returns:
            (row, initialisation) float32, same rows as ``to_frame("scores")``; NaN after a row's
            last value.

        Raises:
            DatasetError: the file is missing or damaged.

        Example:
            >>> NASDIPBench("data/").score_values().ndim
            2
        """
        return self._folder.score_values()

    def curves(
        self, task: str, *, fidelity: str | None = None, seed: int | None = None
    ) -> CurveArrays:
        """All learning curves of a task at a fidelity, as arrays.

        Args:
            task: name.
            fidelity: None for the release's default for the task; the result names it.
            seed: None for all seeds.

        Raises:
            UnknownNameError: an unknown task, fidelity or seed.
            MissingRunError: the release has no run of the task at the fidelity.

        Example:
            >>> curves = NASDIPBench("data/").curves("denoise", seed=0)
            >>> curves.psnr_db.shape[:3]
            (522, 10, 1)
        """
        block = self.runs.block(task, fidelity)
        seeds = block.seeds if seed is None else block.choose_seeds(seed)
        iterations = self._reader.iterations(block)
        shape = len(self), len(self.images), len(seeds), len(iterations)
        arrays = {name: np.full(shape, np.nan, np.float32) for name in KINDS["curves"]}
        for place, one in enumerate(seeds):
            arch_ids, images = np.nonzero(block.statuses(one) >= 0)
            for name, codes in self._reader.codes(block, one, arch_ids, images).items():
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

    def observable_arrays(
        self,
        task: str,
        *,
        fidelity: str,
        seed: int,
        arch_ids: NDArray[np.integer],
        images: NDArray[np.integer],
        names: Sequence[str],
    ) -> dict[str, NDArray[np.float64]]:
        """By name, (run, P) dB of some runs of a seed, NaN where a value is not defined.

        Args:
            task: name.
            fidelity: name.
            seed: seed of the runs.
            arch_ids: (run,) rows of their architectures.
            images: (run,) positions of their images.
            names: names in `nasdip_bench.observables.OBSERVABLES`.

        Example:
            >>> bench = NASDIPBench("data/")
            >>> rows = np.array([0])
            >>> how = {"fidelity": "r64c16", "seed": 0, "arch_ids": rows, "images": rows}
            >>> bench.observable_arrays("denoise", **how, names=["loss"])["loss"].shape[0]
            1
        """
        for name in names:
            check_name("observable", name, OBSERVABLES)
        if not names:
            return {}
        block = self.runs.block(task, fidelity)
        codes = self._observables.codes(block, seed, arch_ids, images)
        return {name: decode(codes[name], CODES[name]) for name in names}

    def stops(self, task: str, *, fidelity: str | None = None) -> RecordedStops:
        """Where the recorded stopping rules stop the runs of a task, as arrays.

        Args:
            task: name.
            fidelity: None for the release's default for the task.

        Raises:
            UnknownNameError: no such task or fidelity in the release.
            MissingRunError: the release has no run of the task at the fidelity.
            DatasetError: a file is damaged.

        Example:
            >>> found = NASDIPBench("data/").stops("denoise")
            >>> found.paid.shape == (len(found.rules), 522, 10, 2)  # two seeds
            True
        """
        block = self.runs.block(task, fidelity)
        if (block.fidelity, task) not in self._stops:
            self._stops[block.fidelity, task] = read_recorded_stops(self._folder, block)
        return self._stops[block.fidelity, task]

    def distances(self, task: str, *, fidelity: str | None = None) -> Distances:
        """Distances between the restorations of a task, at the fidelity's stop.

        Args:
            task: name.
            fidelity: None for the release's default for the task.

        Raises:
            UnknownNameError: no such task or fidelity in the release.
            MissingRunError: the release has no distances of the task at the fidelity.
            DatasetError: the file is damaged.

        Example:
            >>> found = NASDIPBench("data/").distances("denoise")
            >>> found.between(0, 0).shape  # of the first image
            (522, 522)
        """
        name = self.runs.fidelity_of(task, fidelity)
        if not self._folder.has_distances(name, task):
            raise MissingRunError(
                f"this release has no distances between the restorations of {task} at {name}: "
                f"'nasdip-build release' of the build folder writes them"
            )
        if (name, task) not in self._distances:
            self._distances[name, task] = self._folder.distances(name, task)
        return self._distances[name, task]
