"""Check a dataset of unknown origin in its own process, with limits.

The hashes of a dataset show that it is the one that was released, not that its author meant well: a
harmful file can fill the memory of the library that parses it, keep it busy forever, or end its
process. Here that is a separate process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

MEMORY_BYTES = 4 * 2**30
"""Address space; a full release at three seeds takes a tenth of it."""

SECONDS = 300

# One thread and the plain allocator: the others reserve gigabytes that they never use.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


def verify(
    path: Path | str, *, memory_bytes: int = MEMORY_BYTES, seconds: float = SECONDS
) -> list[str]:
    """All problems of a dataset folder, one sentence each; empty if there are none.

    `nasdip_bench.verify.tables` describes the checks. Whatever the files do to the process that
    reads them is reported as a problem.

    Args:
        path: the folder.
        memory_bytes: maximum address space (not limited on Windows).
        seconds: maximum time.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "nasdip_bench.verify.child", str(path), str(memory_bytes)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | _ENVIRONMENT,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return [_unreadable(path, f"took more than {seconds:g} s")]
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if process.returncode < 0:
        return [_unreadable(path, f"was ended by {signal.Signals(-process.returncode).name}")]
    try:
        problems = json.loads(out)
    except ValueError:
        last = (err.decode(errors="replace").split("\n")[-2:] or [""])[0]
        return [_unreadable(path, f"failed ({ascii(last)[1:-1]:.200})")]
    return [str(problem) for problem in problems]


def _unreadable(path: Path | str, what: str) -> str:
    return f"{str(path)!r}: the process that read it {what}; do not use this dataset"
