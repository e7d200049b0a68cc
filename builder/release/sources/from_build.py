"""Reads the finished work of a build folder as contents of a release."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.curves import kept_points
from nasdip_bench.dataset.stop_parts import StopPart, stacked_stops
from nasdip_bench.errors import BuildError
from nasdip_bench.fidelity import Fidelity, get_fidelity
from nasdip_bench.observables import CURVES
from nasdip_bench.tasks import get_task

from ...folder.build_folder import BuildFolder
from ...folder.shard_schema import curve_column
from ...plan.units import RunKey, ScoreKey
from .contents import (
    CORRUPTION_COLUMNS,
    RUN_COLUMNS,
    SCORE_COLUMNS,
    Contents,
    TaskContents,
    coded,
    padded,
    stacked_codes,
    table_of,
)
from .summary import find_stops, summarise

_AT_ONCE = 500
"""Runs whose whole curves are held at once: about 40 MB at a budget of 1000."""


def read_build(path: Path) -> Contents:
    """Read the finished work of a build folder.

    If a run or score was finished twice, the first whole shard by name counts; a failed run counts
    only if no other try succeeded. Shards are read one at a time, keeping only the curve points
    that a dataset keeps.

    Raises:
        BuildError: no build folder, a damaged shard, or a shard of an unlisted architecture.
    """
    folder = BuildFolder(path)
    folder.settings()
    runs, scores = _finished_runs(folder), _finished_scores(folder)
    # Read after the shards: another builder lists its architectures here before it builds them.
    settings, architectures = folder.settings(), tuple(folder.architectures())
    named = {row["architecture"] for rows in runs.values() for row in rows.rows}
    named |= {row["architecture"] for row in scores}
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
    keys = dict.fromkeys([*runs, *((row["fidelity"], row["task"]) for row in scores)])
    devices = {row["device"] for rows in runs.values() for row in rows.rows}
    return Contents(
        protocol_version=settings["protocol_version"],
        image_set=settings["image_set"],
        images=settings["images"],
        architectures=architectures,
        parts={(f, t): _build_part(f, t, runs.get((f, t)), scores) for f, t in keys},
        device_types=dict.fromkeys(devices, settings["device_type"]),
    )


@dataclass
class _Runs:
    """The runs of a part in the order read, with the kept points of their curves.

    Stopping rules are evaluated on many runs at once; `finish` completes the last batch.
    """

    task: str
    iterations: int
    stop: int
    points: NDArray[np.int32]
    rows: list[dict[str, Any]] = field(default_factory=list)
    codes: dict[str, list[NDArray[np.uint16]]] = field(
        default_factory=lambda: {name: [] for name in CURVES}
    )
    restorations: list[NDArray[np.uint16] | None] = field(default_factory=list)
    places: dict[RunKey, int] = field(default_factory=dict)
    found: list[tuple[NDArray[np.intp], StopPart]] = field(default_factory=list)
    waiting: dict[int, dict[str, Any]] = field(default_factory=dict)

    def add(self, row: dict[str, Any], curves: dict[str, NDArray[np.float32]]) -> None:
        """Add a run, unless it is already there; it replaces a failed try of the same run."""
        key = RunKey(*(row[name] for name in RunKey._fields))
        place = self.places.setdefault(key, len(self.rows))
        if place == len(self.rows):
            self.rows.append({})
            self.restorations.append(None)
            for kept in self.codes.values():
                kept.append(np.empty(0, np.uint16))
        elif self.rows[place]["status"] != "failed" or row["status"] == "failed":
            return
        self.restorations[place] = _restoration(row, self.stop)
        self.rows[place] = row
        for name, kept in self.codes.items():
            kept[place] = coded(name, curves[name], self.points)
        self.waiting[place] = row | {curve_column(name): curve for name, curve in curves.items()}
        if len(self.waiting) == _AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Evaluate the whole curves still held, and release them."""
        ok = [place for place, row in self.waiting.items() if row["status"] == "ok"]
        targets: dict[int, int] = {}
        if ok:
            rows = [self.waiting[place] for place in ok]
            part, target = find_stops(self.task, self.iterations, self.stop, rows)
            targets = dict(zip(ok, target.tolist(), strict=True))
            self.found.append((np.array(ok), part))
        for place, row in self.waiting.items():
            curves = {name: row[curve_column(name)] for name in CURVES}
            self.rows[place] |= summarise(
                curves, row["status"], self.stop, row["iterations"], targets.get(place)
            )
        self.waiting.clear()

    def stops(self) -> StopPart:
        """Where rules stop the runs."""
        return stacked_stops(len(self.rows), self.found)

    def corruptions(self) -> list[dict[str, Any]]:
        """One row per image and seed."""
        rows = {(row["image"], row["seed"]): row for row in self.rows}
        names = {"psnr_db": "psnr_corrupted_db", "ssim": "ssim_corrupted"}
        return [row | {to: row[of] for to, of in names.items()} for row in rows.values()]


def _restoration(row: dict[str, Any], stop: int) -> NDArray[np.uint16] | None:
    """The restoration of a run, unless its iteration differs from that of ``final_*``."""
    if row["restoration"] is None or row["stop"] != stop:
        return None
    side = get_fidelity(row["fidelity"]).resolution
    return np.frombuffer(row["restoration"], "<u2").reshape(-1, side, side)


def _finished_runs(folder: BuildFolder) -> dict[tuple[str, str], _Runs]:
    parts: dict[tuple[str, str], _Runs] = {}
    columns = {name: curve_column(name) for name in CURVES}
    for table in folder.read("runs"):
        curves = [table[column] for column in columns.values()]
        rows = table.drop_columns(list(columns.values())).to_pylist()
        for row, *of_row in zip(rows, *curves, strict=True):
            key = (row["fidelity"], row["task"])
            if key not in parts:
                parts[key] = _runs(*key)
            found = zip(columns, of_row, strict=True)
            parts[key].add(row, {name: curve.values.to_numpy() for name, curve in found})
    for runs in parts.values():
        runs.finish()
    return parts


def _runs(fidelity: str, task: str) -> _Runs:
    _, iterations, stop = _budget(fidelity, task)
    return _Runs(task, iterations, stop, kept_points(iterations, stop))


def _finished_scores(folder: BuildFolder) -> list[dict[str, Any]]:
    """One row per score, each once, with its single values."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for table in folder.read("scores"):
        for row in table.to_pylist():
            key = (*(row[name] for name in ScoreKey._fields), row["proxy"], row["reference"])
            rows.setdefault(key, row)
    return [
        row | {"value": _mean(row["values"]), "inits": len(row["values"])} for row in rows.values()
    ]


def _mean(values: list[float]) -> float | None:
    """Mean of a score over the initialisations; None if any value is not finite."""
    return float(np.mean(values)) if np.isfinite(values).all() else None


def _budget(fidelity: str, task: str) -> tuple[Fidelity, int, int]:
    found, kind = get_fidelity(fidelity), get_task(task).kind
    return found, found.iterations_for(kind), found.stop[kind]


def _build_part(
    fidelity: str, task: str, runs: _Runs | None, scores: list[dict[str, Any]]
) -> TaskContents:
    found, iterations, stop = _budget(fidelity, task)
    runs = runs or _runs(fidelity, task)
    mine = [row for row in scores if (row["fidelity"], row["task"]) == (fidelity, task)]
    return TaskContents(
        resolution=found.resolution,
        channels=found.channels,
        iterations=iterations,
        stop=stop,
        runs=table_of(runs.rows, RUN_COLUMNS),
        codes=stacked_codes(runs.codes, runs.points),
        scores=table_of(mine, SCORE_COLUMNS),
        score_values=padded([row["values"] for row in mine]),
        corruptions=table_of(runs.corruptions(), CORRUPTION_COLUMNS),
        restorations=tuple(runs.restorations),
        stops=runs.stops(),
    )
