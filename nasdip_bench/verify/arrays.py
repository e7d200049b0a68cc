"""Check the curves, observables, stops and distances of a dataset against its tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder, TaskRecord
from nasdip_bench.dataset.curve_parts import KINDS, CurvePart, part_of
from nasdip_bench.dataset.curves import CODES, DECIBEL, MISSING, decode, kept_points
from nasdip_bench.dataset.distances import Distances
from nasdip_bench.dataset.manifest import distance_path, part_path
from nasdip_bench.dataset.schema import KEYS
from nasdip_bench.dataset.stop_parts import StopPart
from nasdip_bench.errors import NasdipError
from nasdip_bench.fidelity import FOREIGN_PROTOCOL
from nasdip_bench.observables import SSIM
from nasdip_bench.stopping import target_rule
from nasdip_bench.tasks import get_task

from .relations import Problems, Table, bad_rows, rows_of

_ROUNDED_DB = 0.0012
"""How far a value of ``stops/``, rounded to a thousandth, may be from a coded one."""

_STEPS = 0.6
"""How far a coded value, in steps, may be from a table's: half a step, and room for float32."""

_COLUMNS = {"psnr": "psnr_db", "psnr_smooth": "psnr_smooth_db", SSIM: SSIM}
"""By curve, the ending of the columns of runs.parquet that are read off it."""


def curve_problems(folder: DatasetFolder, runs: Table) -> Problems:
    """Files that do not follow the schema, and curves that contradict the table."""
    whole = folder.manifest.protocol_version != FOREIGN_PROTOCOL
    for fidelity, task, record in folder.manifest.task_records():
        mine = rows_of(runs, fidelity, task)
        files = _files(runs, mine)
        for kind in KINDS:
            for (seed, part), rows in files.items():
                path = part_path(kind, fidelity, task, seed, part)
                if path not in folder.manifest.files:
                    if whole or kind == "curves":
                        yield f"{path} is not listed in manifest.json, which has runs of it"
                    continue
                try:
                    found = folder.part(kind, fidelity, task, seed, part)
                except NasdipError as error:
                    yield str(error)
                    continue
                yield from _part_problems(path, kind, found, record, runs, rows, whole)


def _files(runs: Table, mine: NDArray[np.intp]) -> dict[tuple[int, int], NDArray[np.intp]]:
    """The rows of runs.parquet whose curves are in a file, by the file's seed and part."""
    seeds, parts = runs["seed"][mine], part_of(runs["arch_id"][mine])
    return {
        (seed, part): mine[(seeds == seed) & (parts == part)]
        for seed, part in sorted({*zip(seeds.tolist(), parts.tolist(), strict=True)})
    }


def _part_problems(
    path: str,
    kind: str,
    part: CurvePart,
    record: TaskRecord,
    runs: Table,
    rows: NDArray[np.intp],
    whole: bool,
) -> Problems:
    expected = kept_points(record.iterations, record.stop) + 1
    if not np.array_equal(part.iterations, expected):
        yield f"{path} does not keep the iterations of the schema: {len(part.iterations)} points"
        return
    absent = [name for name in KINDS[kind] if name not in part.codes]
    if absent and (whole or "psnr" in absent or "psnr_smooth" in absent):
        yield f"{path} lacks {', '.join(absent)}"
        return
    shapes = {codes.shape for codes in part.codes.values()}
    if part.crossings is not None:
        shapes.add((len(part.crossings), len(expected)))
    if shapes != {(len(rows), len(expected))}:
        yield f"{path} does not have one row for each of the {len(rows)} runs"
        return
    places = runs["curve_row"][rows]
    if not np.array_equal(np.sort(places), np.arange(len(rows))):
        yield f"runs: curve_row does not number the rows of {path}"
        return
    ok = runs["status"][rows].astype(str) == "ok"
    for name, codes in part.codes.items():
        if name in _COLUMNS:
            values = decode(codes[places[ok]], CODES[name])
            yield from _compare(path, name, values, part.iterations, runs, rows[ok], record, whole)


def _compare(
    path: str,
    name: str,
    curves: NDArray[np.float64],
    iterations: NDArray[np.int32],
    runs: Table,
    rows: NDArray[np.intp],
    record: TaskRecord,
    whole: bool,
) -> Problems:
    """Compare curves (run, point) of one kind with the table's rows of these runs.

    Curves that need not be ``whole`` may end early, or have no point at all.
    """
    column, code = _COLUMNS[name], CODES[name]
    tolerance = _STEPS / code.steps
    absent = np.isnan(curves)
    # No point may follow the first missing one.
    gaps = absent if whole else absent[:, :-1] & ~absent[:, 1:]
    bad = np.asarray(gaps.any(axis=1))
    yield from bad_rows("runs", bad, f"are ok with missing points in {path} ({name})", rows)
    for end, iteration in (("final", record.stop), ("last", record.iterations)):
        value = runs[f"{end}_{column}"][rows]
        stated = np.clip(value, code.lowest, code.highest)
        at = curves[:, np.searchsorted(iterations, iteration)]
        bad = np.abs(at - stated) > tolerance
        if end == "final":
            bad |= np.isnan(at) != np.isnan(value)
        yield from bad_rows("runs", bad, f"have a {end}_{column} that is not in {path}", rows)
    best = np.clip(runs[f"best_{column}"][rows], code.lowest, code.highest)
    bad = np.asarray((curves > best[:, None] + tolerance).any(axis=1))
    yield from bad_rows("runs", bad, f"have a best_{column} below a point of {path}", rows)


def stop_problems(folder: DatasetFolder, runs: Table) -> Problems:
    """Stops that do not follow the schema, or contradict runs and curves."""
    own = folder.manifest.protocol_version != FOREIGN_PROTOCOL
    for fidelity, task, record in folder.manifest.task_records():
        for (seed, part), rows in _files(runs, rows_of(runs, fidelity, task)).items():
            path = part_path("stops", fidelity, task, seed, part)
            ok = runs["status"][rows].astype(str) == "ok"
            if path not in folder.manifest.files:
                if own and ok.any():
                    yield f"{path} is not listed in manifest.json, which has runs of it"
                continue
            try:
                table, stops = folder.stops(fidelity, task, seed, part, len(rows))
                curve = folder.part("curves", fidelity, task, seed, part)
            except NasdipError as error:
                yield str(error)
                continue
            places = runs["curve_row"][rows]
            numbered = np.array_equal(np.sort(places), np.arange(len(rows)))
            if not numbered or len(curve.codes["psnr_smooth"]) != len(rows):
                continue  # reported for the curves
            run_of = rows[np.argsort(places)][table["curve_row"].to_numpy()]
            unlike = np.zeros(len(run_of), bool)
            for name in KEYS["runs"]:
                unlike |= table[name].to_numpy() != runs[name][run_of]
            if unlike.any():
                yield f"{path} has {np.count_nonzero(unlike)} rows of other runs than it says"
                continue
            yield from _stop_values(path, stops.take(places), curve, record, runs, rows)


def _stop_values(
    path: str,
    stops: StopPart,
    curve: CurvePart,
    record: TaskRecord,
    runs: Table,
    rows: NDArray[np.intp],
) -> Problems:
    """Check the stops of some rows of runs.parquet, in their order."""
    ok = runs["status"][rows].astype(str) == "ok"
    delivered, paid = stops.values["iteration"], stops.values["paid"]
    there = delivered > 0
    if not np.array_equal(there, np.broadcast_to(ok[:, None], there.shape)):
        yield f"{path} lacks a rule of a run that is ok, or has one of another"
        return
    if (there & ((delivered > paid) | (paid > record.iterations))).any():
        yield f"{path} has stops outside 1..paid, or more paid than the budget"
        return
    point = np.searchsorted(curve.iterations, delivered)
    kept = there & (curve.iterations[point] == delivered)
    codes = curve.codes["psnr_smooth"][runs["curve_row"][rows]]
    on_curve = decode(np.take_along_axis(codes, point, axis=1))
    psnr = stops.values["psnr_smooth_db"]
    if (kept & ~(np.abs(on_curve - psnr) <= _ROUNDED_DB)).any():
        yield f"{path} has a psnr_smooth_db that is not on the run's curve"
    rule = target_rule(get_task(str(runs["task"][rows[0]])).kind)
    at, value = np.full(len(rows), record.stop), runs["final_psnr_smooth_db"][rows]
    if (rule.name, rule.parameters) in stops.rules:
        place = stops.rules.index((rule.name, rule.parameters))
        at, value = delivered[:, place], psnr[:, place]
    for name, expected, apart in (
        ("stopped_iteration", at, 0.0),
        ("stopped_psnr_smooth_db", value, _ROUNDED_DB),
    ):
        bad = ok & ~(np.abs(runs[name][rows] - expected) <= apart)
        yield from bad_rows("runs", bad, f"have a {name} that is not where {rule} stops", rows)


def distance_problems(folder: DatasetFolder, runs: Table) -> Problems:
    """Distances that do not follow the schema, or do not belong to the runs."""
    for fidelity, task, _ in folder.manifest.task_records():
        if not folder.has_distances(fidelity, task):
            continue
        path = distance_path(fidelity, task)
        try:
            found = folder.distances(fidelity, task)
        except NasdipError as error:
            yield str(error)
            continue
        mine = rows_of(runs, fidelity, task)
        seeds = found.seeds.tolist()
        images, count = len(folder.manifest.images), folder.manifest.architectures
        lasts = {"pairs": count * (count - 1) // 2, "truth": count, "corrupted": count}
        unlike = [
            f"{name} {getattr(found, name).shape}"
            for name, last in lasts.items()
            if getattr(found, name).shape != (images, len(seeds), last)
        ]
        if unlike:
            yield f"{path} has the shapes {', '.join(unlike)}, for {count} architectures"
            continue
        if seeds != sorted({*seeds}) or not {*seeds} <= {*runs["seed"][mine].tolist()}:
            yield f"{path} has the seeds {seeds!s:.100}, which are not those of runs, ascending"
            continue
        there = found.truth != MISSING
        final = _final(folder, runs, mine[runs["status"][mine].astype(str) == "ok"], found)
        apart = np.abs(decode(found.truth)[there] - np.minimum(final[there], DECIBEL.highest))
        if not (apart <= _STEPS / DECIBEL.steps).all():
            yield f"{path} has restorations whose PSNR is not final_psnr_smooth_db of a run"
        if ((found.corrupted != MISSING) != there).any():
            yield f"{path} has distances to other corrupted images than to ground truths"
        one, other = np.triu_indices(there.shape[2], 1)
        if (found.pairs[~(there[:, :, one] & there[:, :, other])] != MISSING).any():
            yield f"{path} has distances of runs that have no restoration"


def _final(
    folder: DatasetFolder, runs: Table, rows: NDArray[np.intp], found: Distances
) -> NDArray[np.float64]:
    """(image, seed, architecture): final_psnr_smooth_db of some rows of runs.parquet, else NaN."""
    images, seeds = folder.manifest.images, found.seeds.tolist()
    final = np.full(found.truth.shape, np.nan)
    columns = ("image", "seed", "arch_id", "final_psnr_smooth_db")
    for image, seed, arch_id, value in zip(*(runs[c][rows].tolist() for c in columns), strict=True):
        if image in images and seed in seeds and 0 <= arch_id < found.truth.shape[2]:
            final[images.index(image), seeds.index(seed), arch_id] = value
    return final
