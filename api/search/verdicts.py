"""Judge searches on seeds that they did not see, with intervals. Must not import torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..simulation.held_out import judged
from ..statistics.tau_frame import MEAN, Resampling
from .repeats import Resamples

if TYPE_CHECKING:
    from ..simulation.recorded_runs import RecordedRuns

RANDOM = "random"
"""The method that all others are compared with."""


class Searches(NamedTuple):
    """All searches of one method. The axes are image, searched seed, repeat.

    Attributes:
        track: track of the simulators.
        places: places of the choices in the space of their image; -1 where nothing was chosen.
        trained: architectures trained.
        seconds: simulated seconds.
    """

    track: str
    places: NDArray[np.intp]
    trained: NDArray[np.float64]
    seconds: NDArray[np.float64]


class _Judged(NamedTuple):
    """How the choices do on the other seeds.

    Attributes:
        values: (image, seed, repeat) the target.
        diverged: (image, seed, repeat) bool.
        resampled: (draw, image) mean over seeds and resampled repeats.
    """

    values: NDArray[np.float64]
    diverged: NDArray[np.bool_]
    resampled: NDArray[np.float64]


def verdicts(
    runs: Sequence[Mapping[str, RecordedRuns]],
    searches: Mapping[str, Searches],
    resampling: Resampling,
) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows of `search_leaderboard` by image (the mean first) and method, best first.

    Args:
        runs: for each searched seed, the runs by image.
        searches: by method, including `RANDOM`.
        resampling: resampling of the intervals.
    """
    names = [*runs[0]]
    resamples = Resamples(len(names), resampling)
    choices = {name: _judged(runs, of.places, resamples) for name, of in searches.items()}
    baselines = {"over_random": choices[RANDOM], "over_transfer": _transfer(runs, resamples)}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    meant = {MEAN: [*range(len(names))]} | {name: [i] for i, name in enumerate(names)}
    for image, places in meant.items():
        found: dict[str, dict[str, Any]] = {}
        for name, of in searches.items():
            mine = choices[name]
            low, high = resamples.interval(mine.resampled, places)
            psnr_db = mine.values[places].mean()
            row = {"track": of.track, "psnr_db": psnr_db, "low": low, "high": high}
            for gap, other in baselines.items():
                low, high = resamples.interval(mine.resampled - other.resampled, places)
                row |= {
                    f"{gap}_db": psnr_db - other.values[places].mean(),
                    f"{gap}_low": low,
                    f"{gap}_high": high,
                }
            found[name] = row | {
                "trained": of.trained[places].mean(),
                "seconds": of.seconds[places].mean(),
                "searches": mine.values[places].size,
                "diverged": int(mine.diverged[places].sum()),
                "nothing": int((of.places[places] < 0).sum()),
                "n": min(
                    len(by_image[names[place]].space) for by_image in runs for place in places
                ),
            }
        order = sorted(found, key=lambda name: -found[name]["psnr_db"])
        rows |= {(image, name): found[name] for name in order}
    return rows


def _judged(
    runs: Sequence[Mapping[str, RecordedRuns]], places: NDArray[np.intp], resamples: Resamples
) -> _Judged:
    """Judge choices: a diverged run counts as the worst, no choice as the mean of the space."""
    values, diverged = np.empty(places.shape), np.zeros(places.shape, np.bool_)
    for s, by_image in enumerate(runs):
        for i, one in enumerate(by_image.values()):
            mine, on = places[i, s], judged(one, one.target)
            diverged[i, s] = (mine >= 0) & np.isnan(on[mine])
            known = np.where(np.isnan(on), np.nanmin(on), on)
            values[i, s] = np.where(mine >= 0, known[mine], known.mean())
    return _Judged(values, diverged, resamples.means(values))


def _transfer(runs: Sequence[Mapping[str, RecordedRuns]], resamples: Resamples) -> _Judged:
    """Judge what the other images recommend; NaN where there are none."""
    of_seeds = [[one.recommended for one in by_image.values()] for by_image in runs]
    places = np.array(of_seeds).T[:, :, None]
    found, known = _judged(runs, places, resamples), places >= 0
    return found._replace(
        values=np.where(known, found.values, np.nan),
        resampled=np.where(known.all(axis=(1, 2)), found.resampled, np.nan),
    )
