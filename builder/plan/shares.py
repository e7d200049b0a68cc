"""Divides a build into N disjoint shares of similar cost, for job arrays and loops over devices.

A share is some of the architectures. Each job finds its share from the whole build alone, ignoring
what is finished. So jobs that start at different times, on different devices of one type or into
different folders never repeat work, and together they do all of it. Do not mix CPUs and GPUs in one
array: costs depend on the device type, so their shares would overlap and leave gaps.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from nasdip_bench.errors import ConfigError

from .config import BuildConfig
from .cost import unit_cost
from .units import make_plan

MAX_SHARES = 1024
_Part = TypeVar("_Part")


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


def part_of(config: BuildConfig, share: Share | None) -> BuildConfig:
    """The build of a share's architectures, or the whole build if None.

    Raises:
        ConfigError: there are more shares than architectures.
    """
    if share is None:
        return config
    if share.count > len(config.architectures):
        raise ConfigError(
            f"share {share} has no architecture: the build has {len(config.architectures)}; use no "
            f"more shares than that"
        )
    mine = {*divided(architecture_costs(config), share.count)[share.index - 1]}
    return replace(
        config, architectures=tuple(arch for arch in config.architectures if str(arch) in mine)
    )


def architecture_costs(config: BuildConfig) -> dict[str, float]:
    """By architecture, the predicted cost of its runs and scores; see `unit_cost`."""
    costs = {str(arch): 0.0 for arch in config.architectures}
    for unit in make_plan(config, stack=len(config.images)):
        costs[unit.architecture] += unit_cost(unit, config.device)
    return costs


def divided(costs: Mapping[_Part, float], count: int) -> list[list[_Part]]:
    """Divide parts into shares of similar cost.

    The most expensive part goes first, each to the cheapest share so far (Graham 1969, "Bounds on
    multiprocessing timing anomalies").
    """
    cheapest = [(0.0, index) for index in range(count)]
    shares: list[list[_Part]] = [[] for _ in range(count)]
    for part in sorted(costs, key=lambda part: -costs[part]):
        so_far, index = cheapest[0]
        heapq.heapreplace(cheapest, (so_far + costs[part], index))
        shares[index].append(part)
    return shares
