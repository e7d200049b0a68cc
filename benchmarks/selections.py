"""Count how often replays from distances select as the restorations would, over a build's cohorts.

    python benchmarks/selections.py builds/dataset/build data

For each image, task, seed, score and cohort size, find the member closest to the average, once by
the restorations in the build's shards and once by the distances in the release.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from nasdip_bench import NASDIPBench
from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.distances import to_average
from nasdip_bench.isnas.selection import weights

FIDELITY = "r64c16"
SCORES = (
    "psd_db_mse/corrupted",
    "psd_db_strip_mse/corrupted",
    "psd_strip_hist_emd/corrupted",
    "psd_99_bandwidth/none",
)
NEAR_DB = 0.002


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    bench, folder = NASDIPBench(options.data), DatasetFolder(options.data)
    held = restorations(options.build, bench)
    counts: Counter[str] = Counter()
    largest = 0.0
    for task in bench.tasks:
        distances = folder.distances(FIDELITY, task)
        for place, image in enumerate(bench.images):
            for seed in distances.seeds.tolist():
                between = distances.between(place, seed)
                scores = bench.runs.scores(task, FIDELITY, seed)[1]
                mine = held.get((task, image, seed), {})
                for key in SCORES:
                    values = scores.values[:, place, scores.keys.index(key)]
                    order = [a for a in np.argsort(values) if a in mine and np.isfinite(values[a])]
                    for n in range(2, len(order) + 1):
                        said, error = compare(order[:n], values, mine, between)
                        counts[said] += 1
                        largest = max(largest, error)
    print(f"{counts.total()} cohorts: {dict(counts)}; largest error of a distance {largest:.4f} dB")


def compare(
    cohort: list[int],
    scores: np.ndarray,
    restorations: dict[int, np.ndarray],
    between: np.ndarray,
) -> tuple[str, float]:
    """ "same", "near" (the two best within `NEAR_DB`) or "other"; the largest error in dB."""
    shares = weights(scores[cohort])
    images = np.stack([restorations[arch] for arch in cohort])
    direct = ((images - shares @ images) ** 2).mean(axis=1)
    found = to_average(between[np.ix_(cohort, cohort)], shares)
    error = float(np.abs(10 * np.log10(found / direct)).max())
    best, second = np.sort(10 * np.log10(direct))[:2]
    if found.argmin() == direct.argmin():
        return "same", error
    return "near" if second - best <= NEAR_DB else "other", error


def restorations(
    build: Path, bench: NASDIPBench
) -> dict[tuple[str, str, int], dict[int, np.ndarray]]:
    """By task, image and seed: the restorations of the release's architectures, each (values,)."""
    names = ["architecture", "image", "task", "fidelity", "seed", "restoration"]
    held: dict[tuple[str, str, int], dict[int, np.ndarray]] = {}
    for table in BuildFolder(build).read("runs", names):
        for row in table.to_pylist():
            if row["fidelity"] == FIDELITY and row["restoration"] is not None:
                key = (row["task"], row["image"], row["seed"])
                pixels = np.frombuffer(row["restoration"], "<u2") / 65535
                held.setdefault(key, {})[bench.arch_id(row["architecture"])] = pixels
    for (task, image, seed), mine in held.items():  # finished after the release
        there = bench.runs.block(task, FIDELITY).statuses(seed)[:, bench.images.index(image)] == 0
        held[task, image, seed] = {arch: one for arch, one in mine.items() if there[arch]}
    return held


if __name__ == "__main__":
    main()
