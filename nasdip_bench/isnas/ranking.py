"""Candidates ranked for one image by a training-free score: the first step of ISNAS.

Source: ISNAS-DIP (CVPR 2022), section 4: untrained networks are sorted by the distance of their
outputs' power spectral density to that of the corrupted image, ascending.

Must not import torch before networks are scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasdip_bench.errors import ConfigError, check_name
from nasdip_bench.proxies import (
    NO_REFERENCE,
    image_scores,
    info,
    named_score,
    network_scores,
    prepare,
    score,
    score_network,
)
from nasdip_bench.proxies.info import CORRUPTED
from nasdip_bench.proxies.spectrum import Spectrum
from nasdip_bench.space import Architecture

from .image import Degraded

if TYPE_CHECKING:
    import torch

    from nasdip_bench.proxies.scoring import Initialised, Outputs


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


@dataclass(frozen=True)
class Ranked:
    """A candidate and its score, the mean over its initialisations; lower is better."""

    architecture: Architecture
    score: float


class Judge:
    """Scores untrained networks for one image, and holds its spectrum.

    Args:
        problem: the image to restore; a ground truth is ignored.
        names: names of the scores; see `check_score`.

    Attributes:
        shape: (C, H, W) of the networks' outputs.
    """

    def __init__(self, problem: Degraded, names: Sequence[str]) -> None:
        for name in names:
            check_score(name)
        self.names, self.shape = tuple(names), problem.shape
        self._problem = problem
        self._reference: Spectrum | None = None
        if any(name in image_scores() and info(name).needs_reference for name in names):
            self._reference = prepare(problem.observation.corrupted, "corrupted image")

    def scores(self, one: Initialised, k: int, outputs: Outputs) -> dict[str, float]:
        """The scores of one initialisation; those of the structure only for the first.

        Args:
            one: the initialised network.
            k: its number.
            outputs: spectra of its output.
        """
        task = self._problem.task
        found = {}
        for name in self.names:
            if k and info(name).depends_on == "structure":
                continue
            if name in image_scores():
                found[name] = score(name, outputs.spectrum(task), self._reference)
            else:
                seen = self._problem.observation
                found[name] = score_network(
                    name, one.network, one.z, seen.corrupted, task, mask=seen.mask
                )
        return found


def mean_scores(
    arch: Architecture,
    judges: Sequence[Judge],
    *,
    channels: int,
    inits: int,
    device: torch.device | str = "cpu",
    check: Callable[[], None] = lambda: None,
) -> list[dict[str, float]]:
    """Scores of an architecture for several images of one shape, which share its outputs.

    Args:
        arch: the architecture.
        judges: one per image.
        channels: channels at every level of the networks.
        inits: initialisations a score is averaged over, at least 1.
        device: where networks run.
        check: called between evaluations; may raise to abandon the work.

    Returns:
        for each judge, the mean by score.
    """
    from nasdip_bench.proxies.scoring import Outputs, initialisations

    values: list[dict[str, list[float]]] = [{name: [] for name in j.names} for j in judges]
    for k, one in initialisations(arch, judges[0].shape, channels, inits, device):
        outputs = Outputs(one.output)
        for judge, mine in zip(judges, values, strict=True):
            check()
            for name, value in judge.scores(one, k, outputs).items():
                mine[name].append(value)
    return [{name: math.fsum(v) / len(v) for name, v in mine.items()} for mine in values]


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
    """Score candidates in order, holding one batch of initialisations at a time.

    Args:
        problem: the image to restore; a ground truth is ignored.
        candidates: the architectures.
        name: name of the score; see `check_score`.
        channels: channels at every level of the networks.
        inits: initialisations a score is averaged over, at least 1.
        device: where networks run.
        known: scores that need not be computed again.
        check: called between evaluations; may raise to abandon the work.
    """
    judge = Judge(problem, [name])
    known = known or {}
    for arch in candidates:
        if arch not in known:
            (values,) = mean_scores(
                arch, [judge], channels=channels, inits=inits, device=device, check=check
            )
            yield Ranked(arch, values[name])
        else:
            yield Ranked(arch, known[arch])


def ranked(scored: Sequence[Ranked]) -> list[Ranked]:
    """Sort best first; ties keep their order, and NaN scores come last."""
    return sorted(scored, key=lambda one: (math.isnan(one.score), one.score))
