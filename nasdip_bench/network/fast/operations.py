"""Single operations of a network in the form that processors compute fastest.

On a CPU, maps of a stack have the channels last: grouped convolutions then take a third of the
time, batch normalisation and the gradient of reflection padding a quarter. Operations that PyTorch
would return with channels first are written here to keep the layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function
from torch.nn import functional


def to_fast_layout(x: Tensor) -> Tensor:
    """The same map in the layout that is fastest on its device: on a CPU, channels last."""
    if x.device.type != "cpu":
        return x
    return x.contiguous(memory_format=torch.channels_last)


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Same as ``torch.nn.functional.conv2d``.

    On a CPU with one thread PyTorch computes kernels of 1 with a loop over the groups. Dilation
    does not change a kernel of 1, and lets oneDNN compute it.
    """
    if tuple(weight.shape[2:]) == (1, 1):
        dilation = (2, 2)
    return functional.conv2d(x, weight, bias, stride, padding, dilation, groups)


def fold_channels(x: Tensor, runs: int, parts: int) -> Tensor:
    """The sum of equal parts of the channels of each run.

    Args:
        x: (1, C, H, W), the channels run by run.
        runs: number of networks that share the map.
        parts: number of parts of each run's channels.

    Returns:
        (1, C / parts, H, W).
    """
    folded: Tensor = _FoldChannels.apply(x, runs, parts)  # type: ignore[no-untyped-call]
    return folded


class _FoldChannels(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, runs: int, parts: int) -> Tensor:
        ctx.parts, ctx.runs = parts, runs
        n, c, h, w = x.shape
        folded, rows = _new(x, (n, c // parts, h, w))
        parted = x.permute(0, 2, 3, 1).reshape(n, h, w, runs, parts, -1)
        torch.sum(parted, 4, out=rows.view(n, h, w, runs, -1))
        return folded

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        n, c, h, w = grad.shape
        unfolded, rows = _new(grad, (n, c * ctx.parts, h, w))
        shape = (n, h, w, ctx.runs, 1, -1)
        rows.view(*shape[:4], ctx.parts, -1)[:] = grad.permute(0, 2, 3, 1).reshape(shape)
        return unfolded, None, None


def interleave(phases: Tensor, groups: int, shift: int) -> Tensor:
    """Join four maps per channel, each a phase of an image of twice the size, into that image.

    Args:
        phases: (1, 4 C, H, W), by group of channels, phase (p, q) and channel of the group.
        groups: number of groups of channels.
        shift: 1 if phase 1 of an axis begins at the second row or column and phase 0 ends before
            the last; else 0.

    Returns:
        (1, C, 2 (H - shift), 2 (W - shift)).
    """
    image: Tensor = _Interleave.apply(phases, groups, shift)  # type: ignore[no-untyped-call]
    return image


class _Interleave(Function):
    @staticmethod
    def forward(ctx: Any, phases: Tensor, groups: int, shift: int) -> Tensor:
        ctx.groups, ctx.shift, ctx.shape = groups, shift, phases.shape
        rows = phases.permute(0, 2, 3, 1)
        n, h, w, channels = rows.shape
        rows = rows.reshape(n, h, w, groups, 4, -1)
        height, width = h - shift, w - shift
        image, pixels = _new(phases, (n, channels // 4, 2 * height, 2 * width))
        pixels = pixels.view(n, height, 2, width, 2, groups, -1)
        for p, q in _PHASES:
            first, left = p * shift, q * shift
            part = rows[:, first : first + height, left : left + width, :, 2 * p + q]
            pixels[:, :, p, :, q] = part
        return image

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        n, _, h, w = ctx.shape
        groups, shift = ctx.groups, ctx.shift
        height, width = h - shift, w - shift
        pixels = grad.permute(0, 2, 3, 1).reshape(n, height, 2, width, 2, groups, -1)
        phases, rows = _new(grad, ctx.shape)
        if shift:
            rows.zero_()
        rows = rows.view(n, h, w, groups, 4, -1)
        for p, q in _PHASES:
            first, left = p * shift, q * shift
            part = rows[:, first : first + height, left : left + width, :, 2 * p + q]
            part.copy_(pixels[:, :, p, :, q])
        return phases, None, None


_PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))


def interpolate(x: Tensor, mode: str) -> Tensor:
    """(N, C, H, W) to (N, C, 2H, 2W), like ``torch.nn.Upsample`` with ``align_corners=False``."""
    if mode == "nearest":
        return functional.interpolate(x, scale_factor=2, mode=mode)
    if mode == "bilinear" and x.device.type == "cpu":  # as fast, with channels last
        return functional.interpolate(x, scale_factor=2, mode=mode, align_corners=False)
    interpolated: Tensor = _Interpolate.apply(x, mode)  # type: ignore[no-untyped-call]
    return interpolated


class _Interpolate(Function):
    """Interpolation by two as products with the fixed matrices of the two axes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mode: str) -> Tensor:
        ctx.mode = mode
        rows, columns = (_matrix(mode, side, x.dtype, x.device) for side in x.shape[2:])
        return _on_both_axes(x, rows, columns)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        rows, columns = (
            _matrix(ctx.mode, side // 2, grad.dtype, grad.device).T for side in grad.shape[2:]
        )
        return _on_both_axes(grad, rows, columns), None


def _on_both_axes(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """rows · x · columnsᵀ for every channel, in the layout of x."""
    if x.is_contiguous():
        return torch.matmul(rows, torch.matmul(x, columns.T))
    n, channels, height, _ = x.shape
    along = torch.matmul(columns, x.permute(0, 2, 3, 1))
    image, pixels = _new(along, (n, channels, len(rows), len(columns)))
    torch.matmul(rows, along.view(n, height, -1), out=pixels.view(n, len(rows), -1))
    return image


def _new(like: Tensor, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """A new map (N, C, H, W) with the channels last, and the same as (N, H, W, C).

    It is not a view, since the activation that follows overwrites it.
    """
    image = torch.empty(
        *shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )
    return image, image.permute(0, 2, 3, 1)


# Cached on its device: sending it at every pass would make the host wait.
@lru_cache(maxsize=64)
def _matrix(mode: str, size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(2·size, size): the interpolation of one axis, read off torch's own."""
    basis = torch.eye(size, dtype=torch.float64)[None, :, :, None]
    out = functional.interpolate(basis, size=(2 * size, 1), mode=mode, align_corners=False)
    return out[0, :, :, 0].T.to(device, dtype).contiguous()
