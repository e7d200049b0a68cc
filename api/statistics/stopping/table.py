"""The value of stopping rules on recorded runs, compared with the oracle and the fixed stop.

On each image a rule is judged with the parameters that lose least on the other images
(cross-fitted), including the fixed stop's iteration. So nothing is chosen on the image that it is
reported for. Published parameters have separate rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingRunError
from nasdip_bench.ranks.bootstrap import draw_resamples, expanded_level, percentile_interval
from nasdip_bench.stopping import parse_rule

from ...reading.run_set import RunSet
from ..tau_frame import FEWEST, MEAN, Resampling, index_of
from .stopped import Rules, Stopped, followed, how_chosen, rule_families

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.reader import ReleaseReader


def stopping_table(
    bench: ReleaseReader,
    task: str,
    *,
    rules: Rules | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> pd.DataFrame:
    """How much PSNR each stopping rule loses, by image.

    The shipped rules use full curves (``stops/`` of the release); your own see only the kept
    points (`kept_point_agreement` measures what that costs).

    Other arguments as in `kendall`.

    Args:
        rules: your own, besides the shipped ones: objects, or strings that `nasdip_bench.stopping`
            reads; or, by name, several with different parameters, which are cross-fitted.
        images: one or several names; None for all. Parameters are always chosen on the other
            images of the release.
        level: confidence level of the intervals, between 0 and 1.
        resamples: number of bootstrap resamples; 0 for no intervals.
        rng: seed of the resamples.

    Returns:
        A frame indexed by (rule, image), and `MEAN` over images: ``choice``, how parameters were
        chosen: "cross-fitted" (in a release with one image "in-sample"), "published", "given", or
        "oracle" for the best; ``parameters``, those chosen for the image, or the rule's own;
        ``iteration``, the delivered one; ``trained``, the iterations paid for; ``psnr_db`` and
        ``ssim`` of what is delivered (outputs have no SSIM, and their PSNR is that of the nearest
        kept point); ``lost_db`` against the best smoothed output of the same run, and
        ``lost_p95_db``, its 95th percentile over runs; ``low`` and ``high``, the interval of
        ``lost_db``, which resamples architectures (for the mean images too, at the level of
        `nasdip_bench.ranks.bootstrap.expanded_level`); ``never``, the share of runs that the rule
        did not stop; ``n`` runs. In ``attrs``: task, target, fidelity, seeds, and the resampling.

    Raises:
        UnknownNameError: unknown task, image, fidelity, seed or rule.
        ConfigError: a rule has no meaning for the task, or the name of a shipped one.
        MissingRunError: the release has no ok runs of the task, or none with stops.

    Example:
        >>> means = NASDIPBench("data/").stopping_table("denoise").xs("(mean)", level="image")
        >>> bool(means.lost_db["discrepancy(sigma=estimate)"] < means.lost_db["fixed"])
        True
    """
    import pandas as pd

    whole = RunSet.of(bench, task, fidelity=fidelity, seed=seed)
    shown = RunSet.of(bench, task, images=images, fidelity=fidelity, seed=seed)
    resampling = Resampling(level, resamples, rng)
    families = rule_families(whole, rules)
    best = whole.values("best_psnr_smooth_db")
    if not np.isfinite(best).any():
        raise MissingRunError(f"the release has no ok run of {task} at {whole.fidelity}")
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for name, candidates in families.items():
        lost = np.stack([best - one.psnr_db for one in candidates])
        chosen = _cross_fitted(lost)
        picked = [candidates[chosen[image]].on(image) for image in shown.images]
        lost_by_image = np.stack([lost[chosen[image], :, image] for image in shown.images])
        mine = [
            _row([one], lost_by_image[place : place + 1], resampling)
            for place, one in enumerate(picked)
        ]
        mine.append(_row(picked, lost_by_image, resampling))
        choice = {"choice": how_chosen(name, candidates)}
        for image, row in zip((*shown.image_names, MEAN), mine, strict=True):
            rows[name, image] = choice | row
    frame = pd.DataFrame(list(rows.values()), index=index_of(rows, ["rule", "image"]))
    frame.attrs = shown.facts() | asdict(resampling)
    return frame


def kept_point_agreement(
    bench: ReleaseReader, task: str, *, fidelity: str | None = None, seed: int | None = None
) -> pd.DataFrame:
    """What your own rule loses by seeing only the kept points of a curve.

    It follows every recorded rule on the kept points and compares with its stops on full curves.

    Args:
        task: name.
        fidelity: None for the release's default for the task.
        seed: None for the default seeds.

    Returns:
        A frame indexed by (rule, parameters): ``agree``, the share of runs whose two stops lie
        within the distance of neighbouring kept points; ``bias_db`` and ``difference_db``, the mean
        and the root mean square of PSNR on the kept points minus that on full curves; ``n`` runs.

    Example:
        >>> found = NASDIPBench("data/").kept_point_agreement("denoise")
        >>> [*found.columns]
        ['agree', 'bias_db', 'difference_db', 'n']
    """
    import pandas as pd

    runs = RunSet.of(bench, task, fidelity=fidelity, seed=seed)
    recorded = bench.stops(task, fidelity=runs.fidelity)
    iterations = bench.curves(task, fidelity=runs.fidelity, seed=runs.seeds[0]).iterations
    gap = np.diff(iterations, prepend=0, append=iterations[-1])  # before and after each point
    rows = {}
    for number, (name, parameters) in enumerate(recorded.rules):
        kept = followed(runs, parse_rule(f"{name}({parameters})"))
        full = recorded.delivered[number][:, :, runs.places]
        both = (full > 0) & np.isfinite(kept.psnr_db)
        place = np.searchsorted(iterations, full[both])
        near = np.maximum(gap[place], gap[place + 1])
        apart = np.abs(kept.iteration[both] - full[both])
        difference = kept.psnr_db[both] - recorded.psnr_smooth_db[number][:, :, runs.places][both]
        rows[name, parameters] = {
            "agree": float(np.mean(apart <= near)) if both.any() else np.nan,
            "bias_db": float(np.mean(difference)) if both.any() else np.nan,
            "difference_db": float(np.sqrt(np.mean(difference**2))) if both.any() else np.nan,
            "n": int(both.sum()),
        }
    index = pd.MultiIndex.from_tuples(rows, names=["rule", "parameters"])
    return pd.DataFrame(list(rows.values()), index=index)


def _cross_fitted(lost: NDArray[np.float64]) -> NDArray[np.intp]:
    """(image,) the candidate that loses least on the other images, by the mean of their means.

    If there is only one image, that image decides.

    Args:
        lost: (candidate, architecture, image, seed) in dB, NaN without a run.
    """
    by_image = _means(lost.transpose(0, 2, 1, 3).reshape(len(lost), lost.shape[2], -1), 2)
    count = by_image.shape[1]
    chosen = np.zeros(count, np.intp)
    for image in range(count):
        others = by_image[:, np.arange(count) != image] if count > 1 else by_image
        of_candidate = _means(others, 1)
        if np.isfinite(of_candidate).any():
            chosen[image] = int(np.nanargmin(of_candidate))
    return chosen


def _row(
    picked: Sequence[Stopped], lost: NDArray[np.float64], resampling: Resampling
) -> dict[str, Any]:
    """The mean over some images.

    Args:
        picked: the rule with the parameters chosen for each image, (architecture, seed) there.
        lost: (image, architecture, seed) in dB.
    """
    named = {one.parameters for one in picked}
    there = [np.isfinite(one.psnr_db) for one in picked]
    never = [np.where(has, ~one.stopped, np.nan) for has, one in zip(there, picked, strict=True)]
    low, high = _interval(lost, resampling)
    return {
        "parameters": named.pop() if len(named) == 1 else "by image",
        **{
            name: _mean_of_means([getattr(one, name) for one in picked])
            for name in ("iteration", "trained", "psnr_db", "ssim")
        },
        "lost_db": _mean_of_means(lost),
        "lost_p95_db": _percentile(lost, 95),
        "low": low,
        "high": high,
        "never": float(_means(np.concatenate(never, axis=None), 0)),
        "n": int(np.sum(there)),
    }


def _interval(lost: NDArray[np.float64], resampling: Resampling) -> tuple[float, float]:
    """Interval of the mean over images and architectures; (image, architecture, seed) in dB."""
    by_architecture = _means(lost, 2)
    having = np.flatnonzero(np.isfinite(by_architecture).any(axis=0))
    if not resampling.resamples or len(having) < FEWEST:
        return np.nan, np.nan
    values, count = by_architecture[:, having], len(having)
    # Counts of each architecture per resample: two products then give the means of all resamples.
    # Every rule has the same resamples, of architectures and of images.
    times = draw_resamples(count, resampling.resamples, resampling.rng)
    there = np.isfinite(values)
    weights = times @ there.T
    total = times @ np.where(there, values, 0.0).T
    means = np.divide(total, weights, out=np.full(total.shape, np.nan), where=weights > 0)
    rng = np.random.default_rng((resampling.rng, 1))
    images = rng.integers(len(lost), size=(resampling.resamples, len(lost)))
    drawn = _means(np.take_along_axis(means, images, axis=1), 1)
    level = expanded_level(resampling.level, len(lost)) if len(lost) > 1 else resampling.level
    return percentile_interval(drawn[np.isfinite(drawn)], level)


def _mean_of_means(by_image: Sequence[NDArray[np.float64]] | NDArray[np.float64]) -> float:
    """The mean over images of their means; images without a finite value do not count."""
    return float(_means(_means(np.reshape(by_image, (len(by_image), -1)), 1), 0))


def _means(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Means of the finite values; NaN without any, and no warning."""
    return np.ma.filled(np.ma.masked_invalid(values).mean(axis=axis), np.nan)


def _percentile(values: NDArray[np.float64], at: float) -> float:
    there = values[np.isfinite(values)]
    return float(np.percentile(there, at)) if there.size else float("nan")
