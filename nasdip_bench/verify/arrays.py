"""Check the curves, observables, stops and distances of a dataset against its tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
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

from .relations import bad_rows, rows_of

_ROUNDED_DB = 0.0012
"""How far a value of ``stops/``, rounded to a thousandth, may be from a coded one."""

_STEPS = 0.6
"""How far a coded value, in steps, may be from a table's: half a step, and room for float32."""

_COLUMNS = {"psnr": "psnr_db", "psnr_smooth": "psnr_smooth_db", SSIM: SSIM}
"""By curve, the ending of the columns of runs.parquet that are read off it."""


def part_problems(folder: DatasetFolder, runs: pd.DataFrame) -> Iterator[str]:
    """Curves, observables and stops that do not follow the schema, or contradict the table."""
    listed = folder.manifest.files
    own = folder.manifest.protocol_version != FOREIGN_PROTOCOL
    for fidelity, task, record in folder.manifest.task_records():
        mine = rows_of(runs, fidelity, task)
        for (seed, part), rows in mine.groupby(["seed", part_of(mine["arch_id"].to_numpy())]):
            key = (fidelity, task, seed, part)
            fitting: dict[str, CurvePart] = {}
            for kind in KINDS:
                path = part_path(kind, *key)
                if path not in listed:
                    if own or kind == "curves":
                        yield f"{path} is not listed in manifest.json, which has runs of it"
                    continue
                try:
                    found = folder.part(kind, *key)
                except NasdipError as error:
                    yield str(error)
                    continue
                misfits = [*_misfits(path, kind, found, record, rows, own)]
                yield from misfits or _contradictions(path, found, record, rows, own)
                if not misfits:
                    fitting[kind] = found
            path = part_path("stops", *key)
            if path in listed:
                yield from _stop_problems(folder, key, fitting.get("curves"), record, rows)
            elif own and (rows["status"] == "ok").any():
                yield f"{path} is not listed in manifest.json, which has runs of it"


def _misfits(
    path: str, kind: str, part: CurvePart, record: TaskRecord, rows: pd.DataFrame, whole: bool
) -> Iterator[str]:
    """Why the arrays of a file cannot be compared with the table."""
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
    if shapes - {(len(rows), len(expected))}:
        yield f"{path} does not have one row for each of the {len(rows)} runs"
    if not np.array_equal(np.sort(rows["curve_row"]), np.arange(len(rows))):
        yield f"runs: curve_row does not number the rows of {path}"


def _contradictions(
    path: str, part: CurvePart, record: TaskRecord, rows: pd.DataFrame, whole: bool
) -> Iterator[str]:
    """Compare the curves (run, point) of a file with the table's rows of these runs.

    Curves that need not be ``whole`` may end early, or have no point at all.
    """
    rows = rows[rows["status"] == "ok"]
    for name, column in _COLUMNS.items():
        if name not in part.codes:
            continue
        code = CODES[name]
        curves = decode(part.codes[name][rows["curve_row"]], code)
        tolerance = _STEPS / code.steps
        absent = np.isnan(curves)
        # No point may follow the first missing one.
        gaps = absent if whole else absent[:, :-1] & ~absent[:, 1:]
        what = f"are ok with missing points in {path} ({name})"
        yield from bad_rows("runs", rows, gaps.any(axis=1), what)
        for end, iteration in (("final", record.stop), ("last", record.iterations)):
            value = rows[f"{end}_{column}"].to_numpy()
            stated = np.clip(value, code.lowest, code.highest)
            at = curves[:, np.searchsorted(part.iterations, iteration)]
            bad = np.abs(at - stated) > tolerance
            if end == "final":
                bad |= np.isnan(at) != np.isnan(value)
            yield from bad_rows("runs", rows, bad, f"have a {end}_{column} that is not in {path}")
        best = np.clip(rows[f"best_{column}"].to_numpy(), code.lowest, code.highest)
        below = (curves > best[:, None] + tolerance).any(axis=1)
        yield from bad_rows("runs", rows, below, f"have a best_{column} below a point of {path}")


def _stop_problems(
    folder: DatasetFolder,
    key: tuple[str, str, int, int],
    curve: CurvePart | None,
    record: TaskRecord,
    rows: pd.DataFrame,
) -> Iterator[str]:
    path = part_path("stops", *key)
    try:
        table, stops = folder.stops(*key, len(rows))
    except NasdipError as error:
        yield str(error)
        return
    if curve is None:
        return  # reported for the curves
    places = rows["curve_row"].to_numpy()
    run_of = rows.iloc[np.argsort(places)[table["curve_row"].to_numpy()]]
    keys = [*KEYS["runs"]]
    unlike = run_of[keys].to_numpy() != table.select(keys).to_pandas().to_numpy()
    if unlike.any():
        count = np.count_nonzero(unlike.any(axis=1))
        yield f"{path} has {count} rows of other runs than it says"
    else:
        yield from _stop_values(path, stops.take(places), curve, record, rows)


def _stop_values(
    path: str, stops: StopPart, curve: CurvePart, record: TaskRecord, rows: pd.DataFrame
) -> Iterator[str]:
    """Check the stops of some rows of runs.parquet, in their order."""
    ok = (rows["status"] == "ok").to_numpy()
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
    codes = curve.codes["psnr_smooth"][rows["curve_row"]]
    on_curve = decode(np.take_along_axis(codes, point, axis=1))
    psnr = stops.values["psnr_smooth_db"]
    if (kept & ~(np.abs(on_curve - psnr) <= _ROUNDED_DB)).any():
        yield f"{path} has a psnr_smooth_db that is not on the run's curve"
    rule = target_rule(get_task(rows["task"].iloc[0]).kind)
    at, value = np.full(len(rows), record.stop), rows["final_psnr_smooth_db"].to_numpy()
    if (rule.name, rule.parameters) in stops.rules:
        place = stops.rules.index((rule.name, rule.parameters))
        at, value = delivered[:, place], psnr[:, place]
    for name, expected, apart in (
        ("stopped_iteration", at, 0.0),
        ("stopped_psnr_smooth_db", value, _ROUNDED_DB),
    ):
        bad = ok & ~(np.abs(rows[name] - expected) <= apart)
        yield from bad_rows("runs", rows, bad, f"have a {name} that is not where {rule} stops")


def distance_problems(folder: DatasetFolder, runs: pd.DataFrame) -> Iterator[str]:
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
        if seeds != sorted({*seeds}) or not {*seeds} <= {*mine["seed"]}:
            yield f"{path} has the seeds {seeds!s:.100}, which are not those of runs, ascending"
            continue
        there = found.truth != MISSING
        final = _final(folder, mine[mine["status"] == "ok"], found)
        apart = np.abs(decode(found.truth)[there] - np.minimum(final[there], DECIBEL.highest))
        if not (apart <= _STEPS / DECIBEL.steps).all():
            yield f"{path} has restorations whose PSNR is not final_psnr_smooth_db of a run"
        if ((found.corrupted != MISSING) != there).any():
            yield f"{path} has distances to other corrupted images than to ground truths"
        one, other = np.triu_indices(there.shape[2], 1)
        both = there[:, :, one] & there[:, :, other]
        if (found.pairs[~both] != MISSING).any():
            yield f"{path} has distances of runs that have no restoration"
        if (found.pairs[both] == MISSING).any():
            yield f"{path} lacks distances between restorations"


def _final(folder: DatasetFolder, rows: pd.DataFrame, found: Distances) -> NDArray[np.float64]:
    """(image, seed, architecture): final_psnr_smooth_db of some rows of runs.parquet, else NaN."""
    images = {image: place for place, image in enumerate(folder.manifest.images)}
    seeds = {seed: place for place, seed in enumerate(found.seeds.tolist())}
    inside = rows["arch_id"].between(0, folder.manifest.architectures - 1)
    rows = rows[inside & rows["image"].isin(images) & rows["seed"].isin(seeds)]
    final = np.full(found.truth.shape, np.nan)
    places = rows["image"].map(images), rows["seed"].map(seeds), rows["arch_id"]
    final[places] = rows["final_psnr_smooth_db"]
    return final
