"""Describes the machine and measures its ceilings, which training steps are compared with."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from nasdip_bench.builder.plan.cost import available_cores
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.fit.devices import device_name
from nasdip_bench.fit.precision import numerics

_ROUNDS = 5
_SLOW = 1e10
"""FLOP/s of a small product below which large ones would take minutes."""


def describe(device: str, threads: int, commit: str = "") -> dict[str, Any]:
    """Processor, versions and commit (by default that of the working tree)."""
    return {
        "device": device_name(torch.device(device)),
        "instructions": torch.backends.cpu.get_cpu_capability() if device == "cpu" else "",
        "cores": available_cores(),
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "commit": commit or _commit(),
        "protocol_version": PROTOCOL_VERSION,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:  # no git
        return "unknown"
    return found.stdout.strip() or "unknown"


def ceilings(device: str) -> dict[str, float]:
    """Best measured rates.

    Returns:
        flops_<precision>: FLOP/s, the better of a square matrix product and a 3 x 3 convolution
        with 128 channels, forward; bytes: bytes/s read and written by a copy.
    """
    on = torch.device(device)
    found = {}
    for precision in ("fp32", "bf16") if on.type == "cpu" else ("fp32", "tf32", "bf16"):
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        side, pixels = (2048, 128) if on.type == "cpu" else (8192, 512)
        with numerics(precision, on), torch.no_grad():
            if _products(256, dtype, on) < _SLOW:  # such as bf16 on processors without it
                side, pixels = 256, 32
            product, convolution = _products(side, dtype, on), _convolutions(pixels, dtype, on)
        found[f"matmul_{precision}"], found[f"convolution_{precision}"] = product, convolution
        found[f"flops_{precision}"] = max(product, convolution)
    source = torch.empty(2**26 if on.type == "cpu" else 2**29, device=on)
    target = torch.empty_like(source)
    found["bytes"] = 2 * source.nbytes / _best(lambda: target.copy_(source), on)
    return found


def _products(side: int, dtype: torch.dtype, on: torch.device) -> float:
    a = torch.randn(side, side, device=on).to(dtype)
    return 2 * side**3 / _best(lambda: a @ a, on)


def _convolutions(pixels: int, dtype: torch.dtype, on: torch.device) -> float:
    layout = torch.channels_last if on.type == "cuda" else torch.contiguous_format
    x, w = torch.randn(1, 128, pixels, pixels, device=on), torch.randn(128, 128, 3, 3, device=on)
    x, w = (t.to(dtype, memory_format=layout) for t in (x, w))
    return 2 * 9 * 128**2 * pixels**2 / _best(lambda: functional.conv2d(x, w, padding=1), on)


def _best(work: Callable[[], Any], device: torch.device) -> float:
    work()
    seconds = []
    for _ in range(_ROUNDS):
        _wait(device)
        started = time.perf_counter()
        work()
        _wait(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
