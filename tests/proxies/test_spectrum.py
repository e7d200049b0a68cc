"""Power spectra: analytic cases and properties."""

from __future__ import annotations

import numpy as np
import pytest

from nasdip_bench.errors import ImageError, NasdipError
from nasdip_bench.proxies import prepare
from nasdip_bench.proxies.density import (
    PSD_FLOOR,
    decibel,
    energy_bandwidth,
    histogram_heights,
    strip_mask,
)
from tests.proxies.formulas import formula_image


def test_decibels_are_floored() -> None:
    np.testing.assert_allclose(
        decibel(np.array([1.0, 1e-3, 2.0, PSD_FLOOR, 1e-30, 0.0])),
        [0, -30, 3.010299956639812, -200, -200, -200],
    )


def test_strip_rounds_as_the_released_code_where_frequencies_lie_on_its_bounds() -> None:
    # Columns 80 ± 8 of 160 lie on the inner bound and 80 ± 16 on the outer one.
    row = strip_mask(96, 160)[48]
    assert list(np.flatnonzero(row)) == [*range(64, 72), *range(88, 97)]


def test_bandwidth_by_hand() -> None:
    # Energy 4 at the centre (disc 1) and 1 at each of two frequencies at radius 1/4, diameter 1/2:
    # sqrt(2) i / 99 > 1/2 from i = 36. The target 0.8 · 6 = 4.8 lies 0.4 of the way from 35 to 36.
    density = np.zeros((16, 16))
    density[8, 8] = 4
    density[8, 12] = density[8, 4] = 1
    assert energy_bandwidth(density, 0.8) == pytest.approx(35.4 / 99)
    assert energy_bandwidth(density, 4 / 6) == pytest.approx(1 / 99)  # reached, not passed


def test_bandwidth_where_there_is_nothing_to_interpolate() -> None:
    assert energy_bandwidth(np.zeros((16, 16))) == 0
    centre, corner = np.zeros((16, 16)), np.zeros((16, 16))
    centre[8, 8] = corner[0, 0] = 1
    assert energy_bandwidth(centre) == pytest.approx(0.01)
    assert energy_bandwidth(corner) == 1


@pytest.mark.parametrize(
    "values", [np.linspace(0, PSD_FLOOR, 50), 0.3 + np.arange(50) * 1e-16, np.full(1, 1e-5)]
)
def test_equal_values_make_one_bin(values: np.ndarray) -> None:
    assert sorted(histogram_heights(values)) == [0] * 99 + [pytest.approx(100)]


@pytest.mark.parametrize("spread", [2 * PSD_FLOOR, 1e-15, 1e-9])
def test_narrow_ranges_stay_finite(spread: float) -> None:
    for least in (0.0, 1e-9 * spread, spread, 100 * spread):
        heights = histogram_heights(np.linspace(least, least + spread, 300))
        assert np.isfinite(heights).all()
        assert heights.mean() == pytest.approx(1 / spread, rel=1)


def test_prepared_image_is_a_read_only_copy() -> None:
    image = formula_image(1, 16, 16, 0.0)
    prepared = prepare(image)
    before = prepared.image.copy()
    image[:] = 0
    np.testing.assert_array_equal(prepared.image, before)
    for array in (prepared.image, prepared.psd, prepared.psd_db, prepared.strip_psd):
        assert not array.flags.writeable


def test_paper_histogram_puts_overshooting_values_in_the_last_bin() -> None:
    y = np.arange(64)[:, None] / 64
    image = np.broadcast_to(4 * np.cos(2 * np.pi * 4 * y), (1, 64, 64))  # density 4 in the strip
    cumulative = prepare(image).strip_cumulative
    count = np.count_nonzero(strip_mask(64, 64))
    assert cumulative.shape == (75,)
    np.testing.assert_allclose(cumulative[:74], 1 - 2 / count)
    assert cumulative[74] == 1


class _Unreadable:
    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        raise RuntimeError("requires grad")


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (np.zeros((64, 64)), r"the picture has shape \(64, 64\).*image\[None\]"),
        (np.zeros((64, 64, 3)), r"shape \(64, 64, 3\).*move it to the front"),
        (np.zeros((1, 0, 64)), r"shape \(1, 0, 64\)"),
        (np.zeros((1, 16, 16), np.uint8), r"dtype uint8; scores take floats in \[0, 1\].*/ 255"),
        (np.array([[[0.5, np.inf]]]), "the picture has 1 NaN or infinite values of 2"),
        (np.full((1, 4, 4), 255.0), r"values from 255 to 255; scores take \[0, 1\]"),
        (_Unreadable(), r"a _Unreadable that numpy cannot read \(requires grad\).*detach"),
    ],
)
def test_what_is_no_image(image: np.ndarray, text: str) -> None:
    with pytest.raises(ImageError, match=text) as caught:
        prepare(image, "picture")
    assert isinstance(caught.value, NasdipError)


def test_image_without_a_strip() -> None:
    with pytest.raises(ImageError, match=r"8 × 8 has no frequency in the strip.*at least 16 × 16"):
        _ = prepare(np.zeros((1, 8, 8))).strip_psd
    assert all(strip_mask(h, w).any() for h in range(16, 50) for w in range(16, 50))
    assert not strip_mask(15, 15).any()
