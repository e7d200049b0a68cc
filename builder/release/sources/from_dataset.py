"""Reads the dataset folder of an earlier release as contents of the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder, TaskRecord
from nasdip_bench.dataset.curve_parts import KINDS, part_of
from nasdip_bench.dataset.curves import MISSING, kept_points
from nasdip_bench.dataset.manifest import part_path
from nasdip_bench.dataset.schema import arrow_schema
from nasdip_bench.dataset.stop_parts import StopPart, stacked_stops
from nasdip_bench.errors import BuildError
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import get_task
from nasdip_bench.verify.tables import find_problems

from ...folder.shard_schema import IMAGE_FACTS
from .contents import RERUN_COLUMNS, RUN_COLUMNS, SCORE_COLUMNS, Contents, Known, TaskContents


def read_dataset(path: Path) -> Contents:
    """Read a dataset, with its numbers and curve codes unchanged.

    Raises:
        DatasetError: no dataset, or one that this version cannot read.
        BuildError: it does not verify.
    """
    folder = DatasetFolder(path)
    if problems := find_problems(path):
        raise BuildError(
            f"the dataset in {str(path)!r} does not verify ({problems[0]}): restore it, or leave "
            f"it out"
        )
    manifest = folder.manifest
    names = folder.table("architectures")["architecture"]
    tables = {
        name: _with_architecture(folder.table(name), names, arrow_schema(columns))
        for name, columns in (
            ("runs", RUN_COLUMNS),
            ("scores", SCORE_COLUMNS),
            ("reruns", RERUN_COLUMNS),
        )
    }
    values = folder.score_values()
    parts = {}
    for fidelity, task, record in manifest.task_records():
        get_task(task)  # raises an error that lists the known tasks
        chosen = _is_of(tables["scores"], fidelity, task)
        facts = manifest.fidelities[fidelity]
        codes, stops = _dataset_curves(folder, fidelity, task, record)
        runs = _of_part(tables["runs"], fidelity, task)
        parts[fidelity, task] = TaskContents(
            resolution=facts["resolution"],
            channels=facts["channels"],
            iterations=record.iterations,
            stop=record.stop,
            runs=runs,
            codes=codes,
            scores=tables["scores"].filter(pa.array(chosen)),
            score_values=values[chosen],
            corruptions=_of_part(folder.table("corruptions"), fidelity, task),
            restorations=(None,) * len(runs),
            stops=stops,
            known=_known(folder, fidelity, task, names.to_pylist()),
        )
    released = f"{manifest.name} {manifest.version}, released {manifest.created}"
    return Contents(
        protocol_version=manifest.protocol_version,
        image_set=manifest.image_set,
        images={
            row["name"]: {fact: row[fact] for fact in IMAGE_FACTS}
            for row in folder.table("images").to_pylist()
        },
        architectures=tuple(map(Architecture.parse, names.to_pylist())),
        parts=parts,
        device_types=manifest.device_types,
        sources=(*manifest.sources, released),
        reruns=tables["reruns"],
    )


def _dataset_curves(
    folder: DatasetFolder, fidelity: str, task: str, record: TaskRecord
) -> tuple[dict[str, NDArray[np.uint16]], StopPart]:
    """By curve, (run, point), and the stops of the runs of a part, in the order of runs.parquet."""
    runs = _of_part(folder.table("runs"), fidelity, task)
    ids, seeds, rows = (runs[name].to_numpy() for name in ("arch_id", "seed", "curve_row"))
    parts = part_of(ids)
    points = len(kept_points(record.iterations, record.stop))
    codes: dict[str, NDArray[np.uint16]] = {}
    stops: list[tuple[NDArray[np.intp], StopPart]] = []
    for seed, part in sorted({*zip(seeds.tolist(), parts.tolist(), strict=True)}):
        mine = np.flatnonzero((seeds == seed) & (parts == part))
        crossings = None
        for kind in KINDS:
            if part_path(kind, fidelity, task, seed, part) not in folder.manifest.files:
                continue  # imported runs have no observables
            found = folder.part(kind, fidelity, task, seed, part)
            for name, array in found.codes.items():
                whole = codes.setdefault(name, np.full((len(ids), points), MISSING, np.uint16))
                whole[mine] = array[rows[mine]]
            crossings = found.crossings
        if part_path("stops", fidelity, task, seed, part) in folder.manifest.files:
            _, of_part = folder.stops(fidelity, task, seed, part, len(mine))
            of_part = of_part if crossings is None else of_part._replace(crossings=crossings)
            stops.append((mine, of_part.take(rows[mine])))
    nothing = np.empty((0, points), np.uint16)
    return codes or {"psnr": nothing, "psnr_smooth": nothing}, stacked_stops(len(ids), stops)


def _known(
    folder: DatasetFolder, fidelity: str, task: str, architectures: list[str]
) -> tuple[Known, ...]:
    if not folder.has_distances(fidelity, task):
        return ()
    images = tuple(folder.manifest.images)
    found = folder.distances(fidelity, task)
    return (Known(architectures=tuple(architectures), images=images, distances=found),)


def _with_architecture(table: pa.Table, names: pa.ChunkedArray, schema: pa.Schema) -> pa.Table:
    whole = table.append_column("architecture", names.take(table["arch_id"]))
    return whole.select(schema.names).cast(schema)


def _is_of(table: pa.Table, fidelity: str, task: str) -> NDArray[np.bool_]:
    """(row,) whether a row belongs to a task and fidelity."""
    found = pc.and_(pc.equal(table["fidelity"], fidelity), pc.equal(table["task"], task))
    return found.to_numpy()  # type: ignore[no-any-return]


def _of_part(table: pa.Table, fidelity: str, task: str) -> pa.Table:
    return table.filter(pa.array(_is_of(table, fidelity, task)))
