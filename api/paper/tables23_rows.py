"""The rows and columns of Tables 2 and 3: which results they use, their means, their names.

Figure 5 uses the same seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasdip_bench.errors import check_name
from nasdip_bench.experiments.methods import Method, parse_method
from nasdip_bench.experiments.sets import set_size, title

STOPPED = "oracle-stopped"
"""DIP stopped at the best smoothed PSNR of the fit; an oracle, as it needs the ground truth."""
_SHORT = {"dip": "DIP", "nas-dip": "NAS-DIP"}


@dataclass(frozen=True)
class Cell:
    """A value of the table.

    Attributes:
        ours_db: mean over the row's images, or None.
        paper_db: the paper's value, or None.
        spread_db: standard deviation of that mean over the seeds that have all of the row's
            images; None for fewer than two.
        seeds: those seeds.
        images: number of the set's images that the method has a result for.
    """

    ours_db: float | None
    paper_db: float | None
    spread_db: float | None
    seeds: tuple[int, ...]
    images: int


@dataclass(frozen=True)
class RowOfSet:
    """A row.

    Attributes:
        task: name.
        image_set: name.
        images: names of the images in the means.
        size: number of images in the set.
        cells: by column.
        without: results without a value, as "image: method", by status.
    """

    task: str
    image_set: str
    images: tuple[str, ...]
    size: int
    cells: dict[str, Cell]
    without: dict[str, list[str]]

    @property
    def label(self) -> str:
        """Task and set."""
        return f"{self.task.replace('super_resolve_', 'SR ')} {title(self.image_set)}"

    @property
    def most(self) -> int:
        """The most images that a method has a result for."""
        return max(cell.images for cell in self.cells.values())


def column_head(column: str) -> tuple[str, str]:
    """The two header lines of a column.

    Example:
        >>> column_head("isnas/psd_db_mse/full")
        ('psd_db_mse', 'full')
    """
    if column == STOPPED:
        return "DIP", STOPPED
    method = parse_method(column)
    if method.name == "isnas":
        return method.score, method.selection
    if method.name in ("best-score", "oracle"):
        return method.name.replace("-", " "), method.score
    return _SHORT.get(method.name, method.name), method.selection


def choose_seed(rows: Iterable[Mapping[str, Any]], seed: int | None) -> int:
    """The given seed, else the lowest that a search has.

    Raises:
        UnknownNameError: no result has the seed.
    """
    drawn: dict[int, bool] = {}  # whether a search has it
    for row in rows:
        if row["seed"] is not None:
            search = row["method"] not in ("dip", "nas-dip")
            drawn[row["seed"]] = drawn.get(row["seed"], False) or search
    if seed is None:
        return min((n for n, search in drawn.items() if search), default=min(drawn, default=0))
    return check_name("seed", seed, sorted(drawn))


def other_rows(rows: Sequence[Mapping[str, Any]], tasks: Iterable[str]) -> list[tuple[str, str]]:
    """(task, set) of results on sets that the paper lacks, for the table's tasks."""
    found = dict.fromkeys((row["task"], row["set"]) for row in rows if set_size(row["set"]) is None)
    return [place for task in tasks for place in found if place[0] == task]


def row_of_set(
    rows: Sequence[Mapping[str, Any]],
    place: tuple[str, str],
    columns: Sequence[str],
    seed: int,
    printed: Mapping[str, float | None],
) -> RowOfSet:
    """The row of a task and set.

    Args:
        rows: results of one setting.
        place: (task, set).
        columns: names of methods, or `STOPPED`.
        seed: seed of the values.
        printed: the paper's values in dB, by column.
    """
    task, image_set = place
    mine = [row for row in rows if (row["task"], row["set"]) == place]
    values: dict[str, dict[int, dict[str, float]]] = {column: {} for column in columns}
    without: dict[str, list[str]] = {}
    for row in mine:
        column = str(Method(row["method"], row["score"] or "", row["selection"] or ""))
        drawn = seed if row["seed"] is None else row["seed"]
        if column not in values:
            continue
        if row["status"] == "ok":
            values[column].setdefault(drawn, {})[row["image"]] = row["psnr_db"]
            if column == "dip" and STOPPED in values:
                values[STOPPED].setdefault(drawn, {})[row["image"]] = row["best_psnr_db"]
        elif drawn == seed:
            without.setdefault(row["status"], []).append(f"{row['image']}: {column}")
    there = [set(of_seed[seed]) for of_seed in values.values() if of_seed.get(seed)]
    images = tuple(sorted(set.intersection(*there))) if there else ()
    return RowOfSet(
        task=task,
        image_set=image_set,
        images=images,
        size=set_size(image_set) or len({row["image"] for row in mine}),
        cells={c: _cell(of_seed, images, seed, printed.get(c)) for c, of_seed in values.items()},
        without=without,
    )


def _cell(
    of_seed: Mapping[int, Mapping[str, float]],
    images: tuple[str, ...],
    seed: int,
    printed: float | None,
) -> Cell:
    """The mean over the images at the seed, and its spread over the seeds that have them all."""
    means = {
        drawn: float(np.mean([found[image] for image in images]))
        for drawn, found in sorted(of_seed.items())
        if images and set(images) <= set(found)
    }
    spread = float(np.std(list(means.values()), ddof=1)) if len(means) > 1 else None
    return Cell(means.get(seed), printed, spread, tuple(means), len(of_seed.get(seed, {})))
