"""Pieces of work of an experiment, and what makes each the one it is. Must not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from nasdip_bench.experiments.methods import Method

__all__ = ["FIT_PURPOSES", "FitKey", "FitUnit", "Pair", "RankingUnit", "ResultKey", "Unit"]

FIT_PURPOSES = ("baseline", "classical", "cohort-full", "cohort-resized", "restore")


class Pair(NamedTuple):
    """An image to restore."""

    image: str
    task: str


class ResultKey(NamedTuple):
    """A result that is asked for; the seed is None where nothing is drawn."""

    set: str
    image: str
    task: str
    method: Method
    seed: int | None

    @property
    def pair(self) -> Pair:
        """The image and task."""
        return Pair(self.image, self.task)


class FitKey(NamedTuple):
    """What makes a fit the one it is, within a setting.

    Attributes:
        image: its name.
        task: its name.
        network: canonical string of an architecture, "dip", "nas_dip" or "classical".
        purpose: one of `FIT_PURPOSES`.
        seed: 0 for a classical method, which draws nothing.
    """

    image: str
    task: str
    network: str
    purpose: str
    seed: int

    @property
    def pair(self) -> Pair:
        """The image and task."""
        return Pair(self.image, self.task)


@dataclass(frozen=True)
class FitUnit:
    """One restoration, of a network or a classical method."""

    key: FitKey
    kind = "fits"

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The images that it makes something possible for."""
        return (self.key.pair,)

    def __str__(self) -> str:
        return "/".join(map(str, self.key))


@dataclass(frozen=True)
class RankingUnit:
    """Scores of some candidates for images of one shape, which share the networks' outputs."""

    architectures: tuple[str, ...]
    pairs: tuple[Pair, ...]
    scores: tuple[str, ...]
    kind = "rankings"

    def __str__(self) -> str:
        return f"{len(self.architectures)} candidates for {len(self.pairs)} images"


Unit = FitUnit | RankingUnit
