"""The base class of tables and figures, and the formats they can be written in.

Pictures need matplotlib (`nasdip_bench.api.exhibits.drawing`); text, CSV and LaTeX do not.
"""

from __future__ import annotations

import os
import re
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, ClassVar

from nasdip_bench.errors import ConfigError
from nasdip_bench.storage.files import atomic_path, write_atomic

from ..reading.records.showing import html_table
from .forms import folded, latex_escape, latex_float, markdown_cell, markdown_table

if TYPE_CHECKING:
    import pandas as pd

FORMS = {"text": ".txt", "csv": ".csv", "latex": ".tex"}
"""Text formats, with their file extensions."""
PICTURES = (".png", ".svg", ".pdf")
ENDINGS = (*PICTURES, *FORMS.values())
"""File extensions that a figure can be written to."""


_WIDTH = 150  # of a table in a file, in characters
_SIGNED = re.compile(r"(?<!\w)[+-]\d+\.\d+")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Exhibit(ABC):
    """A table or figure with a caption, notes, and a table of numbers.

    The table of a figure is a summary; its CSV has all the numbers.

    Attributes:
        caption: one paragraph: subject, set-up, coverage.
        notes: remarks on single entries.
        marks: by image, "*" for a substitute, else ""; only where `label` is used.
    """

    endings: ClassVar[tuple[str, ...]] = tuple(FORMS.values())
    """File extensions that it can be written to."""
    wide: ClassVar[bool | None] = None
    """Whether the table spans both columns of a page; None: if it has more than six columns."""

    caption: str
    notes: tuple[str, ...]
    marks: dict[str, str] = field(default_factory=dict)

    @abstractmethod
    def heads(self) -> list[list[str]]:
        """The header lines of the table, plain text; the first column names the rows."""

    @abstractmethod
    def body(self) -> list[list[str]]:
        """The rows of the table, plain text."""

    @abstractmethod
    def csv(self) -> str:
        """The exhibit as CSV, with numbers in full precision."""

    def label(self, image: object) -> str:
        """An image's name with its mark."""
        return f"{image}{self.marks[str(image)]}"

    def text(self, width: int | None = None) -> str:
        """The exhibit as text for a terminal or a file.

        Args:
            width: line width in characters. Longer lines are wrapped; columns that do not fit
                follow below. None: the width of a file, where only columns are moved.
        """
        table = folded([*self.heads(), *self.body()], width or _WIDTH)
        below = [line for note in self.notes for line in _wrapped(note, width)]
        return "\n".join([*_wrapped(self.caption, width), "", *table, "", *below]).rstrip() + "\n"

    def latex_body(self) -> list[list[str]]:
        """The rows of the table in LaTeX; signed numbers in math mode, for true minus signs."""
        return [
            [_SIGNED.sub(r"$\g<0>$", latex_escape(cell)).replace("*", "$^*$") for cell in row]
            for row in self.body()
        ]

    def latex(self) -> str:
        """A table environment; needs the packages booktabs and, if wide, graphicx."""
        caption = " ".join([self.caption, *self.notes])
        wide = len(self.heads()[0]) > 6 if self.wide is None else self.wide
        return latex_float(caption, self.heads(), self.latex_body(), wide=wide)

    def markdown(self) -> str:
        """The table in Markdown, without caption or notes."""
        heads = [" ".join(filter(None, column)) for column in zip(*self.heads(), strict=True)]
        cells = [[*map(markdown_cell, row)] for row in (heads, *self.body())]
        return markdown_table(cells[0], cells[1:], right=range(1, len(heads))) + "\n"

    def html_table(self) -> str:
        """The table for a notebook."""
        return html_table(self.heads(), self.body(), caption=self.caption, notes=self.notes)

    def __repr__(self) -> str:
        return self.text().rstrip()

    def _repr_html_(self) -> str | None:
        return self.html_table()

    def written(self, form: str) -> str:
        """The exhibit in one of the text formats, `FORMS`."""
        return {"text": self.text, "csv": self.csv, "latex": self.latex}[form]()

    def save(self, path: Path | str) -> None:
        """Write the exhibit atomically, in the format that the file extension names.

        Args:
            path: .txt, .csv or .tex; for a figure also .png, .svg or .pdf, which need matplotlib.

        Raises:
            ConfigError: the extension is unknown, or the file cannot be written.
            MissingDependencyError: a picture is asked for and matplotlib is not installed.
        """
        target = Path(path)
        check_ending(target, self.endings)
        forms = {ending: form for form, ending in FORMS.items()}
        write_text(target, self.written(forms[target.suffix.lower()]))


class Figure(Exhibit):
    """An exhibit that draws itself. A notebook shows its picture, without matplotlib its table."""

    endings = ENDINGS

    @abstractmethod
    def draw(self, path: Path, form: str) -> None:
        """Write a picture.

        Args:
            path: file to write.
            form: "png", "svg" or "pdf".

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """

    def save(self, path: Path | str) -> None:
        """See `Exhibit.save`."""
        target = Path(path)
        if target.suffix.lower() in PICTURES:
            write_picture(target, self.draw)
        else:
            super().save(target)

    def _repr_html_(self) -> str | None:
        return None if find_spec("matplotlib") else self.html_table()

    def _repr_png_(self) -> bytes | None:
        if find_spec("matplotlib") is None:
            return None
        with TemporaryDirectory() as folder:
            picture = Path(folder) / "picture.png"
            self.draw(picture, "png")
            return picture.read_bytes()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FrameFigure(Figure):
    """A figure of one frame, whose CSV is all of the frame.

    Attributes:
        frame: all columns, with ``attrs``.
    """

    setup: ClassVar[tuple[str, ...]] = ("task", "fidelity", "seeds")
    """The ``attrs`` that become columns of the CSV."""

    frame: pd.DataFrame

    def csv(self) -> str:
        """The whole frame, with the set-up in columns; floats in full precision."""
        facts = {name: self.frame.attrs[name] for name in self.setup}
        facts["seeds"] = " ".join(map(str, facts["seeds"]))
        whole = self.frame.reset_index().assign(**facts)
        return str(whole.to_csv(index=False, lineterminator="\n"))


def _wrapped(line: str, width: int | None) -> list[str]:
    return [line] if width is None or not line else textwrap.wrap(line, width)


def check_ending(path: Path, endings: Sequence[str]) -> None:
    """Check that a path has one of the file extensions.

    Raises:
        ConfigError: it has none of them.
    """
    if path.suffix.lower() not in endings:
        raise ConfigError(
            f"cannot tell the form of {str(path)!r} from its ending; it can be written as "
            f"{', '.join(endings)}"
        )


def check_writable(path: Path) -> None:
    """Check, before long work, that the folder of a file to write is there and writable.

    Raises:
        ConfigError: it is not.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise _unwritable(path, "No such file or directory")
    if not os.access(folder, os.W_OK):
        raise _unwritable(path, "Permission denied")


def write_text(path: Path, content: str) -> None:
    """Write a text file atomically.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        write_atomic(path, content.encode())
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


def write_picture(path: Path, draw: Callable[[Path, str], None]) -> None:
    """Write a picture atomically.

    Args:
        path: its extension names the format.
        draw: writes a file in a format, "png", "svg" or "pdf".

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        with atomic_path(path) as aside:
            draw(aside, path.suffix.lower()[1:])
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


def _unwritable(path: Path, why: str | None) -> ConfigError:
    return ConfigError(
        f"cannot write {str(path)!r}: {why}; name a file in a folder that exists and "
        f"that you may write to"
    )
