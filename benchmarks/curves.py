"""Measure what thinning and quantising curves costs: bytes on disk, and error when read back.

    nasdip-build --fidelity r64c16 ... --out builds/some
    python benchmarks/curves.py builds/some --out benchmarks/results/curves.json

A build's shards have the full curves in float32; a release keeps at most 128 points of each, in
thousandths of a dB. Then ``python benchmarks/report.py`` writes the table of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from results import Results

from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.builder.folder.shard_schema import curve_column
from nasdip_bench.dataset.curve_parts import CurvePart, part_bytes
from nasdip_bench.dataset.curves import decode, encode, kept_points
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.tasks import get_task

KINDS = ("psnr", "psnr_smooth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("builds", type=Path, nargs="+", help="build folders")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = measure(options.builds)
    Results(options.out).set(machine=describe("cpu", 1), curves=found)
    print(json.dumps(found, indent=1))


def measure(builds: list[Path]) -> list[dict[str, Any]]:
    """One row per fidelity and task, over its ok runs."""
    curves: dict[tuple[str, str], list[np.ndarray]] = {}
    architectures: dict[tuple[str, str], set[str]] = {}
    for build in builds:
        for table in BuildFolder(build).read("runs"):
            for row in table.to_pylist():
                if row["status"] == "ok":
                    key = (row["fidelity"], row["task"])
                    pair = np.array([row[curve_column(kind)] for kind in KINDS], np.float64)
                    curves.setdefault(key, []).append(pair)
                    architectures.setdefault(key, set()).add(row["architecture"])
    if not curves:
        raise SystemExit(f"no ok run in {', '.join(map(str, builds))}")
    return [
        {
            "fidelity": fidelity,
            "task": task,
            "architectures": len(architectures[fidelity, task]),
            **losses(np.stack(pairs), get_fidelity(fidelity).stop[get_task(task).kind]),
        }
        for (fidelity, task), pairs in sorted(curves.items())
    ]


def losses(full: np.ndarray, stop: int) -> dict[str, Any]:
    """Measure what full curves lose.

    Args:
        full: (run, kind, iteration) float64 dB.
        stop: the iteration of ``final_*``.

    Returns:
        runs, points (full and kept), bytes on disk; by kind, the error of kept points (largest), of
        values interpolated between them (root mean square, 99 %, largest), of the best and its
        iteration as read off the kept points, and of the value at the stop. All in dB.
    """
    runs, _, iterations = full.shape
    points = kept_points(iterations, stop)
    coded = decode(encode(full))
    thinned = coded[:, :, points]
    everywhere = np.stack(
        [
            [np.interp(np.arange(iterations), points, curve) for curve in of_run]
            for of_run in thinned
        ]
    )
    between = np.setdiff1d(np.arange(iterations), points)
    found: dict[str, Any] = {
        "runs": runs,
        "iterations": iterations,
        "kept": len(points),
        "bytes_float32": full.size * 4,
        "bytes_full": _file_bytes(coded, np.arange(iterations)),
        "bytes_kept": _file_bytes(thinned, points),
    }
    for number, kind in enumerate(KINDS):
        whole, kept = full[:, number], thinned[:, number]
        apart = np.abs(everywhere[:, number] - whole)[:, between]
        lower = whole.max(axis=1) - kept.max(axis=1)
        moved = np.abs(whole.argmax(axis=1) - points[kept.argmax(axis=1)])
        at_stop = np.abs(kept[:, np.searchsorted(points, stop - 1)] - whole[:, stop - 1])
        found[kind] = {
            "kept_max": float(np.abs(kept - whole[:, points]).max()),
            "between_rms": float(np.sqrt(np.mean(apart**2))) if apart.size else 0.0,
            "between_99": float(np.quantile(apart, 0.99)) if apart.size else 0.0,
            "between_max": float(apart.max(initial=0)),
            "best_mean": float(lower.mean()),
            "best_max": float(np.abs(lower).max()),
            "best_iteration_max": int(moved.max()),
            "stop_max": float(at_stop.max()),
        }
    return found


def _file_bytes(curves: np.ndarray, points: np.ndarray) -> int:
    codes = {kind: encode(curves[:, place]) for place, kind in enumerate(KINDS)}
    return len(part_bytes(CurvePart((points + 1).astype(np.int32), codes)))


if __name__ == "__main__":
    main()
