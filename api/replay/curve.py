"""Searches with cohorts of every size, replayed in one pass: for each score and image.

The averages of all cohorts are shares of the same outputs, so that the distances to all of them are
one product of matrices (`nasdip_bench.dataset.distances.to_average`). Must not import torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.distances import to_average
from nasdip_bench.errors import ConfigError, check_whole
from nasdip_bench.ranks.chance import expected_best

from ..reading.arrays.names import unknown_image
from ..statistics.choosing_cohorts import ScoredRuns
from ..statistics.tau_frame import MEAN
from .candidates import (
    TARGET,
    Pool,
    needs_distances,
    open_pool,
    rankable_scores,
    score_key,
    selector_name,
)

if TYPE_CHECKING:
    import pandas as pd

    from nasdip_bench.isnas.selection import Cohort, Selector

    from ..reading.reader import ReleaseReader

__all__ = ["COLUMNS", "MEAN", "MOST", "closest_of_prefixes", "isnas_curve"]

MOST = 50
"""The largest cohort where none is asked for and there are as many candidates."""

COLUMNS = (
    "final_psnr_smooth_db",
    "rank",
    "regret",
    "regret_best",
    "regret_member",
    "regret_first",
    "regret_any",
    "regret_best_random",
    "members",
)


def isnas_curve(
    bench: ReleaseReader,
    task: str,
    *,
    scores: str | Sequence[str] | None = None,
    images: str | Sequence[str] | None = None,
    n: int | None = None,
    reference: str = "corrupted",
    weighting: str = "paper",
    selector: str | Selector = "closest",
    with_output: bool = False,
    fidelity: str | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """What ISNAS would have selected, for cohorts of 1 to n, scores and images.

    Each row is a `nasdip_bench.api.replay.isnas`, one seed at a time; values are means over seeds.

    Args:
        bench: the release.
        task: name.
        scores: one or several, as in `isnas`; None for all by which a search can rank.
        images: one or several names; None for all.
        n: the largest cohort, at most the candidates of one score and image; those of others, of
            which there may be fewer, end sooner. None for `MOST`, or all there are.
        reference, weighting, selector, with_output: as in `isnas`.
        fidelity: None for the release's default for the task.
        seed: None for each of the default seeds.

    Returns:
        indexed by (score, image, n), n from 1 (to the fewest candidates over seeds), and for each
        score by `MEAN` for the mean over images (to the fewest over images that have any).
        ``final_psnr_smooth_db``, ``rank`` and ``regret`` (dB) of the selected, NaN while all
        members diverged; regrets of others: ``regret_best`` of the best member (what a selector
        could reach), ``regret_member`` expected of a random member, ``regret_first`` of the member
        that the score ranks first, ``regret_any`` expected of any candidate, and
        ``regret_best_random`` of the best of n at random; ``members`` that did not diverge;
        ``candidates`` that were ranked, the fewest over seeds (and images). All regrets are from
        the best candidate: those of selectors that rank different candidates do not compare. In
        ``attrs``: ``task``, ``target``, ``fidelity``, ``seeds``, ``stop``, ``selector``,
        ``weighting``, ``with_output``, ``scores``, ``images``, and by score, and image of it, the
        fewest ``candidates`` over seeds.

    Raises:
        ConfigError: n below 1 or above the candidates, no images or scores, or a score by which a
            search cannot rank.
        UnknownNameError: a name or seed that there is not.
        MissingRunError: the release has no run of the task at the fidelity, or no distances between
            restorations and they are needed.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> bench.isnas_curve("denoise", images="lena", n=3).index.names
        FrozenList(['score', 'image', 'n'])
    """
    name = selector_name(selector, weighting)
    longest = MOST if n is None else check_whole("n", n, 1)
    block = bench.runs.block(task, fidelity)
    if scores is None:
        keys = rankable_scores(bench, block, reference)
    else:
        keys = [*dict.fromkeys(score_key(bench, block, s, reference) for s in _listed(scores))]
    named = [*dict.fromkeys(bench.images if images is None else _listed(images))]
    for image in named:
        if image not in bench.images:
            raise unknown_image(image, bench.images, bench.tasks)
    if not keys or not named:
        raise ConfigError(
            f"no {'images' if keys else 'scores'} to replay {task} at {block.fidelity} with; there "
            f"is: {', '.join(bench.images if keys else rankable_scores(bench, block, reference))}"
        )
    seeds = block.choose_seeds(seed)
    needed = with_output or needs_distances(selector)
    pools = [open_pool(bench, block, (one,), needed) for one in seeds]
    positions = {image: bench.images.index(image) for image in named}
    candidates = {
        key: {i: min(pool.ranked(key).count(at) for pool in pools) for i, at in positions.items()}
        for key in keys
    }
    most = max(count for by_image in candidates.values() for count in by_image.values())
    if n is not None and n > most:
        kept = ", and distances" if needed else ""
        raise ConfigError(
            f"n {n} must be at most {most}, the most architectures that a score can rank on an "
            f"image of {task} at {block.fidelity} (with a run, the score{kept}); leave it out for "
            f"all there are"
        )
    of_seeds = [_of_seed(pool, keys, named, longest, weighting, selector) for pool in pools]
    frame = _frame(of_seeds, keys, named)
    frame["candidates"] = _counts(frame, candidates)
    frame.attrs = block.facts(TARGET, seeds) | {
        "stop": block.record.stop,
        "selector": name,
        "weighting": weighting,
        "with_output": with_output,
        "scores": keys,
        "images": named,
        "candidates": candidates,
    }
    return frame


def _listed(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


_Curves = dict[tuple[str, str], NDArray[np.float64]]
"""By (score, image): (`COLUMNS`, N)."""


def _frame(of_seeds: Sequence[_Curves], keys: Sequence[str], images: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    values, codes = [np.empty((len(COLUMNS), 0))], [np.empty((3, 0), np.intp)]
    for place, key in enumerate(keys):
        curves = [_mean([found[key, image] for found in of_seeds]) for image in images]
        having = [curve for curve in curves if curve.shape[1]]
        for at, curve in enumerate([*curves, *([_mean(having)] if having else [])]):
            values.append(curve)
            length = curve.shape[1]
            codes.append(np.stack([np.full(length, place), np.full(length, at), np.arange(length)]))
    numbers = np.concatenate(codes, axis=1)
    longest = int(numbers[2].max(initial=-1)) + 1
    # By levels in their own order: an index that pandas takes for sorted, and searches fast.
    index = pd.MultiIndex(
        levels=[list(keys), [*images, MEAN], range(1, longest + 1)],
        codes=list(numbers),
        names=["score", "image", "n"],
    )
    return pd.DataFrame(np.concatenate(values, axis=1).T, columns=list(COLUMNS), index=index)


def _counts(frame: pd.DataFrame, candidates: dict[str, dict[str, int]]) -> NDArray[np.int64]:
    """The candidates of each row; of a mean the fewest on an image that has any."""
    fewest = {
        key: by_image | {MEAN: min((n for n in by_image.values() if n), default=0)}
        for key, by_image in candidates.items()
    }
    return np.array([fewest[key][image] for key, image, _ in frame.index], np.int64)


def _mean(curves: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Means of curves, to the length of the shortest."""
    length = min(curve.shape[1] for curve in curves)
    return np.asarray(np.mean([curve[:, :length] for curve in curves], axis=0), np.float64)


def _of_seed(
    pool: Pool,
    keys: Sequence[str],
    images: Sequence[str],
    n: int,
    weighting: str,
    selector: str | Selector,
) -> _Curves:
    from nasdip_bench.isnas.selection import Cohort

    ranked = {key: pool.ranked(key) for key in keys}
    found = {}
    for image in images:
        at = pool.bench.images.index(image)
        members = {key: runs.cohort(at, n).members for key, runs in ranked.items()}
        ok = {key: ids[np.isfinite(ranked[key].values[ids, at])] for key, ids in members.items()}
        everyone = np.unique(np.concatenate([*ok.values()]))
        squares = np.full((len(everyone), len(everyone)), math.nan)
        if len(everyone) and needs_distances(selector):
            squares = pool.between(at, everyone)
        for key, runs in ranked.items():
            ids, chosen = ok[key], None
            if selector != "random" and len(ids):
                places = np.searchsorted(everyone, ids)
                of_all = Cohort(
                    scores=runs.scores[ids, at],
                    between=squares[np.ix_(places, places)],
                    psnr_db=runs.values[ids, at],
                    weighting=weighting,
                    seed=pool.seed,
                )
                chosen = _chosen(of_all, selector)
            found[key, image] = _curve(runs, at, members[key], chosen)
    return found


def _chosen(of_all: Cohort, selector: str | Selector) -> NDArray[np.intp]:
    """(N,) positions that a selector keeps of the k first of a ranking, at k - 1."""
    sizes = range(1, len(of_all.scores) + 1)
    if selector == "best-score":
        return np.zeros(len(sizes), np.intp)
    if selector == "oracle":
        return np.array([np.argmax(of_all.psnr_db[:k]) for k in sizes], np.intp)
    if isinstance(selector, str):  # the paper's, which is the only other name
        return closest_of_prefixes(of_all.between, of_all.scores, of_all.weighting)
    cohorts = (
        replace(
            of_all,
            scores=of_all.scores[:k],
            between=of_all.between[:k, :k],
            psnr_db=of_all.psnr_db[:k],
        )
        for k in sizes
    )
    return np.array([selector(cohort) for cohort in cohorts], np.intp)


def closest_of_prefixes(
    between: NDArray[np.float64], scores: NDArray[np.float64], weighting: str
) -> NDArray[np.intp]:
    """Which of the first k outputs is closest to their average, for every k.

    Args:
        between: (N, N) mean squared differences of the outputs.
        scores: (N,) their scores.
        weighting: of the average.

    Returns:
        (N,) positions, at k - 1; of those equally close the first.
    """
    from nasdip_bench.isnas.selection import closest, weights

    count = len(scores)
    shares = np.zeros((count, count))
    for k in range(1, count + 1):
        shares[k - 1, :k] = weights(scores[:k], weighting)
    squares = to_average(between, shares)
    squares[np.triu_indices(count, 1)] = np.inf
    return closest(squares)


def _curve(
    runs: ScoredRuns, image: int, members: NDArray[np.intp], chosen: NDArray[np.intp] | None
) -> NDArray[np.float64]:
    """(`COLUMNS`, N) of one score, image and seed."""
    curve = np.full((len(COLUMNS), len(members)), math.nan)
    of_candidates = runs.values[np.isfinite(runs.scores[:, image]), image]
    ordered = np.sort(of_candidates[np.isfinite(of_candidates)])
    values = runs.values[members, image]
    there = np.isfinite(values)
    counts = np.cumsum(there)
    curve[-1] = counts
    if not there.any():
        return curve
    psnr = values[there]
    ranks = 1.0 + len(ordered) - np.searchsorted(ordered, psnr, side="right")
    up_to = np.arange(1, len(psnr) + 1)
    expected = np.cumsum(psnr) / up_to
    if chosen is None:
        selected, rank = expected, np.cumsum(ranks) / up_to
    else:
        selected, rank = psnr[chosen], ranks[chosen]
    some = counts > 0
    at = counts[some] - 1  # of those that did not diverge, the last of each cohort
    best_of_all = ordered[-1]
    curve[:-1, some] = np.stack(
        [
            selected[at],
            rank[at],
            best_of_all - selected[at],
            best_of_all - np.maximum.accumulate(psnr)[at],
            best_of_all - expected[at],
            np.full(len(at), best_of_all - psnr[0]),
            np.full(len(at), best_of_all - ordered.mean()),
            best_of_all - expected_best(of_candidates, np.flatnonzero(some) + 1),
        ]
    )
    return curve
