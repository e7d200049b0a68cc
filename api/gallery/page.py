"""The Markdown page of all tables and figures, with the paper's values next to ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..exhibits.forms import markdown_table, plain
from ..paper.printed import reasons_to_differ
from ..statistics.coverage import coverage
from .catalogue import BEYOND, PAPER, PaperOptions
from .made import Made, PaperResult

if TYPE_CHECKING:
    from ..reading.arrays.block import Block
    from ..reading.reader import ReleaseReader

_IMPORTS = """```python
from nasdip_bench import NASDIPBench
from nasdip_bench.api import figure2, figure2_images, figure3, figure4

bench = NASDIPBench({path!r})
images = figure2_images(bench, images_dir="...")  # for Figure 2 only
```"""


def markdown_page(bench: ReleaseReader, result: PaperResult, options: PaperOptions) -> str:
    """The page of a folder of tables and figures.

    Args:
        result: what was written.
        options: the options it was made with.
    """
    manifest = bench.manifest
    tasks = dict.fromkeys(one.task for one in result.made)
    blocks = {task: bench.runs.block(task, options.fidelity) for task in tasks}
    at = {task: block.fidelity for task, block in blocks.items()}
    path, here = bench.path, Path.cwd()
    if path.is_relative_to(here):
        path = path.relative_to(here)  # without the part specific to this machine
    parts = [
        f"# The tables and figures of {plain(manifest.name)} {plain(manifest.version)}",
        f"Made from the release of {plain(manifest.created)}, with {len(bench)} architectures and "
        f"{len(bench.images)} images (set `{plain(manifest.image_set)}`); the next section lists "
        f"their runs. Every number can be traced: below each table is the call that returns its "
        f"numbers, and its `.csv` has them in full precision.",
        _IMPORTS.format(path=str(path)),
        "## What was measured",
        _coverage(bench, list(blocks.values()), options.seed),
        "Counts: `bench.coverage()`.",
        "## Why ours differs from the paper",
        _list(reasons_to_differ(bench, at, options.target)),
    ]
    if result.problems:
        parts += ["## What could not be made", _list(map(plain, result.problems))]
    for part in (PAPER, BEYOND):
        for task in blocks:
            parts.append(f"## {part}: {plain(task)}")
            parts += [
                _part(one) for one in result.made if (one.entry.part, one.task) == (part, task)
            ]
    parts += [
        "## Not here",
        "Tables 2 and 3 of the paper compare the restored images of ISNAS with those of DIP, "
        "NAS-DIP and others. They need a search on each image, so a release is not enough: "
        "`nasdip-bench table 2` and `nasdip-bench table 3` make them from the results of "
        "`nasdip-build experiments` (docs/paper.md).",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _part(one: Made) -> str:
    title = f"{one.entry.title} ({plain(one.task)})"
    lines = [f"### {title}"]
    if one.exhibit is not None:
        if f"{one.stem}.png" in one.files:
            lines.append(f"![{title}]({one.stem}.png)")
        lines += [plain(one.exhibit.caption), one.exhibit.markdown()]
        lines += [plain(note) for note in one.exhibit.notes]
        files = ", ".join(f"[{name}]({name})" for name in one.files)
        lines.append(f"Numbers: `{one.exhibit.call}`. Files: {files}.")
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
