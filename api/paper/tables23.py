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
from .tables23_rows import STOPPED, RowOfSet, choose_seed, column_head, other_rows, row_of_set


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ComparisonTable(Exhibit):
    """Table 2 or 3.

    Attributes:
        setting: name of the setting.
        seed: seed of the values.
        rows: the paper's, then those of other sets.
        columns: names of the paper's methods, then further ones.
        oracle_rows: tasks for which the paper's DIP values are oracle-stopped.
    """

    wide = True  # names of scores are long
    setting: str
    seed: int
    rows: tuple[RowOfSet, ...]
    columns: tuple[str, ...]
    oracle_rows: tuple[str, ...]

    def heads(self) -> list[list[str]]:
        """The methods and, below, their selection."""
        methods, selections = zip(*map(column_head, self.columns), strict=True)
        return [["", "", *methods], ["", "n", *selections]]

    def body(self) -> list[list[str]]:
        """One row per task and set, with the number of its images: "ours (paper)"."""
        rows = []
        for row in self.rows:
            cells = [self._cell(row, column) for column in self.columns]
            rows.append([row.label, f"{len(row.images)}/{row.size}", *cells])
        return rows

    def _cell(self, row: RowOfSet, column: str) -> str:
        cell = row.cells[column]
        ours = "--" if cell.ours_db is None else f"{cell.ours_db:.2f}"
        mark = "†" if self._of_an_oracle(row, column) else ""
        return ours if cell.paper_db is None else f"{ours} ({cell.paper_db:.2f}{mark})"

    def _of_an_oracle(self, row: RowOfSet, column: str) -> bool:
        """Whether the paper's value is oracle-stopped."""
        return column == "dip" and row.task in self.oracle_rows

    def csv(self) -> str:
        """One line per row and column; floats in full."""
        lines = []
        for row in self.rows:
            for column, cell in row.cells.items():
                numbers = (cell.ours_db, cell.spread_db, cell.paper_db)
                ours, spread, paper = ("" if x is None else repr(x) for x in numbers)
                note = STOPPED if paper and self._of_an_oracle(row, column) else ""
                named = (row.task, row.image_set, column, ours, len(row.images), row.size)
                seeds = " ".join(map(str, cell.seeds))
                setup = (self.setting, self.seed)
                lines.append((*named, cell.images, spread, seeds, paper, note, *setup))
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
    of_paper = [*map(str, table.columns)]
    oracle = printed.get("oracle_stopped", {"tasks": []})["tasks"]
    columns = (*of_paper, *([STOPPED] if oracle else []), *map(str, table.further))
    made = []
    for place in dict.fromkeys([*table.cells(), *other_rows(rows, table.rows)]):
        values = dict(zip(of_paper, printed["rows"].get("/".join(place), ()), strict=False))
        made.append(row_of_set(rows, place, columns, seed, values))
    return ComparisonTable(
        caption=_caption(number, results, seed),
        notes=tuple(_notes(made)),
        setting=results.setting,
        seed=seed,
        rows=tuple(made),
        columns=columns,
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
    empty = [row.label for row in rows if not row.most]
    if empty:
        yield f"No results: {', '.join(empty)}."
    for row in rows:
        if row.most:
            yield from _missing(row)


def _missing(row: RowOfSet) -> Iterator[str]:
    """Notes on what a row lacks."""
    lacking = {c: cell.images for c, cell in row.cells.items() if cell.images < row.size}
    if lacking:
        counts = ", ".join(f"{' '.join(column_head(c)).strip()} {n}" for c, n in lacking.items())
        if len(set(lacking.values())) == 1 and len(lacking) == len(row.cells):
            counts = f"all methods {row.most}"
        yield f"{row.label}: number of images with results, of {row.size}: {counts}."
    for status, what in row.without.items():
        yield f"{row.label}: {status}: {', '.join(what)}."
