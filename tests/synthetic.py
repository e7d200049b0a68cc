"""Small releases written by formula, whose answers are known analytically.

Image number i ranks the architectures: 0 by arch_id (the last is the best), 1 the other way round,
2 by arch_id // 2 (pairs are tied). With n architectures, at iteration t (from 1) of a run with T

    rank = a, n - 1 - a, a // 2                      by image
    best = 20 + rank / 10 + seed / 100               dB; at task "inpaint", odd seeds turn rank over
    peak = T // 4 + a % 5
    psnr_smooth(t) = best - |t - peak| / 100
    psnr(t)        = psnr_smooth(t) - 1/2, and 1/4 higher at iteration 3

and the scores are a, -a, a constant and a null (see `SCORES`).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nasdip_bench.cost import architecture_facts
from nasdip_bench.croissant import CROISSANT, Publication, croissant_json
from nasdip_bench.curve_chunks import chunks_bytes, list_chunks
from nasdip_bench.curve_files import write_curves
from nasdip_bench.curves import kept_points
from nasdip_bench.dataset import (
    MANIFEST,
    FileRecord,
    Manifest,
    TaskRecord,
    curve_path,
    output_path,
)
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.files import parquet_bytes
from nasdip_bench.outputs import Output, write_outputs
from nasdip_bench.schema import RELEASE_TABLES, SCHEMA_VERSION, arrow_schema
from nasdip_bench.space import sample_architectures
from nasdip_bench.tasks import get_task

IMAGES = {"lena": "original", "chest": "substitute", "boat": "original"}
SCORES = {
    ("psd_db_mse", "corrupted"): lambda a: float(a),
    ("psd_db_mse", "ground_truth"): lambda a: -float(a),
    ("psd_db_strip_mse", "corrupted"): lambda a: float(a * a),
    ("psd_99_bandwidth", "none"): lambda a: 0.5,
    ("parameters", "none"): lambda a: None if a == 0 else float(a),
}
BAD = ("final", "last", "best")


def rank(arch_id: int, image: int, count: int) -> int:
    return (arch_id, count - 1 - arch_id, arch_id // 2)[image % 3]


def best_db(arch_id: int, image: int, task: str, seed: int, count: int) -> float:
    r = rank(arch_id, image, count)
    if task == "inpaint" and seed % 2:
        r = count - 1 - r
    return 20 + r / 10 + seed / 100


def curves_db(best: float, arch_id: int, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """psnr and psnr_smooth, (T,) float64."""
    t = np.arange(1, iterations + 1)
    smooth = best - np.abs(t - (iterations // 4 + arch_id % 5)) / 100
    raw = smooth - 0.5
    raw[2] += 0.25
    return raw, smooth


def write_release(
    path: Path,
    *,
    count: int = 12,
    images: dict[str, str] | None = None,
    image_set: str = "nasdip",
    fidelities: tuple[str, ...] = ("r64", "r64c16i40"),
    tasks: tuple[str, ...] = ("denoise", "inpaint"),
    seeds: dict[str, tuple[int, ...]] | None = None,
    missing: set[tuple[str, str, int, str, int]] = frozenset(),
    diverged: set[tuple[str, str, int, str, int]] = frozenset(),
    failed: set[tuple[str, str, int, str, int]] = frozenset(),
    unscored: set[int] = frozenset(),
) -> Path:
    """Write a valid release.

    Args:
        path: the folder to create.
        count: of architectures.
        images: name to status.
        image_set: of the manifest.
        fidelities: highest first.
        tasks: at each of them.
        seeds: by fidelity; (0, 1) for the first, (0,) for the others.
        missing: runs that are not there: (fidelity, task, arch_id, image, seed).
        diverged: runs that diverged.
        failed: runs that failed.
        unscored: arch_ids without scores.
    """
    images = IMAGES if images is None else images
    seeds = seeds or {f: (0, 1) if f == fidelities[0] else (0,) for f in fidelities}
    architectures = sample_architectures(count)
    (path / "curves").mkdir(parents=True)
    runs, scores, records = [], [], {}
    for fidelity in fidelities:
        f = get_fidelity(fidelity)
        records[fidelity] = {"resolution": f.resolution, "channels": f.channels, "tasks": {}}
        for task in tasks:
            kind = get_task(task).kind
            iterations, stop = f.iterations_for(kind), f.stop[kind]
            points = kept_points(iterations, stop)
            mine, curves = [], []
            for a in range(count):
                for i, image in enumerate(images):
                    for seed in seeds[fidelity]:
                        key = (fidelity, task, a, image, seed)
                        if key in missing:
                            continue
                        best = best_db(a, i, task, seed, count)
                        pair = curves_db(best, a, iterations)
                        status = (
                            "diverged" if key in diverged else "failed" if key in failed else "ok"
                        )
                        if status == "diverged":
                            for curve in pair:
                                curve[5:] = np.nan
                        elif status == "failed":
                            for curve in pair:
                                curve[:] = np.nan
                        run = _run(a, image, task, fidelity, seed, status, pair, stop)
                        mine.append(run | {"curve_row": len(mine)})
                        curves.append([curve[points] for curve in pair])
            if mine:
                stacked = np.array(curves)
                write_curves(
                    path / curve_path(fidelity, task), stacked[:, 0], stacked[:, 1], points
                )
            runs += mine
            scored = [a for a in range(count) if a not in unscored]
            scores += [
                {
                    "arch_id": a,
                    "image": image,
                    "task": task,
                    "fidelity": fidelity,
                    "proxy": proxy,
                    "reference": reference,
                    "value": formula(a),
                    "std": None,
                    "inits": 1,
                    "seconds": 0.1,
                    "protocol_version": 1,
                }
                for (proxy, reference), formula in SCORES.items()
                for image in images
                for a in scored
            ]
            by_seed = dict(sorted(Counter(r["seed"] for r in mine).items()))
            done = Counter(r["seed"] for r in mine if r["status"] != "failed")
            complete = [s for s in by_seed if done[s] == count * len(images)]
            most = sorted(by_seed, key=lambda s: (-done[s], s))[:1]
            records[fidelity]["tasks"][task] = vars(
                TaskRecord(
                    iterations=iterations,
                    stop=stop,
                    runs=len(mine),
                    seeds={str(s): n for s, n in by_seed.items()},
                    complete_seeds=complete,
                    default_seeds=complete or most,
                    scored=len(scored),
                )
            )
    write_tables(
        path, _architecture_rows(architectures), _image_rows(images, image_set), runs, scores
    )
    defaults = {}
    for task in tasks:
        having = {f: r["tasks"][task] for f, r in records.items() if r["tasks"][task]["runs"]}
        complete = [f for f, r in having.items() if r["complete_seeds"]]
        if having:
            defaults[task] = (complete or sorted(having, key=lambda f: -having[f]["runs"]))[0]
    manifest = Manifest(
        name="synthetic",
        version="1",
        schema_version=SCHEMA_VERSION,
        protocol_version=1,
        created="2025-01-01T00:00:00+00:00",
        image_set=image_set,
        architectures=count,
        images=list(images),
        default_fidelity=defaults,
        fidelities=records,
        software={"nasdip-bench": "0"},
        devices=["formula"],
        files={},
    )
    write_manifest(path, manifest)
    return path


def output_pixels(row: dict, side: int = 64) -> np.ndarray:
    """(1, side, side) uint8 with the PSNR of a run, against a ground truth of 1/2 everywhere."""
    error = 10 ** (-row["final_psnr_smooth_db"] / 20)
    draw = np.random.default_rng([row["arch_id"], row["seed"], *row["image"].encode()])
    signs = draw.choice([-1.0, 1.0], (1, side, side))
    return np.rint(255 * (0.5 + error * signs)).astype(np.uint8)


def add_outputs(path, fidelity, task, *, of=output_pixels, iteration=None, without=frozenset()):
    """Add an output of every ok run, but of those ``without``: (arch_id, image, seed)."""
    rows = pq.read_table(path / "runs.parquet").to_pylist()
    mine = [r for r in rows if (r["fidelity"], r["task"]) == (fidelity, task)]
    outputs = [
        Output.of_pixels(of(row), iteration or row["stop"])
        if row["status"] == "ok" and (row["arch_id"], row["image"], row["seed"]) not in without
        else None
        for row in sorted(mine, key=lambda row: row["curve_row"])
    ]
    (path / "outputs").mkdir(exist_ok=True)
    write_outputs(path / output_path(fidelity, task), outputs, 64)
    rehash(path)
    return path


def list_again(path: Path) -> None:
    """Let lists of chunks and manifest agree with the curve files as they are."""
    for listed in path.glob("curves/*.chunks.npy"):
        curves = path / "curves" / f"{listed.name.removesuffix('.chunks.npy')}.h5"
        with h5py.File(curves) as file:
            listed.write_bytes(chunks_bytes(list_chunks(file, curves.read_bytes())))
    rehash(path)


def rehash(path: Path) -> None:
    """Let manifest and croissant.json agree with the files as they are."""
    manifest = _manifest(path)
    write_manifest(path, manifest)
    if (path / CROISSANT).exists():
        described = croissant_json(_manifest(path), Publication())
        (path / CROISSANT).write_text(described, encoding="utf-8")
        write_manifest(path, manifest)


def _manifest(path: Path) -> Manifest:
    return Manifest.from_json((path / MANIFEST).read_text(encoding="utf-8"), "here")


def write_tables(path, architectures, images, runs, scores) -> None:
    rows = {"architectures": architectures, "images": images, "runs": runs, "scores": scores}
    for name, table_rows in rows.items():
        write_table(path, name, table_rows)


def write_table(path: Path, name: str, rows: list[dict]) -> None:
    schema = arrow_schema(RELEASE_TABLES[name])
    columns = {field: [row[field] for row in rows] for field in schema.names}
    table = pa.Table.from_pydict(columns, schema=schema)
    (path / f"{name}.parquet").write_bytes(parquet_bytes(table))


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write the manifest with the hashes of the files that are there."""
    found = {
        file.relative_to(path).as_posix(): FileRecord.of(file.read_bytes())
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    fields = vars(manifest) | {"files": found}
    (path / MANIFEST).write_text(Manifest(**fields).to_json(), encoding="utf-8")


def _run(arch_id, image, task, fidelity, seed, status, pair, stop) -> dict:
    raw, smooth = pair
    ok = status == "ok"
    values = {
        "final_psnr_db": raw[stop - 1],
        "final_psnr_smooth_db": smooth[stop - 1],
        "last_psnr_db": raw[-1],
        "last_psnr_smooth_db": smooth[-1],
        "best_psnr_db": np.max(raw),
        "best_psnr_smooth_db": np.max(smooth),
    }
    iterations = len(raw)
    return {
        "arch_id": arch_id,
        "image": image,
        "task": task,
        "fidelity": fidelity,
        "seed": seed,
        "status": status,
        "iterations": iterations,
        "diverged_at": 5 if status == "diverged" else None,
        "error": "out of memory" if status == "failed" else None,
        "loss": 0.01 if ok else None,
        "psnr_corrupted_db": 18.0,
        "seconds": 10.0 + arch_id,
        "engine": "formula",
        "stack": 1,
        "torch": "0",
        "precision": "fp32",
        "device": "formula",
        "protocol_version": 1,
        "stop": stop,
        **{name: float(value) if ok else None for name, value in values.items()},
        "best_raw_iteration": int(np.argmax(raw)) + 1 if ok else None,
        "best_iteration": int(np.argmax(smooth)) + 1 if ok else None,
        "best_at_end": bool(ok and np.argmax(smooth) + 1 > 0.98 * iterations),
    }


def _architecture_rows(architectures) -> list[dict]:
    return [{"arch_id": n, **architecture_facts(arch)} for n, arch in enumerate(architectures)]


def _image_rows(images, image_set) -> list[dict]:
    return [
        {
            "name": name,
            "image_set": image_set,
            "sha256": "0" * 64,
            "height": 512,
            "width": 512,
            "channels": 1,
            "source": "nowhere",
            "licence": "none",
            "status": status,
        }
        for name, status in images.items()
    ]
