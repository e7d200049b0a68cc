"""Measure the cost of recording: its calls relative to a training step, in a stack at r64c16.

    python benchmarks/recording.py            # writes results/recording.json; a minute

Steps and calls alternate, on a CPU with one thread, as in a build's workers.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from machine import describe
from results import Results
from sample import stratified

from nasdip_bench.fit.objective import Problem
from nasdip_bench.fit.recording import Observer, Ssim
from nasdip_bench.network.fast import FastNetwork, keep_freed_memory
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.observables import OBSERVABLES
from nasdip_bench.proxies.scoring import blank_network
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import get_task

SIZE, CHANNELS, STACK, ROUNDS = 64, 16, 10, 30
TARGET = 0.03


def measure(arch: Architecture, task_name: str) -> dict[str, float]:
    """Median seconds of `ROUNDS` steps and of the recording calls between them."""
    task, problems, networks = get_task(task_name), [], []
    for run in range(STACK):
        truth = np.random.default_rng(run).random((1, SIZE, SIZE), dtype=np.float32)
        problems.append(Problem(task, task.corrupt(truth, str(run)), truth))
        network = blank_network(arch, 1, CHANNELS, "cpu")
        draw_weights(network, "recording", run)
        networks.append(network)
    problem, network = Problem.stack(problems), FastNetwork(stack_networks(networks))
    z = draw_z(1, SIZE, SIZE, "recording").repeat(1, STACK, 1, 1)
    optimizer = torch.optim.Adam(network.parameters(), 0.01, fused=True)
    observer, ssim = Observer(problem, OBSERVABLES), Ssim(problem.target)
    steps, records = [], []
    for i in range(ROUNDS + 3):
        started = time.perf_counter()
        output = problem.unstack(network(z))
        losses = problem.losses(output)
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        stepped = time.perf_counter()
        with torch.no_grad():
            images = output.detach()
            observer.look(i, losses.detach(), images, images)
            ssim(images)
        steps.append(stepped - started)
        records.append(time.perf_counter() - stepped)
    return {
        "step_seconds": statistics.median(steps[3:]),
        "recording_seconds": statistics.median(records[3:]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    rows = [
        {"architecture": str(arch), "task": task} | measure(arch, task)
        for arch in stratified(9)
        for task in ("denoise", "inpaint")
    ]
    share = statistics.median(row["recording_seconds"] / row["step_seconds"] for row in rows)
    worst = max(row["recording_seconds"] / row["step_seconds"] for row in rows)
    print(
        f"recording takes {share:.1%} of a step (median), {worst:.1%} at most; target {TARGET:.0%}"
    )
    results = Results(options.out / "recording.json")
    results.set(machine=describe("cpu", 1), recording=rows, share=share, worst=worst)


if __name__ == "__main__":
    main()
