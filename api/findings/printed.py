"""Table 1 and Figure 1 beside the printed ones, and PSNR beside the published ranges."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.errors import ConfigError, UnknownNameError
from nasdip_bench.fidelity import get_fidelity

from ..exhibits.forms import plain
from ..paper.captions import SUBSTITUTE, image_statuses, of_the_paper, paper_values
from ..paper.figure1 import figure1
from ..paper.reasons import reasons_to_differ
from ..paper.table1 import table1
from ..reading.runs import Block
from .pooled import Pooled, pooled_tau
from .words import SMALL, caution, counts, listed, number, table, where, with_interval

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["figure_section", "own_images", "range_section", "table_section"]

_PAPERS = "r512"
SAME, OTHER_SIZE = "same sign", "same sign, another size"
OPPOSITE, OPEN, FEW = "**opposite sign**", "not decided", "too few"
_CLEARLY = 1.96
"""Standard errors of a difference."""


def own_images(bench: NASDIPBench) -> list[str]:
    """The images that the print is of: none where the set is another."""
    if not of_the_paper(bench):
        return []
    return [name for name, status in image_statuses(bench).items() if status != SUBSTITUTE]


def table_section(bench: NASDIPBench, blocks: Sequence[Block], target: str) -> Iterator[str]:
    """Table 1, and whether it agrees with the print."""
    yield "## Table 1: tau between PSNR and scores"
    for block in _defaults(bench, blocks):
        shown = table1(bench, block.task, target, block.fidelity)
        yield f"### {plain(block.task)}"
        yield plain(shown.caption)
        yield shown.markdown().rstrip("\n")
        yield from map(plain, shown.notes)
    yield "### Against the print"
    printed = paper_values()["table1"]
    images = [image for image in own_images(bench) if image in printed["rows"]]
    mine = [block for block in blocks if block.task == printed["task"]]
    if not images or not mine:
        yield "Nothing in this release is what the printed values are of: not compared."
        return
    yield (
        f"Means over {listed(images)}, which are the paper's images, as far as they have runs; "
        f"printed is the mean of the printed values over the same images. *Another size*: the sign "
        f"is the printed one, and the difference is above {_CLEARLY} of its standard errors, where "
        f"the print, too, has an error, taken as ours would be over as many architectures."
    )
    reasons: dict[str, None] = {}
    for block in mine:
        yield f"**{where(block)}**"
        differs = yield from _against_the_print(bench, block, target, images)
        if differs:
            at = {block.task: block.fidelity}
            reasons |= dict.fromkeys(reasons_to_differ(bench, at, target))
    if reasons:
        yield "Possible reasons for the differences:"
        yield "\n".join(f"- {reason}" for reason in reasons)


def _against_the_print(
    bench: NASDIPBench, block: Block, target: str, images: Sequence[str]
) -> Generator[str, None, bool]:
    """Table and sentences; returns whether anything differs."""
    printed = paper_values()["table1"]
    body: list[list[str]] = []
    readings: dict[str, list[str]] = {SAME: [], OTHER_SIZE: [], OPPOSITE: [], OPEN: [], FEW: []}
    fewest = []
    for position, key in enumerate(printed["columns"]):
        ours = _tau(bench, block, target, key, images)
        theirs = [printed["rows"][image][position] for image in ours.images]
        mean = float(np.mean(theirs)) if theirs else math.nan
        reading = _reading(ours, mean, printed["architectures"])
        if ours.images:
            fewest.append(ours.n[0])
            readings[reading].append(f"`{key}`")
        body.append([f"`{key}`", with_interval(ours), number(mean), counts(ours), reading])
    if not fewest:
        yield "No image has enough architectures with run and score: not compared."
        return False
    yield table(["score", "ours", "printed", "over", "reading"], body)
    agree = readings[SAME] + readings[OTHER_SIZE]
    sentences = [
        f"The sign is the printed one for {listed(agree)}." if agree else "",
        f"**We disagree with the print in sign** on {listed(readings[OPPOSITE])}."
        if readings[OPPOSITE]
        else "",
        f"Not decided, since the interval includes 0: {listed(readings[OPEN])}."
        if readings[OPEN]
        else "",
        caution(min(fewest)),
    ]
    yield " ".join(filter(None, sentences))
    return bool(readings[OPPOSITE] or readings[OTHER_SIZE])


def _reading(ours: Pooled, printed: float, of: int) -> str:
    """What to say of a tau beside a printed one over ``of`` architectures."""
    if not ours.images:
        return "–"
    if ours.n[0] < SMALL:
        return FEW
    if not ours.decided:
        return OPEN
    if (ours.value > 0) != (printed > 0):
        return OPPOSITE
    error = ours.error * math.sqrt(1 + ours.n[0] / of)
    return OTHER_SIZE if abs(ours.value - printed) > _CLEARLY * error else SAME


def _tau(bench: NASDIPBench, block: Block, target: str, key: str, images: Sequence[str]) -> Pooled:
    columns = [bench.images.index(image) for image in images]
    pairs = []
    for seed in block.default_seeds:
        _, scores = bench.runs.scores(block.task, block.fidelity, seed)
        if key not in scores.keys:
            return pooled_tau([], [])
        values = scores.values[:, columns, scores.keys.index(key)]
        pairs.append((block.matrix(target, seed)[:, columns], values))
    return pooled_tau(images, pairs)


def figure_section(bench: NASDIPBench, blocks: Sequence[Block], target: str) -> Iterator[str]:
    """Figure 1, and the one count that the paper's text gives."""
    yield "## Figure 1: the ten best architectures that images share"
    for block in _defaults(bench, blocks):
        yield f"### {plain(block.task)}"
        try:
            shown = figure1(bench, block.task, 10, target, block.fidelity)
        except ConfigError as error:
            yield f"Not made ({plain(str(error))})."
            continue
        yield plain(shown.caption)
        yield shown.markdown().rstrip("\n")
        printed = paper_values()["figure1"]
        for one, other, count in printed["counts"]:
            if block.task == printed["task"] and {one, other} <= set(own_images(bench)):
                ours = shown.frame.loc[one, other]
                yield f"{one} and {other} share {ours:g} here, {count} in print."
            elif block.task == printed["task"] and of_the_paper(bench):
                substitutes = [name for name in (one, other) if name not in own_images(bench)]
                yield (
                    f"The one printed count, {count} for {one} and {other}, is of "
                    f"{listed(substitutes)}, for which there is a substitute here: not comparable."
                )
    yield "Beside chance and noise: [below](#does-the-best-network-depend-on-the-image)."


def range_section(bench: NASDIPBench, blocks: Sequence[Block]) -> Iterator[str]:
    """Best smoothed PSNR at the paper's own fidelity beside the published ranges."""
    printed = paper_values()["figure4"]
    yield "## PSNR at the paper's fidelity beside the published ranges"
    body, outside = [], 0
    for block in blocks:
        if not _is_papers(block.fidelity) or block.task not in printed["tasks"]:
            continue
        for image in own_images(bench):
            if image not in printed["ranges"]:
                continue
            low, high = printed["ranges"][image][printed["tasks"].index(block.task)]
            for seed in block.seeds:
                found = block.matrix(printed["target"], seed)[:, bench.images.index(image)]
                found = found[np.isfinite(found)]
                if not len(found):
                    continue
                out = int(((found < low - 0.05) | (found > high + 0.05)).sum())
                outside += out
                body.append(
                    [f"{where(block)}, {image}", str(seed), f"{found.min():.1f}..{found.max():.1f}",
                     f"{low}..{high}", f"{out} of {len(found)}"]
                )  # fmt: skip
    if not body:
        yield f"This release has no such runs at {_PAPERS}: not compared."
        return
    yield (
        f"Lowest and highest `{printed['target']}` in dB over the architectures that are there, "
        f"and over the paper's 522, which are others; those are read off a figure, to a tenth of a "
        f"dB."
    )
    yield table(["runs of", "seed", "ours", "published", "outside"], body)
    inside = "All lie inside the published range."
    yield f"{outside} lie outside the published range." if outside else inside


def _is_papers(fidelity: str) -> bool:
    try:
        return get_fidelity(fidelity).name == _PAPERS
    except UnknownNameError:
        return False


def _defaults(bench: NASDIPBench, blocks: Sequence[Block]) -> list[Block]:
    """Of each task the fidelity that the release declares."""
    return [b for b in blocks if bench.manifest.default_fidelity.get(b.task) == b.fidelity]
