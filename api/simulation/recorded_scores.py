"""The training-free scores behind a simulated search, with the cost of computing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.proxies import network_scores

from ..reading.arrays.columns import numbers, strings

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
    table = bench.to_arrow("scores", categories=True)
    mine = np.ones(len(table), np.bool_)
    for column, name in (("task", block.task), ("image", image), ("fidelity", block.fidelity)):
        codes, names = strings(table[column])
        mine &= codes == (names.index(name) if name in names else -1)
    seeds = numbers(table["seed"]).astype(np.float64)
    mine &= np.isnan(seeds) | (seeds == seed)
    rows = np.flatnonzero(mine)
    places = np.full(len(bench), -1)
    places[space] = np.arange(len(space))
    places = places[numbers(table["arch_id"])[rows].astype(np.intp)]
    rows, places = rows[places >= 0], places[places >= 0]
    proxies, references = (strings(table[column]) for column in ("proxy", "reference"))
    values, seconds, inits = (numbers(table[c])[rows] for c in ("value", "seconds", "inits"))
    found: dict[tuple[str, str], RecordedScores] = {}
    of_network = network_scores()
    for p, proxy in enumerate(proxies[1]):
        for r, reference in enumerate(references[1]):
            own = (proxies[0][rows] == p) & (references[0][rows] == r)
            if not own.any():
                continue
            columns = np.zeros((3, len(space)))
            columns[0] = np.nan
            columns[:, places[own]] = values[own], np.nan_to_num(seconds[own]), inits[own]
            of_inits = 0 * columns[2] if proxy in of_network else columns[2]
            found[proxy, reference] = RecordedScores(
                columns[0].tolist(), columns[1].tolist(), of_inits.astype(int).tolist()
            )
    return found
