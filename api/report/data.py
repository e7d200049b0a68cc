"""The contents of the report, as plain values for JSON.

PSNR is in whole thousandths of a dB, as in the curve files; scores have four significant digits;
curves are thinned to at most `CURVE_POINTS`. Missing values are None. Axis order as everywhere:
architecture, image, point. Must not import torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingRunError
from nasdip_bench.proxies import NO_REFERENCE

from ..exhibits.captions import image_statuses, shortfall
from ..reading.arrays.targets import VERDICT_TARGETS
from ..reading.costs import costs
from ..statistics.coverage import coverage, with_runs

if TYPE_CHECKING:
    from ..reading.arrays.block import Block
    from ..reading.reader import ReleaseReader

CURVE_POINTS = 32
_ATTRIBUTES = ("sampling", "transform", "kernel", "activation", "transform_first")
_LETTERS = ".odf"  # missing, then `STATUSES`


def report_payload(bench: ReleaseReader, fidelity: str | None = None) -> dict[str, Any]:
    """Everything that the page shows.

    Args:
        fidelity: for all tasks; None for the release's default for each.

    Returns:
        ``release``, ``images``, ``architectures`` (columns), ``sets`` (one per task), ``coverage``,
        ``missing`` (sentences).

    Raises:
        UnknownNameError: an unknown fidelity.
        MissingRunError: the release has no runs to show.
    """
    blocks = _blocks(bench, fidelity)
    manifest = bench.manifest
    table = bench.to_arrow("architectures")
    columns = {name: table[name].to_pylist() for name in _ATTRIBUTES}
    return {
        "release": {
            "name": manifest.name,
            "version": manifest.version,
            "created": manifest.created,
            "image_set": manifest.image_set,
            "protocol_version": manifest.protocol_version,
            "devices": list(manifest.devices),
        },
        "images": [
            {"name": name, "status": status} for name, status in image_statuses(bench).items()
        ],
        "architectures": {"code": list(bench.codes), **columns},
        "sets": [_set(bench, block) for block in blocks],
        "coverage": coverage(bench).to_dict("split")["data"],
        "missing": _missing(bench, blocks),
    }


def _blocks(bench: ReleaseReader, fidelity: str | None) -> list[Block]:
    blocks = []
    for task in bench.tasks:
        try:
            blocks.append(bench.runs.block(task, fidelity))
        except MissingRunError:
            continue
    if not blocks:
        at = f" at fidelity {fidelity!r}" if fidelity else ""
        raise MissingRunError(
            f"the release in {str(bench.path)!r} has no runs{at}: there is nothing to report"
        )
    return blocks


def _set(bench: ReleaseReader, block: Block) -> dict[str, Any]:
    """One task at one fidelity; several default seeds are averaged, as in `query`."""
    at = bench.manifest.fidelities[block.fidelity]
    seeds = block.default_seeds
    statuses = np.stack([block.statuses(seed) for seed in seeds])
    # A cell is missing if one of its runs is; otherwise its worst run counts.
    status = np.where((statuses < 0).any(axis=0), -1, statuses.max(axis=0))
    corrupted = np.stack([block.matrix("psnr_corrupted_db", seed) for seed in seeds])
    points, curves = _curves(bench, block)
    found: dict[str, Any] = {
        "task": block.task,
        "fidelity": block.fidelity,
        "resolution": at["resolution"],
        "channels": at["channels"],
        **_costs(bench, block),
        "iterations": block.record.iterations,
        "stop": block.record.stop,
        "seeds": list(seeds),
        "status": ["".join(_LETTERS[code + 1] for code in row) for row in status.tolist()],
        "targets": {
            target: _thousandths(np.mean([block.matrix(target, s) for s in seeds], axis=0))
            for target in VERDICT_TARGETS
        },
        "corrupted": _thousandths(np.ma.masked_invalid(corrupted).mean(axis=(0, 1)).filled(np.nan)),
        "points": points,
        "curves": curves,
    }
    _, scores = bench.runs.scores(block.task, block.fidelity)
    found["scores"] = {}
    for place, (pair, key) in enumerate(zip(scores.columns, scores.keys, strict=True)):
        values = scores.values[:, :, place]
        # Scores without a reference are the same for all images, so they are stored once.
        common = pair[1] == NO_REFERENCE and _rows_are_constant(values)
        found["scores"][key] = _significant(values[:, 0] if common else values)
    return found


def _costs(bench: ReleaseReader, block: Block) -> dict[str, list[Any]]:
    """Parameters and FLOP of a run at the fidelity, by architecture."""
    found = costs(bench, block, tuple(range(len(bench.images))), block.default_seeds)
    flops = found.flops_per_iteration * block.record.iterations
    return {"parameters": found.parameters.tolist(), "flops": _significant(flops)}


def _rows_are_constant(values: NDArray[np.float64]) -> bool:
    return bool(np.array_equal(values, np.broadcast_to(values[:, :1], values.shape), True))


def thinned(iterations: NDArray[np.int32], stop: int) -> list[int]:
    """At most `CURVE_POINTS` positions on a curve, including the first, the stop and the last.

    A third are in geometric steps, for the rise; the others in equal steps, for the peak.

    Args:
        iterations: (P,) ascending, from 1.
        stop: iteration of ``final_*``.
    """
    count = len(iterations)
    if count <= CURVE_POINTS:
        return list(range(count))
    first, last = iterations[[0, -1]]
    rise = (CURVE_POINTS - 1) // 3
    steps = np.concatenate(
        [np.geomspace(first, last, rise), np.linspace(first, last, CURVE_POINTS - 1 - rise)]
    )
    near = np.abs(iterations[:, None] - steps[None]).argmin(axis=0)
    kept = {*near.tolist(), 0, count - 1, int(np.abs(iterations - stop).argmin())}
    return sorted(kept)


def _curves(bench: ReleaseReader, block: Block) -> tuple[list[int], list[Any]]:
    """Iterations, and the smoothed curve or None by architecture and image."""
    arrays = bench.curves(block.task, fidelity=block.fidelity)
    kept = thinned(arrays.iterations, block.record.stop)
    places = [arrays.seeds.index(seed) for seed in block.default_seeds]
    smooth = arrays.psnr_smooth_db[:, :, places][..., kept].astype(np.float64).mean(axis=2)
    there = np.isfinite(smooth).any(axis=2)
    rows = [
        [
            _thousandths(curve) if is_there else None
            for curve, is_there in zip(of_arch, there_of_arch, strict=True)
        ]
        if there_of_arch.any()
        else None
        for of_arch, there_of_arch in zip(smooth, there, strict=True)
    ]
    return arrays.iterations[kept].tolist(), rows


def _missing(bench: ReleaseReader, blocks: list[Block]) -> list[str]:
    """Sentences on what the page does not show."""
    sentences = []
    for block in blocks:
        seeds = block.default_seeds
        facts = {"task": block.task, "fidelity": block.fidelity, "seeds": seeds}
        if short := shortfall(bench, facts):
            sentences.append(f"{block.task} at {block.fidelity}: {short}")
        others = [str(seed) for seed in block.seeds if seed not in seeds]
        if len(seeds) == 1:
            sentences.append(
                f"{block.task} at {block.fidelity}: the page shows only seed {seeds[0]}, so no "
                f"spread over seeds"
                + (f"; the release also has runs of seed {', '.join(others)}." if others else ".")
            )
    shown = {(block.fidelity, block.task) for block in blocks}
    others = [f"{task} at {name}" for name, task in with_runs(bench) if (name, task) not in shown]
    if others:
        sentences.append(f"The release also has {', '.join(others)}, not shown on this page.")
    return sentences


def _thousandths(values: NDArray[np.float64]) -> list[Any]:
    return _nullable(np.round(1000 * values), int)


def _significant(values: NDArray[np.float64]) -> list[Any]:
    return _nullable(values, lambda value: float(f"{value:.4g}"))


def _nullable(values: NDArray[np.float64], kind: Any) -> list[Any]:
    if values.ndim > 1:
        return [_nullable(row, kind) for row in values]
    return [kind(value) if math.isfinite(value) else None for value in values.tolist()]
