"""How many of their best architectures images share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.errors import ConfigError, check_whole
from nasdip_bench.ranks.top import overlap_matrix

from ..reading.run_set import RunSet, images_with_runs

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader


def overlap(
    bench: ReleaseReader,
    task: str,
    *,
    k: int = 10,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """How many of their k best architectures each pair of images shares.

    It covers the architectures that have a run on all the images, so an incomplete release compares
    like with like. Diverged runs rank last and are never among the best; failed runs count as
    missing; ties break by arch_id. With several default seeds the values are means of the counts of
    each seed.

    Other arguments as in `kendall`.

    Args:
        k: number of best architectures, from 1 to n, or to the smallest number of runs on an image
            that did not diverge.
        target: a column of runs.parquet where higher is better.
        images: several names; None for all. Architectures need a run on these only.

    Returns:
        images × images, int64 counts, or float64 means of counts over seeds; k on the diagonal.
        In ``attrs``: ``task``, ``target``, ``fidelity``, ``seeds``, ``k``, ``n`` (architectures
        chosen from, minimum over seeds), ``expected`` (k²/n, the count by chance, mean over
        seeds), ``diverged`` (runs ranked last).

    Raises:
        ConfigError: k is out of range, or no architecture has a run on all the images.
        UnknownNameError: an unknown task, target, fidelity, seed or image.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> NASDIPBench("data/").overlap("denoise", k=10).shape
        (10, 10)
    """
    import pandas as pd

    runs = RunSet.of(
        bench, task, target=target, images=images, fidelity=fidelity, seed=seed, ranked=True
    )
    block, names, chosen = runs.block, runs.image_names, list(runs.images)
    counts, candidates, diverged = [], [], 0
    for one in runs.seeds:
        everywhere = block.ended(one)[:, chosen].all(axis=1)
        numbers = runs.matrix(one)[everywhere][:, chosen]
        _check(k, numbers, runs, one)
        candidates.append(len(numbers))
        statuses = block.statuses(one)[everywhere][:, chosen]
        diverged += int((statuses == STATUSES.index("diverged")).sum())
        counts.append(overlap_matrix(numbers.T, k))
    values = counts[0] if len(counts) == 1 else np.mean(counts, axis=0)
    frame = pd.DataFrame(values, index=pd.Index(names, name="image"), columns=pd.Index(names))
    frame.attrs = runs.facts() | {
        "k": int(k),
        "n": min(candidates),
        "expected": float(np.mean([int(k) ** 2 / n for n in candidates])),
        "diverged": diverged,
    }
    return frame


def _check(k: int, numbers: NDArray[np.float64], runs: RunSet, seed: int) -> None:
    """Raise `ConfigError` if there are not k architectures to choose from on each image."""
    n, images = len(numbers), runs.image_names
    what = f"run of {runs.task} at {runs.fidelity} with seed {seed}"
    if not n:
        raise ConfigError(
            f"no architecture has a {what} on all {len(images)} images; "
            f"{images_with_runs(runs.bench, runs.block, [seed])}"
        )
    whose = f", the number of architectures with a {what} on all {len(images)} images"
    k = check_whole("k", k, 1, n, note=whose)
    there = np.isfinite(numbers).sum(axis=0)
    fewest = int(there.argmin())
    if there[fewest] < k:
        raise ConfigError(
            f"k {k} must be at most {there[fewest]}, the number of those {n} architectures whose "
            f"{what} on {images[fewest]} did not diverge"
        )
