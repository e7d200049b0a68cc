"""Check tables, manifest and values of scores against each other; what all checks share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import MANIFEST, DatasetFolder, Manifest
from nasdip_bench.dataset.manifest import SCORE_VALUES
from nasdip_bench.dataset.schema import CORRUPTION_ROUNDING, KEYS
from nasdip_bench.errors import NasdipError
from nasdip_bench.fidelity import FOREIGN_PROTOCOL

Table = dict[str, NDArray[Any]]
"""(rows,) values by name of the column."""

Problems = Iterator[str]
"""One sentence per problem."""

_SHOWN = 3


def bad_rows(
    table: str, bad: NDArray[np.bool_], what: str, rows: NDArray[np.intp] | None = None
) -> Problems:
    """One sentence for all rows of a table that share one problem.

    Args:
        table: name of the table.
        bad: whether a row has the problem.
        what: the problem.
        rows: the rows that ``bad`` is of; None: all.
    """
    where = np.flatnonzero(bad) if rows is None else rows[bad]
    if len(where):
        shown = ", ".join(map(str, where[:_SHOWN])) + (", ..." if len(where) > _SHOWN else "")
        yield f"{table}: {len(where)} rows {what} (row {shown})"


def rows_of(table: Table, fidelity: str, task: str) -> NDArray[np.intp]:
    """The rows of a table with a fidelity and task."""
    return np.flatnonzero((table["fidelity"] == fidelity) & (table["task"] == task))


def rerun_problems(manifest: Manifest, table: Table, runs: Table) -> Problems:
    """Reruns belong to existing runs, and are no longer than those."""
    del manifest
    keys, mine = (
        list(zip(*(rows[name].tolist() for name in KEYS["runs"]), strict=True))
        for rows in (runs, table)
    )
    lengths = dict(zip(keys, runs["iterations"].tolist(), strict=True))
    length = np.array([lengths.get(key, 0) for key in mine], np.int64)
    yield from bad_rows("reruns", length == 0, "belong to a run that does not exist")
    trained = table["iterations"]
    outside = (trained < 1) | (trained > length) | (table["whole"] != (trained == length))
    yield from bad_rows(
        "reruns", (length > 0) & outside, "have iterations that do not fit their run"
    )
    bad = (table["differing"] < 0) | (table["differing"] > table["points"])
    yield from bad_rows("reruns", bad, "have more differing points than points")


def corruption_problems(manifest: Manifest, runs: Table, corruptions: Table) -> Problems:
    """Runs and the table of corruptions agree about the corrupted images."""
    known, mine = (
        list(zip(*(table[name].tolist() for name in KEYS["corruptions"]), strict=True))
        for table in (corruptions, runs)
    )
    stated = dict(zip(known, corruptions["psnr_db"].tolist(), strict=True))
    found = np.array([stated.get(key, np.nan) for key in mine], np.float64)
    if manifest.protocol_version != FOREIGN_PROTOCOL:
        absent = np.array([key not in stated for key in mine], bool)
        yield from bad_rows("runs", absent, "have no row in corruptions.parquet")
    apart = np.abs(found - runs["psnr_corrupted_db"].astype(np.float64))
    what = "have another psnr_corrupted_db than corruptions.parquet"
    yield from bad_rows("runs", apart > CORRUPTION_ROUNDING, what)


def count_problems(manifest: Manifest, runs: Table, scores: Table) -> Problems:
    """The manifest counts what the tables hold."""
    per_seed = manifest.architectures * len(manifest.images)
    for fidelity, task, record in manifest.task_records():
        mine = rows_of(runs, fidelity, task)
        seeds = dict(sorted(Counter(runs["seed"][mine].tolist()).items()))
        tried = runs["status"][mine] != "failed"
        done = Counter(runs["seed"][mine][tried].tolist())
        complete = [seed for seed in seeds if done[seed] == per_seed]
        fullest = sorted(seeds, key=lambda seed: (-done[seed], seed))[:1]
        scored = rows_of(scores, fidelity, task)
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
            of_runs = runs[name][mine]
            unlike = of_runs != getattr(record, name)
            if name == "iterations" and manifest.protocol_version == FOREIGN_PROTOCOL:
                unlike = of_runs > getattr(record, name)  # a run has its own limit
            yield from bad_rows("runs", unlike, f"have another {name} than {MANIFEST}", mine)
    for task, fidelity in manifest.default_fidelity.items():
        default = manifest.task(fidelity, task)
        if default is None or not default.runs:
            yield f"{MANIFEST} names {fidelity} as the default of {task}, which has no runs"


def score_value_problems(folder: DatasetFolder, table: Table) -> Problems:
    """The mean of a score is that of its single values."""
    try:
        values = folder.score_values()
    except NasdipError as error:
        yield str(error)
        return
    if values.ndim != 2 or len(values) != len(table["value"]):
        yield f"{SCORE_VALUES} has the shape {values.shape}, there are {len(table['value'])} scores"
        return
    there = np.isfinite(values)
    count = np.maximum(there.sum(axis=1), 1)
    means = np.where(there, values, 0).sum(axis=1, dtype=np.float64) / count
    stated = table["value"].astype(np.float64)
    scale = np.where(there, np.abs(values), 0).max(axis=1, initial=0)
    bad = np.isfinite(stated) & ~(np.abs(means - stated) <= 1e-6 * scale)
    yield from bad_rows("scores", bad, f"have a value that is not the mean in {SCORE_VALUES}")
    few = np.isfinite(stated) & (there.sum(axis=1) != table["inits"])
    yield from bad_rows("scores", few, f"have other inits than values in {SCORE_VALUES}")
