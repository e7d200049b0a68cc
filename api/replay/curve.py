"""Replay searches with cohorts of every size: means over seeds, for each score and image.

The averages of all cohorts are weighted sums of the same outputs, so the distances to all of them
are one matrix product (`nasdip_bench.dataset.distances.to_average`). Must not import torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.distances import to_average
from nasdip_bench.errors import ConfigError, check_whole
from nasdip_bench.ranks.chance import expected_best

from ..reading.run_set import chosen_images
from ..statistics.choosing.cohorts import ScoredRuns
from ..statistics.choosing.curve import mean_curve
from ..statistics.tau_frame import MEAN
from .candidates import TARGET, Pool, open_pool, rankable_scores, score_key, selector_name

if TYPE_CHECKING:
    import pandas as pd

    from nasdip_bench.isnas.selection import Cohort, Selector

    from ..reading.reader import ReleaseReader

MOST = 50
"""The largest cohort by default, if there are enough candidates."""

_COLUMNS = (
    "final_psnr_smooth_db",
    "rank",
    "regret",
    "regret_best",
    "regret_member",
    "regret_first",
    "regret_any",
    "regret_random",
    "regret_best_random",
    "members",
)

_COHORTS = 500
"""Random cohorts of every size, whose mean regret is ``regret_random``."""

_Curves = dict[tuple[str, str], NDArray[np.float64]]
"""By (score, image): (`_COLUMNS`, N)."""


def isnas_curve(
    bench: ReleaseReader,
    task: str,
    *,
    scores: str | Sequence[str] | None = None,
    images: str | Sequence[str] | None = None,
    n: int | None = None,
    reference: str = "corrupted",
    weighting: str = "paper",
    selector: Selector | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """What ISNAS would have selected with cohorts of 1 to n, for each score and image.

    Each row is a `nasdip_bench.api.replay.isnas`, one seed at a time; values are means over seeds.

    Args:
        task: name.
        scores: one or several, see `isnas`; None for all that a search can rank by.
        images: one or several names; None for all.
        n: the largest cohort, at most the largest number of candidates of any score and image;
            curves with fewer end sooner. None for `MOST`, or all candidates if fewer.
        reference, weighting, selector: see `isnas`.
        fidelity: None for the release's default for the task.
        seed: None for each of the default seeds.

    Returns:
        indexed by (score, image, n), n from 1 (to the fewest candidates of any seed). For each
        score, image `MEAN` is the mean over images (to the fewest of any image that has some).
        ``final_psnr_smooth_db``, ``rank`` and ``regret`` (dB) of the selected, NaN while all
        members diverged; other regrets: ``regret_best`` of the best member (the limit for a
        selector), ``regret_member`` expected for a random member, ``regret_first`` of the member
        that the score ranks first, ``regret_any`` expected for a random candidate,
        ``regret_random`` for the same search with n random candidates and equal weights (mean of
        500 such cohorts; only for the paper's selector), and ``regret_best_random`` for the best
        of n random ones; ``members`` that did not diverge;
        ranked ``candidates``, the fewest of any seed (and image). All regrets are relative to the
        best candidate. ``attrs`` holds ``task``, ``target``, ``fidelity``, ``seeds``, ``stop``,
        ``selector``, ``weighting``, ``scores``, ``images``, and ``candidates``: by score and image,
        the fewest of any seed.

    Raises:
        ConfigError: n below 1 or above the candidates, no images or scores, a score that a search
            cannot rank by, or a selector that is not a function.
        UnknownNameError: an unknown name or seed.
        MissingRunError: the release has no run of the task at the fidelity, or no distances between
            its restorations.

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
        listed = [scores] if isinstance(scores, str) else scores
        keys = [*dict.fromkeys(score_key(bench, block, score, reference) for score in listed)]
    if not keys:
        raise ConfigError(
            f"no scores to replay {task} at {block.fidelity}; available: "
            f"{', '.join(rankable_scores(bench, block, reference))}"
        )
    positions = {bench.images[place]: place for place in chosen_images(bench, images)}
    seeds = block.choose_seeds(seed)
    pools = [open_pool(bench, block, one) for one in seeds]
    candidates = {
        key: {i: min(pool.ranked(key).count(at) for pool in pools) for i, at in positions.items()}
        for key in keys
    }
    most = max(count for by_image in candidates.values() for count in by_image.values())
    if n is not None and n > most:
        raise ConfigError(
            f"n {n} must be at most {most}, the most architectures that a score can rank on an "
            f"image of {task} at {block.fidelity} (with a run, the score and distances); leave it "
            f"out for the default"
        )
    how = (keys, positions, longest, weighting, selector)
    of_seeds = [_curves_of_seed(pool, *how) for pool in pools]
    frame = _frame(of_seeds, candidates)
    frame.attrs = block.facts(TARGET, seeds) | {
        "stop": block.record.stop,
        "selector": name,
        "weighting": weighting,
        "scores": keys,
        "images": [*positions],
        "candidates": candidates,
    }
    return frame


def _frame(of_seeds: Sequence[_Curves], candidates: dict[str, dict[str, int]]) -> pd.DataFrame:
    """Means over seeds, and over the images that have candidates, with their fewest candidates."""
    import pandas as pd

    frames = {}
    for key, counts in candidates.items():
        curves = {image: mean_curve([found[key, image] for found in of_seeds]) for image in counts}
        having = [image for image, count in counts.items() if count]
        if having:
            curves[MEAN] = mean_curve([curves[image] for image in having])
        fewest = counts | {MEAN: min((counts[image] for image in having), default=0)}
        for image, curve in curves.items():
            frame = pd.DataFrame(curve.T, columns=list(_COLUMNS))
            frame.index += 1
            frame["candidates"] = np.full(len(frame), fewest[image], np.int64)
            frames[key, image] = frame
    # Levels in their own order, so that pandas treats the index as sorted and searches fast.
    levels = [[*candidates], [*next(iter(candidates.values())), MEAN]]
    return pd.concat(frames, names=["score", "image", "n"], levels=levels)


def _curves_of_seed(
    pool: Pool,
    keys: Sequence[str],
    images: Mapping[str, int],
    n: int,
    weighting: str,
    selector: Selector | None,
) -> _Curves:
    from nasdip_bench.isnas.selection import Cohort

    ranked = {key: pool.ranked(key) for key in keys}
    found = {}
    for image, at in images.items():
        between = pool.between(at)
        drawn: dict[bytes, NDArray[np.float64]] = {}  # scores mostly have the same candidates
        for key, runs in ranked.items():
            values, members = runs.values[:, at], runs.cohort(at, n).members
            ok, chosen = members[np.isfinite(values[members])], None
            if len(ok):
                cohort = Cohort(
                    scores=runs.scores[ok, at],
                    between=between[np.ix_(ok, ok)],
                    psnr_db=values[ok],
                    weighting=weighting,
                    seed=pool.seed,
                )
                chosen = _chosen(cohort, selector)
            by_chance = np.full(len(members), math.nan)
            if selector is None:
                mine = np.flatnonzero(np.isfinite(values))
                if mine.tobytes() not in drawn:
                    drawn[mine.tobytes()] = _random_cohorts(
                        between[np.ix_(mine, mine)], values[mine], n, rng=at
                    )
                regrets = drawn[mine.tobytes()][: len(by_chance)]
                by_chance[: len(regrets)] = regrets
            found[key, image] = _curve(runs, at, members, chosen, by_chance)
    return found


def _random_cohorts(
    between: NDArray[np.float64], psnr_db: NDArray[np.float64], n: int, rng: int
) -> NDArray[np.float64]:
    """(N,) mean regret of the output closest to the average of N random ones, at N - 1; N up to n.

    Closest to an average with equal weights is the output with the least sum of distances.
    """
    n = min(n, len(psnr_db))
    generator = np.random.default_rng(rng)
    total = np.zeros(n)
    outside = np.tril_indices(n, -1)
    for _ in range(_COHORTS):
        drawn = generator.permutation(len(psnr_db))[:n]
        sums = between[np.ix_(drawn, drawn)].cumsum(axis=1)  # (member, N - 1)
        sums[outside] = np.inf
        total += psnr_db[drawn[sums.argmin(axis=0)]]
    return np.asarray(psnr_db.max(initial=-np.inf) - total / _COHORTS)


def _chosen(cohort: Cohort, selector: Selector | None) -> NDArray[np.intp]:
    """(N,) positions that a selector keeps among the first k of a ranking, at k - 1."""
    if selector is None:
        return _closest_of_prefixes(cohort.between, cohort.scores, cohort.weighting)
    scores, between, psnr_db = cohort.scores, cohort.between, cohort.psnr_db
    first = (
        replace(cohort, scores=scores[:k], between=between[:k, :k], psnr_db=psnr_db[:k])
        for k in range(1, len(scores) + 1)
    )
    return np.array([selector(one) for one in first], np.intp)


def _closest_of_prefixes(
    between: NDArray[np.float64], scores: NDArray[np.float64], weighting: str
) -> NDArray[np.intp]:
    """(N,) which of the first k outputs is closest to their average, at k - 1; first of ties."""
    from nasdip_bench.isnas.selection import closest, weights

    count = len(scores)
    shares = np.zeros((count, count))
    for k in range(1, count + 1):
        shares[k - 1, :k] = weights(scores[:k], weighting)
    squares = to_average(between, shares)
    squares[np.triu_indices(count, 1)] = np.inf
    return closest(squares)


def _curve(
    runs: ScoredRuns,
    image: int,
    members: NDArray[np.intp],
    chosen: NDArray[np.intp] | None,
    by_chance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(`_COLUMNS`, N) for one score, image and seed."""
    curve = np.full((len(_COLUMNS), len(members)), math.nan)
    _, of_candidates = runs.to_choose(image)
    ordered = np.sort(of_candidates[np.isfinite(of_candidates)])
    values = runs.values[members, image]
    there = np.isfinite(values)
    counts = np.cumsum(there)
    curve[-1] = counts
    if chosen is None:
        return curve
    psnr = values[there]
    ranks = 1.0 + len(ordered) - np.searchsorted(ordered, psnr, side="right")
    expected = np.cumsum(psnr) / np.arange(1, len(psnr) + 1)
    selected, rank = psnr[chosen], ranks[chosen]
    some = counts > 0
    at = counts[some] - 1  # the last member of each cohort that did not diverge
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
            by_chance[some],
            best_of_all - expected_best(of_candidates, np.flatnonzero(some) + 1),
        ]
    )
    return curve
