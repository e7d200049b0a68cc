"""All tables and figures of the paper from a release, written into a folder.

Each file is whole or absent (`nasdip_bench.storage.files`), the page last. Files of other names in
the folder are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.errors import (
    ConfigError,
    MissingDependencyError,
    MissingRunError,
    NasdipError,
    unknown_name,
)

from ..exhibits.exhibit import write_text
from ..exhibits.paper_exhibit import PaperExhibit
from ..statistics.choosing_cohorts import PROXY
from .best_iteration import best_iteration_table
from .figure1 import figure1
from .figure2 import INITS, figure2, figure2_images
from .figure3 import figure3
from .figure4 import figure4
from .table1 import table1

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["PAGE", "Made", "PaperOptions", "PaperResult", "write_paper"]

PAGE = "index.md"
ENDINGS = (".png", ".pdf", ".csv", ".tex")


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


@dataclass(frozen=True, kw_only=True)
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
    exhibit: PaperExhibit | None = None
    files: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


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
    bench: NASDIPBench,
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
    tasks = _tasks(bench, options)
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder {str(folder)!r}: {error.strerror}; name another"
        ) from error
    made = []
    for task in tasks:
        for title, name, make in _exhibits(bench, task, options):
            one = Made(title=title, task=task, stem=f"{name}-{task}")
            progress(f"{one.stem} ...")
            made.append(_write(one, make, target))
    result = PaperResult(folder=target, made=tuple(made))
    from .page import markdown_page

    write_text(target / PAGE, markdown_page(bench, result, options))
    return result


def _tasks(bench: NASDIPBench, options: PaperOptions) -> list[str]:
    wanted = bench.tasks if options.tasks is None else options.tasks
    for task in wanted:
        if task not in bench.tasks:
            raise unknown_name("task", task, bench.tasks)
    having = []
    for task in wanted:
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


_Maker = Callable[[], PaperExhibit]


def _exhibits(
    bench: NASDIPBench, task: str, options: PaperOptions
) -> list[tuple[str, str, _Maker]]:
    """Title, stem and maker of each exhibit of a task."""
    at = (task, options.target, options.fidelity, options.seed)

    def overlap() -> PaperExhibit:
        return figure1(bench, task, options.k, options.target, options.fidelity, options.seed)

    def spectra() -> PaperExhibit:
        images = figure2_images(bench, options.images_dir, options.image_set)
        proxy, inits, device = options.proxy, options.inits, options.device
        return figure2(
            bench, images, task, options.fidelity, proxy=proxy, inits=inits, device=device
        )

    def best_iteration() -> PaperExhibit:
        return best_iteration_table(bench, task, fidelity=options.fidelity, seed=options.seed)

    return [
        ("Table 1: tau between PSNR and scores", "table1", lambda: table1(bench, *at)),
        ("Figure 1: overlap of the best architectures", "figure1", overlap),
        ("Figure 2: power spectra", "figure2", spectra),
        (
            "Figure 3: PSNR against a score",
            "figure3",
            lambda: figure3(bench, *at, proxy=options.proxy),
        ),
        (
            "Figure 4: histograms of PSNR",
            "figure4",
            lambda: figure4(bench, *at, proxy=options.proxy),
        ),
        ("Section 5: tau with the best iteration", "best_iteration", best_iteration),
    ]


def _write(one: Made, make: _Maker, folder: Path) -> Made:
    try:
        exhibit = make()
    except NasdipError as error:
        one.problems.append(f"not made: {error}")
        return one
    for ending in ENDINGS:
        try:
            exhibit.save(folder / f"{one.stem}{ending}")
        except MissingDependencyError as error:  # matplotlib is not installed: the rest needs none
            one.problems.append(f"no {ending}: {error}")
            continue
        one.files.append(f"{one.stem}{ending}")
    return Made(
        title=one.title,
        task=one.task,
        stem=one.stem,
        exhibit=exhibit,
        files=one.files,
        problems=one.problems,
    )
