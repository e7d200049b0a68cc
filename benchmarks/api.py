"""Measure the query API on a release of full size, beside plain arrays as the floor.

    python benchmarks/api.py            # two minutes; writes benchmarks/results/api.json

Then ``python benchmarks/report.py`` writes the table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from full_size import write_full_size
from machine import describe

from nasdip_bench import NASDIPBench
from nasdip_bench.api import table1

RESULTS = Path(__file__).parent / "results" / "api.json"
ROUNDS = 7
TASK = "denoise"

FIRST_QUERY = """
import time; started = time.perf_counter()
from nasdip_bench import NASDIPBench
bench = NASDIPBench({data!r})
bench.query({arch!r}, "lena", "denoise")
print(time.perf_counter() - started)
"""
FIRST_FLOOR = """
import time; started = time.perf_counter()
import numpy as np
float(np.load({array!r}, mmap_mode="r")[1, 1, 0])
print(time.perf_counter() - started)
"""
MEMORY = """
import gc, os, resource
import h5py, pandas, pyarrow.parquet, scipy.stats
from nasdip_bench.api.benchmark import NASDIPBench
import nasdip_bench.api.analysis, nasdip_bench.api.paper.table1
def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
before = resident()
bench = NASDIPBench({data!r})
opened = resident()
bench.query(1, "lena", "denoise")
queried = resident()
bench.kendall("denoise"), bench.curve(1, "lena", "denoise")
print(opened - before, queried - before, resident() - before)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architectures", type=int, default=522)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = write_full_size(Path(folder) / "data", options.architectures)
        rows = measure(data, Path(folder), options.rounds)
    results = {"machine": describe("cpu", 1), "rounds": options.rounds, "api": rows}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(f"written: {options.out}")


def measure(data: Path, scratch: Path, rounds: int) -> list[dict[str, Any]]:
    """Rows of name, measured, floor, target and unit ("s" or "B")."""
    bench = NASDIPBench(data)
    values = bench.runs.block(TASK).values.reshape(len(bench), len(bench.images), -1)
    array = scratch / "values.npy"
    np.save(array, values)
    rows: list[dict[str, Any]] = []

    def add(
        name: str,
        measured: float,
        target: float | None,
        floor: float | None = None,
        unit: str = "s",
    ) -> None:
        row = {"name": name, "measured": measured, "target": target, "floor": floor, "unit": unit}
        rows.append(row)
        print(f"{name}: {measured:.3g} {unit}, floor {floor}", file=sys.stderr)

    code = str(bench[1])
    add(
        "import, open and first query",
        _fresh(FIRST_QUERY.format(data=str(data), arch=code), rounds),
        0.3,
        _fresh(FIRST_FLOOR.format(array=str(array)), rounds),
    )
    opened, queried, used = map(float, _output(MEMORY.format(data=str(data))).split())
    add("memory after opening", opened, 20e6, None, "B")
    add("memory after a query", queried, None, float(values.nbytes), "B")
    add("memory after a query, kendall and a curve", used, None, None, "B")

    image, seeds = bench.images[1], bench.runs.block(TASK).default_seeds
    floor = _per_call(lambda: float(values[1, 1, 5]), rounds)
    add("query again, by row", _per_call(lambda: bench.query(1, image, TASK), rounds), 5e-6, floor)
    add(
        "query again, by string",
        _per_call(lambda: bench.query(code, image, TASK), rounds),
        5e-6,
        floor,
    )
    add(
        "query again, one seed",
        _per_call(lambda: bench.query(1, image, TASK, seed=seeds[0]), rounds),
        5e-6,
        floor,
    )
    add("query, each for the first time", _first_queries(data, rounds), 5e-6, floor)
    add("scores of an architecture", _per_call(lambda: bench.scores(1, image, TASK), rounds), None)

    add("first curve of a file", _first_curve(data, rounds), 1e-3)
    curves = np.load(_save(scratch / "curves.npy", bench), mmap_mode="r")
    places = iter(np.random.default_rng(0).permutation(len(bench) * len(bench.images)).tolist())
    images = len(bench.images)

    def next_curve() -> None:
        arch, at = divmod(next(places), images)
        bench.curve(arch, bench.images[at], TASK)

    def next_one_seed() -> None:
        arch, at = divmod(next(places), images)
        bench.curve(arch, bench.images[at], TASK, seed=0)

    floor_curve = _per_call(lambda: np.array(curves[7, 3]).mean(axis=0), rounds)
    number = min(500, len(bench) * images // 3)
    add("curve, first read, mean of 3 seeds", _mean(next_curve, number), 1e-3, floor_curve)
    add("curve, first read, one seed", _mean(next_one_seed, number), 1e-3, floor_curve)
    add("curve again", _per_call(lambda: bench.curve(1, image, TASK), rounds), 5e-6)
    everything = _best(lambda: bench.curves(TASK), rounds)
    stored = bench.manifest.files[f"curves/{bench.fidelities[0]}-{TASK}.h5"].size
    add(
        f"all curves of a task ({stored / 1e6:.1f} MB on disk)",
        everything,
        None,
        _best(lambda: np.load(scratch / "curves.npy"), rounds),
    )

    for name in ("architectures", "images", "runs", "scores"):
        add(f"table {name}, first time", _first_table(data, name, rounds), 10e-3)
        if name in ("runs", "scores"):
            first = _first_table(data, name, rounds, categories=True)
            add(f"table {name}, first time, categories", first, 10e-3)
        again = _best(lambda name=name: bench.to_frame(name), rounds)
        add(f"table {name}, again", again, 10e-3)
    add("kendall, 3 seeds", _best(lambda: bench.kendall(TASK), rounds), None)
    add("overlap, 3 seeds", _best(lambda: bench.overlap(TASK), rounds), None)
    add(
        "kendall_intervals, 3 seeds, 1000 resamples",
        _best(lambda: bench.kendall_intervals(TASK), 1),
        None,
    )
    add(
        "proxy_table, 3 seeds, no intervals",
        _best(lambda: bench.proxy_table(TASK, resamples=0), 1),
        None,
    )
    add("overlap_table, 3 seeds", _best(lambda: bench.overlap_table(TASK), rounds), None)
    add("Table 1", _best(lambda: table1(bench, TASK).text(), rounds), 0.1)
    return rows


def _output(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def _fresh(code: str, rounds: int) -> float:
    """Seconds that code in an interpreter of its own says it took."""
    return min(float(_output(code)) for _ in range(rounds))


def _per_call(work: Callable[[], Any], rounds: int, calls: int = 2000) -> float:
    work()
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(calls):
            work()
        seconds.append((time.perf_counter() - started) / calls)
    return min(seconds)


def _mean(work: Callable[[], Any], calls: int) -> float:
    work()
    started = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - started) / calls


def _best(work: Callable[[], Any], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        result = work()  # kept, so that freeing it is not timed
        seconds.append(time.perf_counter() - started)
        del result
    return min(seconds)


def _first_queries(data: Path, rounds: int) -> float:
    """Seconds a query when none has been asked before, over all architectures and images."""

    def once() -> float:
        bench = NASDIPBench(data)
        bench.query(0, bench.images[0], TASK)
        asked = [(arch, image) for arch in range(1, len(bench)) for image in bench.images]
        started = time.perf_counter()
        for arch, image in asked:
            bench.query(arch, image, TASK)
        return (time.perf_counter() - started) / len(asked)

    return min(once() for _ in range(rounds))


def _first_curve(data: Path, rounds: int) -> float:
    def once() -> float:
        bench = NASDIPBench(data)
        bench.query(0, bench.images[0], TASK)
        started = time.perf_counter()
        bench.curve(0, bench.images[0], TASK)
        return time.perf_counter() - started

    return min(once() for _ in range(rounds))


def _first_table(data: Path, name: Any, rounds: int, categories: bool = False) -> float:
    def read() -> tuple[Any, Any]:
        bench = NASDIPBench(data)
        return bench, bench.to_frame(name, categories)

    return _best(read, rounds)


def _save(path: Path, bench: NASDIPBench) -> Path:
    np.save(path, bench.curves(TASK).psnr_smooth_db)
    return path


if __name__ == "__main__":
    main()
