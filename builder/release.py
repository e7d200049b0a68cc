"""A build folder as a dataset folder: shards compacted, summarised, hashed and verified.

The new dataset is written beside the old one and takes its place at the end, so that an interrupted
release leaves the old one whole.
"""

from __future__ import annotations

import logging
import platform
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nasdip_bench._version import __version__
from nasdip_bench.builder.plan import RunKey, ScoreKey
from nasdip_bench.builder.shards import BuildFolder
from nasdip_bench.builder.summary import summarise
from nasdip_bench.cost import architecture_facts
from nasdip_bench.curves import kept_points, write_curves
from nasdip_bench.dataset import (
    MANIFEST,
    FileRecord,
    Manifest,
    TaskRecord,
    curve_path,
    dataset_files,
)
from nasdip_bench.errors import BuildError, DatasetError
from nasdip_bench.fidelity import FIDELITIES, PROTOCOL_VERSION, get_fidelity
from nasdip_bench.files import parquet_bytes, sha256_bytes, sync_file, sync_folder
from nasdip_bench.images import image_names
from nasdip_bench.schema import RELEASE_TABLES, SCHEMA_VERSION, arrow_schema
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import TASKS, get_task
from nasdip_bench.verify import verify

__all__ = ["release"]

logger = logging.getLogger(__name__)


def release(build: Path, out: Path, *, name: str = "nasdip-bench", version: str = "0") -> Manifest:
    """Make a dataset folder from a build folder.

    Files in ``out`` that belong to no dataset, such as a README, are kept.

    Args:
        build: the build folder.
        out: the dataset folder to create or replace.
        name: of the release.
        version: of the release.

    Raises:
        BuildError: no build folder, nothing finished in it, or the result does not verify.
    """
    build, out = build.resolve(), out.resolve()
    folder = BuildFolder(build)
    settings = folder.settings()
    if build == out or build in out.parents or out in build.parents:
        raise BuildError(
            f"the dataset folder {str(out)!r} and the build folder {str(build)!r} lie in each "
            f"other; name another with --out"
        )
    images = _ordered_images(settings)
    architectures = folder.architectures()
    runs = _unique(folder, "runs", RunKey)
    scores = _unique(folder, "scores", ScoreKey)
    if folder.damaged:
        raise BuildError(
            f"shard {folder.damaged[0]} is damaged ({len(folder.damaged)} in all): give the build "
            f"command again, which rebuilds it, and then release"
        )
    if not (runs or scores):
        raise BuildError(f"nothing is finished in {str(build)!r}; build first, then release")

    fresh = out.parent / f".{out.name}.new"
    try:
        _recover(out)
        old = _dataset_files(out)
        shutil.rmtree(fresh, ignore_errors=True)
        (fresh / "curves").mkdir(parents=True)
        manifest = _write(fresh, settings, images, architectures, runs, scores, name, version)
        problems = verify(fresh)
        if problems:
            raise BuildError(f"the release does not verify: {problems[0]}")
        _keep_other_files(out, fresh, old)
        _replace(out, fresh)
    except OSError as error:
        raise BuildError(
            f"cannot write the dataset folder {str(out)!r}: {error.strerror or error}; name "
            f"another with --out"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest


def _ordered_images(settings: dict[str, Any]) -> list[str]:
    if settings["image_set"] == "user":
        return sorted(settings["images"])
    order = image_names(settings["image_set"])
    return sorted(settings["images"], key=order.index)


def _unique(folder: BuildFolder, kind: str, key: type[Any]) -> list[dict[str, Any]]:
    """All rows of a kind; of rows finished twice, those of the first whole shard by name.

    A failed run counts only where no later try succeeded.
    """
    found: dict[Any, list[dict[str, Any]]] = {}
    for table in folder.read(kind, set_aside=False):
        rows: dict[Any, list[dict[str, Any]]] = {}
        for row in _rows(table):
            rows.setdefault(key(*(row[field] for field in key._fields)), []).append(row)
        for which, group in rows.items():
            if which not in found or found[which][0].get("status") == "failed":
                found[which] = group
    return [row for group in found.values() for row in group]


def _rows(table: pa.Table) -> Iterable[dict[str, Any]]:
    """Rows as dictionaries, curves as float32 arrays rather than lists of Python floats."""
    curves = [name for name in table.column_names if name in ("psnr_db", "psnr_smooth_db")]
    rows: list[dict[str, Any]] = table.drop_columns(curves).to_pylist()
    for name in curves:
        for row, curve in zip(rows, table[name], strict=True):
            row[name] = curve.values.to_numpy()
    return rows


def _write(
    fresh: Path,
    settings: dict[str, Any],
    images: Sequence[str],
    architectures: Sequence[Architecture],
    runs: list[dict[str, Any]],
    scores: list[dict[str, Any]],
    name: str,
    version: str,
) -> Manifest:
    arch_ids = {str(arch): number for number, arch in enumerate(architectures)}
    tasks = list(TASKS)
    fidelities = sorted({r["fidelity"] for r in runs} | {r["fidelity"] for r in scores}, key=_rank)

    def order(row: dict[str, Any]) -> tuple[int, ...]:
        return (
            fidelities.index(row["fidelity"]),
            tasks.index(row["task"]),
            arch_ids[row["architecture"]],
            images.index(row["image"]),
            row.get("seed", 0),
        )

    runs.sort(key=order)
    scores.sort(key=order)  # stable: proxies keep the order they were computed in
    for row in (*runs, *scores):
        row["arch_id"] = arch_ids[row["architecture"]]

    records: dict[str, dict[str, Any]] = {}
    for fidelity_name in fidelities:
        fidelity = get_fidelity(fidelity_name)
        records[fidelity_name] = {
            "resolution": fidelity.resolution,
            "channels": fidelity.channels,
            "tasks": {},
        }
        for task in tasks:
            mine = [r for r in runs if (r["fidelity"], r["task"]) == (fidelity_name, task)]
            scored = [r for r in scores if (r["fidelity"], r["task"]) == (fidelity_name, task)]
            if not mine and not scored:
                continue
            kind = get_task(task).kind
            iterations, stop = fidelity.iterations_for(kind), fidelity.stop[kind]
            if mine:
                _write_curve_file(
                    fresh / curve_path(fidelity_name, task), mine, kept_points(iterations, stop)
                )
            for curve_row, row in enumerate(mine):
                row |= summarise(row["psnr_db"], row["psnr_smooth_db"], row["status"], stop)
                row["curve_row"] = curve_row
            records[fidelity_name]["tasks"][task] = _task_record(
                mine, scored, iterations, stop, len(images) * len(architectures), len(images)
            )

    tables = {
        "architectures": [
            {"arch_id": n, **architecture_facts(arch)} for n, arch in enumerate(architectures)
        ],
        "images": [
            {"name": image, "image_set": settings["image_set"], **settings["images"][image]}
            for image in images
        ],
        "runs": runs,
        "scores": scores,
    }
    for table, rows in tables.items():
        schema = arrow_schema(RELEASE_TABLES[table])
        columns = {field: [row[field] for row in rows] for field in schema.names}
        content = parquet_bytes(pa.Table.from_pydict(columns, schema=schema))
        (fresh / f"{table}.parquet").write_bytes(content)

    manifest = Manifest(
        name=name,
        version=version,
        schema_version=SCHEMA_VERSION,
        protocol_version=PROTOCOL_VERSION,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        image_set=settings["image_set"],
        architectures=len(architectures),
        images=list(images),
        default_fidelity=_default_fidelities(records),
        fidelities={
            f: r | {"tasks": {t: vars(record) for t, record in r["tasks"].items()}}
            for f, r in records.items()
        },
        software={
            "nasdip-bench": __version__,
            "python": platform.python_version(),
            **{lib: installed_version(lib) for lib in ("torch", "numpy", "pyarrow", "h5py")},
        },
        devices=sorted({row["device"] for row in runs}),
        files={
            path.relative_to(fresh).as_posix(): FileRecord(
                sha256=sha256_bytes(content := path.read_bytes()), size=len(content)
            )
            for path in sorted(fresh.rglob("*"))
            if path.is_file()
        },
    )
    (fresh / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    for path in (*manifest.files, MANIFEST):
        sync_file(fresh / path)
    sync_folder(fresh / "curves")
    sync_folder(fresh)
    return manifest


def _rank(fidelity: str) -> tuple[int, int]:
    """Highest first: the order of the table, a shortened one behind its base."""
    f = get_fidelity(fidelity)
    return list(FIDELITIES).index(f.base), -max(f.iterations.values()) if f.name != f.base else -(
        10**9
    )


def _write_curve_file(path: Path, rows: list[dict[str, Any]], points: np.ndarray) -> None:
    write_curves(
        path,
        np.stack([row["psnr_db"][points] for row in rows]),
        np.stack([row["psnr_smooth_db"][points] for row in rows]),
        points,
    )


def _task_record(
    runs: list[dict[str, Any]],
    scores: list[dict[str, Any]],
    iterations: int,
    stop: int,
    expected: int,
    images: int,
) -> TaskRecord:
    seeds = dict(sorted(Counter(row["seed"] for row in runs).items()))
    # A failed run is one that is still to be done.
    done = Counter(row["seed"] for row in runs if row["status"] != "failed")
    complete = [seed for seed in seeds if done[seed] == expected]
    most = sorted(seeds, key=lambda seed: (-done[seed], seed))[:1]
    scored = Counter(arch for arch, _ in {(row["arch_id"], row["image"]) for row in scores})
    return TaskRecord(
        iterations=iterations,
        stop=stop,
        runs=len(runs),
        seeds={str(seed): count for seed, count in seeds.items()},
        complete_seeds=complete,
        default_seeds=complete or most,
        scored=sum(count == images for count in scored.values()),
    )


def _default_fidelities(records: dict[str, dict[str, Any]]) -> dict[str, str]:
    """By task the highest complete fidelity, else the one whose fullest seed has most runs.

    Shortened fidelities, which are trials, come last whatever they hold.
    """
    defaults: dict[str, str] = {}
    for task in TASKS:
        having = {
            name: record["tasks"][task]
            for name, record in records.items()
            if task in record["tasks"] and record["tasks"][task].runs
        }
        if having:
            defaults[task] = min(
                having,
                key=lambda name: (
                    name not in FIDELITIES,
                    not having[name].complete_seeds,
                    0 if having[name].complete_seeds else -max(having[name].seeds.values()),
                    _rank(name),
                ),
            )
    return defaults


def _recover(out: Path) -> None:
    """Put back the old dataset if a release was killed between its two renames."""
    old = _set_aside_path(out)
    if old.exists():
        if out.exists():
            shutil.rmtree(old)
        else:
            logger.warning("an interrupted release had set %s aside: it is put back", out)
            old.rename(out)


def _set_aside_path(out: Path) -> Path:
    return out.parent / f".{out.name}.old"


def _dataset_files(out: Path) -> set[str]:
    """The files of the dataset that is in a folder; none where the folder is absent or empty.

    Raises:
        BuildError: something else is in it, which a release must not touch.
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
    """Copy what is in the old folder and belongs to no dataset, such as a README."""
    for path in sorted(out.rglob("*")) if out.exists() else ():
        relative = path.relative_to(out)
        target = fresh / relative
        if relative.as_posix() in old or (path.is_dir() and not path.is_symlink()):
            continue
        if target.exists():
            raise BuildError(
                f"{str(path)!r} is no part of the old dataset, and the new one has a file of that "
                f"name; move it away"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)


def _replace(out: Path, fresh: Path) -> None:
    """Let the new dataset take the place of the old one, or leave the old one where it was."""
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
