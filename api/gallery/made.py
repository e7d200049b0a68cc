"""A table or figure as files in a folder, as far as it can be made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nasdip_bench.errors import MissingDependencyError, NasdipError

from ..exhibits.exhibit import PaperExhibit
from .catalogue import Entry

__all__ = ["ENDINGS", "Made", "PaperResult", "write_files"]

ENDINGS = (".png", ".pdf", ".csv", ".tex")
"""Of the files of each."""


@dataclass(frozen=True)
class Made:
    """One exhibit for one task, as far as it could be made.

    Attributes:
        entry: what was to be made.
        task: name.
        exhibit: None where it could not be made at all.
        files: names of the files written, in the folder.
        problems: what could not be made and why.
    """

    entry: Entry
    task: str
    exhibit: PaperExhibit | None
    files: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def stem(self) -> str:
        """Its files' names without ending."""
        return f"{self.entry.name}-{self.task}"


@dataclass(frozen=True, kw_only=True)
class PaperResult:
    """What was written.

    Attributes:
        folder: where.
        made: every exhibit asked for, in the order of the page.
    """

    folder: Path
    made: tuple[Made, ...]

    @property
    def problems(self) -> list[str]:
        """What could not be made, with reasons."""
        return [f"{one.stem}: {problem}" for one in self.made for problem in one.problems]


def write_files(entry: Entry, task: str, folder: Path) -> Made:
    """Make a table or figure and write its files.

    Args:
        entry: what to make.
        task: of which it is.
        folder: is there.

    Raises:
        ConfigError: a file cannot be written.
    """
    try:
        exhibit = entry.make()
    except NasdipError as error:
        return Made(entry, task, None, (), (f"not made: {error}",))
    files, problems = [], []
    for ending in ENDINGS:
        name = f"{entry.name}-{task}{ending}"
        try:
            exhibit.save(folder / name)
        except MissingDependencyError as error:  # matplotlib is not installed: the rest needs none
            problems.append(f"no {ending}: {error}")
        else:
            files.append(name)
    return Made(entry, task, exhibit, tuple(files), tuple(problems))
