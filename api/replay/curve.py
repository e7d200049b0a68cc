"""Replay searches with cohorts of every size: means over seeds, for each score and image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.errors import ConfigError, check_whole

from ..reading.run_set import chosen_images
from ..statistics.choosing.curve import mean_curve
from ..statistics.tau_frame import MEAN
from .candidates import TARGET, open_pool, rankable_scores, score_key, selector_name
from .one_seed import COLUMNS, Curves, curves_of_seed

if TYPE_CHECKING:
    import pandas as pd

    from nasdip_bench.isnas.selection import Selector

    from ..reading.reader import ReleaseReader

MOST = 50
"""The largest cohort by default, if there are enough candidates."""


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
    named = [*positions]
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
    of_seeds = [curves_of_seed(pool, keys, named, longest, weighting, selector) for pool in pools]
    frame = _frame(of_seeds, candidates)
    frame.attrs = block.facts(TARGET, seeds) | {
        "stop": block.record.stop,
        "selector": name,
        "weighting": weighting,
        "scores": keys,
        "images": named,
        "candidates": candidates,
    }
    return frame


def _frame(of_seeds: Sequence[Curves], candidates: dict[str, dict[str, int]]) -> pd.DataFrame:
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
            frame = pd.DataFrame(curve.T, columns=list(COLUMNS))
            frame.index += 1
            frame["candidates"] = np.full(len(frame), fewest[image], np.int64)
            frames[key, image] = frame
    # Levels in their own order, so that pandas treats the index as sorted and searches fast.
    levels = [[*candidates], [*next(iter(candidates.values())), MEAN]]
    return pd.concat(frames, names=["score", "image", "n"], levels=levels)
