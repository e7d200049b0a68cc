"""What the paper's tables and figures have in common: a caption, notes, and a table of numbers.

A figure's table sums up what it shows; its CSV has all of it.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from .exhibit import Exhibit
from .forms import aligned, latex_escape, latex_float

__all__ = ["PaperExhibit"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PaperExhibit(Exhibit):
    """A table or figure of the paper, from a release.

    Attributes:
        caption: one paragraph: what it is, set-up, coverage.
        notes: what readers must know of single entries.
        marks: by image, "*" for a substitute, else "".
        call: the Python expression of a release ``bench`` that gives its numbers.
    """

    caption: str
    notes: tuple[str, ...]
    marks: dict[str, str]
    call: str

    @abstractmethod
    def heads(self) -> list[list[str]]:
        """The lines at the head of the table, plain text; the first column names rows."""

    @abstractmethod
    def body(self) -> list[list[str]]:
        """The rows of the table, plain text."""

    def label(self, image: object) -> str:
        """An image's name with its mark."""
        return f"{image}{self.marks[str(image)]}"

    def latex_label(self, image: object) -> str:
        """The same in LaTeX."""
        return latex_escape(str(image)) + ("$^*$" if self.marks[str(image)] else "")

    def latex_body(self) -> list[list[str]]:
        """The rows of the table in LaTeX."""
        return [[latex_escape(cell).replace("*", "$^*$") for cell in row] for row in self.body()]

    @property
    def wide(self) -> bool:
        """Whether the table needs both columns of a page."""
        return len(self.heads()[0]) > 6

    def text(self) -> str:
        """For a terminal."""
        table = aligned([*self.heads(), *self.body()])
        return "\n".join([self.caption, "", *table, "", *self.notes]).rstrip() + "\n"

    def latex(self) -> str:
        """A table environment for a document with the packages booktabs and, if wide, graphicx."""
        caption = " ".join([self.caption, *self.notes])
        return latex_float(caption, self.heads(), self.latex_body(), wide=self.wide)

    def markdown(self) -> str:
        """The table in Markdown, without caption and notes."""
        heads = [
            " ".join(part for part in column if part) for column in zip(*self.heads(), strict=True)
        ]
        rows = [heads, ["---", *["---:"] * (len(heads) - 1)], *self.body()]
        return "\n".join(f"| {' | '.join(map(_markdown_cell, row))} |" for row in rows) + "\n"


def _markdown_cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
