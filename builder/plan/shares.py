"""Divides a build into N disjoint shares of similar cost, for job arrays and loops over devices.

Each job computes its share from the whole plan alone, ignoring what is finished and how many runs a
device stacks. So jobs that start at different times, on different devices of one type or into
different folders never repeat work, and together they do all of it. Do not mix CPUs and GPUs in one
array: costs depend on the device type, so their shares would overlap and leave gaps.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import TypeVar

from nasdip_bench.errors import ConfigError
from nasdip_bench.space import Architecture

from .config import BuildConfig
from .cost import unit_cost
from .units import Key, Unit, make_plan

MAX_SHARES = 1024
_Part = TypeVar("_Part")

_LARGEST_PART = 1 / 4
"""Fraction of a share above which stacks are split by image."""


@dataclass(frozen=True)
class Share:
    """A share of a build; the index counts from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_share(text: str) -> Share:
    """Parse a share such as "3/8".

    Raises:
        ConfigError: the text is not I/N with 1 <= I <= N <= `MAX_SHARES`.
    """
    match = re.fullmatch(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", text)
    share = Share(int(match[1]), int(match[2])) if match else Share(0, 0)
    if not 1 <= share.index <= share.count <= MAX_SHARES:
        raise ConfigError(
            f"shard {text!r} must be I/N, share I of N, with I in 1..N and N up to {MAX_SHARES}: "
            f"the first of eight is 1/8, the last 8/8"
        )
    return share


def plan_share(
    config: BuildConfig,
    share: Share | None,
    finished: Set[Key] = frozenset(),
    stack: int | Callable[[Architecture], int] = 1,
) -> list[Unit]:
    """The units left to do in a share, or in the whole build if None; see `make_plan`."""
    if share is not None:
        finished = finished | Shares(config, share.count).others(share)
    return list(make_plan(config, finished, stack))


def divided(parts: Iterable[tuple[float, _Part]], count: int) -> list[list[tuple[float, _Part]]]:
    """Divide (cost, part) pairs into shares of similar cost.

    The most expensive part goes first, each to the cheapest share so far (Graham 1969, "Bounds on
    multiprocessing timing anomalies").
    """
    lightest = [(0.0, index) for index in range(count)]
    shares: list[list[tuple[float, _Part]]] = [[] for _ in range(count)]
    for cost, part in sorted(parts, key=lambda part: -part[0]):
        so_far, index = lightest[0]
        heapq.heapreplace(lightest, (so_far + cost, index))
        shares[index].append((cost, part))
    return shares


class Shares:
    """The whole plan of a build, divided into shares.

    The runs of an architecture, task and seed stay together, so that they can be trained as one
    stack, unless they cost more than a quarter of a share.

    Args:
        config: the build.
        count: the number of shares.

    Attributes:
        costs: of each share in order, in the unit of `unit_cost`.
        split: how many stacks are split by image.
    """

    def __init__(self, config: BuildConfig, count: int) -> None:
        whole = list(make_plan(config, stack=len(config.images)))
        costs = [unit_cost(unit, config.device) for unit in whole]
        most = sum(costs) / count * _LARGEST_PART
        parts = [
            part
            for unit, cost in zip(whole, costs, strict=True)
            for part in _divided(unit, cost, most)
        ]
        self.split = sum(
            cost > most and len(unit.runs) > 1 for unit, cost in zip(whole, costs, strict=True)
        )
        self._shares = divided(parts, count)
        self.costs = tuple(sum(cost for cost, _ in share) for share in self._shares)

    @property
    def spread(self) -> float:
        """How far the most expensive share exceeds the mean, as a fraction of the mean."""
        return max(self.costs) / (sum(self.costs) / len(self.costs)) - 1

    def others(self, share: Share) -> frozenset[Key]:
        """The keys of the runs and scores of all shares except one."""
        others = (part for n, part in enumerate(self._shares, 1) if n != share.index)
        return frozenset(key for part in others for _, unit in part for key in unit.keys)


def _divided(unit: Unit, cost: float, most: float) -> list[tuple[float, Unit]]:
    parts = unit.one_by_one() if cost > most else [unit]
    return [(cost / len(parts), part) for part in parts]
