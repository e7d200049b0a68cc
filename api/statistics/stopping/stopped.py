"""Stopping rules on recorded runs: the shipped ones on full curves, others on the kept points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError
from nasdip_bench.stopping import Fits, Fixed, Last, StoppingRule, follow, parse_rule, target_rule
from nasdip_bench.tasks import Denoise, get_task

from ...reading.run_set import RunSet

if TYPE_CHECKING:
    from ...reading.arrays.stops import RecordedStops

ORACLE = "oracle"
"""The best iteration of every run: needs the ground truth."""

CROSS_FITTED, PUBLISHED, GIVEN = "cross-fitted", "published", "given"
"""How parameters were chosen: on the other images, by the authors, or by you beforehand."""

_PUBLISHED = ("patience=1000", "window=100,patience=1000")

Rules = (
    StoppingRule | str | Sequence[StoppingRule | str] | Mapping[str, Sequence[StoppingRule | str]]
)
"""Your own rules: one or several single ones; or, by name, several that differ in parameters."""


class Stopped(NamedTuple):
    """One rule with fixed parameters on a set of runs; arrays (architecture, image, seed)."""

    parameters: str
    iteration: NDArray[np.float64]
    psnr_smooth_db: NDArray[np.float64]
    ssim_smooth: NDArray[np.float64]
    stopped: NDArray[np.bool_]

    def on(self, image: int) -> Stopped:
        """The same on one image; arrays (architecture, seed)."""
        return Stopped(
            self.parameters,
            self.iteration[:, image],
            self.psnr_smooth_db[:, image],
            self.ssim_smooth[:, image],
            self.stopped[:, image],
        )


def rule_families(runs: RunSet, rules: Rules | None) -> dict[str, list[Stopped]]:
    """The candidates of each row, by its name: the shipped rules, then your own.

    Raises:
        UnknownNameError: unknown rule.
        ConfigError: a rule has no meaning for the task, or the name of a shipped one.
    """
    shipped, own = _shipped_rules(runs), _own_rules(runs, rules)
    if twice := [name for name in own if name in shipped]:
        raise ConfigError(
            f"rule {twice[0]!r} is already in the table: leave it out, or give yours another name"
        )
    return shipped | own


def how_chosen(name: str, candidates: Sequence[Stopped]) -> str:
    """`ORACLE`, `CROSS_FITTED`, `PUBLISHED` or `GIVEN`."""
    if name == ORACLE:
        return ORACLE
    if len(candidates) > 1:
        return CROSS_FITTED
    return PUBLISHED if candidates[0].parameters in _PUBLISHED else GIVEN


def _shipped_rules(runs: RunSet) -> dict[str, list[Stopped]]:
    recorded = runs.bench.stops(runs.task, fidelity=runs.fidelity)
    families: dict[str, list[Stopped]] = {ORACLE: [_oracle(runs)]}
    families["fixed"] = _fixed(runs)
    stop = runs.block.record.stop
    families[f"fixed(iteration={stop})"] = [followed(runs, Fixed(stop))]
    families["last"] = [followed(runs, Last())]
    alone = (*_PUBLISHED, target_rule(get_task(runs.task).kind).parameters)  # and cross-fitted
    for number, (name, parameters) in enumerate(recorded.rules):
        one = _recorded(runs, recorded, number, parameters)
        if parameters in alone:
            families[f"{name}({parameters})"] = [one]
        if name == "discrepancy":
            name = f"{name}({parameters.rpartition(',')[2]})"
        families.setdefault(name, []).append(one)
    return families


def _own_rules(runs: RunSet, rules: Rules | None) -> dict[str, list[Stopped]]:
    if isinstance(rules, str | StoppingRule):
        rules = [rules]
    if not isinstance(rules, Mapping | Sequence | None):
        raise ConfigError(
            f"rules {rules!r} must be a stopping rule or several, or lists of them by name"
        )
    given = rules if isinstance(rules, Mapping) else {str(rule): [rule] for rule in rules or ()}
    families = {}
    for name, candidates in given.items():
        if isinstance(candidates, str | StoppingRule):
            candidates = [candidates]
        if not isinstance(candidates, Sequence) or not candidates:
            raise ConfigError(f"rule {name!r} has no candidates: give a list of at least one")
        objects = [parse_rule(one) if isinstance(one, str) else one for one in candidates]
        for one in objects:
            if not isinstance(one, StoppingRule):
                raise ConfigError(
                    f"rule {name!r}: {one!r} is not a stopping rule: give an instance"
                )
        families[name] = [followed(runs, rule) for rule in objects]
    return families


def _recorded(runs: RunSet, stops: RecordedStops, number: int, parameters: str) -> Stopped:
    places = [runs.block.position(one) for one in runs.seeds]
    delivered = stops.delivered[number][:, :, places].astype(np.float64)
    return Stopped(
        parameters,
        np.where(delivered > 0, delivered, np.nan),
        stops.psnr_smooth_db[number][:, :, places].astype(np.float64),
        stops.ssim_smooth[number][:, :, places].astype(np.float64),
        stops.stopped[number][:, :, places],
    )


def _oracle(runs: RunSet) -> Stopped:
    psnr = runs.values("best_psnr_smooth_db")
    at = runs.values("best_iteration")
    ssim = _at_iteration(runs, at, "ssim_smooth")
    return Stopped("", at, psnr, ssim, np.isfinite(psnr))


def _fixed(runs: RunSet) -> list[Stopped]:
    """The fixed stop at every kept iteration."""
    curves = runs.bench.curves(runs.task, fidelity=runs.fidelity)
    places = [curves.seeds.index(one) for one in runs.seeds]
    psnr, ssim = (
        np.where(np.isfinite(array[..., -1:]), array, np.nan)[:, :, places].astype(np.float64)
        for array in (curves.psnr_smooth_db, curves.ssim_smooth)
    )
    return [
        Stopped(
            f"iteration={iteration}",
            np.where(np.isfinite(psnr[..., point]), float(iteration), np.nan),
            psnr[..., point],
            ssim[..., point],
            np.isfinite(psnr[..., point]),
        )
        for point, iteration in enumerate(curves.iterations.tolist())
    ]


def followed(runs: RunSet, rule: StoppingRule) -> Stopped:
    """Follow a rule on the kept points of the runs."""
    bench, block = runs.bench, runs.block
    shape = (len(bench), len(bench.images), len(runs.seeds))
    iteration, psnr, ssim = (np.full(shape, np.nan) for _ in range(3))
    stopped = np.zeros(shape, bool)
    curves = bench.curves(runs.task, fidelity=runs.fidelity)
    for place, one in enumerate(runs.seeds):
        ok = np.isfinite(block.matrix("best_psnr_smooth_db", one))
        arch_ids, images = np.nonzero(ok)
        if not len(arch_ids):
            continue
        seen = bench.observable_arrays(
            runs.task,
            fidelity=runs.fidelity,
            seed=one,
            arch_ids=arch_ids,
            images=images,
            names=rule.needs,
        )
        found = follow(rule, _fits(runs, images, one), curves.iterations, seen)
        point = np.searchsorted(curves.iterations, found.delivered)
        at, of = (arch_ids, images, place), curves.seeds.index(one)
        smooth = rule.delivers == "smoothed"
        delivered = curves.psnr_smooth_db if smooth else curves.psnr_db
        iteration[at], stopped[at] = found.delivered, found.stopped
        psnr[at] = delivered[arch_ids, images, of, point]
        if smooth:
            ssim[at] = curves.ssim_smooth[arch_ids, images, of, point]
    return Stopped(rule.parameters, iteration, psnr, ssim, stopped)


def _fits(runs: RunSet, images: NDArray[np.integer], seed: int) -> Fits:
    task = get_task(runs.task)
    rows = runs.bench.to_arrow("corruptions").to_pylist()
    estimates = {
        row["image"]: row["sigma_estimate"]
        for row in rows
        if (row["task"], row["fidelity"], row["seed"]) == (runs.task, runs.fidelity, seed)
    }
    names = [runs.bench.images[image] for image in images.tolist()]
    found = [estimates.get(name) for name in names]
    sigma = task.sigma_255 / 255 if isinstance(task, Denoise) else np.nan
    return Fits(
        kind=task.kind,
        budget=runs.block.record.iterations,
        stop=runs.block.record.stop,
        sigma=np.full(len(names), sigma),
        sigma_estimate=np.array([np.nan if one is None else one for one in found], np.float64),
    )


def _at_iteration(runs: RunSet, iteration: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """The value of a curve at the kept point nearest to each run's iteration."""
    curves = runs.bench.curves(runs.task, fidelity=runs.fidelity)
    places = [curves.seeds.index(one) for one in runs.seeds]
    array = np.asarray(getattr(curves, name))[:, :, places].astype(np.float64)
    middle = (curves.iterations[1:] + curves.iterations[:-1]) / 2
    point = np.searchsorted(middle, np.nan_to_num(iteration, nan=1.0))
    found = np.take_along_axis(array, point[..., None], axis=3)[..., 0]
    return np.where(np.isfinite(iteration), found, np.nan)
