"""The contents of a dataset before it is written: facts, and tables with the kept curve points.

Build folders, earlier datasets and results of others are read into `Contents`
(`nasdip_bench.builder.release.sources`, which also merges them), and
`nasdip_bench.builder.release.release` writes them. Curves are held as on disk, thinned and coded.
So reading and writing a dataset changes no number, and a full release at three seeds fits in memory
many times over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.curves import CODES, MISSING, encode, kept_points
from nasdip_bench.dataset.distances import Distances
from nasdip_bench.dataset.schema import KEYS, RELEASE_TABLES, Column, arrow_schema
from nasdip_bench.dataset.stop_parts import StopPart
from nasdip_bench.space import Architecture

from ...folder.shard_schema import SHARD_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

_ARCHITECTURE = SHARD_TABLES["runs"][0]
_GIVEN_BY_THE_WRITER = ("arch_id", "curve_row")


def _without_rows(table: str) -> tuple[Column, ...]:
    kept = (column for column in RELEASE_TABLES[table] if column.name not in _GIVEN_BY_THE_WRITER)
    return (_ARCHITECTURE, *kept)


RUN_COLUMNS = _without_rows("runs")
"""Columns of runs.parquet, with the architecture's canonical string instead of row numbers."""

SCORE_COLUMNS = _without_rows("scores")
"""The same for scores.parquet."""

RERUN_COLUMNS = _without_rows("reruns")
"""The same for reruns.parquet."""

CORRUPTION_COLUMNS = RELEASE_TABLES["corruptions"]

KEY_COLUMNS = {
    table: tuple(_ARCHITECTURE.name if name == "arch_id" else name for name in key)
    for table, key in KEYS.items()
}
"""By table, the columns that together identify a row of contents."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """Distances of an earlier dataset, with the canonical strings and names of its axes."""

    architectures: tuple[str, ...]
    images: tuple[str, ...]
    distances: Distances


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskContents:
    """Everything about one task at one fidelity.

    Attributes:
        resolution: of the fidelity, in pixels.
        channels: of the fidelity.
        iterations: length of the runs; a run may be shorter, with missing points after its end.
        stop: the iteration of ``final_*``, 1..iterations.
        runs: `RUN_COLUMNS`, one row per run, no run twice, in any order.
        codes: by curve, (run, point) uint16, coded as in `nasdip_bench.dataset.curves`, at
            `points`; imported runs have only the two PSNR curves.
        scores: `SCORE_COLUMNS`, one row per score, no score twice, in any order.
        score_values: (score, initialisation) float32, padded with NaN.
        corruptions: `CORRUPTION_COLUMNS`, one row per image and seed.
        restorations: (run,) uint16 (C, H, W) at the stop, 65535 for 1; None for runs whose shards
            are not available.
        known: distances of earlier datasets.
        stops: where rules stop the runs.
    """

    resolution: int
    channels: int
    iterations: int
    stop: int
    runs: pa.Table
    codes: Mapping[str, NDArray[np.uint16]]
    scores: pa.Table
    score_values: NDArray[np.float32]
    corruptions: pa.Table
    stops: StopPart
    restorations: tuple[NDArray[np.uint16] | None, ...]
    known: tuple[Known, ...] = ()

    @property
    def points(self) -> NDArray[np.int32]:
        """(point,) numbers of the kept points, from 0."""
        return kept_points(self.iterations, self.stop)


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The contents of a dataset.

    Attributes:
        protocol_version: version of everything that decides the numbers.
        image_set: "nasdip", "skimage" or "user".
        images: by name, the other columns of images.parquet except the set; in any order.
        architectures: distinct, in the order of their rows; includes all that runs and scores name.
        parts: by (fidelity, task), in any order.
        device_types: by processor name (as in the runs), "cpu" or "cuda" where known.
        sources: one line for each earlier dataset or result of others that this was made from.
        reruns: `RERUN_COLUMNS`, one row per run that was trained again.
    """

    protocol_version: int
    image_set: str
    images: Mapping[str, Mapping[str, Any]]
    architectures: tuple[Architecture, ...]
    parts: Mapping[tuple[str, str], TaskContents]
    device_types: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    reruns: pa.Table = field(default_factory=lambda: table_of((), RERUN_COLUMNS))


def coded(name: str, curve: NDArray[Any], points: NDArray[np.int32]) -> NDArray[np.uint16]:
    """Encode the kept points of a curve for storage.

    Args:
        name: of the curve, one of `nasdip_bench.dataset.curves.CODES`.
        curve: (T,), point i before update i; may end before the last kept point.
        points: (point,) ascending numbers, from 0.
    """
    codes = np.full(len(points), MISSING, np.uint16)
    there = points < len(curve)
    codes[there] = encode(curve[points[there]], CODES[name])
    return codes


def table_of(rows: Iterable[Mapping[str, Any]], columns: tuple[Column, ...]) -> pa.Table:
    """Make a table of these columns from rows; other entries are dropped."""
    import pyarrow as pa

    listed = list(rows)
    schema = arrow_schema(columns)
    values = {name: [row[name] for row in listed] for name in schema.names}
    return pa.Table.from_pydict(values, schema=schema)


def stacked_values(values: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Stack the single values of scores: (score, initialisation), padded with NaN."""
    width = max((one.shape[1] for one in values), default=0)
    values = [np.empty((0, width), np.float32), *values]
    return np.concatenate(
        [np.pad(v, ((0, 0), (0, width - v.shape[1])), constant_values=np.nan) for v in values]
    )


def stacked_codes(
    codes: Mapping[str, Sequence[NDArray[np.uint16]]], points: NDArray[np.int32]
) -> dict[str, NDArray[np.uint16]]:
    """By curve, (run, point) from the `coded` curve of each run."""
    nothing = np.empty((0, len(points)), np.uint16)
    return {name: np.stack(runs) if len(runs) else nothing for name, runs in codes.items()}


def padded(rows: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """(score, initialisation) from the single values of each score, padded with NaN."""
    whole = np.full((len(rows), max(map(len, rows), default=0)), np.nan, np.float32)
    for row, values in enumerate(rows):
        whole[row, : len(values)] = values
    return whole
