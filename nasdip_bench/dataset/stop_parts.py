"""Where rules stop the runs of a part: as arrays, and as the Parquet files of ``stops/``.

They are read off whole curves while a release is made, since whole curves keep every iteration and
a release keeps only some. pyarrow is imported on use.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import DatasetError

from .schema import PART_TABLES, arrow_schema
from .tables import read_table

if TYPE_CHECKING:
    import pyarrow as pa

CROSSING_LEVELS_DB = (
    12.0, 14.0, 16.0, 17.0, 18.0, 18.25, 18.5, 18.75, 19.0, 19.25, 19.5, 19.75, 20.0, 20.25,
    20.5, 20.75, 21.0, 21.25, 21.5, 21.75, 22.0, 22.25, 22.5, 22.75, 23.0, 23.25, 23.5, 23.75,
    24.0, 25.0, 26.0, 27.0, 28.0, 30.0, 32.0, 35.0, 38.0, 42.0, 46.0, 50.0,
)  # fmt: skip
"""Levels of loss_smooth; dense around noise of 25/255, whose variance is 20.17 dB."""

_VALUES = {
    "iteration": np.int32,
    "paid": np.int32,
    "stopped": np.bool_,
    "psnr_smooth_db": np.float32,
    "ssim_smooth": np.float32,
}


class StopPart(NamedTuple):
    """Where rules stop R runs.

    Attributes:
        rules: names and parameters.
        values: the columns of ``stops/`` that follow the rule, by name, (R, rule) each; iteration
            0 where a run has no stop, since it did not end well.
        crossings: (R, level) int32, the first iteration at which loss_smooth is at least each of
            `CROSSING_LEVELS_DB`, from 1; 0 for never.
    """

    rules: tuple[tuple[str, str], ...]
    values: Mapping[str, NDArray[Any]]
    crossings: NDArray[np.int32]

    @classmethod
    def empty(cls, runs: int, rules: Sequence[tuple[str, str]] = ()) -> StopPart:
        """The stops of runs that have none."""
        shape = (runs, len(rules))
        values: dict[str, NDArray[Any]] = {
            name: np.zeros(shape, kind) for name, kind in _VALUES.items()
        }
        return cls(tuple(rules), values, np.zeros((runs, len(CROSSING_LEVELS_DB)), np.int32))

    def take(self, rows: NDArray[np.integer]) -> StopPart:
        """Some of the runs."""
        values = {name: array[rows] for name, array in self.values.items()}
        return StopPart(self.rules, values, self.crossings[rows])


def stacked_stops(runs: int, parts: Sequence[tuple[NDArray[np.intp], StopPart]]) -> StopPart:
    """Combine parts, each with the stops of some of the runs, into those of all."""
    rules = [*dict.fromkeys(rule for _, part in parts for rule in part.rules)]
    whole = StopPart.empty(runs, rules)
    for rows, part in parts:
        places = np.array([rules.index(rule) for rule in part.rules], np.int64)
        for name, array in whole.values.items():
            array[np.ix_(rows, places)] = part.values[name]
        whole.crossings[rows] = part.crossings
    return whole


def crossings(loss_smooth: NDArray[np.floating]) -> NDArray[np.int32]:
    """The first iteration at which a curve reaches each of `CROSSING_LEVELS_DB`.

    Args:
        loss_smooth: (R, T) in dB, point i at iteration i + 1; NaN where it ended.

    Returns:
        (R, level) iterations from 1; 0 where a level is never reached.
    """
    found = np.zeros((len(loss_smooth), len(CROSSING_LEVELS_DB)), np.int32)
    for place, level in enumerate(CROSSING_LEVELS_DB):
        reached = loss_smooth >= level
        found[:, place] = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, 0)
    return found


def stops_table(stops: StopPart, keys: pa.Table) -> pa.Table:
    """The rows of a part: those of a run one after another, in the order of the rules.

    Args:
        stops: stops of R runs.
        keys: (R,) rows with the columns of `PART_TABLES` before the rule.
    """
    import pyarrow as pa

    run, rule = np.nonzero(stops.values["iteration"])
    schema = arrow_schema(PART_TABLES["stops"])
    taken = keys.take(pa.array(run))
    columns = {name: taken[name] for name in schema.names if name in keys.column_names}
    for place, name in enumerate(("rule", "parameters")):
        texts = pa.array([pair[place] for pair in stops.rules], pa.string())
        columns[name] = texts.take(pa.array(rule))
    columns |= {name: pa.array(array[run, rule]) for name, array in stops.values.items()}
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)


def stops_bytes(table: pa.Table) -> bytes:
    """The content of a file; the same for the same rows.

    Compressed with Zstandard, unlike the small tables: the numbers of a run resemble each other.
    """
    import pyarrow.parquet as pq

    texts = [c.name for c in PART_TABLES["stops"] if c.type == "string"]
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", compression_level=9, use_dictionary=texts)
    return buffer.getvalue()


def read_stops(content: bytes, path: str, runs: int) -> tuple[pa.Table, StopPart]:
    """Read the rows of a file, and the same as arrays by ``curve_row``, without crossings.

    Args:
        content: content of the file, already compared with its hash.
        path: name of the file in errors.
        runs: number of runs in its part.

    Raises:
        DatasetError: it is not such a file, or has a row twice, or one without a run.
    """
    table = read_table(content, "stops", path=path)
    rules, rule = _rules(table)
    run = table["curve_row"].to_numpy()
    found = StopPart.empty(runs, rules)
    inside = len(run) == 0 or (run.min() >= 0 and run.max() < runs)
    if not inside or len(np.unique(run * max(1, len(rules)) + rule)) != len(run):
        raise DatasetError(f"{path} has rows of no run, or one twice; run 'nasdip-bench verify'")
    for name, array in found.values.items():
        array[run, rule] = table[name].to_numpy()
    return table, found


def _rules(table: pa.Table) -> tuple[list[tuple[str, str]], NDArray[np.int64]]:
    """The rules of a table in order of appearance, and (row,) the position of each row's rule."""
    codes, texts = [], []
    for name in ("rule", "parameters"):
        column = table[name].unify_dictionaries().combine_chunks()
        codes.append(column.indices.to_numpy(zero_copy_only=False).astype(np.int64))
        texts.append(column.dictionary.to_pylist())
    both = codes[0] * max(1, len(texts[1])) + codes[1]
    met, first, place = np.unique(both, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rules = [
        (texts[0][code // len(texts[1])], texts[1][code % len(texts[1])])
        for code in met[order].tolist()
    ]
    return rules, np.argsort(order)[place]
