"""Differences between two datasets: facts of the manifest, and rows of the tables.

Two datasets are equal if they hold the same numbers under the same keys. Provenance is shown but
does not make them different: who computed a row and in how many seconds
(`nasdip_bench.dataset.schema.PROVENANCE_COLUMNS`), when and from what a release was made. Must not
import torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasdip_bench.dataset import DatasetFolder, Manifest
from nasdip_bench.dataset.schema import KEYS, PROVENANCE_COLUMNS, table_columns
from nasdip_bench.errors import DatasetError

from .arrays import Folders, curves_differ, distances_differ, values_differ

if TYPE_CHECKING:
    import pandas as pd

ADDED, REMOVED, CHANGED, MOVED = "added", "removed", "changed", "moved"
PROVENANCE = "provenance"
"""Change of a row with the same numbers, computed elsewhere or at another time."""

_RUN_KEY = ("architecture", *KEYS["runs"][1:])
_KEYS = {
    "architectures": ("architecture",),
    "images": ("name",),
    "corruptions": KEYS["corruptions"],
    "runs": _RUN_KEY,
    "scores": (*_RUN_KEY, "proxy", "reference"),
    "stops": (*_RUN_KEY, "rule", "parameters"),
    "reruns": ("architecture", *KEYS["reruns"][1:]),
}
_ROWS = ("arch_id", "curve_row")
"""Row numbers: positions, not content."""
_SIDES = ("_first", "_second")

_ABOUT_THE_RELEASE = (
    "name", "version", "created", "software", "devices", "device_types", "sources",
    "schema_version",
)  # fmt: skip
_ELSEWHERE = ("files", "images", "architectures", "runs", "seeds", "scored")
"""Facts of the manifest that are compared by content or follow from the tables."""


@dataclass(frozen=True, eq=False)
class Difference:
    """How the second dataset differs from the first, as frames of the rows that differ.

    In all of them ``change`` is "added", "removed" or "changed". For architectures and images it
    can also be "moved" (in another order), for runs and scores "provenance" (the same numbers,
    computed elsewhere or at another time, which is not a difference). ``columns`` lists the columns
    that differ, joined by spaces; in addition to the tables' columns "curve" and "observables" of a
    run, "distances" of its restoration (to the ground truth, to the corrupted image or to others),
    and "values", the single ones of a score. What one of the datasets lacks differs.

    Attributes:
        manifest: fact, first, second, provenance (bool: of the release, and not of its numbers).
        architectures: architecture, change, columns, arch_id_first, arch_id_second.
        images: name, change, columns.
        corruptions: image, task, fidelity, seed, change, columns.
        runs: architecture, image, task, fidelity, seed, change, columns, status_first,
            status_second, largest_db (the largest change of a PSNR, points of curves included).
        scores: architecture, image, task, fidelity, seed (NA if a score sees no corruption),
            proxy, reference, change, columns, value_first, value_second.
        stops: architecture, image, task, fidelity, seed, rule, parameters, change, columns.
        reruns: architecture, image, task, fidelity, seed, iterations, stack, precision, device,
            torch, change, columns.
    """

    manifest: pd.DataFrame
    architectures: pd.DataFrame
    images: pd.DataFrame
    corruptions: pd.DataFrame
    runs: pd.DataFrame
    scores: pd.DataFrame
    stops: pd.DataFrame
    reruns: pd.DataFrame

    @property
    def equal(self) -> bool:
        """Whether both hold the same numbers under the same keys."""
        changes = [frame["change"] for name, frame in vars(self).items() if name != "manifest"]
        same = all((change == PROVENANCE).all() for change in changes)
        return same and bool(self.manifest["provenance"].all())

    def summary(self) -> pd.DataFrame:
        """Counts of changes by table, fidelity, task and seed (NA for scores that see none).

        Returns:
            added, removed, changed, provenance, and largest_change, in dB for a PSNR and in its own
            unit for a score.
        """
        import pandas as pd

        runs = self.runs.assign(table="runs", size=self.runs["largest_db"])
        moved = (self.scores["value_second"] - self.scores["value_first"]).abs()
        scores = self.scores.assign(table="scores", size=moved)
        where = ["table", "fidelity", "task", "seed"]
        both = [
            frame[[*where, "change", "size"]].astype({"seed": "Int64"}) for frame in (runs, scores)
        ]
        rows = pd.concat(both)
        groups = rows.groupby(where, dropna=False, sort=False)
        counts = {
            change: groups["change"].apply(lambda values, c=change: int((values == c).sum()))
            for change in (ADDED, REMOVED, CHANGED, PROVENANCE)
        }
        return pd.DataFrame({**counts, "largest_change": groups["size"].max()}).reset_index()


def compare_datasets(first: Path | str, second: Path | str) -> Difference:
    """Compare two datasets.

    Args:
        first: a dataset folder.
        second: another one.

    Raises:
        DatasetError: one of them is absent or damaged, or has a row twice.
    """
    folders = DatasetFolder(first), DatasetFolder(second)
    return Difference(
        manifest=_facts(*(folder.manifest for folder in folders)),
        architectures=_listed(folders, "architectures", *(f"arch_id{side}" for side in _SIDES)),
        images=_listed(folders, "images"),
        corruptions=_plain(folders, "corruptions"),
        runs=_runs(folders),
        scores=_scores(folders),
        stops=_plain(folders, "stops"),
        reruns=_plain(folders, "reruns"),
    )


# The manifest


def _facts(first: Manifest, second: Manifest) -> pd.DataFrame:
    import pandas as pd

    one, other = (dict(_flat(asdict(manifest))) for manifest in (first, second))
    facts = [
        (name, one.get(name), other.get(name), name.partition(".")[0] in _ABOUT_THE_RELEASE)
        for name in {**one, **other}
        if one.get(name) != other.get(name)
    ]
    frame = pd.DataFrame(facts, columns=["fact", "first", "second", "provenance"], dtype=object)
    return frame.astype({"provenance": bool})


def _flat(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Flatten nested facts to joined names, such as ``fidelities.r64.tasks.denoise.stop``."""
    for name, value in facts.items():
        if name in _ELSEWHERE:
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


# Tables


def _table(folder: DatasetFolder, name: str) -> pd.DataFrame:
    """A table with architectures as strings, and each row's position in ``row``."""
    table = folder.table(name).to_pandas()
    # Not pandas' strings: pandas 3.0 cannot merge those of an empty table.
    table = table.astype({c.name: object for c in table_columns(name) if c.type == "string"})
    if "seed" in table:
        table["seed"] = table["seed"].astype("Int64")  # NA if missing
    problem = ""
    if "arch_id" in table and "architecture" not in table:
        names = folder.table("architectures")["architecture"].to_pandas().to_numpy()
        ids = table["arch_id"].to_numpy()
        if len(ids) and not 0 <= ids.min() <= ids.max() < len(names):
            problem = f"an arch_id outside 0..{len(names) - 1}"
        else:
            table["architecture"] = names[ids]
    if not problem and table.duplicated([*_KEYS[name]]).any():
        problem = "a row twice"
    if problem:
        raise DatasetError(
            f"{name}.parquet in {str(folder.path)!r} has {problem}; run 'nasdip-bench verify'"
        )
    return table.assign(row=np.arange(len(table)))


def _pair(folders: Folders, name: str) -> pd.DataFrame:
    """The rows of a table in either dataset, by key; ``there`` tells in which.

    Names of columns other than keys end in "_first" or "_second"; values are NaN if that dataset
    lacks the row. ``change`` and ``columns`` tell what differs; "" if nothing does.
    """
    one, other = (_table(folder, name) for folder in folders)
    rows = one.merge(
        other, how="outer", on=[*_KEYS[name]], suffixes=_SIDES, indicator="there", sort=True
    )
    added, removed = rows["there"] == "right_only", rows["there"] == "left_only"
    rows["change"] = np.select([added, removed], [ADDED, REMOVED], "")
    rows["columns"] = ""
    for column in table_columns(name):
        if column.name not in (*_KEYS[name], *_ROWS):
            first, second = (rows[column.name + side] for side in _SIDES)
            bad = (first != second) & ~(first.isna() & second.isna())
            _mark(rows, column.name, rows.index[bad & (rows["there"] == "both")])
    return rows


def _mark(rows: pd.DataFrame, column: str, bad: pd.Index[int]) -> None:
    """Mark some rows as different in a column."""
    rows.loc[bad, "columns"] = (rows.loc[bad, "columns"] + f" {column}").str.lstrip()
    if column in PROVENANCE_COLUMNS:
        rows.loc[bad, "change"] = rows.loc[bad, "change"].replace("", PROVENANCE)
    else:
        rows.loc[bad, "change"] = CHANGED


def _frame(rows: pd.DataFrame, name: str, *further: str) -> pd.DataFrame:
    """The rows that changed, with their keys and some further columns."""
    columns = [*_KEYS[name], "change", "columns", *further]
    return rows.loc[rows["change"] != "", columns].reset_index(drop=True)


def _plain(folders: Folders, name: str) -> pd.DataFrame:
    return _frame(_pair(folders, name), name)


def _listed(folders: Folders, name: str, *further: str) -> pd.DataFrame:
    """The changes of a table whose rows are ordered."""
    rows = _pair(folders, name)
    ranks = rows.loc[rows["there"] == "both", ["row_first", "row_second"]].rank()
    moved = ranks.index[ranks["row_first"] != ranks["row_second"]]
    rows.loc[moved, "change"] = rows.loc[moved, "change"].replace("", MOVED)
    return _frame(rows, name, *further)


def _runs(folders: Folders) -> pd.DataFrame:
    rows = _pair(folders, "runs")
    both = rows[rows["there"] == "both"]
    rows["largest_db"] = np.nan
    differ, _ = curves_differ(folders, "observables", both)
    _mark(rows, "observables", both.index[differ])
    differ, apart = curves_differ(folders, "curves", both)
    _mark(rows, "curve", both.index[differ])
    _mark(rows, "distances", both.index[distances_differ(folders, both)])
    rows.loc[both.index, "largest_db"] = apart
    for column in (c.name for c in table_columns("runs") if c.name.endswith("_db")):
        moved = (rows[f"{column}_second"] - rows[f"{column}_first"]).abs()
        rows["largest_db"] = np.fmax(rows["largest_db"], moved)
    return _frame(rows, "runs", "status_first", "status_second", "largest_db")


def _scores(folders: Folders) -> pd.DataFrame:
    rows = _pair(folders, "scores")
    both = rows[rows["there"] == "both"]
    _mark(rows, "values", both.index[values_differ(folders, both)])
    return _frame(rows, "scores", "value_first", "value_second")
