"""The process in which `nasdip_bench.verify` parses a dataset.

python -m nasdip_bench.verify.child FOLDER BYTES     # writes the problems as JSON
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress


def limit(memory_bytes: int) -> None:
    """Limit this process's memory and forbid written files and core dumps, if the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        with suppress(ValueError, OSError):  # macOS does not limit address space
            resource.setrlimit(what, (most, hard))


def main() -> None:
    """Entry point."""
    folder, memory_bytes = sys.argv[1:]
    limit(int(memory_bytes))
    from .tables import find_problems

    problems = find_problems(folder)
    sys.stdout.write(json.dumps(problems))


if __name__ == "__main__":
    main()
