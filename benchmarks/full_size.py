"""A release as large as the full benchmark, drawn by formula: what the API is measured on.

522 architectures x 10 images x 2 tasks x 3 seeds at r512, and all scores: the counts, columns and
files of a real one, with numbers that mean nothing. Deterministic.

    python benchmarks/full_size.py build/full-size
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nasdip_bench.cost import architecture_facts
from nasdip_bench.curve_files import write_curves
from nasdip_bench.curves import decode, encode, kept_points
from nasdip_bench.dataset import MANIFEST, FileRecord, Manifest, TaskRecord, curve_path
from nasdip_bench.fidelity import PROTOCOL_VERSION, get_fidelity
from nasdip_bench.files import parquet_bytes
from nasdip_bench.schema import RELEASE_TABLES, SCHEMA_VERSION, arrow_schema
from nasdip_bench.space import sample_architectures
from nasdip_bench.tasks import get_task

IMAGES = ("misc", "lena", "barbara", "couple", "chest", "man", "palace", "blood", "f16", "boat")
TASKS = ("denoise", "inpaint")
SEEDS = (0, 1, 2)
FIDELITY = "r512"
IMAGE_SCORES = ("psd_db_mse", "psd_db_strip_mse", "psd_strip_hist_emd", "psd_strip_hist_emd_paper")
OTHER_SCORES = (
    *("psd_99_bandwidth", "parameters", "flops"),
    *("grad_norm", "snip", "synflow", "ntk_alignment", "ntk_low_pass"),
)
SAME_FOR_ALL_IMAGES = ("psd_99_bandwidth", "parameters", "flops", "synflow", "ntk_low_pass")
WITHOUT_SPREAD = ("parameters", "flops")


def write_full_size(path: Path, count: int = 522) -> Path:
    """Write the release.

    Args:
        path: folder to create.
        count: of architectures.
    """
    (path / "curves").mkdir(parents=True)
    rng = np.random.default_rng(0)
    quality = rng.normal(0, 1, (count, 1, 1)) + rng.normal(0, 0.5, (count, len(IMAGES), 1))
    fidelity = get_fidelity(FIDELITY)
    tasks, runs, scores = {}, [], []
    for task in TASKS:
        record, table = _runs(path, task, quality, rng)
        tasks[task] = vars(record)
        runs.append(table)
        scores.append(_scores(task, quality[:, :, 0], rng))
    architectures = sample_architectures(count)
    facts = [{"arch_id": row} | architecture_facts(arch) for row, arch in enumerate(architectures)]
    _write(path, "architectures", {key: [row[key] for row in facts] for key in facts[0]})
    _write(path, "images", _image_columns())
    _write(path, "runs", {name: np.concatenate([t[name] for t in runs]) for name in runs[0]})
    _write(path, "scores", {name: np.concatenate([t[name] for t in scores]) for name in scores[0]})
    manifest = Manifest(
        name="full size",
        version="0",
        schema_version=SCHEMA_VERSION,
        protocol_version=PROTOCOL_VERSION,
        created="2025-01-01T00:00:00+00:00",
        image_set="nasdip",
        architectures=count,
        images=list(IMAGES),
        default_fidelity=dict.fromkeys(TASKS, FIDELITY),
        fidelities={
            FIDELITY: {
                "resolution": fidelity.resolution,
                "channels": fidelity.channels,
                "tasks": tasks,
            }
        },
        software={"nasdip-bench": "formula"},
        devices=["formula"],
        files={
            file.relative_to(path).as_posix(): FileRecord.of(file.read_bytes())
            for file in sorted(path.rglob("*"))
            if file.is_file()
        },
    )
    (path / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return path


def _runs(
    path: Path, task: str, quality: np.ndarray, rng: np.random.Generator
) -> tuple[TaskRecord, dict[str, np.ndarray]]:
    fidelity, kind = get_fidelity(FIDELITY), get_task(task).kind
    iterations, stop = fidelity.iterations_for(kind), fidelity.stop[kind]
    points = kept_points(iterations, stop)
    count, images, seeds = len(quality), len(IMAGES), len(SEEDS)
    best = (27 + quality + rng.normal(0, 0.2, (count, images, seeds))).ravel()
    rate = rng.uniform(0.02, 0.2, len(best)) * iterations
    smooth = best[:, None] - 15 * np.exp(-points[None] / rate[:, None])
    smooth, raw = (
        decode(encode(smooth - np.abs(rng.normal(0, spread, smooth.shape)))).astype(np.float64)
        for spread in (0.01, 0.3)
    )
    write_curves(path / curve_path(FIDELITY, task), raw, smooth, points)
    runs = len(best)
    arch, image, seed = np.unravel_index(np.arange(runs), (count, images, seeds))
    at_stop = int(np.searchsorted(points, stop - 1))
    peak = points[smooth.argmax(axis=1)] + 1
    nothing = np.full(runs, None, object)
    values: dict[str, Any] = {
        "arch_id": arch,
        "image": np.array(IMAGES, object)[image],
        "task": np.full(runs, task, object),
        "fidelity": np.full(runs, FIDELITY, object),
        "seed": np.array(SEEDS)[seed],
        "status": np.full(runs, "ok", object),
        "iterations": np.full(runs, iterations),
        "diverged_at": nothing,
        "error": nothing,
        "loss": rng.uniform(1e-4, 1e-2, runs),
        "psnr_corrupted_db": np.full(runs, 20.2),
        "seconds": rng.uniform(20, 200, runs),
        "engine": np.full(runs, "fast", object),
        "stack": np.full(runs, 1),
        "precision": np.full(runs, "fp32", object),
        "device": np.full(runs, "formula", object),
        "torch": np.full(runs, "0", object),
        "protocol_version": np.full(runs, PROTOCOL_VERSION),
        "stop": np.full(runs, stop),
        "final_psnr_db": raw[:, at_stop],
        "final_psnr_smooth_db": smooth[:, at_stop],
        "last_psnr_db": raw[:, -1],
        "last_psnr_smooth_db": smooth[:, -1],
        "best_psnr_db": raw.max(axis=1),
        "best_raw_iteration": points[raw.argmax(axis=1)] + 1,
        "best_psnr_smooth_db": smooth.max(axis=1),
        "best_iteration": peak,
        "best_at_end": peak > 0.98 * iterations,
        "curve_row": np.arange(runs),
    }
    by_seed = {str(one): runs // seeds for one in SEEDS}
    record = TaskRecord(
        iterations=iterations,
        stop=stop,
        runs=runs,
        seeds=by_seed,
        complete_seeds=list(SEEDS),
        default_seeds=list(SEEDS),
        scored=count,
    )
    return record, values


def _scores(task: str, quality: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    pairs = [(name, ref) for name in IMAGE_SCORES for ref in ("corrupted", "ground_truth")]
    pairs += [(name, "none") for name in OTHER_SCORES]
    shape = (len(pairs), *quality.shape[::-1])
    rows = int(np.prod(shape))
    pair, image, arch = np.unravel_index(np.arange(rows), shape)
    values = np.exp(rng.normal(0, 2, shape) - quality.T)
    spread = np.abs(rng.normal(0, 0.1, shape))
    seconds = rng.uniform(0.01, 0.02, shape)
    # What repeats in a real release repeats here: it decides how large the file is.
    same = [place for place, (name, _) in enumerate(pairs) if name in SAME_FOR_ALL_IMAGES]
    for drawn in (values, spread, seconds):
        drawn[same] = drawn[same, :1]
    alone = np.isin([pairs[place][0] for place in pair], WITHOUT_SPREAD)
    return {
        "arch_id": arch,
        "image": np.array(IMAGES, object)[image],
        "task": np.full(rows, task, object),
        "fidelity": np.full(rows, FIDELITY, object),
        "proxy": np.array([name for name, _ in pairs], object)[pair],
        "reference": np.array([reference for _, reference in pairs], object)[pair],
        "value": values.ravel(),
        "std": np.where(alone, None, spread.ravel()),
        "inits": np.where(alone, 1, 8),
        "seconds": seconds.ravel(),
        "protocol_version": np.full(rows, PROTOCOL_VERSION),
    }


def _image_columns() -> dict[str, Any]:
    number = len(IMAGES)
    text = {name: ["formula"] * number for name in ("source", "licence")}
    sides = {name: [512] * number for name in ("height", "width")}
    return (
        text
        | sides
        | {
            "name": list(IMAGES),
            "image_set": ["nasdip"] * number,
            "sha256": ["0" * 64] * number,
            "channels": [1] * number,
            "status": ["original"] * number,
        }
    )


def _write(path: Path, name: str, columns: dict[str, Any]) -> None:
    schema = arrow_schema(RELEASE_TABLES[name])
    table = pa.table([pa.array(columns[f.name], f.type) for f in schema], schema=schema)
    (path / f"{name}.parquet").write_bytes(parquet_bytes(table))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    write_full_size(parser.parse_args().folder)
