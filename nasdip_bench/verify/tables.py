"""Check a dataset folder in full: files, tables, curves, distances.

Builders run it on their releases, tests on damaged copies, and users through `nasdip_bench.verify`.
It reads everything, so it takes seconds, while opening a dataset takes milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import MANIFEST, DatasetFolder, Manifest
from nasdip_bench.dataset.croissant import CROISSANT
from nasdip_bench.dataset.manifest import SCORE_VALUES
from nasdip_bench.dataset.schema import KEYS, RELEASE_TABLES, STATUSES
from nasdip_bench.errors import NasdipError
from nasdip_bench.fidelity import FOREIGN_PROTOCOL
from nasdip_bench.proxies import NO_REFERENCE, image_scores, info, network_scores
from nasdip_bench.proxies.info import REFERENCE_NAMES
from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_facts

from .arrays import curve_problems, distance_problems, stop_problems
from .relations import (
    Problems,
    Table,
    bad_rows,
    corruption_problems,
    count_problems,
    rerun_problems,
    score_value_problems,
)

_IMAGE_CHANNELS = (1, 3)
_FOLDERS = ("curves", "observables", "stops", "distances")
_REFERENCES = (*REFERENCE_NAMES, NO_REFERENCE)


def find_problems(path: Path | str) -> list[str]:
    """All problems of a dataset folder, one sentence each; empty if there are none.

    Args:
        path: the folder.
    """
    try:
        folder = DatasetFolder(path)
    except NasdipError as error:
        return [str(error)]
    problems = [*_files(folder)]
    tables: dict[str, Table] = {}
    for name in RELEASE_TABLES:
        try:
            table = folder.table(name)
            tables[name] = {column: table[column].to_numpy() for column in table.column_names}
        except NasdipError as error:
            problems.append(str(error))
    checks: list[tuple[Sequence[str], Callable[..., Problems]]] = [
        (("architectures",), _architectures),
        (("images",), _images),
        (("runs",), _runs),
        (("scores",), _scores),
        (("corruptions",), _corruptions),
        (("reruns",), partial(_places, "reruns")),
        (("reruns", "runs"), rerun_problems),
        (("runs", "scores"), count_problems),
        (("runs", "corruptions"), corruption_problems),
    ]
    for needed, check in checks:
        if all(name in tables for name in needed):
            problems += check(folder.manifest, *(tables[name] for name in needed))
    if "runs" in tables:
        problems += curve_problems(folder, tables["runs"])
        problems += stop_problems(folder, tables["runs"])
        problems += distance_problems(folder, tables["runs"])
    if "scores" in tables:
        problems += score_value_problems(folder, tables["scores"])
    return list(dict.fromkeys(problems))  # a damaged file is met twice


# Files


def _files(folder: DatasetFolder) -> Problems:
    listed = folder.manifest.files
    for path in listed:
        try:
            folder.read(path)
        except NasdipError as error:
            yield str(error)
    for path in [*(f"{name}.parquet" for name in RELEASE_TABLES), SCORE_VALUES]:
        if path not in listed:
            yield f"{path} is not listed in {MANIFEST}, which a dataset with these tasks must have"
    inside = (file for name in _FOLDERS for file in sorted((folder.path / name).rglob("*")))
    for file in (folder.path / CROISSANT, *inside):
        name = file.relative_to(folder.path).as_posix()
        if file.is_file() and name not in listed:
            yield f"{name} is not listed in {MANIFEST}: it is not part of the dataset; move it away"


# Tables


def _isin(values: NDArray[Any], allowed: Sequence[Any]) -> NDArray[np.bool_]:
    return np.isin(values.astype(str), [str(value) for value in allowed])


def _duplicates(table: Table, key: Sequence[str]) -> NDArray[np.bool_]:
    columns = (
        [None if value != value else value for value in table[name].tolist()] for name in key
    )
    rows = list(zip(*columns, strict=True))
    counts = Counter(rows)
    return np.array([counts[row] > 1 for row in rows], bool)


def _absent_numbers(name: str, table: Table) -> Problems:
    """NaN where the schema has no missing values; Parquet itself excludes nulls there."""
    for column in RELEASE_TABLES[name]:
        if column.type == "float64" and not column.nullable:
            yield from bad_rows(name, np.isnan(table[column.name]), f"have no {column.name}")


def _architectures(manifest: Manifest, table: Table) -> Problems:
    yield from _absent_numbers("architectures", table)
    count = len(table["arch_id"])
    if count != manifest.architectures:
        yield f"{MANIFEST} says {manifest.architectures} architectures, the table has {count}"
    yield from bad_rows(
        "architectures", table["arch_id"] != np.arange(count), "have an arch_id that is not the row"
    )
    yield from bad_rows("architectures", _duplicates(table, ["architecture"]), "are not unique")
    wrong: dict[str, NDArray[np.bool_]] = {}
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
                wrong.setdefault(column, np.zeros(count, bool))[row] = True
    for column, bad in wrong.items():
        what = f"have a {column} that contradicts the architecture"
        yield from bad_rows("architectures", bad, what)


def _images(manifest: Manifest, table: Table) -> Problems:
    yield from _absent_numbers("images", table)
    if table["name"].tolist() != manifest.images:
        yield f"{MANIFEST} says images {', '.join(manifest.images)}, the table has others"
    if manifest.protocol_version != FOREIGN_PROTOCOL:
        unknown = np.array([value is None for value in table["sha256"]], bool)
        yield from bad_rows("images", unknown, "have no sha256")
    sets = sorted({str(s) for s in table["image_set"].tolist()} - {manifest.image_set})
    if sets:
        yield f"images: image_set {', '.join(sets)}, but {manifest.image_set} in {MANIFEST}"
    yield from bad_rows("images", ~_isin(table["channels"], _IMAGE_CHANNELS), "are not gray or RGB")


def _places(name: str, manifest: Manifest, table: Table) -> Problems:
    """The checks that runs, scores, corruptions and reruns share."""
    yield from _absent_numbers(name, table)
    twice = _duplicates(table, KEYS[name])
    yield from bad_rows(name, twice, "have the same key as another")
    yield from bad_rows(name, table["seed"] < 0, "have a negative seed")
    yield from bad_rows(
        name, ~_isin(table["image"], manifest.images), "have an image that is not in the dataset"
    )
    pairs = {(f, t) for f, t, _ in manifest.task_records()}
    mine = zip(table["fidelity"].tolist(), table["task"].tolist(), strict=True)
    unknown = np.array([pair not in pairs for pair in mine], bool)
    yield from bad_rows(name, unknown, f"have a fidelity and task that {MANIFEST} does not have")


def _keys(name: str, manifest: Manifest, table: Table) -> Problems:
    """The checks that runs and scores share."""
    yield from _places(name, manifest, table)
    ids = table["arch_id"]
    yield from bad_rows(
        name, ~((ids >= 0) & (ids < manifest.architectures)), "have an arch_id of no architecture"
    )
    yield from bad_rows(
        name,
        table["protocol_version"] != manifest.protocol_version,
        f"have a protocol_version other than {manifest.protocol_version} of {MANIFEST}",
    )
    yield from bad_rows(name, table["seconds"] < 0, "have negative seconds")


def _runs(manifest: Manifest, table: Table) -> Problems:
    yield from _keys("runs", manifest, table)
    known = _isin(table["status"], STATUSES)
    yield from bad_rows("runs", ~known, f"have a status other than {', '.join(STATUSES)}")
    ok = table["status"].astype(str) == "ok"
    iterations = table["iterations"]
    own = manifest.protocol_version != FOREIGN_PROTOCOL
    for name in (c.name for c in RELEASE_TABLES["runs"] if c.direction):
        finite = np.isfinite(table[name])
        if own or name.startswith("best_psnr"):  # what others' results always have
            yield from bad_rows("runs", ok & ~finite, f"are ok without a finite {name}")
        yield from bad_rows("runs", known & ~ok & finite, f"are not ok and have a {name}")
    if own:
        for name in ("seconds", "psnr_corrupted_db"):
            yield from bad_rows("runs", np.isnan(table[name]), f"have no {name}")
    for kind in ("psnr_db", "psnr_smooth_db"):
        ends = ("final", "last", "stopped") if kind == "psnr_smooth_db" else ("final", "last")
        for end in ends:
            below = table[f"best_{kind}"] < table[f"{end}_{kind}"] - 1e-9
            yield from bad_rows("runs", ok & below, f"have a best_{kind} below {end}_{kind}")
    for name in ("stop", "best_iteration", "best_raw_iteration", "stopped_iteration"):
        inside = (table[name] >= 1) & (table[name] <= iterations)
        bad = ~inside if name == "stop" else ok & ~inside
        if name == "stop" and not own:  # others' runs may end before it
            bad = table[name] < 1
        if name == "stopped_iteration" and not own:
            bad &= np.isfinite(table[name])
        yield from bad_rows("runs", bad, f"have a {name} outside 1..iterations")
    at = table["diverged_at"].astype(np.float64)
    diverged = table["status"].astype(str) == "diverged"
    inside = (at >= 0) & (at < iterations)
    yield from bad_rows("runs", diverged & ~inside, "diverged without a diverged_at in the budget")


def _scores(manifest: Manifest, table: Table) -> Problems:
    yield from _keys("scores", manifest, table)
    yield from bad_rows(
        "scores",
        ~_isin(table["reference"], _REFERENCES),
        f"have a reference other than {', '.join(_REFERENCES)}",
    )
    yield from bad_rows("scores", np.isinf(table["value"]), "have an infinite value")
    known = {*image_scores(), *network_scores()}
    has_seed = (~np.isnan(table["seed"].astype(np.float64))).tolist()
    named = zip(*(table[name].tolist() for name in ("proxy", "reference")), has_seed, strict=True)
    unlike = np.array(
        [name in known and info(name).sees_corruption(of) != has for name, of, has in named], bool
    )
    yield from bad_rows("scores", unlike, "have a seed and see no corruption, or the reverse")
    yield from bad_rows("scores", table["inits"] < 1, "have no scoring initialisation")
    if manifest.protocol_version != FOREIGN_PROTOCOL:
        yield from bad_rows("scores", np.isnan(table["seconds"]), "have no seconds")


def _corruptions(manifest: Manifest, table: Table) -> Problems:
    yield from _places("corruptions", manifest, table)
    share = table["known_share"]
    bad = ~((share > 0) & (share <= 1))
    yield from bad_rows("corruptions", bad, "have a known_share outside 0..1")
