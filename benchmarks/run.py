"""Measure the engines on this machine: one command, one JSON file of results.

    python benchmarks/run.py                        # defaults for the machine
    python benchmarks/run.py --sizes 64 --architectures 4 --seconds 0.3 --out /tmp/quick.json
    python benchmarks/run.py --device cuda --time-limit 240

The file is written after every row, so a run that is cut short keeps what it measured. With
``--time-limit``, a section that uses up its share of the time is cut, and the file says so. On a
GPU each architecture adds a row at every size, in an order whose first few always span the range of
costs. Then ``python benchmarks/report.py`` writes the tables of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from machine import ceilings, describe
from projection import project
from results import Results
from rows import LARGE_SIZE, Rows, start, steps, timed
from sample import spread, stratified
from stopwatch import Setting, Stopwatch
from variants import variants_for

from nasdip_bench.images import load_images
from nasdip_bench.network.fast import free_cached_memory
from nasdip_bench.proxies import prepare
from nasdip_bench.proxies.scoring import Scored, score_architecture
from nasdip_bench.tasks import get_task

LARGEST_STACKED_SIZE = 128
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    options = _options()
    results = Results(options.out, options.time_limit)
    torch.set_num_threads(options.threads)
    rates = ceilings(options.device)
    free_cached_memory(torch.device(options.device))
    results.set(
        machine=describe(options.device, options.threads, options.commit),
        ceilings=rates,
        settings={k: v for k, v in vars(options).items() if k not in ("out", "commit")},
    )
    # A processor without bf16 products takes minutes for a bf16 step.
    options.lacking = {p for p in ("bf16",) if rates[f"flops_{p}"] < 0.1 * rates["flops_fp32"]}
    for name, (section, share) in SECTIONS[options.device].items():
        options.over = partial(results.over, share)
        rows = section(options)
        while not results.over(share):
            row = next(rows, None)
            if row is None:
                break
            results.add(name, row)
        else:
            results.cut(name)
        rows.close()  # ends the processes it started
        results.set(projections=_projections(results.content))
    print(f"written: {options.out}" + f"; cut: {results.content.get('cut', 'nothing')}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--device",
        choices=SECTIONS,
        default="cuda" if torch.cuda.is_available() else "cpu",
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sizes", type=_integers, default=[64, 128, 256, 512])
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--architectures", type=int, help="1..27; default: 8 (CPU), 27 (CUDA)")
    parser.add_argument("--stacks", type=_integers, default=[10, 20], help="CUDA, up to 128 x 128")
    parser.add_argument("--tasks", help="comma-separated; default: both (CPU), denoise (CUDA)")
    parser.add_argument("--seconds", type=float, help="per measurement: 1 (CPU), 0.3 (CUDA)")
    parser.add_argument("--rounds", type=int, help="the best counts: of 3 (CPU), of 2 (CUDA)")
    parser.add_argument("--time-limit", type=float, help="seconds for everything")
    parser.add_argument("--commit", default="", help="commit to record if there is no git")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/<device>.json")
    options = parser.parse_args()
    cuda = options.device == "cuda"
    options.architectures = options.architectures or (27 if cuda else 8)
    options.tasks = (options.tasks or ("denoise" if cuda else "denoise,inpaint")).split(",")
    options.seconds = options.seconds or (0.3 if cuda else 1.0)
    options.rounds = options.rounds or (2 if cuda else 3)
    options.out = options.out or RESULTS / f"{options.device}.json"
    return options


def _integers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


# Sections: rows in the order measured


def _training_cpu(options: argparse.Namespace) -> Rows:
    """Training steps of all variants by size, architecture and task; half the number if large."""
    for size in options.sizes:
        count = options.architectures
        if size >= LARGE_SIZE:
            count = max(1, count // 2)
        settings = [
            Setting(str(arch), size, options.channels, task)
            for arch in stratified(count)
            for task in options.tasks
        ]
        yield from steps(settings, _variants(options), options)


def _training_cuda(options: argparse.Namespace) -> Rows:
    """Training steps of all variants at all sizes and stacks, architecture by architecture."""
    settings = [
        Setting(str(arch), size, options.channels, task, stack)
        for arch in spread(stratified(options.architectures))
        for size in options.sizes
        for task in options.tasks
        for stack in (1, *options.stacks)
        if stack == 1 or size <= LARGEST_STACKED_SIZE
    ]
    names = variants_for("cuda")
    with ExitStack() as processes:
        clocks = start(names, options, processes)
        alone: dict[str, float] = {}
        for setting in settings:
            row = timed(setting, clocks, variants_for("cuda", setting.stack), options)
            if setting.stack == 1:
                alone = {n: s for n, s in row["seconds"].items() if n.startswith("research")}
            # A stack reuses the research loop's times of the single run, just measured.
            row["seconds"] = alone | row["seconds"]
            yield row


def _narrow(options: argparse.Namespace) -> Rows:
    """r64c16: single runs and stacks of ten, with one thread, as in the builder's processes."""
    one_thread = argparse.Namespace(**vars(options) | {"threads": 1})
    for stack in (1, 10):
        archs = stratified(options.architectures)
        settings = [Setting(str(arch), 64, 16, "denoise", stack) for arch in archs]
        yield from steps(settings, ("research", "plain", "fast"), one_thread)


def _scoring(options: argparse.Namespace) -> Rows:
    """Untrained networks scored per second, for one image and task."""
    image = load_images("skimage", ["camera"])[0]
    task = get_task("denoise")
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
        score_architecture(
            stratified(8)[0], [problem], channels=options.channels, inits=1, device=options.device
        )  # libraries choose and load their kernels
        seconds = []
        for arch in stratified(min(options.architectures, 8)):
            if seconds and options.over():
                break
            started = time.perf_counter()
            score_architecture(
                arch, [problem], channels=options.channels, inits=2, device=options.device
            )
            seconds.append((time.perf_counter() - started) / 2)
        rate = len(seconds) / sum(seconds)
        print(f"scoring at {size}: {rate:.2f} networks/s", file=sys.stderr)
        free_cached_memory(torch.device(options.device))
        yield {"size": size, "networks_per_second": rate, "architectures": len(seconds)}


def _memory_cpu(options: argparse.Namespace) -> Rows:
    """Peak memory of the architecture with the most operations, in a separate process.

    On a GPU, every row records its own peak.
    """
    arch = stratified()[-1]
    for size in options.sizes:
        for name in _variants(options):
            with Stopwatch(name, "cpu", options.threads) as clock:
                answer = clock.time(Setting(str(arch), size, options.channels), 0)
            yield {"size": size, "variant": name, "architecture": str(arch)} | {
                key: answer.get(key) for key in ("peak_bytes", "error")
            }


def _variants(options: argparse.Namespace) -> list[str]:
    return [name for name in variants_for("cpu") if options.lacking.isdisjoint(name.split())]


SECTIONS = {
    "cpu": {
        "training": (_training_cpu, 0.8),
        "narrow": (_narrow, 0.9),
        "scoring": (_scoring, 1.0),
        "memory": (_memory_cpu, 1.0),
    },
    "cuda": {
        "scoring": (_scoring, 0.15),
        "training": (_training_cuda, 1.0),
    },
}
"""By device: the functions, and the share of the time limit at which each is cut."""


def _projections(content: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    measured = [*content.get("training", []), *content.get("narrow", [])]
    fidelities = {(size, 128): f"r{size}" for size in (64, 128, 256, 512)} | {(64, 16): "r64c16"}
    settings = dict.fromkeys((row["size"], row["channels"], row["stack"]) for row in measured)
    for size, channels, stack in settings:
        mine = [
            row
            for row in measured
            if (row["size"], row["channels"], row["stack"]) == (size, channels, stack)
            and row["task"] == "denoise"
        ]
        if (size, channels) not in fidelities or (channels == 16 and stack == 1):
            continue
        fidelity = fidelities[size, channels]
        for name in sorted({name for row in mine for name in row["seconds"]}):
            having_it = [row for row in mine if name in row["seconds"]]
            if len(having_it) >= 4:
                archs = [row["architecture"] for row in having_it]
                times = [row["seconds"][name] for row in having_it]
                rows.append(
                    {"fidelity": fidelity, "stack": stack, "variant": name}
                    | {"architectures": len(having_it)}
                    | project(fidelity, archs, times)
                )
    return rows


if __name__ == "__main__":
    main()
