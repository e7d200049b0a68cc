"""Summarises a run's whole curves: where rules stop it, and the columns of runs.parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.stop_parts import StopPart, crossings
from nasdip_bench.observables import SSIM
from nasdip_bench.stopping import Fits, follow, recorded_rules, target_rule
from nasdip_bench.tasks import Denoise, get_task

from ...folder.shard_schema import curve_column

_END = 0.98
"""A best value after this fraction of the budget counts as being at its end."""

_BEST_ITERATIONS = {"psnr": "best_raw_iteration", "psnr_smooth": "best_iteration"}
_SUFFIXES = {"psnr": "psnr_db", "psnr_smooth": "psnr_smooth_db", SSIM: SSIM}
"""Suffix of the columns, by curve."""
_ENDS = {
    "psnr": ("final", "last", "best"),
    "psnr_smooth": ("final", "last", "best", "stopped"),
    SSIM: ("final", "last", "best", "stopped"),
}
"""Prefixes of the columns, by curve."""


def at_end(best_iteration: int, budget: int) -> bool:
    """Whether the best is so near the end of the budget that a longer run might beat it."""
    return best_iteration > _END * budget


def summarise(
    curves: Mapping[str, NDArray[np.floating]],
    status: str,
    stop: int,
    budget: int,
    stopped: int | None,
) -> dict[str, Any]:
    """Final, last and best values of a run.

    A run that is not "ok" has none of them: nobody can use the best before a divergence.

    Args:
        curves: psnr, psnr_smooth and ssim_smooth, each (T,), point i before update i; others' runs
            may end before the budget, or lack SSIM.
        status: of the run.
        stop: the iteration of ``final_*``, 1..budget; a run that ended earlier has no ``final_*``.
        budget: requested iterations.
        stopped: the iteration that `nasdip_bench.stopping.target_rule` delivers; None if unknown.
    """
    found: dict[str, Any] = {"stop": stop, "best_at_end": False, "stopped_iteration": None}
    for name, suffix in _SUFFIXES.items():
        for end in _ENDS[name]:
            found[f"{end}_{suffix}"] = None
        if name in _BEST_ITERATIONS:
            found[_BEST_ITERATIONS[name]] = None
        curve = curves.get(name)
        if status != "ok" or curve is None:
            continue
        best = int(np.argmax(curve))
        found[f"final_{suffix}"] = float(curve[stop - 1]) if stop <= len(curve) else None
        found[f"last_{suffix}"] = float(curve[-1])
        found[f"best_{suffix}"] = float(curve[best])
        if stopped is not None and "stopped" in _ENDS[name] and stopped <= len(curve):
            found[f"stopped_{suffix}"] = float(curve[stopped - 1])
            found["stopped_iteration"] = stopped
        if name in _BEST_ITERATIONS:
            found[_BEST_ITERATIONS[name]] = best + 1
    if found["best_iteration"] is not None:
        found["best_at_end"] = at_end(found["best_iteration"], budget)
    return found


def find_stops(
    task: str, budget: int, stop: int, rows: Sequence[Mapping[str, Any]]
) -> tuple[StopPart, NDArray[np.int64]]:
    """Follow every recorded rule on R ok rows of shards with one task, budget and stop.

    Returns:
        where the recorded rules stop them; (R,) the iteration that the rule of ``stopped_*``
        delivers.
    """
    kind = get_task(task)
    rules = recorded_rules(kind.kind)
    needed = {name for rule in rules for name in rule.needs} | {"loss_smooth", "psnr_smooth", SSIM}
    curves = {
        name: np.stack([np.asarray(row[curve_column(name)], np.float64) for row in rows])
        for name in needed
    }
    fits = _fits(kind, budget, stop, rows)
    iterations = np.arange(1, budget + 1)
    part = StopPart.empty(len(rows), [(rule.name, rule.parameters) for rule in rules])
    run = np.arange(len(rows))
    for place, rule in enumerate(rules):
        found = follow(rule, fits, iterations, curves)
        at = run, found.delivered - 1
        for name, values in {
            "iteration": found.delivered,
            "paid": found.paid,
            "stopped": found.stopped,
            "psnr_smooth_db": curves["psnr_smooth"][at].round(3),
            "ssim_smooth": curves[SSIM][at].round(4),
        }.items():
            part.values[name][:, place] = values
    target = follow(target_rule(kind.kind), fits, iterations, curves)
    part.crossings[:] = crossings(curves["loss_smooth"])
    return part, target.delivered


def _fits(kind: Any, budget: int, stop: int, rows: Sequence[Mapping[str, Any]]) -> Fits:
    sigma = kind.sigma_255 / 255 if isinstance(kind, Denoise) else np.nan
    estimates = [row["sigma_estimate"] for row in rows]
    return Fits(
        kind=kind.kind,
        budget=budget,
        stop=stop,
        sigma=np.full(len(rows), sigma),
        sigma_estimate=np.array([np.nan if s is None else s for s in estimates], np.float64),
    )
