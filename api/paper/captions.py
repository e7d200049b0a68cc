"""What tables and figures say of themselves: fidelity, seeds, target, coverage, the images.

Also the paper's printed values, and the common ways of writing cells. Must not import pandas.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = [
    "ORACLE_PREFIX",
    "call_text",
    "image_marks",
    "image_statuses",
    "paper_values",
    "setting",
    "shortfall",
    "span",
]

ORACLE_PREFIX = "best_"
SUBSTITUTE = "substitute"


@cache
def paper_values() -> dict[str, Any]:
    """The values printed in ISNAS-DIP (CVPR 2022), with which release's task they go."""
    file = resources.files("nasdip_bench.api.paper").joinpath("paper_values.json")
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return values


def of_the_paper(bench: NASDIPBench) -> bool:
    """Whether the images are the paper's, so that printed values stand beside those of a release.

    They are those of the benchmark and those of imported results; substitutes are marked.
    """
    return bench.manifest.image_set in ("nasdip", "released")


def image_statuses(bench: NASDIPBench) -> dict[str, str]:
    """Name to "original", "substitute" ..., as images.parquet has it."""
    table = bench.to_arrow("images")
    return dict(zip(table["name"].to_pylist(), table["status"].to_pylist(), strict=True))


def image_marks(bench: NASDIPBench) -> tuple[dict[str, str], list[str]]:
    """How each image is marked beside its name, and the notes that explain it."""
    statuses = image_statuses(bench)
    if not of_the_paper(bench):
        return dict.fromkeys(statuses, ""), [
            f"The images are of the set {bench.manifest.image_set!r} and not the paper's: printed "
            f"values do not apply."
        ]
    marks = {name: "*" if status == SUBSTITUTE else "" for name, status in statuses.items()}
    marked = [name for name, mark in marks.items() if mark]
    if not marked:
        return marks, []
    return marks, [
        f"* a substitute, since the paper's own image was not identified or not found: its values "
        f"need not agree with the print ({', '.join(marked)})."
    ]


def setting(bench: NASDIPBench, facts: dict[str, Any]) -> str:
    """Fidelity, seeds and target in words.

    Args:
        bench: the release.
        facts: ``attrs`` of a frame of `nasdip_bench.api.statistics.kendall`.
    """
    at = bench.manifest.fidelities[facts["fidelity"]]
    record = bench.manifest.task(facts["fidelity"], facts["task"])
    length = f", {record.iterations} iterations" if record else ""
    seeds = ", ".join(map(str, facts["seeds"]))
    one = len(facts["seeds"]) == 1
    oracle = " (an oracle: it needs the ground truth)"
    return (
        f"Target {facts['target']}{oracle if facts['target'].startswith(ORACLE_PREFIX) else ''}; "
        f"fidelity {facts['fidelity']} ({at['resolution']}x{at['resolution']}, {at['channels']} "
        f"channels{length}); seed{'' if one else 's'} {seeds}"
        f"{'' if one else ' (mean over seeds, one at a time)'}"
    )


def shortfall(bench: NASDIPBench, facts: dict[str, Any]) -> str:
    """What of the release's runs is missing or without result, in words; "" where nothing is."""
    block = bench.runs.block(facts["task"], facts["fidelity"])
    parts = []
    expected = len(bench) * len(bench.images) * len(facts["seeds"])
    by_status = {"missing": -1, "diverged": 1, "failed": 2}
    statuses = [block.statuses(seed) for seed in facts["seeds"]]
    for name, code in by_status.items():
        count = sum(int((of_seed == code).sum()) for of_seed in statuses)
        if count:
            parts.append(f"{count} {name}")
    return f"Of {expected} runs {', '.join(parts)}." if parts else ""


def span(numbers: list[int]) -> str:
    """ "12" of equal numbers, "10..12" of others."""
    if not numbers:
        return "0"
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}..{high}"


def call_text(function: str, facts: dict[str, Any], *further: str) -> str:
    """The Python call that gives an exhibit's numbers.

    Args:
        function: such as "bench.kendall".
        facts: ``attrs`` of a frame of `nasdip_bench.api.statistics.kendall`.
        *further: arguments between the task and the target.
    """
    seeds = facts["seeds"]
    arguments = [
        repr(facts["task"]),
        *further,
        f"target={facts['target']!r}",
        f"fidelity={facts['fidelity']!r}",
        *([f"seed={seeds[0]}"] if len(seeds) == 1 else []),
    ]
    return f"{function}({', '.join(arguments)})"
