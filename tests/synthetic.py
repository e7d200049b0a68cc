"""Small releases written by formula, whose answers are known analytically.

Image number i ranks the architectures: 0 by arch_id (the last is the best), 1 the other way round,
2 by arch_id // 2 (pairs are tied). With n architectures, at iteration t (from 1) of a run with T

    rank = a, n - 1 - a, a // 2                      by image
    best = 20 + rank / 10 + seed / 100               dB; at task "inpaint", odd seeds turn rank over
    peak = T // 4 + a % 5
    psnr_smooth(t) = best - |t - peak| / 100
    psnr(t)        = psnr_smooth(t) - 1/2, and 1/4 higher at iteration 3

    ssim_smooth(t) = psnr_smooth(t) / 50, and observable number k is psnr_smooth(t) + k
    recorded rule number j delivers and stops at iteration min(T, peak + 5 j)

and the scores are a, -a, a constant and a null (see `SCORES`), the same for every corruption.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nasdip_bench.dataset import MANIFEST, DatasetFolder, FileRecord, Manifest, TaskRecord
from nasdip_bench.dataset.croissant import CROISSANT
from nasdip_bench.dataset.curve_parts import KINDS, CurvePart, part_bytes, part_of
from nasdip_bench.dataset.curves import CODES, encode, kept_points
from nasdip_bench.dataset.distances import Distances, coded, distances_bytes, mean_squares
from nasdip_bench.dataset.manifest import SCORE_VALUES, distance_path, part_path
from nasdip_bench.dataset.schema import RELEASE_TABLES, SCHEMA_VERSION, arrow_schema
from nasdip_bench.dataset.score_values import score_values_bytes
from nasdip_bench.dataset.stop_parts import StopPart, crossings, stops_bytes, stops_table
from nasdip_bench.fidelity import PROTOCOL_VERSION, get_fidelity
from nasdip_bench.observables import OBSERVABLES, SSIM
from nasdip_bench.proxies import info
from nasdip_bench.space import sample_architectures
from nasdip_bench.space.cost import architecture_facts
from nasdip_bench.stopping import recorded_rules
from nasdip_bench.storage.files import parquet_bytes
from nasdip_bench.tasks import get_task

LOW = "r64c16i40"
IMAGES = {"lena": "original", "chest": "substitute", "boat": "original"}
IMAGE_FACTS = {"sha256": "0" * 64, "height": 512, "width": 512, "channels": 1}
IMAGE_FACTS |= {"source": "nowhere", "licence": "none"}
SCORES = {
    ("psd_db_mse", "corrupted"): lambda a: float(a),
    ("psd_db_mse", "ground_truth"): lambda a: -float(a),
    ("psd_db_strip_mse", "corrupted"): lambda a: float(a * a),
    ("psd_99_bandwidth", "none"): lambda a: 0.5,
    ("parameters", "none"): lambda a: None if a == 0 else float(a),
}


def rank(arch_id: int, image: int, count: int) -> int:
    return (arch_id, count - 1 - arch_id, arch_id // 2)[image % 3]


def best_db(arch_id: int, image: int, task: str, seed: int, count: int) -> float:
    r = rank(arch_id, image, count)
    if task == "inpaint" and seed % 2:
        r = count - 1 - r
    return 20 + r / 10 + seed / 100


def curves_db(best: float, arch_id: int, iterations: int) -> dict[str, np.ndarray]:
    """By name, (T,) float64."""
    t = np.arange(1, iterations + 1)
    smooth = best - np.abs(t - (iterations // 4 + arch_id % 5)) / 100
    raw = smooth - 0.5
    raw[2] += 0.25
    observables = {name: smooth + k for k, name in enumerate(OBSERVABLES)}
    return {"psnr": raw, "psnr_smooth": smooth, SSIM: smooth / 50, **observables}


def write_release(
    path: Path,
    *,
    count: int = 12,
    images: dict[str, str] | None = None,
    image_set: str = "nasdip",
    fidelities: tuple[str, ...] = ("r64", LOW),
    tasks: tuple[str, ...] = ("denoise", "inpaint"),
    seeds: dict[str, tuple[int, ...]] | None = None,
    missing: set[tuple[str, str, int, str, int]] = frozenset(),
    diverged: set[tuple[str, str, int, str, int]] = frozenset(),
    failed: set[tuple[str, str, int, str, int]] = frozenset(),
    unscored: set[int] = frozenset(),
    reruns: int = 2,
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
        reruns: how many of the first runs were trained again.
    """
    images = IMAGES if images is None else images
    seeds = seeds or {f: (0, 1) if f == fidelities[0] else (0,) for f in fidelities}
    for kind in (*KINDS, "stops"):
        (path / kind).mkdir(parents=True)
    runs, scores, corruptions, records = [], [], [], {}
    scored = [a for a in range(count) if a not in unscored]
    for fidelity in fidelities:
        f = get_fidelity(fidelity)
        records[fidelity] = {"resolution": f.resolution, "channels": f.channels, "tasks": {}}
        for task in tasks:
            at = {"task": task, "fidelity": fidelity}
            kind_of = get_task(task).kind
            iterations, stop = f.iterations_for(kind_of), f.stop[kind_of]
            mine, parts = [], defaultdict(list)
            for seed, a, (i, image) in product(seeds[fidelity], range(count), enumerate(images)):
                key = (fidelity, task, a, image, seed)
                if key in missing:
                    continue
                curves = curves_db(best_db(a, i, task, seed, count), a, iterations)
                status = "diverged" if key in diverged else "failed" if key in failed else "ok"
                for curve in curves.values():
                    curve[{"diverged": 5, "failed": 0, "ok": iterations}[status] :] = np.nan
                run = {"arch_id": a, "image": image, **at, "seed": seed, "status": status}
                part = parts[seed, part_of(a)]
                mine.append(run | {"curve_row": len(part)} | _result(run, curves, stop))
                part.append((mine[-1], curves))
            for (seed, part), rows in parts.items():
                for kind, content in _parts(rows, kind_of, kept_points(iterations, stop)).items():
                    (path / part_path(kind, fidelity, task, seed, part)).write_bytes(content)
            runs += mine
            of_task = {"sigma_estimate": 0.1 if kind_of == "denoise" else None}
            of_task |= {"known_share": 0.5 if kind_of == "inpaint" else 1.0}
            corruptions += [
                {"image": image, **at, "seed": seed, "psnr_db": 18.0, "ssim": 0.5, **of_task}
                for seed, image in product(seeds[fidelity], images)
            ]
            of_score = {"inits": 1, "seconds": 0.1, "protocol_version": PROTOCOL_VERSION}
            for (proxy, reference), formula in SCORES.items():
                sees = info(proxy).sees_corruption(reference)
                score = {"proxy": proxy, "reference": reference, **at, **of_score}
                scores += [
                    {"arch_id": a, "image": image, "seed": seed, "value": formula(a), **score}
                    for seed, image, a in product(
                        seeds[fidelity] if sees else (None,), images, scored
                    )
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
    for name, rows in {
        "architectures": [
            {"arch_id": n, **architecture_facts(arch)}
            for n, arch in enumerate(sample_architectures(count))
        ],
        "images": [
            {"name": name, "image_set": image_set, "status": status, **IMAGE_FACTS}
            for name, status in images.items()
        ],
        "runs": runs,
        "corruptions": corruptions,
        "scores": scores,
        "reruns": [_rerun(run) for run in runs[:reruns] if run["status"] == "ok"],
    }.items():
        write_table(path, name, rows)
    write_score_values(path)
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
        protocol_version=PROTOCOL_VERSION,
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


def small(path: Path, **changes) -> Path:
    """Write a release of one fidelity, task and seed, but for what `write_release` is told."""
    one = {"fidelities": (LOW,), "tasks": ("denoise",), "seeds": {LOW: (0,)}}
    return write_release(path, **(one | changes))


def restoration(row: dict, side: int = 64) -> np.ndarray:
    """(side²,) float64 with the PSNR of a run, against a ground truth of 1/2 everywhere."""
    error = 10 ** (-row["final_psnr_smooth_db"] / 20)
    draw = np.random.default_rng([row["arch_id"], row["seed"], *row["image"].encode()])
    return 0.5 + error * draw.choice([-1.0, 1.0], side * side)


def add_distances(path, fidelity, task, *, of=restoration, without=frozenset()):
    """Add the distances of all ok runs, but of those ``without``: (arch_id, image, seed)."""
    manifest = _manifest(path)
    rows = pq.read_table(path / "runs.parquet").to_pylist()
    mine = {
        (row["image"], row["seed"], row["arch_id"]): of(row)
        for row in rows
        if (row["fidelity"], row["task"]) == (fidelity, task)
        and row["status"] == "ok"
        and (row["arch_id"], row["image"], row["seed"]) not in without
    }
    seeds = sorted({seed for _, seed, _ in mine})
    count = manifest.architectures
    shape = (len(manifest.images), len(seeds))
    between = np.full((*shape, count, count), np.nan)
    truth = np.full((*shape, count), np.nan)
    for i, image in enumerate(manifest.images):
        for s, seed in enumerate(seeds):
            there = [a for a in range(count) if (image, seed, a) in mine]
            if there:
                values = np.stack([mine[image, seed, a] for a in there])
                between[i, s][np.ix_(there, there)] = mean_squares(values)
                truth[i, s, there] = ((values - 0.5) ** 2).mean(axis=1)
    pairs = between[:, :, *np.triu_indices(count, 1)]
    loss = [*OBSERVABLES].index("loss_smooth") - 10 * np.log10(truth)
    corrupted = encode(np.round(loss, 2))  # as the observable has it
    found = Distances(np.array(seeds, np.int32), coded(pairs), coded(truth), corrupted)
    (path / "distances").mkdir(exist_ok=True)
    (path / distance_path(fidelity, task)).write_bytes(distances_bytes(found))
    rehash(path)
    return path


def write_score_values(path: Path) -> None:
    """The single values that go with scores.parquet: of one initialisation each."""
    values = pq.read_table(path / "scores.parquet")["value"].to_numpy()
    (path / SCORE_VALUES).write_bytes(score_values_bytes(values[:, None].astype(np.float32)))


def change_rows(path: Path, table: str, change) -> Path:
    """Change a table and hash again, so that only the content is other.

    Args:
        path: a release.
        table: one of `RELEASE_TABLES`.
        change: gets the list of rows; changes it, or returns another. See `each`.
    """
    rows = pq.read_table(path / f"{table}.parquet").to_pylist()
    changed = change(rows)
    write_table(path, table, rows if changed is None else changed)
    if table == "scores":
        write_score_values(path)
    rehash(path)
    return path


def change_arrays(path: Path, name: str, change) -> Path:
    """Change an HDF5 file, given open, and hash again, so that only the content is other."""
    with h5py.File(path / name, "r+") as file:
        change(file)
    rehash(path)
    return path


def of_values(name: str, change):
    """A change of a file: one array becomes ``change`` of its values."""

    def changed(file: h5py.File) -> None:
        values = change(file[name][:])
        del file[name]
        file.create_dataset(name, data=values)

    return changed


def each(change):
    """A change of rows, of one that gets a row and returns its new values."""
    return lambda rows: [row | change(row) for row in rows]


def rehash(path: Path) -> None:
    """Let the manifest agree with the files as they are."""
    write_manifest(path, _manifest(path))


def same_files(one: Path, other: Path, but: str = CROISSANT) -> bool:
    """Whether all files are the same bytes but those that carry time, name and version.

    Args:
        one: a release.
        other: a release.
        but: beginning of the names of further files that may differ.
    """
    first, second = (
        {
            path: record
            for path, record in DatasetFolder(folder).manifest.files.items()
            if not path.startswith((CROISSANT, but))
        }
        for folder in (one, other)
    )
    return first == second


def _manifest(path: Path) -> Manifest:
    return Manifest.from_json((path / MANIFEST).read_text(encoding="utf-8"), "here")


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


def recorded(kind: str) -> list[tuple[str, str]]:
    """Names and parameters of the rules whose stops are recorded."""
    return [(rule.name, rule.parameters) for rule in recorded_rules(kind)]


def stopped_at(smooth: np.ndarray, rule: int) -> int:
    """Where rule number ``rule`` stops a run."""
    return min(len(smooth), int(np.argmax(smooth)) + 1 + 5 * rule)


def _parts(
    rows: list[tuple[dict, dict[str, np.ndarray]]], kind_of: str, points: np.ndarray
) -> dict[str, bytes]:
    """The files of a part by kind, of runs in the order of their rows and their curves."""
    curves = [of_run for _, of_run in rows]
    found = {}
    for kind, names in KINDS.items():
        codes = {
            name: encode(np.stack([of_run[name][points] for of_run in curves]), CODES[name])
            for name in names
        }
        levels = None
        if kind == "observables":
            levels = crossings(np.stack([of_run["loss_smooth"] for of_run in curves]))
        found[kind] = part_bytes(CurvePart(points + 1, codes, levels))
    stops = StopPart.empty(len(rows), recorded(kind_of))
    for row, (run, of_run) in enumerate(rows):
        for rule in range(len(stops.rules)) if run["status"] == "ok" else ():
            at = stopped_at(of_run["psnr_smooth"], rule)
            for name, value in {
                "iteration": at,
                "paid": at,
                "stopped": at < run["iterations"],
                "psnr_smooth_db": of_run["psnr_smooth"][at - 1],
                "ssim_smooth": of_run[SSIM][at - 1],
            }.items():
                stops.values[name][row, rule] = value
    names = ("arch_id", "image", "task", "fidelity", "seed", "curve_row")
    keys = pa.table({name: [run[name] for run, _ in rows] for name in names})
    return found | {"stops": stops_bytes(stops_table(stops, keys))}


def _result(run: dict, curves: dict[str, np.ndarray], stop: int) -> dict:
    """The columns of a run behind its key and status."""
    raw, smooth, ssim = (curves[name] for name in KINDS["curves"])
    status, kind_of = run["status"], get_task(run["task"]).kind
    ok, iterations, stopped = status == "ok", len(raw), stop
    if kind_of == "denoise" and ok:
        target = ("discrepancy", "tau=0.75,sigma=estimate")
        stopped = stopped_at(smooth, recorded(kind_of).index(target))
    values = {
        "final_psnr_db": raw[stop - 1],
        "final_psnr_smooth_db": smooth[stop - 1],
        "stopped_psnr_smooth_db": smooth[stopped - 1],
        "last_psnr_db": raw[-1],
        "last_psnr_smooth_db": smooth[-1],
        "best_psnr_db": np.max(raw),
        "best_psnr_smooth_db": np.max(smooth),
        "final_ssim_smooth": ssim[stop - 1],
        "stopped_ssim_smooth": ssim[stopped - 1],
        "last_ssim_smooth": ssim[-1],
        "best_ssim_smooth": np.max(ssim),
    }
    return {
        "iterations": iterations,
        "diverged_at": 5 if status == "diverged" else None,
        "error": "out of memory" if status == "failed" else None,
        "loss": 0.01 if ok else None,
        "psnr_corrupted_db": 18.0,
        "seconds": 10.0 + run["arch_id"],
        "processor_seconds": 10.0 + run["arch_id"],
        "engine": "formula",
        "stack": 1,
        "threads": 1,
        "torch": "0",
        "precision": "fp32",
        "device": "formula",
        "protocol_version": PROTOCOL_VERSION,
        "stop": stop,
        **{name: float(value) if ok else None for name, value in values.items()},
        "best_raw_iteration": int(np.argmax(raw)) + 1 if ok else None,
        "best_iteration": int(np.argmax(smooth)) + 1 if ok else None,
        "stopped_iteration": stopped if ok else None,
        "best_at_end": bool(ok and np.argmax(smooth) + 1 > 0.98 * iterations),
    }


def _rerun(run: dict) -> dict:
    """A run that was trained again alone, and came out a tenth of a dB higher."""
    keys = ("arch_id", "image", "task", "fidelity", "seed", "iterations", "precision", "device")
    return {key: run[key] for key in (*keys, "torch")} | {
        "whole": True,
        "stack": 1,
        "points": 80,
        "differing": 78,
        "early_db": 0.0,
        "difference_db": 0.1,
        "best_difference_db": 0.1,
        "stopped_difference_db": 0.1,
        "verdict": "equal but for rounding",
    }
