"""Replayed searches against the files and the restorations, by hand."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.api.replay.curve import _closest_of_prefixes, _random_cohorts
from nasdip_bench.api.replay.figure import replay_figure
from nasdip_bench.api.statistics.tau_frame import MEAN
from nasdip_bench.dataset.distances import mean_squares
from nasdip_bench.errors import ConfigError, MissingRunError, UnknownNameError
from nasdip_bench.isnas.selection import WEIGHTINGS, Cohort, closest_to_average, weights
from tests import synthetic
from tests.synthetic import LOW

SCORE = "psd_db_mse"  # of the synthetic releases: arch_id
ROUNDED = 10 ** (0.0005 / 10) - 1  # of half a thousandth of a dB, a share


# A synthetic release by hand


@pytest.fixture(scope="module")
def bench(low_release) -> NASDIPBench:
    """On lena 0 diverged, 2 failed, 3 is missing, 5 has no distances; 7 has no scores anywhere."""
    return low_release(
        diverged={(LOW, "denoise", 0, "lena", seed) for seed in (0, 1)},
        failed={(LOW, "denoise", 2, "lena", 0)},
        missing={(LOW, "denoise", 3, "lena", 0)},
        unscored={7},
        distances={(5, "lena", 0)},
    )


def runs_of(path: Path, image: str, seed: int) -> list[dict]:
    rows = pq.read_table(path / "runs.parquet").to_pylist()
    return [r for r in rows if (r["task"], r["image"], r["seed"]) == ("denoise", image, seed)]


def by_hand(path: Path, image: str, n: int, seed: int, weighting: str) -> dict:
    """A replay from the tables and the restorations themselves, slowly."""
    scores = pq.read_table(path / "scores.parquet").to_pandas()
    scores = scores[
        (scores["task"] == "denoise") & (scores["image"] == image) & (scores["proxy"] == SCORE)
        & (scores["reference"] == "corrupted") & (scores["seed"] == seed)
    ].set_index("arch_id")["value"]  # fmt: skip
    pool = []
    for row in runs_of(path, image, seed):
        there = (row["arch_id"], image, seed) != (5, "lena", 0)
        if row["arch_id"] in scores.index and row["status"] != "failed" and there:
            pool.append(row | {"score": scores[row["arch_id"]]})
    pool.sort(key=lambda row: row["score"])
    ok = [row for row in pool[:n] if row["status"] == "ok"]
    best = max(row["final_psnr_smooth_db"] for row in pool if row["status"] == "ok")
    if not ok:
        return {"candidates": len(pool), "regret": math.nan}
    shares = weights(np.array([row["score"] for row in ok]), weighting)
    outputs = [synthetic.restoration(row) for row in ok]
    average = sum(share * output for share, output in zip(shares, outputs, strict=True))
    distances = np.array([np.mean((output - average) ** 2) for output in outputs])
    # Of two with equal weights the first; all others are further apart than they are rounded.
    near = np.flatnonzero(distances <= distances.min() * (1 + 1e-9))
    further = distances[distances > distances.min() * (1 + 1e-9)]
    assert (further > distances.min() * (1 + 3 * ROUNDED)).all()
    chosen = ok[near[0]]
    psnr = [row["final_psnr_smooth_db"] for row in ok]
    everyone = [r["final_psnr_smooth_db"] for r in pool if r["status"] == "ok"]
    return {
        "candidates": len(pool),
        "selected": chosen["arch_id"],
        "distances": distances,
        "regret": best - chosen["final_psnr_smooth_db"],
        "rank": 1 + sum(other > chosen["final_psnr_smooth_db"] for other in everyone),
        "regret_best": best - max(psnr),
        "regret_member": best - np.mean(psnr),
        "regret_first": best - psnr[0],
        "regret_any": best - np.mean(everyone),
        "members": len(ok),
    }


def test_a_random_cohort_is_the_mean_over_all_cohorts():
    rng = np.random.default_rng(1)
    outputs, psnr_db = rng.normal(size=(9, 4)), rng.normal(30, 1, 9)
    between = ((outputs[:, None] - outputs) ** 2).mean(axis=-1)
    found = _random_cohorts(between, psnr_db, 50, rng=0)
    assert len(found) == 9
    for n in (1, 3, 5, 9):
        regrets = []
        for cohort in itertools.combinations(range(9), n):
            apart = ((outputs[[*cohort]] - outputs[[*cohort]].mean(axis=0)) ** 2).mean(axis=-1)
            regrets.append(psnr_db.max() - psnr_db[cohort[apart.argmin()]])
        assert found[n - 1] == pytest.approx(
            np.mean(regrets), abs=1e-9 + 4 * np.std(regrets) / 500**0.5
        )


@pytest.mark.parametrize(("seed", "weighting"), [*enumerate(WEIGHTINGS[:2]), (0, WEIGHTINGS[2])])
def test_every_cohort_is_what_the_files_give(bench, seed, weighting):
    curve = bench.isnas_curve("denoise", scores=[SCORE], weighting=weighting, seed=seed)
    for image in bench.images:
        mine = curve.loc[f"{SCORE}/corrupted", image]
        for n in mine.index:
            hand = by_hand(bench.path, image, n, seed, weighting)
            found = bench.isnas(image, "denoise", SCORE, n=n, weighting=weighting, seed=seed)
            assert found.candidates == hand["candidates"]
            row = mine.loc[n]
            if "selected" not in hand:
                assert found.selected is None
                assert found.best is None
                assert math.isnan(found.regret)
                assert np.isnan(row.drop(["members", "candidates"])).all()
                assert row["members"] == 0
                continue
            assert found.selected.arch_id == hand["selected"]
            distances = [m.distance for m in found.cohort if not m.diverged]
            np.testing.assert_allclose(distances, hand["distances"], rtol=3 * ROUNDED, atol=1e-12)
            assert (found.rank, found.regret) == (hand["rank"], pytest.approx(hand["regret"]))
            assert found.best_regret == pytest.approx(hand["regret_best"])
            for name in hand.keys() & row.index:
                assert row[name] == pytest.approx(hand[name]), name
        assert len(mine) == hand["candidates"]
        assert set(mine["candidates"]) == {hand["candidates"]}


def test_diverged_members_keep_their_place(bench):
    found = bench.isnas("lena", "denoise", SCORE, n=3, seed=0)
    assert [(m.arch_id, m.diverged) for m in found.cohort] == [(0, True), (1, False), (4, False)]
    assert math.isnan(found.cohort[0].weight)
    assert len(repr(found)) < 2000
    assert all(f">{m.architecture}</td>" in found._repr_html_() for m in found.cohort)


def test_the_mean_over_seeds_is_of_searches_with_one_seed(low_release):
    bench = low_release(distances=True)
    both = bench.isnas_curve("denoise", scores=[SCORE])
    assert (both.attrs["seeds"], both.attrs["fidelity"], both.attrs["stop"]) == ([0, 1], LOW, 40)
    alone = [bench.isnas_curve("denoise", scores=[SCORE], seed=seed) for seed in (0, 1)]
    pd.testing.assert_frame_equal(both, (alone[0] + alone[1]) / 2, check_dtype=False)
    for seed in (None, 1):
        found = bench.isnas("boat", "denoise", SCORE, n=2, seed=seed)
        assert (found.seed, found.fidelity, found.stop) == (seed or 0, LOW, 40)


def test_the_fast_pass_is_the_search_s_own_selector(bench):
    for weighting in WEIGHTINGS:
        fast = bench.isnas_curve("denoise", weighting=weighting)
        slow = bench.isnas_curve("denoise", weighting=weighting, selector=closest_to_average)
        assert slow.attrs["selector"] == "closest_to_average"
        assert slow.pop("regret_random").isna().all()  # only for "closest"
        pd.testing.assert_frame_equal(fast.drop(columns="regret_random"), slow)


# Ties


def test_of_those_equally_close_the_first_is_kept():
    draw = np.random.default_rng(0)
    outputs, scores = draw.uniform(0, 1, (6, 3 * 8 * 8)), np.sort(draw.uniform(1, 9, 6))
    # Two with equal weights, and the same output four times.
    two = mean_squares(outputs[:2])
    assert _closest_of_prefixes(two, scores[:2], "equal").tolist() == [0, 0]
    same = mean_squares(outputs[[0, 1, 1, 1, 1, 2]])
    for weighting in WEIGHTINGS:
        found = _closest_of_prefixes(same, scores, weighting).tolist()
        assert {*found} <= {0, 1, 5}


def test_ties_in_the_score_break_by_row(small, monkeypatch):
    monkeypatch.setitem(synthetic.SCORES, ("psd_db_mse", "corrupted"), lambda a: 1.0 + a // 3)
    found = small(distances=True).isnas("boat", "denoise", SCORE, n=5)
    assert [member.arch_id for member in found.cohort] == [0, 1, 2, 3, 4]


# What cannot be answered


def test_without_distances_nothing_is_replayed(low):
    told = r"no distances between the restorations of denoise at r64c16i40: 'nasdip-build release'"
    with pytest.raises(MissingRunError, match=told):
        low.isnas("lena", "denoise", SCORE)
    with pytest.raises(KeyError, match=told):
        low.isnas_curve("denoise")


def test_distances_of_another_seed_are_not_taken(low_release):
    without = {(a, image, 1) for a in range(12) for image in synthetic.IMAGES}
    bench = low_release(distances=without)
    assert bench.isnas("lena", "denoise", SCORE, n=3).seed == 0
    told = r"of denoise at r64c16i40 with seed 1: it has those of seed 0$"
    with pytest.raises(MissingRunError, match=told):
        bench.isnas("lena", "denoise", SCORE, n=3, seed=1)


def test_a_selector_of_one_s_own_sees_the_distances(bench):
    seen = []

    def central(cohort: Cohort) -> int:
        seen.append(cohort)
        return int(np.argmin(cohort.between.sum(axis=1)))

    found = bench.isnas("boat", "denoise", SCORE, n=5, selector=central, seed=1)
    assert found.selector == "central"
    rows = {row["arch_id"]: row for row in runs_of(bench.path, "boat", 1)}
    outputs = [synthetic.restoration(rows[member.arch_id]) for member in found.cohort]
    directly = np.array([[np.mean((a - b) ** 2) for b in outputs] for a in outputs])
    (cohort,) = seen
    np.testing.assert_allclose(cohort.between, directly, rtol=2 * ROUNDED)
    assert cohort.psnr_db.tolist() == [member.final_psnr_smooth_db for member in found.cohort]
    assert cohort.scores.tolist() == [member.score for member in found.cohort]
    assert found.selected.place == 1 + np.argmin(directly.sum(axis=1))


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"n": 0}, ConfigError, "n 0 must be a whole number from 1 to 8, the arch.* with a run"),
        ({"n": 9}, ConfigError, "n 9 must .* psd_db_mse/corrupted and distances .* with seed 0"),
        ({"image": "lenna"}, UnknownNameError, "unknown image 'lenna'. Did you mean 'lena'"),
        ({"task": "denoize"}, UnknownNameError, "unknown task"),
        ({"score": "psd_mse"}, UnknownNameError, "unknown score 'psd_mse'"),
        ({"score": "parameters"}, ConfigError, "ranks only by scores where lower is better"),
        ({"score": "psd_strip_hist_emd"}, UnknownNameError, "'psd_strip_hist_emd/corrupted'"),
        ({"reference": "truth"}, UnknownNameError, "unknown reference 'truth'. Available: corr"),
        ({"weighting": "even"}, UnknownNameError, "unknown weighting 'even'"),
        ({"selector": "oracle"}, ConfigError, "selector 'oracle' must be a function from a Coh"),
    ],
)
def test_mistakes_are_named(bench, given, error, text):
    settings = {"image": "lena", "task": "denoise", "score": SCORE, "n": 2, "seed": 0}
    with pytest.raises(error, match=text):
        bench.isnas(**(settings | given))


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"n": 0}, ConfigError, "n 0 must be a whole number of at least 1"),
        ({"n": 12}, ConfigError, r"n 12 must be at most 11, .* the score and distances\);"),
        ({"scores": []}, ConfigError, "no scores to replay .*available: psd_db_mse/corrupted"),
        ({"reference": "none"}, UnknownNameError, "unknown reference"),
    ],
)
def test_mistakes_in_curves_are_named(bench, given, error, text):
    with pytest.raises(error, match=text):
        bench.isnas_curve("denoise", **given)


def test_scores_by_which_a_search_can_rank_are_taken(bench):
    scores = bench.isnas_curve("denoise").attrs["scores"]  # psd_99_bandwidth is the same for all
    assert scores == ["psd_db_mse/corrupted", "psd_db_strip_mse/corrupted"]
    truth = bench.isnas_curve("denoise", reference="ground_truth")
    assert truth.attrs["scores"] == ["psd_db_mse/ground_truth"]
    assert bench.isnas("boat", "denoise", "psd_db_mse/ground_truth", n=1).cohort[0].arch_id == 11


# The figure


def test_the_figure_says_what_it_shows(bench):
    figure = replay_figure(bench, n=5, seed=0)
    text = figure.text()
    assert "(denoise, mean over 3 images)" in text
    assert f"fidelity {LOW} (64x64, 16 channels, 40 iterations); seed 0, stop at 40" in text
    assert "candidates: 8..11 of 12 architectures, those with distances between outputs." in text
    assert "1 of 36 runs is missing, 1 diverged, 1 failed." in text
    assert "Substitutes for the paper's images: chest." in text
    assert "A cohort of all" not in text
    row = figure.frame.loc["psd_db_mse/corrupted", MEAN, 5]
    cell = f"{row['regret']:.2f} ({row['regret_best']:.2f}, {row['regret_member']:.2f})"
    assert re.search(rf"psd_db_mse/corrupted +8 +-- +{re.escape(cell)}", text)  # the first diverged


def test_one_image_is_shown_alone(bench):
    figure = replay_figure(bench, images="boat", scores=[SCORE], seed=0)
    assert "(denoise, boat)" in figure.caption
    assert "A cohort of all 11 candidates holds the best of all" in " ".join(figure.notes)
    assert figure.heads() == [["score", "candidates", "N = 1", "N = 5", "N = 11"]]  # the longest
    assert figure.body()[0][:2] == ["psd_db_mse/corrupted", "11"]
    assert [*figure.frame.index.get_level_values("image").unique()] == ["boat", MEAN]


def test_info_names_tasks_with_distances(run, bench):
    assert run("info", "--data", bench.path)[1].count("; distances") == 1


def test_images_of_imported_results_are_the_papers(small):
    notes = {}
    for name in ("released", "user"):
        bench = small(image_set=name, images={"lena": "original"}, distances=True)
        notes[name] = " ".join(replay_figure(bench).notes)
    assert "not the paper's" not in notes["released"]
    assert "The images are of the set 'user', not the paper's." in notes["user"]


def test_the_command_prints_and_draws_the_figure(run, bench, tmp_path):
    few = ("replay", "--score", SCORE, "--cohort", 5, "--data", bench.path)
    figure = replay_figure(bench, scores=[SCORE], n=5)
    assert run(*few, "--format", "text")[:2] == (0, figure.text())
    path = tmp_path / "a.png"
    assert run(*few, "--out", path) == (0, f"written: {path}\n", "")
    assert path.read_bytes().startswith(b"\x89PNG")
