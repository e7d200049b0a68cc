"""What a run's curves come to: the columns of runs.parquet that are read off full curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.observables import SSIM

__all__ = ["at_end", "summarise"]

_END = 0.98
"""A best beyond this part of the budget counts as lying at its end."""

_BEST_ITERATIONS = {"psnr": "best_raw_iteration", "psnr_smooth": "best_iteration"}
_SUFFIXES = {"psnr": "psnr_db", "psnr_smooth": "psnr_smooth_db", SSIM: SSIM}
"""By curve, how its columns end."""
_ENDS = {
    "psnr": ("final", "last", "best"),
    "psnr_smooth": ("final", "last", "best", "stopped"),
    SSIM: ("final", "last", "best", "stopped"),
}
"""By curve, how its columns begin."""


def at_end(best_iteration: int, budget: int) -> bool:
    """Whether a best lies so near the end of the budget that more might have raised it."""
    return best_iteration > _END * budget


def summarise(
    curves: Mapping[str, NDArray[np.floating]],
    status: str,
    stop: int,
    budget: int,
    stopped: int | None,
) -> dict[str, Any]:
    """Final, last and best values of a run.

    A run that is not "ok" has none of them: the best before a divergence is nothing a user gets.

    Args:
        curves: psnr, psnr_smooth and ssim_smooth, (T,) of each, point i before update i; others'
            runs may end before the budget, or lack SSIM.
        status: of the run.
        stop: the iteration of ``final_*``, 1..budget; a run that ended before it has none.
        budget: iterations asked for.
        stopped: the iteration that `nasdip_bench.stopping.target_rule` delivers; None where it is
            not known.
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
