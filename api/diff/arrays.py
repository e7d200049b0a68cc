"""Differences in the arrays of two datasets: curves, observables, distances, scores' values.

Must not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.curves import MISSING, decode

from ..reading.arrays.parts import PartReader

if TYPE_CHECKING:
    import pandas as pd

    from nasdip_bench.dataset.distances import Distances

Folders = tuple[DatasetFolder, DatasetFolder]
"""The two datasets. Rows below are rows of a table that both have; column names other than keys end
in "_first" or "_second"."""


def curves_differ(
    folders: Folders, kind: str, runs: pd.DataFrame
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether kept points of runs differ, and the largest PSNR difference in dB.

    Nothing is compared if the kept points differ because of another length or stop.

    Args:
        folders: the two datasets.
        kind: one of `nasdip_bench.dataset.curve_parts.KINDS`.
        runs: task, fidelity and seed, with arch_id and curve_row in each.

    Returns:
        (run,) bool, and (run,) float64, NaN if no PSNR differs.

    Raises:
        DatasetError: a file is absent or damaged, or lacks a row.
    """
    differ, largest = np.zeros(len(runs), np.bool_), np.full(len(runs), np.nan)
    readers = [PartReader(folder, kind) for folder in folders]
    arch_ids, places = _both(runs, "arch_id"), _both(runs, "curve_row")
    for (fidelity, task, seed), mine in _groups(runs, ["fidelity", "task", "seed"]):
        there = [
            np.array([reader.has(fidelity, task, seed, arch_id) for arch_id in ids[mine].tolist()])
            for reader, ids in zip(readers, arch_ids, strict=True)
        ]
        differ[mine] = there[0] != there[1]
        mine = mine[there[0] & there[1]]
        if not len(mine):
            continue
        one, other = (reader.iterations(fidelity, task) for reader in readers)
        if not np.array_equal(one, other):
            continue
        ours, theirs = (
            reader.codes(fidelity, task, seed, ids[mine], rows[mine])
            for reader, ids, rows in zip(readers, arch_ids, places, strict=True)
        )
        for name, codes in ours.items():
            bad = np.flatnonzero((codes != theirs[name]).any(axis=1))
            differ[mine[bad]] = True
            if name.startswith("psnr"):
                apart = np.abs(decode(codes[bad]) - decode(theirs[name][bad]))
                apart = np.fmax.reduce(apart, axis=1, initial=np.nan)
                largest[mine[bad]] = np.fmax(largest[mine[bad]], apart)
    return differ, largest


def distances_differ(folders: Folders, runs: pd.DataFrame) -> NDArray[np.bool_]:
    """(run,) bool: whether the distances of runs' restorations differ.

    If only the distance between two restorations differs, and not those to the ground truth and the
    corrupted image, both runs count.

    Args:
        folders: the two datasets.
        runs: image, task, fidelity and seed, with arch_id in each.

    Raises:
        DatasetError: a file is damaged.
    """
    differ = np.zeros(len(runs), np.bool_)
    arch_ids = _both(runs, "arch_id")
    positions = [{name: at for at, name in enumerate(f.manifest.images)} for f in folders]
    for (fidelity, task), of_task in _groups(runs, ["fidelity", "task"]):
        found = [
            folder.distances(fidelity, task) if folder.has_distances(fidelity, task) else None
            for folder in folders
        ]
        if all(one is None for one in found):
            continue
        for (image, seed), at in _groups(runs.iloc[of_task], ["image", "seed"]):
            mine = of_task[at]
            ours, theirs = (
                _codes(one, position.get(image), seed, ids[mine])
                for one, position, ids in zip(found, positions, arch_ids, strict=True)
            )
            own = (ours[0] != theirs[0]).any(axis=0)
            pairs = (ours[1] != theirs[1]) & ~own & ~own[:, None]
            differ[mine] = own | pairs.any(axis=0)
    return differ


def values_differ(folders: Folders, scores: pd.DataFrame) -> NDArray[np.bool_]:
    """(score,) bool: whether single values of scores differ.

    Args:
        folders: the two datasets.
        scores: with row in each.

    Raises:
        DatasetError: a file is absent or damaged.
    """
    first, second = (
        folder.score_values()[rows]
        for folder, rows in zip(folders, _both(scores, "row"), strict=True)
    )
    width = max(first.shape[1], second.shape[1])
    first, second = (
        np.pad(values, ((0, 0), (0, width - values.shape[1])), constant_values=np.nan)
        for values in (first, second)
    )
    return np.asarray(((first != second) & ~(np.isnan(first) & np.isnan(second))).any(axis=1))


def _both(rows: pd.DataFrame, column: str) -> list[NDArray[np.int64]]:
    """A column of whole numbers in each dataset."""
    return [rows[f"{column}_{side}"].to_numpy(np.int64) for side in ("first", "second")]


def _groups(runs: pd.DataFrame, by: list[str]) -> Any:
    """Values of some columns, and the positions of their rows."""
    return runs.groupby(by).indices.items()


def _codes(
    distances: Distances | None, image: int | None, seed: int, arch_ids: NDArray[Any]
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Distances: (2, run) to ground truth and corrupted image, and (run, run) to each other."""
    count = len(arch_ids)
    own, square = np.full((2, count), MISSING), np.full((count, count), MISSING)
    if distances is None or image is None or seed not in distances.seeds:
        return own, square
    place = distances.seeds.tolist().index(seed)
    truth, corrupted, pairs = (
        of[image][place] for of in (distances.truth, distances.corrupted, distances.pairs)
    )
    whole = np.zeros((len(truth), len(truth)), np.uint16)
    whole[np.triu_indices(len(truth), 1)] = pairs
    whole |= whole.T
    return np.stack([truth[arch_ids], corrupted[arch_ids]]), whole[np.ix_(arch_ids, arch_ids)]
