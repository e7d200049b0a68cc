"""Statistics over a release as pandas frames: rank correlations, top-k overlap, coverage.

Frames carry what they were computed from in ``attrs``, in plain Python values (frames there would
break `pandas.concat` and saving).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.api.index import RANKED_TARGETS, TARGETS, Block
from nasdip_bench.errors import ConfigError, unknown_name
from nasdip_bench.schema import STATUSES
from nasdip_bench.statistics import (
    Correlation,
    kendall_tau_b,
    kendall_tau_b_table,
    overlap_matrix,
)

if TYPE_CHECKING:
    from nasdip_bench.api.benchmark import NASDIPBench
    from nasdip_bench.api.lookup import ArchitectureLike

__all__ = ["correlate", "coverage", "kendall", "overlap"]


def _facts(block: Block, target: str, seeds: tuple[int, ...]) -> dict[str, Any]:
    return {
        "task": block.task,
        "target": target,
        "fidelity": block.fidelity,
        "seeds": list(seeds),
    }


def kendall(
    bench: NASDIPBench,
    task: str,
    target: str = "best_psnr_smooth_db",
    fidelity: str | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """Kendall's tau-b between a target and the training-free scores, over architectures.

    Over the architectures whose run on the image is ok and that have the score. The sign is raw:
    for a distance, negative is good. One seed at a time: with several default seeds the value is
    the mean of tau over them, not tau of the mean.

    Args:
        bench: the release.
        task: name.
        target: a column of runs.parquet that is a measurement; the default is what the paper's
            notebooks use, and an oracle.
        fidelity: None for the release's default for the task.
        seed: None for each of the default seeds.

    Returns:
        images × (proxy, reference), float64. In ``attrs``: ``task``, ``target``, ``fidelity``,
        ``seeds``; and by "proxy/reference" and image ``n`` (architectures, the fewest over seeds),
        ``std`` (of tau over seeds; NaN for one), ``reasons`` (why a value is NaN; only where it
        is). ``pandas.DataFrame(frame.attrs["n"])`` makes a frame of one of them.

    Raises:
        UnknownNameError: a task, target, fidelity or seed that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    if target not in TARGETS:
        raise unknown_name("target", target, TARGETS)
    block = bench.runs.block(task, fidelity)
    seeds = block.choose_seeds(seed)
    _, scores = bench.runs.scores(task, block.fidelity)
    targets = np.stack([block.matrix(target, one) for one in seeds])
    images = bench.images
    tau = np.full((len(images), len(scores.columns)), np.nan)
    n: dict[str, dict[str, int]] = {key: {} for key in scores.keys}
    std: dict[str, dict[str, float]] = {key: {} for key in scores.keys}
    reasons: dict[str, dict[str, str]] = {}
    for row, image in enumerate(images):
        by_seed = _correlations(targets[:, :, row], scores.values[:, row].T)
        for column, key in enumerate(scores.keys):
            of_seeds = [of_seed[column] for of_seed in by_seed]
            taus = [one.tau for one in of_seeds]
            tau[row, column] = np.mean(taus)
            n[key][image] = min(one.n for one in of_seeds)
            std[key][image] = float(np.std(taus, ddof=1)) if len(taus) > 1 else float("nan")
            if np.isnan(tau[row, column]):
                reasons.setdefault(key, {})[image] = _reason(of_seeds, target, key)
    frame = pd.DataFrame(
        tau,
        index=pd.Index(images, name="image"),
        columns=pd.MultiIndex.from_tuples(scores.columns, names=["proxy", "reference"])
        if scores.columns
        else pd.MultiIndex.from_arrays([[], []], names=["proxy", "reference"]),
    )
    frame.attrs = _facts(block, target, seeds) | {"n": n, "std": std, "reasons": reasons}
    return frame


def _correlations(
    targets: NDArray[np.float64], values: NDArray[np.float64]
) -> list[list[Correlation]]:
    """Tau of every row of targets with every row of values.

    Architectures without any target or any value are left out of all at once, so that an incomplete
    release is as fast as a complete one.
    """
    having = np.isfinite(targets).any(axis=0) & np.isfinite(values).any(axis=0)
    return kendall_tau_b_table(targets[:, having], values[:, having])


def correlate(
    bench: NASDIPBench,
    values: ArrayLike | Mapping[ArchitectureLike, float],
    task: str,
    target: str = "best_psnr_smooth_db",
    fidelity: str | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """Kendall's tau-b between a target and values of one's own, such as a new proxy's.

    As in `kendall`: raw sign, one seed at a time, over the architectures that have an ok run and a
    finite value.

    Args:
        bench: the release.
        values: (architecture,) numbers of the whole release in its order, the same for all images;
            or (architecture, image); or a mapping from architectures to numbers, where those that
            are left out have none. NaN is no value.
        task: name.
        target: a column of runs.parquet that is a measurement.
        fidelity: None for the release's default for the task.
        seed: None for each of the default seeds.

    Returns:
        indexed by image: ``tau`` (mean over seeds), ``std`` (over seeds, NaN for one), ``n``
        (architectures, the fewest over seeds), ``reason`` (why tau is NaN, else ""). In ``attrs``:
        ``task``, ``target``, ``fidelity``, ``seeds``.

    Raises:
        ConfigError: an array of another shape.
        UnknownNameError: an architecture, task, target, fidelity or seed that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    if target not in TARGETS:
        raise unknown_name("target", target, TARGETS)
    block = bench.runs.block(task, fidelity)
    seeds = block.choose_seeds(seed)
    matrix = _own_values(bench, values)
    rows = []
    for position in range(len(bench.images)):
        of_seeds = [
            kendall_tau_b(block.matrix(target, one)[:, position], matrix[:, position])
            for one in seeds
        ]
        taus = [one.tau for one in of_seeds]
        tau = float(np.mean(taus))
        rows.append(
            {
                "tau": tau,
                "std": float(np.std(taus, ddof=1)) if len(taus) > 1 else float("nan"),
                "n": min(one.n for one in of_seeds),
                "reason": _reason(of_seeds, target, "the proxy") if np.isnan(tau) else "",
            }
        )
    frame = pd.DataFrame(rows, index=pd.Index(bench.images, name="image"))
    frame.attrs = _facts(block, target, seeds)
    return frame


def _own_values(
    bench: NASDIPBench, values: ArrayLike | Mapping[ArchitectureLike, float]
) -> NDArray[np.float64]:
    """(architecture, image) float64 of what a user has."""
    shape = (len(bench), len(bench.images))
    if isinstance(values, Mapping):
        column = np.full(shape[0], np.nan)
        for arch, value in values.items():
            column[bench.arch_id(arch)] = value
        return np.broadcast_to(column[:, None], shape)
    array = np.asarray(values, np.float64)
    if array.shape == shape[:1]:
        return np.broadcast_to(array[:, None], shape)
    if array.shape != shape:
        raise ConfigError(
            f"values of shape {array.shape} are neither {shape[:1]}, one an architecture of the "
            f"release, nor {shape}, one an architecture and image; give a mapping from "
            f"architectures to numbers for some of them"
        )
    return array


def _reason(of_seeds: list[Correlation], target: str, key: str) -> str:
    why = next(one.reason for one in of_seeds if one.reason)
    return why.replace("the first sample", target).replace("the second sample", key)


def overlap(
    bench: NASDIPBench,
    task: str,
    k: int = 10,
    target: str = "best_psnr_smooth_db",
    fidelity: str | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """How many architectures pairs of images share among their k best.

    Over the architectures that have a run on all images of the release, so that an incomplete
    release compares like with like. Diverged runs rank last, ties break by arch_id; failed runs
    say nothing of an architecture and count as missing. One seed at a time: with several default
    seeds the values are means of counts over them.

    Args:
        bench: the release.
        task: name.
        k: how many are the best, 1..n.
        target: one of the columns of runs.parquet with a direction.
        fidelity: None for the release's default for the task.
        seed: None for each of the default seeds.

    Returns:
        images × images, int64 counts, or float64 means of counts over several seeds; k on the
        diagonal. In ``attrs``: ``task``, ``target``, ``fidelity``, ``seeds``, ``k``, ``n`` (the
        architectures chosen from, the fewest over seeds), ``expected`` (k²/n, the count by chance)
        and ``diverged`` (runs ranked last).

    Raises:
        ConfigError: k is outside 1..n.
        UnknownNameError: a task, target, fidelity or seed that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    if target not in tuple(RANKED_TARGETS):
        raise unknown_name("target of a ranking", target, RANKED_TARGETS)
    block = bench.runs.block(task, fidelity)
    seeds = block.choose_seeds(seed)
    sign = -1.0 if RANKED_TARGETS[target] == "lower" else 1.0
    counts, candidates, diverged = [], [], 0
    for one in seeds:
        statuses = block.statuses(one)
        done = (statuses == STATUSES.index("ok")) | (statuses == STATUSES.index("diverged"))
        everywhere = done.all(axis=1)
        n = int(everywhere.sum())
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= n:
            raise ConfigError(
                f"k {k!r} must be a whole number from 1 to n = {n}, the number of architectures "
                f"with a run of {task} at {block.fidelity} with seed {one} on all "
                f"{len(bench.images)} images"
            )
        candidates.append(n)
        diverged += int((statuses[everywhere] == STATUSES.index("diverged")).sum())
        counts.append(overlap_matrix(sign * block.matrix(target, one)[everywhere].T, k))
    values = counts[0] if len(counts) == 1 else np.mean(counts, axis=0)
    frame = pd.DataFrame(
        values, index=pd.Index(bench.images, name="image"), columns=pd.Index(bench.images)
    )
    n = min(candidates)
    frame.attrs = _facts(block, target, seeds) | {
        "k": int(k),
        "n": n,
        "expected": int(k) ** 2 / n,
        "diverged": diverged,
    }
    return frame


def coverage(bench: NASDIPBench) -> pd.DataFrame:
    """What there is and what is missing.

    Returns:
        a row for each fidelity, task, image and seed: ``expected`` (architectures of the release),
        ``ok``, ``diverged``, ``failed``, ``missing``, int64; these four sum to ``expected``.
    """
    rows = []
    for fidelity in bench.fidelities:
        for task in bench.tasks:
            record = bench.manifest.task(fidelity, task)
            if record is None or not record.runs:
                continue
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
