"""Table 1 of the paper, from the data: tau between PSNR and training-free scores, by image.

The paper's printed values stand beside ours where the images are the paper's and the task is the
one of the print.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from .captions import (
    call_text,
    image_marks,
    image_statuses,
    of_the_paper,
    paper_values,
    setting,
    shortfall,
    span,
)
from .tau_table import TauTable, undefined

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["Table1", "table1"]


class Table1(TauTable):
    """Tau between a PSNR and the scores, with the paper's printed values where they apply."""


def table1(
    bench: NASDIPBench,
    task: str = "denoise",
    target: str = "best_psnr_smooth_db",
    fidelity: str | None = None,
    seed: int | None = None,
    *,
    all_scores: bool = False,
) -> Table1:
    """Table 1 from a release.

    Args:
        bench: the release.
        task: name; the print is of denoising.
        target: column of runs.parquet; the default is what the paper's notebooks use.
        fidelity: None for the release's default for the task.
        seed: None for the mean of tau over the default seeds.
        all_scores: show also the scores that the paper's table does not have.

    Raises:
        UnknownNameError: a task, target, fidelity or seed that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    tau = bench.kendall(task, target, fidelity, seed)
    facts: dict[str, Any] = tau.attrs
    printed = paper_values()["table1"]
    columns = tuple((proxy, reference) for proxy, _, reference in _split(printed["columns"]))
    extra = tuple(column for column in tau.columns if column not in columns)
    beside = of_the_paper(bench) and task == printed["task"]
    # Taking a column from a frame copies its attrs, which are larger than the column.
    ours = dict(zip(tau.columns, tau.to_numpy().T.tolist(), strict=True))
    data: dict[tuple[str, str, str], list[float]] = {}
    for position, column in enumerate(columns):
        data[*column, "ours"] = ours.get(column, [math.nan] * len(tau))
        if beside:
            data[*column, "paper"] = [
                printed["rows"][image][position] if image in printed["rows"] else math.nan
                for image in tau.index
            ]
    for column in extra:
        data[*column, "ours"] = ours[column]
    frame = pd.DataFrame(data, index=tau.index)
    frame.columns = pd.MultiIndex.from_tuples(list(data), names=["proxy", "reference", "source"])
    frame.attrs = facts
    marks, notes = image_marks(bench)
    displayed = columns + (extra if all_scores else ())
    shown = {"/".join(column) for column in displayed}
    return Table1(
        frame=frame,
        caption=_caption(bench, facts, shown, printed["task"], beside),
        notes=(*notes, *undefined(facts, shown)),
        marks=marks,
        call=call_text("bench.kendall", facts),
        statuses=image_statuses(bench),
        shown=displayed,
    )


def _split(keys: list[str]) -> list[tuple[str, str, str]]:
    return [key.partition("/") for key in keys]


def _caption(
    bench: NASDIPBench, facts: dict[str, Any], shown: set[str], printed_task: str, beside: bool
) -> str:
    counts = [n for key in shown for n in facts["n"].get(key, {}).values()]
    parts = [
        f"Table 1 ({facts['task']}): Kendall's tau-b between PSNR and training-free scores of the "
        f"untrained network, compared with the corrupted image or the ground truth; the sign is "
        f"raw: negative is good for a distance.",
        f"{setting(bench, facts)}; n = {span(counts)} of {len(bench)} architectures.",
        shortfall(bench, facts),
    ]
    if beside:
        parts.append(f"In parentheses the paper's printed values ({paper_values()['setup']}).")
    elif facts["task"] != printed_task:
        parts.append(f"The paper prints this table for {printed_task} only.")
    return " ".join(part for part in parts if part)
