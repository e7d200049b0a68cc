"""What is measured side by side: the research loop, the engines, the fast one less a lever."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasdip_bench.fast import FastNetwork, cells
from nasdip_bench.network import Network

__all__ = ["LEVERS", "VARIANTS", "Variant"]


@dataclass(frozen=True)
class Variant:
    """A way to train.

    Attributes:
        engine: "research", "plain" or "fast".
        precision: of the products.
        keep_memory: whether the process keeps freed memory.
        prepare: applied to the fast network; what it changes stays changed in its process.
    """

    engine: str
    precision: str = "fp32"
    keep_memory: bool = False
    prepare: Callable[[FastNetwork], nn.Module] = field(default=lambda network: network)

    def network(self, plain: Network) -> nn.Module:
        """The network that the variant trains."""
        return self.prepare(FastNetwork(plain)) if self.engine == "fast" else plain


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
        return bring(self, source, scale, {(j, j): brought[j, j] for j in range(6)})

    _patch(FastNetwork, "_bring", alone)
    return network


def _channels_last(network: FastNetwork) -> nn.Module:
    return network.to(memory_format=torch.channels_last)


_patches = ExitStack()
_patched: set[str] = set()


def _patch(where: object, name: str, value: object) -> None:
    if name not in _patched:
        _patched.add(name)
        _patches.enter_context(mock.patch.object(where, name, value))


VARIANTS = {
    "research": Variant("research"),
    "plain": Variant("plain"),
    "fast": Variant("fast", keep_memory=True),
    "plain bf16": Variant("plain", "bf16"),
    "fast bf16": Variant("fast", "bf16", keep_memory=True),
    "plain tf32": Variant("plain", "tf32"),
    "fast tf32": Variant("fast", "tf32", keep_memory=True),
}

LEVERS = {
    "fast": VARIANTS["fast"],
    "freed memory given back": Variant("fast"),
    "interpolation by torch": Variant("fast", "fp32", True, _torch_interpolation),
    "nearest + convolution in two steps": Variant("fast", "fp32", True, _no_phases),
    "affine cells one source at a time": Variant("fast", "fp32", True, _no_affine),
    "shared blocks computed anew": Variant("fast", "fp32", True, _no_sharing),
    "channels last (not kept)": Variant("fast", "fp32", True, _channels_last),
    "plain": VARIANTS["plain"],
}
"""The fast engine, and it without one of its levers at a time; a lever that was tried and left
out; the plain engine."""
