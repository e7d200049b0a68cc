"""What a dataset would lose if another took its place: what the other does not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from nasdip_bench.builder.contents import Contents
from nasdip_bench.dataset import MANIFEST, DatasetFolder
from nasdip_bench.errors import BuildError, DatasetError

__all__ = ["refuse_losses"]

_RUN = ("image", "task", "fidelity", "seed")
_SCORE = ("image", "task", "fidelity", "seed", "proxy", "reference")


def refuse_losses(path: Path, new: Contents) -> None:
    """Refuse to let contents take the place of a dataset that has what they lack.

    Runs and scores are compared by their keys; those of an image that has other
    pixels are lost, what failed is not.

    Args:
        path: the dataset folder; one that holds no dataset loses nothing.
        new: what is to take its place.

    Raises:
        BuildError: something would be lost, or the dataset cannot be read, so that nobody knows.
    """
    if not (path / MANIFEST).exists():
        return
    try:
        folder = DatasetFolder(path)
        before, after = _of_dataset(folder), _of_contents(new, _other_pixels(folder, new))
    except (DatasetError, IndexError) as error:  # tables that name rows which there are not
        raise BuildError(
            f"whether the dataset in {str(path)!r} has what the new one lacks cannot be told: "
            f"{error}; name another folder with --out, or replace it with --replace"
        ) from error
    lost = [
        f"{len(had - have)} of {len(had)} {what}"
        for what, had, have in zip(_Held._fields, before, after, strict=True)
        if had - have
    ]
    if lost:
        raise BuildError(
            f"the dataset in {str(path)!r} would lose {', '.join(lost)}, which the new one does "
            f"not have: name it among the sources to keep them, another folder with --out, or "
            f"replace it with --replace"
        )


class _Held(NamedTuple):
    """Keys of what there is; runs that failed left out."""

    runs: set[tuple[Any, ...]]
    scores: set[tuple[Any, ...]]


def _of_dataset(folder: DatasetFolder) -> _Held:
    names = folder.table("architectures")["architecture"].to_pylist()
    held = _Held(set(), set())
    for row in folder.table("runs").select(["arch_id", "status", *_RUN]).to_pylist():
        if row["status"] != "failed":
            held.runs.add((names[row["arch_id"]], *(row[name] for name in _RUN)))
    for row in folder.table("scores").select(["arch_id", *_SCORE]).to_pylist():
        held.scores.add((names[row["arch_id"]], *(row[name] for name in _SCORE)))
    return held


def _of_contents(contents: Contents, without: set[str]) -> _Held:
    """Without those of some images."""
    held = _Held(set(), set())
    for part in contents.parts.values():
        for row in part.runs.select(["architecture", "status", *_RUN]).to_pylist():
            if row["status"] != "failed" and row["image"] not in without:
                held.runs.add((row["architecture"], *(row[name] for name in _RUN)))
        for row in part.scores.select(["architecture", *_SCORE]).to_pylist():
            if row["image"] not in without:
                held.scores.add(tuple(row.values()))
    return held


def _other_pixels(folder: DatasetFolder, new: Contents) -> set[str]:
    """Names of the images that are known to have others in the contents than in a dataset."""
    images = folder.table("images")
    before = dict(zip(*(images[name].to_pylist() for name in ("name", "sha256")), strict=True))
    after = {name: facts["sha256"] for name, facts in new.images.items()}
    return {name for name, one in after.items() if one and before.get(name, one) not in (one, None)}
