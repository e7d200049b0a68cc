"""Corruption, the super-resolution operator, luma and PSNR against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr
from skimage.data import astronaut
from skimage.metrics import peak_signal_noise_ratio

from nasdip_bench.errors import ConfigError, ImageError, UnknownNameError
from nasdip_bench.tasks import (
    TASKS,
    Denoise,
    Inpaint,
    SuperResolve,
    get_task,
    lanczos_matrix,
    luma,
    noise_estimate,
    psnr_db,
)


@pytest.fixture(scope="module")
def colour() -> np.ndarray:
    """(3, 128, 96) float32."""
    return (astronaut()[:128, 100:196].transpose(2, 0, 1) / 255).astype(np.float32)


def test_names_and_kinds():
    assert {name: task.kind for name, task in TASKS.items()} == {
        "denoise": "denoise",
        "inpaint": "inpaint",
        "super_resolve_x2": "super_resolve",
        "super_resolve_x4": "super_resolve",
        "super_resolve_x8": "super_resolve",
    }
    assert Denoise(50).name == "denoise_sigma50"
    assert Inpaint(0.8).name == "inpaint_missing0.8"
    with pytest.raises(UnknownNameError, match=r"unknown task 'denoize'. Did you mean 'denoise'\?"):
        get_task("denoize")


@pytest.mark.parametrize(
    ("task", "value", "problem"),
    [
        (Denoise, 0, "sigma 0 must be above 0 and at most 255"),
        (Denoise, 256, "sigma 256 must be above 0 and at most 255"),
        (Inpaint, 0, "missing fraction 0 must lie between 0 and 1"),
        (Inpaint, 1, "missing fraction 1 must lie between 0 and 1"),
        (SuperResolve, 3, "super-resolution factor 3 must be 2, 4 or 8"),
    ],
)
def test_parameters_out_of_range_are_refused(task, value, problem):
    with pytest.raises(ConfigError, match=problem):
        task(value)


def test_noise_has_the_stated_strength_and_depends_on_the_key_alone():
    gray = np.full((1, 256, 256), 0.5, np.float32)
    noisy = Denoise().corrupt(gray, "a").corrupted
    assert noisy.dtype == np.float32
    assert (noisy - gray).std() == pytest.approx(25 / 255, rel=0.01)
    assert (noisy - gray).mean() == pytest.approx(0, abs=1e-3)
    np.testing.assert_array_equal(noisy, Denoise().corrupt(gray, "a").corrupted)
    assert not np.array_equal(noisy, Denoise().corrupt(gray, "b").corrupted)
    assert not np.array_equal(noisy[:, :128], Denoise().corrupt(gray[:, :128], "a").corrupted)
    black = Denoise().corrupt(np.zeros_like(gray), "a").corrupted
    assert black.min() == 0
    assert 0.45 < (black == 0).mean() < 0.55


def test_the_mask_is_one_for_all_channels_and_half_empty(colour):
    seen = Inpaint().corrupt(colour, "a")
    assert seen.mask.shape == (1, 128, 96)
    assert set(np.unique(seen.mask)) == {0, 1}
    assert seen.mask.mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(seen.corrupted, colour * seen.mask)
    most = Inpaint(0.9).corrupt(colour, "a")
    assert most.mask.mean() == pytest.approx(0.1, abs=0.02)


def direct_lanczos(image: np.ndarray, factor: int) -> np.ndarray:
    """DIP's downsampler as a sum over a two-dimensional kernel, with replicated borders."""
    side = 4 * factor
    kernel = np.zeros((side, side))
    for i in range(side):
        for j in range(side):
            value = 1.0
            for d in ((i + 0.5 - 2 * factor) / factor, (j + 0.5 - 2 * factor) / factor):
                if d:
                    value *= 2 * np.sin(np.pi * d) * np.sin(np.pi * d / 2) / (np.pi * d) ** 2
            kernel[i, j] = value
    kernel /= kernel.sum()
    pad = (side - factor) // 2
    height, width = image.shape
    padded = np.pad(image, pad, mode="edge")
    return np.array(
        [
            [(padded[r : r + side, c : c + side] * kernel).sum() for c in range(0, width, factor)]
            for r in range(0, height, factor)
        ]
    )


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_downsampler_equals_a_direct_sum(colour, factor):
    reduced = SuperResolve(factor).reduce(colour[:, :64].astype(np.float64))
    for channel, expected in zip(reduced, colour[:, :64], strict=True):
        np.testing.assert_allclose(channel, direct_lanczos(expected, factor), atol=1e-12)
    assert lanczos_matrix(64, factor).sum(1) == pytest.approx(1)
    with pytest.raises(ValueError, match="read-only"):
        lanczos_matrix(64, factor)[0, 0] = 1


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_low_resolution_image_is_near_the_operators(colour, factor):
    task = SuperResolve(factor)
    seen = task.corrupt(colour, "a")
    assert seen.corrupted.shape == (3, 128 // factor, 96 // factor)
    np.testing.assert_allclose(seen.corrupted * 255, np.rint(seen.corrupted * 255), atol=1e-4)
    references = task.scoring_references(colour, seen)
    assert psnr_db(references["ground_truth"], seen.corrupted) > 30
    assert 15 < task.psnr_corrupted_db(colour, seen) < 40


def test_a_size_that_does_not_divide_is_refused(colour):
    with pytest.raises(ImageError, match="127 x 96 cannot be reduced by 2"):
        SuperResolve(2).corrupt(colour[:, :127], "a")


def test_psnr_equals_scikit_image(colour):
    noisy = Denoise().corrupt(colour, "a").corrupted
    expected = peak_signal_noise_ratio(
        colour.astype(np.float64), noisy.astype(np.float64), data_range=1
    )
    assert psnr_db(noisy, colour) == pytest.approx(expected, abs=1e-9)
    assert psnr_db(colour, colour) == float("inf")
    assert psnr_db(np.zeros((1, 2, 2)), np.ones((1, 2, 2))) == 0


def test_luma_equals_scikit_image(colour):
    expected = rgb2ycbcr(colour.transpose(1, 2, 0).astype(np.float64))[..., 0] / 255
    np.testing.assert_allclose(luma(colour.astype(np.float64))[0], expected, atol=1e-12)


def test_references_of_denoising_and_inpainting(colour):
    for task in (Denoise(), Inpaint()):
        seen = task.corrupt(colour, "a")
        references = task.scoring_references(colour, seen)
        assert references["corrupted"] is seen.corrupted
        assert references["ground_truth"] is colour
        assert task.reduce(colour) is colour
        assert task.psnr_corrupted_db(colour, seen) == psnr_db(seen.corrupted, colour)


@given(sigma=st.floats(0.02, 0.3))
@settings(deadline=None, max_examples=20)
def test_the_noise_is_estimated(sigma):
    noise = np.random.default_rng(0).normal(0.5, sigma, (1, 128, 129)).astype(np.float32)
    assert noise_estimate(noise) == pytest.approx(sigma, rel=0.05)
