"""The best of the first N by a score, for every N, compared with the best of N at random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError
from nasdip_bench.proxies import named_score
from nasdip_bench.ranks.chance import best_of_first, expected_best

from ...reading.run_set import RunSet
from ..own_values import OWN
from ..tau_frame import MEAN
from .candidates import Values, own_candidates, ranked, scores_of_release
from .cohorts import PROXY, ScoredRuns

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.reader import ReleaseReader

UNNAMED = "values"
"""Default name of your own values."""


def selection_curve(
    bench: ReleaseReader,
    task: str,
    *,
    score: str | None = None,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    values: Values | None = None,
    lower_is_better: bool | None = None,
) -> pd.DataFrame:
    """The best of the first N by a score, for every N, compared with the best of N at random.

    An architecture is a candidate on an image if it has the score and an ok or diverged run; a
    diverged run is worse than any other. Scores rank in the direction that they claim; those that
    claim none (sizes) rank lowest first. Values are means over seeds. Other arguments as in
    `kendall`.

    Args:
        score: name of a score of the release (`nasdip_bench.proxies.named_score`), None for
            `cohorts.PROXY`; or a name for your own values, not that of a score.
        target: a column of runs.parquet where higher is better.
        values: your own, as in `nasdip_bench.api.statistics.own_values`.
        lower_is_better: for your own values only; None for higher.

    Returns:
        A frame indexed by (image, cohort), N from 1 to the number of candidates (minimum over
        seeds), and `tau_frame.MEAN` (to the minimum over images that have any): ``value`` of the
        target, ``regret``, ``value_random`` and ``regret_random``, their expectations for N at
        random. In ``attrs``: ``task``, ``target``, ``fidelity``, ``seeds``; ``proxy``,
        "proxy/reference", with reference "own" for your own; ``direction``, "lower", "higher"
        or "lower?".

    Raises:
        ConfigError: your own values have another shape or the name of a score, or a direction is
            given for a score of the release.
        UnknownNameError: an unknown score, task, target, fidelity, seed or image.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> found = bench.selection_curve("denoise", score="psd_db_strip_mse").loc["lena", "regret"]
        >>> bool(found.is_monotonic_decreasing)
        True
    """
    import pandas as pd

    runs = RunSet.of(
        bench, task, target=target, images=images, fidelity=fidelity, seed=seed, ranked=True
    )
    if values is None:
        if lower_is_better is not None:
            raise ConfigError(
                f"lower_is_better={lower_is_better!r} is for your own values, and none are "
                f"given: leave it out, the direction of a score of the release is known"
            )
        of_release = {(c.proxy, c.reference): c for c in scores_of_release(runs)}
        wanted = named_score(PROXY if score is None else score, of_release)
        key, candidate = "/".join(wanted), of_release[wanted]
    else:
        name = UNNAMED if score is None else score
        lower = [name] if lower_is_better else []
        (candidate,) = own_candidates(runs, {name: values}, lower)
        key = f"{name}/{OWN}"
    by_seed = [ranked(runs, one, candidate) for one in runs.seeds]
    curves = {}
    for position in runs.images:
        curve = mean_curve([_curve(one, position) for one in by_seed])
        if curve.shape[1]:
            curves[bench.images[position]] = curve
    if curves:
        curves[MEAN] = mean_curve([*curves.values()])
    index = [(image, n + 1) for image, curve in curves.items() for n in range(curve.shape[1])]
    frame = pd.DataFrame(
        np.concatenate([*curves.values(), np.zeros((4, 0))], axis=1).T,
        columns=["value", "regret", "value_random", "regret_random"],
        index=pd.MultiIndex.from_tuples(index, names=["image", "cohort"]),
    )
    frame.attrs = runs.facts() | {"proxy": key, "direction": candidate.direction}
    return frame


def mean_curve(curves: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The mean of (column, N) curves, cut to the shortest."""
    length = min(curve.shape[1] for curve in curves)
    return np.asarray(np.mean([curve[:, :length] for curve in curves], axis=0), np.float64)


def _curve(runs: ScoredRuns, image: int) -> NDArray[np.float64]:
    """(value, regret, value_random, regret_random) × N for one seed and image."""
    ranking, values = runs.to_choose(image)
    if not np.isfinite(values).any():
        return np.full((4, len(values)), math.nan)
    highest = np.nanmax(values)
    chosen = best_of_first(ranking, values)
    random = expected_best(values, np.arange(1, len(values) + 1))
    return np.stack([chosen, highest - chosen, random, highest - random])
