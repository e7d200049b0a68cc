"""Writes all tables and figures to a folder, and the Markdown page that shows them, last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.errors import (
    ConfigError,
    MissingDependencyError,
    MissingRunError,
    NasdipError,
    check_name,
)
from nasdip_bench.space import paper_architectures

from ..exhibits.exhibit import Exhibit, write_text
from ..exhibits.forms import markdown_table, plain
from ..statistics.coverage import coverage
from .catalogue import BEYOND, PAPER, Entry, PaperOptions, catalogue

if TYPE_CHECKING:
    from ..reading.arrays.block import Block
    from ..reading.reader import ReleaseReader

PAGE = "index.md"
ENDINGS = (".png", ".pdf", ".csv", ".tex")
"""Extensions of each exhibit's files; tables have no pictures."""


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


def write_paper(
    bench: ReleaseReader,
    folder: Path | str,
    options: PaperOptions | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> list[Made]:
    """Write every table and figure, and the page that shows them.

    What cannot be made (no images, no matplotlib, too few runs) is listed on the page, and does not
    stop the rest.

    Args:
        folder: created if absent. Files of the same names are replaced, others left alone.
        options: what to make.
        progress: called with a line for each exhibit.

    Returns:
        Every exhibit, in the order of the page.

    Raises:
        UnknownNameError: an unknown task, or a seed that none of the tasks has.
        ConfigError: the folder or a file cannot be written, or there is nothing to make.
    """
    options = options or PaperOptions()
    tasks, target = _tasks(bench, options), Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder {str(folder)!r}: {error.strerror}; name another"
        ) from error
    made = []
    for task in tasks:
        for entry in catalogue(bench, task, options):
            progress(f"{entry.name}-{task} ...")
            made.append(_write_files(entry, task, target))
    write_text(target / PAGE, markdown_page(bench, made, options))
    return made


def _write_files(entry: Entry, task: str, folder: Path) -> Made:
    stem = f"{entry.name}-{task}"
    try:
        exhibit = entry.make()
    except NasdipError as error:
        return Made(entry, task, None, (), (f"{stem}: not made: {error}",))
    files, problems = [], []
    for ending in (one for one in ENDINGS if one in exhibit.endings):
        name = f"{stem}{ending}"
        try:
            exhibit.save(folder / name)
        except MissingDependencyError as error:  # no matplotlib, which the rest does not need
            problems.append(f"{stem}: no {ending}: {error}")
        else:
            files.append(name)
    return Made(entry, task, exhibit, tuple(files), tuple(problems))


def _tasks(bench: ReleaseReader, options: PaperOptions) -> list[str]:
    wanted = bench.tasks if options.tasks is None else options.tasks
    having = []
    for task in wanted:
        check_name("task", task, bench.tasks)
        try:
            having.append(bench.runs.block(task, options.fidelity))
        except MissingRunError:
            continue
    if not having:
        raise ConfigError(
            f"no runs of {', '.join(wanted) or 'any task'} in {str(bench.path)!r}: nothing to make"
        )
    if not any(options.seed in block.seeds for block in having):
        having[0].choose_seeds(options.seed)  # raises, unless no seed is asked for
    return [block.task for block in having]


def markdown_page(bench: ReleaseReader, made: Sequence[Made], options: PaperOptions) -> str:
    """The page that shows what was written, with the paper's values next to ours."""
    manifest = bench.manifest
    tasks = dict.fromkeys(one.task for one in made)
    blocks = {task: bench.runs.block(task, options.fidelity) for task in tasks}
    listed = {*bench.codes} <= {*map(str, paper_architectures())}
    problems = [problem for one in made for problem in one.problems]
    parts = [
        f"# The tables and figures of {plain(manifest.name)} {plain(manifest.version)}",
        f"Made from the release of {plain(manifest.created)}, with {len(bench)} architectures and "
        f"{len(bench.images)} images (set `{plain(manifest.image_set)}`); the next section lists "
        f"their runs. The `.csv` of a table has its numbers in full precision.",
        "## What was measured",
        _coverage(bench, list(blocks.values()), options.seed),
        "Counts: `bench.coverage()`.",
        "## Why ours differs from the paper",
        "docs/paper.md compares the paper, its released code and this project."
        + ("" if listed else " **Sample.** Not all architectures are among the paper's 522."),
    ]
    if problems:
        parts += ["## What could not be made", "\n".join(f"- {plain(one)}" for one in problems)]
    for part in (PAPER, BEYOND):
        for task in blocks:
            parts.append(f"## {part}: {plain(task)}")
            parts += [_part(one) for one in made if (one.entry.part, one.task) == (part, task)]
    parts += [
        "## Not here",
        "Tables 2 and 3 of the paper compare the restored images of ISNAS with those of DIP, "
        "NAS-DIP and others. They need a search on each image, so a release is not enough: "
        "`nasdip-bench table 2` and `nasdip-bench table 3` make them from the results of "
        "`nasdip-build experiments` (docs/paper.md).",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _part(one: Made) -> str:
    title = f"{one.entry.title} ({plain(one.task)})"
    lines = [f"### {title}"]
    if one.exhibit is not None:
        pictures = [name for name in one.files if name.endswith(".png")]
        lines += [f"![{title}]({name})" for name in pictures]
        lines += [plain(one.exhibit.caption), one.exhibit.markdown()]
        lines += [plain(note) for note in one.exhibit.notes]
        files = ", ".join(f"[{name}]({name})" for name in one.files)
        lines.append(f"Files: {files}.")
    lines += [f"**{plain(problem)}**" for problem in one.problems]
    return "\n\n".join(line.rstrip("\n") for line in lines)


def _coverage(bench: ReleaseReader, blocks: Sequence[Block], seed: int | None) -> str:
    table = coverage(bench)
    rows = []
    for block in blocks:
        # A task without the seed: its exhibits of the paper are among the problems.
        seeds = block.choose_seeds(seed if seed in block.seeds else None)
        chosen = table[
            (table["task"] == block.task)
            & (table["fidelity"] == block.fidelity)
            & table["seed"].isin(seeds)
        ]
        sums = chosen[["ok", "expected", "diverged", "failed", "missing"]].sum()
        cells = [block.task, block.fidelity, block.record.iterations, block.record.stop]
        cells += [" ".join(map(str, seeds)), f"{sums['ok']} of {sums['expected']}"]
        cells += [sums["diverged"], sums["failed"], sums["missing"]]
        rows.append([plain(str(cell)) for cell in cells])
    head = ("task", "fidelity", "iterations", "stop", "seeds", "runs")
    return markdown_table([*head, "diverged", "failed", "missing"], rows, right={2, 3, 5, 6, 7, 8})
