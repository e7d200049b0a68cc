"""The variants to compare: the research loop and the engines, in several precisions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from nasdip_bench.network import Network
from nasdip_bench.network.fast import FastNetwork


@dataclass(frozen=True)
class Variant:
    """A way to train.

    Attributes:
        engine: "research", "plain" or "fast".
        precision: of matrix products.
        keep_memory: whether the process keeps freed memory (CPU).
    """

    engine: str
    precision: str = "fp32"
    keep_memory: bool = False

    def network(self, plain: Network) -> nn.Module:
        """Make the network that the variant trains."""
        return FastNetwork(plain) if self.engine == "fast" else plain


VARIANTS = {
    "research": Variant("research"),
    "research tf32": Variant("research", "tf32"),
    "plain": Variant("plain"),
    "fast": Variant("fast", keep_memory=True),
    "plain bf16": Variant("plain", "bf16"),
    "fast bf16": Variant("fast", "bf16", keep_memory=True),
    "plain tf32": Variant("plain", "tf32"),
    "fast tf32": Variant("fast", "tf32"),
}
"""By name; the name states the precision unless it is fp32."""

_ON_CPU = ("research", "plain", "fast", "plain bf16", "fast bf16")
_STACKED_ON_CUDA = ("fast", "fast tf32", "fast bf16")
_ON_CUDA = ("research", "research tf32", "plain", *_STACKED_ON_CUDA)


def variants_for(device: str, stack: int = 1) -> tuple[str, ...]:
    """The variants worth measuring on a device type; on CUDA, only the fast engine has stacks."""
    if device == "cpu":
        return _ON_CPU
    return _ON_CUDA if stack == 1 else _STACKED_ON_CUDA
