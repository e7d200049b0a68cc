"""Distances between the restorations of a release, computed or taken from earlier releases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.curves import MISSING
from nasdip_bench.dataset.distances import Distances, coded, mean_squares

from .sources.contents import TaskContents


def distances_of(
    part: TaskContents, architectures: Sequence[str], images: Sequence[str]
) -> Distances | None:
    """All known distances of a part, or None if there are none.

    A restoration that is not available keeps its distances from an earlier release, as long as it
    has them to all others: of two groups that were never compared with each other, the smaller one
    is left out. Distances to the ground truth and to the corrupted image are read off the curves at
    the stop.

    Args:
        part: its restorations, and the distances of earlier releases.
        architectures: canonical strings, in the order of the release's rows.
        images: names, in the order of the release.
    """
    places = {name: place for place, name in enumerate(architectures)}
    held: dict[tuple[str, int], dict[int, NDArray[np.uint16]]] = {}
    keys = _keys(part)
    for (arch, image, seed), restoration in zip(keys, part.restorations, strict=True):
        if restoration is not None:
            held.setdefault((image, seed), {})[places[arch]] = restoration
    earlier = {seed for known in part.known for seed in known.distances.seeds.tolist()}
    seeds = sorted({seed for _, seed in held} | earlier)
    if not seeds:
        return None
    shape, upper = (len(images), len(seeds)), np.triu_indices(len(architectures), 1)
    pairs = np.full((*shape, len(upper[0])), MISSING, np.uint16)
    restored = np.zeros((*shape, len(architectures)), bool)
    for i, image in enumerate(images):
        for s, seed in enumerate(seeds):
            square, restored[i, s] = _earlier(part, places, image, seed)
            if mine := held.get((image, seed)):
                there = [*mine]
                values = np.stack([one.ravel() for one in mine.values()]) / 65535
                square[np.ix_(there, there)] = coded(mean_squares(values))
                restored[i, s, there] = True
            restored[i, s] = _compared(square, restored[i, s])
            square[~restored[i, s]] = square[:, ~restored[i, s]] = MISSING
            pairs[i, s] = square[upper]
    truth, corrupted = np.full((2, *restored.shape), MISSING, np.uint16)
    stop = int(np.searchsorted(part.points, part.stop - 1))
    for row, (arch, image, seed) in enumerate(keys):
        if image in images and seed in seeds:
            at = (images.index(image), seeds.index(seed), places[arch])
            if restored[at]:
                truth[at] = part.codes["psnr_smooth"][row, stop]
                corrupted[at] = _in_thousandths(part.codes["loss_smooth"][row, stop])
    return Distances(np.array(seeds, np.int32), pairs, truth, corrupted)


def _keys(part: TaskContents) -> list[tuple[str, str, int]]:
    columns = (part.runs[name].to_pylist() for name in ("architecture", "image", "seed"))
    return list(zip(*columns, strict=True))


def _earlier(
    part: TaskContents, places: dict[str, int], image: str, seed: int
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """From earlier releases: (n, n) codes, and (n,) which restorations they had."""
    square = np.full((len(places), len(places)), MISSING, np.uint16)
    restored = np.zeros(len(places), bool)
    for known in part.known:
        distances = known.distances
        if image not in known.images or seed not in distances.seeds:
            continue
        at = (known.images.index(image), int(np.flatnonzero(distances.seeds == seed)[0]))
        there = np.array([places[name] for name in known.architectures])
        rows, columns = (there[side] for side in np.triu_indices(len(there), 1))
        codes = distances.pairs[at]
        found = codes != MISSING
        square[rows[found], columns[found]] = square[columns[found], rows[found]] = codes[found]
        restored[there] |= distances.truth[at] != MISSING
    return square, restored


def _compared(square: NDArray[np.uint16], restored: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) restorations with a distance to all others, without those that lack the most.

    Replays and searches draw any of them into one cohort, so each needs all of the others.
    """
    kept = restored.copy()
    unknown = square == MISSING
    np.fill_diagonal(unknown, val=False)
    while (lacking := (unknown & kept & kept[:, None]).sum(axis=0)).any():
        kept[len(kept) - 1 - lacking[::-1].argmax()] = False
    return kept


def _in_thousandths(hundredths: np.uint16) -> int:
    return MISSING if hundredths == MISSING else min(10 * int(hundredths), MISSING - 1)
