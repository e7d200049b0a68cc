"""How many of their best architectures images share, against chance and seed noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.errors import ConfigError, check_whole
from nasdip_bench.ranks.chance import chance_overlap, overlap_p_value
from nasdip_bench.ranks.correlation import overlap_matrix

from ..reading.arrays.block import Block
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

    Args:
        task: name.
        k: number of best architectures, from 1 to n, or to the smallest number of runs on an image
            that did not diverge.
        target: one of the columns of runs.parquet where higher is better.
        fidelity: None for the release's default for the task.
        seed: None for each default seed.
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
        everywhere = _everywhere(block, one, chosen)
        numbers = runs.matrix(one)[everywhere][:, chosen]
        _check(k, numbers, block, one, bench, names)
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


def overlap_table(
    bench: ReleaseReader,
    task: str,
    *,
    k: int = 10,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """Does the image decide which architectures are best? Overlap, chance and seed noise.

    Two images share few of their k best either because the best depends on the image or because
    one run is a noisy measurement. The table compares three counts: by chance, between two images,
    and of one image with itself between two seeds. Compare the last two in the columns that end in
    ``_across_seeds``: there each count is between runs of different seeds, over the same
    architectures (those with runs of both seeds on all images). The dependence on the image is
    ``same_image_across_seeds`` - ``shared_across_seeds``.

    Args:
        task: name.
        k: number of best architectures, as in `overlap`.
        target: one of the columns of runs.parquet where higher is better.
        fidelity: None for the release's default for the task.
        seed: seed of the first columns; None for each default seed.
        images: as in `overlap`.

    Returns:
        One row per pair of images, indexed by (image_a, image_b): ``shared``, as in `overlap`;
        ``n``, the architectures chosen from, minimum over seeds; ``expected`` and ``chance_std``,
        mean and standard deviation of the count for two random choices (hypergeometric), averaged
        over seeds; ``p_value``, the probability that random choices share at least that many,
        maximum over seeds; ``n_across_seeds``, ``expected_across_seeds``;
        ``shared_across_seeds``, mean over the ordered pairs of all seeds;
        ``same_image_across_seeds``, mean over both images. Without a second seed, or with fewer
        than k architectures that have both, the last four are NaN (0 for ``n``). In
        ``attrs``: ``task``, ``target``, ``fidelity``, ``seeds``, ``k``, ``all_seeds``.

    Raises:
        ConfigError: k is out of range, or no architecture has a run on all the images.
        UnknownNameError: an unknown task, target, fidelity, seed or image.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> len(NASDIPBench("data/").overlap_table("denoise", k=10))  # pairs of images
        45
    """
    import pandas as pd

    runs = RunSet.of(
        bench, task, target=target, images=images, fidelity=fidelity, seed=seed, ranked=True
    )
    names, same = runs.image_names, {"target": runs.target, "fidelity": runs.fidelity}
    by_seed = [overlap(bench, task, k=k, images=names, seed=one, **same) for one in runs.seeds]
    across, n_across, expected_across = _across_seeds(runs, k)
    rows = {}
    for a, b in itertools.combinations(range(len(names)), 2):
        counts = [int(frame.iat[a, b]) for frame in by_seed]
        sizes = [frame.attrs["n"] for frame in by_seed]
        expected, spread = np.mean([chance_overlap(n, k) for n in sizes], axis=0).tolist()
        rows[names[a], names[b]] = {
            "shared": float(np.mean(counts)),
            "n": min(sizes),
            "expected": expected,
            "chance_std": spread,
            "p_value": max(
                overlap_p_value(count, n, k) for count, n in zip(counts, sizes, strict=True)
            ),
            "n_across_seeds": n_across,
            "expected_across_seeds": expected_across,
            "shared_across_seeds": float(across[a, b]),
            "same_image_across_seeds": float((across[a, a] + across[b, b]) / 2),
        }
    frame = pd.DataFrame(
        list(rows.values()),
        index=pd.MultiIndex.from_tuples(list(rows), names=["image_a", "image_b"]),
    )
    frame.attrs = runs.facts() | {"k": int(k), "all_seeds": list(runs.block.seeds)}
    return frame


def _across_seeds(runs: RunSet, k: int) -> tuple[NDArray[np.float64], int, float]:
    """What is shared among the k best between all seeds.

    Returns:
        (image, image) symmetric, mean count over the ordered pairs of seeds, an image with itself
        on the diagonal; NaN if no pair of seeds has enough architectures. Then the architectures
        that both seeds have on all images, minimum over pairs, or 0; and k²/n, mean over pairs.
    """
    block, chosen = runs.block, list(runs.images)
    count, counts, sizes = len(chosen), [], []
    for s, t in itertools.combinations(block.seeds, 2):
        both = _everywhere(block, s, chosen) & _everywhere(block, t, chosen)
        rows = np.concatenate([runs.matrix(one)[both][:, chosen].T for one in (s, t)])
        if np.isfinite(rows).sum(axis=1).min(initial=len(both)) < k:
            continue
        corner = overlap_matrix(rows, k)[:count, count:]
        counts.append((corner + corner.T) / 2)  # (a at s, b at t) and (a at t, b at s)
        sizes.append(int(both.sum()))
    if not counts:
        return np.full((count, count), math.nan), 0, math.nan
    expected = float(np.mean([k * k / n for n in sizes]))
    return np.mean(counts, axis=0), min(sizes), expected


def _everywhere(block: Block, seed: int, images: Sequence[int]) -> NDArray[np.bool_]:
    """(architecture,) whether it has an ok or diverged run of the seed on each of the images."""
    statuses = block.statuses(seed)[:, list(images)]
    done = (statuses == STATUSES.index("ok")) | (statuses == STATUSES.index("diverged"))
    return np.asarray(done.all(axis=1))


def _check(
    k: int,
    numbers: NDArray[np.float64],
    block: Block,
    seed: int,
    bench: ReleaseReader,
    images: Sequence[str],
) -> None:
    n = len(numbers)
    what = f"run of {block.task} at {block.fidelity} with seed {seed}"
    if not n:
        raise ConfigError(
            f"no architecture has a {what} on all {len(images)} images; "
            f"{images_with_runs(bench, block, [seed])}"
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
