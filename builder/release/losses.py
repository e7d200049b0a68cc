"""Checks what would be lost if one dataset replaced another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasdip_bench.dataset import MANIFEST, DatasetFolder
from nasdip_bench.errors import BuildError, DatasetError

from .sources.contents import KEY_COLUMNS, Contents

if TYPE_CHECKING:
    import pyarrow as pa


def refuse_losses(path: Path, new: Contents) -> None:
    """Refuse to replace a dataset, if there is one, by contents that lack some of its results.

    Runs and scores are compared by their keys. Results of an image whose pixels changed count as
    lost; failed runs do not.

    Raises:
        BuildError: something would be lost, or the dataset cannot be read to find out.
    """
    if not (path / MANIFEST).exists():
        return
    with _told_or_refused(path):
        folder = DatasetFolder(path)
        names = folder.table("architectures")["architecture"]
        unlike = _other_pixels(folder, new.images)
        lost = []
        for what in ("runs", "scores"):
            before = folder.table(what)
            named = before.append_column("architecture", names.take(before["arch_id"]))
            had = _keys(what, [named])
            have = _keys(what, [getattr(part, what) for part in new.parts.values()], unlike)
            if had - have:
                lost.append(f"{len(had - have)} of {len(had)} {what}")
    _refuse(path, lost)


def refuse_lost_distances(path: Path, new: Path) -> None:
    """Refuse to replace a dataset, if there is one, by another that lacks some of its distances.

    A release has distances only between restorations that were available together. So an earlier
    release made from more build folders at once has more.

    Raises:
        BuildError: see `refuse_losses`.
    """
    if not (path / MANIFEST).exists():
        return
    had = lost = 0
    after = DatasetFolder(new)
    with _told_or_refused(path):
        before = DatasetFolder(path)
        images, after_names = after.manifest.images, _names(after)
        unlike = _other_pixels(before, _image_facts(after))
        # Architectures that are gone come after the last.
        rows = {name: row for row, name in enumerate(after_names)}
        places = [rows.get(name, len(rows)) for name in _names(before)]
        for fidelity, task, _ in before.manifest.task_records():
            if not before.has_distances(fidelity, task):
                continue
            distances = before.distances(fidelity, task)
            kept = after.distances(fidelity, task) if after.has_distances(fidelity, task) else None
            for number, image in enumerate(before.manifest.images):
                for seed in distances.seeds.tolist():
                    there = np.triu(~np.isnan(distances.between(number, seed)), 1)
                    known = np.zeros((len(after_names) + 1,) * 2, bool)
                    if image in images and image not in unlike and kept and seed in kept.seeds:
                        found = kept.between(images.index(image), seed)
                        known[:-1, :-1] = ~np.isnan(found)
                    had += int(there.sum())
                    lost += int((there & ~known[np.ix_(places, places)]).sum())
    _refuse(path, [f"{lost} of {had} distances between restorations"] if lost else [])


def _names(folder: DatasetFolder) -> list[str]:
    return folder.table("architectures")["architecture"].to_pylist()  # type: ignore[no-any-return]


@contextmanager
def _told_or_refused(path: Path) -> Iterator[None]:
    try:
        yield
    except (DatasetError, IndexError) as error:  # tables that name missing rows
        raise BuildError(
            f"cannot tell whether the dataset in {str(path)!r} has what the new one lacks: "
            f"{error}; name another folder with --out, or replace it with --replace"
        ) from error


def _refuse(path: Path, lost: list[str]) -> None:
    if lost:
        raise BuildError(
            f"the dataset in {str(path)!r} would lose {', '.join(lost)}, which the new one does "
            f"not have: name it among the sources to keep them, another folder with --out, or "
            f"replace it with --replace"
        )


def _keys(
    what: str, tables: Iterable[pa.Table], without: Set[str] = frozenset()
) -> set[tuple[Any, ...]]:
    """The keys of "runs" or "scores", without failed runs and without some images."""
    names = KEY_COLUMNS[what]
    wanted = [*names, "status"] if what == "runs" else [*names]
    return {
        tuple(row[name] for name in names)
        for table in tables
        for row in table.select(wanted).to_pylist()
        if row.get("status") != "failed" and row["image"] not in without
    }


def _image_facts(folder: DatasetFolder) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in folder.table("images").to_pylist()}


def _other_pixels(folder: DatasetFolder, new: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Names of the images known to have other pixels than in a dataset; ``new`` has their facts."""
    before = {name: facts["sha256"] for name, facts in _image_facts(folder).items()}
    after = {name: facts["sha256"] for name, facts in new.items()}
    return {name for name, one in after.items() if one and before.get(name, one) not in (one, None)}
