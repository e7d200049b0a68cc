"""What of a run can be measured and ranked, and what is where nothing is named."""

from __future__ import annotations

from nasdip_bench.dataset.schema import RELEASE_TABLES

__all__ = ["PAPER_TARGET", "RANKED_TARGETS", "TARGET", "TARGETS", "VERDICT_TARGETS"]

_NOT_MEASURED = (
    "arch_id", "seed", "protocol_version", "curve_row", "diverged_at", "stack", "threads",
)  # fmt: skip

TARGET = "stopped_psnr_smooth_db"
"""What statistics are of, and searches are judged by, where no target is named: what somebody gets
who has no ground truth and must stop."""

PAPER_TARGET = "best_psnr_smooth_db"
"""What the paper's tables and figures are of, as in its notebooks: an oracle over iterations."""

VERDICT_TARGETS = (PAPER_TARGET, TARGET, "last_psnr_smooth_db")
"""What verdicts on scores and searches are given for: an oracle over iterations, a stop without the
ground truth, and none."""

TARGETS = tuple(
    column.name
    for column in RELEASE_TABLES["runs"]
    if column.type in ("int32", "int64", "float64") and column.name not in _NOT_MEASURED
)
"""The columns of runs.parquet that are measurements, and can be correlated with scores."""

RANKED_TARGETS = {
    column.name: column.direction for column in RELEASE_TABLES["runs"] if column.direction
}
"""Those of them that say which end is better, "higher" or "lower"; a top-k needs that."""
