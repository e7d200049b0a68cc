"""The network of an architecture with fewer operations and less memory traffic.

It holds a plain network, or a stack of them, and uses its parameters; only the forward pass is
different. It uses exact algebra, in addition to that of `nasdip_bench.network.fast.cells`:

- a shared block applied twice to the same input is computed once;
- all sources that pass through an affine cell are added first, and pass through it once;
- a bias before a batch normalisation has no effect on the output, whether it is a convolution's or
  that of the batch normalisation at the entry of a decoder level: it is not added, so it gets no
  gradient and stays as drawn;
- activations overwrite their input, since batch normalisation does not need its output again.

Results differ from the plain network's only by rounding (tests compare them in float64).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from nasdip_bench.space import LEVELS, check_size

from ..blocks import LEAKY_SLOPE
from ..plain import Network
from .cells import FastCell
from .operations import convolve, to_fast_layout

_Brought = dict[tuple[int, int], Tensor]


class FastNetwork(nn.Module):
    """A faster forward pass of a network.

    Args:
        plain: the network, or a stack (`nasdip_bench.network.stacking`). Its parameters are used,
            not copied.
    """

    def __init__(self, plain: Network) -> None:
        super().__init__()
        self.plain = plain
        arch = plain.arch
        self._up, self._skip_up = (
            {scale: FastCell(cell, arch) for scale, cell in cells.items()}
            for cells in (self._blocks.upsampling, self._blocks.skip_up)
        )

    @property
    def _blocks(self) -> Any:
        """The plain network, untyped: torch types the blocks of a dictionary only as modules."""
        return self.plain

    def forward(self, z: Tensor) -> Tensor:
        """Same as `nasdip_bench.network.Network.forward`."""
        check_size(z.shape[-2], z.shape[-1])
        x = z = to_fast_layout(z)
        # Sources by column of the skip matrix and by the scale they have been brought to.
        brought: _Brought = {(0, 0): z}
        for j in range(1, LEVELS + 1):
            block = self._blocks.encoder[str(j)]
            x = _conv_norm_act(x, block.conv_down, block.norm_down)
            x = _conv_norm_act(x, block.conv, block.norm)
            brought[j, j] = x
        for row in reversed(range(LEVELS)):
            x = self._up[str(row + 1)](x)
            for skip in self._skips(row, brought):
                x = x + skip
            block = self._blocks.decoder[str(row + 1)]
            x = _norm(x, block.norm_in.weight, None, block.norm_in.eps)
            x = _conv_norm_act(x, block.conv1, block.norm1)
            x = _conv_norm_act(x, block.conv2, block.norm2)
            x = _conv_norm_act(x, block.conv3, block.norm3)
        return self.plain.output(x).contiguous()  # type: ignore[no-any-return]

    def _skips(self, row: int, brought: _Brought) -> Iterator[Tensor]:
        """The maps that are added at a row."""
        sources = [j for i, j in self.plain.connections if i == row]
        coarser = [j for j in sources if j > row]
        if coarser and self._skip_up[str(row)].affine:
            yield self._sum_upwards(coarser, row, brought)
            sources = [j for j in sources if j <= row]
        for source in sources:
            if source == row:
                block = self._blocks.skip_same[str(row)]
                yield _conv_norm_act(brought[row, row], block.conv, block.norm)
            else:
                yield self._bring(source, row, brought)

    def _bring(self, source: int, scale: int, brought: _Brought) -> Tensor:
        """A source at a scale other than its own, through each shared block once."""
        if (source, scale) not in brought:
            if source < scale:
                block = self._blocks.skip_down[str(scale - 1)]
                x = self._bring(source, scale - 1, brought)
                brought[source, scale] = _conv_norm_act(x, block.conv, block.norm)
            else:
                x = self._bring(source, scale + 1, brought)
                brought[source, scale] = self._skip_up[str(scale)](x)
        return brought[source, scale]

    def _sum_upwards(self, sources: list[int], row: int, brought: _Brought) -> Tensor:
        """The sum of coarser sources at a row, added up along the affine cells."""
        deepest = max(sources)
        total, terms = brought[deepest, deepest], 1
        for scale in reversed(range(row, deepest)):
            total = self._skip_up[str(scale)](total, terms)
            if scale in sources:
                total, terms = total + brought[scale, scale], terms + 1
        return total


def _norm(x: Tensor, weight: Tensor, bias: Tensor | None, eps: float) -> Tensor:
    return functional.batch_norm(x, None, None, weight, bias, training=True, eps=eps)


def _conv_norm_act(x: Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> Tensor:
    pad = conv.kernel_size[0] // 2
    if pad:
        x = functional.pad(x, (pad, pad, pad, pad), mode="reflect")
    x = convolve(x, conv.weight, None, conv.stride, (0, 0), (1, 1), conv.groups)
    # The layout of a map with one channel is ambiguous.
    x = _norm(to_fast_layout(x), norm.weight, norm.bias, norm.eps)
    return functional.leaky_relu_(x, LEAKY_SLOPE)
