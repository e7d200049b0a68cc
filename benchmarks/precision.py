"""Compare the effect of a precision with that of another seed: PSNR and ranking of whole fits.

    nasdip-build ... --seeds 0 --out builds/fp32 && nasdip-build release builds/fp32 --out fp32
    nasdip-build ... --seeds 1 --out builds/seed1 && nasdip-build release builds/seed1 --out seed1
    nasdip-build ... --precision bf16 --out builds/16 && nasdip-build release builds/16 --out bf16
    python benchmarks/precision.py fp32 seed1 bf16 --out benchmarks/results/bf16.json

Only runs that all three releases have are compared. Then ``python benchmarks/report.py`` writes the
table of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from results import Results

from nasdip_bench import NASDIPBench
from nasdip_bench.ranks.tau import tau_b

TARGETS = ("best_psnr_smooth_db", "final_psnr_smooth_db")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path, help="release in the base precision")
    parser.add_argument("seed", type=Path, help="the same with another seed")
    parser.add_argument("other", type=Path, help="the same as the base in another precision")
    parser.add_argument("--task", default="denoise")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    releases = [NASDIPBench(path) for path in (options.base, options.seed, options.other)]
    found = compare(releases, options.task)
    Results(options.out).set(machine=describe("cpu", 1), comparison=found)
    print(json.dumps(found, indent=1))


def compare(releases: list[NASDIPBench], task: str) -> dict[str, Any]:
    """Differences of the second release (a seed) and the third (a precision) from the first."""
    blocks = [bench.runs.block(task) for bench in releases]
    if len({bench.images for bench in releases}) > 1:
        raise SystemExit("the releases are of different images")
    common = [code for code in releases[0].codes if all(code in bench for bench in releases)]
    rows = [[bench.arch_id(code) for code in common] for bench in releases]
    precisions = [sorted(set(b.to_frame("runs")["precision"])) for b in releases]
    found: dict[str, Any] = {
        "task": task,
        "fidelity": blocks[0].fidelity,
        "precisions": precisions,
        "seeds": [list(block.default_seeds) for block in blocks],
        "targets": {},
    }
    for target in TARGETS:
        values = [
            block.matrix(target, block.default_seeds[0])[mine]
            for block, mine in zip(blocks, rows, strict=True)
        ]
        whole = np.isfinite(values).all(axis=(0, 2))  # architectures with all images in all three
        base, seed, other = (v[whole] for v in values)
        found["runs"], found["architectures"] = int(base.size), int(whole.sum())
        found["targets"][target] = {
            name: {
                "mean_db": float(np.mean(values - base)),
                "mean_error_db": float(np.std(values - base, ddof=1) / np.sqrt(base.size)),
                "rms_db": float(np.sqrt(np.mean((values - base) ** 2))),
                "tau": [tau_b(base[:, i], values[:, i]) for i in range(base.shape[1])],
            }
            for name, values in (("seed", seed), ("precision", other))
        }
    return found


if __name__ == "__main__":
    main()
