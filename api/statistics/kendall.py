"""Statistics of a release as pandas frames: rank correlations, coverage.

Each frame's ``attrs`` holds its set-up as plain Python values (frames there would break
`pandas.concat` and saving).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.ranks.correlation import Correlation, kendall_tau_b_row

from ..reading.run_set import RunSet

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader


def kendall(
    bench: ReleaseReader,
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """Kendall's tau-b between a target and the training-free scores, over architectures.

    It covers the architectures that have the score and an ok run on the image. The sign is raw:
    for a distance, negative is good. With several default seeds the value is the mean of their
    taus, not the tau of the mean. A score that sees the corruption is compared with the runs of
    the same seed.

    Args:
        task: name.
        target: a column of runs.parquet that is a measurement; None for
            `nasdip_bench.api.reading.arrays.targets.TARGET`.
        fidelity: None for the release's default for the task.
        seed: None for each default seed.
        images: one or several names; None for all.

    Returns:
        images × (proxy, reference), float64. In ``attrs``: ``task``, ``target``, ``fidelity``,
        ``seeds``; and by "proxy/reference" and image ``n`` (architectures, the minimum over seeds),
        ``std`` (of tau over seeds; NaN for one seed), ``reasons`` (why a value is NaN).
        ``pandas.DataFrame(frame.attrs["n"])`` makes a frame of one of them. A mean over images
        taken by pandas skips missing values; the one in `NASDIPBench.kendall_intervals` does
        not.

    Raises:
        UnknownNameError: an unknown task, target, fidelity, seed or image.
        ConfigError: no image is named.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> tau = NASDIPBench("data/").kendall("denoise")
        >>> bool(tau.loc["lena", ("psd_db_strip_mse", "corrupted")] < 0)  # a distance: low is good
        True
    """
    import pandas as pd

    runs = RunSet.of(bench, task, target=target, images=images, fidelity=fidelity, seed=seed)
    targets = [runs.matrix(one) for one in runs.seeds]
    scores_of = [runs.scores(one) for one in runs.seeds]
    scores, names = scores_of[0], runs.image_names
    tau = np.full((len(names), len(scores.columns)), np.nan)
    n: dict[str, dict[str, int]] = {key: {} for key in scores.keys}
    std: dict[str, dict[str, float]] = {key: {} for key in scores.keys}
    reasons: dict[str, dict[str, str]] = {}
    for row, (position, image) in enumerate(zip(runs.images, names, strict=True)):
        by_seed = [
            _correlations(matrix[:, position], of.values[:, position].T)
            for matrix, of in zip(targets, scores_of, strict=True)
        ]
        for column, key in enumerate(scores.keys):
            of_seeds = [of_seed[column] for of_seed in by_seed]
            taus = [one.value for one in of_seeds]
            tau[row, column] = np.mean(taus)
            n[key][image] = min(one.n for one in of_seeds)
            std[key][image] = float(np.std(taus, ddof=1)) if len(taus) > 1 else float("nan")
            if np.isnan(tau[row, column]):
                reasons.setdefault(key, {})[image] = _reason(of_seeds, runs.target, key)
    frame = pd.DataFrame(
        tau,
        index=pd.Index(names, name="image"),
        columns=pd.MultiIndex.from_tuples(scores.columns, names=["proxy", "reference"]),
    )
    frame.attrs = runs.facts() | {"n": n, "std": std, "reasons": reasons}
    return frame


def _correlations(target: NDArray[np.float64], values: NDArray[np.float64]) -> list[Correlation]:
    """Tau of a target with each row of values.

    Architectures without a target or without any value are dropped from all rows at once, so an
    incomplete release is as fast as a complete one.
    """
    having = np.isfinite(target) & np.isfinite(values).any(axis=0)
    return kendall_tau_b_row(target[having], values[:, having])


def _reason(of_seeds: list[Correlation], target: str, key: str) -> str:
    why = next(one.reason for one in of_seeds if one.reason)
    return why.replace("the first sample", target).replace("the second sample", key)


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
