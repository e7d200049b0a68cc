"""The architectures to measure: a fixed, stratified subset of the benchmark's 522."""

from __future__ import annotations

from collections import defaultdict

from nasdip_bench.space import Architecture, paper_architectures
from nasdip_bench.space.cost import architecture_cost

POPULATION = tuple(paper_architectures())


def stratified(count: int = 27) -> list[Architecture]:
    """One architecture per cell family (sampling and transform), at spread quantiles of cost.

    Args:
        count: at most 27, the number of families; fewer are evenly spaced, cheap to expensive.
    """
    families: dict[tuple[str, str, bool], list[Architecture]] = defaultdict(list)
    for arch in POPULATION:
        cell = arch.attributes
        families[cell.sampling, cell.transform, cell.transform_first].append(arch)
    chosen = []
    for i, (_, members) in enumerate(sorted(families.items())):
        members.sort(key=lambda arch: (flops(arch), str(arch)))
        # Multiples of the golden ratio fill (0, 1) evenly for any count.
        chosen.append(members[int((0.5 + i * 0.6180339887) % 1 * len(members))])
    chosen.sort(key=flops)
    if not 1 <= count <= len(chosen):
        raise SystemExit(f"{count} architectures asked for, there are 1 to {len(chosen)} families")
    return [chosen[int((i + 0.5) * len(chosen) / count)] for i in range(count)]


def spread(architectures: list[Architecture]) -> list[Architecture]:
    """The same architectures in an order whose first few always span the whole."""
    golden = 0.6180339887
    order: list[int] = []
    left = list(range(len(architectures)))
    for i in range(len(architectures)):
        aim = (0.5 + i * golden) % 1 * len(architectures)
        order.append(min(left, key=lambda place: abs(place + 0.5 - aim)))
        left.remove(order[-1])
    return [architectures[place] for place in order]


def flops(arch: Architecture) -> float:
    """Operations per pixel of a forward pass, at 128 channels."""
    return architecture_cost(arch).flops_per_pixel
