"""Kendall's tau-b by image and in the mean, with pairs, ties and an interval over architectures.

Images and seeds share their architectures: the interval of a mean is made of the mean influence of
each architecture (`nasdip_bench.ranks.tau`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, MissingRunError, check_whole
from nasdip_bench.ranks.bootstrap import check_level
from nasdip_bench.ranks.tau import NO_ESTIMATE, estimate, signs_of, taus

from ..reading.run_set import RunSet
from .own_values import Matrix

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader

MEAN = "(mean)"
"""The image of rows that are means over images."""

FEWEST = 5
"""Architectures that an interval needs."""

COUNTS = ("n", "pairs", "tied_x", "tied_y")


@dataclass(frozen=True)
class Resampling:
    """Settings of the bootstrap intervals.

    Attributes:
        level: confidence level, between 0 and 1.
        resamples: number of resamples; 0 for no intervals.
        rng: seed of the resamples; the same seed gives the same intervals.

    Raises:
        ConfigError: a setting is out of range.
    """

    level: float
    resamples: int
    rng: int

    def __post_init__(self) -> None:
        check_level(self.level)
        check_whole("resamples", self.resamples, 0, note="; 0 makes no intervals")
        check_whole("rng", self.rng, 0)


def strata_of(bench: ReleaseReader, within: bool) -> NDArray[np.intp] | None:
    """(architecture,) code of the sampling and its order with the transform; None unless within.

    Raises:
        ConfigError: within is neither True nor False.
    """
    if not isinstance(within, bool):
        raise ConfigError(
            f"within {within!r} must be True, to compare only architectures with the same sampling "
            f"and order of sampling and transform, or False"
        )
    return bench.architecture_rows.samplings if within else None


def check_enough(runs: RunSet, n: int, fewest: int = FEWEST) -> None:
    """Raise `MissingRunError` if fewer than some architectures have all runs of a set."""
    if n < fewest:
        raise MissingRunError(
            f"{n} architectures have ok runs of {runs.task} at {runs.fidelity} on all of "
            f"{', '.join(runs.image_names)} at seeds {', '.join(map(str, runs.seeds))}; at least "
            f"{fewest} are needed: name fewer images, or another fidelity"
        )


def tau_frames(
    runs: RunSet,
    pairs: Sequence[tuple[Matrix, NDArray[np.float64]]],
    names: Sequence[str],
    level: float,
    strata: NDArray[np.intp] | None = None,
    *,
    called: str | None = None,
) -> list[pd.DataFrame]:
    """For each column, the mean tau over pairs, by image and averaged over images.

    Below `FEWEST` architectures there is no interval.

    Args:
        runs: whose images are shown.
        pairs: (architecture, image) and (architecture, image, column) numbers to correlate,
            usually one pair per seed.
        names: of the columns, for reasons.
        level: confidence level of the intervals.
        strata: (architecture,) codes; only pairs of architectures with the same code count.
        called: name of the first numbers, for reasons; None for the target.
    """
    import pandas as pd

    found = [
        [taus(signs_of(x[:, at], strata), signs_of(y[:, at].T, strata)) for x, y in pairs]
        for at in runs.images
    ]
    # (image, pair, column, 1 + architecture) and (image, pair, count, column)
    expansions = np.array([[one.expansion for one in of] for of in found])
    counts = np.array([[[getattr(one, name) for name in COUNTS] for one in of] for of in found])
    frames = []
    for column, name in enumerate(names):
        rows = {
            image: _row(of, seen, level, _reason(of, seen, (called or runs.target, name), strata))
            for image, of, seen in zip(
                runs.image_names, expansions[:, :, column], counts[..., column], strict=True
            )
        }
        of, seen = expansions[:, :, column].mean(axis=0), counts[..., column].reshape(-1, 4)
        rows[MEAN] = _row(of, seen, level, _reason_of_mean(rows))
        frame = pd.DataFrame(list(rows.values()))
        frame.index = pd.Index(list(rows), name="image")
        frames.append(frame)
    return frames


def _row(
    expansions: NDArray[np.float64], counts: NDArray[np.int64], level: float, reason: str
) -> dict[str, Any]:
    """A row from the (pair, 1 + architecture) expansions of its taus and their `COUNTS`."""
    of_pairs, n = expansions[:, 0], int(counts[:, 0].min())
    found = estimate(expansions.mean(axis=0), level)
    return {
        **(found if n >= FEWEST else NO_ESTIMATE._replace(tau=found.tau))._asdict(),
        "std": float(np.std(of_pairs, ddof=1)) if len(of_pairs) > 1 else math.nan,
        "n": n,
        "pairs": int(counts[:, 1].min()),
        "tied_x": int(counts[:, 2].max()),
        "tied_y": int(counts[:, 3].max()),
        "reason": reason,
    }


def _reason(
    expansions: NDArray[np.float64],
    counts: NDArray[np.int64],
    names: tuple[str, str],
    strata: NDArray[np.intp] | None,
) -> str:
    """Why tau, or its interval, is NaN on an image, else ""; arguments as in `_row`."""
    for undefined, (n, pairs, tied_x, _) in zip(np.isnan(expansions[:, 0]), counts, strict=True):
        if undefined and n < 2:
            return f"{n} pairs, 2 are needed"
        if undefined and strata is not None:
            return "no two of one kind differ in both samples"
        if undefined:
            return f"all values of {names[0 if tied_x == pairs else 1]} are equal"
    n = counts[:, 0].min()
    return "" if n >= FEWEST else too_few(n)


def too_few(n: int) -> str:
    """Why there is no interval."""
    return f"n = {n} is too few for an interval, {FEWEST} are needed"


def _reason_of_mean(by_image: Mapping[str, Mapping[str, Any]]) -> str:
    defined = [image for image, row in by_image.items() if not math.isnan(row["tau"])]
    if len(defined) == len(by_image):
        return next((row["reason"] for row in by_image.values() if row["reason"]), "")
    without = f"{len(by_image) - len(defined)} of {len(by_image)} images"
    return f"tau is not defined for {without}" + (
        f"; it is for {', '.join(defined)}" if defined else ""
    )


def stacked(frames: Mapping[tuple[str, str], pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """Concatenate frames in their order, indexed by key and row; without any, an empty frame."""
    import pandas as pd

    if not frames:
        return pd.DataFrame(index=pd.MultiIndex.from_tuples([], names=names))
    whole = pd.concat(frames, names=names)
    whole.index = index_of(whole.index, names)
    return whole


def index_of(keys: Iterable[tuple[object, ...]], names: Sequence[str]) -> pd.MultiIndex:
    """An index whose levels keep the order of appearance.

    pandas then takes it as sorted and looks up partial keys without a warning.
    """
    import pandas as pd

    plain = pd.MultiIndex.from_tuples(keys, names=names)
    columns = [plain.get_level_values(level) for level in range(len(names))]
    levels = [pd.Index(column.unique()) for column in columns]
    codes = [level.get_indexer(column) for level, column in zip(levels, columns, strict=True)]
    return pd.MultiIndex(levels=levels, codes=codes, names=names)
