"""All tables and figures of a release, written to a folder with a page that shows them.

Files are written atomically (`nasdip_bench.storage.files`), the page last. Other files in the
folder are left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.errors import (
    ConfigError,
    MissingDependencyError,
    MissingRunError,
    NasdipError,
    check_name,
)

from ..exhibits.exhibit import write_text
from .catalogue import Entry, PaperOptions, catalogue
from .page import Made, markdown_page

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

PAGE = "index.md"
ENDINGS = (".png", ".pdf", ".csv", ".tex")
"""Extensions of each exhibit's files; tables have no pictures."""


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
