"""Where the recorded rules stop runs, read off whole curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.stop_parts import StopPart, crossings
from nasdip_bench.observables import SSIM
from nasdip_bench.stopping import Fits, follow, recorded_rules, target_rule
from nasdip_bench.tasks import Denoise, get_task

from ..folder.shard_schema import curve_column

__all__ = ["FoundStops", "find_stops"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundStops:
    """What whole curves say of R runs that ended well.

    Attributes:
        part: where the recorded rules stop them.
        target: (R,) the iteration that the rule of ``stopped_*`` delivers.
    """

    part: StopPart
    target: NDArray[np.int64]


def find_stops(task: str, budget: int, stop: int, rows: Sequence[Mapping[str, Any]]) -> FoundStops:
    """Follow every recorded rule on runs.

    Args:
        task: name.
        budget: iterations of each run.
        stop: the iteration of ``final_*``.
        rows: of shards, R of them, with status ok.
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
    return FoundStops(part=part, target=target.delivered)


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
