"""The Markdown page that sets the tables and figures of a release beside the printed ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..exhibits.forms import plain
from .produce import Made, PaperOptions, PaperResult
from .reasons import reasons_to_differ

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["markdown_page"]

_IMPORTS = """```python
from nasdip_bench import NASDIPBench
from nasdip_bench.api import figure2, figure2_images, figure3, figure4

bench = NASDIPBench({path!r})
images = figure2_images(bench, images_dir="...")  # for Figure 2 alone
```"""


def markdown_page(bench: NASDIPBench, result: PaperResult, options: PaperOptions) -> str:
    """The page.

    Args:
        bench: the release.
        result: what was written.
        options: what was asked for.
    """
    manifest = bench.manifest
    blocks = [
        f"# The tables and figures of ISNAS-DIP from {plain(manifest.name)} "
        f"{plain(manifest.version)}",
        f"Made from the release of {plain(manifest.created)}, of {len(bench)} architectures and "
        f"{len(bench.images)} images (set `{plain(manifest.image_set)}`); which of them have runs "
        f"is below. Every number can be traced: below each table stands the call that gives it, "
        f"and the `.csv` beside it has it in full.",
        _IMPORTS.format(path=_from_here(bench.path)),
        "## What was measured",
        _coverage(bench, result, options),
        "## Why ours differs from the print",
        "\n".join(f"- {reason}" for reason in _reasons(bench, result, options)),
    ]
    absent = result.problems
    if absent:
        blocks += ["## What could not be made", "\n".join(f"- {plain(line)}" for line in absent)]
    task = ""
    for one in result.made:
        if one.task != task:
            task = one.task
            blocks.append(f"## {plain(task)}")
        blocks.append(_part(one))
    blocks += [
        "## Not here",
        "Tables 2 and 3 of the paper compare the restored images of ISNAS with those of DIP, "
        "NAS-DIP and others: they need the search itself run on each image and are not made from "
        "a release. `nasdip-bench table 2` and `nasdip-bench table 3` make them from the results "
        "of `nasdip-build experiments` (docs/experiments.md).",
    ]
    return "\n\n".join(block.rstrip("\n") for block in blocks if block) + "\n"


def _from_here(path: Path) -> str:
    """A path below the working folder without the part that is of this machine alone."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _part(one: Made) -> str:
    lines = [f"### {one.title} ({plain(one.task)})"]
    if one.exhibit is not None:
        if f"{one.stem}.png" in one.files:
            lines.append(f"![{one.title}, {plain(one.task)}]({one.stem}.png)")
        lines += [plain(one.exhibit.caption), one.exhibit.markdown()]
        lines += [plain(note) for note in one.exhibit.notes]
        files = ", ".join(f"[{name}]({name})" for name in one.files)
        lines.append(f"Numbers: `{one.exhibit.call}`. Files: {files}.")
    lines += [f"**{plain(problem)}**" for problem in one.problems]
    return "\n\n".join(line.rstrip("\n") for line in lines)


def _coverage(bench: NASDIPBench, result: PaperResult, options: PaperOptions) -> str:
    head = "| task | fidelity | iterations | stop | seeds | runs | diverged | failed | missing |"
    lines = [head, "|---|---|---:|---:|---|---:|---:|---:|---:|"]
    table = bench.coverage()
    for task in dict.fromkeys(one.task for one in result.made):
        block = bench.runs.block(task, options.fidelity)
        seeds = block.choose_seeds(options.seed)
        chosen = table[
            (table["task"] == task)
            & (table["fidelity"] == block.fidelity)
            & (table["seed"].isin(seeds))
        ]
        sums = {name: int(chosen[name].sum()) for name in ("ok", "diverged", "failed", "missing")}
        cells = [task, block.fidelity, block.record.iterations, block.record.stop]
        cells += [" ".join(map(str, seeds)), f"{sums['ok']} of {int(chosen['expected'].sum())}"]
        cells += [sums["diverged"], sums["failed"], sums["missing"]]
        lines.append(f"| {' | '.join(plain(str(cell)) for cell in cells)} |")
    return "\n".join([*lines, "", "Counts: `bench.coverage()`."])


def _reasons(bench: NASDIPBench, result: PaperResult, options: PaperOptions) -> list[str]:
    tasks = dict.fromkeys(one.task for one in result.made)
    at = {task: bench.runs.block(task, options.fidelity).fidelity for task in tasks}
    return reasons_to_differ(bench, at, options.target)
