"""What a dataset folder must fulfil, checked in full: files, tables, cross-references, curves.

Builders run it on what they release, users on what they got, tests on damaged copies. It reads
everything, so it takes seconds where opening a dataset takes milliseconds. Must not import torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.cost import architecture_facts
from nasdip_bench.curves import CURVES, MISSING, STEPS_PER_DB, kept_points, read_rows
from nasdip_bench.dataset import MANIFEST, DatasetFolder, Manifest, TaskRecord, curve_path
from nasdip_bench.errors import NasdipError
from nasdip_bench.schema import RELEASE_TABLES, STATUSES
from nasdip_bench.space import Architecture

__all__ = ["CURVE_TOLERANCE_DB", "verify"]

CURVE_TOLERANCE_DB = 0.0006
"""Half a step of the curves' coding, and room for float32."""

_REFERENCES = ("corrupted", "ground_truth", "none")
_HIGHEST_CODED_DB = (MISSING - 1) / STEPS_PER_DB
_SHOWN = 3
_Table = dict[str, NDArray[Any]]
_Problems = Iterator[str]


def verify(path: Path | str) -> list[str]:
    """Everything that is wrong with a dataset folder, a sentence each; empty if nothing is.

    Args:
        path: the folder.
    """
    try:
        folder = DatasetFolder(path)
    except NasdipError as error:
        return [str(error)]
    problems = list(_files(folder))
    tables: dict[str, _Table] = {}
    for name in RELEASE_TABLES:
        try:
            table = folder.table(name)
            tables[name] = {column: table[column].to_numpy() for column in table.column_names}
        except NasdipError as error:
            problems.append(str(error))
    checks: list[tuple[Sequence[str], Callable[..., _Problems]]] = [
        (("architectures",), _architectures),
        (("images",), _images),
        (("runs",), _runs),
        (("scores",), _scores),
        (("runs", "scores"), _counts),
    ]
    for needed, check in checks:
        if all(name in tables for name in needed):
            problems += check(folder.manifest, *(tables[name] for name in needed))
    if "runs" in tables:
        problems += _curves(folder, tables["runs"])
    return list(dict.fromkeys(problems))  # a damaged file is met twice


# Files


def _files(folder: DatasetFolder) -> _Problems:
    listed = folder.manifest.files
    for path in listed:
        try:
            folder.check_file(path)
        except NasdipError as error:
            yield str(error)
    expected = [f"{name}.parquet" for name in RELEASE_TABLES]
    expected += [curve_path(f, t) for f, t, record in _tasks(folder.manifest) if record.runs]
    for path in expected:
        if path not in listed:
            yield f"{path} is not listed in {MANIFEST}, which a dataset with these tasks must have"
    curves = folder.path / "curves"
    for file in sorted(curves.rglob("*")) if curves.is_dir() else ():
        if file.is_file() and file.relative_to(folder.path).as_posix() not in listed:
            yield (
                f"{file.relative_to(folder.path).as_posix()} is not listed in {MANIFEST}: it is no "
                f"part of the dataset; move it away"
            )


def _tasks(manifest: Manifest) -> Iterator[tuple[str, str, TaskRecord]]:
    for fidelity, facts in manifest.fidelities.items():
        for task in facts.get("tasks", {}):
            record = manifest.task(fidelity, task)
            if record is not None:
                yield fidelity, task, record


# Tables


def _rows(table: str, bad: NDArray[np.bool_], what: str) -> _Problems:
    """One sentence for all the rows of a table that are bad in one way."""
    where = np.flatnonzero(bad)
    if len(where):
        shown = ", ".join(map(str, where[:_SHOWN])) + (", ..." if len(where) > _SHOWN else "")
        yield f"{table}: {len(where)} rows {what} (row {shown})"


def _isin(values: NDArray[Any], allowed: Sequence[Any]) -> NDArray[np.bool_]:
    return np.isin(values.astype(str), [str(value) for value in allowed])


def _duplicates(table: _Table, key: Sequence[str]) -> NDArray[np.bool_]:
    rows = list(zip(*(table[column].tolist() for column in key), strict=True))
    counts = Counter(rows)
    return np.array([counts[row] > 1 for row in rows], bool)


def _absent_numbers(name: str, table: _Table) -> _Problems:
    """NaN where the schema has no missing values; Parquet itself keeps nulls out of there."""
    for column in RELEASE_TABLES[name]:
        if column.type == "float64" and not column.nullable:
            yield from _rows(name, np.isnan(table[column.name]), f"have no {column.name}")


def _architectures(manifest: Manifest, table: _Table) -> _Problems:
    yield from _absent_numbers("architectures", table)
    count = len(table["arch_id"])
    if count != manifest.architectures:
        yield f"{MANIFEST} says {manifest.architectures} architectures, the table has {count}"
    yield from _rows(
        "architectures", table["arch_id"] != np.arange(count), "have an arch_id that is not the row"
    )
    yield from _rows("architectures", _duplicates(table, ["architecture"]), "are not unique")
    wrong: dict[str, list[int]] = {}
    for row, text in enumerate(table["architecture"].tolist()):
        try:
            arch = Architecture.parse(text)
        except NasdipError as error:
            yield f"architectures: row {row}: {error}"
            continue
        for column, fact in architecture_facts(arch).items():
            value = table[column][row]
            missing = value is None or value != value
            if (fact is not None) if missing else value != fact:
                wrong.setdefault(column, []).append(row)
    for column, rows in wrong.items():
        bad = np.isin(np.arange(count), rows)
        yield from _rows("architectures", bad, f"have a {column} that contradicts the architecture")


def _images(manifest: Manifest, table: _Table) -> _Problems:
    yield from _absent_numbers("images", table)
    names = table["name"].tolist()
    if names != manifest.images:
        yield f"{MANIFEST} says images {', '.join(manifest.images)}, the table has {names}"
    sets = sorted({str(s) for s in table["image_set"].tolist()} - {manifest.image_set})
    if sets:
        yield f"images: image_set {', '.join(sets)} beside {manifest.image_set} of {MANIFEST}"


def _keys(name: str, manifest: Manifest, table: _Table) -> _Problems:
    """What runs and scores have in common."""
    yield from _absent_numbers(name, table)
    ids = table["arch_id"]
    yield from _rows(
        name, ~((ids >= 0) & (ids < manifest.architectures)), "have an arch_id of no architecture"
    )
    yield from _rows(
        name, ~_isin(table["image"], manifest.images), "have an image that is not in the dataset"
    )
    pairs = {(f, t) for f, t, _ in _tasks(manifest)}
    mine = zip(table["fidelity"].tolist(), table["task"].tolist(), strict=True)
    unknown = np.array([pair not in pairs for pair in mine], bool)
    yield from _rows(name, unknown, f"have a fidelity and task that {MANIFEST} does not have")
    yield from _rows(
        name,
        table["protocol_version"] != manifest.protocol_version,
        f"have a protocol_version other than {manifest.protocol_version} of {MANIFEST}",
    )
    yield from _rows(name, table["seconds"] < 0, "have negative seconds")


def _runs(manifest: Manifest, table: _Table) -> _Problems:
    yield from _keys("runs", manifest, table)
    key = ["arch_id", "image", "task", "fidelity", "seed"]
    yield from _rows("runs", _duplicates(table, key), "have the same architecture to seed")
    known = _isin(table["status"], STATUSES)
    yield from _rows("runs", ~known, f"have a status other than {', '.join(STATUSES)}")
    yield from _rows("runs", table["seed"] < 0, "have a negative seed")
    ok = table["status"].astype(str) == "ok"
    iterations = table["iterations"]
    for name in (c.name for c in RELEASE_TABLES["runs"] if c.unit == "dB" and c.nullable):
        finite = np.isfinite(table[name])
        yield from _rows("runs", ok & ~finite, f"are ok without a finite {name}")
        yield from _rows("runs", known & ~ok & finite, f"are not ok and have a {name}")
    for kind in ("psnr_db", "psnr_smooth_db"):
        for end in ("final", "last"):
            below = table[f"best_{kind}"] < table[f"{end}_{kind}"] - 1e-9
            yield from _rows("runs", ok & below, f"have a best_{kind} below {end}_{kind}")
    for name in ("stop", "best_iteration", "best_raw_iteration"):
        inside = (table[name] >= 1) & (table[name] <= iterations)
        bad = ~inside if name == "stop" else ok & ~inside
        yield from _rows("runs", bad, f"have a {name} outside 1..iterations")
    at = table["diverged_at"].astype(np.float64)
    diverged = table["status"].astype(str) == "diverged"
    inside = (at >= 0) & (at < iterations)
    yield from _rows("runs", diverged & ~inside, "diverged without a diverged_at in the budget")


def _scores(manifest: Manifest, table: _Table) -> _Problems:
    yield from _keys("scores", manifest, table)
    key = ["arch_id", "image", "task", "fidelity", "proxy", "reference"]
    yield from _rows("scores", _duplicates(table, key), "have the same architecture to reference")
    yield from _rows(
        "scores",
        ~_isin(table["reference"], _REFERENCES),
        f"have a reference other than {', '.join(_REFERENCES)}",
    )
    yield from _rows("scores", np.isinf(table["value"]), "have an infinite value")
    yield from _rows("scores", table["std"] < 0, "have a negative std")
    yield from _rows("scores", table["inits"] < 1, "have no scoring initialisation")


def _counts(manifest: Manifest, runs: _Table, scores: _Table) -> _Problems:
    per_seed = manifest.architectures * len(manifest.images)
    for fidelity, task, record in _tasks(manifest):
        mine = _of(runs, fidelity, task)
        seeds = dict(sorted(Counter(runs["seed"][mine].tolist()).items()))
        tried = runs["status"][mine] != "failed"
        done = Counter(runs["seed"][mine][tried].tolist())
        complete = [seed for seed in seeds if done[seed] == per_seed]
        fullest = sorted(seeds, key=lambda seed: (-done[seed], seed))[:1]
        scored = _of(scores, fidelity, task)
        pairs = set(zip(scores["arch_id"][scored].tolist(), scores["image"][scored], strict=True))
        by_arch = Counter(arch for arch, _ in pairs)
        found = {
            "runs": len(mine),
            "seeds": {str(seed): count for seed, count in seeds.items()},
            "complete_seeds": complete,
            "default_seeds": complete or fullest,
            "scored": sum(count == len(manifest.images) for count in by_arch.values()),
        }
        for name, value in found.items():
            if getattr(record, name) != value:
                yield (
                    f"{MANIFEST} says {name} {getattr(record, name)} for {task} at {fidelity}, "
                    f"the tables {value}"
                )
        for name in ("iterations", "stop"):
            other = mine[runs[name][mine] != getattr(record, name)]
            bad = np.isin(np.arange(len(runs["seed"])), other)
            yield from _rows("runs", bad, f"have another {name} than {MANIFEST}")
    for task, fidelity in manifest.default_fidelity.items():
        default = manifest.task(fidelity, task)
        if default is None or not default.runs:
            yield f"{MANIFEST} names {fidelity} as the default of {task}, which has no runs"


def _of(table: _Table, fidelity: str, task: str) -> NDArray[np.intp]:
    return np.flatnonzero((table["fidelity"] == fidelity) & (table["task"] == task))


# Curves


def _curves(folder: DatasetFolder, runs: _Table) -> _Problems:
    for fidelity, task, record in _tasks(folder.manifest):
        path = curve_path(fidelity, task)
        mine = _of(runs, fidelity, task)
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
        for name, values in curves.items():
            yield from _compare(path, name, values[rows[ok]], points, runs, mine[ok], record)


def _compare(
    path: str,
    name: str,
    curves: NDArray[np.float64],
    points: NDArray[np.int32],
    runs: _Table,
    rows: NDArray[np.intp],
    record: TaskRecord,
) -> _Problems:
    """Curves (run, point) of one kind against the table's rows of these runs."""
    bad = np.zeros(len(runs["seed"]), bool)
    bad[rows] = np.isnan(curves).any(axis=1)
    yield from _rows("runs", bad, f"are ok with missing points in {path} ({name})")
    for end, iteration in (("final", record.stop), ("last", record.iterations)):
        stated = np.clip(runs[f"{end}_{name}_db"][rows], 0, _HIGHEST_CODED_DB)
        at = curves[:, np.searchsorted(points, iteration)]
        bad[:] = False
        bad[rows] = np.abs(at - stated) > CURVE_TOLERANCE_DB
        yield from _rows("runs", bad, f"have a {end}_{name}_db that is not in {path}")
    bad[:] = False
    best = np.clip(runs[f"best_{name}_db"][rows], 0, _HIGHEST_CODED_DB)
    bad[rows] = (curves > best[:, None] + CURVE_TOLERANCE_DB).any(axis=1)
    yield from _rows("runs", bad, f"have a best_{name}_db below a point of {path}")
