"""Zero-cost proxies against closed forms, whole Jacobians and finite differences."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor, nn

from nasdip_bench.errors import ConfigError
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.images import Image, load_images
from nasdip_bench.proxies import (
    Candidate,
    image_scores,
    network_score,
    prepare,
    score_candidate,
    score_network,
)
from nasdip_bench.proxies.candidate import Parts
from nasdip_bench.proxies.density import power_spectral_density
from nasdip_bench.proxies.passes import Jacobian
from nasdip_bench.proxies.scoring import Scored, initialisations, score_architecture
from nasdip_bench.proxies.tangent import (
    LOW_PASS_DIAMETER,
    PROBES,
    kernel_probe,
    kernel_traces,
    low_pass,
)
from nasdip_bench.space import VALID_CELLS, Architecture, paper_architectures, sample_architectures
from nasdip_bench.tasks import TASKS, Denoise, SuperResolve, get_task
from tests.proxies.networks import OWN_SCORE, ZERO_COST, image, seeded, small_network
from tests.stacks import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (1, 64, 64)
DENSE, MIXED = "1" * 25, "1011101000101110101000111"


class Canvas(nn.Module):
    """A network whose output is its parameters, blurred by a circular filter: K is known."""

    def __init__(self, response: Tensor) -> None:
        super().__init__()
        self.pixels = nn.Parameter(seeded(*response.shape))
        self.response = response

    def forward(self, z: Tensor) -> Tensor:
        blurred: Tensor = torch.fft.ifft2(torch.fft.fft2(self.pixels) * self.response).real
        return blurred[None, None]


def denoised(name: str, network: nn.Module, z: Tensor, corrupted: np.ndarray) -> float:
    """A score for denoising."""
    return score_network(name, network, z, corrupted, Denoise())


def whole_jacobian(network: nn.Module, z: Tensor) -> np.ndarray:
    """(n, parameters) float64, a row for each value of the output."""
    output = network(z).flatten()
    parameters = list(network.parameters())
    rows = []
    for value in output:
        parts = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
        rows.append(torch.cat([part.flatten() for part in parts if part is not None]))
    return torch.stack(rows).numpy()


# Gradient norm and SNIP


def test_the_loss_of_inpainting_is_masked() -> None:
    network, z = nn.Conv2d(1, 1, 1, bias=False).double(), seeded(1, 1, 8, 8)
    mask = (image(1, 8, 8, seed=5) > 0.5).astype(np.float32)
    corrupted = mask * image(1, 8, 8)
    w, x = network.weight.item(), z.numpy()[0]
    by_weight = 2 * np.mean(mask * (w * x - corrupted) * x)
    task = get_task("inpaint")
    norm = score_network("grad_norm", network, z, corrupted, task, mask=mask)
    assert norm == pytest.approx(abs(by_weight))
    for name in ("grad_norm", "snip", "plain", "fisher", "grasp", "ntk_alignment"):
        with pytest.raises(ConfigError, match=r"loss of task 'inpaint' need the mask.*mask="):
            score_network(name, network, z, corrupted, task)
    assert score_network("parameters", network, z, corrupted, task) == 1


# SynFlow


def test_synflow_of_two_convolutions_by_hand() -> None:
    # Without biases the flow through either layer is the whole: R = sum of |W2| |W1| 1.
    network, z = small_network(bias=False), seeded(1, 1, 6, 6)
    first, second = (network[i].weight.detach().abs() for i in (0, 3))
    ones = torch.ones(1, 1, 6, 6, dtype=torch.float64)
    through = nn.functional.conv2d(nn.functional.conv2d(ones, first, padding=1), second, padding=1)
    expected = math.log10(2 * through.sum().item())
    assert denoised("synflow", network, z, image(1, 6, 6)) == pytest.approx(expected)


def test_synflow_sees_neither_signs_nor_data_nor_normalisation() -> None:
    network, z, corrupted = small_network(), seeded(1, 1, 8, 8), image(1, 8, 8)
    value = denoised("synflow", network, z, corrupted)
    bare = nn.Sequential(network[0], network[3])
    assert score_network("synflow", bare, 5 * z, 0 * corrupted, SuperResolve(2)) == value
    with torch.no_grad():
        for parameter in network[0].parameters():
            parameter.mul_(-1)
    assert denoised("synflow", network, z, corrupted) == value


def test_synflow_does_not_overflow_and_scales_with_a_layer() -> None:
    network, z = small_network(bias=False).float(), seeded(1, 1, 8, 8).float()
    value = denoised("synflow", network, z, image(1, 8, 8))
    with torch.no_grad():
        network[0].weight.mul_(1e30)
        network[3].weight.mul_(1e20)
    found = denoised("synflow", network, z, image(1, 8, 8))
    assert found == pytest.approx(value + 50, abs=1e-5)


def test_a_layer_used_twice_is_removed_twice() -> None:
    act, conv = nn.ReLU(), nn.Conv2d(1, 1, 3, padding=1, bias=False)
    twice, once = nn.Sequential(act, conv, act), nn.Sequential(conv)
    z = seeded(1, 1, 8, 8).float()
    values = [denoised("synflow", n, z, image(1, 8, 8)) for n in (twice, once)]
    assert values[0] == values[1]


# The tangent kernel


def test_the_kernel_of_a_filter_is_known_exactly() -> None:
    # J is the filter: diagonal in frequency, where every probe has modulus 1.
    side = 16
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)
    response = np.exp(-40 * (rows**2 + columns**2))
    disc = np.hypot(rows, columns) < LOW_PASS_DIAMETER / 2
    network, z = Canvas(torch.from_numpy(response)), seeded(1, 1, side, side)
    corrupted = image(1, side, side)
    power = response**2
    low = denoised("ntk_low_pass", network, z, corrupted)
    assert low == pytest.approx(power[disc].sum() / power.sum())
    residual = network(z).detach().numpy()[0, 0] - corrupted[0].astype(np.float64)
    energy = np.abs(np.fft.fft2(residual)) ** 2
    expected = (energy * power).sum() / energy.sum() / power.mean()
    found = denoised("ntk_alignment", network, z, corrupted)
    assert found == pytest.approx(expected)
    # Without a filter all is fitted alike.
    flat = Canvas(torch.ones(side, side, dtype=torch.float64))
    assert denoised("ntk_low_pass", flat, z, corrupted) == pytest.approx(disc.mean())
    assert denoised("ntk_alignment", flat, z, corrupted) == pytest.approx(1)


@pytest.mark.parametrize("channels", [1, 2])
def test_traces_and_alignment_equal_those_of_the_whole_jacobian(channels: int) -> None:
    side, count = 10, channels * 100
    torch.manual_seed(channels)  # of the layers, which torch fills at random
    network = nn.Sequential(small_network(), nn.Conv2d(1, channels, 1).double())
    z, corrupted = seeded(1, 1, side, side), image(channels, side, side)
    J = whole_jacobian(network, z)
    K = J @ J.T
    basis = np.eye(count).reshape(count, channels, side, side)
    P = low_pass(basis).reshape(count, count)
    exact = np.trace(P @ K @ P), np.trace(K) - np.trace(P @ K @ P)
    jacobian = Jacobian(network, z)
    # The probes √n e_i instead of random ones have the trace as their exact mean.
    found = kernel_traces(jacobian, math.sqrt(count) * basis)
    assert found == pytest.approx(exact)
    # The sketch: the mean over many probes, and each probe as vᵀ K v.
    probes = [kernel_probe(channels, side, side, number) for number in range(200)]
    rough = kernel_traces(jacobian, probes)
    assert rough == pytest.approx(exact, rel=0.1)
    bands = [[part, v.ravel() - part] for v in probes[:PROBES] for part in [P @ v.ravel()]]
    sketch = np.mean([[b @ K @ b for b in pair] for pair in bands], axis=0)
    value = denoised("ntk_low_pass", network, z, corrupted)
    assert value == pytest.approx(sketch[0] / sketch.sum())
    u = network(z).detach().numpy().ravel() - corrupted.ravel()
    expected = (u @ K @ u) / (u @ u) / (sketch.sum() / count)
    value = denoised("ntk_alignment", network, z, corrupted)
    assert value == pytest.approx(expected)


def test_the_sketch_is_close_to_the_trace_on_a_network_of_the_space() -> None:
    ((_, (network, z, _)),) = initialisations(sample_architectures(1)[0], SHAPE, 16, 1, "cpu")
    jacobian = Jacobian(network, z)
    few, more = (
        kernel_traces(jacobian, [kernel_probe(*SHAPE, n) for n in numbers])
        for numbers in (range(PROBES), range(100, 116))
    )
    assert few == pytest.approx(more, rel=0.3)


def test_probes() -> None:
    probe = kernel_probe(3, 8, 12, 0)
    assert probe.dtype == np.float64
    assert np.mean(probe**2) == pytest.approx(1)
    assert np.abs(np.fft.fft2(probe)) == pytest.approx(math.sqrt(96))
    assert (probe == kernel_probe(3, 8, 12, 0)).all()
    # Computed once (2026-11-25, NumPy 2.4): a change here changes scores.
    assert kernel_probe(1, 4, 4, 0)[0, 0] == pytest.approx(
        [-1.1066098346958693, 1.1869368795003632, 0.8483695563846445, 2.5492692487264845]
    )
    drawn = np.stack([kernel_probe(1, 4, 4, n).ravel() for n in range(4000)])
    assert drawn.T @ drawn / 4000 == pytest.approx(np.eye(16), abs=0.08)


def test_the_low_pass_is_an_orthogonal_projection() -> None:
    for shape in ((20, 20), (21, 32)):
        picture = np.random.default_rng(0).standard_normal((2, *shape))
        low = low_pass(picture, 0.3)
        assert low_pass(low, 0.3) == pytest.approx(low)
        assert (low * (picture - low)).sum() == pytest.approx(0, abs=1e-9)
        assert low.mean() == pytest.approx(picture.mean())
        wave = np.cos(2 * np.pi * 4 * np.arange(shape[1]) / shape[1]) * np.ones((shape[0], 1))
        assert low_pass(wave, 2.02 * 4 / shape[1]) == pytest.approx(wave)
        assert low_pass(wave, 1.98 * 4 / shape[1]) == pytest.approx(0 * wave)


def test_nothing_to_fit_or_nothing_to_fit_it_with_is_no_number() -> None:
    dead = Canvas(torch.zeros(8, 8, dtype=torch.float64))
    z, corrupted = seeded(1, 1, 8, 8), image(1, 8, 8)
    assert math.isnan(denoised("ntk_low_pass", dead, z, corrupted))
    assert math.isnan(denoised("ntk_alignment", dead, z, corrupted))
    still = Canvas(torch.ones(8, 8, dtype=torch.float64))
    with torch.no_grad():
        still.pixels.zero_()
    assert math.isnan(denoised("ntk_alignment", still, z, 0 * corrupted))
    assert denoised("grad_norm", still, z, 0 * corrupted) == 0
    silent = nn.Conv2d(1, 1, 1, bias=False)
    with torch.no_grad():
        silent.weight.zero_()
    assert denoised("synflow", silent, z.float(), corrupted) == -math.inf


# What holds for all


def test_networks_are_left_as_they_are() -> None:
    arch = sample_architectures(2)[1]
    ((_, (plain, z, _)),) = initialisations(arch, SHAPE, 16, 1, "cpu")
    frozen = small_network().float().requires_grad_(False)
    counting = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 1))
    seen = Denoise().corrupt(image(*SHAPE), "noise")
    for network in (plain, frozen, counting):
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        wanted = [p.requires_grad for p in network.parameters()]
        state = torch.get_rng_state()
        names = (*ZERO_COST, "flops")
        with torch.no_grad():  # whatever the caller's mode
            first = [denoised(name, network, z, seen.corrupted) for name in names]
        again = [denoised(name, network, z, seen.corrupted) for name in names]
        assert first == again
        assert np.isfinite(first).all()
        assert torch.equal(state, torch.get_rng_state())
        for name, tensor in network.state_dict().items():
            assert torch.equal(tensor, before[name]), name
        assert [p.requires_grad for p in network.parameters()] == wanted
        assert all(p.grad is None for p in network.parameters())
        assert network.training
        assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize(
    "cells", [FAMILIES, pytest.param(VALID_CELLS, marks=pytest.mark.slow)], ids=["families", "all"]
)
def test_every_family_of_cells_has_finite_values(cells: list[int]) -> None:
    for cell in cells:
        task = get_task(list(TASKS)[cell % len(TASKS)])
        seen = task.corrupt(image(*SHAPE), "noise")
        arch = Architecture(cell, MIXED if cell % 2 else DENSE)
        ((_, (network, z, _)),) = initialisations(arch, SHAPE, 16, 1, "cpu")
        candidate = Candidate(network, z, seen.corrupted, task, seen.mask)
        values = {name: score_candidate(name, candidate) for name in ZERO_COST}
        assert all(map(math.isfinite, values.values())), values
        assert min(values[name] for name in ("grad_norm", "snip", "ntk_alignment")) > 0
        assert 0 < values["ntk_low_pass"] < 1
        assert 10 < values["synflow"] < 100


# Scoring an architecture for several problems


def scored(image_name: str, task_name: str, picture: Image | None = None) -> Scored:
    """A problem at 64 × 64, with a photograph unless a picture is given."""
    task = get_task(task_name)
    (picture,) = [picture] if picture else load_images("skimage", [image_name])
    truth = picture.at_resolution(64)
    seen = task.corrupt(truth, image_name)
    return Scored(
        task=task,
        corrupted=seen.corrupted,
        mask=seen.mask,
        references={n: prepare(r) for n, r in task.scoring_references(truth, seen).items()},
        shape=truth.shape,
    )


@pytest.mark.usefixtures("own_names")
def test_a_score_is_evaluated_once_for_what_it_depends_on() -> None:
    counted: Counter[str] = Counter()

    def count(name: str) -> float:
        counted[name] += 1
        return float(counted[name])

    for name in ("structure", "initialisation", "image"):
        add = network_score(name=f"by_{name}", depends_on=name, **OWN_SCORE)
        add(lambda *_, name=name: count(name))
    problems = [scored("camera", "denoise"), scored("camera", "inpaint")]
    arch = sample_architectures(1)[0]
    results = score_architecture(arch, problems, channels=16, inits=2)
    assert counted == {"structure": 1, "initialisation": 2, "image": 4}
    first, second = (
        {proxy: samples.values for (proxy, _), samples in result.items()} for result in results
    )
    assert first["by_structure"] == second["by_structure"] == [1]
    assert first["by_initialisation"] == second["by_initialisation"] == [1, 2]
    assert (first["by_image"], second["by_image"]) == ([1, 3], [2, 4])
    for name in ("synflow", "ntk_low_pass"):
        assert first[name] == second[name]
        seconds = [result[name, "none"].seconds for result in results]
        assert seconds[0] == seconds[1] > 0  # of the score, not of finding it
    # Parts that are shared change no value.
    (_, (network, z, _)), _ = initialisations(arch, SHAPE, 16, 2, "cpu")
    seen = (problems[1].corrupted, problems[1].task)
    for name in ZERO_COST:
        alone = score_network(name, network, z, *seen, mask=problems[1].mask)
        assert second[name][0] == alone, name


def test_a_score_is_charged_for_parts_that_it_finds_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("nasdip_bench.proxies.candidate.time.perf_counter", lambda: now[0])
    parts = Parts()

    def part(name: str, seconds: float) -> float:
        def compute() -> float:
            now[0] += seconds
            return seconds

        return parts.get(name, compute)

    def score(*names: str) -> float:
        now[0] += 1
        return sum(part(name, {"a": 10, "b": 200}[name]) for name in names)

    assert parts.timed(lambda: score("a", "a")) == (20, 11)
    assert parts.timed(lambda: score("a")) == (10, 11)
    assert parts.timed(lambda: score("a", "b", "a")) == (220, 211)
    assert parts.timed(lambda: score("b", "a", "b")) == (410, 211)
    assert parts.timed(lambda: score()) == (0, 1)
    assert now[0] == 10 + 200 + 5


def test_problems_that_share_an_output_are_scored_as_each_alone() -> None:
    tasks = ("denoise", "inpaint", "super_resolve_x2", "super_resolve_x4")
    problems = [scored("camera", name) for name in tasks]
    arch = sample_architectures(2)[1]

    def values(chosen: list[Scored]) -> list[dict[tuple[str, str], list[float]]]:
        results = score_architecture(arch, chosen, channels=16, inits=1)
        return [{name: samples.values for name, samples in one.items()} for one in results]

    assert values(problems) == [values([problem])[0] for problem in problems]


def test_an_output_is_transformed_once_for_its_tasks_and_charged_to_each_score(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once for all tasks that leave it as it is; a score costs as if it were alone."""
    now, transformed = [0.0], []
    monkeypatch.setattr("nasdip_bench.proxies.candidate.time.perf_counter", lambda: now[0])

    def slow(image: np.ndarray) -> np.ndarray:
        now[0] += 100
        transformed.append(image.shape)
        return power_spectral_density(image)

    problems = [
        scored(image, task) for image in ("camera", "coins") for task in ("denoise", "inpaint")
    ]
    problems.append(scored("camera", "super_resolve_x2"))
    problems = [replace(one, wanted=lambda name: name.proxy in image_scores()) for one in problems]
    for problem in problems:
        for reference in problem.references.values():
            assert reference.psd.size
    monkeypatch.setattr("nasdip_bench.proxies.spectrum.power_spectral_density", slow)
    for result in score_architecture(sample_architectures(1)[0], problems, channels=16, inits=2):
        for name, samples in result.items():
            assert samples.seconds == 200, name
    assert sorted(transformed) == [(1, 32, 32)] * 2 + [(1, 64, 64)] * 2


@pytest.mark.images
def test_the_scores_of_the_released_dataset_are_what_they_were(images_dir: Path) -> None:
    rows = pq.read_table(ROOT / "data" / "scores.parquet").to_pylist()
    arch = paper_architectures(1)[0]
    problem = scored("lena", "denoise", *load_images("nasdip", ["lena"], images_dir))
    channels = get_fidelity("r64c16").channels
    (found,) = score_architecture(arch, [problem], channels=channels, inits=8)
    mine = {
        (row["proxy"], row["reference"]): row["value"]
        for row in rows
        if (row["arch_id"], row["image"], row["task"]) == (0, "lena", "denoise")
        and (row["fidelity"], row["seed"] or 0) == ("r64c16", 0)
    }
    assert len(mine) >= 11
    for name, value in mine.items():
        assert np.mean(found[name].values) == pytest.approx(value, rel=1e-3), name
