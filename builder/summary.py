"""What a run's curves come to: the columns of runs.parquet that are read off full curves."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["summarise"]

_END = 0.98
"""A best beyond this part of the budget counts as lying at its end."""


def summarise(
    psnr_db: np.ndarray, psnr_smooth_db: np.ndarray, status: str, stop: int
) -> dict[str, Any]:
    """Final, last and best PSNR of a run.

    A run that is not "ok" has none of them: the best before a divergence is nothing a user gets.

    Args:
        psnr_db: (T,) dB, point i before update i.
        psnr_smooth_db: the same of the smoothed output.
        status: of the run.
        stop: the iteration of ``final_*``, 1..T.
    """
    iterations = len(psnr_db)
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
        "final_psnr_db": float(psnr_db[stop - 1]),
        "final_psnr_smooth_db": float(psnr_smooth_db[stop - 1]),
        "last_psnr_db": float(psnr_db[-1]),
        "last_psnr_smooth_db": float(psnr_smooth_db[-1]),
        "best_psnr_db": float(psnr_db[best_raw]),
        "best_raw_iteration": best_raw + 1,
        "best_psnr_smooth_db": float(psnr_smooth_db[best]),
        "best_iteration": best + 1,
        "best_at_end": best + 1 > _END * iterations,
    }
