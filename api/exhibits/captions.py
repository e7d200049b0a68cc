"""What tables and figures say of themselves: set-up, coverage, images. Must not import pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nasdip_bench.dataset.schema import STATUSES

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

__all__ = [
    "ORACLE_PREFIX",
    "SUBSTITUTE",
    "call_text",
    "cut_before_peak",
    "image_marks",
    "image_statuses",
    "of_the_paper",
    "sentences",
    "setting",
    "setting_and_n",
    "setup",
    "shortfall",
    "span",
    "undefined",
]

ORACLE_PREFIX = "best_"
SUBSTITUTE = "substitute"

_SHORT = {
    -1: ("is missing", "are missing"),
    1: ("diverged", "diverged"),
    2: ("failed", "failed"),
}  # from the code of a status


def of_the_paper(bench: ReleaseReader) -> bool:
    """Whether the images are the paper's, so that printed values stand beside those of a release.

    They are those of the benchmark and those of imported results; substitutes are marked.
    """
    return bench.manifest.image_set in ("nasdip", "released")


def image_statuses(bench: ReleaseReader) -> dict[str, str]:
    """Name to "original", "substitute" ..., as images.parquet has it."""
    table = bench.to_arrow("images")
    return dict(zip(table["name"].to_pylist(), table["status"].to_pylist(), strict=True))


def image_marks(bench: ReleaseReader) -> tuple[dict[str, str], list[str]]:
    """How each image is marked beside its name, and the notes that explain it."""
    statuses = image_statuses(bench)
    if not of_the_paper(bench):
        return dict.fromkeys(statuses, ""), [
            f"The images are of the set {bench.manifest.image_set!r}, not the paper's: its printed "
            f"values do not apply."
        ]
    marks = {name: "*" if status == SUBSTITUTE else "" for name, status in statuses.items()}
    marked = [name for name, mark in marks.items() if mark]
    if not marked:
        return marks, []
    return marks, [
        f"* a substitute, since the paper's own image was not identified or not found: its values "
        f"may differ from the paper's ({', '.join(marked)})."
    ]


def sentences(*parts: str) -> str:
    """A paragraph of those that say something.

    Example:
        >>> sentences("Figure 1.", "", "Seed 0.")
        'Figure 1. Seed 0.'
    """
    return " ".join(filter(None, parts))


def setting(bench: ReleaseReader, facts: Mapping[str, Any]) -> str:
    """Target, and `setup`.

    Args:
        bench: the release.
        facts: ``attrs`` of a frame of `nasdip_bench.api.statistics.kendall`.
    """
    oracle = facts["target"].startswith(ORACLE_PREFIX)
    said = f"Target {facts['target']}{' (an oracle: it needs the ground truth)' if oracle else ''}"
    return f"{said}; {setup(bench, facts)}"


def setup(bench: ReleaseReader, facts: Mapping[str, Any]) -> str:
    """Fidelity and seeds in words; arguments as of `setting`."""
    at = bench.manifest.fidelities[facts["fidelity"]]
    record = bench.manifest.task(facts["fidelity"], facts["task"])
    length = f", {record.iterations} iterations" if record else ""
    seeds = ", ".join(map(str, facts["seeds"]))
    one = len(facts["seeds"]) == 1
    return (
        f"fidelity {facts['fidelity']} ({at['resolution']}x{at['resolution']}, {at['channels']} "
        f"channels{length}); seed{'' if one else 's'} {seeds}"
        f"{'' if one else ' (mean over seeds, one at a time)'}"
    )


def setting_and_n(bench: ReleaseReader, facts: Mapping[str, Any], counts: Sequence[int]) -> str:
    """`setting`, and over how many architectures."""
    return f"{setting(bench, facts)}; n = {span(counts)} of {len(bench)} architectures."


def shortfall(bench: ReleaseReader, facts: Mapping[str, Any]) -> str:
    """How many of the release's runs are missing or have no result, in words; "" if none."""
    block = bench.runs.block(facts["task"], facts["fidelity"])
    expected = len(bench) * len(bench.images) * len(facts["seeds"])
    statuses = [block.statuses(seed) for seed in facts["seeds"]]
    parts: list[str] = []
    for code, (one, several) in _SHORT.items():
        count = sum(int((of_seed == code).sum()) for of_seed in statuses)
        if count:
            of_all = "" if parts else f" of {expected:,} runs"
            parts.append(f"{count:,}{of_all} {one if count == 1 else several}")
    return f"{', '.join(parts)}." if parts else ""


def cut_before_peak(bench: ReleaseReader, facts: Mapping[str, Any]) -> str:
    """How many runs were cut before their peak, in words; "" where none is."""
    block = bench.runs.block(facts["task"], facts["fidelity"])
    iterations = block.record.iterations
    late = total = 0
    for seed in facts["seeds"]:
        ok = block.statuses(seed) == STATUSES.index("ok")
        peak = block.matrix("best_iteration", seed)[ok]
        late += int((peak > 0.98 * iterations).sum())
        total += len(peak)
    if not late:
        return ""
    return (
        f"{late} of {total} runs are best in the last 2 % of their {iterations} iterations: "
        f"more iterations might have raised them, and their best iteration is a lower bound."
    )


def undefined(facts: Mapping[str, Any], shown: set[str]) -> list[str]:
    """A note for each reason of a missing tau among the shown scores ("proxy/reference")."""
    absent = sorted(shown - set(facts["n"]))
    notes = [f"-- : the release has no score {', '.join(absent)}."] if absent else []
    by_reason: dict[str, list[str]] = {}
    for key, images in facts["reasons"].items():
        for image, reason in images.items():
            if key in shown:
                by_reason.setdefault(f"{key}: {reason}", []).append(image)
    return notes + [f"-- : {reason} ({', '.join(images)})." for reason, images in by_reason.items()]


def span(numbers: Sequence[int]) -> str:
    """ "12" of equal numbers, "10..12" of others.

    Example:
        >>> span([12, 10, 11])
        '10..12'
    """
    if not numbers:
        return "0"
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}..{high}"


def call_text(function: str, facts: Mapping[str, Any], *further: str) -> str:
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
