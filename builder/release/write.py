"""Contents as the files of a dataset folder: tables, curves, distances, Croissant, manifest."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nasdip_bench._version import __version__
from nasdip_bench.dataset import MANIFEST, FileRecord, Manifest, TaskRecord
from nasdip_bench.dataset.croissant import CROISSANT, Publication, croissant_json, published
from nasdip_bench.dataset.curve_parts import KINDS, CurvePart, part_bytes, part_of
from nasdip_bench.dataset.distances import distances_bytes
from nasdip_bench.dataset.manifest import SCORE_VALUES, distance_path, manifest_fields, part_path
from nasdip_bench.dataset.schema import KEYS, RELEASE_TABLES, SCHEMA_VERSION, arrow_schema
from nasdip_bench.dataset.score_values import score_values_bytes
from nasdip_bench.dataset.stop_parts import stops_bytes, stops_table
from nasdip_bench.errors import BuildError, UnknownNameError
from nasdip_bench.fidelity import FIDELITIES, get_fidelity
from nasdip_bench.images import NASDIP_IMAGES, RELEASED_SET, image_names
from nasdip_bench.proxies import image_scores, network_scores
from nasdip_bench.space.cost import architecture_facts
from nasdip_bench.storage.files import parquet_bytes
from nasdip_bench.tasks import TASKS
from nasdip_bench.verify.tables import find_problems

from .contents import Contents, Part
from .distances import distances_of
from .losses import refuse_losses, refuse_lost_distances
from .merge import stacked_values
from .swap import replacing

__all__ = ["UNNUMBERED", "publish", "write"]

UNNUMBERED = "0"
"""The version of a release that has been given none; any number of them have it."""


def publish(
    read: Callable[[], Contents],
    out: Path,
    *,
    name: str | None = None,
    version: str | None = None,
    new_name: str = "nasdip-bench",
    publication: Mapping[str, str] = MappingProxyType({}),
    replace_all: bool = False,
) -> Manifest:
    """Write contents as a dataset that takes the place of ``out`` once it verifies.

    Files in ``out`` that belong to no dataset, such as a README, are kept. A version stands for
    files: one that the old dataset has is not given to others.

    Args:
        read: gives the contents; called when no other release can change ``out`` any more, which
            may thus be one of the things it reads.
        out: the dataset folder to create or replace.
        name: of the release; None for that of the dataset in ``out``, else ``new_name``.
        version: of the release; None for that of the dataset in ``out``, else `UNNUMBERED`.
        new_name: see ``name``.
        publication: fields of `nasdip_bench.dataset.croissant.Publication`; of the others, those of
            the dataset in ``out``, else the project's.
        replace_all: also where ``out`` is a dataset with results that the contents lack.

    Raises:
        ConfigError: what cannot be published.
        BuildError: ``out`` holds something else, would lose results or its version, or cannot be
            written, or the result does not verify.
    """
    Publication(**publication)  # refuses what it must before any work
    target = out.resolve()
    try:
        with replacing(target) as fresh:
            contents = read()
            if not replace_all:
                refuse_losses(target, contents)
            old = manifest_fields(target) if (target / MANIFEST).exists() else {}
            described = target / CROISSANT
            text = described.read_text("utf-8", "replace") if described.exists() else ""
            manifest = write(
                contents,
                fresh,
                name=name or str(old.get("name", new_name)),
                version=version or str(old.get("version", UNNUMBERED)),
                publication=replace(published(text), **publication),
            )
            if not replace_all:
                refuse_lost_distances(target, fresh)
            if old:
                _refuse_reused_version(old, manifest, target)
            return manifest
    except OSError as error:
        raise BuildError(
            f"cannot write the dataset folder {str(out)!r}: {error.strerror or error}; make room, "
            f"or name another with --out"
        ) from error


def _refuse_reused_version(old: Mapping[str, Any], new: Manifest, out: Path) -> None:
    """Refuse the version of a dataset for files that are not its own; who publishes may differ."""
    version = new.version
    if version == UNNUMBERED or version != old.get("version"):
        return
    before, after = (
        {path: facts["sha256"] for path, facts in files.items() if path != CROISSANT}
        for files in (old["files"], asdict(new)["files"])
    )
    if before != after:
        raise BuildError(
            f"the dataset in {str(out)!r} is version {version!r}, and the new one has other files: "
            f"give it a version of its own with --release-version, such as "
            f"'{version}{'.2' if '+' in version else '+local'}'"
        )


def write(
    contents: Contents, fresh: Path, *, name: str, version: str, publication: Publication
) -> Manifest:
    """Write contents into an empty folder, and verify what was written.

    Raises:
        BuildError: it does not verify.
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
        rows = _rows(part, contents, images)
        files = _part_files(part, rows, fidelity, task)
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

    tables["reruns"] = [_rerun_table(contents, images, order)]
    tables["architectures"] = [_architecture_table(contents)]
    tables["images"] = [_image_table(contents, images)]
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
        software={
            "nasdip-bench": __version__,
            "python": platform.python_version(),
            **{lib: installed_version(lib) for lib in ("torch", "numpy", "pyarrow", "h5py")},
        },
        devices=devices,
        device_types={d: t for d, t in sorted(contents.device_types.items()) if d in devices},
        sources=list(contents.sources),
        files={
            path.relative_to(fresh).as_posix(): FileRecord.of(path.read_bytes())
            for path in sorted(fresh.rglob("*"))
            if path.is_file()
        },
    )
    # It describes the files before it and is itself a file of the manifest: in this order.
    (fresh / CROISSANT).write_text(croissant_json(manifest, publication), encoding="utf-8")
    described = {CROISSANT: FileRecord.of((fresh / CROISSANT).read_bytes())}
    manifest = replace(manifest, files=manifest.files | described)
    (fresh / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    problems = find_problems(fresh)
    if problems:
        raise BuildError(f"the release does not verify: {problems[0]}")
    return manifest


def _image_order(contents: Contents) -> list[str]:
    if contents.image_set == "user":
        return sorted(contents.images)
    if contents.image_set == RELEASED_SET:
        ours = [name for name in NASDIP_IMAGES if name in contents.images]
        return [*ours, *sorted(contents.images.keys() - {*ours})]
    return sorted(contents.images, key=image_names(contents.image_set).index)


# Tables


@dataclass(frozen=True)
class _Rows:
    """The rows of a part as they stand in the dataset, and where in the part they stood."""

    runs: pa.Table
    run_order: NDArray[np.int64]
    scores: pa.Table
    score_order: NDArray[np.int64]
    corruptions: pa.Table


def _rows(part: Part, contents: Contents, images: Sequence[str]) -> _Rows:
    runs, ids, places = _placed(part.runs, contents, images)
    seeds = runs["seed"].to_numpy()
    order = _sorted_by(seeds, ids, places)
    runs = runs.take(order)
    # Rows count anew in each file: of a seed, and of a part of the architectures.
    files = list(zip(seeds[order].tolist(), part_of(ids[order]).tolist(), strict=True))
    first = {file: row for row, file in reversed([*enumerate(files)])}
    within = np.array([row - first[file] for row, file in enumerate(files)], np.int32)
    runs = runs.append_column("curve_row", pa.array(within))
    # A score's values below each other: the names in the columns before them hardly change from row
    # to row, which makes the file a tenth smaller, and faster to read.
    scores, ids, places = _placed(part.scores, contents, images)
    corruption = scores["seed"].fill_null(-1).to_numpy()
    score_order = _sorted_by(_score_positions(scores), corruption, places, ids)
    scores = scores.take(score_order)
    corruptions = part.corruptions
    places = _positions(corruptions["image"], images)
    corruptions = corruptions.take(_sorted_by(corruptions["seed"].to_numpy(), places))
    return _Rows(
        _as_schema("runs", runs),
        order,
        _as_schema("scores", scores),
        score_order,
        _as_schema("corruptions", corruptions),
    )


def _part_files(part: Part, rows: _Rows, fidelity: str, task: str) -> dict[str, bytes]:
    """The files of curves, observables and stops, by path."""
    files: dict[str, bytes] = {}
    seeds = rows.runs["seed"].to_numpy()
    numbers = part_of(rows.runs["arch_id"].to_numpy())
    for seed, number in sorted({*zip(seeds.tolist(), numbers.tolist(), strict=True)}):
        mine = rows.run_order[(seeds == seed) & (numbers == number)]
        for kind, names in KINDS.items():
            codes = {name: part.codes[name][mine] for name in names if name in part.codes}
            if codes:
                path = part_path(kind, fidelity, task, seed, number)
                levels = part.stops.crossings[mine] if "loss_smooth" in codes else None
                files[path] = part_bytes(CurvePart(part.points + 1, codes, levels))
        stops = part.stops.take(mine)
        if stops.rules:
            keys = rows.runs.filter(pa.array((seeds == seed) & (numbers == number)))
            files[part_path("stops", fidelity, task, seed, number)] = stops_bytes(
                stops_table(stops, keys)
            )
    return files


def _placed(
    table: pa.Table, contents: Contents, images: Sequence[str]
) -> tuple[pa.Table, NDArray[np.int32], NDArray[np.int32]]:
    """A table with arch_id; that column; and (row,) where each row's image stands among all."""
    ids = _positions(table["architecture"], [str(arch) for arch in contents.architectures])
    return table.append_column("arch_id", pa.array(ids)), ids, _positions(table["image"], images)


def _sorted_by(*keys: NDArray[Any]) -> NDArray[np.int64]:
    """The order of rows by their keys, the first above all."""
    return np.lexsort(keys[::-1])


def _score_positions(scores: pa.Table) -> NDArray[np.int32]:
    """(row,) where each score stands among all: those of the registry in its order, then others."""
    registered = [*image_scores(), *network_scores()]
    proxies = sorted(
        scores["proxy"].unique().to_pylist(),
        key=lambda name: (registered.index(name) if name in registered else len(registered), name),
    )
    references = sorted(scores["reference"].unique().to_pylist())
    place = _positions(scores["proxy"], proxies)
    return place * len(references) + _positions(scores["reference"], references)


def _positions(column: pa.ChunkedArray, names: Sequence[str]) -> NDArray[np.int32]:
    found = pc.index_in(column, value_set=pa.array(names, pa.string()))
    return found.to_numpy()  # type: ignore[no-any-return]


def _as_schema(name: str, table: pa.Table) -> pa.Table:
    schema = arrow_schema(RELEASE_TABLES[name])
    return table.select(schema.names).cast(schema)


def _architecture_table(contents: Contents) -> pa.Table:
    facts = enumerate(map(architecture_facts, contents.architectures))
    return _table_of("architectures", ({"arch_id": number, **row} for number, row in facts))


def _rerun_table(
    contents: Contents, images: Sequence[str], parts: Sequence[tuple[str, str]]
) -> pa.Table:
    """Those of the runs there are, in the order of the runs."""
    placed, ids, places = _placed(contents.reruns, contents, images)
    known = {key for part in contents.parts.values() for key in _run_keys(part.runs)}
    there = [row for row, key in enumerate(_run_keys(placed)) if key in known]
    pairs = zip(placed["fidelity"].to_pylist(), placed["task"].to_pylist(), strict=True)
    of_part = np.array([[*parts, pair].index(pair) for pair in pairs], np.int64)
    order = _sorted_by(of_part, placed["seed"].to_numpy(), ids, places)
    return _as_schema("reruns", placed.take(order[np.isin(order, there)]))


def _run_keys(table: pa.Table) -> list[tuple[Any, ...]]:
    names = ("architecture", *KEYS["runs"][1:])
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _image_table(contents: Contents, images: Iterable[str]) -> pa.Table:
    given = {"image_set": contents.image_set}
    return _table_of("images", ({"name": i, **given, **contents.images[i]} for i in images))


def _table_of(name: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(RELEASE_TABLES[name]))


# Manifest


def _task_record(part: Part, rows: _Rows, architectures: int, images: int) -> TaskRecord:
    tried = rows.runs["seed"].to_pylist()
    seeds = dict(sorted(Counter(tried).items()))
    # A failed run is one that is still to be done.
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
    """Whether it is a shortened one of the table."""
    try:
        return get_fidelity(fidelity).base != fidelity
    except UnknownNameError:
        return False


def _rank(fidelity: str, resolution: int, channels: int, iterations: int) -> tuple[Any, ...]:
    """Highest first; of one size those of the table, then others' own, then the shortened."""
    shortened = _is_trial(fidelity)
    own = fidelity not in FIDELITIES
    return -resolution, -channels, own, shortened, -iterations if shortened else 0, fidelity


def _default_fidelities(
    records: Mapping[tuple[str, str], TaskRecord], ranks: Mapping[str, tuple[Any, ...]]
) -> dict[str, str]:
    """By task the highest complete fidelity, else the one whose fullest seed has most runs.

    Shortened fidelities, which are trials, come last whatever they hold.
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
