"""Which design choices make an architecture good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.ranks.bootstrap import draw_resamples, percentile_interval

from ..reading.runs import Block
from ..statistics.intervals import KINDS, codes_of
from .pooled import FEWEST, LEVEL, RESAMPLES
from .words import SMALL, basis, caution, table

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["KIND", "choices_section"]

KIND = "sampling"
"""The attribute within whose values architectures are compared, too."""

_MOST = 0.5
"""Share of the variance from which a choice accounts for more than all else."""


def choices_section(bench: NASDIPBench, blocks: Sequence[Block], target: str) -> Iterator[str]:
    """The section's paragraphs."""
    yield "## Which design choice makes an architecture good?"
    yield (
        f"The mean of `{target}` over images (and default seeds), each image's mean taken off, of "
        f"architectures with all these runs. *Share* is how much of its variance between "
        f"architectures the values of one attribute of the upsampling cell account for: ω² (Hays "
        f"1963), which is 0 on average for one that has no effect. Attributes go together in the "
        f"cells that can be built, so that shares overlap; what is left is the others', the skip "
        f"connections' and noise."
    )
    for block in blocks:
        yield f"**{basis(bench, block, block.default_seeds)}**"
        yield from _block(bench, block, target)


def _block(bench: NASDIPBench, block: Block, target: str) -> Iterator[str]:
    values = np.hstack([block.matrix(target, seed) for seed in block.default_seeds])
    values = values[:, np.isfinite(values).any(axis=0)]
    rows = np.flatnonzero(np.isfinite(values).all(axis=1))
    n = len(rows)
    if n < SMALL:
        yield caution(n) if n else "No architecture has runs on all of the images: not measured."
        return
    complete = values[rows]
    means = (complete - complete.mean(axis=0)).mean(axis=1)
    draws = np.concatenate([np.ones((1, n)), draw_resamples(n, RESAMPLES)])
    shares = {}
    body = []
    for attribute in KINDS:
        codes = codes_of(bench, attribute)[rows]
        measured = _share(means, codes, draws)
        low, high = percentile_interval(measured[1:], LEVEL)
        shares[attribute] = float(measured[0])
        body.append(
            [
                f"`{attribute}`",
                str(len(np.unique(codes))),
                f"{measured[0]:.2f} [{low:.2f}, {high:.2f}]",
                f"n = {n}",
            ]
        )
    yield table(["attribute", "values", "share of the variance", "over"], body)
    most = max(shares, key=lambda attribute: shares[attribute])
    yield _levels(bench, rows, means, most, draws)
    if shares[most] >= _MOST:
        yield (
            f"`{most}` accounts for {shares[most]:.0%} of the variance of PSNR between "
            f"architectures, more than all else: a score or a search has to be better than to know "
            f"it."
        )


def _share(
    values: NDArray[np.float64], codes: NDArray[np.intp], draws: NDArray[np.floating]
) -> NDArray[np.float64]:
    """(resamples,) ω² of one-way analysis of variance, at least 0."""
    groups, members = np.unique(codes, return_inverse=True)
    of_group = (members[:, None] == np.arange(len(groups))).astype(np.float64)
    counts, sums = draws @ of_group, draws @ (of_group * values[:, None])
    total = draws.sum(axis=1)
    grand = draws @ values / total
    with np.errstate(invalid="ignore", divide="ignore"):
        between = np.where(counts > 0, counts * (sums / counts - grand[:, None]) ** 2, 0.0).sum(1)
        whole = draws @ values**2 - total * grand**2
        there = (counts > 0).sum(axis=1)
        within = (whole - between) / (total - there)
        share = (between - (there - 1) * within) / (whole + within)
    return np.asarray(np.maximum(0.0, share))


def _levels(
    bench: NASDIPBench,
    rows: NDArray[np.intp],
    means: NDArray[np.float64],
    attribute: str,
    draws: NDArray[np.floating],
) -> str:
    """The values of an attribute, best first."""
    named = np.array([str(getattr(arch.attributes, attribute)) for arch in bench])[rows]
    body = []
    for value in np.unique(named):
        mine = named == value
        with np.errstate(invalid="ignore", divide="ignore"):
            measured = draws[:, mine] @ means[mine] / draws[:, mine].sum(axis=1)
        shown = f"{measured[0]:+.2f}"
        if mine.sum() >= FEWEST:
            low, high = percentile_interval(measured[1:], LEVEL)
            shown += f" [{low:+.2f}, {high:+.2f}]"
        body.append((-float(measured[0]), [str(value), shown, f"n = {mine.sum()}"]))
    rows_ = [row for _, row in sorted(body)]
    return table([f"`{attribute}`", "mean, against that of all", "over"], rows_)
