"""Writes the results of a build as a table, and merges builds into ``data/experiments``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nasdip_bench.errors import BuildError
from nasdip_bench.experiments.results import KEY, Results, read_results, save_results
from nasdip_bench.storage.files import file_lock
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve, get_task

from ..writing import writing
from .config import ResultKey
from .folder import ExperimentFolder

_PROVENANCE = ("error", "seconds", "search_seconds", "device", "torch")


def write_results(folder: ExperimentFolder) -> None:
    """Write the rows of all requested results in a folder that have ended.

    Raises:
        OSError: the rows cannot be written.
    """
    with file_lock(folder.path / ".results.lock"):
        facts = folder.settings()
        setting, images = facts["setting"], facts["images"]
        rows = [
            _head(key, setting, images[key.image]) | row
            for key in folder.asked()
            if (row := folder.row(key.restoration)) is not None
        ]
        save_results(folder.results, rows, {setting: facts["fields"]})


def _head(key: ResultKey, setting: str, image: Mapping[str, Any]) -> dict[str, Any]:
    task = get_task(key.task)
    return {
        "set": key.set,
        "image": key.image,
        "image_sha256": image["sha256"],
        **{side: image[side] for side in ("channels", "height", "width")},
        "task": key.task,
        "sigma_255": task.sigma_255 if isinstance(task, Denoise) else None,
        "missing": task.missing if isinstance(task, Inpaint) else None,
        "factor": task.factor if isinstance(task, SuperResolve) else None,
        "method": key.method.name,
        "score": key.method.score or None,
        "selection": key.method.selection or None,
        "setting": setting,
        "seed": key.seed,
    }


def publish_results(sources: Sequence[Path], out: Path) -> Results:
    """Merge the results of builds and of published folders into a folder; return them.

    A result in two sources must have the same numbers in both; the first row is kept. A failed
    result gives way to one that is not. ``out`` may be one of the sources.

    Raises:
        BuildError: sources contradict each other, or the folder cannot be written.
        DatasetError: a source cannot be read.
    """
    settings: dict[str, dict[str, Any]] = {}
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for path in sources:
        found = read_results(path)
        for name, fields in found.settings.items():
            if settings.setdefault(name, fields) != fields:
                raise BuildError(
                    f"setting {name} of {str(path)!r} has other fields than that of the others: "
                    f"publish them apart"
                )
        for row in found.rows:
            key = tuple(row[name] for name in KEY)
            before = rows.setdefault(key, row)
            if row["status"] == "failed":
                continue
            if before["status"] == "failed":
                rows[key] = row
                continue
            unlike = [n for n in before if before[n] != row[n] and n not in _PROVENANCE]
            if unlike:
                differing = unlike[0]
                shown = "/".join(str(part) for part in key if part is not None)
                raise BuildError(
                    f"{shown} has {differing} {before[differing]!r} in one source and "
                    f"{row[differing]!r} in {str(path)!r}: publish them apart"
                )
    if not rows:
        raise BuildError("there is no result in any of the folders: run the experiments first")
    versions = sorted({row["protocol_version"] for row in rows.values()})
    if len(versions) > 1:
        raise BuildError(
            f"the results are of the protocol's versions {', '.join(map(str, versions))}, which do "
            f"not mix: publish them apart"
        )
    with writing(f"the results to {str(out)!r}", ", or name another folder with --out"):
        save_results(out, rows.values(), settings)
    return read_results(out)
