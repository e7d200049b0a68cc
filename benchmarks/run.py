"""Measure the engines on this machine: one command, one JSON file of results.

    python benchmarks/run.py                        # what suits the machine
    python benchmarks/run.py --sizes 64 --architectures 4 --seconds 0.3 --out /tmp/quick.json
    python benchmarks/run.py --device cuda --architectures 27

Then ``python benchmarks/report.py`` writes the tables of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from machine import ceilings, describe
from projection import project
from sample import stratified
from stopwatch import Setting, Stopwatch
from variants import LEVERS, VARIANTS

from nasdip_bench.cost import architecture_cost
from nasdip_bench.images import load_images
from nasdip_bench.proxies import prepare
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import get_task
from nasdip_bench.untrained import Scored, score_architecture

LEVER_ARCHITECTURES = 4
RESULTS = Path(__file__).parent / "results"
ADAM_BYTES = 28
"""A parameter and step: weight, gradient and two moments read; weight and moments written."""


def main() -> None:
    options = _options()
    device, threads = options.device, options.threads
    names = [n for n, v in VARIANTS.items() if v.precision != "tf32" or device == "cuda"]
    results: dict[str, Any] = {
        "machine": describe(device, threads),
        "ceilings": ceilings(device),
        "settings": {k: v for k, v in vars(options).items() if k != "out"},
    }
    torch.set_num_threads(threads)
    started = time.perf_counter()
    results["training"] = []
    for size in options.sizes:
        results["training"] += _training(options, names, size, options.channels)
    results["narrow"] = _narrow(options)
    results["levers"] = _levers(options)
    results["scoring"] = _scoring(options)
    results["memory"] = _memory(options, names)
    results["projections"] = _projections(results)
    results["seconds"] = time.perf_counter() - started
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(f"written: {options.out}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sizes", type=_integers, help="default: 64,256 (CPU), 64..512 (CUDA)")
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--architectures", type=int, help="1..27; default: 8 (CPU), 27 (CUDA)")
    parser.add_argument("--tasks", default="denoise", help="comma-separated")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="the best of them counts")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/<device>.json")
    options = parser.parse_args()
    cuda = options.device == "cuda"
    options.sizes = options.sizes or ([64, 128, 256, 512] if cuda else [64, 256])
    options.architectures = options.architectures or (27 if cuda else 8)
    options.tasks = options.tasks.split(",")
    options.out = options.out or RESULTS / f"{options.device}.json"
    return options


def _integers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _training(
    options: argparse.Namespace, names: list[str], size: int, channels: int, stack: int = 1
) -> list[dict[str, Any]]:
    """Training steps of all variants, in turn, for each architecture and task."""
    rows = []
    with ExitStack() as processes:
        clocks = {
            name: processes.enter_context(Stopwatch(name, options.device, options.threads))
            for name in names
        }
        for arch in stratified(options.architectures):
            for task in options.tasks:
                setting = Setting(str(arch), size, channels, task, stack)
                row = _row(setting, options, _in_turn(clocks, setting, options))
                rows.append(row)
                _say(row)
    return rows


def _in_turn(
    clocks: dict[str, Stopwatch], setting: Setting, options: argparse.Namespace
) -> dict[str, list[dict[str, Any]]]:
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in clocks}
    for _ in range(options.rounds):
        for name, clock in clocks.items():
            taken[name].append(clock.time(setting, options.seconds))
    return taken


def _row(
    setting: Setting, options: argparse.Namespace, taken: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    arch = Architecture.parse(setting.architecture)
    cost = architecture_cost(arch, 1, 1, setting.channels)
    row: dict[str, Any] = {
        **vars(setting),
        "flop": 3 * cost.forward_flops(setting.size, setting.size),
        "adam_bytes": ADAM_BYTES * cost.parameters,
        "seconds": {},
        "spread": {},
        "errors": {},
    }
    for name, measurements in taken.items():
        times = [m["seconds_per_iteration"] for m in measurements if not m["error"]]
        if times:
            row["seconds"][name] = min(times)
            row["spread"][name] = max(times) / min(times) - 1
        else:
            row["errors"][name] = measurements[0]["error"]
    return row


def _narrow(options: argparse.Namespace) -> list[dict[str, Any]]:
    """r64c16: single runs and stacks of ten, one thread, as the builder's processes have."""
    one_thread = argparse.Namespace(**vars(options) | {"threads": 1, "tasks": ["denoise"]})
    rows = []
    for stack in (1, 10):
        rows += _training(one_thread, ["research", "plain", "fast"], 64, 16, stack)
    return rows


def _levers(options: argparse.Namespace) -> list[dict[str, Any]]:
    number = min(options.architectures, LEVER_ARCHITECTURES)
    few = argparse.Namespace(**vars(options) | {"tasks": ["denoise"], "architectures": number})
    rows = []
    for size in options.sizes:
        rows += _training(few, list(LEVERS), size, options.channels)
    return rows


def _scoring(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Untrained networks scored a second, for one image and task."""
    image = load_images("skimage", ["camera"])[0]
    task = get_task("denoise")
    rows = []
    for size in options.sizes:
        truth = image.at_resolution(size)
        observation = task.corrupt(truth, image.name)
        references = task.scoring_references(truth, observation)
        problem = Scored(
            task=task,
            corrupted=observation.corrupted,
            references={name: prepare(r, name) for name, r in references.items()},
            shape=truth.shape,
        )
        seconds = []
        for arch in stratified(options.architectures):
            started = time.perf_counter()
            score_architecture(
                arch, [problem], channels=options.channels, inits=2, device=options.device
            )
            seconds.append((time.perf_counter() - started) / 2)
        rows.append({"size": size, "networks_per_second": len(seconds) / sum(seconds)})
        print(
            f"scoring at {size}: {rows[-1]['networks_per_second']:.2f} networks/s", file=sys.stderr
        )
    return rows


def _memory(options: argparse.Namespace, names: list[str]) -> list[dict[str, Any]]:
    """Peak memory of the architecture with the most operations, in a process of its own."""
    arch = stratified()[-1]
    rows = []
    for size in options.sizes:
        for name in names:
            with Stopwatch(name, options.device, options.threads) as clock:
                answer = clock.time(Setting(str(arch), size, options.channels), 0)
            rows.append(
                {"size": size, "variant": name, "architecture": str(arch)}
                | {key: answer.get(key) for key in ("peak_bytes", "error")}
            )
    return rows


def _projections(results: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    measured = [(f"r{size}", size, 128, 1) for size in (64, 128, 256, 512)]
    measured += [("r64c16", 64, 16, 10)]
    for fidelity, size, channels, stack in measured:
        mine = [
            row
            for row in (*results["training"], *results["narrow"])
            if (row["size"], row["channels"], row["stack"]) == (size, channels, stack)
            and row["task"] == "denoise"
        ]
        for name in sorted({name for row in mine for name in row["seconds"]}):
            having = [row for row in mine if name in row["seconds"]]
            if len(having) >= 4:
                archs = [row["architecture"] for row in having]
                rows.append(
                    {"fidelity": fidelity, "variant": name, "architectures": len(having)}
                    | project(fidelity, archs, [row["seconds"][name] for row in having])
                )
    return rows


def _say(row: dict[str, Any]) -> None:
    times = ", ".join(f"{name} {1e3 * s:.1f}" for name, s in row["seconds"].items())
    print(
        f"{row['size']} {row['channels']} x{row['stack']} {row['task']} {row['architecture']}: "
        f"{times} ms",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
