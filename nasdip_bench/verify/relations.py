"""Check tables, manifest and values of scores against each other; what all checks share.

A table is a frame whose index numbers its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from nasdip_bench.dataset import MANIFEST, DatasetFolder, Manifest
from nasdip_bench.dataset.manifest import SCORE_VALUES
from nasdip_bench.dataset.schema import CORRUPTION_ROUNDING, KEYS
from nasdip_bench.errors import NasdipError
from nasdip_bench.fidelity import FOREIGN_PROTOCOL

Problems = Iterator[str | tuple[Any, str]]
"""Sentences; or whether each row of a table has a problem, and the problem."""

_SHOWN = 3


def bad_rows(table: str, rows: pd.DataFrame, bad: Any, what: str) -> Iterator[str]:
    """One sentence for all rows of a table that share one problem.

    Args:
        table: name of the table.
        rows: rows of it.
        bad: whether each of them has the problem.
        what: the problem.
    """
    where = rows.index[np.asarray(bad, bool)]
    if len(where):
        shown = ", ".join(map(str, where[:_SHOWN])) + (", ..." if len(where) > _SHOWN else "")
        yield f"{table}: {len(where)} rows {what} (row {shown})"


def rows_of(table: pd.DataFrame, fidelity: str, task: str) -> pd.DataFrame:
    """The rows of a table with a fidelity and task."""
    return table[(table["fidelity"] == fidelity) & (table["task"] == task)]


def _joined(
    table: pd.DataFrame, other: pd.DataFrame, keys: tuple[str, ...], column: str
) -> pd.DataFrame:
    """A table with ``of_other``: a column of the row of another that has the same keys, or NaN."""
    by_key = other[[*keys, column]].drop_duplicates([*keys]).rename(columns={column: "of_other"})
    return table.merge(by_key, how="left", on=[*keys])


def rerun_problems(_: Manifest, reruns: pd.DataFrame, runs: pd.DataFrame) -> Problems:
    """Reruns belong to existing runs, and are no longer than those."""
    length = _joined(reruns, runs, KEYS["runs"], "iterations")["of_other"]
    yield length.isna(), "belong to a run that does not exist"
    trained = reruns["iterations"]
    outside = (trained < 1) | (trained > length) | (reruns["whole"] != (trained == length))
    yield length.notna() & outside, "have iterations that do not fit their run"
    bad = (reruns["differing"] < 0) | (reruns["differing"] > reruns["points"])
    yield bad, "have more differing points than points"


def corruption_problems(
    manifest: Manifest, runs: pd.DataFrame, corruptions: pd.DataFrame
) -> Problems:
    """Runs and the table of corruptions agree about the corrupted images."""
    stated = _joined(runs, corruptions, KEYS["corruptions"], "psnr_db")["of_other"]
    if manifest.protocol_version != FOREIGN_PROTOCOL:
        yield stated.isna(), "have no row in corruptions.parquet"
    apart = (stated - runs["psnr_corrupted_db"]).abs() > CORRUPTION_ROUNDING
    yield apart, "have another psnr_corrupted_db than corruptions.parquet"


def count_problems(manifest: Manifest, runs: pd.DataFrame, scores: pd.DataFrame) -> Problems:
    """The manifest counts what the tables hold."""
    per_seed = manifest.architectures * len(manifest.images)
    for fidelity, task, record in manifest.task_records():
        mine = rows_of(runs, fidelity, task)
        seeds = mine["seed"].value_counts().sort_index().to_dict()
        done = mine["seed"][mine["status"] != "failed"].value_counts().to_dict()
        complete = [seed for seed in seeds if done.get(seed) == per_seed]
        fullest = sorted(seeds, key=lambda seed: (-done.get(seed, 0), seed))[:1]
        pairs = rows_of(scores, fidelity, task)[["arch_id", "image"]].drop_duplicates()
        found = {
            "runs": len(mine),
            "seeds": {str(seed): count for seed, count in seeds.items()},
            "complete_seeds": complete,
            "default_seeds": complete or fullest,
            "scored": int((pairs["arch_id"].value_counts() == len(manifest.images)).sum()),
        }
        for name, value in found.items():
            if getattr(record, name) != value:
                yield (
                    f"{MANIFEST} says {name} {getattr(record, name)} for {task} at {fidelity}, "
                    f"the tables {value}"
                )
        for name in ("iterations", "stop"):
            unlike = mine[name] != getattr(record, name)
            if name == "iterations" and manifest.protocol_version == FOREIGN_PROTOCOL:
                unlike = mine[name] > getattr(record, name)  # a run has its own limit
            yield from bad_rows("runs", mine, unlike, f"have another {name} than {MANIFEST}")
    for task, fidelity in manifest.default_fidelity.items():
        default = manifest.task(fidelity, task)
        if default is None or not default.runs:
            yield f"{MANIFEST} names {fidelity} as the default of {task}, which has no runs"


def score_value_problems(folder: DatasetFolder, table: pd.DataFrame) -> Iterator[str]:
    """The mean of a score is that of its single values."""
    try:
        values = folder.score_values()
    except NasdipError as error:
        yield str(error)
        return
    if values.ndim != 2 or len(values) != len(table):
        yield f"{SCORE_VALUES} has the shape {values.shape}, there are {len(table)} scores"
        return
    there = np.isfinite(values)
    count = np.maximum(there.sum(axis=1), 1)
    means = np.where(there, values, 0).sum(axis=1, dtype=np.float64) / count
    stated = table["value"].to_numpy(np.float64)
    scale = np.where(there, np.abs(values), 0).max(axis=1, initial=0)
    bad = np.isfinite(stated) & ~(np.abs(means - stated) <= 1e-6 * scale)
    yield from bad_rows(
        "scores", table, bad, f"have a value that is not the mean in {SCORE_VALUES}"
    )
    few = np.isfinite(stated) & (there.sum(axis=1) != table["inits"])
    yield from bad_rows("scores", table, few, f"have other inits than values in {SCORE_VALUES}")
