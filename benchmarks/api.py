"""Measure the query API on a full-size release, compared with plain arrays as the floor.

    python benchmarks/api.py            # a minute; writes benchmarks/results/api.json

Then ``python benchmarks/report.py`` writes the table of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from full_size import write_full_size
from machine import describe
from results import Results

from nasdip_bench import NASDIPBench
from nasdip_bench.api import table1

RESULTS = Path(__file__).parent / "results" / "api.json"
ROUNDS = 5
BURSTS = 6
TASK = "denoise"

Work = Callable[[], Any]
Rounds = Callable[[int], float]
"""Measures a number of rounds; the best of them."""

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
import nasdip_bench.api.statistics.agreement.scores, nasdip_bench.api.paper.table1
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


@dataclass(frozen=True)
class Figure:
    """A quantity to measure.

    Attributes:
        name: for the table.
        best: function of a number of rounds; returns the best of them, in the unit.
        target: upper limit; None if none is set.
        floor: the same for a plain array; None if there is nothing to compare with.
        unit: "s" or "B".
        once: whether one round is enough, or only one is possible.
    """

    name: str
    best: Rounds
    target: float | None = None
    floor: Rounds | None = None
    unit: str = "s"
    once: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architectures", type=int, default=522)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--bursts", type=int, default=BURSTS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = write_full_size(Path(folder) / "data", options.architectures)
        rows = measure(data, Path(folder), options.rounds, options.bursts)
    rounds = {"bursts": options.bursts, "rounds": options.rounds}
    Results(options.out).set(machine=describe("cpu", 1), **rounds, api=rows)
    print(f"written: {options.out}")


def measure(data: Path, scratch: Path, rounds: int, bursts: int) -> list[dict[str, Any]]:
    """Rows of name, measured, slowest, floor, target and unit ("s" or "B").

    Figures are measured in turn, one burst of rounds each, again and again, so that a slow phase of
    the machine affects one burst of all figures, not all rounds of one. ``measured`` is the best of
    all rounds, ``slowest`` the best round of the slowest burst.
    """
    found: dict[str, list[float]] = {}
    floors: dict[str, list[float]] = {}
    figures = _figures(data, scratch)
    for burst in range(bursts):
        print(f"burst {burst + 1} of {bursts}", file=sys.stderr)
        for figure in figures:
            if figure.once and burst:
                continue
            times = 1 if figure.once else rounds
            found.setdefault(figure.name, []).append(figure.best(times))
            if figure.floor is not None:
                floors.setdefault(figure.name, []).append(figure.floor(times))
    return [
        {
            "name": figure.name,
            "measured": min(found[figure.name]),
            "slowest": max(found[figure.name]),
            "target": figure.target,
            "floor": min(floors.get(figure.name, [None])),
            "unit": figure.unit,
        }
        for figure in figures
    ]


def _figures(data: Path, scratch: Path) -> list[Figure]:
    bench = NASDIPBench(data)
    block = bench.runs.block(TASK)
    values = block.values.reshape(len(bench), len(bench.images), -1)
    np.save(scratch / "values.npy", values)
    np.save(scratch / "curves.npy", bench.curves(TASK).psnr_smooth_db)
    curves = np.load(scratch / "curves.npy", mmap_mode="r")
    code, image, images = str(bench[1]), bench.images[1], len(bench.images)
    seed, seeds = block.default_seeds[0], f"{len(block.default_seeds)} seeds"
    places = iter(np.random.default_rng(0).permutation(len(bench) * images).tolist())
    parts = f"curves/{bench.fidelities[0]}-{TASK}-"
    stored = sum(file.size for path, file in bench.manifest.files.items() if path.startswith(parts))

    @cache
    def memory() -> list[float]:
        return [float(number) for number in _output(MEMORY.format(data=str(data))).split()]

    def held(_: int) -> float:
        return float(values.nbytes)

    def next_curves(seed: int | None) -> float:
        """Seconds per curve, each read for the first time."""

        def read() -> None:
            arch, at = divmod(next(places), images)
            bench.curve(arch, bench.images[at], TASK, seed=seed)

        return _per_call(read, 1, min(500, len(bench) * images // 3))

    value = partial(_per_call, lambda: float(values[1, 1, 5]))
    curve = partial(_per_call, lambda: np.array(curves[7, 3]).mean(axis=0))

    def again(name: str, work: Work, floor: Rounds | None = None) -> Figure:
        return Figure(name, partial(_per_call, work), 5e-6, floor)

    def slow(name: str, work: Work, target: float | None = None, once: bool = False) -> Figure:
        return Figure(name, partial(_best, work), target, once=once)

    def table(name: Any) -> list[Figure]:
        first = partial(_first_table, data, name)
        found = [Figure(f"table {name}, first time", partial(first, False), 25e-3)]
        if name in ("runs", "scores"):
            title = f"table {name}, first time, categories"
            found.append(Figure(title, partial(first, True), 25e-3))
        return [*found, slow(f"table {name}, again", partial(bench.to_frame, name), 10e-3)]

    return [
        Figure(
            "import, open and first query",
            partial(_fresh, FIRST_QUERY.format(data=str(data), arch=code)),
            0.3,
            partial(_fresh, FIRST_FLOOR.format(array=str(scratch / "values.npy"))),
        ),
        Figure("memory after opening", lambda _: memory()[0], 20e6, unit="B", once=True),
        Figure("memory after a query", lambda _: memory()[1], None, held, "B", True),
        Figure(
            "memory after a query, kendall and a curve", lambda _: memory()[2], unit="B", once=True
        ),
        again("query again, by row", lambda: bench.query(1, image, TASK), value),
        again("query again, by string", lambda: bench.query(code, image, TASK), value),
        again("query again, one seed", lambda: bench.query(1, image, TASK, seed=seed), value),
        Figure("query, each for the first time", partial(_first_queries, data), 5e-6, value),
        Figure(
            "scores of an architecture", partial(_per_call, lambda: bench.scores(1, image, TASK))
        ),
        Figure("first curve of a file", partial(_first_curve, data), 50e-3),
        Figure(
            f"curve, first read, mean of {seeds}",
            lambda _: next_curves(None),
            1e-3,
            curve,
            once=True,
        ),
        Figure("curve, first read, one seed", lambda _: next_curves(seed), 1e-3, curve, once=True),
        again("curve again", lambda: bench.curve(1, image, TASK)),
        Figure(
            f"all curves of a task ({stored / 1e6:.1f} MB on disk)",
            partial(_best, lambda: bench.curves(TASK)),
            floor=partial(_best, lambda: np.load(scratch / "curves.npy")),
        ),
        *(one for name in ("architectures", "images", "runs", "scores") for one in table(name)),
        slow(f"kendall, {seeds}", lambda: bench.kendall(TASK)),
        slow(f"overlap, {seeds}", lambda: bench.overlap(TASK)),
        slow(f"kendall_intervals, {seeds}", lambda: bench.kendall_intervals(TASK)),
        slow("Table 1", lambda: table1(bench, TASK).text(), 0.1),
    ]


def _output(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def _fresh(code: str, rounds: int) -> float:
    """Seconds that code reports in a fresh interpreter."""
    return min(float(_output(code)) for _ in range(rounds))


def _per_call(work: Work, rounds: int, calls: int = 2000) -> float:
    work()
    return min(timeit.repeat(work, number=calls, repeat=rounds)) / calls


def _best(work: Work, rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        result = work()  # kept, so that freeing it is not timed
        seconds.append(time.perf_counter() - started)
        del result
    return min(seconds)


def _first_queries(data: Path, rounds: int) -> float:
    """Seconds per first query, over all architectures and images."""

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


def _first_table(data: Path, name: Any, categories: bool, rounds: int) -> float:
    def read() -> tuple[Any, Any]:
        bench = NASDIPBench(data)
        return bench, bench.to_frame(name, categories=categories)

    return _best(read, rounds)


if __name__ == "__main__":
    main()
