"""What a fit records, held against direct computations from its outputs."""

from __future__ import annotations

from collections.abc import Callable

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
from tests.stacks import new_networks, new_truth, new_z

ARCH = Architecture(172, "0000011001001001100111101")
ITERATIONS = 130  # longer than the longest window
RUNS = 2


class Recorded:
    """A short fit of a stack, with every output kept."""

    def __init__(self, task: Task, channels: int, iterations: int = ITERATIONS, **options) -> None:
        self.task, self.outputs = task, list[np.ndarray]()
        self.truths = [new_truth(run, channels) for run in range(RUNS)]
        self.seen = [task.corrupt(truth, "image", run) for run, truth in enumerate(self.truths)]
        pairs = zip(self.seen, self.truths, strict=True)
        problem = Problem.stack([Problem(task, seen, truth) for seen, truth in pairs])
        networks = new_networks(ARCH, RUNS, channels, dtype=torch.float32)

        def keep(iteration: int, images: torch.Tensor, smoothed: torch.Tensor) -> bool:
            self.outputs.append(images.double().numpy().copy())
            return False

        self.fits = fit_stack(
            FastNetwork(stack_networks(networks)),
            problem,
            new_z(channels, dtype=torch.float32),
            0,
            iterations,
            on_output=keep,
            **options,
        )

    def smoothed(self, run: int) -> np.ndarray:
        """(T, C, H, W)."""
        outputs = np.stack(self.outputs)[:, run]
        moving = [outputs[0]]
        for output in outputs[1:]:
            moving.append(SMOOTHING * moving[-1] + (1 - SMOOTHING) * output)
        return np.stack(moving)


@pytest.fixture(scope="module", params=["denoise", "inpaint", "denoise in colour"])
def recorded(request: pytest.FixtureRequest) -> Recorded:
    kind, _, colour = request.param.partition(" in ")
    task = Denoise() if kind == "denoise" else Inpaint()
    return Recorded(task, 3 if colour else 1, record=(*OBSERVABLES, SSIM))


def assert_recorded(recorded: Recorded, name: str, direct: Callable[[int], list[float]]) -> None:
    """The recorded curve of every run is -10·log10 of what a function computes."""
    for run, fit in enumerate(recorded.fits):
        found, means = fit.recorded[name], np.array(direct(run))
        defined = ~np.isnan(means)
        np.testing.assert_array_equal(np.isnan(found), ~defined)
        expected = -10 * np.log10(means[defined])
        np.testing.assert_allclose(found[defined], expected, rtol=0, atol=2e-4)


def known(recorded: Recorded, run: int) -> np.ndarray:
    mask = recorded.seen[run].mask
    shape = recorded.truths[run].shape
    return np.ones(shape, bool) if mask is None else np.broadcast_to(mask > 0, shape)


def test_loss_is_over_the_known_pixels(recorded: Recorded):
    def direct(run: int, of: np.ndarray) -> list[float]:
        where, y = known(recorded, run), recorded.seen[run].corrupted
        return [np.mean((x - y)[where] ** 2) for x in of]

    outputs = np.stack(recorded.outputs)
    assert_recorded(recorded, "loss", lambda run: direct(run, outputs[:, run]))
    assert_recorded(recorded, "loss_smooth", lambda run: direct(run, recorded.smoothed(run)))


def test_neighbours_are_the_known_ones_that_the_image_has(recorded: Recorded):
    def direct(run: int) -> list[float]:
        where, y = known(recorded, run), recorded.seen[run].corrupted
        _, height, width = y.shape
        pairs = [
            (row, column, row + down, column + right)
            for row in range(height)
            for column in range(width)
            for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0))
            if 0 <= row + down < height and 0 <= column + right < width
        ]
        i, j, row, column = np.array(pairs).T
        sees = where[:, row, column]
        differences = (s[:, i, j] - y[:, row, column] for s in recorded.smoothed(run))
        return [np.mean(difference[sees] ** 2) for difference in differences]

    assert_recorded(recorded, "neighbour", direct)


@pytest.mark.parametrize("window", [25, 100])
def test_windowed_variance(recorded: Recorded, window: int):
    def direct(run: int) -> list[float]:
        outputs = np.stack(recorded.outputs)[:, run]
        return [
            np.nan if end < window else outputs[end - window : end].var(0).mean()
            for end in range(1, ITERATIONS + 1)
        ]

    assert_recorded(recorded, f"wmv_{window}", direct)


def test_exponential_variance(recorded: Recorded):
    def direct(run: int) -> list[float]:
        outputs = np.stack(recorded.outputs)[:, run]
        mean, variance, found = outputs[0], 0.0, [np.nan]
        for output in outputs[1:]:
            difference = output - mean
            mean = mean + 0.1 * difference
            variance = 0.9 * (variance + 0.1 * np.mean(difference**2))
            found.append(variance)
        return found

    assert_recorded(recorded, "emv", direct)


def test_step(recorded: Recorded):
    def direct(run: int) -> list[float]:
        outputs = np.stack(recorded.outputs)[:, run]
        return [np.nan, *(np.diff(outputs, axis=0) ** 2).mean((1, 2, 3))]

    assert_recorded(recorded, "step", direct)


def test_share_of_high_frequencies(recorded: Recorded):
    frequencies = np.fft.fftfreq(64)
    high = np.hypot(frequencies[:, None], frequencies) > 0.25

    def direct(run: int) -> list[float]:
        found = []
        for output in np.stack(recorded.outputs)[:, run]:
            centred = output - output.mean((1, 2), keepdims=True)
            power = (np.abs(np.fft.fft2(centred)) ** 2).sum(0)
            found.append(power[high].sum() / power.sum())
        return found

    assert_recorded(recorded, "high_frequency", direct)


def test_ssim_is_that_of_scikit_image(recorded: Recorded):
    for run, fit in enumerate(recorded.fits):
        smoothed = recorded.smoothed(run)
        for point in range(0, ITERATIONS, 13):
            expected = structural_similarity(
                smoothed[point],
                recorded.truths[run].astype(np.float64),
                channel_axis=0,
                data_range=1,
                gaussian_weights=True,
                use_sample_covariance=False,
            )
            assert fit.recorded[SSIM][point] == pytest.approx(expected, abs=2e-5)


def test_recording_changes_no_bit_of_the_fit(recorded: Recorded):
    without = Recorded(recorded.task, len(recorded.truths[0]), iterations=30)
    np.testing.assert_array_equal(without.outputs, recorded.outputs[:30])
    for one, other in zip(without.fits, recorded.fits, strict=True):
        for curve in ("psnr_db", "psnr_smooth_db", "loss"):
            np.testing.assert_array_equal(getattr(one, curve), getattr(other, curve)[:30])
        assert not one.recorded
        assert list(other.recorded) == [SSIM, *OBSERVABLES]


def test_an_observable_alone_is_the_same_as_among_all():
    truth = new_truth(0)
    problem = Problem(Inpaint(), Inpaint().corrupt(truth, "image"), truth)
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
    fits: list[Fit] = Recorded(
        SuperResolve(2), 3, iterations=20, record=("neighbour", "loss", SSIM)
    ).fits
    for fit in fits:
        assert np.isnan(fit.recorded["neighbour"]).all()
        np.testing.assert_allclose(fit.recorded["loss"], -10 * np.log10(fit.loss))
        assert (np.abs(fit.recorded[SSIM]) <= 1).all()


def test_without_a_window_no_outputs_are_held():
    truth = new_truth(0)
    problem = Problem(Denoise(), Denoise().corrupt(truth, "image"), truth)
    images = problem.truth
    for names, held in (["loss", "emv"], 0), (["step"], 1), (["wmv_25"], 25), (["wmv_100"], 100):
        observer = Observer(problem, names)
        observer.look(0, problem.losses(images), images, images)
        assert (0 if observer._outputs is None else len(observer._outputs)) == held


def test_an_unknown_observable_is_refused():
    truth = new_truth(0)
    problem = Problem(Denoise(), Denoise().corrupt(truth, "image"), truth)
    with pytest.raises(UnknownNameError, match="wmv_26"):
        Observer(problem, ["wmv_26"])
