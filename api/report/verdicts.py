"""Verdicts of a release: its tables beyond the paper, as plain values for JSON.

They come from `nasdip_bench.api.gallery.catalogue`, text included: a table added there also appears
on the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nasdip_bench.errors import NasdipError

from ..exhibits.exhibit import Exhibit
from ..exhibits.forest import Forest
from ..gallery.catalogue import BEYOND, PaperOptions, catalogue

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader


def verdicts(
    bench: ReleaseReader, task: str, fidelity: str, progress: Callable[[str], None]
) -> list[dict[str, Any]]:
    """The tables of a task, each with a title and its table, or the reason why it has none.

    Args:
        task: name.
        fidelity: name.
        progress: called with a line for each table.
    """
    found = []
    for entry in catalogue(bench, task, PaperOptions(fidelity=fidelity)):
        if entry.part == BEYOND:
            progress(f"{entry.name}-{task} ...")
            try:
                found.append({"title": entry.title, **_table(entry.make())})
            except NasdipError as error:
                found.append({"title": entry.title, "reason": str(error)})
    return found


def _table(exhibit: Exhibit) -> dict[str, Any]:
    heads = exhibit.heads()
    found: dict[str, Any] = {
        "caption": exhibit.caption,
        "notes": list(exhibit.notes),
        "head": [" ".join(filter(None, column)) for column in zip(*heads, strict=True)],
        "body": exhibit.body(),
        "call": exhibit.call,
    }
    if isinstance(exhibit, Forest):
        found["forest"] = {
            "across": exhibit.across,
            "lines": [list(line) for line in exhibit.lines().items()],
            "panels": [
                {
                    "title": panel.title,
                    "estimates": [
                        [_number(value) for value in line]
                        for line in zip(panel.values, panel.low, panel.high, strict=True)
                    ],
                }
                for panel in exhibit.panels()
            ],
        }
    return found


def _number(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None
