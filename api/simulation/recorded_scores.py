"""The training-free scores behind a simulated search, with the cost of computing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.proxies import network_scores

if TYPE_CHECKING:
    from ..reading.arrays.block import Block
    from ..reading.reader import ReleaseReader


class RecordedScores(NamedTuple):
    """One score of the architectures that can be searched.

    Attributes:
        values: (n,) as a list; NaN where the release has none.
        seconds: (n,) seconds to compute the score in all initialisations, without forward passes.
        inits: (n,) forward passes that it takes; 0 for scores of the network itself, whose seconds
            include their passes.
    """

    values: list[float]
    seconds: list[float]
    inits: list[int]


def read_scores(
    bench: ReleaseReader, block: Block, image: str, seed: int, space: NDArray[np.intp]
) -> dict[tuple[str, str], RecordedScores]:
    """All scores of some architectures on an image.

    Args:
        block: the task and fidelity.
        image: name.
        seed: seed of the corruption that scores see; others are the same for every seed.
        space: (n,) arch_ids.

    Returns:
        the scores by (proxy, reference).
    """
    by_seed = bench.runs.scores_by_seed(block.task, block.fidelity)
    known = by_seed.of(seed)
    at = (space, bench.images.index(image))
    values, seconds = known.values[at], np.nan_to_num(by_seed.dense("seconds", seed)[at])
    inits = np.nan_to_num(by_seed.dense("inits", seed)[at]).astype(int)
    inits[:, np.isin([proxy for proxy, _ in known.columns], [*network_scores()])] = 0
    return {
        pair: RecordedScores(*(of[:, place].tolist() for of in (values, seconds, inits)))
        for place, pair in enumerate(known.columns)
        if known.present[at][:, place].any()
    }
