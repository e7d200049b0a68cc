"""Judge searches on seeds that they did not see, with intervals. Must not import torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..simulation.held_out import Judge
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
    judge = _Judges([[Judge(one) for one in of.values()] for of in runs], resampling)
    judged = {name: judge(of.places) for name, of in searches.items()}
    baselines = {"over_random": judged[RANDOM], "over_transfer": judge.transfer()}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    meant = {MEAN: [*range(len(names))]} | {name: [i] for i, name in enumerate(names)}
    for image, places in meant.items():
        found: dict[str, dict[str, Any]] = {}
        for name, of in searches.items():
            mine = judged[name]
            low, high = judge.resamples.interval(mine.resampled, places)
            row = {
                "track": of.track,
                "psnr_db": mine.values[places].mean(),
                "low": low,
                "high": high,
            }
            for gap, other in baselines.items():
                difference = mine.resampled - other.resampled
                low, high = judge.resamples.interval(difference, places)
                row |= {
                    f"{gap}_db": row["psnr_db"] - other.values[places].mean(),
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


class _Judges:
    """The other seeds of all images, and one set of resamples for all methods.

    Args:
        judges: for each searched seed, one per image.
        resampling: resampling of the intervals.
    """

    def __init__(self, judges: Sequence[Sequence[Judge]], resampling: Resampling) -> None:
        self._judges = judges
        self.resamples = Resamples(len(judges[0]), resampling)

    def transfer(self) -> _Judged:
        """Judge what the other images recommend; NaN where there are none."""
        places = np.array([[judge.transfer for judge in of] for of in self._judges]).T[:, :, None]
        judged, known = self(places), places >= 0
        return judged._replace(
            values=np.where(known, judged.values, np.nan),
            resampled=np.where(known.all(axis=(1, 2)), judged.resampled, np.nan),
        )

    def __call__(self, places: NDArray[np.intp]) -> _Judged:
        """Judge choices: a diverged run counts as the worst, no choice as the mean of the space."""
        values, diverged = np.empty(places.shape), np.zeros(places.shape, np.bool_)
        for (i, s), of in np.ndenumerate(np.array(self._judges, object).T):
            on = of.values()
            mine = places[i, s]
            diverged[i, s] = (mine >= 0) & np.isnan(on[mine])
            known = np.where(np.isnan(on), np.nanmin(on), on)
            values[i, s] = np.where(mine >= 0, known[mine], known.mean())
        return _Judged(values, diverged, self.resamples.means(values))
