"""The columns of a run that can be analysed and ranked, and the default targets."""

from __future__ import annotations

from nasdip_bench.dataset.schema import RELEASE_TABLES

_NOT_MEASURED = (
    "arch_id", "seed", "protocol_version", "curve_row", "diverged_at", "stack", "threads",
)  # fmt: skip

TARGET = "stopped_psnr_smooth_db"
"""Default target of statistics and searches: the PSNR at a stop chosen without the ground truth."""

PAPER_TARGET = "best_psnr_smooth_db"
"""Target of the paper's tables and figures, as in its notebooks: an oracle over iterations."""

VERDICT_TARGETS = (PAPER_TARGET, TARGET, "last_psnr_smooth_db")
"""Targets that scores and searches are judged by: an oracle over iterations, a stop without the
ground truth, and no stop."""

TARGETS = tuple(
    column.name
    for column in RELEASE_TABLES["runs"]
    if column.type in ("int32", "int64", "float64") and column.name not in _NOT_MEASURED
)
"""The columns of runs.parquet that are measurements and can be correlated with scores."""

RANKED_TARGETS = tuple(
    column.name for column in RELEASE_TABLES["runs"] if column.direction == "higher"
)
"""The targets that rank architectures: higher is better."""
