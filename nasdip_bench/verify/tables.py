"""Check a dataset folder in full: files, tables, curves, distances.

Builders run it on their releases, tests on damaged copies, and users through `nasdip_bench.verify`.
It reads everything, so it takes seconds, while opening a dataset takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

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
    tables: dict[str, pd.DataFrame] = {}
    for name in RELEASE_TABLES:
        try:
            tables[name] = folder.table(name).to_pandas()
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


def _absent_numbers(name: str, table: pd.DataFrame) -> Problems:
    """NaN where the schema has no missing values; Parquet itself excludes nulls there."""
    for column in RELEASE_TABLES[name]:
        if column.type == "float64" and not column.nullable:
            yield from bad_rows(name, table, table[column.name].isna(), f"have no {column.name}")


def _architectures(manifest: Manifest, table: pd.DataFrame) -> Problems:
    yield from _absent_numbers("architectures", table)
    if len(table) != manifest.architectures:
        yield f"{MANIFEST} says {manifest.architectures} architectures, the table has {len(table)}"
    other = table["arch_id"] != table.index
    yield from bad_rows("architectures", table, other, "have an arch_id that is not the row")
    twice = table.duplicated("architecture", keep=False)
    yield from bad_rows("architectures", table, twice, "are not unique")
    facts = {}
    for row, text in table["architecture"].items():
        try:
            facts[row] = architecture_facts(Architecture.parse(text))
        except NasdipError as error:
            yield f"architectures: row {row}: {error}"
    wanted = pd.DataFrame.from_dict(facts, orient="index")
    known = table.loc[wanted.index]
    for column, values in wanted.items():
        unlike = (known[column] != values) & ~(known[column].isna() & values.isna())
        what = f"have a {column} that contradicts the architecture"
        yield from bad_rows("architectures", known, unlike, what)


def _images(manifest: Manifest, table: pd.DataFrame) -> Problems:
    yield from _absent_numbers("images", table)
    if table["name"].tolist() != manifest.images:
        yield f"{MANIFEST} says images {', '.join(manifest.images)}, the table has others"
    if manifest.protocol_version != FOREIGN_PROTOCOL:
        yield from bad_rows("images", table, table["sha256"].isna(), "have no sha256")
    sets = sorted({*table["image_set"]} - {manifest.image_set})
    if sets:
        yield f"images: image_set {', '.join(sets)}, but {manifest.image_set} in {MANIFEST}"
    odd = ~table["channels"].isin(_IMAGE_CHANNELS)
    yield from bad_rows("images", table, odd, "are not gray or RGB")


def _places(name: str, manifest: Manifest, table: pd.DataFrame) -> Problems:
    """The checks that runs, scores, corruptions and reruns share."""
    yield from _absent_numbers(name, table)
    twice = table.duplicated([*KEYS[name]], keep=False)
    yield from bad_rows(name, table, twice, "have the same key as another")
    yield from bad_rows(name, table, table["seed"] < 0, "have a negative seed")
    unknown = ~table["image"].isin(manifest.images)
    yield from bad_rows(name, table, unknown, "have an image that is not in the dataset")
    pairs = [(fidelity, task) for fidelity, task, _ in manifest.task_records()]
    known = pd.MultiIndex.from_frame(table[["fidelity", "task"]]).isin(pairs)
    what = f"have a fidelity and task that {MANIFEST} does not have"
    yield from bad_rows(name, table, ~known, what)


def _keys(name: str, manifest: Manifest, table: pd.DataFrame) -> Problems:
    """The checks that runs and scores share."""
    yield from _places(name, manifest, table)
    outside = ~table["arch_id"].between(0, manifest.architectures - 1)
    yield from bad_rows(name, table, outside, "have an arch_id of no architecture")
    other = table["protocol_version"] != manifest.protocol_version
    what = f"have a protocol_version other than {manifest.protocol_version} of {MANIFEST}"
    yield from bad_rows(name, table, other, what)
    yield from bad_rows(name, table, table["seconds"] < 0, "have negative seconds")


def _runs(manifest: Manifest, table: pd.DataFrame) -> Problems:
    yield from _keys("runs", manifest, table)
    known = table["status"].isin(STATUSES)
    yield from bad_rows("runs", table, ~known, f"have a status other than {', '.join(STATUSES)}")
    ok = table["status"] == "ok"
    iterations = table["iterations"]
    own = manifest.protocol_version != FOREIGN_PROTOCOL
    for name in (c.name for c in RELEASE_TABLES["runs"] if c.direction):
        finite = np.isfinite(table[name])
        if own or name.startswith("best_psnr"):  # what others' results always have
            yield from bad_rows("runs", table, ok & ~finite, f"are ok without a finite {name}")
        yield from bad_rows("runs", table, known & ~ok & finite, f"are not ok and have a {name}")
    if own:
        for name in ("seconds", "psnr_corrupted_db"):
            yield from bad_rows("runs", table, table[name].isna(), f"have no {name}")
    for kind in ("psnr_db", "psnr_smooth_db"):
        ends = ("final", "last", "stopped") if kind == "psnr_smooth_db" else ("final", "last")
        for end in ends:
            below = ok & (table[f"best_{kind}"] < table[f"{end}_{kind}"] - 1e-9)
            yield from bad_rows("runs", table, below, f"have a best_{kind} below {end}_{kind}")
    for name in ("stop", "best_iteration", "best_raw_iteration", "stopped_iteration"):
        inside = (table[name] >= 1) & (table[name] <= iterations)
        bad = ~inside if name == "stop" else ok & ~inside
        if name == "stop" and not own:  # others' runs may end before it
            bad = table[name] < 1
        if name == "stopped_iteration" and not own:
            bad &= np.isfinite(table[name])
        yield from bad_rows("runs", table, bad, f"have a {name} outside 1..iterations")
    inside = (table["diverged_at"] >= 0) & (table["diverged_at"] < iterations)
    bad = (table["status"] == "diverged") & ~inside
    yield from bad_rows("runs", table, bad, "diverged without a diverged_at in the budget")


def _scores(manifest: Manifest, table: pd.DataFrame) -> Problems:
    yield from _keys("scores", manifest, table)
    other = ~table["reference"].isin(_REFERENCES)
    what = f"have a reference other than {', '.join(_REFERENCES)}"
    yield from bad_rows("scores", table, other, what)
    yield from bad_rows("scores", table, np.isinf(table["value"]), "have an infinite value")
    known = {*image_scores(), *network_scores()}
    named = table[["proxy", "reference"]].assign(has_seed=table["seed"].notna())
    unlike = [
        (name, of, has_seed)
        for name, of, has_seed in named.drop_duplicates().itertuples(index=False)
        if name in known and info(name).sees_corruption(of) != has_seed
    ]
    what = "have a seed and see no corruption, or the reverse"
    yield from bad_rows("scores", table, pd.MultiIndex.from_frame(named).isin(unlike), what)
    yield from bad_rows("scores", table, table["inits"] < 1, "have no scoring initialisation")
    if manifest.protocol_version != FOREIGN_PROTOCOL:
        yield from bad_rows("scores", table, table["seconds"].isna(), "have no seconds")


def _corruptions(manifest: Manifest, table: pd.DataFrame) -> Problems:
    yield from _places("corruptions", manifest, table)
    share = table["known_share"]
    bad = ~((share > 0) & (share <= 1))
    yield from bad_rows("corruptions", table, bad, "have a known_share outside 0..1")
