"""What a dataset is made of, before it is a folder: the facts, and tables with kept curve points.

Whatever gives a dataset is read into `Contents`: a build folder, an earlier dataset
(`nasdip_bench.builder.sources`), results of others. Contents can be merged
(`nasdip_bench.builder.merge`) and are written by `nasdip_bench.builder.writer`. Curves are held as
they are on disk, thinned and coded, so that to read and write a dataset changes no number, and a
full release at three seeds fits in memory many times over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.builder.shard_schema import SHARD_TABLES
from nasdip_bench.curves import MISSING, encode, kept_points
from nasdip_bench.outputs import Output
from nasdip_bench.schema import RELEASE_TABLES, Column, arrow_schema
from nasdip_bench.space import Architecture

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RUN_COLUMNS", "SCORE_COLUMNS", "Contents", "Part", "coded"]

_ARCHITECTURE = SHARD_TABLES["runs"][0]
_GIVEN_BY_THE_WRITER = ("arch_id", "curve_row")


def _without_rows(table: str) -> tuple[Column, ...]:
    kept = (column for column in RELEASE_TABLES[table] if column.name not in _GIVEN_BY_THE_WRITER)
    return (_ARCHITECTURE, *kept)


RUN_COLUMNS = _without_rows("runs")
"""Those of runs.parquet, with the architecture's canonical string in the place of row numbers."""

SCORE_COLUMNS = _without_rows("scores")
"""Those of scores.parquet, likewise."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """All there is of one task at one fidelity.

    Attributes:
        resolution: of the fidelity, in pixels.
        channels: of the fidelity.
        iterations: length of the runs; a run may be shorter, with missing points behind its end.
        stop: the iteration of ``final_*``, 1..iterations.
        runs: `RUN_COLUMNS`, a row a run, no run twice, in any order.
        psnr: (run, point) uint16, coded as in `nasdip_bench.curves`, at `points`.
        psnr_smooth: the same of the smoothed outputs.
        scores: `SCORE_COLUMNS`, a row a score, no score twice, in any order.
        outputs: (run,) the restored images, None of the runs without; () where no run has one.
    """

    resolution: int
    channels: int
    iterations: int
    stop: int
    runs: pa.Table
    psnr: NDArray[np.uint16]
    psnr_smooth: NDArray[np.uint16]
    scores: pa.Table
    outputs: tuple[Output | None, ...] = ()

    @property
    def points(self) -> NDArray[np.int32]:
        """(point,) numbers of the kept points, from 0."""
        return kept_points(self.iterations, self.stop)

    @classmethod
    def of_rows(
        cls,
        *,
        resolution: int,
        channels: int,
        iterations: int,
        stop: int,
        runs: Iterable[Mapping[str, Any]],
        psnr: Sequence[NDArray[np.uint16]],
        psnr_smooth: Sequence[NDArray[np.uint16]],
        scores: Iterable[Mapping[str, Any]],
    ) -> Part:
        """A part of rows as dictionaries, with a `coded` curve of either kind for each run."""
        nothing = np.empty((0, len(kept_points(iterations, stop))), np.uint16)
        return cls(
            resolution=resolution,
            channels=channels,
            iterations=iterations,
            stop=stop,
            runs=_table(runs, RUN_COLUMNS),
            psnr=np.stack(psnr) if len(psnr) else nothing,
            psnr_smooth=np.stack(psnr_smooth) if len(psnr_smooth) else nothing,
            scores=_table(scores, SCORE_COLUMNS),
        )


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a dataset is made of.

    Attributes:
        protocol_version: of all that decides the numbers.
        image_set: "nasdip", "skimage" or "user".
        images: by name, the other columns of images.parquet but the set; in any order.
        architectures: distinct, in the order of their rows; all that runs and scores name.
        parts: by (fidelity, task), in any order.
        device_types: by processor, as runs name it, "cpu" or "cuda", where that is known.
        sources: a line each on the earlier datasets and others' results that this was made from.
    """

    protocol_version: int
    image_set: str
    images: Mapping[str, Mapping[str, Any]]
    architectures: tuple[Architecture, ...]
    parts: Mapping[tuple[str, str], Part]
    device_types: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()


def coded(curve_db: NDArray[Any], points: NDArray[np.int32]) -> NDArray[np.uint16]:
    """The kept points of a curve as they are stored.

    Args:
        curve_db: (T,) dB, point i before update i; may end before the last of the points.
        points: (point,) ascending numbers, from 0.
    """
    codes = np.full(len(points), MISSING, np.uint16)
    there = points < len(curve_db)
    codes[there] = encode(curve_db[points[there]])
    return codes


def _table(rows: Iterable[Mapping[str, Any]], columns: tuple[Column, ...]) -> pa.Table:
    import pyarrow as pa

    listed = list(rows)
    schema = arrow_schema(columns)
    values = {name: [row[name] for row in listed] for name in schema.names}
    return pa.Table.from_pydict(values, schema=schema)
