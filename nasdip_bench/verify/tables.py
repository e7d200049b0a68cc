"""Check a dataset folder in full: files, tables, curves, distances.

Builders run it on their releases, tests on damaged copies, and users through `nasdip_bench.verify`.
It reads everything, so it takes seconds, while opening a dataset takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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

from .arrays import distance_problems, part_problems
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
            for problem in check(folder.manifest, *(tables[name] for name in needed)):
                if isinstance(problem, str):
                    problems.append(problem)
                else:
                    problems += bad_rows(needed[0], tables[needed[0]], *problem)
    if "runs" in tables:
        problems += part_problems(folder, tables["runs"])
        problems += distance_problems(folder, tables["runs"])
    if "scores" in tables:
        problems += score_value_problems(folder, tables["scores"])
    return list(dict.fromkeys(problems))  # a damaged file is met twice


def _files(folder: DatasetFolder) -> Iterator[str]:
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


def _absent_numbers(name: str, table: pd.DataFrame) -> Problems:
    """NaN where the schema has no missing values; Parquet itself excludes nulls there."""
    for column in RELEASE_TABLES[name]:
        if column.type == "float64" and not column.nullable:
            yield table[column.name].isna(), f"have no {column.name}"


def _architectures(manifest: Manifest, table: pd.DataFrame) -> Problems:
    yield from _absent_numbers("architectures", table)
    if len(table) != manifest.architectures:
        yield f"{MANIFEST} says {manifest.architectures} architectures, the table has {len(table)}"
    yield table["arch_id"] != table.index, "have an arch_id that is not the row"
    yield table.duplicated("architecture", keep=False), "are not unique"
    facts = {}
    for row, text in table["architecture"].items():
        try:
            facts[row] = architecture_facts(Architecture.parse(text))
        except NasdipError as error:
            yield f"architectures: row {row}: {error}"
    wanted = pd.DataFrame.from_dict(facts, orient="index")
    known = table.index.isin(wanted.index)
    for column, values in wanted.reindex(table.index).items():
        same = (table[column] == values) | (table[column].isna() & values.isna())
        yield known & ~same, f"have a {column} that contradicts the architecture"


def _images(manifest: Manifest, table: pd.DataFrame) -> Problems:
    yield from _absent_numbers("images", table)
    if table["name"].tolist() != manifest.images:
        yield f"{MANIFEST} says images {', '.join(manifest.images)}, the table has others"
    if manifest.protocol_version != FOREIGN_PROTOCOL:
        yield table["sha256"].isna(), "have no sha256"
    sets = sorted({*table["image_set"]} - {manifest.image_set})
    if sets:
        yield f"images: image_set {', '.join(sets)}, but {manifest.image_set} in {MANIFEST}"
    yield ~table["channels"].isin(_IMAGE_CHANNELS), "are not gray or RGB"


def _places(name: str, manifest: Manifest, table: pd.DataFrame) -> Problems:
    """The checks that runs, scores, corruptions and reruns share."""
    yield from _absent_numbers(name, table)
    yield table.duplicated([*KEYS[name]], keep=False), "have the same key as another"
    yield table["seed"] < 0, "have a negative seed"
    yield ~table["image"].isin(manifest.images), "have an image that is not in the dataset"
    pairs = [(fidelity, task) for fidelity, task, _ in manifest.task_records()]
    known = pd.MultiIndex.from_frame(table[["fidelity", "task"]]).isin(pairs)
    yield ~known, f"have a fidelity and task that {MANIFEST} does not have"


def _keys(name: str, manifest: Manifest, table: pd.DataFrame) -> Problems:
    """The checks that runs and scores share."""
    yield from _places(name, manifest, table)
    known = table["arch_id"].between(0, manifest.architectures - 1)
    yield ~known, "have an arch_id of no architecture"
    version = manifest.protocol_version
    what = f"have a protocol_version other than {version} of {MANIFEST}"
    yield table["protocol_version"] != version, what
    yield table["seconds"] < 0, "have negative seconds"


def _runs(manifest: Manifest, table: pd.DataFrame) -> Problems:
    yield from _keys("runs", manifest, table)
    known = table["status"].isin(STATUSES)
    yield ~known, f"have a status other than {', '.join(STATUSES)}"
    ok = table["status"] == "ok"
    iterations = table["iterations"]
    own = manifest.protocol_version != FOREIGN_PROTOCOL
    for name in (c.name for c in RELEASE_TABLES["runs"] if c.direction):
        finite = np.isfinite(table[name])
        if own or name.startswith("best_psnr"):  # what others' results always have
            yield ok & ~finite, f"are ok without a finite {name}"
        yield known & ~ok & finite, f"are not ok and have a {name}"
    if own:
        for name in ("seconds", "psnr_corrupted_db"):
            yield table[name].isna(), f"have no {name}"
    for kind in ("psnr_db", "psnr_smooth_db"):
        ends = ("final", "last", "stopped") if kind == "psnr_smooth_db" else ("final", "last")
        for end in ends:
            below = table[f"best_{kind}"] < table[f"{end}_{kind}"] - 1e-9
            yield ok & below, f"have a best_{kind} below {end}_{kind}"
    for name in ("stop", "best_iteration", "best_raw_iteration", "stopped_iteration"):
        inside = (table[name] >= 1) & (table[name] <= iterations)
        bad = ~inside if name == "stop" else ok & ~inside
        if name == "stop" and not own:  # others' runs may end before it
            bad = table[name] < 1
        if name == "stopped_iteration" and not own:
            bad &= np.isfinite(table[name])
        yield bad, f"have a {name} outside 1..iterations"
    inside = (table["diverged_at"] >= 0) & (table["diverged_at"] < iterations)
    bad = (table["status"] == "diverged") & ~inside
    yield bad, "diverged without a diverged_at in the budget"


def _scores(manifest: Manifest, table: pd.DataFrame) -> Problems:
    yield from _keys("scores", manifest, table)
    other = ~table["reference"].isin(_REFERENCES)
    yield other, f"have a reference other than {', '.join(_REFERENCES)}"
    yield np.isinf(table["value"]), "have an infinite value"
    known = {*image_scores(), *network_scores()}
    named = table[["proxy", "reference"]].assign(has_seed=table["seed"].notna())
    unlike = [
        (name, of, has_seed)
        for name, of, has_seed in named.drop_duplicates().itertuples(index=False)
        if name in known and info(name).sees_corruption(of) != has_seed
    ]
    bad = pd.MultiIndex.from_frame(named).isin(unlike)
    yield bad, "have a seed and see no corruption, or the reverse"
    yield table["inits"] < 1, "have no scoring initialisation"
    if manifest.protocol_version != FOREIGN_PROTOCOL:
        yield table["seconds"].isna(), "have no seconds"


def _corruptions(manifest: Manifest, table: pd.DataFrame) -> Problems:
    yield from _places("corruptions", manifest, table)
    share = table["known_share"]
    yield ~((share > 0) & (share <= 1)), "have a known_share outside 0..1"
