"""Test whether a surrogate predicts runs of architectures that were not trained.

    pip install lightgbm
    python benchmarks/surrogate.py data --out benchmarks/results/surrogate.json

The surrogate is gradient-boosted trees on an architecture's attributes, its sizes and those
training-free scores that need no ground truth. It predicts a target for all images at once, each in
units of its own spread. All results are for held-out architectures: random tenths, tenths by cell,
and one sampling at a time. A surrogate may replace runs if tau within one sampling is at least 0.6
and its error, without the noise of the runs it is compared with, is below a single seed's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import describe
from numpy.typing import NDArray
from results import Results

from nasdip_bench import NASDIPBench
from nasdip_bench.api.reading.arrays.targets import VERDICT_TARGETS
from nasdip_bench.ranks.noise import attainable_tau
from nasdip_bench.ranks.tau import tau_b
from nasdip_bench.space import encode_one_hot

FOLDS = 10
LEVEL = 0.9
TREES = {
    "n_estimators": 300,
    "learning_rate": 0.03,
    "num_leaves": 7,
    "min_child_samples": 5,
    "subsample": 0.7,
    "subsample_freq": 1,
    "colsample_bytree": 0.5,
    "reg_lambda": 1.0,
    "random_state": 0,
    "n_jobs": 1,
    "verbose": -1,
}


class Sample(NamedTuple):
    """A task's runs of n architectures on M images.

    Attributes:
        features: (n, M, F) input of the trees.
        values: (n, M) the target, the mean over seeds.
        strata: (n,) the kind of sampling.
        cells: (n,) the cell.
    """

    features: NDArray[np.float64]
    values: NDArray[np.float64]
    strata: NDArray[np.intp]
    cells: NDArray[np.intp]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    bench = NASDIPBench(options.data)
    results = Results(options.out) if options.out else None
    if results is not None:
        results.set(machine=describe("cpu", 1), release=bench.manifest.version, level=LEVEL)
    for task in bench.tasks:
        for target in different_targets(bench, task):
            about = {"task": task, "target": target}
            for row in rows(bench, task, target):
                row = about | row
                print(*(f"{k}={v:.3f}" if isinstance(v, float) else v for k, v in row.items()))
                if results is not None:
                    results.add("surrogate", row)


def different_targets(bench: NASDIPBench, task: str) -> list[str]:
    """The distinct targets; two coincide if the stop is the end of the budget."""
    block, found = bench.runs.block(task), {}
    for target in VERDICT_TARGETS:
        found.setdefault(block.matrix(target, block.default_seeds[0]).tobytes(), target)
    return [*found.values()]


def rows(bench: NASDIPBench, task: str, target: str) -> Iterator[dict[str, Any]]:
    """How well a seed, a table of means and the trees predict a target."""
    sample, seed = read(bench, task, target), noise(bench, task, target)
    yield {"by": "another seed"} | seed

    def judged(by: str, found: NDArray[np.float64], folds: Any = None) -> dict[str, Any]:
        said = judge(sample, found, folds)
        of_noise = seed["rms_db"] ** 2 / len(bench.runs.block(task).default_seeds)
        true = np.sqrt(max(0.0, said["rms_db"] ** 2 - of_noise))
        return {"by": by} | said | {"rms_true_db": float(true)}

    yield judged("mean of the cell, else of the sampling", cell_means(sample))
    divisions = held_out(sample)
    for name, folds in divisions.items():
        yield judged(f"trees, {name} held out", predict(sample, folds), folds)
    for count in (60, 120, 240, 480):
        if count < 0.9 * len(sample.values):
            found = predict(sample, divisions["architectures"], count)
            yield judged(f"trees, fitted to {count}", found)


def read(bench: NASDIPBench, task: str, target: str) -> Sample:
    """Read the architectures that have all scores, and all runs ok."""
    block = bench.runs.block(task)
    values = np.mean([block.matrix(target, seed) for seed in block.default_seeds], axis=0)
    _, scores = bench.runs.scores(task)
    blind = [i for i, key in enumerate(scores.keys) if not key.endswith("/ground_truth")]
    seen = scores.values[:, :, blind]
    seen = np.sign(seen) * np.log10(np.abs(seen) + 1e-12)
    scored = np.isfinite(seen).any(axis=(1, 2))  # trees can handle single NaN scores
    there = np.flatnonzero(np.isfinite(values).all(axis=1) & scored)
    images = values.shape[1]
    encoded = encode_one_hot(bench.codes[row] for row in there.tolist()).astype(np.float64)
    sums = encoded[:, -25:].reshape(-1, 5, 5)
    own = np.concatenate([encoded, sums.sum(axis=1), sums.sum(axis=2)], axis=1)
    which = np.broadcast_to(np.arange(images)[None, :, None], (len(there), images, 1))
    wide = np.broadcast_to(own[:, None], (len(there), images, own.shape[1]))
    cells = np.array([bench[row].cell for row in there.tolist()])
    return Sample(
        np.concatenate([wide, seen[there], which], axis=2),
        values[there],
        bench.architecture_rows.samplings[there],
        cells,
    )


def held_out(sample: Sample) -> dict[str, NDArray[np.intp]]:
    """(n,) the fold of each architecture, by name of the split."""
    rng = np.random.default_rng(0)
    _, cell = np.unique(sample.cells, return_inverse=True)
    return {
        "architectures": rng.permutation(len(cell)) % FOLDS,
        "cells": (rng.permutation(cell.max() + 1) % FOLDS)[cell],
        "samplings": sample.strata,
    }


def predict(
    sample: Sample, folds: NDArray[np.intp], most: int | None = None
) -> NDArray[np.float64]:
    """(n, M): predict each architecture by trees fitted without its fold.

    Args:
        sample: of n architectures on M images.
        folds: (n,).
        most: fit at most this many architectures, drawn at random.
    """
    from lightgbm import LGBMRegressor

    found = np.full_like(sample.values, np.nan)
    for fold in np.unique(folds):
        test, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if most is not None:
            train = np.random.default_rng(int(fold)).permutation(train)[:most]
        centre, spread = sample.values[train].mean(axis=0), sample.values[train].std(axis=0)
        known = (sample.values[train] - centre) / spread
        width = sample.features.shape[2]
        trees = LGBMRegressor(**TREES).fit(
            sample.features[train].reshape(-1, width),
            known.ravel(),
            categorical_feature=[width - 1],
        )
        told = trees.predict(sample.features[test].reshape(-1, width))
        found[test] = told.reshape(len(test), -1) * spread + centre
    return found


def cell_means(sample: Sample) -> NDArray[np.float64]:
    """(n, M): the mean over the other architectures of the cell, else of the sampling."""
    found = np.empty_like(sample.values)
    for place in range(len(found)):
        others = np.arange(len(found)) != place
        alike = others & (sample.cells == sample.cells[place])
        if not alike.any():
            alike = others & (sample.strata == sample.strata[place])
        found[place] = sample.values[alike].mean(axis=0)
    return found


def judge(
    sample: Sample, found: NDArray[np.float64], folds: NDArray[np.intp] | None = None
) -> dict[str, Any]:
    """How good predictions are, as means over images.

    ``covered`` is the share of values within the `LEVEL` interval around their predictions, whose
    width is the quantile of the residuals in the other folds (cross-conformal).
    """
    values, error = sample.values, found - sample.values
    of_image = [
        (
            tau_b(mine, known),
            tau_b(mine, known, sample.strata),
            1 - float(np.mean((mine - known) ** 2) / known.var()),
        )
        for mine, known in zip(found.T, values.T, strict=True)
    ]
    tau, inside, r2 = np.mean(of_image, axis=0).tolist()
    said = {
        "n": len(values),
        "tau": tau,
        "within": inside,
        "r2": r2,
        "rms_db": float(np.sqrt(np.mean(error**2))),
    }
    if folds is not None:
        widths = {
            fold: np.quantile(np.abs(error[folds != fold]), LEVEL) for fold in np.unique(folds)
        }
        width = np.array([widths[fold] for fold in folds])[:, None]
        said |= {"covered": float(np.mean(np.abs(error) <= width))}
    return said


def noise(bench: NASDIPBench, task: str, target: str) -> dict[str, Any]:
    """How well one seed predicts another, over the architectures that have both.

    ``rms_db`` is a seed's own noise: the root mean square of the difference, divided by √2.
    """
    block = bench.runs.block(task)
    first, second = (block.matrix(target, seed) for seed in block.seeds[:2])
    there = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
    one, other, strata = first[there], second[there], bench.architecture_rows.samplings[there]
    pairs = [*zip(one.T, other.T, strict=True)]
    tau = float(np.mean([tau_b(a, b) for a, b in pairs]))
    inside = float(np.mean([tau_b(a, b, strata) for a, b in pairs]))
    return {
        "n": int(there.sum()),
        "tau": tau,
        "within": inside,
        "attainable": attainable_tau(tau),
        "attainable_within": attainable_tau(inside),
        "rms_db": float(np.sqrt(np.mean((one - other) ** 2) / 2)),
    }


if __name__ == "__main__":
    main()
