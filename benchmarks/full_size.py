"""Write a synthetic release as large as the complete dataset, to measure size and readers.

522 architectures x 10 images x 2 tasks x 2 seeds at r64c16, and all scores: the counts, columns and
files of a real release, with meaningless numbers that vary like real ones. Deterministic.

    python benchmarks/full_size.py build/full-size
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nasdip_bench.builder.release.files import write_dataset
from nasdip_bench.builder.release.sources.contents import (
    CORRUPTION_COLUMNS,
    RUN_COLUMNS,
    SCORE_COLUMNS,
    Contents,
    Known,
    TaskContents,
)
from nasdip_bench.dataset.croissant import Publication
from nasdip_bench.dataset.curves import CODES, decode, encode, kept_points
from nasdip_bench.dataset.distances import Distances
from nasdip_bench.dataset.schema import Column, arrow_schema
from nasdip_bench.dataset.stop_parts import CROSSING_LEVELS_DB, StopPart
from nasdip_bench.fidelity import PROTOCOL_VERSION, get_fidelity
from nasdip_bench.images import NASDIP_IMAGES
from nasdip_bench.observables import CURVES, SSIM
from nasdip_bench.proxies import info, score_names
from nasdip_bench.space import paper_architectures
from nasdip_bench.stopping import recorded_rules, target_rule
from nasdip_bench.tasks import get_task

IMAGES = tuple(NASDIP_IMAGES)
TASKS = ("denoise", "inpaint")
SEEDS = (0, 1)
FIDELITY = "r64c16"
INITS = 8


def write_full_size(path: Path, count: int = 522) -> Path:
    """Write the release.

    Args:
        path: folder to create.
        count: number of architectures.
    """
    rng = np.random.default_rng(0)
    architectures = tuple(paper_architectures(count))
    names = [str(arch) for arch in architectures]
    facts = {"sha256": "0" * 64, "height": 512, "width": 512, "channels": 1, "status": "original"}
    path.mkdir(parents=True)
    contents = Contents(
        protocol_version=PROTOCOL_VERSION,
        image_set="nasdip",
        images={name: facts | {"source": "formula", "licence": "none"} for name in IMAGES},
        architectures=architectures,
        parts={(FIDELITY, task): _part(task, names, rng) for task in TASKS},
        device_types={"formula": "cpu"},
    )
    write_dataset(contents, path, name="full size", version="0", publication=Publication())
    return path


def _part(task: str, names: list[str], rng: np.random.Generator) -> TaskContents:
    fidelity, kind = get_fidelity(FIDELITY), get_task(task).kind
    iterations, stop = fidelity.iterations_for(kind), fidelity.stop[kind]
    points = kept_points(iterations, stop)
    shape = (len(names), len(IMAGES), len(SEEDS))
    quality = rng.normal(0, 1, (len(names), 1, 1)) + rng.normal(0, 0.5, shape)
    arch, image, seed = np.unravel_index(np.arange(quality.size), shape)
    curves = _curves(quality.ravel(), points, rng)
    key = {
        "architecture": np.array(names, object)[arch],
        "image": np.array(IMAGES, object)[image],
        "task": task,
        "fidelity": FIDELITY,
        "seed": np.array(SEEDS)[seed],
    }
    scores, values = _scores(task, names, rng)
    return TaskContents(
        resolution=fidelity.resolution,
        channels=fidelity.channels,
        iterations=iterations,
        stop=stop,
        runs=_table(RUN_COLUMNS, key | _results(curves, points, iterations, stop, rng)),
        codes={name: encode(curve, CODES[name]) for name, curve in curves.items()},
        scores=scores,
        score_values=values,
        corruptions=_corruptions(task),
        stops=_stops(task, curves, points, iterations, stop),
        known=(_distances(tuple(names), curves["psnr_smooth"], stop, points, shape, rng),),
    )


def _curves(
    quality: np.ndarray, points: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """By name, (run, point), as read back; noise as in real runs at r64c16."""
    runs, along = len(quality), np.log1p(points) / np.log1p(points[-1])
    rise = rng.uniform(3, 9, (runs, 1))
    smooth = (
        24 + quality[:, None] - 12 * np.exp(-rise * along) - rng.uniform(0, 2, (runs, 1)) * along
    )
    wander = np.cumsum(rng.normal(0, 0.02, smooth.shape), axis=1)
    curves = {
        "psnr": smooth + wander + rng.normal(0, 0.4, smooth.shape),
        "psnr_smooth": smooth + wander,
        SSIM: 0.6 + 0.02 * (smooth - 22) + 0.1 * wander,
    }
    for place, name in enumerate(CURVES[3:]):
        noise = 0.0 if name in ("loss_smooth", "neighbour") else 0.2
        drift = np.cumsum(rng.normal(0, 0.05, smooth.shape), axis=1)
        curves[name] = smooth + 5 * place + drift + rng.normal(0, noise, smooth.shape)
    return {name: decode(encode(curve, CODES[name]), CODES[name]) for name, curve in curves.items()}


def _results(
    curves: dict[str, np.ndarray],
    points: np.ndarray,
    iterations: int,
    stop: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    raw, smooth, ssim = (curves[name] for name in CURVES[:3])
    runs, at_stop = len(raw), int(np.searchsorted(points, stop - 1))
    peak = points[smooth.argmax(axis=1)] + 1
    found: dict[str, Any] = {
        "status": "ok",
        "iterations": iterations,
        "diverged_at": None,
        "error": None,
        "loss": rng.uniform(1e-4, 1e-2, runs),
        "psnr_corrupted_db": 20.2,
        "seconds": rng.uniform(3, 8, runs),
        "processor_seconds": rng.uniform(3, 8, runs),
        "engine": "fast",
        "stack": 10,
        "threads": 1,
        "precision": "fp32",
        "device": "formula",
        "torch": "0",
        "protocol_version": PROTOCOL_VERSION,
        "stop": stop,
        "best_raw_iteration": points[raw.argmax(axis=1)] + 1,
        "best_iteration": peak,
        "best_at_end": peak > 0.98 * iterations,
    }
    for suffix, curve in (("psnr_db", raw), ("psnr_smooth_db", smooth), (SSIM, ssim)):
        found[f"final_{suffix}"] = curve[:, at_stop]
        found[f"last_{suffix}"] = curve[:, -1]
        found[f"best_{suffix}"] = curve.max(axis=1)
    # Where the target's rule stops: any iteration for denoising, else the fixed stop.
    for suffix in ("psnr_smooth_db", SSIM):
        found[f"stopped_{suffix}"] = found[f"final_{suffix}"]
    return found | {"stopped_iteration": stop}


def _stops(
    task: str, curves: dict[str, np.ndarray], points: np.ndarray, iterations: int, stop: int
) -> StopPart:
    """Stops at kept points, so that values match the curves; the target's is at the stop."""
    rng, runs = np.random.default_rng(1), np.arange(len(curves["psnr"]))
    kind = get_task(task).kind
    part = StopPart.empty(len(runs), [(r.name, r.parameters) for r in recorded_rules(kind)])
    target = (target_rule(kind).name, target_rule(kind).parameters)
    middle = rng.integers(60, len(points) - 12, len(runs))
    for place, rule in enumerate(part.rules):
        point = middle + rng.integers(0, 12, len(runs))
        if rule == target:
            point[:] = np.searchsorted(points, stop - 1)
        delivered = points[point] + 1
        part.values["iteration"][:, place] = delivered
        paid = np.minimum(delivered + rng.integers(0, 50, len(runs)), iterations)
        part.values["paid"][:, place] = paid
        part.values["stopped"][:, place] = paid < iterations
        part.values["psnr_smooth_db"][:, place] = curves["psnr_smooth"][runs, point]
        part.values["ssim_smooth"][:, place] = curves[SSIM][runs, point].round(4)
    first = np.sort(rng.integers(1, iterations, (len(runs), len(CROSSING_LEVELS_DB))), axis=1)
    part.crossings[:] = first
    return part


def _scores(task: str, names: list[str], rng: np.random.Generator) -> tuple[pa.Table, np.ndarray]:
    tables, values = [], []
    for proxy, reference in score_names():
        seeds = SEEDS if info(proxy).sees_corruption(reference) else (None,)
        inits = 1 if info(proxy).depends_on == "structure" else INITS
        for seed in seeds:
            shape = (len(IMAGES), len(names))
            drawn = np.full((*shape, INITS), np.nan, np.float32)
            # Scores that do not depend on the image repeat, as in a real release.
            images = len(IMAGES) if info(proxy).depends_on == "image" else 1
            drawn[..., :inits] = np.exp(rng.normal(0, 2, (images, len(names), inits)))
            image, arch = np.unravel_index(np.arange(len(IMAGES) * len(names)), shape)
            columns = {
                "architecture": np.array(names, object)[arch],
                "image": np.array(IMAGES, object)[image],
                "task": task,
                "fidelity": FIDELITY,
                "seed": seed,
                "proxy": proxy,
                "reference": reference,
                "value": np.nanmean(drawn.astype(np.float64), axis=2).ravel(),
                "inits": inits,
                "seconds": rng.uniform(0.01, 0.02, arch.size),
                "protocol_version": PROTOCOL_VERSION,
            }
            tables.append(_table(SCORE_COLUMNS, columns))
            values.append(drawn.reshape(-1, INITS))
    return pa.concat_tables(tables), np.concatenate(values)


def _corruptions(task: str) -> pa.Table:
    image, seed = np.unravel_index(np.arange(len(IMAGES) * len(SEEDS)), (len(IMAGES), len(SEEDS)))
    columns = {
        "image": np.array(IMAGES, object)[image],
        "task": task,
        "fidelity": FIDELITY,
        "seed": np.array(SEEDS)[seed],
        "psnr_db": 20.2,
        "ssim": 0.5,
        "sigma_estimate": 0.1 if task == "denoise" else None,
        "known_share": 1.0 if task == "denoise" else 0.5,
    }
    return _table(CORRUPTION_COLUMNS, columns)


def _distances(
    names: tuple[str, ...],
    smooth: np.ndarray,
    stop: int,
    points: np.ndarray,
    shape: tuple[int, int, int],
    rng: np.random.Generator,
) -> Known:
    count, images, seeds = shape
    at_stop = smooth[:, int(np.searchsorted(points, stop - 1))].reshape(shape)
    truth = encode(at_stop.transpose(1, 2, 0))
    pairs = rng.normal(24, 2, (images, seeds, count * (count - 1) // 2))
    found = Distances(np.array(SEEDS, np.int32), encode(pairs), truth, truth)
    return Known(architectures=names, images=IMAGES, distances=found)


def _table(columns: tuple[Column, ...], values: dict[str, Any]) -> pa.Table:
    """A table of arrays, and of single values that are repeated in every row."""
    schema = arrow_schema(columns)
    rows = max(len(value) for value in values.values() if isinstance(value, np.ndarray))
    arrays = [
        pa.array(value, field.type)
        if isinstance(value := values[field.name], np.ndarray)
        else pa.array([value] * rows, field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    write_full_size(parser.parse_args().folder)
