"""How the page puts numbers into words. Sentences are chosen here by rules, and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..exhibits.forms import plain
from ..reading.runs import Block
from .pooled import Pooled

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = [
    "SMALL",
    "basis",
    "caution",
    "counts",
    "listed",
    "number",
    "plural",
    "sign_of",
    "table",
    "where",
    "with_interval",
]

SMALL = 20
"""Architectures below which percentile intervals are too narrow (docs/statistics.md)."""


def number(value: float, form: str = "+.2f") -> str:
    """A number, or a dash where there is none."""
    return "–" if math.isnan(value) else format(value, form)


def with_interval(pooled: Pooled) -> str:
    """Value and interval."""
    if math.isnan(pooled.value):
        return "–"
    return f"{pooled.value:+.2f} [{number(pooled.low)}, {number(pooled.high)}]"


def sign_of(pooled: Pooled) -> str:
    """What an interval says of the sign."""
    if math.isnan(pooled.value):
        return "cannot be computed"
    if not pooled.decided:
        return "not decided: the interval includes 0"
    return "positive" if pooled.value > 0 else "negative"


def counts(pooled: Pooled) -> str:
    """n and the number of images."""
    low, high = pooled.n
    n = str(low) if low == high else f"{low}..{high}"
    return f"n = {n}, {plural(len(pooled.images), 'image')}"


def caution(n: int) -> str:
    """What is to be said of intervals over n architectures; "" where nothing is."""
    if n >= SMALL:
        return ""
    return (
        f"With n = {n} architectures, fewer than {SMALL}, the intervals are too narrow: less is "
        f"known than they say, and nothing is concluded."
    )


def basis(bench: NASDIPBench, block: Block, seeds: Sequence[int]) -> str:
    """Fidelity, seeds and coverage of what follows, in one line."""
    facts = bench.manifest.fidelities[block.fidelity]
    expected = len(bench) * len(bench.images) * len(seeds)
    done = sum(int((block.statuses(seed) == 0).sum()) for seed in seeds)
    complete = all(seed in block.record.complete_seeds for seed in seeds)
    return (
        f"{where(block)} ({facts['resolution']} x {facts['resolution']} pixels, "
        f"{facts['channels']} channels, {block.record.iterations} iterations); seed"
        f"{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}; {done} of {expected} runs"
        f"{'' if complete else ' (partial)'}"
    )


def where(block: Block) -> str:
    """Task and fidelity."""
    return plain(f"{block.task} at {block.fidelity}")


def plural(count: int, what: str) -> str:
    """ "1 image", "2 images"."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    every = list(names)
    if len(every) < 2:
        return "".join(every)
    return f"{', '.join(every[:-1])} and {every[-1]}"


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *body]
    escaped = ([cell.replace("|", "&#124;") for cell in cells] for cells in lines)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in escaped)
