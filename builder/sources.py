"""What a release is made from, read: build folders, and the dataset folders of earlier releases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nasdip_bench.builder.contents import RUN_COLUMNS, SCORE_COLUMNS, Contents, Part, coded
from nasdip_bench.builder.plan import RunKey, ScoreKey
from nasdip_bench.builder.shard_schema import curve_column
from nasdip_bench.builder.shards import SETTINGS, BuildFolder
from nasdip_bench.builder.summary import summarise
from nasdip_bench.curves import kept_points
from nasdip_bench.dataset import MANIFEST, DatasetFolder
from nasdip_bench.errors import BuildError
from nasdip_bench.fidelity import PROTOCOL_VERSION, Fidelity, get_fidelity
from nasdip_bench.outputs import ABSENT, Output, read_output
from nasdip_bench.problem_rows import task_records
from nasdip_bench.problems import find_problems
from nasdip_bench.schema import arrow_schema
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import get_task

__all__ = ["is_dataset", "read_build", "read_dataset", "read_source"]

_CURVES = {"psnr_db": curve_column("psnr"), "psnr_smooth_db": curve_column("psnr_smooth")}
"""By their name in a release, the columns of shards."""
_IMAGE_FACTS = ("sha256", "height", "width", "channels", "source", "licence", "status")


def is_dataset(path: Path) -> bool:
    """Whether a folder holds a dataset, and not a build.

    Raises:
        BuildError: it holds neither or both, or may not be looked into.
    """
    try:
        found = [name for name in (MANIFEST, SETTINGS) if (path / name).exists()]
    except OSError as error:
        raise BuildError(
            f"{str(path)!r} cannot be read: {error.strerror or error}; see to it that it can, and "
            f"give the command again"
        ) from error
    if len(found) == 2:
        raise BuildError(
            f"{str(path)!r} holds a dataset and a build, {MANIFEST} and {SETTINGS}: move one of "
            f"the two into a folder of its own"
        )
    if not found:
        raise BuildError(
            f"{str(path)!r} is no build folder and no dataset: there is neither {SETTINGS} nor "
            f"{MANIFEST}; name the folder that 'nasdip-build --out' or a release wrote"
        )
    return found[0] == MANIFEST


def read_source(path: Path) -> Contents:
    """The contents of a build folder or of a dataset.

    Raises:
        BuildError: it is neither, or cannot be released as it is.
        DatasetError: a dataset that this version cannot read.
    """
    return read_dataset(path) if is_dataset(path) else read_build(path)


# A build folder


def read_build(path: Path) -> Contents:
    """What is finished in a build folder.

    Of a run or score that was finished twice the first whole shard by name counts; a failed run
    counts only where no other try succeeded. Shards are read one at a time, and of their curves
    the points that a dataset keeps.

    Raises:
        BuildError: no build folder, a damaged shard, or one of an architecture it does not list.
    """
    folder = BuildFolder(path)
    folder.settings()
    runs, scores = _finished_runs(folder), _finished_scores(folder)
    # After the shards: what another builder adds meanwhile is noted here before it is built.
    settings, architectures = folder.settings(), tuple(folder.architectures())
    named = {row["architecture"] for rows in runs.values() for row in rows.rows}
    named |= set(scores["architecture"].unique().to_pylist())
    if unlisted := named - {*map(str, architectures)}:
        raise BuildError(
            f"there are runs or scores of {min(unlisted)}, which architectures.csv does not list: "
            f"give the build command again, which adds it, and then release"
        )
    if folder.damaged:
        raise BuildError(
            f"shard {folder.damaged[0]} is damaged ({len(folder.damaged)} in all): give the build "
            f"command again, which rebuilds it, and then release"
        )
    scored = scores.select(["fidelity", "task"]).group_by(["fidelity", "task"]).aggregate([])
    keys = dict.fromkeys([*runs, *((row["fidelity"], row["task"]) for row in scored.to_pylist())])
    devices = {row["device"] for rows in runs.values() for row in rows.rows}
    return Contents(
        protocol_version=settings.get("protocol_version", PROTOCOL_VERSION),
        image_set=settings["image_set"],
        images=settings["images"],
        architectures=architectures,
        parts={(f, t): _build_part(f, t, runs.get((f, t)), scores) for f, t in keys},
        device_types=dict.fromkeys(devices, settings["device_type"])
        if "device_type" in settings
        else {},
    )


@dataclass
class _Runs:
    """The runs of a part in the order they are met, with kept points of curves, and outputs."""

    stop: int
    points: NDArray[np.int32]
    rows: list[dict[str, Any]] = field(default_factory=list)
    curves: dict[str, list[NDArray[np.uint16]]] = field(
        default_factory=lambda: {name: [] for name in _CURVES}
    )
    outputs: list[Output | None] = field(default_factory=list)
    places: dict[RunKey, int] = field(default_factory=dict)

    def add(
        self, row: dict[str, Any], curves: dict[str, NDArray[np.float32]], output: Output | None
    ) -> None:
        """Add a run, unless it is there already; in the place of a failed try if it is one."""
        key = RunKey(*(row[name] for name in RunKey._fields))
        place = self.places.setdefault(key, len(self.rows))
        if place == len(self.rows):
            self.rows.append({})
            self.outputs.append(None)
            for kept in self.curves.values():
                kept.append(np.empty(0, np.uint16))
        elif self.rows[place]["status"] != "failed" or row["status"] == "failed":
            return
        self.outputs[place] = output
        raw, smooth = (curves[name] for name in _CURVES)
        self.rows[place] = row | summarise(raw, smooth, row["status"], self.stop, row["iterations"])
        for name, kept in self.curves.items():
            kept[place] = coded(curves[name], self.points)


def _finished_runs(folder: BuildFolder) -> dict[tuple[str, str], _Runs]:
    parts: dict[tuple[str, str], _Runs] = {}
    for table in folder.read("runs", set_aside=False):
        for row, curves, output in _rows(table):
            key = (row["fidelity"], row["task"])
            if key not in parts:
                _, iterations, stop = _budget(*key)
                parts[key] = _Runs(stop, kept_points(iterations, stop))
            parts[key].add(row, curves, output)
    return parts


def _rows(
    table: pa.Table,
) -> Iterator[tuple[dict[str, Any], dict[str, NDArray[np.float32]], Output | None]]:
    """Runs as dictionaries, their full curves, and their outputs."""
    lists = [name for name in table.column_names if pa.types.is_list(table[name].type)]
    rows = table.drop_columns(lists).to_pylist()
    for row, *curves in zip(rows, *(table[name] for name in _CURVES.values()), strict=True):
        pixels = row.pop("restoration")
        side = get_fidelity(row["fidelity"]).resolution
        yield (
            row,
            {n: c.values.to_numpy() for n, c in zip(_CURVES, curves, strict=True)},
            None
            if pixels is None
            else Output.of_image(
                np.frombuffer(pixels, "<u2").reshape(-1, side, side) / np.float32(65535),
                row["stop"],
            ),
        )


def _finished_scores(folder: BuildFolder) -> pa.Table:
    """A row a score, of those that see a corruption of the lowest seed."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for table in folder.read("scores", set_aside=False):
        for row in table.to_pylist():
            key = (*(row[name] for name in ScoreKey._fields), row["proxy"], row["reference"])
            rows.setdefault(key, row)
    seeds = [row["seed"] for row in rows.values() if row["seed"] is not None]
    kept = [row for row in rows.values() if row["seed"] in (None, min(seeds, default=0))]
    summarised = [
        {**row, **_mean_and_std(row["values"]), "inits": len(row["values"])} for row in kept
    ]
    schema = arrow_schema(SCORE_COLUMNS)
    return pa.Table.from_pylist(
        [{name: row[name] for name in schema.names} for row in summarised], schema=schema
    )


def _mean_and_std(values: list[float]) -> dict[str, float | None]:
    """Of a score over the initialisations; none of it where one of them has no finite value."""
    if not np.isfinite(values).all():
        return {"value": None, "std": None}
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"value": float(np.mean(values)), "std": std}


def _budget(fidelity: str, task: str) -> tuple[Fidelity, int, int]:
    found, kind = get_fidelity(fidelity), get_task(task).kind
    return found, found.iterations_for(kind), found.stop[kind]


def _build_part(fidelity: str, task: str, runs: _Runs | None, scores: pa.Table) -> Part:
    found, iterations, stop = _budget(fidelity, task)
    rows, curves = ([], {}) if runs is None else (runs.rows, runs.curves)
    part = Part.of_rows(
        resolution=found.resolution,
        channels=found.channels,
        iterations=iterations,
        stop=stop,
        runs=rows,
        psnr=curves.get("psnr_db", ()),
        psnr_smooth=curves.get("psnr_smooth_db", ()),
        scores=(),
    )
    outputs = () if runs is None or not any(runs.outputs) else tuple(runs.outputs)
    return replace(part, scores=_of_part(scores, fidelity, task), outputs=outputs)


def _of_part(table: pa.Table, fidelity: str, task: str) -> pa.Table:
    return table.filter(
        pc.and_(pc.equal(table["fidelity"], fidelity), pc.equal(table["task"], task))
    )


# A dataset folder


def read_dataset(path: Path) -> Contents:
    """What a dataset holds; its numbers and the codes of its curves as they are.

    Raises:
        DatasetError: there is none that this version can read.
        BuildError: it does not verify.
    """
    folder = DatasetFolder(path)
    if problems := find_problems(path):
        raise BuildError(
            f"the dataset in {str(path)!r} does not verify ({problems[0]}): restore it, or leave "
            f"it out"
        )
    manifest = folder.manifest
    names = folder.table("architectures")["architecture"]
    tables = {
        name: _with_architecture(folder.table(name), names, arrow_schema(columns))
        for name, columns in (("runs", RUN_COLUMNS), ("scores", SCORE_COLUMNS))
    }
    parts = {}
    for fidelity, task, record in task_records(manifest):
        get_task(task)  # or an error that says which tasks there are
        mine = _of_part(folder.table("runs"), fidelity, task)["curve_row"].to_numpy()
        nothing = np.empty((0, len(kept_points(record.iterations, record.stop))), np.uint16)
        psnr, psnr_smooth = nothing, nothing
        if len(mine):
            with folder.curves(fidelity, task) as file:
                psnr, psnr_smooth = file["psnr"][:][mine], file["psnr_smooth"][:][mine]
        runs = _of_part(tables["runs"], fidelity, task)
        facts = manifest.fidelities[fidelity]
        parts[fidelity, task] = Part(
            resolution=facts["resolution"],
            channels=facts["channels"],
            iterations=record.iterations,
            stop=record.stop,
            runs=runs,
            psnr=psnr,
            psnr_smooth=psnr_smooth,
            scores=_of_part(tables["scores"], fidelity, task),
            outputs=_dataset_outputs(folder, fidelity, task, runs["image"].to_pylist(), mine),
        )
    released = f"{manifest.name} {manifest.version}, released {manifest.created}"
    return Contents(
        protocol_version=manifest.protocol_version,
        image_set=manifest.image_set,
        images={
            row["name"]: {fact: row[fact] for fact in _IMAGE_FACTS}
            for row in folder.table("images").to_pylist()
        },
        architectures=tuple(map(Architecture.parse, names.to_pylist())),
        parts=parts,
        device_types=manifest.device_types,
        sources=(*manifest.sources, released),
    )


def _dataset_outputs(
    folder: DatasetFolder,
    fidelity: str,
    task: str,
    images: list[str],
    rows: NDArray[np.int32],
) -> tuple[Output | None, ...]:
    """The outputs of runs, whose images and rows are given."""
    if not folder.has_outputs(fidelity, task):
        return ()
    table = folder.table("images")
    channels = dict(zip(*(table[name].to_pylist() for name in ("name", "channels")), strict=True))
    with folder.outputs(fidelity, task) as file:
        iterations = file["iteration"][:]
        return tuple(
            None
            if iterations[row] == ABSENT
            else Output.of_pixels(read_output(file, row, channels[image]), int(iterations[row]))
            for image, row in zip(images, rows.tolist(), strict=True)
        )


def _with_architecture(table: pa.Table, names: pa.ChunkedArray, schema: pa.Schema) -> pa.Table:
    whole = table.append_column("architecture", names.take(table["arch_id"]))
    return whole.select(schema.names).cast(schema)
