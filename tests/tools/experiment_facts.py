"""What docs/experiments.md says of the results in ``data/experiments/``: written from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from nasdip_bench.experiments.methods import TABLES, Method
from nasdip_bench.experiments.results import Results
from tests.tools.pages import table

_KEY = ["task", "image", "method", "score", "selection", "seed"]


def restorations(results: Results) -> str:
    """A row a task and method, a column an image: PSNR of the restorations, and their mean.

    The highest of a task and image is bold, the oracle's apart. A result stands once, in however
    many sets its image is; one that diverged, failed or is missing is a dash.
    """
    frame = pd.DataFrame(results.rows).astype({"score": object, "selection": object})
    frame[["score", "selection"]] = frame[["score", "selection"]].fillna("")
    frame = frame.drop_duplicates([*_KEY, "setting"])
    lines = []
    for (setting, seed), part in frame[frame["seed"].notna()].groupby(["setting", "seed"]):
        undrawn = frame[frame["seed"].isna() & (frame["setting"] == setting)]
        found = pd.concat([part, undrawn])
        images = sorted(found["image"].unique())
        head = ["task", "method", *images, "mean"]
        body = [row for task in found["task"].unique() for row in _rows(found, task, images)]
        lines += [f"Setting `{setting}`, seed {seed:.0f}, PSNR in dB:", "", table(head, body), ""]
    return "\n".join(lines).rstrip()


def _rows(found: pd.DataFrame, task: str, images: Sequence[str]) -> list[list[str]]:
    mine = found[found["task"] == task]
    methods = dict.fromkeys(m for t in TABLES.values() for m in (*t.columns, *t.further))
    values = {}
    for method in methods:
        own = mine[_is(mine, method) & (mine["status"] == "ok")].set_index("image")["psnr_db"]
        if len(own):
            values[str(method)] = own.reindex(images)
    shown = pd.DataFrame(values).T
    fair = shown.drop([name for name in shown.index if name.startswith("oracle")])
    corrupted = mine.groupby("image")["psnr_corrupted_db"].first().reindex(images)
    rows = [[task, "corrupted", *map(_number, [*corrupted, corrupted.mean(skipna=False)])]]
    for name, row in shown.iterrows():
        cells = [
            f"**{_number(value)}**"
            if name in fair.index and value == fair[image].max()
            else _number(value)
            for image, value in row.items()
        ]
        rows.append([task, f"`{name}`", *cells, _number(row.mean(skipna=False))])
    return rows


def _is(rows: pd.DataFrame, method: Method) -> Any:
    same = (rows["method"] == method.name) & (rows["score"] == method.score)
    return same & ((rows["selection"] == method.selection) | (method.name == "oracle"))


def _number(value: float) -> str:
    return "--" if pd.isna(value) else f"{value:.2f}"
