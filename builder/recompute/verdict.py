"""Compares a run of a dataset with the same run computed again: equal, or how far apart."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.curve_parts import KINDS, part_of
from nasdip_bench.dataset.curves import decode

from ..folder.shard_schema import curve_column
from ..plan.units import RunKey
from ..release.sources.contents import coded
from ..release.sources.summary import find_stops, summarise

EQUAL = "equal"
"""Every kept point is equal and, for a whole run, every column read off the curves."""
ROUNDING = "equal but for rounding"
"""The first iterations agree, and the last differ no more than seeds do."""
WITHIN = "as another seed"
"""Differs no more than seeds do: the most to expect if perturbations are drawn differently."""
BEYOND = "different"
UNJUDGED = "not judged"
"""Drawn differently, and the dataset has too few seeds to tell how much they differ."""

EARLY = 2
"""Iterations before rounding differences grow."""

FAITHFUL_DB = 0.05
"""How much two computations of one run may differ in the first iterations.

Measured on release 0.32.0: of 240 random runs of an AMD processor, trained again on an Intel one,
all came within 0.003 dB; one other run is known at 0.015. Two seeds of an architecture and image
are 0.8 dB apart in the median, and within 0.05 dB in 0.3 % (denoising) and 0.7 % (inpainting)."""

_FEWEST_PAIRS = 30
"""Fewest pairs of seeds needed to judge a spread."""


class Recomputed(NamedTuple):
    """A run of the dataset compared with the same run computed here.

    Attributes:
        row: of reruns.parquet, with the canonical string instead of the row number.
        unlike: why some points may differ; "" if there is no known reason.
        columns: for a whole run, the columns of its row that differ.
        seeds_db: (pair,) the same difference as ``difference_db`` between two seeds, for all pairs
            of runs of the dataset that differ only in the seed.
    """

    row: dict[str, Any]
    unlike: str
    columns: tuple[str, ...]
    seeds_db: NDArray[np.float64]


def compared(
    folder: DatasetFolder,
    row: Mapping[str, Any],
    key: RunKey,
    made: Mapping[str, Any],
    unlike: str,
    same_draws: bool,
) -> Recomputed:
    """Compare a run of runs.parquet with the shard row that a worker computed for it.

    Args:
        folder: the dataset.
        row: of runs.parquet.
        key: of the run, with the dataset's fidelity.
        made: shard row of the same run, possibly shortened.
        unlike: see `Recomputed`.
        same_draws: whether both used a CPU, so that the perturbations are the same.
    """
    part = folder.part("curves", row["fidelity"], row["task"], row["seed"], part_of(row["arch_id"]))
    points = part.iterations - 1
    curves = {name: np.asarray(made[curve_column(name)]) for name in KINDS["curves"]}
    length = len(curves["psnr_smooth"])
    within = int(np.searchsorted(points, length))
    whole = length == row["iterations"]
    kinds = ("psnr", "psnr_smooth")
    theirs = np.stack([part.codes[name][row["curve_row"], :within] for name in kinds])
    ours = np.stack([coded(name, curves[name], points[:within]) for name in kinds])
    apart = decode(ours) - decode(theirs)
    difference, differing = float(apart[1, -1]), int((ours != theirs).sum())
    early_db = float(np.nanmax(np.abs(apart[:, points[:within] < EARLY]), initial=0))
    seeds_db = _between_seeds(folder, row, within - 1)
    summary = _summary(row, made, curves) if whole else {}
    columns = tuple(name for name, value in summary.items() if row[name] != value)

    agrees, enough = early_db <= FAITHFUL_DB, len(seeds_db) >= _FEWEST_PAIRS
    far = enough and not abs(difference) <= np.abs(seeds_db).max()
    if not differing and not columns:
        verdict = EQUAL
    elif made["status"] != "ok" or far or (same_draws and not agrees):
        verdict = BEYOND
    elif agrees:
        verdict = ROUNDING
    else:
        verdict = WITHIN if enough else UNJUDGED

    def less(name: str) -> float | None:
        return None if summary.get(name) is None else summary[name] - row[name]

    again = {
        **key._asdict(),
        **{name: made[name] for name in ("stack", "precision", "device", "torch")},
        "iterations": length,
        "whole": whole,
        "points": ours.size,
        "differing": differing,
        "early_db": early_db,
        "difference_db": difference,
        "best_difference_db": less("best_psnr_smooth_db"),
        "stopped_difference_db": less("stopped_psnr_smooth_db"),
        "verdict": verdict,
    }
    return Recomputed(again, unlike, columns, seeds_db)


def _summary(
    row: Mapping[str, Any], made: Mapping[str, Any], curves: Mapping[str, NDArray[Any]]
) -> dict[str, Any]:
    """The columns of a whole run that are computed from its curves, and its loss."""
    stopped = None
    if made["status"] == "ok":
        _, target = find_stops(row["task"], row["iterations"], row["stop"], [made])
        stopped = int(target[0])
    summary = summarise(curves, made["status"], row["stop"], row["iterations"], stopped)
    return summary | {"loss": made["loss"]}


def _between_seeds(
    folder: DatasetFolder, row: Mapping[str, Any], point: int
) -> NDArray[np.float64]:
    """(pair,) differences of the smoothed PSNR at a point, among the row's task and fidelity."""
    values: dict[tuple[int, str], list[float]] = {}
    part = cache(partial(folder.part, "curves", row["fidelity"], row["task"]))
    for other in folder.table("runs").to_pylist():
        same = (other["task"], other["fidelity"]) == (row["task"], row["fidelity"])
        if same and other["status"] == "ok":
            codes = part(other["seed"], part_of(other["arch_id"])).codes["psnr_smooth"]
            key = (other["arch_id"], other["image"])
            values.setdefault(key, []).append(float(decode(codes[other["curve_row"], point])))
    return np.array([b - a for v in values.values() for a, b in itertools.combinations(v, 2)])
