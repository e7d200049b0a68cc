"""Does the beginning of a fit rank its end? Tau between curves at an iteration and a target.

The smoothed PSNR belongs to a moving average of the outputs with weight 0.99, which lags about 99
iterations behind. To stop fits early, look at the raw PSNR; the tables give both.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingRunError, unknown_name
from nasdip_bench.ranks.tau import estimate, signs_of, taus

from ...reading.arrays.targets import VERDICT_TARGETS
from ...reading.run_set import RunSet
from ..tau_frame import FEWEST, index_of, strata_of

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.reader import ReleaseReader

CURVES = ("raw", "smoothed")
SEEDS = ("own", "other")
"""Seed of the end that a beginning is compared with: its own, or the others."""

_AT_ONCE = 16  # points; the signs of 522 architectures take 17 MB


def early_ranking(
    bench: ReleaseReader,
    task: str,
    *,
    targets: Sequence[str] = VERDICT_TARGETS,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    iterations: Sequence[int] | None = None,
    within: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Kendall's tau-b between PSNR at kept iterations and the end of fits.

    Each seed's curves are compared with the targets of the same seed ("own") and of the other seeds
    ("other"). The latter have another corruption; a search that is tested elsewhere can expect no
    more. Tau is the mean over images and over seeds or pairs of them.

    Other arguments as in `kendall_intervals`.

    Args:
        targets: columns of runs.parquet where higher is better.
        iterations: some of the kept iterations; None for all of them.

    Returns:
        A frame indexed by (curve, seed, target, iteration), curve one of `CURVES`, seed "own" or
        "other": ``tau``; ``low`` and ``high``, its interval over architectures from the
        infinitesimal jackknife (`nasdip_bench.ranks.tau`); ``n`` architectures, those with ok runs
        on all images at all seeds. In ``attrs``: task, targets, fidelity, seeds, images,
        within, level.

    Raises:
        UnknownNameError: unknown task, image, fidelity, target or iteration.
        MissingRunError: too few architectures with all runs.

    Example:
        >>> found = NASDIPBench("data/").early_ranking("denoise", iterations=[200])
        >>> raw, smoothed = (found.loc[c, "other", "best_psnr_smooth_db", 200].tau for c in CURVES)
        >>> bool(raw > smoothed)
        True
    """
    import pandas as pd

    runs = RunSet.of(bench, task, images=images, fidelity=fidelity)
    runs, strata = runs._replace(seeds=runs.block.seeds), strata_of(bench, within)
    for target in targets:
        runs.block.check_ranked(target)
    curves = bench.curves(task, fidelity=runs.fidelity)
    points = _points(curves.iterations, iterations)
    ends = np.stack([runs.values(target) for target in targets])
    raw, smooth = (
        array[:, list(runs.images)][..., points].astype(np.float64)
        for array in (curves.psnr_db, curves.psnr_smooth_db)
    )
    there = np.isfinite(ends).all(axis=(0, 2, 3)) & np.isfinite(raw).all(axis=(1, 2, 3))
    if there.sum() < FEWEST:
        raise MissingRunError(
            f"{int(there.sum())} architectures have ok runs of {task} at {runs.fidelity} on "
            f"{', '.join(runs.image_names)} at seeds {', '.join(map(str, runs.seeds))}; at least "
            f"{FEWEST} are needed"
        )
    strata = None if strata is None else strata[there]
    rows = {}
    kinds = SEEDS if len(runs.seeds) > 1 else SEEDS[:1]
    for curve, values in zip(CURVES, (raw[there], smooth[there]), strict=True):
        means = _mean_taus(values, ends[:, there], strata)
        for kind, target, point in np.ndindex(len(kinds), len(targets), len(points)):
            key = (curve, kinds[kind], targets[target], int(curves.iterations[points[point]]))
            found = estimate(means[kind, point, target], level)
            rows[key] = found._asdict() | {"n": int(there.sum())}
    names = ["curve", "seed", "target", "iteration"]
    frame = pd.DataFrame(list(rows.values()), index=index_of(rows, names))
    frame.attrs = {
        "task": task,
        "targets": list(targets),
        "fidelity": runs.fidelity,
        "seeds": list(runs.seeds),
        "images": list(runs.image_names),
        "within": within,
        "level": level,
    }
    return frame


def _points(kept: NDArray[np.int32], wanted: Sequence[int] | None) -> NDArray[np.intp]:
    """Positions of iterations among the kept ones."""
    if wanted is None:
        return np.arange(len(kept))
    for iteration in wanted:
        if iteration not in kept:
            raise unknown_name("iteration", iteration, kept.tolist())
    return np.searchsorted(kept, wanted)


def _mean_taus(
    early: NDArray[np.float64], ends: NDArray[np.float64], strata: NDArray[np.intp] | None
) -> NDArray[np.float64]:
    """Tau and its influences, averaged over images and over seeds or pairs of them.

    Args:
        early: (architecture, image, seed, point).
        ends: (target, architecture, image, seed).
        strata: (architecture,) codes; None for all pairs.

    Returns:
        (2, point, target, 1 + architecture), in the order of `SEEDS`; NaN for "other" with one
        seed.
    """
    n, images, seeds, points = early.shape
    found = np.zeros((2, points, len(ends), 1 + n))
    for image, first in itertools.product(range(images), range(0, points, _AT_ONCE)):
        some = slice(first, first + _AT_ONCE)
        x = [signs_of(early[:, image, seed, some].T[:, None], strata) for seed in range(seeds)]
        y = [signs_of(ends[:, :, image, seed], strata) for seed in range(seeds)]
        for a, b in np.ndindex(seeds, seeds):
            found[int(a != b), some] += taus(x[a], y[b]).expansion
    with np.errstate(invalid="ignore"):
        found /= images * np.reshape([seeds, seeds * (seeds - 1)], (2, 1, 1, 1))
    return found
