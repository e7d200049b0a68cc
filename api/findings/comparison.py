"""Fidelities with each other, and images with each other: is the one a stand-in for the other?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from scipy.stats import binomtest

from nasdip_bench.errors import ConfigError

from ..exhibits.forms import plain
from ..reading.runs import Block
from ..statistics.overlaps import across_seeds
from .pooled import Pooled, image_effect, pooled_tau, stand_in_loss
from .printed import own_images
from .words import SMALL, basis, caution, counts, sign_of, table, where, with_interval

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["fidelity_section", "image_section"]

_SIGNIFICANT = 0.05
_TOP = 10


def fidelity_section(bench: NASDIPBench, blocks: Sequence[Block], target: str) -> Iterator[str]:
    """Does a cheap fidelity rank as a dear one does?"""
    yield "## Is a cheap fidelity a stand-in?"
    yield (
        "Tau of the same architectures between two fidelities, a seed of the one with a seed of "
        "the other. It is bounded by the noise of both."
    )
    body, losses, said = [], [], []
    for a, b in itertools.combinations(blocks, 2):
        if a.task != b.task:
            continue
        pairs = [
            (a.matrix(target, s), b.matrix(target, t))
            for s in a.default_seeds
            for t in b.default_seeds
        ]
        found = pooled_tau(bench.images, pairs)
        both = f"{where(a)} and {plain(b.fidelity)}"
        body.append([both, with_interval(found), counts(found)])
        runs = [[block.matrix(target, seed) for seed in block.seeds] for block in (a, b)]
        mine = []
        for one, other, sides in ((a, b, runs), (b, a, runs[::-1])):
            if compared := stand_in_loss(bench.images, *sides):
                mine.append(compared[-1])
                losses.append(
                    [where(one), plain(other.fidelity), *map(with_interval, compared),
                     counts(compared[-1])]
                )  # fmt: skip
        said.append(f"- {both}: {_stand_in(found, mine)}")
    if not body:
        having = ", ".join(map(where, blocks))
        yield f"No task has runs at two fidelities (there is: {having}): not measured."
        return
    yield table(["fidelities", "tau between", "over"], body)
    if losses:
        yield (
            "Tau between two seeds of a fidelity, and of these with the other fidelity, over the "
            "same architectures and images; *loss* is the first less the second: where its "
            "interval is above 0, the two fidelities rank less alike than two seeds do."
        )
        head = ["seeds of", "other", "tau between seeds", "tau with the other", "loss", "over"]
        yield table(head, losses)
    yield "\n".join(said)


def _stand_in(found: Pooled, losses: Sequence[Pooled]) -> str:
    if not found.images:
        return "no image has enough architectures in common; not measured."
    if words := caution(found.n[0]):
        return words
    if found.low <= 0:
        return "agreement beyond chance cannot be shown."
    said = "they agree beyond chance"
    if not losses:
        return f"{said}; without a second seed it is not known how well they could."
    if (n := min(one.n[0] for one in losses)) < SMALL:
        return f"{said}; of the loss nothing is concluded from n = {n} architectures."
    if all(one.low > 0 for one in losses):
        return f"{said}, and less than two seeds do: a stand-in with loss."
    return f"{said}; that they agree less than two seeds do is not shown."


def image_section(bench: NASDIPBench, blocks: Sequence[Block], target: str) -> Iterator[str]:
    """Does the best network depend on the image?"""
    yield "## Does the best network depend on the image?"
    yield (
        "The paper's starting point (Figure 1) is that images share few of their ten best "
        "architectures. A run is noisy, so that one image shares only some of them with itself "
        "under another seed; the image matters as far as two images share less than that. The same "
        "with tau, over all architectures and not ten: between two runs of one image, between runs "
        "of two images, always of two different seeds (those with most in common), and the "
        "difference. An image has one corruption, which all seeds share: what is the image's is "
        "that corruption's, too. Substitutes are images like the others, but a set with an odd one "
        "among them differs more: the conclusion is drawn from the paper's own, if there are two."
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
    better, surely = (
        int((table_["p_value"] < level).sum())
        for level in (_SIGNIFICANT, _SIGNIFICANT / len(table_))
    )
    yield (
        f"Top {_TOP} of n = {n}: two images share {shared:.1f} on average, {expected:.1f} by "
        f"chance; {better} of {len(table_)} pairs of images share more than chance would, at the "
        f"{_SIGNIFICANT:.0%} level ({_SIGNIFICANT * len(table_):.2g} would by chance; corrected "
        f"for their number, {surely} do).{_hardly(n)}"
    )
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
            if p < _SIGNIFICANT and 2 * above > unequal and n_across >= SMALL
            else f"not told from seed noise.{_hardly(n_across)}"
        )
    )


def _hardly(n: int) -> str:
    """What is to be said of a top that is much of all there is; "" where nothing is."""
    if n >= 5 * _TOP:
        return ""
    return f" {_TOP} of {n} is hardly a selection: chance alone makes images share many."


def _effect(bench: NASDIPBench, block: Block, target: str) -> Iterator[str]:
    body, effect, others, said = [], None, None, ""
    for name, images in _groups(bench).items():
        columns = [bench.images.index(image) for image in images]
        runs = [block.matrix(target, seed)[:, columns] for seed in block.seeds]
        if found := image_effect(images, runs):
            _, others, effect = found
            body.append([name, *map(with_interval, found), counts(effect)])
            said = name
    if effect is None or others is None:
        yield "Tau between images against seeds: needs two seeds with runs in common; not measured."
        return
    yield table(["images", "tau, same image", "tau, two images", "difference", "over"], body)
    if words := caution(effect.n[0]):
        yield words
        return
    sentence = {
        "positive": "the ranking depends on the image, beyond the noise of a run.",
        "negative": "images agree with each other better than with themselves.",
    }.get(sign_of(effect), "whether the ranking depends on the image is not decided.")
    if others.low > 0:
        sentence += " Much of it is common to the images: between two images tau is positive, too."
    yield f"Over {said}: {sentence}"


def _groups(bench: NASDIPBench) -> dict[str, Sequence[str]]:
    """Sets of images by name; the last is the one to conclude from."""
    own = own_images(bench)
    groups: dict[str, Sequence[str]] = {"all images": bench.images}
    return groups | ({"the paper's own": own} if 1 < len(own) < len(bench.images) else {})
