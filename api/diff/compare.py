"""What two datasets do not have in common: facts, architectures, images, corruptions, runs, scores.

Two datasets are equal where they hold the same numbers under the same keys. Who computed a row and
in how many seconds (`nasdip_bench.dataset.schema.PROVENANCE_COLUMNS`), and when and from what a
release was made, is shown and does not make them different. Must not import torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder, Manifest
from nasdip_bench.dataset.schema import PROVENANCE_COLUMNS, table_columns
from nasdip_bench.errors import DatasetError

from .arrays import curves_differ, distances_differ, values_differ

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ADDED",
    "CHANGED",
    "Difference",
    "MOVED",
    "PROVENANCE",
    "REMOVED",
    "compare_datasets",
]

ADDED, REMOVED, CHANGED, MOVED = "added", "removed", "changed", "moved"
PROVENANCE = "provenance"
"""The change of a row that holds the same numbers, computed elsewhere or at another time."""

_RUN_KEY = ("architecture", "image", "task", "fidelity", "seed")
_SCORE_KEY = ("architecture", "image", "task", "fidelity", "seed", "proxy", "reference")
_CORRUPTION_KEY = ("image", "task", "fidelity", "seed")
_ROWS = ("arch_id", "curve_row")
"""Numbers of rows, which say where something stands and not what it is."""

_ABOUT_THE_RELEASE = (
    "name",
    "version",
    "created",
    "software",
    "devices",
    "device_types",
    "sources",
    "schema_version",
)
_ELSEWHERE = ("files", "images", "architectures", "runs", "seeds", "scored")
"""Of the manifest, what is compared by content or follows from the tables."""


@dataclass(frozen=True, eq=False)
class Difference:
    """What the second of two datasets has other than the first, as frames of the rows that differ.

    In all of them ``change`` is "added", "removed" or "changed"; of architectures and images also
    "moved" (they stand in another order), of runs and scores also "provenance" (the same numbers,
    computed elsewhere or at another time, which does not count as a difference). ``columns`` names
    those that differ, joined by blanks; beside those of the tables "curve" and "observables" of a
    run, "distances" of its restoration (to the ground truth, to the corrupted image or to others),
    and "values", the single ones of a score. What one of the two datasets lacks differs.

    Attributes:
        manifest: fact, first, second, provenance (bool: of the release, and not of its numbers).
        architectures: architecture, change, columns, arch_id_first, arch_id_second.
        images: name, change, columns.
        corruptions: image, task, fidelity, seed, change, columns.
        runs: architecture, image, task, fidelity, seed, change, columns, status_first,
            status_second, largest_db (the largest change of a PSNR, points of curves included).
        scores: architecture, image, task, fidelity, seed (NA where a score sees no corruption),
            proxy, reference, change, columns, value_first, value_second.
    """

    manifest: pd.DataFrame
    architectures: pd.DataFrame
    images: pd.DataFrame
    corruptions: pd.DataFrame
    runs: pd.DataFrame
    scores: pd.DataFrame

    @property
    def equal(self) -> bool:
        """Whether both hold the same numbers under the same keys."""
        tables = (self.architectures, self.images, self.corruptions, self.runs, self.scores)
        same = all((table["change"] == PROVENANCE).all() for table in tables)
        return same and bool(self.manifest["provenance"].all())

    def summary(self) -> pd.DataFrame:
        """Counts of changes by table, fidelity, task and seed (NA of scores that see none).

        Returns:
            added, removed, changed, provenance, and largest_change: of a PSNR in dB, of a score in
            its own unit.
        """
        import pandas as pd

        runs = self.runs.assign(table="runs", size=self.runs["largest_db"])
        moved = (self.scores["value_second"] - self.scores["value_first"]).abs()
        scores = self.scores.assign(table="scores", size=moved)
        where = ["table", "fidelity", "task", "seed"]
        columns = [*where, "change", "size"]
        rows = pd.concat(
            [runs[columns].astype({"seed": "Int64"}), scores[columns].astype({"seed": "Int64"})]
        )
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
        second: another.

    Raises:
        DatasetError: one of them is absent or damaged, or has a row twice.
    """
    one, other = DatasetFolder(first), DatasetFolder(second)
    return Difference(
        manifest=_facts(one.manifest, other.manifest),
        architectures=_architectures(one, other),
        images=_images(one, other),
        corruptions=_corruptions(one, other),
        runs=_runs(one, other),
        scores=_scores(one, other),
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
    """Facts inside facts under joined names, such as ``fidelities.r64.tasks.denoise.stop``."""
    for name, value in facts.items():
        if name in _ELSEWHERE:
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


# Tables


class _Pair(NamedTuple):
    """A table of both datasets.

    Attributes:
        tables: of the first and of the second.
        keys: the key of every row of either, sorted.
        at: (row, 2) the place of each in the two tables, -1 where it is absent.
        matched: (row,) whether it is in both.
    """

    tables: tuple[pd.DataFrame, pd.DataFrame]
    keys: pd.DataFrame
    at: NDArray[np.int64]
    matched: NDArray[np.bool_]

    def both(self, name: str) -> list[NDArray[Any]]:
        """(matched row,) values of a column in either."""
        at = self.at[self.matched].T
        return [table[name].to_numpy()[i] for table, i in zip(self.tables, at, strict=True)]

    def each(self, name: str) -> dict[str, NDArray[Any]]:
        """(row,) values of a column in either, NaN where the row is absent, by name of a column."""
        sides = zip(("first", "second"), self.tables, self.at.T, strict=True)
        return {f"{name}_{side}": table[name].reindex(at).to_numpy() for side, table, at in sides}

    def of_all(self, values: NDArray[Any], fill: Any) -> NDArray[Any]:
        """(row,) values of the matched rows, something else at the others."""
        found = np.full(len(self.keys), fill, values.dtype)
        found[self.matched] = values
        return found


def _pair(one: DatasetFolder, other: DatasetFolder, name: str, key: Sequence[str]) -> _Pair:
    first, second = (_table(folder, name, key) for folder in (one, other))
    places = [
        table[[*key]].assign(**{side: np.arange(len(table))})
        for side, table in (("first", first), ("second", second))
    ]
    rows = places[0].merge(places[1], how="outer", on=[*key], sort=True)
    at = rows[["first", "second"]].fillna(-1).to_numpy(np.int64)
    return _Pair((first, second), rows[[*key]], at, np.asarray((at >= 0).all(axis=1)))


def _table(folder: DatasetFolder, name: str, key: Sequence[str]) -> pd.DataFrame:
    """A table with architectures by their string."""
    table = folder.table(name).to_pandas()
    # Not as pandas' strings, which of an empty table cannot be merged (pandas 3.0).
    table = table.astype({c.name: object for c in table_columns(name) if c.type == "string"})
    if "seed" in table:
        table["seed"] = table["seed"].astype("Int64")  # NA where there is none
    if "arch_id" in table and "architecture" not in table:
        names = folder.table("architectures")["architecture"].to_pandas().to_numpy()
        ids = table["arch_id"].to_numpy()
        _check_inside(f"{name}.parquet", "arch_id", ids, len(names), folder)
        table["architecture"] = names[ids]
    if table.duplicated([*key]).any():
        raise DatasetError(
            f"{name}.parquet in {str(folder.path)!r} has a row twice; run 'nasdip-bench verify'"
        )
    return table


def _check_inside(
    file: str, column: str, rows: NDArray[Any], count: int, folder: DatasetFolder
) -> None:
    if len(rows) and not 0 <= rows.min() <= rows.max() < count:
        raise DatasetError(
            f"{file} in {str(folder.path)!r} has a {column} outside 0..{count - 1}; run "
            f"'nasdip-bench verify'"
        )


def _differing(pair: _Pair) -> dict[str, NDArray[np.bool_]]:
    """By column, whether a row's value differs; of rows that are in both."""
    found = {}
    for name in pair.tables[0].columns:
        if name not in pair.keys and name not in _ROWS:
            one, other = pair.both(name)
            both_absent = (one != one) & (other != other)
            found[name] = pair.of_all((one != other) & ~both_absent, fill=False)
    return found


def _changes(pair: _Pair, differing: Mapping[str, NDArray[np.bool_]]) -> dict[str, Any]:
    """``change`` and ``columns`` of each row; "" where nothing differs."""
    names = np.full(len(pair.keys), "", object)
    change = np.full(len(pair.keys), "", object)
    for name, bad in differing.items():
        names[bad] = names[bad] + f"{name} "
        if name in PROVENANCE_COLUMNS:
            change[bad & (change == "")] = PROVENANCE
        else:
            change[bad] = CHANGED
    change[pair.at[:, 0] < 0] = ADDED
    change[pair.at[:, 1] < 0] = REMOVED
    return {"change": change, "columns": [text.rstrip() for text in names]}


def _frame(pair: _Pair, **columns: Any) -> pd.DataFrame:
    """The rows that changed, with some columns beside their keys."""
    rows = pair.keys.assign(**columns)
    return rows[rows["change"] != ""].reset_index(drop=True)


def _listed(one: DatasetFolder, other: DatasetFolder, table: str, key: str) -> tuple[_Pair, Any]:
    """A table that is a list in an order, and its changes."""
    pair = _pair(one, other, table, [key])
    found = _changes(pair, _differing(pair))
    ranks = pair.at[pair.matched].argsort(axis=0).argsort(axis=0)
    moved = pair.of_all(ranks[:, 0] != ranks[:, 1], fill=False)
    found["change"][moved & (found["change"] == "")] = MOVED
    return pair, found


def _architectures(one: DatasetFolder, other: DatasetFolder) -> pd.DataFrame:
    pair, found = _listed(one, other, "architectures", "architecture")
    return _frame(pair, **found, **pair.each("arch_id"))


def _images(one: DatasetFolder, other: DatasetFolder) -> pd.DataFrame:
    pair, found = _listed(one, other, "images", "name")
    return _frame(pair, **found)


def _corruptions(one: DatasetFolder, other: DatasetFolder) -> pd.DataFrame:
    pair = _pair(one, other, "corruptions", _CORRUPTION_KEY)
    return _frame(pair, **_changes(pair, _differing(pair)))


def _runs(one: DatasetFolder, other: DatasetFolder) -> pd.DataFrame:
    pair = _pair(one, other, "runs", _RUN_KEY)
    differing = _differing(pair)
    rows = pair.keys[pair.matched].reset_index(drop=True)
    arch_ids, places = pair.both("arch_id"), pair.both("curve_row")
    folders = (one, other)
    for column, kind in (("observables", "observables"), ("curve", "curves")):
        differ, apart = curves_differ(folders, kind, rows, arch_ids, places)
        differing[column] = pair.of_all(differ, fill=False)
    differing["distances"] = pair.of_all(distances_differ(folders, rows, arch_ids), fill=False)
    largest = pair.of_all(apart, fill=np.nan)
    for name in pair.tables[0].columns:
        if name.endswith("_db"):
            first, second = pair.both(name)
            largest = np.fmax(largest, pair.of_all(np.abs(second - first), fill=np.nan))
    found = _changes(pair, differing)
    return _frame(pair, **found, **pair.each("status"), largest_db=largest)


def _scores(one: DatasetFolder, other: DatasetFolder) -> pd.DataFrame:
    pair = _pair(one, other, "scores", _SCORE_KEY)
    differing = _differing(pair)
    differ = values_differ((one, other), pair.at[pair.matched])
    differing["values"] = pair.of_all(differ, fill=False)
    return _frame(pair, **_changes(pair, differing), **pair.each("value"))
