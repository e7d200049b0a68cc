"""Fidelities with each other, and images with each other: is the one a stand-in for the other?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from scipy.stats import binomtest

from nasdip_bench.api.findings.noise import between_seeds
from nasdip_bench.api.findings.pooled import Pooled, image_effect, pooled_tau, stand_in_loss
from nasdip_bench.api.findings.words import (
    basis,
    caution,
    counts,
    number,
    sign_of,
    table,
    where,
    with_interval,
)
from nasdip_bench.api.index import Block
from nasdip_bench.api.overlaps import across_seeds
from nasdip_bench.api.paper.forms import plain
from nasdip_bench.errors import ConfigError

if TYPE_CHECKING:
    from nasdip_bench.api.benchmark import NASDIPBench

__all__ = ["fidelity_section", "image_section"]

_SIGNIFICANT = 0.05
_TOP = 10


def fidelity_section(bench: NASDIPBench, blocks: Sequence[Block], target: str) -> Iterator[str]:
    """Does a cheap fidelity rank as a dear one does?"""
    yield "## Is a cheap fidelity a stand-in?"
    yield (
        "Tau of the same architectures between two fidelities, a seed of the one with a seed of "
        "the other. It is bounded by the noise of both, so that tau between seeds stands beside "
        "it. *Loss* is tau between two seeds of one fidelity, less tau of these with the other, "
        "over the same architectures and images: where its interval is above 0, the two rank less "
        "alike than two seeds do."
    )
    body, said = [], []
    for a, b in itertools.combinations(blocks, 2):
        if a.task != b.task:
            continue
        pairs = [
            (a.matrix(target, s), b.matrix(target, t))
            for s in a.default_seeds
            for t in b.default_seeds
        ]
        found = pooled_tau(bench.images, pairs)
        ceilings = [between_seeds(bench, block, target).value for block in (a, b)]
        runs = [[block.matrix(target, seed) for seed in block.seeds] for block in (a, b)]
        losses = [stand_in_loss(bench.images, *sides) for sides in (runs, runs[::-1])]
        both = f"{where(a)} and {plain(b.fidelity)}"
        body.append(
            [
                both,
                with_interval(found),
                *map(number, ceilings),
                "; ".join(f"{with_interval(one)}, {counts(one)}" for one in losses if one) or "–",
                counts(found),
            ]
        )
        said.append(f"- {both}: {_stand_in(found, [one for one in losses if one])}")
        if found.images and (words := caution(found.n[0])):
            said[-1] += f" {words}"
    if not body:
        having = ", ".join(map(where, blocks))
        yield f"No task has runs at two fidelities (there is: {having}): not measured."
        return
    head = ["fidelities", "tau between", "seeds of the first", "of the second", "loss", "over"]
    yield table(head, body)
    yield "\n".join(said)


def _stand_in(found: Pooled, losses: Sequence[Pooled]) -> str:
    if not found.images:
        return "no image has enough architectures in common; not measured."
    if found.low <= 0:
        return "agreement beyond chance cannot be shown."
    if not losses:
        return (
            "they agree beyond chance; without a second seed it is not known how well they could."
        )
    if all(one.low > 0 for one in losses):
        return "they agree beyond chance, and less than two seeds do: a stand-in with loss."
    said = "they agree beyond chance; that they agree less than two seeds do is not shown."
    return f"{said} {caution(min(one.n[0] for one in losses))}".rstrip()


def image_section(bench: NASDIPBench, blocks: Sequence[Block], target: str) -> Iterator[str]:
    """Does the best network depend on the image?"""
    yield "## Does the best network depend on the image?"
    yield (
        "The paper's starting point (Figure 1) is that images share few of their ten best "
        "architectures. A run is noisy, so that one image shares only some of them with itself "
        "under another seed; the image matters as far as two images share less than that. The same "
        "with tau, over all architectures and not ten: between two runs of one image, between runs "
        "of two images, always of two different seeds (those with most in common), and the "
        "difference. Substitutes are images like the others here."
    )
    for block in blocks:
        yield f"**{basis(bench, block, block.seeds)}**"
        yield from _overlap(bench, block, target)
        yield from _effect(bench, block, target)


def _overlap(bench: NASDIPBench, block: Block, target: str) -> Iterator[str]:
    try:
        table_ = bench.overlap_table(block.task, _TOP, target, block.fidelity)
    except ConfigError as error:
        yield f"Overlap: not computed ({plain(str(error))})."
        return
    n, n_across = int(table_["n"].min()), int(table_["n_across_seeds"].min())
    shared, expected = float(table_["shared"].mean()), float(table_["expected"].mean())
    better = int((table_["p_value"] < _SIGNIFICANT).sum())
    text = (
        f"Top {_TOP} of n = {n}: two images share {shared:.1f} on average, {expected:.1f} by "
        f"chance; {better} of {len(table_)} pairs of images share more than chance would, at the "
        f"{_SIGNIFICANT:.0%} level."
    )
    if n < 5 * _TOP:
        text += f" {_TOP} of {n} is hardly a selection: chance alone makes images share many."
    yield text
    if not n_across:
        yield "Between seeds: no two seeds share enough architectures on all images."
        return
    shared_with = across_seeds(bench, block, target, _TOP).shared
    own = shared_with.diagonal()
    others = (shared_with.sum(axis=1) - own) / max(1, len(own) - 1)
    above, unequal = int((own > others).sum()), int((own != others).sum())
    p = float(binomtest(above, unequal).pvalue) if unequal else 1.0
    yield (
        f"Between seeds, n = {n_across}: one image shares "
        f"{table_['same_image_across_seeds'].mean():.1f} with itself, "
        f"{table_['shared_across_seeds'].mean():.1f} with another, "
        f"{table_['expected_across_seeds'].mean():.1f} by chance. The former is larger for {above} "
        f"of {len(own)} images (sign test, p = {p:.2g}, optimistic since all images are measured "
        f"on the same architectures): "
        + (
            "more than seed noise."
            if p < _SIGNIFICANT and 2 * above > unequal
            else "not told from seed noise."
        )
    )


def _effect(bench: NASDIPBench, block: Block, target: str) -> Iterator[str]:
    found = image_effect(bench.images, [block.matrix(target, seed) for seed in block.seeds])
    if found is None:
        yield "Tau between images against seeds: needs two seeds with runs in common; not measured."
        return
    own, others, effect = found
    yield table(
        ["tau, same image", "tau, two images", "difference", "over"],
        [[with_interval(own), with_interval(others), with_interval(effect), counts(effect)]],
    )
    sentence = {
        "positive": "The ranking depends on the image, beyond the noise of a run.",
        "negative": "Images agree with each other better than with themselves.",
    }.get(sign_of(effect), "Whether the ranking depends on the image is not decided.")
    if others.low > 0:
        sentence += " Much of it is common to the images: between two images tau is positive, too."
    yield f"{sentence} {caution(effect.n[0])}".rstrip()
