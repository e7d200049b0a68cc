"""A build folder as a dataset folder: shards compacted, summarised, hashed and verified.

The new dataset is written beside the old one and takes its place at the end
(`nasdip_bench.builder.publish`), so that an interrupted release leaves the old one whole.
"""

from __future__ import annotations

import platform
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
from nasdip_bench.builder.publish import replacing
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
)
from nasdip_bench.errors import BuildError
from nasdip_bench.fidelity import FIDELITIES, PROTOCOL_VERSION, get_fidelity
from nasdip_bench.files import parquet_bytes, sha256_bytes
from nasdip_bench.images import image_names
from nasdip_bench.problems import find_problems
from nasdip_bench.schema import RELEASE_TABLES, SCHEMA_VERSION, arrow_schema
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import TASKS, get_task

__all__ = ["release"]


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
    folder.settings()
    if build == out or build in out.parents or out in build.parents:
        raise BuildError(
            f"the dataset folder {str(out)!r} and the build folder {str(build)!r} lie in each "
            f"other; name another with --out"
        )
    runs = _unique(folder, "runs", RunKey)
    scores = _unique(folder, "scores", ScoreKey)
    # After the shards: what another builder adds meanwhile is noted here before it is built.
    settings, architectures = folder.settings(), folder.architectures()
    images = _ordered_images(settings)
    unlisted = {row["architecture"] for row in (*runs, *scores)} - {*map(str, architectures)}
    if unlisted:
        raise BuildError(
            f"there are runs or scores of {min(unlisted)}, which architectures.csv does not list: "
            f"give the build command again, which adds it, and then release"
        )
    if folder.damaged:
        raise BuildError(
            f"shard {folder.damaged[0]} is damaged ({len(folder.damaged)} in all): give the build "
            f"command again, which rebuilds it, and then release"
        )
    if not (runs or scores):
        raise BuildError(f"nothing is finished in {str(build)!r}; build first, then release")

    try:
        with replacing(out) as fresh:
            manifest = _write(fresh, settings, images, architectures, runs, scores, name, version)
            problems = find_problems(fresh)
            if problems:
                raise BuildError(f"the release does not verify: {problems[0]}")
    except OSError as error:
        raise BuildError(
            f"cannot write the dataset folder {str(out)!r}: {error.strerror or error}; make room, "
            f"or name another with --out"
        ) from error
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

    (fresh / "curves").mkdir()
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
