"""Does the beginning of a fit rank its end? Tau between curves at an iteration and a target.

The smoothed PSNR is a moving average with weight 0.99: it lags some 99 iterations behind. Whatever
stops fits early should look at the raw PSNR, so both are given side by side.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingRunError, unknown_name

from ...reading.run_set import RunSet
from ..image_gain import TARGETS
from ..tau_frame import FEWEST

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.reader import ReleaseReader

__all__ = ["CURVES", "early_ranking"]

CURVES = ("raw", "smoothed")
_NORMAL_95 = 1.959963984540054


def early_ranking(
    bench: ReleaseReader,
    task: str,
    targets: Sequence[str] = TARGETS,
    *,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    iterations: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Kendall's tau-b between PSNR at kept iterations and where fits end.

    Each seed's curves with the targets of the same seed ("own"), and with those of the other seeds
    ("other"), which have another corruption: a search that is tested elsewhere has no more than
    that. Tau is the mean over images and over seeds or pairs of them.

    Args:
        bench: the release.
        task: name.
        targets: columns of runs.parquet.
        images: one or several names; None for all.
        fidelity: None for the release's default for the task.
        iterations: kept ones; None for all that were kept.

    Returns:
        indexed by (curve, seed, target, iteration), curve one of `CURVES`, seed "own" or "other":
        ``tau``; ``low`` and ``high``, a 95 % interval over architectures from the infinitesimal
        jackknife (their influence is summed over images and seeds first, since they share
        architectures); ``n`` architectures, those with ok runs on all images at all seeds used.

    Raises:
        UnknownNameError: unknown task, image, fidelity, target or iteration.
        MissingRunError: too few architectures with all runs.
    """
    import pandas as pd

    runs = RunSet.of(bench, task, images=images, fidelity=fidelity)
    runs = runs._replace(seeds=runs.block.seeds)
    curves = bench.curves(task, runs.fidelity)
    points = _points(curves.iterations, iterations)
    ends = [runs.values(target) for target in targets]
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
    rows = {}
    count = len(runs.seeds)
    pairs = {
        "own": [(seed, seed) for seed in range(count)],
        "other": list(itertools.permutations(range(count), 2)),
    }
    signs = {
        (number, image, seed): _signs(end[there, image, seed])
        for number, end in enumerate(ends)
        for image in range(len(runs.images))
        for seed in range(count)
    }
    for curve, values in zip(CURVES, (raw[there], smooth[there]), strict=True):
        for place, point in enumerate(points.tolist()):
            of_curve = {
                (image, seed): _signs(values[:, image, seed, place])
                for image in range(len(runs.images))
                for seed in range(count)
            }
            for kind, number in itertools.product(pairs, range(len(targets))):
                found = [
                    _tau(of_curve[image, a], signs[number, image, b])
                    for image in range(len(runs.images))
                    for a, b in pairs[kind]
                ]
                if found:
                    key = (curve, kind, targets[number], int(curves.iterations[point]))
                    rows[key] = _row(found)
    names = ["curve", "seed", "target", "iteration"]
    frame = pd.DataFrame(list(rows.values()), index=pd.MultiIndex.from_tuples(rows, names=names))
    frame.attrs = {"task": task, "fidelity": runs.fidelity, "seeds": list(runs.seeds)}
    return frame


def _points(kept: NDArray[np.int32], wanted: Sequence[int] | None) -> NDArray[np.intp]:
    """Places of iterations among the kept ones."""
    if wanted is None:
        return np.arange(len(kept))
    for iteration in wanted:
        if iteration not in kept:
            raise unknown_name("iteration", iteration, kept.tolist())
    return np.searchsorted(kept, wanted)


def _signs(values: NDArray[np.float64]) -> tuple[NDArray[np.float32], float]:
    """(n, n) signs of the differences of a sample, and the root of the number that are not 0."""
    signs = np.sign(values[:, None] - values[None, :]).astype(np.float32)
    return signs, float(np.sqrt(np.count_nonzero(signs)))


def _tau(
    one: tuple[NDArray[np.float32], float], other: tuple[NDArray[np.float32], float]
) -> tuple[float, NDArray[np.float64]]:
    """Tau-b, and each architecture's share of it: (n,) summing to tau."""
    (x, x_root), (y, y_root) = one, other
    if not x_root or not y_root:
        return float("nan"), np.full(len(x), np.nan)
    agreed = np.einsum("ij,ij->i", x, y).astype(np.float64) / (x_root * y_root)
    return float(agreed.sum()), agreed


def _row(found: Sequence[tuple[float, NDArray[np.float64]]]) -> dict[str, float]:
    """The mean of taus with the interval of their common architectures.

    Tau is a mean over pairs, so that an architecture's influence is twice its own mean's distance
    from tau; that of the normalising ties is left out.
    """
    tau = float(np.mean([one for one, _ in found]))
    shares = np.mean([share for _, share in found], axis=0)
    n = len(shares)
    influence = 2 * (n * shares - tau)
    error = float(np.sqrt((influence**2).sum())) / n
    low, high = np.clip([tau - _NORMAL_95 * error, tau + _NORMAL_95 * error], -1, 1).tolist()
    return {"tau": tau, "low": low, "high": high, "n": n}
