"""The fit: its record, its draws, its numerics."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from torch import nn

from nasdip_bench.errors import ConfigError, UnknownNameError
from nasdip_bench.fit.loop import SMOOTHING, Fit, fit
from nasdip_bench.fit.objective import Problem
from nasdip_bench.fit.precision import numerics
from nasdip_bench.images import load_images
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.proxies.scoring import blank_network
from nasdip_bench.seeding import device_seed
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve, Task, luma

ARCH = Architecture(64, "0010111011000000001010101")


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """(1, 64, 64) float32."""
    return load_images("skimage", ["camera"])[0].at_resolution(64)


def new_network(channels: int = 1, seed: int = 0) -> nn.Module:
    network = blank_network(ARCH, channels, 16, "cpu")
    draw_weights(network, "test", seed)
    return network


def run(truth: np.ndarray, task: Task, iterations: int, **options) -> Fit:
    channels, height, width = truth.shape
    problem = Problem(task, task.corrupt(truth, "test"), truth)
    z = draw_z(channels, height, width, "z")
    return fit(new_network(channels), problem, z, 7, iterations, **options)


def test_weights_have_pytorchs_default_distributions():
    drawn, default = blank_network(ARCH, 1, 64, "cpu"), blank_network(ARCH, 1, 64, "cpu")
    draw_weights(drawn, "test", 0)
    for layer in default.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            layer.reset_parameters()
    for (name, ours), theirs in zip(drawn.named_parameters(), default.parameters(), strict=True):
        if "norm" in name:
            assert torch.equal(ours, theirs)
        elif ours.numel() > 2000:
            assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.1), name
            assert ours.abs().max().item() == pytest.approx(theirs.abs().max().item(), rel=0.02)
            assert abs(ours.mean().item()) < 0.1 * ours.std().item() + 1e-3


def test_weights_depend_on_key_and_name_alone():
    first, again, other = new_network(), new_network(), new_network(seed=1)
    for name, value in first.named_parameters():
        assert torch.equal(value, again.get_parameter(name))
        if name.endswith("conv.weight"):
            assert not torch.equal(value, other.get_parameter(name))
    less = blank_network(Architecture(64, "0" * 25), 1, 16, "cpu")
    draw_weights(less, "test", 0)
    for name, value in less.named_parameters():
        assert torch.equal(value, first.get_parameter(name))


def test_z_is_uniform():
    z = draw_z(3, 64, 96, "a", 0)
    assert z.shape == (1, 3, 64, 96)
    assert 0 <= z.min() < 0.001
    assert 0.099 < z.max() < 0.1


def test_the_record_equals_a_plain_recomputation(truth):
    """The loop against one written straight from its definition, PSNR by scikit-image."""
    task, iterations = Denoise(), 12
    seen, z = task.corrupt(truth, "test"), draw_z(1, 64, 64, "z").double()
    # In float64, since a fit amplifies the rounding of one order of operations against another.
    problem = Problem(task, seen, truth, dtype=torch.float64)
    result = fit(new_network().double(), problem, z, 7, iterations)
    network = new_network().double()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(7)
    smoothed = None
    for i in range(iterations):
        output = network(z + torch.randn(z.shape, generator=generator).double() / 30)
        image = output.detach().numpy()[0]
        smoothed = image if smoothed is None else SMOOTHING * smoothed + (1 - SMOOTHING) * image
        raw = peak_signal_noise_ratio(truth.astype(np.float64), image, data_range=1)
        smooth = peak_signal_noise_ratio(truth.astype(np.float64), smoothed, data_range=1)
        assert result.psnr_db[i] == pytest.approx(raw, abs=1e-8)
        assert result.psnr_smooth_db[i] == pytest.approx(smooth, abs=1e-8)
        loss = ((output - torch.from_numpy(seen.corrupted)) ** 2).mean()
        assert result.loss[i] == pytest.approx(loss.item(), rel=1e-9)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(result.smoothed, smoothed, atol=1e-6)
    assert result.diverged_at is None
    assert result.seconds > 0


@pytest.mark.parametrize(
    ("task", "channels"),
    [(Denoise(), 1), (Inpaint(), 3), (SuperResolve(2), 3)],
)
def test_every_task_learns(truth, task, channels):
    shades = np.linspace(1, 0.8, channels, dtype=np.float32)
    image = truth * shades[:, None, None]
    result = run(image, task, 40)
    assert result.loss[-1] < 0.5 * result.loss[0]
    assert result.psnr_db[-10:].mean() > result.psnr_db[0] + 1
    assert result.smoothed.shape == image.shape


def test_a_fit_is_repeatable_and_touches_no_global_state(truth):
    state = torch.get_rng_state()
    first, second = run(truth, Denoise(), 8), run(truth, Denoise(), 8, on_output=lambda *_: False)
    for name in ("psnr_db", "psnr_smooth_db", "loss", "smoothed"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert torch.equal(state, torch.get_rng_state())


def test_losses_equal_their_definitions(truth):
    image = np.repeat(truth, 3, 0)
    output = torch.rand(1, 3, 64, 64, dtype=torch.float64)
    array = output[0].numpy()
    for task in (Denoise(), Inpaint(), SuperResolve(4)):
        seen = task.corrupt(image, "test")
        problem = Problem(task, seen, image, dtype=torch.float64)
        compared = task.reduce(array) if seen.mask is None else array * seen.mask
        expected = ((compared - seen.corrupted) ** 2).mean()
        assert problem.losses(output).item() == pytest.approx(expected, rel=1e-6)
    expected = ((luma(array) - luma(image)) ** 2).mean()
    assert problem.errors(output).item() == pytest.approx(expected, rel=1e-6)


def test_without_a_ground_truth_there_is_no_psnr(truth):
    task = Denoise()
    problem = Problem(task, task.corrupt(truth, "test"), None)
    result = fit(new_network(), problem, draw_z(1, 64, 64, "z"), 0, 3)
    assert np.isnan(result.psnr_db).all()
    assert np.isfinite(result.loss).all()
    assert result.diverged_at is None


def test_bfloat16_learns_with_a_float32_output(truth):
    result, plain = run(truth, Denoise(), 15, precision="bf16"), run(truth, Denoise(), 15)
    assert result.psnr_db[-1] == pytest.approx(plain.psnr_db[-1], abs=1.5)
    assert not np.array_equal(result.psnr_db, plain.psnr_db)
    assert result.smoothed.dtype == np.float32


def test_settings_of_torch_are_put_back():
    before = torch.backends.cudnn.allow_tf32
    with numerics("fp32", torch.device("cpu")):
        if hasattr(torch.backends.cudnn, "conv"):
            assert torch.backends.cudnn.conv.fp32_precision == "ieee"
        else:
            assert torch.backends.cudnn.allow_tf32 is False
    assert torch.backends.cudnn.allow_tf32 is before


@pytest.mark.skipif(
    not hasattr(torch.backends.cudnn, "conv"), reason="this torch has the older switches alone"
)
def test_what_the_caller_has_set_does_not_change_a_fit():
    """In a process of its own: torch does not forget that the newer switches were used."""
    code = """
import torch
from nasdip_bench.fit.precision import numerics
backends = torch.backends
backends.fp32_precision = backends.cudnn.conv.fp32_precision = "tf32"
def now():
    return [s.fp32_precision for s in (backends.cuda.matmul, backends.cudnn.conv)]
before = now()
with numerics("fp32", torch.device("cpu")):
    print(now())
assert now() == before == ["tf32"] * 2
with numerics("tf32", torch.device("cuda")):
    print(now())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['ieee', 'ieee']", "['tf32', 'tf32']"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"precision": "tf32"}, ConfigError, "tf32 needs a CUDA device, not cpu"),
        ({"precision": "fp8"}, UnknownNameError, "unknown precision 'fp8'"),
        ({"iterations": 0}, ConfigError, "iterations 0 must be a whole number of at least 1"),
    ],
)
def test_wrong_settings_are_refused(truth, options, error, message):
    with pytest.raises(error, match=message):
        run(truth, Denoise(), **({"iterations": 2} | options))


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.images
def test_the_psnr_of_the_released_loop_is_reached(reference_dir: Path, images_dir: Path):
    """Best smoothed PSNR within 0.4 dB of the released loop's mean, its iteration within 100."""
    golden = json.loads((reference_dir / "dip_golden.json").read_text())["runs"]
    images = {i.name: i for i in load_images("nasdip", ["chest", "lena"], images_dir)}
    for cell, skip in {(r["cell"], r["skip"]) for r in golden}:
        for name, image in images.items():
            theirs = [r for r in golden if (r["cell"], r["image"]) == (cell, name)]
            truth, task, arch = image.at_resolution(64), Denoise(), Architecture(cell, skip)
            seen = task.corrupt(truth, name)
            ours = []
            for seed in range(2):
                network = blank_network(arch, 1, 128, "cpu")
                draw_weights(network, "weights", str(arch), name, "denoise", "r64", seed)
                z = draw_z(1, 64, 64, "z", "64x64", 1, seed)
                noise = device_seed("perturbation", "64x64", 1, seed)
                ours.append(fit(network, Problem(task, seen, truth), z, noise, 550))
            best = np.mean([r.psnr_smooth_db.max() for r in ours])
            where = np.mean([r.psnr_smooth_db.argmax() for r in ours])
            assert best == pytest.approx(np.mean([r["best_smooth"] for r in theirs]), abs=0.4)
            assert where == pytest.approx(np.mean([r["best_iter_smooth"] for r in theirs]), abs=100)
