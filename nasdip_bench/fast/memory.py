"""Memory that a fit gives back and takes again at every iteration, kept by the process.

The C library hands large blocks back to the system as soon as they are free, and the system clears
each page anew when it is touched again. At 256 x 256 a third to half of a training step on a CPU is
such page faults (`docs/performance.md`).
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

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
