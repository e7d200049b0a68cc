"""Tables of Kendall's tau between a target and training-free scores, by image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ..exhibits.forms import aligned, csv_text
from ..exhibits.paper_exhibit import PaperExhibit

__all__ = ["TauTable", "undefined"]

_COLUMNS_A_BLOCK = 7  # of the text form, so that a line fits a wide terminal
_SHORT = {"ground_truth": "truth", "none": ""}


@dataclass(frozen=True, kw_only=True, eq=False)
class TauTable(PaperExhibit):
    """Kendall's tau-b between a target and training-free scores.

    Attributes:
        frame: images × (proxy, reference, source), float64; source is "ours" or "paper". The
            paper's scores first, in its order, then the others. ``attrs`` as of
            `nasdip_bench.api.statistics.kendall.kendall`.
        statuses: by image, as in images.parquet.
        shown: (proxy, reference) of the columns of the text, LaTeX and picture; CSV has all.
    """

    frame: pd.DataFrame
    statuses: dict[str, str]
    shown: tuple[tuple[str, str], ...]

    @property
    def has_paper(self) -> bool:
        """Whether printed values stand beside ours."""
        return "paper" in self.frame.columns.get_level_values("source")

    @cached_property
    def _values(self) -> dict[tuple[str, ...], float]:
        """By (image, proxy, reference, source): looking up cells of a frame is slower by far."""
        rows = zip(self.frame.index, self.frame.to_numpy().tolist(), strict=True)
        return {
            (image, *column): value
            for image, values in rows
            for column, value in zip(self.frame.columns, values, strict=True)
        }

    def _value(self, image: str, column: tuple[str, str], source: str) -> float:
        return self._values.get((image, *column, source), math.nan)

    def cell(self, image: str, column: tuple[str, str]) -> tuple[str, str]:
        """Ours and the paper's as text; the paper's is "" where there is none."""
        ours, paper = (self._value(image, column, source) for source in ("ours", "paper"))
        return (
            "--" if math.isnan(ours) else f"{ours:+.2f}",
            "" if math.isnan(paper) else f"{paper:+.2f}",
        )

    @property
    def labels(self) -> list[str]:
        """Names of the images with their marks."""
        return [self.label(image) for image in self.frame.index]

    @property
    def wide(self) -> bool:
        """Always: names of scores are long."""
        return True

    def score_heads(self) -> list[tuple[str, str]]:
        """The two lines at the head of each shown column: score, what it is compared with."""
        return [(proxy, _SHORT.get(reference, reference)) for proxy, reference in self.shown]

    def heads(self) -> list[list[str]]:
        """Names of the scores, and below what they are compared with."""
        names = self.score_heads()
        return [["", *(name for name, _ in names)], ["image", *(other for _, other in names)]]

    def body(self) -> list[list[str]]:
        """A row an image: "ours (paper)"."""
        return [
            [self.label(image), *(f"{o} ({p})" if p else o for o, p in self._cells(image))]
            for image in self.frame.index
        ]

    def latex_body(self) -> list[list[str]]:
        """The same with the numbers in math mode, so that minus signs are minus signs."""
        return [
            [
                self.latex_label(image),
                *(_math(ours) + (f" (${paper}$)" if paper else "") for ours, paper in cells),
            ]
            for image, cells in ((image, self._cells(image)) for image in self.frame.index)
        ]

    def _cells(self, image: str) -> list[tuple[str, str]]:
        return [self.cell(image, column) for column in self.shown]

    def text(self) -> str:
        """For a terminal, a block of columns below another."""
        rows = [*self.heads(), *self.body()]
        blocks = [self.caption, ""]
        for start in range(1, len(rows[0]), _COLUMNS_A_BLOCK):
            part = slice(start, start + _COLUMNS_A_BLOCK)
            blocks += [*aligned([[row[0], *row[part]] for row in rows]), ""]
        return "\n".join([*blocks, *self.notes]).rstrip() + "\n"

    def csv(self) -> str:
        """All scores, one line an image and score, with n and the set-up; floats in full."""
        facts: dict[str, Any] = self.frame.attrs
        setup = (facts["task"], facts["target"], facts["fidelity"])
        seeds = " ".join(map(str, facts["seeds"]))
        rows = []
        for image in self.frame.index:
            for proxy, reference, source in self.frame.columns:
                if source != "ours":
                    continue
                column = (proxy, reference)
                key = "/".join(column)
                numbers = (
                    self._value(image, column, "ours"),
                    facts["std"].get(key, {}).get(image, math.nan),
                    self._value(image, column, "paper"),
                )
                tau, std, paper = ("" if math.isnan(x) else repr(float(x)) for x in numbers)
                n = facts["n"].get(key, {}).get(image, 0)
                reason = facts["reasons"].get(key, {}).get(image, "")
                named = (image, self.statuses[image], *column)
                rows.append((*named, tau, std, n, reason, paper, *setup, seeds))
        head = (
            *("image", "image_status", "proxy", "reference", "tau", "std_over_seeds", "n"),
            *("reason", "paper_tau", "task", "target", "fidelity", "seeds"),
        )
        return csv_text(head, rows)

    def draw(self, path: Path, form: str) -> None:
        """The table, coloured by tau; see `nasdip_bench.api.exhibits.exhibit.Exhibit.draw`."""
        from .plots import draw_tau

        draw_tau(self, path, form)


def _math(number: str) -> str:
    return number if number == "--" else f"${number}$"


def undefined(facts: dict[str, Any], shown: set[str]) -> list[str]:
    """A note for each reason of a missing value among the shown scores.

    Args:
        facts: ``attrs`` of a frame of `nasdip_bench.api.statistics.kendall.kendall`.
        shown: "proxy/reference" of the shown columns.
    """
    notes = []
    absent = sorted(shown - set(facts["n"]))
    if absent:
        notes.append(f"-- : the release has no score {', '.join(absent)}.")
    by_reason: dict[str, list[str]] = {}
    for key, images in facts["reasons"].items():
        for image, reason in images.items():
            if key in shown:
                by_reason.setdefault(f"{key}: {reason}", []).append(image)
    notes += [f"-- : {reason} ({', '.join(images)})." for reason, images in by_reason.items()]
    return notes
