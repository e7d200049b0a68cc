"""Which training-free score is worth its cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nasdip_bench.agreement import attainable_tau
from nasdip_bench.api.agreement import MEAN
from nasdip_bench.api.findings.noise import between_seeds
from nasdip_bench.api.findings.pooled import FEWEST, Pooled, pooled_tau
from nasdip_bench.api.findings.words import (
    basis,
    caution,
    counts,
    listed,
    number,
    table,
    with_interval,
)
from nasdip_bench.api.index import Block
from nasdip_bench.api.simulation_cost import CostModel
from nasdip_bench.errors import ConfigError
from nasdip_bench.proxies import network_scores
from nasdip_bench.schema import STATUSES

if TYPE_CHECKING:
    from nasdip_bench.api.benchmark import NASDIPBench

__all__ = ["worth_section"]

_TOP, _COHORT = 10, 15


def worth_section(bench: NASDIPBench, blocks: Sequence[Block], target: str) -> Iterator[str]:
    """The section's paragraphs."""
    yield "## Which score is worth its cost?"
    yield (
        "Scores that a user can have: against the corrupted image, or without a reference. Those "
        "against the ground truth are in Table 1. *Direction* is the one the score claims (sizes "
        "claim none: smallest first); a score works where the interval of tau excludes 0 on the "
        f"side that it claims. *Precision* is the share of its {_TOP} first that are among the "
        f"{_TOP} best; *regret*, how far the best of its {_COHORT} first is from the best of all, "
        "in dB; in parentheses the same for architectures at random. *Seconds* of the score for "
        "one architecture and image, all initialisations: as recorded, and for scores of the "
        "output with the networks' passes, which their record leaves out, at the rate of the "
        "recorded runs."
    )
    for block in blocks:
        yield f"**{basis(bench, block, block.default_seeds)}**"
        yield from _block(bench, block, target)


def _block(bench: NASDIPBench, block: Block, target: str) -> Iterator[str]:
    _, scores = bench.runs.scores(block.task, block.fidelity)
    targets = [block.matrix(target, seed) for seed in block.default_seeds]
    taus: dict[str, Pooled] = {}
    for column, (_, reference) in enumerate(scores.columns):
        if reference != "ground_truth":
            pairs = [(matrix, scores.values[:, :, column]) for matrix in targets]
            taus[scores.keys[column]] = pooled_tau(bench.images, pairs)
    taus = {key: one for key, one in taus.items() if one.images}
    if not taus:
        yield (
            f"No image has {FEWEST} architectures with a run and a score that differs between "
            f"them: not judged."
        )
        return
    fewest = min(one.n[0] for one in taus.values())
    most = _most_to_choose(bench, block)
    k, cohort = min(_TOP, most), min(_COHORT, most)
    merit = bench.proxy_table(block.task, k, [cohort], target, block.fidelity, resamples=0).drop(
        index=MEAN, level="image"
    )
    passes = _passes(bench, block)
    body, works, seconds = [], {}, {}
    direction_of: dict[str, str] = {}
    for key, tau in sorted(taus.items(), key=lambda item: -abs(item[1].value)):
        proxy, reference = key.split("/")
        mine = merit.xs((proxy, reference), level=("proxy", "reference")).loc[list(tau.images)]
        direction = direction_of[key] = str(mine["direction"].iloc[0])
        seconds[key] = float(mine["seconds"].iloc[0])
        if proxy not in network_scores():
            seconds[key] += passes
        right = tau.low > 0 if direction == "higher" else tau.high < 0
        if right and not direction.endswith("?"):
            works[key] = tau
        body.append(
            [
                f"`{key}`",
                direction,
                with_interval(tau),
                _beside(mine, "precision", "precision_chance"),
                _beside(mine, f"regret_{cohort}", f"regret_{cohort}_chance"),
                f"{seconds[key]:.2g}",
                counts(tau),
            ]
        )
    head = ["score", "direction", "tau", f"precision of {k}", f"regret of {cohort}", "seconds"]
    yield table([*head, "over"], body)
    claiming = sum(direction_of[key] != "lower?" for key in taus)
    yield _conclusion(works, claiming, seconds, between_seeds(bench, block, target).value)
    remarks = [caution(fewest)]
    if cohort * 2 > fewest:
        remarks.append(f"{cohort} of {fewest} is most of what is there: regret says little here.")
    if any(remarks):
        yield " ".join(filter(None, remarks))


def _most_to_choose(bench: NASDIPBench, block: Block) -> int:
    """The fewest architectures that can be chosen from by any score, on an image that has any."""
    _, scores = bench.runs.scores(block.task, block.fidelity)
    found = []
    for seed in block.default_seeds:
        statuses = block.statuses(seed)
        done = (statuses == STATUSES.index("ok")) | (statuses == STATUSES.index("diverged"))
        found.append((done[:, :, None] & np.isfinite(scores.values)).sum(axis=0))
    having = np.stack(found)
    return int(having[having > 0].min())


def _passes(bench: NASDIPBench, block: Block) -> float:
    """Seconds of a forward pass for each scoring initialisation; NaN where no rate is recorded."""
    try:
        forward = CostModel().prices(bench, block, 0, block.default_seeds[0]).forward
    except ConfigError:
        return math.nan
    scores = bench.to_frame("scores")
    mine = scores[(scores["task"] == block.task) & (scores["fidelity"] == block.fidelity)]
    scored = forward[mine["arch_id"].unique()]
    return float(mine["inits"].mean() * np.nanmean(scored)) if len(scored) else math.nan


def _beside(rows: pd.DataFrame, name: str, chance: str) -> str:
    values: list[Any] = [rows[column].mean() for column in (name, chance)]
    return f"{number(values[0], '.2f')} ({number(values[1], '.2f')})"


def _conclusion(
    works: dict[str, Pooled], tried: int, seconds: dict[str, float], between: float
) -> str:
    if not works:
        return (
            f"None of the {tried} scores that claim a direction is shown to work: no interval "
            f"excludes 0 on the side that the score claims."
        )
    best = next(iter(works))
    cheapest = min(works, key=lambda key: seconds[key])
    text = (
        f"{len(works)} of the {tried} scores that claim a direction work, by the interval: "
        f"{listed(f'`{key}`' for key in works)}. Largest |tau|: `{best}` "
        f"({works[best].value:+.2f}"
    )
    if attainable_tau(between) > 0:
        share = abs(works[best].value) / attainable_tau(between)
        text += f", {share:.0%} of what is attainable given the noise of a run"
    text += f"); cheapest: `{cheapest}` ({seconds[cheapest]:.2g} s). "
    rivals = [key for key in works if works[key].low <= works[best].value <= works[key].high]
    if len(rivals) > 1:
        text += (
            "Their order is not decided: the best value lies in the intervals of "
            f"{listed(f'`{key}`' for key in rivals if key != best)}. "
        )
    return text + f"Of {tried} scores without any worth {tried * 0.025:.2g} would seem to work."
