"""Stopping rules on recorded runs: the shipped ones on full curves, others on the kept points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError
from nasdip_bench.stopping import (
    ExponentialVariance,
    Fits,
    Fixed,
    Last,
    StoppingRule,
    WindowedVariance,
    follow,
    parse_rule,
    target_rule,
)
from nasdip_bench.tasks import Denoise, get_task

from ...reading.run_set import RunSet

if TYPE_CHECKING:
    from ...reading.arrays.stops import RecordedStops

ORACLE = "oracle"
"""The best iteration of every run: needs the ground truth."""

CROSS_FITTED, IN_SAMPLE, PUBLISHED, GIVEN = "cross-fitted", "in-sample", "published", "given"
"""How parameters were chosen: on the other images, on the only image of the release, by the
authors, or by you beforehand."""

_PUBLISHED = (
    WindowedVariance(window=100, patience=1000, delivers="output"),
    ExponentialVariance(patience=1000, delivers="output"),
)

Rules = (
    StoppingRule | str | Sequence[StoppingRule | str] | Mapping[str, Sequence[StoppingRule | str]]
)
"""Your own rules: one or several single ones; or, by name, several that differ in parameters."""


class Stopped(NamedTuple):
    """One rule with fixed parameters on a set of runs; arrays (architecture, image, seed).

    ``iteration`` is the delivered one, ``trained`` counts all. ``psnr_db`` and ``ssim`` are of what
    is delivered; SSIM of outputs is not recorded.
    """

    parameters: str
    iteration: NDArray[np.float64]
    trained: NDArray[np.float64]
    psnr_db: NDArray[np.float64]
    ssim: NDArray[np.float64]
    stopped: NDArray[np.bool_]

    def on(self, image: int) -> Stopped:
        """The same on one image; arrays (architecture, seed)."""
        return Stopped._make([self.parameters, *(array[:, image] for array in self[1:])])


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
    """`ORACLE`, `CROSS_FITTED`, `IN_SAMPLE`, `PUBLISHED` or `GIVEN`."""
    if name == ORACLE:
        return ORACLE
    if len(candidates) > 1:
        return CROSS_FITTED if candidates[0].iteration.shape[1] > 1 else IN_SAMPLE
    return PUBLISHED if name in map(str, _PUBLISHED) else GIVEN


def _shipped_rules(runs: RunSet) -> dict[str, list[Stopped]]:
    recorded = runs.bench.stops(runs.task, fidelity=runs.fidelity)
    stop = runs.block.record.stop
    families: dict[str, list[Stopped]] = {
        ORACLE: [_oracle(runs)],
        "fixed": _fixed(runs),
        f"fixed(iteration={stop})": [followed(runs, Fixed(stop))],
        "last": [followed(runs, Last())],
    }
    alone = {*map(str, _PUBLISHED), str(target_rule(get_task(runs.task).kind))}  # and cross-fitted
    for number, (name, parameters) in enumerate(recorded.rules):
        one = _recorded(runs, recorded, number, parameters)
        rule = parse_rule(f"{name}({parameters})")
        candidates = {str(rule): one}
        if isinstance(rule, WindowedVariance | ExponentialVariance):
            rule = replace(rule, delivers="output")
            candidates[str(rule)] = one._replace(
                parameters=rule.parameters,
                psnr_db=_at_iteration(runs, one.iteration, "psnr_db"),
                ssim=np.full_like(one.ssim, np.nan),
            )
        if name == "discrepancy":
            name = f"{name}({parameters.rpartition(',')[2]})"
        families.setdefault(name, []).extend(candidates.values())
        families |= {text: [of] for text, of in candidates.items() if text in alone}
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
    places = runs.places
    delivered = stops.delivered[number][:, :, places].astype(np.float64)
    return Stopped(
        parameters,
        np.where(delivered > 0, delivered, np.nan),
        np.where(delivered > 0, stops.paid[number][:, :, places], np.nan),
        stops.psnr_smooth_db[number][:, :, places].astype(np.float64),
        stops.ssim_smooth[number][:, :, places].astype(np.float64),
        stops.stopped[number][:, :, places],
    )


def _oracle(runs: RunSet) -> Stopped:
    psnr = runs.values("best_psnr_smooth_db")
    at = runs.values("best_iteration")
    ssim = _at_iteration(runs, at, "ssim_smooth")
    return Stopped("", at, at, psnr, ssim, np.isfinite(psnr))


def _fixed(runs: RunSet) -> list[Stopped]:
    """The fixed stop at every kept iteration."""
    curves = runs.bench.curves(runs.task, fidelity=runs.fidelity)
    psnr, ssim = (
        np.where(np.isfinite(array[..., -1:]), array, np.nan)[:, :, runs.places].astype(np.float64)
        for array in (curves.psnr_smooth_db, curves.ssim_smooth)
    )
    found = []
    for point, iteration in enumerate(curves.iterations.tolist()):
        there = np.isfinite(psnr[..., point])
        at = np.where(there, float(iteration), np.nan)
        name = f"iteration={iteration}"
        found.append(Stopped(name, at, at, psnr[..., point], ssim[..., point], there))
    return found


def followed(runs: RunSet, rule: StoppingRule) -> Stopped:
    """Follow a rule on the kept points of the runs."""
    bench, block = runs.bench, runs.block
    shape = (len(bench), len(bench.images), len(runs.seeds))
    iteration, trained, psnr, ssim = np.full((4, *shape), np.nan)
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
        iteration[at], trained[at], stopped[at] = found.delivered, found.paid, found.stopped
        psnr[at] = delivered[arch_ids, images, of, point]
        if smooth:
            ssim[at] = curves.ssim_smooth[arch_ids, images, of, point]
    return Stopped(rule.parameters, iteration, trained, psnr, ssim, stopped)


def _fits(runs: RunSet, images: NDArray[np.integer], seed: int) -> Fits:
    task = get_task(runs.task)
    rows = runs.bench.to_arrow("corruptions").to_pylist()
    estimates = {
        row["image"]: row["sigma_estimate"]
        for row in rows
        if (row["task"], row["fidelity"], row["seed"]) == (runs.task, runs.fidelity, seed)
    }
    found = [estimates.get(runs.bench.images[image]) for image in images.tolist()]
    sigma = task.sigma_255 / 255 if isinstance(task, Denoise) else np.nan
    return Fits(
        kind=task.kind,
        budget=runs.block.record.iterations,
        stop=runs.block.record.stop,
        sigma=np.full(len(found), sigma),
        sigma_estimate=np.array([np.nan if one is None else one for one in found], np.float64),
    )


def _at_iteration(runs: RunSet, iteration: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """The value of a curve at the kept point nearest to each run's iteration."""
    curves = runs.bench.curves(runs.task, fidelity=runs.fidelity)
    array = getattr(curves, name)[:, :, runs.places].astype(np.float64)
    middle = (curves.iterations[1:] + curves.iterations[:-1]) / 2
    point = np.searchsorted(middle, np.nan_to_num(iteration, nan=1.0))
    found = np.take_along_axis(array, point[..., None], axis=3)[..., 0]
    return np.where(np.isfinite(iteration), found, np.nan)
