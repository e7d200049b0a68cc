"""Tau between training-free scores and the best iteration, from the data (section 5 of the paper).

A network whose untrained output already resembles the image may reach its peak sooner: then the
score would also tell when to stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from nasdip_bench.dataset.schema import STATUSES

from .captions import call_text, image_marks, image_statuses, paper_values, setting, shortfall, span
from .tau_table import TauTable, undefined

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["BestIterationTable", "best_iteration_table"]

TARGET = "best_iteration"


class BestIterationTable(TauTable):
    """Tau between the best iteration and the scores."""


def best_iteration_table(
    bench: NASDIPBench,
    task: str = "denoise",
    target: str = TARGET,
    fidelity: str | None = None,
    seed: int | None = None,
    *,
    all_scores: bool = False,
) -> BestIterationTable:
    """Tau of the best iteration from a release.

    Args:
        bench: the release.
        task: name.
        target: ``best_iteration`` (of the smoothed output) or ``best_raw_iteration``.
        fidelity: None for the release's default for the task.
        seed: None for the mean of tau over the default seeds.
        all_scores: show also the scores that the paper's Table 1 does not have.

    Raises:
        UnknownNameError: a task, target, fidelity or seed that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    tau = bench.kendall(task, target, fidelity, seed)
    facts: dict[str, Any] = tau.attrs
    printed = [tuple(key.split("/")) for key in paper_values()["table1"]["columns"]]
    columns = [column for column in printed if column in tau.columns]
    extra = [column for column in tau.columns if column not in columns]
    frame = tau[[*columns, *extra]]
    frame.columns = pd.MultiIndex.from_tuples(
        [(*column, "ours") for column in frame.columns], names=["proxy", "reference", "source"]
    )
    frame.attrs = facts
    displayed = tuple([*columns, *extra] if all_scores else columns)
    shown = {"/".join(column) for column in displayed}
    counts = [n for key in shown for n in facts["n"].get(key, {}).values()]
    parts = [
        f"Best iteration ({task}): Kendall's tau-b between the iteration of the highest PSNR and "
        f"training-free scores of the untrained network. The sign is raw: positive is a later peak "
        f"for a larger distance.",
        f"{setting(bench, facts)}; n = {span(counts)} of {len(bench)} architectures.",
        _at_end(bench, facts),
        shortfall(bench, facts),
        "The paper reports these in its section 5; its numbers are not among the printed values "
        "that this package carries.",
    ]
    marks, notes = image_marks(bench)
    return BestIterationTable(
        frame=frame,
        caption=" ".join(part for part in parts if part),
        notes=(*notes, *undefined(facts, shown)),
        marks=marks,
        call=call_text("bench.kendall", facts),
        statuses=image_statuses(bench),
        shown=displayed,
    )


def _at_end(bench: NASDIPBench, facts: dict[str, Any]) -> str:
    """How many runs were cut before their peak, as far as can be told."""
    block = bench.runs.block(facts["task"], facts["fidelity"])
    record = block.record
    late = total = 0
    for seed in facts["seeds"]:
        ok = block.statuses(seed) == STATUSES.index("ok")
        peak = block.matrix("best_iteration", seed)[ok]
        late += int((peak > 0.98 * record.iterations).sum())
        total += len(peak)
    if not late:
        return ""
    return (
        f"{late} of {total} runs are best in the last 2 % of their {record.iterations} iterations: "
        f"more iterations might have raised them, and their best iteration is a lower bound."
    )
