"""Whether the beginning of a run ranks architectures as its end does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..reading.runs import Block
from .pooled import Pooled, pooled_tau
from .words import caution, counts, sign_of, table, where, with_interval

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["beginnings_section"]

_PARTS = {9: "a ninth", 3: "a third"}
"""Of the iterations to the stop: the rungs of successive halving that keeps a third."""


def beginnings_section(bench: NASDIPBench, blocks: Sequence[Block]) -> Iterator[str]:
    """The section's paragraphs."""
    yield "## Does the beginning of a run rank its end?"
    yield (
        "Search that stops runs early lives on it. Tau between the smoothed PSNR at a part of the "
        "iterations and at the stop, of the same runs; the last point at or before that part that "
        "the curves keep."
    )
    body, said = [], []
    for block in blocks:
        found = {}
        for part, name in _PARTS.items():
            iteration, tau = _early(bench, block, block.record.stop // part)
            if not tau.images:
                continue
            found[name] = tau
            body.append([where(block), name, str(iteration), with_interval(tau), counts(tau)])
        if found:
            said.append(f"- {where(block)}: {_reading(found)}")
    if not body:
        yield "No image has enough runs: not measured."
        return
    yield table(["runs of", "part", "iteration", "tau", "over"], body)
    yield "\n".join(said)


def _early(bench: NASDIPBench, block: Block, most: int) -> tuple[int, Pooled]:
    """The iteration that is compared, and its tau with the stop."""
    pairs, kept = [], 0
    for seed in block.default_seeds:
        curves = bench.curves(block.task, block.fidelity, seed)
        places = np.searchsorted(curves.iterations, [most, block.record.stop], "right") - 1
        if places[0] < 0:
            return 0, pooled_tau([], [])
        kept = int(curves.iterations[places[0]])
        early, stop = curves.psnr_smooth_db[:, :, 0, places].astype(np.float64).transpose(2, 0, 1)
        pairs.append((early, stop))
    return kept, pooled_tau(bench.images, pairs)


def _reading(found: dict[str, Pooled]) -> str:
    if words := caution(min(tau.n[0] for tau in found.values())):
        return words
    answers = {"positive": "ranks it", "negative": "ranks it in reverse"}
    said = (
        f"{name} {answers.get(sign_of(tau), 'is not shown to rank it')}"
        for name, tau in found.items()
    )
    return f"{', '.join(said)}."
