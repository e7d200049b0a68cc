"""Writes contents as a dataset folder: tables, curves, distances, Croissant, manifest."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nasdip_bench._version import __version__
from nasdip_bench.dataset import MANIFEST, FileRecord, Manifest, TaskRecord
from nasdip_bench.dataset.croissant import CROISSANT, Publication, croissant_json
from nasdip_bench.dataset.distances import distances_bytes
from nasdip_bench.dataset.manifest import SCORE_VALUES, distance_path
from nasdip_bench.dataset.schema import RELEASE_TABLES, SCHEMA_VERSION, arrow_schema
from nasdip_bench.dataset.score_values import score_values_bytes
from nasdip_bench.errors import BuildError, UnknownNameError
from nasdip_bench.fidelity import FIDELITIES, get_fidelity
from nasdip_bench.images import NASDIP_IMAGES, RELEASED_SET, image_names
from nasdip_bench.storage.files import parquet_bytes
from nasdip_bench.tasks import TASKS
from nasdip_bench.verify.tables import find_problems

from .distances import distances_of
from .sources.contents import Contents, TaskContents, stacked_values
from .tables import Rows, architecture_table, image_table, rerun_table, rows_of, task_files


def write_dataset(
    contents: Contents, fresh: Path, *, name: str, version: str, publication: Publication
) -> Manifest:
    """Write contents into an empty folder, and verify the result.

    Raises:
        BuildError: the result does not verify.
        OSError: the folder cannot be written.
    """
    images = _image_order(contents)
    ranks = {
        f: _rank(f, part.resolution, part.channels, part.iterations)
        for (f, _), part in contents.parts.items()
    }
    tasks = list(TASKS)
    order = sorted(contents.parts, key=lambda key: (ranks[key[0]], tasks.index(key[1])))

    names = [str(arch) for arch in contents.architectures]
    fidelities: dict[str, dict[str, Any]] = {}
    records: dict[tuple[str, str], TaskRecord] = {}
    tables: dict[str, list[pa.Table]] = {"runs": [], "scores": [], "corruptions": []}
    values: list[NDArray[np.float32]] = []
    for fidelity, task in order:
        part = contents.parts[fidelity, task]
        rows = rows_of(part, contents, images)
        files = task_files(part, rows, fidelity, task)
        if (found := distances_of(part, names, images)) is not None:
            files[distance_path(fidelity, task)] = distances_bytes(found)
        for path, content in files.items():
            (fresh / path).parent.mkdir(exist_ok=True)
            (fresh / path).write_bytes(content)
        tables["runs"].append(rows.runs)
        tables["scores"].append(rows.scores)
        tables["corruptions"].append(rows.corruptions)
        values.append(part.score_values[rows.score_order])
        record = _task_record(part, rows, len(contents.architectures), len(images))
        records[fidelity, task] = record
        facts = {"resolution": part.resolution, "channels": part.channels, "tasks": {}}
        fidelities.setdefault(fidelity, facts)["tasks"][task] = vars(record)

    tables["reruns"] = [rerun_table(contents, images, order)]
    tables["architectures"] = [architecture_table(contents)]
    tables["images"] = [image_table(contents, images)]
    for table, parts in tables.items():
        schema = arrow_schema(RELEASE_TABLES[table])
        whole = pa.concat_tables([schema.empty_table(), *parts]).combine_chunks()
        (fresh / f"{table}.parquet").write_bytes(parquet_bytes(whole))
    (fresh / SCORE_VALUES).write_bytes(score_values_bytes(stacked_values(values)))

    devices = sorted(
        {name for part in tables["runs"] for name in part["device"].unique().to_pylist()}
    )
    manifest = Manifest(
        name=name,
        version=version,
        schema_version=SCHEMA_VERSION,
        protocol_version=contents.protocol_version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        image_set=contents.image_set,
        architectures=len(contents.architectures),
        images=images,
        default_fidelity=_default_fidelities(records, ranks),
        fidelities=fidelities,
        software=_software(),
        devices=devices,
        device_types={d: t for d, t in sorted(contents.device_types.items()) if d in devices},
        sources=list(contents.sources),
        files={
            path.relative_to(fresh).as_posix(): FileRecord.of(path.read_bytes())
            for path in sorted(fresh.rglob("*"))
            if path.is_file()
        },
    )
    # Order matters: Croissant describes the files before it, and the manifest lists Croissant.
    (fresh / CROISSANT).write_text(croissant_json(manifest, publication), encoding="utf-8")
    described = {CROISSANT: FileRecord.of((fresh / CROISSANT).read_bytes())}
    manifest = replace(manifest, files=manifest.files | described)
    (fresh / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    problems = find_problems(fresh)
    if problems:
        raise BuildError(f"the release does not verify: {problems[0]}")
    return manifest


def _software() -> dict[str, str]:
    """Versions by name; a machine that only releases may lack torch."""
    found = {"nasdip-bench": __version__, "python": platform.python_version()}
    for library in ("torch", "numpy", "pyarrow", "h5py"):
        with suppress(PackageNotFoundError):
            found[library] = installed_version(library)
    return found


def _image_order(contents: Contents) -> list[str]:
    if contents.image_set == "user":
        return sorted(contents.images)
    if contents.image_set == RELEASED_SET:
        ours = [name for name in NASDIP_IMAGES if name in contents.images]
        return [*ours, *sorted(contents.images.keys() - {*ours})]
    return sorted(contents.images, key=image_names(contents.image_set).index)


def _task_record(part: TaskContents, rows: Rows, architectures: int, images: int) -> TaskRecord:
    tried = rows.runs["seed"].to_pylist()
    seeds = dict(sorted(Counter(tried).items()))
    # A failed run is still to be done.
    status = rows.runs["status"].to_pylist()
    done = Counter(s for s, how in zip(tried, status, strict=True) if how != "failed")
    complete = [seed for seed in seeds if done[seed] == architectures * images]
    most = sorted(seeds, key=lambda seed: (-done[seed], seed))[:1]
    pairs = set(zip(*(rows.scores[c].to_pylist() for c in ("arch_id", "image")), strict=True))
    scored = Counter(arch for arch, _ in pairs)
    return TaskRecord(
        iterations=part.iterations,
        stop=part.stop,
        runs=len(rows.runs),
        seeds={str(seed): count for seed, count in seeds.items()},
        complete_seeds=complete,
        default_seeds=complete or most,
        scored=sum(count == images for count in scored.values()),
    )


def _is_trial(fidelity: str) -> bool:
    """Whether a fidelity is a shortened one of the table."""
    try:
        return get_fidelity(fidelity).base != fidelity
    except UnknownNameError:
        return False


def _rank(fidelity: str, resolution: int, channels: int, iterations: int) -> tuple[Any, ...]:
    """Sort key: highest first; within one size, the table's, then others' own, then shortened."""
    shortened = _is_trial(fidelity)
    own = fidelity not in FIDELITIES
    return -resolution, -channels, own, shortened, -iterations if shortened else 0, fidelity


def _default_fidelities(
    records: Mapping[tuple[str, str], TaskRecord], ranks: Mapping[str, tuple[Any, ...]]
) -> dict[str, str]:
    """By task, the highest complete fidelity, else the one whose fullest seed has most runs.

    Shortened fidelities are trials and always come last.
    """
    defaults: dict[str, str] = {}
    for task in TASKS:
        having = {f: r for (f, t), r in records.items() if t == task and r.runs}
        if having:
            defaults[task] = min(
                having,
                key=lambda name: (
                    _is_trial(name),
                    not having[name].complete_seeds,
                    0 if having[name].complete_seeds else -max(having[name].seeds.values()),
                    ranks[name],
                ),
            )
    return defaults
