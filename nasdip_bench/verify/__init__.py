"""Full check of a dataset folder; modules are imported on use."""

from __future__ import annotations

from pathlib import Path


def verify(path: Path | str) -> list[str]:
    """All problems of a dataset folder; empty if there are none.

    `nasdip_bench.verify.tables` describes the checks.

    Args:
        path: the folder.

    Returns:
        one sentence per problem.
    """
    from .tables import find_problems

    return find_problems(path)
