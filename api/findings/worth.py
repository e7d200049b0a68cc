"""Which training-free score is worth its cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.errors import ConfigError
from nasdip_bench.proxies import network_scores
from nasdip_bench.ranks.bootstrap import attainable_tau
from nasdip_bench.ranks.chance import ChoicePValues, by_relabelling

from ..reading.runs import Block
from ..simulation.prices import CostModel
from ..statistics.intervals import MEAN, codes_of
from .choices import KIND
from .noise import between_seeds
from .pooled import FEWEST, Pooled, pooled_tau
from .words import SMALL, basis, caution, counts, listed, number, table, with_interval

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["worth_section"]

_TOP, _COHORT = 10, 15
_SIGNIFICANT = 0.05
_AS_CHEAP = 1.1
"""Times the least seconds that recorded times do not tell from it."""


def worth_section(bench: NASDIPBench, blocks: Sequence[Block], target: str) -> Iterator[str]:
    """The section's paragraphs."""
    yield "## Which score is worth its cost?"
    yield (
        "Scores that a user can have: against the corrupted image, or without a reference. Those "
        "against the ground truth are in Table 1. *Direction* is the one the score claims (sizes "
        "claim none: smallest first). A score *ranks* where tau lies on the side that it claims by "
        f"more than its error allows, at the {_SIGNIFICANT:.0%} level over all the scores that "
        f"claim a direction (Bonferroni). *Precision* is the share of its {_TOP} first that are "
        f"among the {_TOP} best; *regret*, how far the best of its {_COHORT} first is from the "
        "best of all, in dB; in parentheses the same for architectures at random; *p*, how often "
        "architectures that are relabelled at random, on all images at once, do as well (over "
        "those with run and score on all). A dash where the first are over half of what is there. "
        "To rank and to choose are two things: tau is over all architectures, and most pairs of "
        "them are of no interest to who wants a good one. *Within* is tau over the pairs of one "
        f"`{KIND}` alone, which PSNR depends on most where the section above says so: a score "
        "that only tells these apart has none. *Seconds* of the score for one "
        "architecture and image, all initialisations: as recorded, and for scores of the output "
        "with the networks' passes, which their record leaves out, at the rate of the recorded "
        "runs."
    )
    for block in blocks:
        yield f"**{basis(bench, block, block.default_seeds)}**"
        yield from _block(bench, block, target)


class _Judged(NamedTuple):
    """A score; the p-values are NaN where what they are of is not shown."""

    key: str
    direction: str
    tau: Pooled
    within: Pooled
    p: ChoicePValues
    seconds: float

    @property
    def claims(self) -> bool:
        return not self.direction.endswith("?")

    def as_claimed(self, tau: Pooled) -> bool:
        return (tau.value > 0) == (self.direction == "higher")


def _block(bench: NASDIPBench, block: Block, target: str) -> Iterator[str]:
    by_seed = [
        (block.matrix(target, seed), bench.runs.scores(block.task, block.fidelity, seed)[1])
        for seed in block.default_seeds
    ]
    scores = by_seed[0][1]
    kinds = codes_of(bench, KIND)
    taus, within = {}, {}
    for column, (_, reference) in enumerate(scores.columns):
        if reference != "ground_truth":
            pairs = [(matrix, of.values[:, :, column]) for matrix, of in by_seed]
            taus[scores.keys[column]] = pooled_tau(bench.images, pairs)
            within[scores.keys[column]] = pooled_tau(bench.images, pairs, kinds)
    taus = {key: one for key, one in taus.items() if one.images}
    if not taus:
        yield (
            f"No image has {FEWEST} architectures with a run and a score that differs between "
            f"them: not judged."
        )
        return
    most = _most_to_choose(bench, block)
    k, cohort = min(_TOP, most), min(_COHORT, most)
    merit = bench.proxy_table(block.task, k, [cohort], target, block.fidelity, resamples=0).drop(
        index=MEAN, level="image"
    )
    rates = _forward_seconds(bench, block)
    body, judged = [], []
    for key, tau in sorted(taus.items(), key=lambda item: -abs(item[1].value)):
        proxy, reference = key.split("/")
        mine = merit.xs((proxy, reference), level=("proxy", "reference")).loc[list(tau.images)]
        direction = str(mine["direction"].iloc[0])
        seconds = float(mine["seconds"].iloc[0])
        if proxy not in network_scores():
            seconds += _passes(bench, block, proxy, reference, rates)
        column, sign = scores.keys.index(key), -1 if direction == "higher" else 1
        rankings = [sign * of.values[:, :, column] for _, of in by_seed]
        p = _by_relabelling(bench, block, target, rankings, tau.images, k, cohort)
        fewest = int(mine["n"].min())
        p = ChoicePValues(
            p.precision if 2 * k <= fewest else math.nan,
            p.regret if 2 * cohort <= fewest else math.nan,
        )
        judged.append(_Judged(key, direction, tau, within[key], p, seconds))
        body.append(
            [
                f"`{key}`",
                direction,
                with_interval(tau),
                with_interval(within[key]),
                _beside(mine, "precision", p.precision),
                _beside(mine, f"regret_{cohort}", p.regret),
                f"{seconds:.2g}",
                counts(tau),
            ]
        )
    head = ["score", "direction", "tau", "within", f"precision of {k}", f"regret of {cohort}"]
    yield table([*head, "seconds", "over"], body)
    ceilings = [between_seeds(bench, block, target, within=within) for within in (False, True)]
    yield _conclusion(judged, *ceilings)


def _by_relabelling(
    bench: NASDIPBench,
    block: Block,
    target: str,
    rankings: Sequence[NDArray[np.float64]],
    images: Sequence[str],
    k: int,
    cohort: int,
) -> ChoicePValues:
    """Over the architectures with score and run on all of the images, at all default seeds.

    Rankings are by default seed.
    """
    columns = [bench.images.index(image) for image in images]
    seeds = block.default_seeds
    values = np.hstack([block.matrix(target, seed)[:, columns] for seed in seeds])
    ended = np.hstack([_ended(block, seed)[:, columns] for seed in seeds])
    ranked = np.hstack([ranking[:, columns] for ranking in rankings])
    rows = (ended & np.isfinite(ranked)).all(axis=1)
    if (np.isfinite(values[rows]).sum(axis=0) < k).any() or rows.sum() < cohort:
        return ChoicePValues(math.nan, math.nan)
    return by_relabelling(ranked[rows], block.direction(target) * values[rows], k, cohort)


def _ended(block: Block, seed: int) -> NDArray[np.bool_]:
    return np.isin(block.statuses(seed), [STATUSES.index("ok"), STATUSES.index("diverged")])


def _most_to_choose(bench: NASDIPBench, block: Block) -> int:
    """The fewest architectures that can be chosen from by any score, on an image that has any."""
    found = []
    for seed in block.default_seeds:
        _, scores = bench.runs.scores(block.task, block.fidelity, seed)
        done = _ended(block, seed)
        found.append((done[:, :, None] & np.isfinite(scores.values)).sum(axis=0))
    having = np.stack(found)
    return int(having[having > 0].min())


def _forward_seconds(bench: NASDIPBench, block: Block) -> NDArray[np.float64]:
    """(architecture,) seconds of a forward pass; NaN where no rate is recorded."""
    try:
        return CostModel().prices(bench, block, 0, block.default_seeds[0]).forward
    except ConfigError:
        return np.full(len(bench), math.nan)


def _passes(
    bench: NASDIPBench, block: Block, proxy: str, reference: str, rates: NDArray[np.float64]
) -> float:
    """Seconds of the forward passes of a score's initialisations, the mean over its rows."""
    scores = bench.to_frame("scores")
    mine = scores[
        (scores["task"] == block.task)
        & (scores["fidelity"] == block.fidelity)
        & (scores["proxy"] == proxy)
        & (scores["reference"] == reference)
    ]
    return float((mine["inits"] * rates[mine["arch_id"]]).mean())


def _beside(rows: pd.DataFrame, name: str, p: float) -> str:
    if math.isnan(p):
        return "–"
    value, chance = (rows[column].mean() for column in (name, f"{name}_chance"))
    return f"{number(value, '.2f')} ({number(chance, '.2f')}), p = {p:.2g}"


def _conclusion(judged: Sequence[_Judged], ceiling: Pooled, ceiling_within: Pooled) -> str:
    """What the numbers allow to say of a block's scores."""
    fewest = min(one.tau.n[0] for one in judged)
    if words := caution(fewest):
        return words
    claiming = [one for one in judged if one.claims]
    tests = len(claiming)
    decided = [one for one in claiming if one.tau.decided_among(tests)]
    ranks = [one for one in decided if one.as_claimed(one.tau)]
    against = [one for one in decided if not one.as_claimed(one.tau)]
    inside = [
        one for one in claiming if one.within.decided_among(tests) and one.as_claimed(one.within)
    ]
    if ranks:
        sentences = [
            f"{len(ranks)} of the {tests} scores that claim a direction "
            f"{'ranks' if len(ranks) == 1 else 'rank'} in it: "
            f"{_names(ranks)}. {_first_among(ranks, ceiling)}"
        ]
    else:
        sentences = [f"None of the {tests} scores that claim a direction is shown to rank in it."]
    if against:
        sentences.append(f"Against what they claim: {_names(against)}.")
    seen = ceiling_within.images and ceiling_within.n[0] >= SMALL
    these = f"{_names(inside)} {'does' if len(inside) == 1 else 'do'}"
    sentences.append(
        f"Within one `{KIND}`, {these if inside else 'none is shown to'}"
        + (f", where two seeds agree with {with_interval(ceiling_within)}." if seen else ".")
    )
    for measure in ChoicePValues._fields:
        p = {one.key: getattr(one.p, measure) for one in claiming}
        known = [one for one in claiming if not math.isnan(p[one.key])]
        better = [one for one in known if p[one.key] < _SIGNIFICANT / len(known)]
        if known:
            sentences.append(
                f"Better than chance in {measure}, corrected likewise: "
                f"{_names(better) if better else 'none'}."
            )
    return " ".join(sentences)


def _first_among(ranks: Sequence[_Judged], ceiling: Pooled) -> str:
    """Of those that rank: the largest tau, whether that is decided, and the cheapest."""
    best = ranks[0]
    text = f"Largest |tau|: `{best.key}` ({best.tau.value:+.2f}"
    # Of other architectures the ceiling would be another.
    if ceiling.n == best.tau.n and attainable_tau(ceiling.value) > 0:
        share = abs(best.tau.value) / attainable_tau(ceiling.value)
        text += f", {share:.0%} of what is attainable given the noise of a run"
    lowest = min(one.seconds for one in ranks)
    cheap = [one for one in ranks if one.seconds <= _AS_CHEAP * lowest]
    text += f"); cheapest: {_names(cheap)} ({lowest:.2g} s)."
    rivals = [one for one in ranks[1:] if one.tau.low <= best.tau.value <= one.tau.high]
    if rivals:
        text += (
            f" Their order is not decided: the best value lies in the intervals of "
            f"{_names(rivals)}."
        )
    return text


def _names(scores: Sequence[_Judged]) -> str:
    return listed(f"`{one.key}`" for one in scores)
