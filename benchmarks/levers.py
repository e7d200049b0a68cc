"""The fast engine without one lever at a time, and the architectures that have the lever.

A lever is measured only where it has an effect: an average over architectures without it would say
little. The rules follow `nasdip_bench.network.fast`; a test checks them by counting operations.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from unittest import mock

from sample import POPULATION, flops
from torch import Tensor, nn
from torch.nn import functional
from variants import VARIANTS, Variant

from nasdip_bench.network.fast import FastNetwork, cells
from nasdip_bench.network.fast import forward as fast_network
from nasdip_bench.space import LEVELS, Architecture


@dataclass(frozen=True)
class Lever:
    """A lever of the fast engine.

    Attributes:
        without: the fast engine without it.
        has: whether an architecture has it.
        on_cuda: whether the lever exists on a GPU.
    """

    without: Variant
    has: Callable[[Architecture], bool]
    on_cuda: bool = True


def having(lever: str, count: int) -> list[Architecture]:
    """Architectures of the benchmark that have a lever, at evenly spread quantiles of cost.

    Args:
        lever: a key of `LEVERS`.
        count: how many; fewer if fewer have it.
    """
    members = sorted(filter(LEVERS[lever].has, POPULATION), key=lambda a: (flops(a), str(a)))
    count = min(count, len(members))
    return [members[int((i + 0.5) * len(members) / count)] for i in range(count)]


# Without a lever


def _torch_interpolation(network: FastNetwork) -> FastNetwork:
    def interpolate(x: Tensor, mode: str) -> Tensor:
        corners = None if mode == "nearest" else False
        return functional.interpolate(x, scale_factor=2, mode=mode, align_corners=corners)

    _patch(cells, "interpolate", interpolate)
    return network


def _no_phases(network: FastNetwork) -> FastNetwork:
    convolve, interpolate = cells._convolve, cells.interpolate

    def doubled(x: Tensor, conv: nn.Module, terms: int) -> Tensor:
        return convolve(interpolate(x, "nearest"), conv, terms)

    _patch(cells, "_convolve_doubled", doubled)
    return network


def _no_affine(network: FastNetwork) -> FastNetwork:
    for cell in (*network._up.values(), *network._skip_up.values()):
        cell.affine = False
    return network


def _no_sharing(network: FastNetwork) -> FastNetwork:
    bring = FastNetwork._bring

    def alone(self: FastNetwork, source: int, scale: int, brought: dict) -> Tensor:
        return bring(self, source, scale, {(j, j): brought[j, j] for j in range(LEVELS + 1)})

    _patch(FastNetwork, "_bring", alone)
    return network


def _channels_first(network: FastNetwork) -> FastNetwork:
    _patch(fast_network, "to_fast_layout", Tensor.contiguous)
    return network


_patches = ExitStack()
_patched: set[str] = set()


def _patch(where: object, name: str, value: object) -> None:
    if name not in _patched:
        _patched.add(name)
        _patches.enter_context(mock.patch.object(where, name, value))


def undo() -> None:
    """Restore all levers of this process's fast engine."""
    _patches.close()
    _patched.clear()


# Who has it


def _always(arch: Architecture) -> bool:
    return True


def _bicubic(arch: Architecture) -> bool:
    return arch.attributes.sampling == "bicubic"


def _doubles(arch: Architecture) -> bool:
    cell = arch.attributes
    convolves = cell.transform != "identity" and (cell.kernel or 1) > 1
    return cell.sampling == "nearest" and convolves and arch.dilation == 1


def _adds_first(arch: Architecture) -> bool:
    cell = arch.attributes
    if cell.activation != "none":
        return False
    early = cell.transform == "split_stack_sum" or (
        cell.transform != "identity" and (cell.kernel or 1) == 1
    )
    rows = [[j for i, j in arch.connections if i == row and j > row] for row in range(LEVELS)]
    interpolates = cell.sampling in ("bilinear", "bicubic")
    return any(len(coarser) > 1 for coarser in rows) or (early and interpolates)


def _shares(arch: Architecture) -> bool:
    """Whether a source passes the same block to two rows; going up, affine cells pass a sum."""
    for source in range(LEVELS + 1):
        rows = [i for i, j in arch.connections if j == source]
        down, up = sum(i > source for i in rows), sum(i < source for i in rows)
        if down > 1 or (up > 1 and arch.attributes.activation != "none"):
            return True
    return False


def _without(prepare: Callable[[FastNetwork], nn.Module]) -> Variant:
    return Variant("fast", keep_memory=True, prepare=prepare)


LEVERS = {
    "freed memory given back": Lever(Variant("fast"), _always, on_cuda=False),
    "channels first": Lever(_without(_channels_first), _always, on_cuda=False),
    "bicubic interpolation by torch": Lever(_without(_torch_interpolation), _bicubic),
    "nearest + convolution in two steps": Lever(_without(_no_phases), _doubles),
    "affine cells one source at a time": Lever(_without(_no_affine), _adds_first),
    "shared blocks computed anew": Lever(_without(_no_sharing), _shares),
    "plain": Lever(VARIANTS["plain"], _always),
}
"""By what replaces the lever; the last is the plain engine."""
