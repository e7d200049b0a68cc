"""Tables 2 and 3 of the paper from the results of experiments: PSNR of restorations by method.

The results are those of ``nasdip-build experiments``; no release of the dataset is needed. One
setting and one seed at a time. All values of a row are means over the same images: those that every
method with a result in the row has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nasdip_bench.errors import unknown_name
from nasdip_bench.experiments.methods import TABLES
from nasdip_bench.experiments.results import Results

from ..exhibits.forms import aligned, csv_text
from ..exhibits.paper_exhibit import PaperExhibit
from . import comparison_words as words
from .captions import paper_values
from .comparison_rows import STOPPED, RowOfSet, choose_seed, choose_setting, other_rows, row_of_set

__all__ = ["ComparisonTable", "comparison"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparisonTable(PaperExhibit):
    """Table 2 or 3.

    Attributes:
        number: "2" or "3".
        setting: name of the set-up.
        seed: of the values.
        rows: as printed, then those of other sets.
        columns: the printed ones, as methods are written.
        further: those beside them.
        oracle_rows: tasks whose printed values of DIP are an oracle's.
    """

    number: str
    setting: str
    seed: int
    rows: tuple[RowOfSet, ...]
    columns: tuple[str, ...]
    further: tuple[str, ...]
    oracle_rows: tuple[str, ...]

    @property
    def wide(self) -> bool:
        """Always: names of scores are long."""
        return True

    def column_heads(self) -> list[tuple[str, str]]:
        """The two lines at the head of each column."""
        return [words.column_head(name) for name in (*self.columns, *self.further)]

    def heads(self) -> list[list[str]]:
        """Method, and below the selection."""
        heads = self.column_heads()
        return [
            ["", "", *(first for first, _ in heads)],
            ["", "n", *(second for _, second in heads)],
        ]

    def cell(self, row: RowOfSet, column: str) -> tuple[str, str]:
        """Ours and the paper's as text; the paper's is "" where there is none."""
        cell = row.cells[column]
        ours = "--" if cell.ours_db is None else f"{cell.ours_db:.2f}"
        mark = "†" if column == "dip" and row.task in self.oracle_rows else ""
        return ours, "" if cell.paper_db is None else f"{cell.paper_db:.2f}{mark}"

    def count(self, row: RowOfSet) -> str:
        """Images of the means and of the set."""
        return f"{len(row.images)}/{row.size}"

    def body(self) -> list[list[str]]:
        """A row a task and set: "ours (paper)"."""
        return [
            [
                row.label,
                self.count(row),
                *(
                    f"{ours} ({paper})" if paper else ours
                    for ours, paper in (self.cell(row, c) for c in (*self.columns, *self.further))
                ),
            ]
            for row in self.rows
        ]

    def latex_body(self) -> list[list[str]]:
        """The same in LaTeX."""
        return [[cell.replace("†", "$^\\dagger$") for cell in row] for row in super().latex_body()]

    def text(self) -> str:
        """For a terminal: the printed columns, and below them the others."""
        rows = [*self.heads(), *self.body()]
        cut = 2 + len(self.columns)
        blocks = [self.caption, "", *aligned([row[:cut] for row in rows])]
        if self.further:
            blocks += ["", *aligned([[*row[:2], *row[cut:]] for row in rows])]
        return "\n".join([*blocks, "", *self.notes]).rstrip() + "\n"

    def csv(self) -> str:
        """A line a row and column; floats in full."""
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

    def draw(self, path: Path, form: str) -> None:
        """The table, the highest of each row bold; see `Exhibit.draw`."""
        from .comparison_plot import draw_comparison

        draw_comparison(self, path, form)


def comparison(
    results: Results, number: str, setting: str | None = None, seed: int | None = None
) -> ComparisonTable:
    """Table 2 or 3 from results.

    Args:
        results: of experiments.
        number: "2" or "3".
        setting: None: the only one there is, or the paper's.
        seed: None: the lowest of the searches.

    Raises:
        UnknownNameError: a table, setting or seed that there is not.
        ConfigError: several settings, none of them the paper's, and none asked for.
        MissingRunError: no results at all.
    """
    if number not in TABLES:
        raise unknown_name("table", number, TABLES)
    table, printed = TABLES[number], paper_values()[f"table{number}"]
    setting = choose_setting(results, setting)
    rows = [row for row in results.rows if row["setting"] == setting]
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
        caption=words.caption(number, setting, results.settings[setting], seed, rows),
        notes=tuple(words.notes(made)),
        marks={},
        call=f"comparison(results, {number!r}, {setting!r}, seed={seed})",
        number=number,
        setting=setting,
        seed=seed,
        rows=made,
        columns=columns,
        further=further,
        oracle_rows=tuple(oracle),
    )
