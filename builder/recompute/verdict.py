"""Compares a run of a dataset with the same run computed again: equal, or how far apart."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.curve_parts import KINDS, part_of
from nasdip_bench.dataset.curves import decode

from ..folder.shard_schema import curve_column
from ..plan.units import RunKey
from ..release.sources.contents import RERUN_COLUMNS, coded
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

FAITHFUL_DB = 0.01
"""How much two computations of one run may differ in the first iterations.

Measured on other processors: 0.001 dB. Another seed is 0.6 dB away (median of release 0.2.0)."""

_FEWEST_PAIRS = 30
"""Fewest pairs of seeds needed to judge a spread."""


@dataclass(frozen=True, kw_only=True)
class Recomputed:
    """A run of the dataset compared with the same run computed here.

    Attributes:
        key: of the run, with the dataset's fidelity.
        unlike: why some points may differ; "" if there is no known reason.
        spread_db: root mean square of `difference_db` between two seeds of the dataset; NaN if no
            run has two.
        pairs: number of pairs of runs with different seeds behind `spread_db`.
        columns: for a whole run, the columns of its row that differ.

    The others are columns of reruns.parquet (`nasdip_bench.dataset.schema`).
    """

    key: RunKey
    stack: int
    precision: str
    device: str
    torch: str
    iterations: int
    whole: bool
    unlike: str
    points: int
    differing: int
    early_db: float
    difference_db: float
    best_difference_db: float | None
    stopped_difference_db: float | None
    spread_db: float
    pairs: int
    columns: tuple[str, ...]
    verdict: str

    def row(self) -> dict[str, Any]:
        """A row of reruns.parquet, with the canonical string instead of the row number."""
        key = self.key._asdict()
        names = (column.name for column in RERUN_COLUMNS)
        return {name: key[name] if name in key else getattr(self, name) for name in names}


def compared(
    folder: DatasetFolder,
    row: Mapping[str, Any],
    names: Sequence[str],
    made: Mapping[str, Any],
    stack: int,
    unlike: str,
    same_draws: bool,
) -> Recomputed:
    """Compare a run of runs.parquet with the shard row that a worker computed for it.

    Args:
        folder: the dataset.
        row: of runs.parquet.
        names: canonical strings of the architectures, by row.
        made: shard row of the same run, possibly shortened.
        stack: how many runs were trained as one.
        unlike: see `Recomputed`.
        same_draws: whether both used a CPU, so that the perturbations are the same.
    """
    where = (row["fidelity"], row["task"], row["seed"], part_of(row["arch_id"]))
    part = folder.part("curves", *where)
    points = part.iterations - 1
    curves = {name: np.asarray(made[curve_column(name)]) for name in KINDS["curves"]}
    length = len(curves["psnr_smooth"])
    within = int(np.searchsorted(points, length))
    whole = length == row["iterations"]
    kinds = ("psnr", "psnr_smooth")
    theirs = np.stack([part.codes[name][row["curve_row"], :within] for name in kinds])
    ours = np.stack([coded(name, curves[name], points[:within]) for name in kinds])
    apart = decode(ours) - decode(theirs)
    early = np.abs(apart[:, points[:within] < EARLY])
    between = _between_seeds(folder, row, within - 1)
    columns: tuple[str, ...] = ()
    less: dict[str, float] = {}
    if whole:
        stopped = None
        if made["status"] == "ok":
            found = find_stops(row["task"], row["iterations"], row["stop"], [made])
            stopped = int(found.target[0])
        summary = summarise(curves, made["status"], row["stop"], row["iterations"], stopped)
        summary["loss"] = made["loss"]
        columns = tuple(name for name, value in summary.items() if row[name] != value)
        for name in ("best_psnr_smooth_db", "stopped_psnr_smooth_db"):
            if summary[name] is not None:
                less[name] = summary[name] - row[name]
    difference, early_db = float(apart[1, -1]), float(np.nanmax(early, initial=0))
    differing = int((ours != theirs).sum())
    agrees = early_db <= FAITHFUL_DB
    far = len(between) >= _FEWEST_PAIRS and not abs(difference) <= np.abs(between).max()
    if not differing and not columns:
        verdict = EQUAL
    elif made["status"] != "ok" or far or (same_draws and not agrees):
        verdict = BEYOND
    elif agrees:
        verdict = ROUNDING
    else:
        verdict = WITHIN if len(between) >= _FEWEST_PAIRS else UNJUDGED
    return Recomputed(
        key=RunKey(names[row["arch_id"]], row["image"], row["task"], row["fidelity"], row["seed"]),
        stack=stack,
        precision=made["precision"],
        device=made["device"],
        torch=made["torch"],
        iterations=length,
        whole=whole,
        unlike=unlike,
        points=ours.size,
        differing=differing,
        early_db=early_db,
        difference_db=difference,
        best_difference_db=less.get("best_psnr_smooth_db"),
        stopped_difference_db=less.get("stopped_psnr_smooth_db"),
        spread_db=float(np.sqrt(np.mean(between**2))) if len(between) else float("nan"),
        pairs=len(between),
        columns=columns,
        verdict=verdict,
    )


def _between_seeds(
    folder: DatasetFolder, row: Mapping[str, Any], point: int
) -> NDArray[np.float64]:
    """(pair,) differences in dB of the smoothed PSNR at a point, between all runs of the row's task
    and fidelity that differ only in the seed."""
    values: dict[tuple[int, str], list[float]] = {}
    part = cache(partial(folder.part, "curves", row["fidelity"], row["task"]))
    for other in folder.table("runs").to_pylist():
        same = (other["task"], other["fidelity"]) == (row["task"], row["fidelity"])
        if same and other["status"] == "ok":
            codes = part(other["seed"], part_of(other["arch_id"])).codes["psnr_smooth"]
            key = (other["arch_id"], other["image"])
            values.setdefault(key, []).append(float(decode(codes[other["curve_row"], point])))
    return np.array([b - a for v in values.values() for a, b in itertools.combinations(v, 2)])
