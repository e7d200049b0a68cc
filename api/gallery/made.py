"""A table or figure as files in a folder, and what could not be made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nasdip_bench.errors import MissingDependencyError, NasdipError

from ..exhibits.exhibit import Exhibit
from .catalogue import Entry

ENDINGS = (".png", ".pdf", ".csv", ".tex")
"""Extensions of each exhibit's files."""


@dataclass(frozen=True)
class Made:
    """One exhibit for one task, and what could not be made of it.

    Attributes:
        entry: what to make.
        task: name.
        exhibit: None if it could not be made at all.
        files: names of the files written in the folder.
        problems: what could not be made, and why.
    """

    entry: Entry
    task: str
    exhibit: Exhibit | None
    files: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The names of its files without extension."""
        return f"{self.entry.name}-{self.task}"


@dataclass(frozen=True, kw_only=True)
class PaperResult:
    """What was written.

    Attributes:
        made: every exhibit, in the order of the page.
    """

    made: tuple[Made, ...]

    @property
    def problems(self) -> list[str]:
        """What could not be made, and why."""
        return [f"{one.stem}: {problem}" for one in self.made for problem in one.problems]


def write_files(entry: Entry, task: str, folder: Path) -> Made:
    """Make a table or figure and write its files.

    Args:
        entry: what to make.
        task: its task.
        folder: an existing folder.

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
        except MissingDependencyError as error:  # no matplotlib, which the rest does not need
            problems.append(f"no {ending}: {error}")
        else:
            files.append(name)
    return Made(entry, task, exhibit, tuple(files), tuple(problems))
