"""Candidates ranked for one image by a training-free score: the first step of ISNAS.

Source: ISNAS-DIP (CVPR 2022), section 4: untrained networks are sorted by the distance of their
outputs' power spectral density to that of the corrupted image, ascending.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from nasdip_bench.errors import ConfigError, check_name
from nasdip_bench.proxies import (
    NO_REFERENCE,
    image_scores,
    info,
    named_score,
    network_scores,
    prepare,
)
from nasdip_bench.proxies.info import CORRUPTED
from nasdip_bench.space import Architecture

from .image import Degraded

if TYPE_CHECKING:
    import torch

    from nasdip_bench.proxies.scoring import Scored


def check_score(name: str) -> None:
    """Raise `ConfigError` unless a score can rank candidates, for which lower must be better.

    Raises:
        UnknownNameError: no such score.
    """
    names = (*image_scores(), *network_scores())
    check_name("score", name, names)
    if info(name).lower_is_better is not True:
        usable = [one for one in names if info(one).lower_is_better]
        raise ConfigError(
            f"score {name!r} cannot be used: the search ranks only by scores where lower is "
            f"better; use one of {', '.join(usable)}"
        )


def searched_score(text: str) -> str:
    """The name of a score, given alone or with a reference that a search has.

    Raises:
        UnknownNameError: no such score, or one against the ground truth.
    """
    names = (*image_scores(), *network_scores())
    there = [(one, CORRUPTED if info(one).needs_reference else NO_REFERENCE) for one in names]
    return named_score(text, there)[0]


def scored_image(problem: Degraded, names: Collection[str]) -> Scored:
    """An image to restore as candidates are scored for it; a ground truth is ignored.

    Args:
        problem: the image.
        names: names of the scores; see `check_score`.
    """
    from nasdip_bench.proxies.scoring import Scored

    for name in names:
        check_score(name)
    seen = problem.observation
    return Scored(
        task=problem.task,
        corrupted=seen.corrupted,
        mask=seen.mask,
        references={CORRUPTED: prepare(seen.corrupted, "corrupted image")},
        shape=problem.shape,
        wanted=lambda one: one.proxy in names,
    )


def mean_scores(
    arch: Architecture,
    image: Scored,
    *,
    channels: int,
    inits: int,
    device: torch.device | str = "cpu",
    check: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """The scores of an architecture by name, each the mean over its initialisations.

    Args:
        arch: the architecture.
        image: from `scored_image`.
        channels, inits, device, check: see `nasdip_bench.proxies.scoring.score_architecture`.
    """
    from nasdip_bench.proxies.scoring import score_architecture

    (found,) = score_architecture(
        arch, [image], channels=channels, inits=inits, device=device, check=check
    )
    return {
        name.proxy: math.fsum(samples.values) / len(samples.values)
        for name, samples in found.items()
    }


def ranked(scores: Mapping[Architecture, float]) -> dict[Architecture, float]:
    """Sort scores best first; ties keep their order, and NaN scores come last."""
    return dict(sorted(scores.items(), key=lambda one: (math.isnan(one[1]), one[1])))
