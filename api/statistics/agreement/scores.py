"""How well scores rank architectures by PSNR: tau with counts, ties and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...reading.run_set import RunSet
from ..own_values import OWN, own_values
from ..tau_frame import MEAN, stacked, strata_of, tau_frames

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.architectures import ArchitectureLike
    from ...reading.reader import ReleaseReader


def kendall(
    bench: ReleaseReader,
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """Kendall's tau-b between a target and the training-free scores, over architectures.

    It covers the architectures that have the score and an ok run on the image. The sign is raw:
    for a distance, negative is good. With several default seeds the value is the mean of their
    taus, not the tau of the mean. A score that sees the corruption is compared with the runs of
    the same seed.

    Args:
        task: name.
        target: a column of runs.parquet that is a measurement; None for
            `nasdip_bench.api.reading.arrays.targets.TARGET`.
        images: one or several names; None for all.
        fidelity: None for the release's default for the task.
        seed: None for each default seed.

    Returns:
        images × (proxy, reference), float64. In ``attrs``: ``task``, ``target``, ``fidelity``,
        ``seeds``; and by "proxy/reference" and image ``n`` (architectures, the minimum over seeds),
        ``std`` (of tau over seeds; NaN for one seed), ``reasons`` (why a value is NaN).
        ``pandas.DataFrame(frame.attrs["n"])`` makes a frame of one of them. A mean over images
        taken by pandas skips missing values; the one in `NASDIPBench.kendall_intervals` does
        not.

    Raises:
        UnknownNameError: an unknown task, target, fidelity, seed or image.
        ConfigError: no image is named.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> tau = NASDIPBench("data/").kendall("denoise")
        >>> bool(tau.loc["lena", ("psd_db_strip_mse", "corrupted")] < 0)  # a distance: low is good
        True
    """
    import pandas as pd

    runs = RunSet.of(bench, task, target=target, images=images, fidelity=fidelity, seed=seed)
    frames = {key: frame.drop(MEAN) for key, frame in _of_scores(runs).items()}
    tau = pd.DataFrame(
        np.array([frame["tau"] for frame in frames.values()]).reshape(-1, len(runs.images)).T,
        index=pd.Index(runs.image_names, name="image"),
        columns=pd.MultiIndex.from_tuples(frames, names=["proxy", "reference"]),
    )
    named = {"/".join(key): frame for key, frame in frames.items()}
    reasons = {
        key: frame["reason"][frame["tau"].isna()].to_dict()
        for key, frame in named.items()
        if frame["tau"].isna().any()
    }
    facts = {name: {key: of[name].to_dict() for key, of in named.items()} for name in ("n", "std")}
    tau.attrs = runs.facts() | facts | {"reasons": reasons}
    return tau


def kendall_intervals(
    bench: ReleaseReader,
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    within: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """`kendall` in long form, with pairs, ties and intervals.

    Other arguments as in `kendall`.

    Args:
        within: count only pairs of architectures with the same sampling and order of sampling and
            transform. A score that knows only these has no tau then.
        level: confidence level of the intervals, between 0 and 1.

    Returns:
        A frame indexed by (proxy, reference, image), and by `MEAN` for the mean over images:
        ``tau``; ``low`` and ``high``, its interval over architectures (infinitesimal jackknife,
        `nasdip_bench.ranks.tau`); ``std`` over seeds (NaN for one); ``n`` architectures, minimum
        over seeds (and images); ``pairs`` of them that are compared; ``tied_x`` and ``tied_y``,
        pairs tied in the target and in the score, maximum over seeds; ``reason``, why tau or its
        interval is NaN, else "". In ``attrs``: ``task``, ``target``, ``fidelity``, ``seeds``,
        ``level``, ``within``.

    Raises:
        ConfigError: the level is not between 0 and 1, or within is not True or False.
        NasdipError: as in `kendall`.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> row = bench.kendall_intervals("denoise").loc["psd_db_strip_mse", "corrupted", "(mean)"]
        >>> bool(row["low"] < row["tau"] < row["high"])
        True
    """
    runs = RunSet.of(bench, task, target=target, images=images, fidelity=fidelity, seed=seed)
    frame = stacked(_of_scores(runs, level, within=within), ["proxy", "reference", "image"])
    frame.attrs = runs.facts() | {"level": level, "within": within}
    return frame


def _of_scores(
    runs: RunSet, level: float = 0.95, *, within: bool = False
) -> dict[tuple[str, str], pd.DataFrame]:
    """By (proxy, reference): each seed's runs with that seed's scores."""
    scores = {one: runs.scores(one) for one in runs.seeds}
    first = scores[runs.seeds[0]]
    pairs = [(runs.matrix(one), of.values) for one, of in scores.items()]
    frames = tau_frames(runs, pairs, first.keys, level, strata_of(runs.bench, within))
    return dict(zip(first.columns, frames, strict=True))


def correlate(
    bench: ReleaseReader,
    values: ArrayLike | Mapping[ArchitectureLike, float],
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    within: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Kendall's tau-b between a target and your own values; other arguments as in `kendall`.

    Args:
        values: see `nasdip_bench.api.statistics.own_values`.
        within: as in `kendall_intervals`.
        level: confidence level of the intervals, between 0 and 1.

    Returns:
        A frame indexed by image, and `MEAN`; columns and ``attrs`` as in `kendall_intervals`, plus
        the attr ``proxy``, which is `OWN`. The sign is raw: no direction is assumed.

    Raises:
        ConfigError: an array of another shape, or a setting out of range.
        UnknownNameError: an unknown architecture.
        NasdipError: as in `kendall`.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> sizes = [bench.cost(arch, "denoise").parameters for arch in range(len(bench))]
        >>> found = bench.correlate(sizes, "denoise")
        >>> found.index[-1], bool(abs(found["tau"].iloc[-1]) <= 1)
        ('(mean)', True)
    """
    runs = RunSet.of(bench, task, target=target, images=images, fidelity=fidelity, seed=seed)
    matrix = own_values(bench, values)[..., None]
    pairs = [(runs.matrix(one), matrix) for one in runs.seeds]
    (frame,) = tau_frames(runs, pairs, ["the proxy"], level, strata_of(bench, within))
    frame.attrs = runs.facts() | {"level": level, "proxy": OWN, "within": within}
    return frame
