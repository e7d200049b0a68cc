"""What a run's curves come to: the columns of runs.parquet that are read off full curves."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["at_end", "summarise"]

_END = 0.98
"""A best beyond this part of the budget counts as lying at its end."""


def at_end(best_iteration: int, budget: int) -> bool:
    """Whether a best lies so near the end of the budget that more might have raised it."""
    return best_iteration > _END * budget


def summarise(
    psnr_db: np.ndarray, psnr_smooth_db: np.ndarray, status: str, stop: int, budget: int
) -> dict[str, Any]:
    """Final, last and best PSNR of a run.

    A run that is not "ok" has none of them: the best before a divergence is nothing a user gets.

    Args:
        psnr_db: (T,) dB, point i before update i; others' runs may end before the budget.
        psnr_smooth_db: the same of the smoothed output.
        status: of the run.
        stop: the iteration of ``final_*``, 1..budget; a run that ended before it has none.
        budget: iterations asked for.
    """
    if status != "ok":
        empty = dict.fromkeys(
            (
                "final_psnr_db",
                "final_psnr_smooth_db",
                "last_psnr_db",
                "last_psnr_smooth_db",
                "best_psnr_db",
                "best_raw_iteration",
                "best_psnr_smooth_db",
                "best_iteration",
            )
        )
        return empty | {"stop": stop, "best_at_end": False}
    best_raw, best = int(np.argmax(psnr_db)), int(np.argmax(psnr_smooth_db))
    return {
        "stop": stop,
        "final_psnr_db": float(psnr_db[stop - 1]) if stop <= len(psnr_db) else None,
        "final_psnr_smooth_db": float(psnr_smooth_db[stop - 1]) if stop <= len(psnr_db) else None,
        "last_psnr_db": float(psnr_db[-1]),
        "last_psnr_smooth_db": float(psnr_smooth_db[-1]),
        "best_psnr_db": float(psnr_db[best_raw]),
        "best_raw_iteration": best_raw + 1,
        "best_psnr_smooth_db": float(psnr_smooth_db[best]),
        "best_iteration": best + 1,
        "best_at_end": at_end(best + 1, budget),
    }
