"""The curves of a dataset against its table of runs. Must not import torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.curve_chunks import read_chunks
from nasdip_bench.curve_files import chunks_of, read_rows
from nasdip_bench.curves import CURVES, MISSING, STEPS_PER_DB, kept_points
from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.errors import NasdipError
from nasdip_bench.fidelity import FOREIGN_PROTOCOL
from nasdip_bench.manifest import TaskRecord, chunks_path, curve_path
from nasdip_bench.problem_rows import Problems, Table, bad_rows, rows_of, task_records

__all__ = ["CURVE_TOLERANCE_DB", "curve_problems"]

CURVE_TOLERANCE_DB = 0.0006
"""Half a step of the curves' coding, and room for float32."""

_HIGHEST_CODED_DB = (MISSING - 1) / STEPS_PER_DB


def curve_problems(folder: DatasetFolder, runs: Table) -> Problems:
    """Files that are not those of the schema, and curves that contradict the table."""
    for fidelity, task, record in task_records(folder.manifest):
        path = curve_path(fidelity, task)
        mine = rows_of(runs, fidelity, task)
        if path not in folder.manifest.files or not len(mine):
            continue
        try:
            with folder.curves(fidelity, task) as file:
                points = np.asarray(file["iteration"][:])
                curves = dict(zip(CURVES, read_rows(file, slice(None)), strict=True))
        except NasdipError as error:
            yield str(error)
            continue
        except (KeyError, OSError, TypeError, ValueError) as error:
            yield f"{path} cannot be parsed: {error}"
            continue
        yield from _chunk_problems(folder, fidelity, task, record)
        expected = kept_points(record.iterations, record.stop) + 1
        if not np.array_equal(points, expected):
            yield f"{path} does not keep the iterations of the schema: {len(points)} points"
            continue
        if any(values.shape != (len(mine), len(points)) for values in curves.values()):
            yield f"{path} does not have one row for each of the {len(mine)} runs"
            continue
        rows = runs["curve_row"][mine]
        if not np.array_equal(np.sort(rows), np.arange(len(mine))):
            yield f"runs: curve_row of {task} at {fidelity} does not number the rows of {path}"
            continue
        ok = runs["status"][mine].astype(str) == "ok"
        whole = folder.manifest.protocol_version != FOREIGN_PROTOCOL
        for name, values in curves.items():
            yield from _compare(path, name, values[rows[ok]], points, runs, mine[ok], record, whole)


def _chunk_problems(
    folder: DatasetFolder, fidelity: str, task: str, record: TaskRecord
) -> Problems:
    """A curve file whose rows cannot be read by its chunks, and a list of others than it has."""
    path, listed = curve_path(fidelity, task), chunks_path(fidelity, task)
    try:
        if listed in folder.manifest.files:  # early releases have none
            chunks = read_chunks(folder.read(listed), listed)
            if not np.array_equal(chunks, chunks_of(folder.read(path), path, record)):
                yield f"{listed} does not list the chunks of {path} as they lie in it"
                return
        folder.curve_chunks(fidelity, task)
    except NasdipError as error:
        yield str(error)


def _compare(
    path: str,
    name: str,
    curves: NDArray[np.float64],
    points: NDArray[np.int32],
    runs: Table,
    rows: NDArray[np.intp],
    record: TaskRecord,
    whole: bool,
) -> Problems:
    """Curves (run, point) of one kind against the table's rows of these runs.

    Curves that are not ``whole`` may end early, or have no point at all.
    """
    bad = np.zeros(len(runs["seed"]), bool)
    absent = np.isnan(curves)
    # Behind the first point that is missing there may be none.
    bad[rows] = absent.any(axis=1) if whole else (absent[:, :-1] & ~absent[:, 1:]).any(axis=1)
    yield from bad_rows("runs", bad, f"are ok with missing points in {path} ({name})")
    for end, iteration in (("final", record.stop), ("last", record.iterations)):
        value = runs[f"{end}_{name}_db"][rows]
        stated = np.clip(value, 0, _HIGHEST_CODED_DB)
        at = curves[:, np.searchsorted(points, iteration)]
        bad[:] = False
        bad[rows] = np.abs(at - stated) > CURVE_TOLERANCE_DB
        if end == "final":
            bad[rows] |= np.isnan(at) != np.isnan(value)
        yield from bad_rows("runs", bad, f"have a {end}_{name}_db that is not in {path}")
    bad[:] = False
    best = np.clip(runs[f"best_{name}_db"][rows], 0, _HIGHEST_CODED_DB)
    bad[rows] = (curves > best[:, None] + CURVE_TOLERANCE_DB).any(axis=1)
    yield from bad_rows("runs", bad, f"have a best_{name}_db below a point of {path}")
