"""How well scores rank architectures by PSNR: tau with counts, ties and intervals.

Every tau comes with the number of architectures and pairs, the ties and a bootstrap interval over
architectures (`nasdip_bench.ranks.bootstrap`). All images and seeds of a row are resampled
together, so the interval of a mean over images accounts for the images sharing architectures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from nasdip_bench.errors import ConfigError, check_name

from ...reading.run_set import RunSet
from ..own_values import OWN, own_values
from ..strata import strata_within
from ..tau_frame import METHODS, Resampling, stacked, tau_frame

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.architectures import ArchitectureLike
    from ...reading.reader import ReleaseReader


def kendall_intervals(
    bench: ReleaseReader,
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    within: str | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """Kendall's tau-b between a target and training-free scores, with counts, ties and intervals.

    The tau of `NASDIPBench.kendall` in long form: each seed's runs with that seed's scores.

    Args:
        task: name.
        target: a column of runs.parquet that is a measurement.
        fidelity: None for the release's default for the task.
        seed: None for each default seed; tau is then the mean over them.
        level: confidence level of the intervals, between 0 and 1.
        resamples: number of bootstrap resamples; 0 for no intervals.
        rng: seed of the resamples.
        images: one or several names; None for all. The mean is over these.
        within: an attribute of the upsampling cell (`strata.KINDS`); count only pairs of
            architectures with the same value. A score that depends only on the attribute has no
            tau then. None for all pairs.

    Returns:
        A frame indexed by (proxy, reference, image), and by `MEAN` for the mean over images:
        ``tau``; ``low`` and ``high``, its interval; ``std`` over seeds (NaN for one); ``n``
        architectures, minimum over seeds (and images); ``pairs`` of them that are compared, n
        (n - 1) / 2 or those within; ``tied_x`` and ``tied_y``, pairs tied in the target and in
        the score, maximum over seeds; ``reason``, why tau or its interval is NaN, else "". In
        ``attrs``: ``task``, ``target``, ``fidelity``, ``seeds``, ``level``, ``resamples``, ``rng``,
        ``within``.

    Raises:
        ConfigError: a setting of the resampling is out of range.
        UnknownNameError: an unknown task, target, fidelity, seed, image or attribute.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> row = bench.kendall_intervals("denoise").loc["psd_db_strip_mse", "corrupted", "(mean)"]
        >>> bool(row["low"] < row["tau"] < row["high"])
        True
    """
    runs = RunSet.of(bench, task, target=target, images=images, fidelity=fidelity, seed=seed)
    targets = [runs.matrix(one) for one in runs.seeds]
    scores_of = [runs.scores(one) for one in runs.seeds]
    scores, kinds = scores_of[0], strata_within(bench, within)
    resampling = Resampling(level, resamples, rng)
    frames = [
        tau_frame(
            bench,
            [
                (matrix, of.values[:, :, column])
                for matrix, of in zip(targets, scores_of, strict=True)
            ],
            resampling,
            (runs.target, key),
            runs.images,
            kinds=kinds,
        )
        for column, key in enumerate(scores.keys)
    ]
    frame = stacked(dict(zip(scores.columns, frames, strict=True)), ["proxy", "reference", "image"])
    frame.attrs = runs.facts() | asdict(resampling) | {"within": within}
    return frame


def correlate(
    bench: ReleaseReader,
    values: ArrayLike | Mapping[ArchitectureLike, float],
    task: str,
    *,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    method: str = "kendall",
    within: str | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """Kendall's tau-b, or Spearman's rho, between a target and your own values.

    As in `kendall_intervals`: raw sign, one seed at a time, over the architectures with an ok run
    and a finite value.

    Args:
        values: see `nasdip_bench.api.statistics.own_values`.
        task: name.
        target: a column of runs.parquet that is a measurement.
        fidelity: None for the release's default for the task.
        seed: None for each default seed.
        level: confidence level of the intervals, between 0 and 1.
        resamples: number of bootstrap resamples; 0 for no intervals.
        rng: seed of the resamples.
        images: one or several names; None for all. The mean is over these.
        method: "kendall" for tau-b, or "spearman" for rho.
        within: as in `kendall_intervals`; for tau only.

    Returns:
        A frame indexed by image, and `MEAN`; columns and ``attrs`` as in `kendall_intervals`, plus
        the attrs ``proxy``, which is `OWN`, and ``method``. Spearman's column is ``rho`` instead of
        ``tau``. The sign is raw: no direction is assumed.

    Raises:
        ConfigError: an array of another shape, or a setting out of range.
        UnknownNameError: an unknown architecture, task, target, fidelity, seed, image, method or
            attribute.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> sizes = [bench.cost(arch, "denoise").parameters for arch in range(len(bench))]
        >>> found = bench.correlate(sizes, "denoise", resamples=0)
        >>> found.index[-1], bool(abs(found["tau"].iloc[-1]) <= 1)
        ('(mean)', True)
    """
    check_name("method", method, METHODS)
    if within is not None and method != "kendall":
        raise ConfigError(f"within={within!r} is for tau, not for method {method!r}: omit one")
    runs = RunSet.of(bench, task, target=target, images=images, fidelity=fidelity, seed=seed)
    matrix, resampling = own_values(bench, values), Resampling(level, resamples, rng)
    pairs = [(runs.matrix(one), matrix) for one in runs.seeds]
    names, kinds = (runs.target, "the proxy"), strata_within(bench, within)
    frame = tau_frame(
        bench, pairs, resampling, names, runs.images, METHODS[method], kinds=kinds
    ).rename(columns={"tau": METHODS[method].symbol})
    facts = {"proxy": OWN, "method": method, "within": within}
    frame.attrs = runs.facts() | asdict(resampling) | facts
    return frame
