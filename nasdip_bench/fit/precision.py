"""Torch's switches for the precision of products, set for a block and then restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from nasdip_bench.fidelity import check_precision


@contextmanager
def numerics(precision: str, device: torch.device) -> Iterator[None]:
    """Set torch's precision of products for a block, then restore the caller's settings.

    Raises:
        ConfigError: tf32 on a device other than CUDA.
        UnknownNameError: an unknown precision.
    """
    check_precision(precision, str(device))
    switches = _switches(precision == "tf32")
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in switches]
    for owner, name, value in switches:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _switches(tf32: bool) -> list[tuple[Any, str, Any]]:
    """The switches for the precision of float32 products: owner, attribute, and its value.

    Newer versions of torch have one for each kind, and refuse to read the older ones if both were
    used.
    """
    backends = torch.backends
    kinds = [
        (owner, kind, value)
        for owner, kind, value in (
            (backends.cuda, "matmul", "tf32" if tf32 else "ieee"),
            (backends.cudnn, "conv", "tf32" if tf32 else "ieee"),
            (backends.cudnn, "rnn", "tf32" if tf32 else "ieee"),
            (backends.mkldnn, "matmul", "ieee"),
            (backends.mkldnn, "conv", "ieee"),
        )
        if hasattr(getattr(owner, kind, None), "fp32_precision")
    ]
    if kinds:
        return [(getattr(owner, kind), "fp32_precision", value) for owner, kind, value in kinds]
    return [(backends.cuda.matmul, "allow_tf32", tf32), (backends.cudnn, "allow_tf32", tf32)]
