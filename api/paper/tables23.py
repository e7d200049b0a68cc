"""Tables 2 and 3 of the paper, from the results of experiments: PSNR of restorations by method.

The results come from ``nasdip-build experiments``; no release of the dataset is needed. A table
has one setting and one seed. All values of a row are means over the same images: those for which
every method with a result in the row has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nasdip_bench.errors import MissingRunError, check_name
from nasdip_bench.experiments.methods import TABLES
from nasdip_bench.experiments.results import Results
from nasdip_bench.experiments.setting import described

from ..exhibits.exhibit import Exhibit
from ..exhibits.forms import csv_text
from .printed import paper_values
from .tables23_rows import (
    STOPPED,
    RowOfSet,
    choose_seed,
    column_head,
    other_rows,
    row_of_set,
)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ComparisonTable(Exhibit):
    """Table 2 or 3.

    Attributes:
        number: "2" or "3".
        setting: name of the setting.
        seed: seed of the values.
        rows: the paper's, then those of other sets.
        columns: the paper's methods, by name.
        further: additional methods.
        oracle_rows: tasks for which the paper's DIP values are oracle-stopped.
    """

    wide = True  # names of scores are long
    number: str
    setting: str
    seed: int
    rows: tuple[RowOfSet, ...]
    columns: tuple[str, ...]
    further: tuple[str, ...]
    oracle_rows: tuple[str, ...]

    @property
    def all_columns(self) -> tuple[str, ...]:
        """The paper's columns, then the further ones."""
        return (*self.columns, *self.further)

    def heads(self) -> list[list[str]]:
        """The methods and, below, their selection."""
        methods, selections = zip(*map(column_head, self.all_columns), strict=True)
        return [["", "", *methods], ["", "n", *selections]]

    def cell(self, row: RowOfSet, column: str) -> tuple[str, str]:
        """Our value and the paper's as text; the paper's is "" if missing."""
        cell = row.cells[column]
        ours = "--" if cell.ours_db is None else f"{cell.ours_db:.2f}"
        mark = "†" if column == "dip" and row.task in self.oracle_rows else ""
        return ours, "" if cell.paper_db is None else f"{cell.paper_db:.2f}{mark}"

    def count(self, row: RowOfSet) -> str:
        """Number of images in the means, and in the set."""
        return f"{len(row.images)}/{row.size}"

    def body(self) -> list[list[str]]:
        """One row per task and set: "ours (paper)"."""
        rows = []
        for row in self.rows:
            cells = [self.cell(row, column) for column in self.all_columns]
            shown = [f"{ours} ({paper})" if paper else ours for ours, paper in cells]
            rows.append([row.label, self.count(row), *shown])
        return rows

    def latex_body(self) -> list[list[str]]:
        """The same in LaTeX."""
        return [[cell.replace("†", "$^\\dagger$") for cell in row] for row in super().latex_body()]

    def csv(self) -> str:
        """One line per row and column; floats in full."""
        lines = []
        for row in self.rows:
            for column, cell in row.cells.items():
                numbers = (cell.ours_db, cell.spread_db, cell.paper_db)
                ours, spread, paper = ("" if x is None else repr(x) for x in numbers)
                oracle = column == "dip" and row.task in self.oracle_rows
                lines.append(
                    (
                        *(row.task, row.image_set, column, ours, len(row.images), row.size),
                        *(cell.images, spread, " ".join(map(str, cell.seeds)), paper),
                        *(STOPPED if oracle and paper else "", self.setting, self.seed),
                    )
                )
        head = (
            *("task", "set", "method", "psnr_db", "n", "images_in_set", "images_of_method"),
            *("std_over_seeds", "seeds", "paper_psnr_db", "paper_note", "setting", "seed"),
        )
        return csv_text(head, lines)


def comparison(results: Results, number: str, seed: int | None = None) -> ComparisonTable:
    """Table 2 or 3 from results.

    Args:
        results: results of experiments.
        number: "2" or "3".
        seed: None for the lowest that a search has.

    Raises:
        UnknownNameError: an unknown table or seed.
        MissingRunError: no results at all.
    """
    check_name("table", number, TABLES)
    table, printed = TABLES[number], paper_values()[f"table{number}"]
    rows = results.rows
    if not rows:
        raise MissingRunError("there are no results: run 'nasdip-build experiments' first")
    seed = choose_seed(rows, seed)
    columns = tuple(map(str, table.columns))
    oracle = printed.get("oracle_stopped", {"tasks": []})["tasks"]
    further = (*((STOPPED,) if oracle else ()), *map(str, table.further))
    places = list(dict.fromkeys([*table.cells(), *other_rows(rows, table.rows)]))
    made = tuple(
        row_of_set(rows, place, (*columns, *further), seed, dict(zip(columns, values, strict=True)))
        for place in places
        for values in [printed["rows"].get("/".join(place), [None] * len(columns))]
    )
    return ComparisonTable(
        caption=_caption(number, results, seed),
        notes=tuple(_notes(made)),
        marks={},
        number=number,
        setting=results.setting,
        seed=seed,
        rows=made,
        columns=columns,
        further=further,
        oracle_rows=tuple(oracle),
    )


def _caption(number: str, results: Results, seed: int) -> str:
    devices = sorted({row["device"] for row in results.rows})
    compared = {
        "2": "ISNAS with four scores and selection on the image, DIP and NAS-DIP",
        "3": "selection on the resized image, on the image itself, and random candidates",
    }[number]
    return (
        f"Table {number}: {compared}. PSNR in dB of the last smoothed output of a separate fit "
        f"with the selected network; on luma for super-resolution of colour images. "
        f"{described(results.setting, results.fields)}; seed {seed}. Each row: means over the same "
        f"n images of the set. In parentheses: the paper's values (whole images, 128 channels, "
        f"5000 candidates, cohorts of 15, all images of a set). Trained on: {', '.join(devices)}."
    )


def _notes(rows: Sequence[RowOfSet]) -> Iterator[str]:
    columns = tuple(dict.fromkeys(column for row in rows for column in row.cells))
    if STOPPED in columns:
        yield (
            "† the paper takes its DIP values for super-resolution from the NAS-DIP paper, where "
            "they are oracle-stopped. Ours next to them are final values; our oracle-stopped ones "
            "(highest smoothed PSNR along the same fit) are in a separate column."
        )
    if any(column.startswith("oracle/") for column in columns):
        yield "oracle: the cohort's network with the highest PSNR; it needs the ground truth."
    if any(column.startswith("random/") for column in columns):
        yield (
            "random: as many candidates as in a cohort, drawn without using any score; their "
            "average has equal weights. We do not know how exactly the paper drew its random "
            "cohort."
        )
    empty = [row.label for row in rows if not _most(row)]
    if empty:
        yield f"No results: {', '.join(empty)}."
    for row in rows:
        if _most(row):
            yield from _missing(row)


def _most(row: RowOfSet) -> int:
    return max(cell.images for cell in row.cells.values())


def _missing(row: RowOfSet) -> Iterator[str]:
    """Notes on what a row lacks."""
    lacking = {c: cell.images for c, cell in row.cells.items() if cell.images < row.size}
    if lacking:
        counts = ", ".join(f"{' '.join(column_head(c)).strip()} {n}" for c, n in lacking.items())
        if len(set(lacking.values())) == 1 and len(lacking) == len(row.cells):
            counts = f"all methods {_most(row)}"
        yield f"{row.label}: number of images with results, of {row.size}: {counts}."
    for status, what in row.without.items():
        yield f"{row.label}: {status}: {', '.join(what)}."
