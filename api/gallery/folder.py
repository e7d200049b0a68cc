"""All tables and figures of a release, written to a folder with a page that shows them.

Files are written atomically (`nasdip_bench.storage.files`), the page last. Other files in the
folder are left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.errors import ConfigError, MissingRunError, check_name

from ..exhibits.exhibit import write_text
from .catalogue import PaperOptions, catalogue
from .made import PaperResult, write_files
from .page import markdown_page

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

PAGE = "index.md"


def write_paper(
    bench: ReleaseReader,
    folder: Path | str,
    options: PaperOptions | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> PaperResult:
    """Write every table and figure, and the page that shows them.

    What cannot be made (no images, no matplotlib, too few runs) is listed on the page and in the
    result, and does not stop the rest.

    Args:
        folder: created if absent. Files of the same names are replaced, others left alone.
        options: what to make.
        progress: called with a line for each exhibit.

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
            made.append(write_files(entry, task, target))
    result = PaperResult(made=tuple(made))
    write_text(target / PAGE, markdown_page(bench, result, options))
    return result


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
