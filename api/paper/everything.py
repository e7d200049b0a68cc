"""All tables and figures of the paper from a release, written into a folder with a page beside.

Each file is whole or absent (`nasdip_bench.storage.files`), the page last. Files of other names in
the folder are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.errors import (
    ConfigError,
    MissingDependencyError,
    MissingRunError,
    NasdipError,
    unknown_name,
)

from ..exhibits.exhibit import PaperExhibit, write_text
from ..exhibits.forms import markdown_table, plain
from ..statistics.choosing_cohorts import PROXY
from ..statistics.kendall import coverage
from .figure1 import figure1
from .figure2 import INITS, figure2, figure2_images
from .figure3 import figure3
from .figure4 import figure4
from .printed import reasons_to_differ
from .table1 import best_iteration_table, table1

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader
    from ..reading.runs import Block

__all__ = ["PAGE", "Made", "PaperOptions", "PaperResult", "markdown_page", "write_paper"]

PAGE = "index.md"
ENDINGS = (".png", ".pdf", ".csv", ".tex")
_Maker = Callable[[], PaperExhibit]
_IMPORTS = """```python
from nasdip_bench import NASDIPBench
from nasdip_bench.api import figure2, figure2_images, figure3, figure4

bench = NASDIPBench({path!r})
images = figure2_images(bench, images_dir="...")  # for Figure 2 alone
```"""


@dataclass(frozen=True, kw_only=True)
class PaperOptions:
    """What to make.

    Attributes:
        tasks: names; None for every task of the release with runs.
        target: column of runs.parquet with a direction.
        fidelity: None for the release's default for each task.
        seed: None for the default seeds.
        k: of Figure 1.
        proxy: of the cohorts in Figures 3 and 4, and of the architectures in Figure 2.
        images_dir: folder of the release's images, for Figure 2.
        image_set: of Figure 2, see `nasdip_bench.api.paper.figure2.figure2_images`.
        inits: initialisations in Figure 2.
        device: where Figure 2's networks run.
    """

    tasks: Sequence[str] | None = None
    target: str = "best_psnr_smooth_db"
    fidelity: str | None = None
    seed: int | None = None
    k: int = 10
    proxy: str = PROXY
    images_dir: Path | None = None
    image_set: str | None = None
    inits: int = INITS
    device: str = "cpu"


@dataclass(frozen=True)
class Made:
    """One exhibit for one task, as far as it could be made.

    Attributes:
        title: of its part of the page.
        task: name.
        stem: its files' names without ending.
        exhibit: None where it could not be made at all.
        files: names of the files written, in the folder.
        problems: what could not be made and why.
    """

    title: str
    task: str
    stem: str
    exhibit: PaperExhibit | None
    files: tuple[str, ...]
    problems: tuple[str, ...]


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


def write_paper(
    bench: ReleaseReader,
    folder: Path | str,
    options: PaperOptions | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> PaperResult:
    """Write every table and figure, and the page beside them.

    What cannot be made (no images, no matplotlib, too few runs) is named on the page and in the
    result, and does not stop the rest.

    Args:
        bench: the release.
        folder: made if absent. Files of the same names are replaced, others left alone.
        options: what to make.
        progress: called with a line for each exhibit.

    Raises:
        UnknownNameError: a task that the release does not have.
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
        for title, name, make in _exhibits(bench, task, options):
            progress(f"{name}-{task} ...")
            made.append(_write(make, target, title, task, f"{name}-{task}"))
    result = PaperResult(folder=target, made=tuple(made))
    write_text(target / PAGE, markdown_page(bench, result, options))
    return result


def _tasks(bench: ReleaseReader, options: PaperOptions) -> list[str]:
    wanted = bench.tasks if options.tasks is None else options.tasks
    having = []
    for task in wanted:
        if task not in bench.tasks:
            raise unknown_name("task", task, bench.tasks)
        try:
            bench.runs.block(task, options.fidelity)
        except MissingRunError:
            continue
        having.append(task)
    if not having:
        raise ConfigError(
            f"no runs of {', '.join(wanted) or 'any task'} in {str(bench.path)!r}: nothing to make"
        )
    return having


def _exhibits(
    bench: ReleaseReader, task: str, options: PaperOptions
) -> list[tuple[str, str, _Maker]]:
    """Title, stem and maker of each exhibit of a task."""
    target, fidelity, seed = options.target, options.fidelity, options.seed
    at = (bench, task, target, fidelity, seed)

    def spectra() -> PaperExhibit:
        images = figure2_images(bench, options.images_dir, options.image_set)
        proxy, inits, device = options.proxy, options.inits, options.device
        return figure2(bench, images, task, fidelity, proxy=proxy, inits=inits, device=device)

    def overlap() -> PaperExhibit:
        return figure1(bench, task, options.k, target, fidelity, seed)

    def best_iteration() -> PaperExhibit:
        return best_iteration_table(bench, task, fidelity=fidelity, seed=seed)

    return [
        ("Table 1: tau between PSNR and scores", "table1", lambda: table1(*at)),
        ("Figure 1: overlap of the best architectures", "figure1", overlap),
        ("Figure 2: power spectra", "figure2", spectra),
        ("Figure 3: PSNR against a score", "figure3", lambda: figure3(*at, proxy=options.proxy)),
        ("Figure 4: histograms of PSNR", "figure4", lambda: figure4(*at, proxy=options.proxy)),
        ("Section 5: tau with the best iteration", "best_iteration", best_iteration),
    ]


def _write(make: _Maker, folder: Path, title: str, task: str, stem: str) -> Made:
    try:
        exhibit = make()
    except NasdipError as error:
        return Made(title, task, stem, None, (), (f"not made: {error}",))
    files, problems = [], []
    for ending in ENDINGS:
        try:
            exhibit.save(folder / f"{stem}{ending}")
        except MissingDependencyError as error:  # matplotlib is not installed: the rest needs none
            problems.append(f"no {ending}: {error}")
        else:
            files.append(f"{stem}{ending}")
    return Made(title, task, stem, exhibit, tuple(files), tuple(problems))


def markdown_page(bench: ReleaseReader, result: PaperResult, options: PaperOptions) -> str:
    """The Markdown page that sets the tables and figures beside the printed ones.

    Args:
        bench: the release.
        result: what was written.
        options: what was asked for.
    """
    manifest = bench.manifest
    tasks = dict.fromkeys(one.task for one in result.made)
    blocks = {task: bench.runs.block(task, options.fidelity) for task in tasks}
    at = {task: block.fidelity for task, block in blocks.items()}
    path, here = bench.path, Path.cwd()
    if path.is_relative_to(here):
        path = path.relative_to(here)  # without the part that is of this machine alone
    parts = [
        f"# The tables and figures of ISNAS-DIP from {plain(manifest.name)} "
        f"{plain(manifest.version)}",
        f"Made from the release of {plain(manifest.created)}, of {len(bench)} architectures and "
        f"{len(bench.images)} images (set `{plain(manifest.image_set)}`); which of them have runs "
        f"is below. Every number can be traced: below each table stands the call that gives it, "
        f"and the `.csv` beside it has it in full.",
        _IMPORTS.format(path=str(path)),
        "## What was measured",
        _coverage(bench, list(blocks.values()), options.seed),
        "Counts: `bench.coverage()`.",
        "## Why ours differs from the print",
        _list(reasons_to_differ(bench, at, options.target)),
    ]
    if result.problems:
        parts += ["## What could not be made", _list(map(plain, result.problems))]
    for task in blocks:
        parts.append(f"## {plain(task)}")
        parts += [_part(one) for one in result.made if one.task == task]
    parts += [
        "## Not here",
        "Tables 2 and 3 of the paper compare the restored images of ISNAS with those of DIP, "
        "NAS-DIP and others: they need the search itself run on each image and are not made from "
        "a release. `nasdip-bench table 2` and `nasdip-bench table 3` make them from the results "
        "of `nasdip-build experiments` (docs/paper.md).",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


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


def _coverage(bench: ReleaseReader, blocks: Sequence[Block], seed: int | None) -> str:
    table = coverage(bench)
    rows = []
    for block in blocks:
        seeds = block.choose_seeds(seed)
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
