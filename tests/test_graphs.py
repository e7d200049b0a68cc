"""A step that is recorded and replayed is the step: on a GPU as a graph, on a CPU its loop."""

from __future__ import annotations

import gc
import weakref
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from nasdip_bench import dip
from nasdip_bench.builder.build import build
from nasdip_bench.dip import Fit, fit_stack
from nasdip_bench.errors import ConfigError
from nasdip_bench.fast import FastNetwork, graphs
from nasdip_bench.fast.graphs import WARM_UP
from nasdip_bench.initialise import draw_weights, draw_z
from nasdip_bench.network import Network
from nasdip_bench.problem import Problem
from nasdip_bench.seeding import BitStream
from nasdip_bench.space import Architecture
from nasdip_bench.stacking import stack_networks
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve, Task
from nasdip_bench.untrained import blank_network
from tests.builds import run_rows, small_config

SKIP = "1011001110001101011100101"
# One cell a family (sampling x transform), kernels and activations mixed.
FAMILIES = [2, 13, 28, 40, 52, 60, 76, 88, 98, 112, 120, 123, 130, 142, 151, 163, 178, 186]
FAMILIES += [190, 205, 219, 228, 256, 268, 280, 295, 315, 320]
ITERATIONS = 40


def new_network(arch: Architecture, device: str, dtype: torch.dtype, runs: int) -> Network:
    networks = []
    for key in range(runs):
        network = blank_network(arch, 1, 16, device)
        draw_weights(network, "graphs", key)
        networks.append(network.to(dtype))
    return stack_networks(networks)


def new_problem(task: Task, device: str, dtype: torch.dtype, runs: int) -> Problem:
    problems = []
    for key in range(runs):
        truth = BitStream("truth", key).uniform32((1, 64, 64), 0, 1)
        problems.append(Problem(task, task.corrupt(truth, str(key)), truth, device, dtype))
    return Problem.stack(problems)


def train(
    cell: int,
    *,
    task: Task | None = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float64,
    runs: int = 1,
    fast: bool = True,
    iterations: int = ITERATIONS,
    **options,
) -> list[Fit]:
    plain = new_network(Architecture(cell, SKIP), device, dtype, runs)
    z = draw_z(1, 64, 64, "z").to(device, dtype)
    network: nn.Module = FastNetwork(plain) if fast else plain
    problem = new_problem(task or Denoise(), device, dtype, runs)
    return fit_stack(network, problem, z, 3, iterations, **options)


def assert_equal(found: list[Fit], expected: list[Fit], tolerance: float) -> None:
    for one, other in zip(found, expected, strict=True):
        for name in ("psnr_db", "psnr_smooth_db", "loss"):
            np.testing.assert_allclose(
                getattr(one, name), getattr(other, name), atol=tolerance, rtol=0
            )
        np.testing.assert_allclose(one.smoothed, other.smoothed, atol=max(tolerance, 1e-6))
        assert one.diverged_at == other.diverged_at


# -- on a CPU --------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [Denoise(), Inpaint(), SuperResolve(4)], ids=lambda t: t.name)
@pytest.mark.parametrize("runs", [1, 2])
def test_a_fit_that_is_replayed_takes_the_same_steps(monkeypatch, task: Task, runs: int):
    """The loop with graphs, where the graph is the step itself: every bit is the same."""
    expected = train(98, task=task, runs=runs, dtype=torch.float32, iterations=12)
    launched: list[int] = []
    replayed: list[int] = []

    def recorder(step, device):
        assert launched == list(range(WARM_UP + 1))

        def replay() -> None:
            replayed.append(1)
            step()

        return replay

    monkeypatch.setattr(dip, "on_stream_of_graphs", lambda device: nullcontext())
    monkeypatch.setattr(dip, "recorded", recorder)
    options = {"graph": True, "on_iteration": launched.append}
    found = train(98, task=task, runs=runs, dtype=torch.float32, iterations=12, **options)
    assert len(replayed) == 12 - WARM_UP
    assert all(one.replayed for one in found)
    assert not any(one.replayed for one in expected)
    assert_equal(found, expected, 0)


def test_a_step_that_cannot_be_recorded_is_launched(monkeypatch):
    """The loop where recording fails: every bit is the same, and the fit says so."""
    expected = train(98, dtype=torch.float32, iterations=12)
    monkeypatch.setattr(dip, "on_stream_of_graphs", lambda device: nullcontext())
    monkeypatch.setattr(dip, "recorded", lambda step, device: None)
    found = train(98, dtype=torch.float32, iterations=12, graph=True)
    assert not found[0].replayed
    assert_equal(found, expected, 0)


def test_a_network_is_gone_when_nobody_holds_it():
    """And not when Python looks for cycles, which a full GPU does not make it do."""
    networks = []
    gc.collect()
    gc.disable()
    try:
        for cell in FAMILIES:
            fast = FastNetwork(new_network(Architecture(cell, SKIP), "cpu", torch.float32, 1))
            fast(draw_z(1, 64, 64, "z"))
            networks += [weakref.ref(parameter) for parameter in fast.parameters()]
            del fast
        assert [ref() for ref in networks if ref() is not None] == []
    finally:
        gc.enable()


def test_a_look_at_the_outputs_changes_nothing():
    expected = train(98, dtype=torch.float32, iterations=12)
    found = train(98, dtype=torch.float32, iterations=12, on_output=lambda *_: False)
    assert_equal(found, expected, 0)


def test_graphs_without_a_gpu_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="CUDA graphs need a CUDA device, not cpu"):
        train(98, graph=True)
    with pytest.raises(ConfigError, match="whose outputs the host looks at cannot be a CUDA graph"):
        train(98, graph=True, on_output=lambda *_: False)
    with pytest.raises(ConfigError, match="--graphs needs a CUDA device, not cpu: leave it out"):
        build(small_config(), tmp_path / "build", graphs=True)
    assert not (tmp_path / "build").exists()


# -- on a GPU --------------------------------------------------------------------------------------


@pytest.fixture
def replays(monkeypatch) -> list[int]:
    """One entry for each replay of a graph."""
    made: list[int] = []
    real = torch.cuda.CUDAGraph.replay

    def replay(self) -> None:
        made.append(1)
        real(self)

    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", replay)
    return made


@pytest.mark.gpu
@pytest.mark.parametrize("cell", FAMILIES)
def test_graph_eager_and_plain_are_one_fit(cell: int, replays, caplog):
    options = {
        "task": (Denoise(), Inpaint(), SuperResolve(4))[cell % 3],
        "runs": 1 + cell % 2,
        "device": "cuda",
    }
    eager = train(cell, **options)
    assert not replays
    graph = train(cell, graph=True, **options)
    assert not caplog.text
    assert len(replays) == ITERATIONS - WARM_UP
    # Sums are added up in another order each time, and forty iterations enlarge that: on a CPU the
    # two engines differ by up to 2e-10.
    assert_equal(graph, eager, 1e-7)
    assert_equal(train(cell, fast=False, **options), eager, 1e-7)
    if cell % 4 == 0:
        assert_equal(train(cell, fast=False, graph=True, **options), eager, 1e-7)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("runs", [1, 3])
def test_graphs_in_every_precision(precision: str, runs: int, replays, caplog):
    options = {"device": "cuda", "dtype": torch.float32, "precision": precision, "runs": runs}
    eager, graph = train(98, **options), train(98, graph=True, **options)
    assert not caplog.text
    assert len(replays) == ITERATIONS - WARM_UP
    for one, other in zip(graph, eager, strict=True):
        # Gradients are not deterministic, and rounding grows.
        np.testing.assert_allclose(one.psnr_db[:3], other.psnr_db[:3], atol=1e-2)
        np.testing.assert_allclose(one.psnr_db, other.psnr_db, atol=1.0)


class Waiting(nn.Module):
    """Waits for the device in its forward pass."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        assert z.sum().item() == z.sum().item()
        return self.network(z)


@pytest.mark.gpu
def test_a_step_that_cannot_be_recorded_is_launched_and_said_to_be(replays, caplog, monkeypatch):
    monkeypatch.setattr(graphs, "_failed", set())

    def fit_of(waiting: bool, **options) -> list[Fit]:
        plain = new_network(Architecture(98, SKIP), "cuda", torch.float64, 1)
        network = Waiting(FastNetwork(plain)) if waiting else FastNetwork(plain)
        problem = new_problem(Denoise(), "cuda", torch.float64, 1)
        z = draw_z(1, 64, 64, "z").double().cuda()
        return fit_stack(network, problem, z, 3, ITERATIONS, **options)

    found = fit_of(True, graph=True)
    assert not replays
    assert "is not recorded as a CUDA graph but launched: " in caplog.text
    assert not found[0].replayed
    assert_equal(found, fit_of(False), 1e-7)
    # Nor is any later one, which is said once; the device is as well as before.
    caplog.clear()
    assert_equal(fit_of(False, graph=True), found, 1e-7)
    assert not replays
    assert not caplog.text
    monkeypatch.setattr(graphs, "_failed", set())
    assert fit_of(False, graph=True)[0].replayed


@pytest.mark.gpu
def test_a_gpu_computes_what_a_cpu_computes():
    """Outputs and gradients of a network of every family, plain and fast."""
    for cell in FAMILIES:
        found = {}
        for device in ("cpu", "cuda"):
            for fast in (False, True):
                plain = new_network(Architecture(cell, SKIP), device, torch.float64, 2)
                network = FastNetwork(plain) if fast else plain
                z = draw_z(1, 64, 64, "z").to(device, torch.float64).repeat(1, 2, 1, 1)
                output = network(z)
                output.square().mean().backward()
                weight = plain.get_parameter("encoder.1.conv_down.weight")
                found[device, fast] = output.detach().cpu(), weight.grad.cpu()
        for key, (output, gradient) in found.items():
            torch.testing.assert_close(
                output, found["cpu", False][0], atol=1e-9, rtol=0, msg=f"{cell} {key}"
            )
            scale = found["cpu", False][1].abs().max().item()
            torch.testing.assert_close(
                gradient, found["cpu", False][1], atol=1e-7 * scale, rtol=0, msg=f"{cell} {key}"
            )


@pytest.mark.gpu
def test_memory_is_given_back_between_fits():
    held = []
    for _ in range(3):  # after the first, libraries have made their workspaces
        for cell in (2, 98, 130):
            train(cell, device="cuda", graph=True)
        torch.cuda.synchronize()
        held.append(torch.cuda.memory_allocated())
    assert held[2] < held[0] + 2**20


@pytest.mark.gpu
def test_a_build_with_graphs_is_the_build(tmp_path, replays, caplog):
    config = small_config(device="cuda", scoring_inits=0)
    build(config, tmp_path / "eager", workers=1, stack=2)
    build(config, tmp_path / "graph", workers=1, stack=2, graphs=True)
    assert not caplog.text
    assert not replays  # three iterations: none is left to replay
    eager, graph = run_rows(tmp_path / "eager"), run_rows(tmp_path / "graph")
    assert eager.keys() == graph.keys()
    for key, row in eager.items():
        assert graph[key]["psnr_db"] == pytest.approx(row["psnr_db"], abs=0.5)
        assert row["stack"] == graph[key]["stack"] == 2
