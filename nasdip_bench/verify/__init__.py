"""Full check of a dataset folder; modules are imported on use."""

from __future__ import annotations

from pathlib import Path

EXPERIMENTS = "experiments"
"""Folder inside the dataset's with the results of experiments, if there are any."""


def verify(path: Path | str) -> list[str]:
    """All problems of a dataset folder and of its experiments; empty if there are none.

    `nasdip_bench.verify.tables` describes the checks.

    Args:
        path: the folder.

    Returns:
        one sentence per problem.
    """
    from nasdip_bench.experiments.results import results_problems

    from .tables import find_problems

    experiments = Path(path) / EXPERIMENTS
    more = results_problems(experiments) if experiments.is_dir() else []
    return find_problems(path) + more
