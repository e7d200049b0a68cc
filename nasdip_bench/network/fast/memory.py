"""Memory that fits free and take again: kept by the process on a CPU, freed on a GPU.

At every iteration a fit frees blocks that it needs again in the next. The C library returns large
ones to the system, which clears each page anew when it is touched again. At 256 x 256 such page
faults are a third to half of a training step on a CPU (`benchmarks/RESULTS.md`).
"""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress

import torch

_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_MAX = -4
_NEVER = 2**31 - 1
_GROWTH_BYTES = 64 * 2**20


def keep_freed_memory() -> bool:
    """Let the process keep the memory that it frees, until it ends.

    This affects the whole process and is for programs that train networks on the CPU; the library
    never does it by itself. Peak memory use grows by some ten to twenty per cent.

    Returns:
        whether it took effect, which needs glibc as the C library.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _GROWTH_BYTES))
    outcomes = [mallopt(option, value) for option, value in settings]
    return outcomes == [1, 1, 1]


def free_cached_memory(device: torch.device) -> None:
    """Free the GPU memory that torch's allocator keeps, for other sizes and processes.

    Reference cycles are collected first, since a full GPU does not make Python look for them.
    Does nothing on a CPU.
    """
    if device.type == "cuda":
        gc.collect()
        with suppress(RuntimeError):  # torch up to 2.7, after a failed recording
            torch.cuda.empty_cache()
