"""Does the ranking depend on the image, and does choosing by the image pay? On held-out seeds.

An image's best at one seed owes part of its lead to noise. So the choice is judged on another
seed, with another corruption, against a choice made without looking at the image. Rankings are
compared between seeds too, so that two images differ from one image in nothing but the image.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingRunError
from nasdip_bench.ranks.bootstrap import percentile_interval
from nasdip_bench.ranks.tau import estimate, signs_of, taus

from ..exhibits.captions import image_marks, sentences, setup, shortfall
from ..exhibits.forest import Forest, Panel
from ..exhibits.forms import estimate as as_text
from ..reading.arrays.targets import VERDICT_TARGETS
from ..reading.run_set import RunSet
from .tau_frame import MEAN, Resampling, check_enough, index_of

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader


def image_gain(
    bench: ReleaseReader,
    task: str,
    *,
    targets: Sequence[str] = VERDICT_TARGETS,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """The gain of choosing by the image itself over choosing by the other images.

    For image i and seeds (a, b): choose the architecture that is best on i at seed a, and the one
    with the best mean over the other images at a. Both are judged on i at seed b. The gain is their
    difference, averaged over all ordered pairs of seeds. Positive means that choosing by the image
    pays. If the image does not matter, the gain is negative: one run is noisier than the mean of
    the others'.

    Whether the image matters at all is the gap between two taus, both between runs of two seeds:
    that of the image with itself, minus its mean with each other image. It is 0 if all images rank
    alike and are equally noisy.

    Other arguments as in `kendall`.

    Args:
        targets: columns of runs.parquet to choose and judge by, where higher is better.
        images: at least two names; None for all. The other images are among these.
        level: confidence level of the intervals, between 0 and 1.
        resamples: number of bootstrap resamples; 0 for no intervals.
        rng: seed of the resamples.

    Returns:
        A frame indexed by (target, image), and `MEAN`: ``gain_db``; ``low`` and ``high``, its
        interval, which resamples architectures (for the mean images too) and repeats the choice;
        ``own_db`` and ``others_db``, what the two choices reach; ``tau_own`` and ``tau_others``
        between seeds; ``tau_gap``, their difference; ``tau_gap_low`` and ``tau_gap_high``, its
        interval over architectures (infinitesimal jackknife); ``n`` architectures, those with an ok
        run on every image at every seed. In ``attrs``: task, fidelity, seeds, resampling.

    Raises:
        UnknownNameError: unknown task, image, fidelity or target.
        MissingRunError: fewer than two seeds or images, or too few architectures with all runs.

    Example:
        >>> found = NASDIPBench("data/").image_gain("denoise", targets=["best_psnr_smooth_db"])
        >>> row = found.loc["best_psnr_smooth_db", "(mean)"]
        >>> bool(row["gain_db"] == row["own_db"] - row["others_db"])
        True
    """
    import pandas as pd

    runs = RunSet.of(bench, task, images=images, fidelity=fidelity)
    resampling = Resampling(level, resamples, rng)
    runs = runs._replace(seeds=runs.block.seeds)
    if len(runs.seeds) < 2 or len(runs.images) < 2:
        raise MissingRunError(
            f"a choice is judged on another seed, against other images: two of each are needed; "
            f"{task} at {runs.fidelity} has seeds {', '.join(map(str, runs.seeds))} on "
            f"{', '.join(runs.image_names)}"
        )
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for target in targets:
        runs.block.check_ranked(target)
        values = runs.values(target)
        complete = values[np.isfinite(values).all(axis=(1, 2))]
        check_enough(runs, len(complete))
        gains, gaps = _gains(complete, resampling), _gaps(complete, level)
        for name, gain, gap in zip((*runs.image_names, MEAN), gains, gaps, strict=True):
            rows[target, name] = gain | gap | {"n": len(complete)}
    frame = pd.DataFrame(list(rows.values()), index=index_of(rows, ["target", "image"]))
    frame.attrs = runs.facts_of(targets) | asdict(resampling)
    return frame


def _gains(values: NDArray[np.float64], resampling: Resampling) -> list[dict[str, float]]:
    """The gain on each image and its mean; arguments as in `_judged`."""
    count, draws = values.shape[1], resampling.resamples
    rng = np.random.default_rng(resampling.rng)
    drawn = np.full((draws, count), np.nan)
    for gains in drawn:
        own, others = _judged(values[rng.integers(len(values), size=len(values))])
        gains[:] = own - others
    means = np.take_along_axis(drawn, rng.integers(count, size=drawn.shape), axis=1).mean(axis=1)
    reached = [np.r_[of, of.mean()].tolist() for of in _judged(values)]
    found = []
    for mine, theirs, of in zip(*reached, [*drawn.T, means], strict=True):
        low, high = percentile_interval(of, resampling.level)
        found.append(
            {
                "gain_db": mine - theirs,
                "low": low,
                "high": high,
                "own_db": mine,
                "others_db": theirs,
            }
        )
    return found


def _gaps(values: NDArray[np.float64], level: float) -> list[dict[str, float]]:
    """The gap of taus of each image, and its mean; arguments as in `_judged`."""
    images = values.shape[1]
    pairs = itertools.permutations(values.transpose(2, 1, 0), 2)  # of seeds
    # (image, image, 1 + architecture): tau between runs of different seeds, and its influences.
    between = np.mean(
        [taus(signs_of(one[:, None]), signs_of(other)).expansion for one, other in pairs], axis=0
    )
    own = between[range(images), range(images)]
    others = (between.sum(axis=1) - own) / (images - 1)
    found = []
    for mine, theirs in zip([*own, own.mean(axis=0)], [*others, others.mean(axis=0)], strict=True):
        gap, low, high = estimate(mine - theirs, level, most=2.0)
        of_both = {"tau_own": float(mine[0]), "tau_others": float(theirs[0])}
        found.append(of_both | {"tau_gap": gap, "tau_gap_low": low, "tau_gap_high": high})
    return found


def _judged(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(image,) what an image's own best and the other images' best reach on other seeds.

    Args:
        values: (architecture, image, seed), higher is better.
    """
    images = values.shape[1]
    column = np.arange(images)
    found = []
    for a, b in itertools.permutations(range(values.shape[2]), 2):
        seen, held_out = values[:, :, a], values[:, :, b]
        by_others = (seen.sum(axis=1, keepdims=True) - seen) / (images - 1)
        found.append([held_out[choice.argmax(axis=0), column] for choice in (seen, by_others)])
    own, others = np.mean(found, axis=0)
    return own, others


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GainFigure(Forest):
    """Gain in dB of the image's own best over the best of the others, on another seed.

    Attributes:
        frame: from `image_gain`, with its ``attrs``.
    """

    across = "gain from choosing by the image itself, on another seed, dB"

    @property
    def targets(self) -> list[str]:
        """Columns of runs.parquet, in the given order."""
        return [*self.frame.index.get_level_values("target").unique()]

    def lines(self) -> dict[str, str]:
        """The images, then their mean."""
        images = self.frame.loc[self.targets[0]].index
        return {self._label(name): "mean" if name == MEAN else "image" for name in images}

    def panels(self) -> list[Panel]:
        """One panel per target."""
        return [
            Panel(target, *(of[name].to_numpy() for name in ("gain_db", "low", "high")))
            for target, of in ((target, self.frame.loc[target]) for target in self.targets)
        ]

    def heads(self) -> list[list[str]]:
        """The targets."""
        return [["image", *self.targets], ["", *["dB (interval)"] * len(self.targets)]]

    def body(self) -> list[list[str]]:
        """One row per image, then their mean."""
        return [
            [
                self._label(image),
                *(
                    as_text(*self.frame.loc[(target, image), ["gain_db", "low", "high"]])
                    for target in self.targets
                ),
            ]
            for image in self.frame.loc[self.targets[0]].index
        ]

    def _label(self, image: str) -> str:
        return image if image == MEAN else self.label(image)


def _gaps_text(frame: pd.DataFrame) -> str:
    """The mean gap of taus for each target."""
    names = ["tau_gap", "tau_gap_low", "tau_gap_high"]
    means = frame.xs(MEAN, level="image")[names]
    return "; ".join(f"{as_text(*row)} ({target})" for target, row in means.iterrows())


def gain_figure(bench: ReleaseReader, task: str = "denoise", **how: Any) -> GainFigure:
    """The gain of choosing by the image itself, to print, save or draw.

    Args:
        task: name.
        **how: passed to `image_gain`.

    Raises:
        NasdipError: as in `image_gain`.

    Example:
        >>> gain_figure(NASDIPBench("data/"), "denoise", resamples=0).body()[-1][0]
        '(mean)'
    """
    frame = image_gain(bench, task, **how)
    facts = frame.attrs
    marks, notes = image_marks(bench)
    interval = f", with its {100 * facts['level']:g} % interval" if facts["resamples"] else ""
    return GainFigure(
        frame=frame,
        caption=sentences(
            f"Does the best network depend on the image ({task})? Gain of the architecture that is "
            f"best on the image over the one with the best mean over the other images, both judged "
            f"on the image at another seed{interval}. Positive: choosing by the image pays. Where "
            f"the image does not matter the gain is negative, since one run is noisier than the "
            f"mean of the others'.",
            f"Does the image matter? Tau between two seeds is higher for one image than for two by "
            f"{_gaps_text(frame)}.",
            f"At {setup(bench, facts)}; n = {frame['n'].max()} of {len(bench)} architectures, "
            f"those with all runs.",
            shortfall(bench, facts, how.get("images")),
        ),
        notes=tuple(notes),
        marks=marks,
    )
