"""Orders the rows of a release, and makes the files of curves and stops in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nasdip_bench.dataset.curve_parts import KINDS, CurvePart, part_bytes, part_of
from nasdip_bench.dataset.manifest import part_path
from nasdip_bench.dataset.schema import RELEASE_TABLES, arrow_schema
from nasdip_bench.dataset.stop_parts import stops_bytes, stops_table
from nasdip_bench.proxies import image_scores, network_scores
from nasdip_bench.space.cost import architecture_facts

from .sources.contents import KEY_COLUMNS, Contents, TaskContents


@dataclass(frozen=True)
class Rows:
    """The rows of a part in the order of the dataset, and their positions in the part."""

    runs: pa.Table
    run_order: NDArray[np.int64]
    scores: pa.Table
    score_order: NDArray[np.int64]
    corruptions: pa.Table


def rows_of(part: TaskContents, contents: Contents, images: Sequence[str]) -> Rows:
    runs, ids, places = _placed(part.runs, contents, images)
    seeds = runs["seed"].to_numpy()
    order = _sorted_by(seeds, ids, places)
    runs = runs.take(order)
    # Rows are numbered from 0 in each file; a file has one seed and part of the architectures.
    files = list(zip(seeds[order].tolist(), part_of(ids[order]).tolist(), strict=True))
    first = {file: row for row, file in reversed([*enumerate(files)])}
    within = np.array([row - first[file] for row, file in enumerate(files)], np.int32)
    runs = runs.append_column("curve_row", pa.array(within))
    # Keep the values of one score together: then the name columns hardly change from row to row,
    # which makes the file a tenth smaller and faster to read.
    scores, ids, places = _placed(part.scores, contents, images)
    corruption = scores["seed"].fill_null(-1).to_numpy()
    score_order = _sorted_by(_score_positions(scores), corruption, places, ids)
    scores = scores.take(score_order)
    corruptions = part.corruptions
    places = _positions(corruptions["image"], images)
    corruptions = corruptions.take(_sorted_by(corruptions["seed"].to_numpy(), places))
    return Rows(
        _as_schema("runs", runs),
        order,
        _as_schema("scores", scores),
        score_order,
        _as_schema("corruptions", corruptions),
    )


def task_files(part: TaskContents, rows: Rows, fidelity: str, task: str) -> dict[str, bytes]:
    """The files of curves, observables and stops, by path."""
    files: dict[str, bytes] = {}
    seeds = rows.runs["seed"].to_numpy()
    numbers = part_of(rows.runs["arch_id"].to_numpy())
    for seed, number in sorted({*zip(seeds.tolist(), numbers.tolist(), strict=True)}):
        mine = rows.run_order[(seeds == seed) & (numbers == number)]
        for kind, names in KINDS.items():
            codes = {name: part.codes[name][mine] for name in names if name in part.codes}
            if codes:
                path = part_path(kind, fidelity, task, seed, number)
                levels = part.stops.crossings[mine] if "loss_smooth" in codes else None
                files[path] = part_bytes(CurvePart(part.points + 1, codes, levels))
        stops = part.stops.take(mine)
        if stops.rules:
            keys = rows.runs.filter(pa.array((seeds == seed) & (numbers == number)))
            files[part_path("stops", fidelity, task, seed, number)] = stops_bytes(
                stops_table(stops, keys)
            )
    return files


def _placed(
    table: pa.Table, contents: Contents, images: Sequence[str]
) -> tuple[pa.Table, NDArray[np.int32], NDArray[np.int32]]:
    """A table with arch_id added; that column; and (row,) the index of each row's image."""
    ids = _positions(table["architecture"], [str(arch) for arch in contents.architectures])
    return table.append_column("arch_id", pa.array(ids)), ids, _positions(table["image"], images)


def _sorted_by(*keys: NDArray[Any]) -> NDArray[np.int64]:
    """The order of rows by their keys, the first key being the most significant."""
    return np.lexsort(keys[::-1])


def _score_positions(scores: pa.Table) -> NDArray[np.int32]:
    """(row,) position of each score: those in the registry in its order, then others."""
    registered = [*image_scores(), *network_scores()]
    proxies = sorted(
        scores["proxy"].unique().to_pylist(),
        key=lambda name: (registered.index(name) if name in registered else len(registered), name),
    )
    references = sorted(scores["reference"].unique().to_pylist())
    place = _positions(scores["proxy"], proxies)
    return place * len(references) + _positions(scores["reference"], references)


def _positions(column: pa.ChunkedArray, names: Sequence[str]) -> NDArray[np.int32]:
    found = pc.index_in(column, value_set=pa.array(names, pa.string()))
    return found.to_numpy()  # type: ignore[no-any-return]


def _as_schema(name: str, table: pa.Table) -> pa.Table:
    schema = arrow_schema(RELEASE_TABLES[name])
    return table.select(schema.names).cast(schema)


def architecture_table(contents: Contents) -> pa.Table:
    facts = enumerate(map(architecture_facts, contents.architectures))
    return _table_of("architectures", ({"arch_id": number, **row} for number, row in facts))


def rerun_table(
    contents: Contents, images: Sequence[str], parts: Sequence[tuple[str, str]]
) -> pa.Table:
    """The reruns of runs in the contents, in the order of the runs."""
    placed, ids, places = _placed(contents.reruns, contents, images)
    known = {key for part in contents.parts.values() for key in _run_keys(part.runs)}
    there = [row for row, key in enumerate(_run_keys(placed)) if key in known]
    pairs = zip(placed["fidelity"].to_pylist(), placed["task"].to_pylist(), strict=True)
    of_part = np.array([[*parts, pair].index(pair) for pair in pairs], np.int64)
    order = _sorted_by(of_part, placed["seed"].to_numpy(), ids, places)
    return _as_schema("reruns", placed.take(order[np.isin(order, there)]))


def _run_keys(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in KEY_COLUMNS["runs"]), strict=True))


def image_table(contents: Contents, images: Iterable[str]) -> pa.Table:
    given = {"image_set": contents.image_set}
    return _table_of("images", ({"name": i, **given, **contents.images[i]} for i in images))


def _table_of(name: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(RELEASE_TABLES[name]))
