"""The leaderboard of searches, against files read by hand, replays and analytic expectations."""

from __future__ import annotations

import math

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import scipy.stats

from nasdip_bench.api.search import Method, compare
from nasdip_bench.api.search.baselines import cell_table, one_sampling, transfer
from nasdip_bench.api.search.leaderboard_figure import search_leaderboard_figure
from nasdip_bench.api.simulation.prices import CostModel
from nasdip_bench.errors import ConfigError, MissingRunError, UnknownNameError
from tests.conftest import ROOT
from tests.synthetic import LOW

DATA = ROOT / "data"
COUNT = 24
BEST, LAST = "best_psnr_smooth_db", "last_psnr_smooth_db"
MEAN = "(mean)"
A_SECOND_EACH = CostModel(flops_per_second=1e30, overhead_seconds=1.0)


@pytest.fixture(scope="module")
def bench(low_release):
    return low_release(count=COUNT, distances=True)


def board(bench, task="denoise", **options):
    defaults = {"repeats": 4, "resamples": 0, "targets": [BEST]}
    return bench.search_leaderboard(task, **defaults | options)


def values(bench, task, image, seed, target=BEST):
    return bench.runs.block(task, LOW).matrix(target, seed)[:, bench.images.index(image)]


def test_a_search_is_judged_on_the_seed_that_it_did_not_see(bench):
    """Odd seeds turn the ranking of inpaint over: whoever tunes on one seed gets the worst."""
    frame = board(bench, "inpaint", budget_seconds=1e9).loc[BEST, "lena"]
    worst = np.mean([values(bench, "inpaint", "lena", seed).min() for seed in (0, 1)])
    for name in ("random", "evolution", "halving", "hyperband"):
        assert frame.loc[name, "psnr_db"] == pytest.approx(worst)
    assert frame.loc["random", ["track", "trained", "searches", "n"]].tolist() == [
        *("oracle", COUNT, 8, COUNT)
    ]


def test_random_search_gets_what_it_must_expect(bench):
    """The best of k by raw PSNR at the stop of one seed, its target on the other seed."""
    k, repeats = 5, 120
    frame = board(
        bench, repeats=repeats, budget_seconds=k + 0.5, cost=A_SECOND_EACH, resamples=500
    ).loc[BEST]
    for image in bench.images:
        expected = []
        for seed in (0, 1):
            seen, judged = (
                values(bench, "denoise", image, s, t)
                for s, t in ((seed, "final_psnr_db"), (1 - seed, BEST))
            )
            ranks = scipy.stats.rankdata(seen, "ordinal")  # ties: the judged values are tied, too
            odds = np.array([math.comb(int(r) - 1, k - 1) for r in ranks]) / math.comb(COUNT, k)
            expected.append(odds @ judged)
        row = frame.loc[image, "random"]
        sigma = (row["high"] - row["low"]) / 3.92
        assert row["psnr_db"] == pytest.approx(np.mean(expected), abs=5 * sigma)
        assert 0 < sigma < 0.1
        assert row["low"] < row["psnr_db"] < row["high"]
    assert frame.loc[(MEAN, "random"), "psnr_db"] == pytest.approx(
        frame.xs("random", level="method").loc[list(bench.images), "psnr_db"].mean()
    )
    assert frame.loc[(MEAN, "random"), "trained"] == k


def test_gaps_are_those_to_the_baselines(bench):
    frame = board(bench, targets=[BEST, LAST])
    for target in (BEST, LAST):
        for image in (MEAN, *bench.images):
            rows = frame.loc[target, image]
            for name, gap in (("random", "over_random_db"), ("transfer", "over_transfer_db")):
                np.testing.assert_allclose(
                    rows[gap], rows["psnr_db"] - rows.loc[name, "psnr_db"], atol=1e-12
                )
            assert rows["psnr_db"].is_monotonic_decreasing


def test_methods_without_a_target_choose_the_same_for_all(bench):
    """Targets are read off the same choices; those that look at other images choose by each."""
    one, two = (board(bench, targets=t) for t in ([LAST], [BEST, LAST]))
    pd.testing.assert_frame_equal(one.loc[LAST], two.loc[LAST])


def test_the_transfer_row_follows_from_the_files_alone(shipped):
    target = "stopped_psnr_smooth_db"
    table = pq.read_table(
        DATA / "runs.parquet",
        columns=["arch_id", "image", "task", "fidelity", "seed", "status", target],
    ).to_pandas()
    table = table[(table.task == "denoise") & (table.fidelity == "r64c16")]
    assert set(table.status) == {"ok"}
    cube = table.pivot_table(target, "arch_id", ["seed", "image"])
    images = pq.read_table(DATA / "images.parquet")["name"].to_pylist()
    with h5py.File(DATA / "distances/r64c16-denoise.h5") as file:
        restored = (file["truth"][:] != 65535).all(axis=1)  # (image, architecture) on both seeds
    reached = []
    for image in images:
        others = [name for name in images if name != image]
        both = cube[[(0, image), (1, image)]].dropna().index
        both = both[restored[images.index(image)][both]]
        for seen in (0, 1):
            elsewhere = cube.loc[both, [(seen, name) for name in others]].mean(axis=1, skipna=False)
            reached.append(cube.loc[elsewhere.idxmax(), (1 - seen, image)])
    frame = board(shipped, targets=[target], repeats=1)
    assert frame.loc[target, MEAN, "transfer"]["psnr_db"] == pytest.approx(np.mean(reached))


def test_intervals_over_images_are_scipys_bootstrap(bench):
    """Of methods without chance on each image, only the images are resampled."""
    frame = board(bench, resamples=20_000, images=None).loc[BEST]
    name = "isnas psd_db_mse/corrupted"
    by_image = frame.xs(name, level="method").drop(MEAN)["psnr_db"].to_numpy()
    assert frame.loc[list(bench.images), :].xs(name, level="method")["low"].isna().all()
    known = scipy.stats.bootstrap(
        (by_image,), np.mean, n_resamples=20_000, method="percentile", rng=0
    ).confidence_interval
    row = frame.loc[MEAN, name]
    assert (row["low"], row["high"]) == pytest.approx((known.low, known.high), abs=0.02)
    assert np.isnan(frame.loc[(MEAN, "random"), "over_random_low"])


def test_baselines_choose_what_other_images_recommend(bench):
    """Chest ranks the other way round than lena, boat like lena with pairs."""
    for image in bench.images:
        others = [name for name in bench.images if name != image]
        elsewhere = np.mean([values(bench, "denoise", name, 0) for name in others], axis=0)
        sim = bench.simulator(image, "denoise", track="deployable")
        transfer(sim, np.random.default_rng(0))
        assert elsewhere[sim.incumbent] == elsewhere.max()
        assert sim.clock == 0
        groups = [(a.attributes.sampling, a.attributes.transform_first) for a in bench]
        means = {g: elsewhere[[h == g for h in groups]].mean() for g in groups}
        best = max(means, key=means.get)
        sim = bench.simulator(image, "denoise")
        one_sampling(sim, np.random.default_rng(0))
        trained = set(sim.history()["arch_id"])
        assert trained == {a for a, group in enumerate(groups) if group == best}
        sim = bench.simulator(image, "denoise", track="deployable")
        cell_table(sim, np.random.default_rng(0))
        table = []
        for a, arch in enumerate(bench):
            mates = [b for b, other in enumerate(bench) if other.cell == arch.cell and b != a]
            table.append(elsewhere[mates].mean() if mates else means[groups[a]])
        assert table[sim.incumbent] == pytest.approx(max(table))


def test_own_methods_enter_and_chance_is_by_name(bench):
    def last(sim, rng):
        sim.choose(sim.space[-1])

    mine = Method(last, "deployable", deterministic=True)
    frame, without = board(bench, methods={"mine": mine}), board(bench)
    row = frame.loc[BEST, "lena", "mine"]
    assert row["psnr_db"] == pytest.approx(
        np.mean([values(bench, "denoise", "lena", s)[-1] for s in (0, 1)])
    )
    assert (row["searches"], row["track"], row["nothing"]) == (2, "deployable", 0)
    pd.testing.assert_frame_equal(frame.drop("mine", level="method"), without)
    lazy = board(bench, methods={"lazy": Method(lambda sim, rng: None)})
    row = lazy.loc[BEST, "lena", "lazy"]
    assert row["nothing"] == row["searches"]
    anybody = np.mean([values(bench, "denoise", "lena", s).mean() for s in (0, 1)])
    assert row["psnr_db"] == pytest.approx(anybody)

    def lost(sim, rng):
        raise MissingRunError("of mine")

    with pytest.raises(MissingRunError, match="of mine"):  # only shipped methods are left out
        board(bench, images="lena", methods={"lost": lost})


def test_methods_search_what_has_distances_whether_they_need_them_or_not(small):
    """Of five with distances on each seed, one diverged and one lacks them on the other seed."""
    diverged = {(LOW, "denoise", 5, "lena", 1)}
    bench = small(count=6, seeds=None, diverged=diverged, distances={(0, "lena", 1)})
    frame = board(bench, images="lena", methods={"all": lambda sim, rng: sim.choose(sim.space[0])})
    assert {"random", "isnas random", "all"} <= {*frame.loc[BEST, "lena"].index}
    assert set(frame["n"]) == {5}
    assert bench.simulator("lena", "denoise", held_out=True).space.tolist() == [*range(6)]
    curves = compare(bench, images="lena", methods=["random", "isnas"], repeats=2, seed=1)
    assert curves.attrs["n"] == {"lena": 5}


def test_divergence_on_the_other_seed_is_told_and_counts_as_the_worst(small):
    bench = small(
        count=6,
        seeds=None,
        diverged={(LOW, "denoise", 5, "lena", 1)},
        missing={(LOW, "denoise", 0, "lena", 1)},
    )
    frame = board(bench, repeats=2, budget_seconds=1e9)
    assert frame.attrs["left_out"]  # no distances: nothing for ISNAS to choose by
    assert not any("isnas" in name for name in frame.index.get_level_values("method"))
    assert "random+neighbour" not in frame.attrs["left_out"]
    row = frame.loc[BEST, "lena", "evolution"]
    assert (row["diverged"], row["searches"], row["n"]) == (2, 4, 5)
    on = {
        (a, s): bench.query(a, "lena", "denoise", seed=s).best_psnr_smooth_db
        for a, s in ((1, 1), (4, 0))
    }  # searched on 0: 5 is best, and diverged on 1; searched on 1: 4 is best
    assert row["psnr_db"] == pytest.approx(np.mean([on[1, 1], on[4, 0]]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"repeats": 0}, "repeats 0 must be a whole number of at least 1"),
        ({"targets": ["loss"]}, "unknown target of a ranking 'loss'"),
        ({"methods": {"random": lambda sim, rng: None}}, "cannot be called 'random'.*a shipped"),
    ],
)
def test_arguments_are_checked(bench, arguments, message):
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        board(bench, **arguments)


def test_one_image_has_nothing_to_gain_over(small):
    """No other image recommends anything."""
    alone = small(count=6, seeds=None, images={"lena": "original"})
    frame = board(alone, budget_seconds=1e9, resamples=20)
    gains = [f"over_transfer_{end}" for end in ("db", "low", "high")]
    assert frame[gains].isna().all(axis=None)
    assert frame["over_random_db"].notna().all()
    sim = alone.simulator("lena", "denoise")
    sim.choose(0)
    found = sim.test()
    assert (found.transfer, math.isnan(found.over_transfer_db)) == (-1, True)
    figure = search_leaderboard_figure(alone, "denoise", repeats=2, resamples=20)
    assert "nan" not in figure.text()
    assert "n = 6 of 6 architectures, those with runs of every seed." in figure.caption
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_table_shows_means_best_first(bench):
    figure = search_leaderboard_figure(bench, "denoise", repeats=3, resamples=50)
    lines = figure.text().splitlines()
    assert lines[2].split() == ["method", "track", "trained", "best", "stopped", "last"]
    rows = {line.split("  ")[0]: line for line in lines[4 : 4 + len(figure.methods())]}
    assert list(rows) == figure.methods()
    row = figure.frame.loc[BEST, MEAN, "transfer"]
    assert f"{row['psnr_db']:.2f}  " in rows["transfer"]
    assert "+0.00" in rows["transfer"]
    gaps = figure.frame.xs(MEAN, level="image")["over_transfer_db"].unstack("target").mean(axis=1)
    assert (np.diff(gaps[figure.methods()]) <= 1e-12).all()
    assert "3 times on each of 3 images" in figure.caption
    searched = "runs and distances between restorations of every seed"
    assert f"n = 24 of 24 architectures, those with {searched}." in figure.caption
