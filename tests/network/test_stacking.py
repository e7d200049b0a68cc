"""The fast path equals the plain one: a stack of networks and the networks alone."""

from __future__ import annotations

import gc
import math
import weakref

import numpy as np
import pytest
import torch
from torch import nn

from nasdip_bench.builder.engines import worker as worker_module
from nasdip_bench.builder.work.build import build
from nasdip_bench.errors import ConfigError
from nasdip_bench.fit.loop import fit_stack
from nasdip_bench.fit.objective import Problem
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.network.weights import draw_z
from nasdip_bench.space import Architecture, sample_architectures
from nasdip_bench.tasks import Denoise, Inpaint
from tests.builds import run_rows, small_config
from tests.stacks import FAMILIES, SKIP, new_networks, new_problems, new_z

RUNS = 2
ARCHITECTURES = [Architecture(cell, SKIP) for cell in FAMILIES]
ARCHITECTURES.append(Architecture(6, "0" * 24 + "1", 2))


@pytest.mark.parametrize("arch", ARCHITECTURES, ids=lambda arch: str(arch.cell))
def test_outputs_and_gradients_of_every_family(arch: Architecture):
    singles = new_networks(arch, RUNS)
    z = new_z()
    stacked = stack_networks(singles)
    output = stacked(z.repeat(1, RUNS, 1, 1))
    output.square().sum().backward()
    for i, network in enumerate(singles):
        alone = network(z)
        alone.square().sum().backward()
        torch.testing.assert_close(output[:, i : i + 1], alone, atol=1e-12, rtol=0)
        for name, parameter in network.named_parameters():
            mine = stacked.get_parameter(name).grad.chunk(RUNS)[i]
            torch.testing.assert_close(mine, parameter.grad, atol=1e-8, rtol=1e-6)


def test_a_stack_of_one_is_the_network_itself():
    [network] = new_networks(ARCHITECTURES[0], 1)
    assert stack_networks([network]) is network


class Fragile(nn.Module):
    """Two runs; their outputs are multiplied by the factors from the 3rd call on."""

    def __init__(self, *factors: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, 2, 1, 1))
        self.factors = torch.tensor(factors).view(1, 2, 1, 1)
        self.calls = 0

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return z * self.weight * (self.factors if self.calls > 2 else 1.0)


def test_a_divergence_is_recorded_and_touches_no_neighbour():
    stack = Problem.stack(new_problems(Denoise(), 2, dtype=torch.float32))
    network, z = Fragile(math.nan, 1.0), draw_z(1, 64, 64, "z")
    broken, whole = fit_stack(network, stack, z, 0, 150)
    assert whole.diverged_at is None
    assert np.isfinite(whole.psnr_db).all()
    assert network.calls == 150
    network = Fragile(math.nan, math.inf)
    for one in (broken, *fit_stack(network, stack, z, 0, 150)):
        assert one.diverged_at == 2
        for curve in (one.psnr_db, one.psnr_smooth_db, one.loss):
            assert len(curve) == 150
            np.testing.assert_array_equal(np.isfinite(curve), np.arange(150) < 2)
    assert network.calls == 100  # nothing is left to fit


def test_what_does_not_stack_is_refused():
    first, second = sample_architectures(2)
    for networks in ([], [*new_networks(first, 1), *new_networks(second, 1)]):
        with pytest.raises(ConfigError, match="networks of one architecture"):
            stack_networks(networks)
    both = [*new_problems(Denoise(), 1), *new_problems(Inpaint(), 1)]
    for problems, kinds in (([], 0), (both, 2)):
        with pytest.raises(ConfigError, match=f"of one task and shape.* not {kinds} kinds"):
            Problem.stack(problems)


@pytest.mark.parametrize(
    ("options", "how"), [({"stack": 10}, ("fast", 2)), ({"plain": True}, ("plain", 1))]
)
def test_a_stacked_and_a_plain_build_are_the_fast_one_but_for_rounding(
    small_build, tmp_path, options, how
):
    build(small_config(scoring_inits=0), tmp_path, workers=1, **options)
    fast, found = run_rows(small_build), run_rows(tmp_path)
    assert fast.keys() == found.keys()
    for key, row in fast.items():
        # Rounding flips the sign of gradients near zero, and Adam's first steps go by the sign.
        assert found[key]["psnr_curve"][0] == pytest.approx(row["psnr_curve"][0], abs=1e-4)
        assert found[key]["psnr_curve"] == pytest.approx(row["psnr_curve"], abs=0.5)
        assert (row["engine"], row["stack"]) == ("fast", 1)
        assert (found[key]["engine"], found[key]["stack"]) == how


def test_a_stack_that_does_not_fit_is_halved(tmp_path, monkeypatch, caplog):
    real, sizes, held = worker_module.fit_stack, [], []

    def small_device(network, problem, *arguments, **options):
        sizes.append(problem.runs)
        if problem.runs > 1:
            held.append(weakref.ref(network))
            raise torch.OutOfMemoryError("CUDA out of memory")
        gc.collect()
        assert held[-1]() is None, "the failed stack still holds its memory"
        return real(network, problem, *arguments, **options)

    monkeypatch.setattr(worker_module, "fit_stack", small_device)
    config = small_config(architectures=sample_architectures(1), scoring_inits=0)
    outcome = build(config, tmp_path, workers=1, stack=2)
    assert (outcome.finished, outcome.failed) == (2, 0)
    assert sizes == [2, 1, 1] * 2
    assert "a stack of 2 runs failed and is halved: CUDA out of memory" in caplog.text
    assert {row["stack"] for row in run_rows(tmp_path).values()} == {1}
