"""Candidates ranked for one image by a training-free score: the first step of ISNAS.

Source: ISNAS-DIP (CVPR 2022), section 4: untrained networks are sorted by the distance of their
outputs' power spectral density to that of the corrupted image, ascending.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasdip_bench.errors import ConfigError, unknown_name
from nasdip_bench.isnas.degraded import Degraded
from nasdip_bench.proxies import image_scores, info, network_scores, prepare, score, score_network
from nasdip_bench.space import Architecture
from nasdip_bench.spectrum import Spectrum
from nasdip_bench.untrained import Initialised, initialisations

if TYPE_CHECKING:
    import torch

__all__ = ["Ranked", "check_score", "ranked", "score_candidates"]


@dataclass(frozen=True)
class Ranked:
    """A candidate and its score, the mean over its initialisations; lower is better."""

    architecture: Architecture
    score: float


def check_score(name: str) -> None:
    """Raise `ConfigError` unless candidates can be ranked by a score: where lower is better.

    Raises:
        UnknownNameError: no such score.
    """
    names = (*image_scores(), *network_scores())
    if name not in names:
        raise unknown_name("score", name, names)
    if info(name).lower_is_better is not True:
        usable = [one for one in names if info(one).lower_is_better]
        raise ConfigError(
            f"score {name!r} is not one of which lower is better, by which the search ranks: use "
            f"one of {', '.join(usable)}"
        )


def score_candidates(
    problem: Degraded,
    candidates: Sequence[Architecture],
    name: str,
    *,
    channels: int,
    inits: int,
    device: torch.device | str = "cpu",
    known: Mapping[Architecture, float] | None = None,
    check: Callable[[], None] = lambda: None,
) -> Iterator[Ranked]:
    """Score candidates in their order, one batch of initialisations held at a time.

    Args:
        problem: what is to be restored; a ground truth is not looked at.
        candidates: the architectures.
        name: of the score; see `check_score`.
        channels: channels at every level of the networks.
        inits: initialisations a score is averaged over, at least 1.
        device: where networks run.
        known: scores that need not be computed again.
        check: called between evaluations; may raise to abandon the work.
    """
    check_score(name)
    known = known or {}
    reference = None
    if name in image_scores() and info(name).needs_reference:
        reference = prepare(problem.observation.corrupted, "corrupted image")
    for arch in candidates:
        if arch not in known:
            values = []
            for _, initialised in initialisations(arch, problem.shape, channels, inits, device):
                check()
                values.append(_evaluate(name, initialised, problem, reference))
                if info(name).depends_on == "structure":
                    break
            yield Ranked(arch, math.fsum(values) / len(values))
        else:
            yield Ranked(arch, known[arch])


def ranked(scored: Sequence[Ranked]) -> list[Ranked]:
    """Best first; ties in the order they came, and scores that are no numbers last."""
    return sorted(scored, key=lambda one: (math.isnan(one.score), one.score))


def _evaluate(
    name: str, initialised: Initialised, problem: Degraded, reference: Spectrum | None
) -> float:
    if name in image_scores():
        output = prepare(problem.task.reduce(initialised.output), "output")
        return score(name, output, reference)
    network, z, _ = initialised
    seen = problem.observation
    return score_network(name, network, z, seen.corrupted, problem.task, mask=seen.mask)
