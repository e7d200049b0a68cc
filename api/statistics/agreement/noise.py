"""Noise in rankings: scores between initialisations, PSNR between seeds and reruns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingRunError
from nasdip_bench.ranks.noise import tau_of_mean
from nasdip_bench.ranks.tau import NO_ESTIMATE, TauEstimate, estimate, signs_of, taus

from ...exhibits.captions import sentences, setup, shortfall
from ...exhibits.forest import Forest, Panel
from ...exhibits.forms import estimate as as_text
from ...reading.arrays.targets import VERDICT_TARGETS
from ...reading.run_set import RunSet
from ..tau_frame import FEWEST, MEAN, index_of, too_few
from .replicates import seed_agreement

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.reader import ReleaseReader

BETWEEN = ("initialisations", "seeds", "reruns")

_RERUN_COLUMNS = {
    "best_psnr_smooth_db": "best_difference_db",
    "stopped_psnr_smooth_db": "stopped_difference_db",
    "last_psnr_smooth_db": "difference_db",
}
"""Columns of reruns.parquet for a whole run that was trained again, by target."""


def noise(
    bench: ReleaseReader,
    task: str,
    *,
    targets: Sequence[str] = VERDICT_TARGETS,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Kendall's tau-b between two measurements of the same architectures, by what was repeated.

    - "initialisations": between two single values of a score, averaged over their pairs, images
      and default seeds; and between two means of all K values, by the split-half method: tau
      between the means of two halves, over K / 2 balanced splits, extrapolated to the whole
      (`nasdip_bench.ranks.noise.tau_of_mean`).
    - "seeds": between runs of two seeds, as in `seed_agreement`.
    - "reruns": between runs and the same runs trained again (``reruns.parquet``). PSNR is taken
      relative to the mean of its image and seed, so runs of all images rank as one sample.

    Other arguments as in `kendall`.

    Args:
        targets: columns of runs.parquet, for seeds and reruns.
        level: confidence level of the intervals, between 0 and 1.

    Returns:
        A frame indexed by (between, measured): between is one of `BETWEEN`, measured is
        "proxy/reference" or a target. ``tau``; ``low`` and ``high``, its interval over
        architectures (for reruns, over runs); ``tau_mean``, ``low_mean``, ``high_mean``, between
        means of ``repeats`` values, for initialisations only; ``difference_db``, the root mean
        square difference of PSNR (for seeds, less the image's mean); ``n`` architectures or runs;
        ``reason``, why tau or its interval is NaN, else "". Scores that no initialisation changes
        are left out. In ``attrs``: task, fidelity, seeds, images and level.

    Raises:
        UnknownNameError: unknown task, image, fidelity or target.
        ConfigError: the level is not between 0 and 1.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> found = NASDIPBench("data/").noise("denoise")
        >>> [*found.index.get_level_values("between").unique()]
        ['initialisations', 'seeds', 'reruns']
    """
    import pandas as pd

    runs = RunSet.of(bench, task, images=images, fidelity=fidelity)
    rows = {("initialisations", name): row for name, row in _initialisations(runs, level)}
    for target in targets:
        runs.block.check_ranked(target)
        rows["seeds", target] = _seeds(runs, target, level)
    rows |= {("reruns", target): _reruns(runs, target, level) for target in targets}
    frame = pd.DataFrame(list(rows.values()), index=index_of(rows, ["between", "measured"]))
    frame.attrs = runs.facts_of(targets) | {"level": level}
    return frame


def _row(
    found: TauEstimate = NO_ESTIMATE,
    mean: TauEstimate = NO_ESTIMATE,
    *,
    repeats: int,
    n: int,
    difference_db: float = math.nan,
    reason: str = "",
) -> dict[str, Any]:
    means = {f"{name}_mean": value for name, value in mean._asdict().items()}
    last = {"repeats": repeats, "difference_db": difference_db, "n": n, "reason": reason}
    return found._asdict() | means | last


def _initialisations(runs: RunSet, level: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """One row per score that initialisations change."""
    for name, values in _single_values(runs):
        there = np.isfinite(values).all(axis=(1, 2, 3))
        n, repeats = int(there.sum()), values.shape[-1]
        if n < FEWEST:
            yield name, _row(repeats=repeats, n=n, reason=too_few(n))
            continue
        samples = values[there].reshape(n, -1, repeats).transpose(1, 2, 0)
        # A score that sees no image has the same values for all images.
        samples = np.unique(samples, axis=0)
        means = np.mean([_singles_and_halves(one) for one in samples], axis=0)
        found, half = (estimate(of, level) for of in means)
        mean = TauEstimate(*(tau_of_mean(tau, 2) for tau in half))
        reason = "" if math.isfinite(found.tau) else "all values of an initialisation are equal"
        yield name, _row(found, mean, repeats=repeats, n=n, reason=reason)


def _single_values(runs: RunSet) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """By "proxy/reference": (architecture, image, seed, initialisation), NaN if missing.

    One seed if a score sees no corruption; scores with one initialisation are left out.
    """
    bench = runs.bench
    table = bench.to_frame("scores")
    singles = bench.score_values()
    mine = (table["task"] == runs.task) & (table["fidelity"] == runs.fidelity)
    mine &= (table["inits"] > 1) & table["image"].isin(runs.image_names)
    mine &= table["seed"].isna() | table["seed"].isin(runs.seeds)
    places = {image: place for place, image in enumerate(runs.image_names)}
    for key, rows in table[mine].groupby(["proxy", "reference"], sort=False, observed=True):
        seeds = rows["seed"].astype(float).fillna(-1)
        order, of_seed = np.unique(seeds, return_inverse=True)
        repeats = int(rows["inits"].min())
        values = np.full((len(bench), len(places), len(order), repeats), np.nan)
        images = rows["image"].map(places).to_numpy(int)
        values[rows["arch_id"], images, of_seed] = singles[rows.index, :repeats]
        yield "/".join(key), values


def _singles_and_halves(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 1 + n) tau of single (initialisation, n) values, and of halves, with influences."""
    repeats = len(values)
    pairs = itertools.combinations([signs_of(of) for of in values], 2)
    singles = np.mean([taus(*pair).expansion for pair in pairs], axis=0)
    splits, half = range(math.ceil(repeats / 2)), repeats // 2
    turned = np.stack([np.roll(values, -first, axis=0) for first in splits])
    one, other = (signs_of(of.mean(axis=1)) for of in (turned[:, :half], turned[:, half:]))
    return np.stack([singles, taus(one, other).expansion.mean(axis=0)])


def _seeds(runs: RunSet, target: str, level: float) -> dict[str, Any]:
    block, at = runs.block, runs.fidelity
    try:
        frame = seed_agreement(
            runs.bench, runs.task, target=target, images=runs.image_names, fidelity=at, level=level
        )
    except MissingRunError as error:
        return _row(repeats=len(block.seeds), n=0, reason=str(error))
    row = frame.loc[MEAN]
    values = runs._replace(seeds=block.seeds).values(target)
    squares = []
    for one, other in frame.attrs["pairs"]:
        apart = values[..., block.position(one)] - values[..., block.position(other)]
        for of_image in apart.T:
            there = of_image[np.isfinite(of_image)]
            squares.append((there - there.mean()) ** 2 if len(there) else there)
    spread = np.concatenate(squares)
    return _row(
        TauEstimate(*(float(row[name]) for name in TauEstimate._fields)),
        repeats=len(block.seeds),
        n=int(row["n"]),
        difference_db=float(np.sqrt(spread.mean())) if len(spread) else math.nan,
        reason=row["reason"],
    )


def _reruns(runs: RunSet, target: str, level: float) -> dict[str, Any]:
    if target not in _RERUN_COLUMNS:
        return _row(repeats=2, n=0, reason=f"reruns.parquet has no {target}")
    block = runs.block
    again = [
        row
        for row in runs.bench.to_arrow("reruns").to_pylist()
        if (row["task"], row["fidelity"]) == (runs.task, runs.fidelity)
        and row["image"] in runs.image_names
        and row["whole"]
        and row[_RERUN_COLUMNS[target]] is not None
    ]
    if not again:
        reason = (
            f"no whole run of {runs.task} at {runs.fidelity} was trained again: reruns.parquet has "
            f"what 'nasdip-build recompute --save' finds"
        )
        return _row(repeats=2, n=0, reason=reason)
    values = runs._replace(seeds=block.seeds).values(target)
    there = np.isfinite(values)
    values = values - np.where(there, values, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    places = {image: place for place, image in enumerate(runs.image_names)}
    first = np.array(
        [values[row["arch_id"], places[row["image"]], block.position(row["seed"])] for row in again]
    )
    difference, n = np.array([row[_RERUN_COLUMNS[target]] for row in again]), len(again)
    rms = float(np.sqrt(np.mean(difference**2)))
    if n < FEWEST:
        return _row(repeats=2, n=n, difference_db=rms, reason=too_few(n))
    between = taus(signs_of(first), signs_of(first + difference))
    return _row(estimate(between.expansion, level), repeats=2, n=n, difference_db=rms)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NoiseFigure(Forest):
    """Tau between repeated measurements.

    Attributes:
        frame: from `noise`, with its ``attrs``.
    """

    across = "tau between two measurements"

    def lines(self) -> dict[str, str]:
        """What was repeated, by what was measured."""
        return {f"{measured} ({between})": between for between, measured in self.frame.index}

    def panels(self) -> list[Panel]:
        """Tau between single measurements, and between means of all."""
        names = ("tau", "low", "high")
        return [
            Panel(title, *(self.frame[f"{name}{of}"].to_numpy(float) for name in names))
            for title, of in (("two single values", ""), ("two means of all", "_mean"))
        ]

    def heads(self) -> list[list[str]]:
        """Names of the columns."""
        return [
            ["measured", "between two", "tau", "tau of means", "repeats", "RMS, dB", "n"],
            ["", "", "(interval)", "(interval)", "", "", ""],
        ]

    def body(self) -> list[list[str]]:
        """One row per measurement."""
        return [
            [
                measured,
                between,
                as_text(*row[["tau", "low", "high"]]),
                as_text(*row[["tau_mean", "low_mean", "high_mean"]]),
                str(row["repeats"]),
                "--" if math.isnan(row["difference_db"]) else f"{row['difference_db']:.2f}",
                str(row["n"]),
            ]
            for (between, measured), row in self.frame.iterrows()
        ]


def noise_figure(bench: ReleaseReader, task: str = "denoise", **how: Any) -> NoiseFigure:
    """How noisy rankings are, to print, save or draw.

    Args:
        task: name.
        **how: passed to `noise`.

    Raises:
        NasdipError: as in `noise`.

    Example:
        >>> noise_figure(NASDIPBench("data/"), "denoise").heads()[0][0]
        'measured'
    """
    frame = noise(bench, task, **how)
    facts = frame.attrs
    without = frame[frame["reason"] != ""].reset_index().groupby(["between", "reason"])["measured"]
    return NoiseFigure(
        frame=frame,
        caption=sentences(
            f"How noisy are rankings ({task})? Kendall's tau-b over architectures between two "
            f"measurements of the same quantity, with its {100 * facts['level']:g} % interval: two "
            f"scoring initialisations of a score (and two means of all), two seeds of a run, or a "
            f"run and the same run trained again.",
            f"At {setup(bench, facts)} for scores, all seeds for runs.",
            shortfall(bench, facts, facts["images"]),
        ),
        notes=tuple(
            f"-- : {', '.join(of)} ({between}): {reason}." for (between, reason), of in without
        ),
    )
