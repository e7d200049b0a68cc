"""What a fit records, held against direct computations from its outputs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from nasdip_bench.errors import UnknownNameError
from nasdip_bench.fit.loop import SMOOTHING, Fit, fit_stack
from nasdip_bench.fit.objective import Problem
from nasdip_bench.fit.recording import Observer
from nasdip_bench.network.fast import FastNetwork
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.observables import OBSERVABLES, SSIM
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve, Task
from tests.stacks import new_networks, new_problems, new_truth, new_z

ARCH = Architecture(60, "0" * 25)
ITERATIONS = 110  # longer than the longest window
RUNS = 2


class Run(NamedTuple):
    """One run of a stack.

    Attributes:
        fit: what was recorded.
        truth: (C, H, W).
        seen: (C, H, W), corrupted.
        known: (C, H, W), whether a pixel is.
        outputs: (T, C, H, W).
        smoothed: (T, C, H, W).
    """

    fit: Fit
    truth: np.ndarray
    seen: np.ndarray
    known: np.ndarray
    outputs: np.ndarray
    smoothed: np.ndarray


def fitted(task: Task, channels: int, iterations: int = ITERATIONS, **options) -> list[Run]:
    """A short fit of a stack, with every output kept."""
    truths = [new_truth(run, channels) for run in range(RUNS)]
    seen = [task.corrupt(truth, "image", run) for run, truth in enumerate(truths)]
    pairs = zip(seen, truths, strict=True)
    problem = Problem.stack([Problem(task, one, truth) for one, truth in pairs])
    networks = new_networks(ARCH, RUNS, channels, dtype=torch.float32)
    kept: list[np.ndarray] = []

    def keep(iteration: int, images: torch.Tensor, smoothed: torch.Tensor) -> bool:
        kept.append(images.double().numpy().copy())
        return False

    network, z = FastNetwork(stack_networks(networks)), new_z(channels, dtype=torch.float32)
    fits = fit_stack(network, problem, z, 0, iterations, on_output=keep, **options)
    found = []
    for run, fit in enumerate(fits):
        outputs = np.stack(kept)[:, run]
        moving = [outputs[0]]
        for output in outputs[1:]:
            moving.append(SMOOTHING * moving[-1] + (1 - SMOOTHING) * output)
        mask = seen[run].mask
        known = np.broadcast_to(True if mask is None else mask > 0, truths[run].shape)
        found.append(Run(fit, truths[run], seen[run].corrupted, known, outputs, np.stack(moving)))
    return found


@pytest.fixture(scope="module", params=[(Denoise(), 1), (Inpaint(), 3)], ids=["denoise", "inpaint"])
def recorded(request: pytest.FixtureRequest) -> tuple[Task, list[Run]]:
    """Denoising of gray images, inpainting of colour, with all that can be recorded."""
    task, channels = request.param
    return task, fitted(task, channels, record=(*OBSERVABLES, SSIM))


def of_known(run: Run, outputs: np.ndarray) -> list[float]:
    return [np.mean((output - run.seen)[run.known] ** 2) for output in outputs]


def of_neighbours(run: Run) -> list[float]:
    """Those that are known and that the image has."""
    _, height, width = run.seen.shape
    pairs = [
        (row, column, row + down, column + right)
        for row in range(height)
        for column in range(width)
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0))
        if 0 <= row + down < height and 0 <= column + right < width
    ]
    i, j, row, column = np.array(pairs).T
    known = run.known[:, row, column]
    differences = (s[:, i, j] - run.seen[:, row, column] for s in run.smoothed)
    return [np.mean(difference[known] ** 2) for difference in differences]


def windowed_variance(run: Run, window: int) -> list[float]:
    ends = range(window, len(run.outputs) + 1)
    variances = [run.outputs[end - window : end].var(0).mean() for end in ends]
    return [np.nan] * (window - 1) + variances


def exponential_variance(run: Run) -> list[float]:
    mean, variance, found = run.outputs[0], 0.0, [np.nan]
    for output in run.outputs[1:]:
        difference = output - mean
        mean = mean + 0.1 * difference
        variance = 0.9 * (variance + 0.1 * np.mean(difference**2))
        found.append(variance)
    return found


def high_share(run: Run) -> list[float]:
    frequencies = np.fft.fftfreq(64)
    high = np.hypot(frequencies[:, None], frequencies) > 0.25
    found = []
    for output in run.outputs:
        centred = output - output.mean((1, 2), keepdims=True)
        power = (np.abs(np.fft.fft2(centred)) ** 2).sum(0)
        found.append(power[high].sum() / power.sum())
    return found


DIRECT = {
    "loss": lambda run: of_known(run, run.outputs),
    "loss_smooth": lambda run: of_known(run, run.smoothed),
    "neighbour": of_neighbours,
    "wmv_25": lambda run: windowed_variance(run, 25),
    "wmv_100": lambda run: windowed_variance(run, 100),
    "emv": exponential_variance,
    "step": lambda run: [np.nan, *(np.diff(run.outputs, axis=0) ** 2).mean((1, 2, 3))],
    "high_frequency": high_share,
}
"""The mean behind each observable at every iteration, computed directly."""


@pytest.mark.parametrize("name", OBSERVABLES)
def test_a_recorded_curve_is_that_of_the_outputs(recorded: tuple[Task, list[Run]], name: str):
    for run in recorded[1]:
        expected = -10 * np.log10(DIRECT[name](run))
        np.testing.assert_allclose(run.fit.recorded[name], expected, rtol=0, atol=2e-4)


def test_ssim_is_that_of_scikit_image(recorded: tuple[Task, list[Run]]):
    for run in recorded[1]:
        for point in range(0, ITERATIONS, 13):
            expected = structural_similarity(
                run.smoothed[point],
                run.truth.astype(np.float64),
                channel_axis=0,
                data_range=1,
                gaussian_weights=True,
                use_sample_covariance=False,
            )
            assert run.fit.recorded[SSIM][point] == pytest.approx(expected, abs=2e-5)


def test_recording_changes_no_bit_of_the_fit(recorded: tuple[Task, list[Run]]):
    task, runs = recorded
    for one, other in zip(fitted(task, len(runs[0].truth), iterations=30), runs, strict=True):
        np.testing.assert_array_equal(one.outputs, other.outputs[:30])
        for curve in ("psnr_db", "psnr_smooth_db", "loss"):
            np.testing.assert_array_equal(getattr(one.fit, curve), getattr(other.fit, curve)[:30])
        assert not one.fit.recorded
        assert list(other.fit.recorded) == [SSIM, *OBSERVABLES]


def test_an_observable_alone_is_the_same_as_among_all():
    [problem] = new_problems(Inpaint(), 1, dtype=torch.float32)
    together = Observer(problem, OBSERVABLES)
    alone = {name: Observer(problem, [name]) for name in OBSERVABLES}
    draw = torch.Generator().manual_seed(0)
    for i in range(120):
        images = torch.rand(1, 1, 64, 64, generator=draw)
        seen = together.look(i, problem.losses(images), images, images)
        for name, observer in alone.items():
            one = observer.look(i, problem.losses(images), images, images)
            assert one.keys() == {name} & seen.keys()
            for value in one.values():
                assert torch.equal(value, seen[name])


def test_super_resolution_has_no_neighbours_and_ssim_on_luma():
    record = ("neighbour", "loss", SSIM)
    for run in fitted(SuperResolve(2), 3, iterations=20, record=record):
        assert np.isnan(run.fit.recorded["neighbour"]).all()
        np.testing.assert_allclose(run.fit.recorded["loss"], -10 * np.log10(run.fit.loss))
        assert (np.abs(run.fit.recorded[SSIM]) <= 1).all()


def test_without_a_window_no_outputs_are_held():
    [problem] = new_problems(Denoise(), 1, dtype=torch.float32)
    images = problem.truth
    for names, held in (["loss", "emv"], 0), (["step"], 1), (["wmv_25"], 25), (["wmv_100"], 100):
        observer = Observer(problem, names)
        observer.look(0, problem.losses(images), images, images)
        assert (0 if observer._outputs is None else len(observer._outputs)) == held


def test_an_unknown_observable_is_refused():
    [problem] = new_problems(Denoise(), 1, dtype=torch.float32)
    with pytest.raises(UnknownNameError, match="wmv_26"):
        Observer(problem, ["wmv_26"])
