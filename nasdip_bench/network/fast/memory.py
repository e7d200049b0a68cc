"""Memory that fits give back and take again: kept by the process on a CPU, freed on a GPU.

At every iteration a fit frees blocks that it asks for again at the next. The C library hands large
ones back to the system, and the system clears each page anew when it is touched again: at 256 x 256
a third to half of a training step on a CPU is such page faults (`benchmarks/RESULTS.md`).
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
    """Let the process keep what it frees, until it ends.

    A setting of the whole process, for programs that train networks on the CPU; the library never
    makes it by itself. The peak of the memory in use grows by some ten to twenty per cent.

    Returns:
        whether it took effect: the C library is glibc.
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
    """Let a GPU have what torch's allocator keeps for later fits, for other sizes and processes.

    What hangs together in cycles goes first: that a GPU is full does not make Python look for them.
    Nothing is done on a CPU.
    """
    if device.type == "cuda":
        gc.collect()
        with suppress(RuntimeError):  # as of torch up to 2.7 after a recording that failed
            torch.cuda.empty_cache()
