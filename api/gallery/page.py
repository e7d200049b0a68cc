"""The Markdown page of all tables and figures, with the paper's values next to ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasdip_bench.space import paper_architectures

from ..exhibits.exhibit import Exhibit
from ..exhibits.forms import markdown_table, plain
from ..statistics.coverage import coverage
from .catalogue import BEYOND, PAPER, Entry, PaperOptions

if TYPE_CHECKING:
    from ..reading.arrays.block import Block
    from ..reading.reader import ReleaseReader


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


def markdown_page(bench: ReleaseReader, made: Sequence[Made], options: PaperOptions) -> str:
    """The page of a folder of tables and figures.

    Args:
        made: what was written.
        options: the options it was made with.
    """
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
