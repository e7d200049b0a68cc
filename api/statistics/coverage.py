"""What a release has runs of, and how many of them are ok."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from nasdip_bench.dataset.schema import STATUSES

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader


def with_runs(bench: ReleaseReader) -> list[tuple[str, str]]:
    """The (fidelity, task) that the release has runs of, in its order."""
    pairs = itertools.product(bench.fidelities, bench.tasks)
    return [pair for pair in pairs if (record := bench.manifest.task(*pair)) and record.runs]


def coverage(bench: ReleaseReader) -> pd.DataFrame:
    """Count ok, diverged, failed and missing runs.

    Returns:
        One row per fidelity, task, image and seed: ``expected`` (architectures of the release),
        ``ok``, ``diverged``, ``failed``, ``missing``, int64; these four sum to ``expected``.

    Example:
        >>> [*NASDIPBench("data/").coverage().columns[:4]]
        ['fidelity', 'task', 'image', 'seed']
    """
    import pandas as pd

    rows = []
    for fidelity, task in with_runs(bench):
        block = bench.runs.block(task, fidelity)
        by_seed = {seed: block.statuses(seed) for seed in block.seeds}
        for position, image in enumerate(bench.images):
            for seed, statuses in by_seed.items():
                mine = statuses[:, position]
                found = {s: int((mine == code).sum()) for code, s in enumerate(STATUSES)}
                rows.append(
                    {"fidelity": fidelity, "task": task, "image": image, "seed": seed}
                    | {"expected": len(mine), **found, "missing": int((mine < 0).sum())}
                )
    names = ["fidelity", "task", "image", "seed", "expected", *STATUSES, "missing"]
    return pd.DataFrame(rows, columns=names)
