"""Replaces a dataset folder by a new one; at any time one of the two exists, whole.

The new folder is written next to the old one, flushed to disk, and swapped with it in one step
where the system allows (Linux, local file systems). Elsewhere the old one is moved aside first; if
the release is killed between the two steps, the next release puts it back.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nasdip_bench.dataset import dataset_files
from nasdip_bench.errors import BuildError, DatasetError
from nasdip_bench.storage.files import exchange, file_lock, sync_folder, sync_tree

logger = logging.getLogger(__name__)


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces ``out`` if the block ends without an exception.

    Files in ``out`` that belong to no dataset, such as a README, are kept. Only one process at a
    time enters the block; others wait.

    Raises:
        BuildError: ``out`` holds something that is not a dataset.
        OSError: ``out`` cannot be written.
    """
    fresh = out.parent / f".{out.name}.new"
    out.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(out.parent / f".{out.name}.lock"):
        _recover(out)
        old = _dataset_files(out)
        if fresh.exists():  # left by a killed release
            shutil.rmtree(fresh)
        try:
            fresh.mkdir()
            yield fresh
            _keep_other_files(out, fresh, old)
            sync_tree(fresh)
            _replace(out, fresh)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _recover(out: Path) -> None:
    """Put back the old dataset if a release was killed between its two renames."""
    old = _set_aside_path(out)
    if old.exists():
        if out.exists():
            shutil.rmtree(old)
        else:
            logger.warning("an interrupted release had moved %s aside: it is put back", out)
            old.rename(out)


def _set_aside_path(out: Path) -> Path:
    return out.parent / f".{out.name}.old"


def _dataset_files(out: Path) -> set[str]:
    """The files of the dataset in a folder; none if the folder is absent or empty.

    Raises:
        BuildError: the folder holds something else, which a release must not touch.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return set()
    try:
        return dataset_files(out)
    except DatasetError as error:
        raise BuildError(
            f"{str(out)!r} is not empty and holds no dataset that could be replaced ({error}); "
            f"name an empty folder with --out"
        ) from error


def _keep_other_files(out: Path, fresh: Path, old: set[str]) -> None:
    """Copy the files of the old folder that belong to no dataset, such as a README."""
    for path in sorted(out.rglob("*")) if out.exists() else ():
        relative = path.relative_to(out)
        target = fresh / relative
        if relative.as_posix() in old or (path.is_dir() and not path.is_symlink()):
            continue
        if target.exists():
            raise BuildError(
                f"{str(path)!r} is not part of the old dataset, and the new one has a file of that "
                f"name; move it away"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)


def _replace(out: Path, fresh: Path) -> None:
    """Replace the old dataset by the new one, or leave the old one where it was."""
    if not (out.exists() and exchange(fresh, out)):
        aside = _set_aside_path(out)
        if out.exists():
            out.rename(aside)
        try:
            fresh.rename(out)
        except BaseException:
            if aside.exists():
                aside.rename(out)
            raise
        sync_folder(out.parent)
        shutil.rmtree(aside, ignore_errors=True)
    sync_folder(out.parent)
