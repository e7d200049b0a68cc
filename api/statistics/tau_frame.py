"""A rank correlation by image and in the mean, with pairs, ties and a bootstrap interval.

Architectures are resampled once for all images and seeds of a frame. So the interval of a mean over
images accounts for the images sharing architectures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import check_whole
from nasdip_bench.ranks.bootstrap import (
    bootstrap_rho,
    bootstrap_tau,
    check_level,
    draw_resamples,
    percentile_interval,
    stratified_tau,
    tied_pairs,
)
from nasdip_bench.ranks.correlation import Correlation, kendall_tau_b, spearman_rho

from .own_values import Matrix

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader

MEAN = "(mean)"
"""The image of rows that are means over images."""

FEWEST = 5
"""Architectures that an interval needs; fewer give only a handful of resamples."""


class _Method(NamedTuple):
    """A rank correlation: its symbol, its value for two samples, and its value per resample."""

    symbol: str
    point: Callable[..., Correlation]
    bootstrap: Callable[..., NDArray[np.float64]]


METHODS = {
    "kendall": _Method("tau", kendall_tau_b, bootstrap_tau),
    "spearman": _Method("rho", spearman_rho, bootstrap_rho),
}


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


def tau_frame(
    bench: ReleaseReader,
    pairs: Sequence[tuple[Matrix, Matrix]],
    resampling: Resampling,
    names: Sequence[str],
    images: Sequence[int] | None = None,
    method: _Method = METHODS["kendall"],
    *,
    kinds: NDArray[np.intp] | None = None,
) -> pd.DataFrame:
    """The mean tau over pairs of matrices, by image and averaged over images.

    Below `FEWEST` architectures there is no interval.

    Args:
        pairs: (architecture, image) matrices to correlate, usually one pair per seed.
        resampling: settings of the intervals.
        names: names of the first and second matrix of a pair, for reasons.
        images: by position; None for all.
        method: tau or rho.
        kinds: (architecture,), tau only: count only pairs of architectures of the same kind.
    """
    import pandas as pd

    shown = range(len(bench.images)) if images is None else images
    pairs = [(a[:, list(shown)], b[:, list(shown)]) for a, b in pairs]
    having = np.zeros(len(bench), np.bool_)
    for a, b in pairs:
        having |= (np.isfinite(a) & np.isfinite(b)).any(axis=1)
    chosen = [(a[having], b[having]) for a, b in pairs]
    strata = [] if kinds is None else [kinds[having]]
    point = method.point if kinds is None else stratified_tau
    draws = None
    if resampling.resamples:
        draws = draw_resamples(int(having.sum()), resampling.resamples, resampling.rng)
    rows, samples, by_pair = {}, [], []
    for position, image in enumerate(bench.images[one] for one in shown):
        columns = [(a[:, position], b[:, position]) for a, b in chosen]
        found = [point(x, y, *strata) for x, y in columns]
        taus = np.array([one.value for one in found])
        drawn = np.full(1, math.nan)
        enough = all(one.n >= FEWEST for one in found)
        if draws is not None and enough and np.isfinite(taus).all():
            drawn = np.mean([method.bootstrap(x, y, draws, *strata) for x, y in columns], axis=0)
        samples.append(drawn)
        by_pair.append(taus)
        rows[image] = _row(taus, drawn, resampling.level) | _basis(columns, found, names, *strata)
    if rows:
        rows[MEAN] = _row(
            np.mean(by_pair, axis=0),
            np.mean(samples, axis=0) if len({len(s) for s in samples}) == 1 else np.full(1, np.nan),
            resampling.level,
        ) | _basis_of_mean(rows, method.symbol)
    columns_of = [*_row(np.zeros(1), np.zeros(1), 0.5), *_basis([], [], names)]
    frame = pd.DataFrame(list(rows.values()), columns=columns_of)
    frame.index = pd.Index(list(rows), name="image")
    return frame


def _row(taus: NDArray[np.float64], drawn: NDArray[np.float64], level: float) -> dict[str, Any]:
    low, high = percentile_interval(drawn, level)
    return {
        "tau": float(np.mean(taus)) if len(taus) else math.nan,
        "low": low,
        "high": high,
        "std": float(np.std(taus, ddof=1)) if len(taus) > 1 else math.nan,
    }


def _basis(
    columns: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    found: Sequence[Correlation],
    names: Sequence[str],
    kinds: NDArray[np.intp] | None = None,
) -> dict[str, Any]:
    """The columns of a row other than its tau."""
    n = min((one.n for one in found), default=0)
    both = [np.isfinite(x) & np.isfinite(y) for x, y in columns]
    # The architectures of each kind that have both numbers, by column.
    compared = [
        [there] if kinds is None else [there & (kinds == kind) for kind in np.unique(kinds)]
        for there in both
    ]
    tied_x, tied_y = (
        max(
            (
                sum(tied_pairs(pair[side][mine]) for mine in groups)
                for pair, groups in zip(columns, compared, strict=True)
            ),
            default=0,
        )
        for side in (0, 1)
    )
    pairs = min(
        (sum(math.comb(int(mine.sum()), 2) for mine in groups) for groups in compared), default=0
    )
    reason = next((one.reason for one in found if one.reason), "")
    if not reason and n < FEWEST:
        reason = f"n = {n} is too few for an interval, {FEWEST} are needed"
    return {
        "n": n,
        "pairs": pairs,
        "tied_x": tied_x,
        "tied_y": tied_y,
        "reason": reason.replace("the first sample", names[0]).replace(
            "the second sample", names[1]
        ),
    }


def _basis_of_mean(by_image: Mapping[str, Mapping[str, Any]], symbol: str) -> dict[str, Any]:
    rows = list(by_image.values())
    n = min(row["n"] for row in rows)
    defined = [image for image, row in by_image.items() if not math.isnan(row["tau"])]
    undefined = len(rows) - len(defined)
    reason = next((row["reason"] for row in rows if row["reason"]), "")
    if undefined:
        reason = f"{symbol} is not defined for {undefined} of {len(rows)} images"
        reason += f"; it is for {', '.join(defined)}" if defined else ""
    return {
        "n": n,
        "pairs": min(row["pairs"] for row in rows),
        "tied_x": max(row["tied_x"] for row in rows),
        "tied_y": max(row["tied_y"] for row in rows),
        "reason": reason,
    }


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
