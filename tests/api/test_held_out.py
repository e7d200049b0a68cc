"""What an image's own best gains, and what the beginning of a fit says about its end."""

from __future__ import annotations

import numpy as np
import pytest

from nasdip_bench.api import early_figure
from nasdip_bench.api.reading.arrays.targets import VERDICT_TARGETS
from nasdip_bench.api.statistics.early import SEEDS, early_ranking
from nasdip_bench.api.statistics.image_gain import image_gain
from nasdip_bench.errors import MissingRunError, UnknownNameError
from tests.synthetic import LOW


def test_what_is_missing_is_said(small, shipped):
    with pytest.raises(MissingRunError, match=f"two of each are needed; denoise at {LOW} has seed"):
        image_gain(small(), "denoise")
    with pytest.raises(MissingRunError, match="two of each are needed"):
        image_gain(shipped, "denoise", images="lena")
    few = small(count=4, seeds=None)
    for call in (image_gain, early_ranking):
        with pytest.raises(MissingRunError, match="4 architectures have ok runs of denoise at r64"):
            call(few, "denoise")
    with pytest.raises(UnknownNameError, match="unknown iteration 599"):
        early_ranking(shipped, "denoise", iterations=[599])
    for call in (image_gain, early_ranking):
        with pytest.raises(UnknownNameError, match="unknown target"):
            call(shipped, "denoise", targets=["psnr"])


def test_of_the_formula_the_gain_is_known(bench):
    """Two images rank the twelve in opposite orders: the best of one is the worst of the other."""
    target = "best_psnr_smooth_db"
    how = {"targets": [target], "images": ["lena", "chest"]}
    found = image_gain(bench, "denoise", resamples=0, **how)
    assert found["gain_db"].tolist() == pytest.approx([1.1, 1.1, 1.1])
    assert found["tau_own"].tolist() == pytest.approx([1, 1, 1])
    assert found["tau_others"].tolist() == pytest.approx([-1, -1, -1])
    for end in ("tau_gap", "tau_gap_low", "tau_gap_high"):
        assert found[end].tolist() == pytest.approx([2, 2, 2])
    assert np.isnan(found["low"]).all()
    resampled = image_gain(bench, "denoise", resamples=40, **how)
    assert (resampled["low"] < resampled["high"]).all()


def test_the_figure_of_early_ranking_says_what_it_shows(bench):
    """By the formula the order is there from the start; odd seeds of inpaint reverse it."""
    figure = early_figure(bench, "inpaint", targets=[VERDICT_TARGETS[0]])
    text = figure.text()
    assert "fidelity r64 (64x64, 128 channels, 2000 iterations); seeds 0, 1" in text
    assert "lags about 99 iterations behind" in text
    assert "n = 12 of 12 architectures" in text
    assert "final_* equals last_*" in text
    iterations = [int(name.split()[1]) for name in figure.heads()[0][3:]]
    assert iterations[-1] == 2000
    for target, curve, seed, *cells in figure.body():
        for at, cell in zip(iterations, cells, strict=True):
            row = figure.frame.loc[curve, seed, target, at]
            assert cell == f"{row['tau']:+.2f} ({row['low']:+.2f}..{row['high']:+.2f})"
    # In LaTeX signed numbers are in math mode, for true minus signs.
    assert f"${row['tau']:+.2f}$ (${row['low']:+.2f}$..${row['high']:+.2f}$)" in figure.latex()
    own, other = (figure.frame.loc["raw", seed, VERDICT_TARGETS[0], 2000]["tau"] for seed in SEEDS)
    assert own > 0.5
    assert other == pytest.approx(-own, abs=0.15)


def test_the_level_of_early_ranking_is_that_of_its_intervals(shipped):
    how = {"targets": VERDICT_TARGETS[:1], "iterations": [300], "images": "lena"}
    narrow, wide = (early_ranking(shipped, "denoise", level=of, **how) for of in (0.5, 0.9))
    half, most = ((of["high"] - of["tau"]).to_numpy() for of in (narrow, wide))
    assert (half > 0).all()
    assert most == pytest.approx(1.645 / 0.6745 * half, rel=0.01)


def test_of_one_seed_nothing_is_said_of_another(small):
    figure = early_figure(small(), "denoise")
    assert {row[2] for row in figure.body()} == {"own"}
    assert "There is only one seed" in figure.text()
