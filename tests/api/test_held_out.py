"""What an image's own best gains, and what the beginning of a fit says about its end."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from nasdip_bench.api import NASDIPBench, early_figure
from nasdip_bench.api.reading.arrays.targets import VERDICT_TARGETS
from nasdip_bench.api.reading.run_set import RunSet
from nasdip_bench.api.statistics.early import SEEDS, early_ranking
from nasdip_bench.api.statistics.image_gain import image_gain
from nasdip_bench.api.statistics.tau_frame import MEAN
from nasdip_bench.errors import MissingRunError, UnknownNameError
from tests import synthetic
from tests.conftest import ROOT

DATA = ROOT / "data"
FIDELITY = "r64c16"


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    frame = pd.read_parquet(DATA / "runs.parquet")
    return frame[(frame.fidelity == FIDELITY) & (frame.status == "ok")]


def complete(runs: pd.DataFrame, task: str, target: str) -> pd.DataFrame:
    """Architectures × (image, seed), without gaps."""
    mine = runs[runs.task == task]
    return mine.pivot(index="arch_id", columns=["image", "seed"], values=target).dropna()


def test_the_interval_is_about_that_of_the_bootstrap(shipped, runs):
    """Of one image, seed and target, where both can be had."""
    found = early_ranking(shipped, "denoise", images="lena", iterations=[300], fidelity=FIDELITY)
    row = found.loc[("raw", "own", "last_psnr_smooth_db", 300)]
    curves = shipped.curves("denoise", fidelity=FIDELITY)
    point = curves.iterations.tolist().index(300)
    ends = complete(runs[runs.image == "lena"], "denoise", "last_psnr_smooth_db")
    rng, drawn = np.random.default_rng(0), []
    image = shipped.images.index("lena")
    for _ in range(400):
        rows = rng.integers(len(ends), size=len(ends))
        taus = []
        for seed in (0, 1):
            early = curves.psnr_db[ends.index[rows], image, seed, point]
            taus.append(kendalltau(early, ends["lena", seed].to_numpy()[rows]).statistic)
        drawn.append(np.mean(taus))
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.25)


def test_what_is_missing_is_said(tmp_path, shipped):
    one_seed = NASDIPBench(
        synthetic.write_release(tmp_path / "a", seeds={"r64": (0,), "r64c16i40": (0,)})
    )
    with pytest.raises(MissingRunError, match="two of each are needed; denoise at r64 has seeds 0"):
        image_gain(one_seed, "denoise")
    with pytest.raises(MissingRunError, match="two of each are needed"):
        image_gain(shipped, "denoise", images="lena")
    few = NASDIPBench(synthetic.write_release(tmp_path / "b", count=4))
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
    assert found["tau_gap"].tolist() == pytest.approx([2, 2, 2])
    assert np.isnan(found["low"]).all()
    resampled = image_gain(bench, "denoise", resamples=40, **how)
    assert (resampled["low"] < resampled["high"]).all()


@pytest.mark.parametrize("interaction", [0.0, 0.5])
def test_the_gap_is_zero_unless_images_rank_differently(monkeypatch, bench, interaction):
    """Drawn: a value of the architecture, one of it on the image, and the noise of a run."""
    rng = np.random.default_rng(3)
    one, image, noise = (
        scale * rng.normal(size=shape)
        for scale, shape in ((1, (300, 1, 1)), (interaction, (300, 3, 1)), (0.3, (300, 3, 2)))
    )
    monkeypatch.setattr(RunSet, "values", lambda *_: one + image + noise)
    found = image_gain(bench, "denoise", targets=[VERDICT_TARGETS[0]], resamples=0)
    row = found.loc[VERDICT_TARGETS[0], MEAN]
    assert (row["tau_gap_low"] > 0) == (interaction > 0)
    assert row["tau_gap"] == pytest.approx(row["tau_own"] - row["tau_others"])
    if interaction:
        correlations = 1.25 / 1.34, 1 / 1.34
        expected = [2 / np.pi * np.arcsin(r) for r in correlations]  # of normal values
        assert [row["tau_own"], row["tau_others"]] == pytest.approx(expected, abs=0.04)
    else:
        assert row["gain_db"] < 0  # one run is noisier than the mean of two


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
    read = pd.read_csv(io.StringIO(figure.csv()), index_col=figure.frame.index.names)
    pd.testing.assert_frame_equal(read[["tau", "low"]], figure.frame[["tau", "low"]])


def test_of_one_seed_nothing_is_said_of_another(tmp_path):
    path = synthetic.write_release(tmp_path / "data", fidelities=("r64",), seeds={"r64": (0,)})
    figure = early_figure(NASDIPBench(path), "denoise")
    assert {row[2] for row in figure.body()} == {"own"}
    assert "There is only one seed" in figure.text()
