"""What a selector keeps of the k first of a ranking, for every k at once.

The distances of all outputs to the averages of all cohorts come from the outputs' scalar products
G: with shares p of sum 1, |x_i - Σ p_j x_j|² = G_ii - 2 (G p)_i + pᵀ G p. Must not import torch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.api.replay.candidates import Pool
from nasdip_bench.api.replay.record import as_floats
from nasdip_bench.isnas.averaging import weights
from nasdip_bench.isnas.selectors import Cohort, Selector

__all__ = ["Chooser", "chooser", "closest_of_prefixes", "products"]

Chooser = Callable[[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]], NDArray[np.intp]]
"""Architectures in the order of their ranking, their scores and PSNR, to the position that is kept
of the k first, at k - 1."""

_BLOCK = 2**22
"""Numbers of outputs that are held as float64 at a time: 32 MiB."""

_TIE = 1e-12
"""Of the largest scalar product: distances that differ by less are equal but for rounding."""


def chooser(
    pool: Pool,
    image: int,
    arch_ids: NDArray[np.intp],
    weighting: str,
    selector: str | Selector,
) -> Chooser | None:
    """How to choose on an image; None for "random", which expects and does not choose.

    Args:
        pool: the runs.
        image: its position.
        arch_ids: ascending, all that will be chosen from; none of their runs diverged.
        weighting: of the average.
        selector: a name or a rule.
    """
    if selector == "random":
        return None
    if selector == "best-score":
        return lambda ok, scores, psnr: np.zeros(len(ok), np.intp)
    if selector == "oracle":
        return lambda ok, scores, psnr: np.array(
            [np.argmax(psnr[:k]) for k in range(1, len(ok) + 1)], np.intp
        )
    if not len(arch_ids):
        return lambda ok, scores, psnr: np.empty(0, np.intp)
    outputs = pool.outputs(image, arch_ids)
    if isinstance(selector, str):  # the paper's, which is the only other name
        gram = products(outputs)

        def closest(
            ok: NDArray[np.intp], scores: NDArray[np.float64], psnr: NDArray[np.float64]
        ) -> NDArray[np.intp]:
            places = np.searchsorted(arch_ids, ok)
            return closest_of_prefixes(gram[np.ix_(places, places)], scores, weighting)

        return closest
    rule = selector

    def by_rule(
        ok: NDArray[np.intp], scores: NDArray[np.float64], psnr: NDArray[np.float64]
    ) -> NDArray[np.intp]:
        images = as_floats(outputs[np.searchsorted(arch_ids, ok)])
        cohorts = (
            Cohort(
                scores=scores[:k],
                outputs=images[:k],
                psnr_db=psnr[:k],
                weighting=weighting,
                seed=pool.seed,
            )
            for k in range(1, len(ok) + 1)
        )
        return np.array([rule(cohort) for cohort in cohorts], np.intp)

    return by_rule


def products(outputs: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, N) scalar products of outputs (N, C, H, W), in squared grey levels: exact."""
    flat = outputs.reshape(len(outputs), -1)
    gram = np.zeros((len(flat), len(flat)))
    step = max(1, _BLOCK // len(flat))
    for first in range(0, flat.shape[1], step):
        part = flat[:, first : first + step].astype(np.float64)
        gram += part @ part.T
    return gram


def closest_of_prefixes(
    gram: NDArray[np.float64], scores: NDArray[np.float64], weighting: str
) -> NDArray[np.intp]:
    """Which of the first k outputs is closest to their average, for every k.

    Args:
        gram: (N, N) scalar products of the outputs.
        scores: (N,) their scores.
        weighting: of the average.

    Returns:
        (N,) positions, at k - 1; of those equally close the first.
    """
    count = len(scores)
    shares = np.zeros((count, count))
    for k in range(1, count + 1):
        shares[k - 1, :k] = weights(scores[:k], weighting)
    with_average = shares @ gram
    of_average = (with_average * shares).sum(axis=1)
    squares = np.diag(gram) - 2 * with_average + of_average[:, None]
    squares[np.triu_indices(count, 1)] = np.inf
    near = squares <= squares.min(axis=1)[:, None] + _TIE * gram.max()
    found: NDArray[np.intp] = near.argmax(axis=1)
    return found
