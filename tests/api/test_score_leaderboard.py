"""The leaderboard of scores: its null entries, p-values and rows, each by a direct computation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from nasdip_bench.api import NASDIPBench
from nasdip_bench.api.statistics.leaderboard.scores import NULL, score_leaderboard
from nasdip_bench.api.statistics.leaderboard.significance import (
    _permutation_variance,
    holm,
    lead_of,
    p_value,
)
from nasdip_bench.errors import ConfigError, UnknownNameError
from tests import synthetic
from tests.synthetic import LOW, change_rows, each

FIDELITY = "r64c16"
TARGET = "stopped_psnr_smooth_db"


@pytest.fixture(scope="module")
def two_seeds(tmp_path_factory) -> NASDIPBench:
    """The second ranks the architectures another way than the first."""
    path = synthetic.small(tmp_path_factory.mktemp("seeds") / "data", seeds=None)
    draw = np.random.default_rng(0)
    noisy = each(lambda row: {TARGET: row[TARGET] + row["seed"] * draw.normal()})
    return NASDIPBench(change_rows(path, "runs", noisy))


def antisymmetric(rng, count, n):
    values = rng.normal(size=(count, n)).round(1)
    return np.sign(values[:, :, None] - values[:, None, :]).astype(np.float32)


@pytest.mark.parametrize("n", [2, 3, 9])
def test_the_variance_over_permutations_is_that_of_permutations(n):
    rng = np.random.default_rng(n)
    x, y = antisymmetric(rng, 4, n), antisymmetric(rng, 4, n)
    orders = rng.permuted(np.tile(np.arange(n), (20_000, 1)), axis=1)
    drawn = np.einsum("kij,krij->r", x, y[:, orders[:, :, None], orders[:, None, :]])
    assert np.mean(drawn) == pytest.approx(0, abs=4 * np.std(drawn) / np.sqrt(len(drawn)))
    assert _permutation_variance(x, y) == pytest.approx(np.var(drawn), rel=0.05)


def test_p_values_are_those_of_exchanging_architectures():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    y[:, 0] += 0.6 * x[:, 0]
    strata = np.repeat([0, 1, 2], 10)
    for kinds in (np.zeros(30, int), strata):
        same = kinds[:, None] == kinds[None, :]

        def tau(order, same=same):
            signs = [np.sign(v[:, None] - v[None, :]) * same for v in (*x.T, *y[order].T)]
            return np.mean(
                [(a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())
                 for a, b in ((signs[0], signs[2]), (signs[1], signs[3]))]
            )  # fmt: skip

        drawn = []
        for _ in range(4000):
            order = np.arange(30)
            for kind in np.unique(kinds):
                rows = np.flatnonzero(kinds == kind)
                order[rows] = rng.permutation(rows)
            drawn.append(tau(order))
        drawn, seen = np.abs(drawn).round(9), round(abs(tau(np.arange(30))), 9)
        expected = np.mean(drawn > seen) + np.mean(drawn == seen) / 2  # taus are few numbers
        assert p_value(np.stack([x.T, y.T]), kinds) == pytest.approx(expected, abs=0.03)


def test_taus_that_cancel_whatever_the_order_have_no_p_value():
    x = np.random.default_rng(0).normal(size=(9, 2))
    x[:, 1] = -x[:, 0]  # two images that rank in opposite ways
    y = np.repeat(np.random.default_rng(1).normal(size=(9, 1)), 2, axis=1)
    assert np.isnan(p_value(np.stack([x.T, y.T]), np.zeros(9, int)))


def test_holm():
    found = holm(np.array([0.01, np.nan, 0.04, 0.03, 0.5]))
    assert found == pytest.approx([0.04, np.nan, 0.09, 0.09, 0.5], nan_ok=True)
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]


def test_the_sampling_mean_looks_at_other_images_alone(two_seeds):
    """By pandas: tau of the stratum's mean on the other images, by image and seed."""
    bench = two_seeds
    table = score_leaderboard(bench, "denoise", k=5)
    seeds = table.attrs["seeds"]
    assert seeds == [0, 1]
    runs = bench.to_frame("runs")
    runs = runs[(runs.task == "denoise") & (runs.fidelity == table.attrs["fidelity"])]
    # A mean over the images that an architecture has, each of them the mean over all seeds.
    wide = runs[runs.seed.isin(seeds)].pivot(index="arch_id", columns=["image", "seed"])[TARGET]
    by_image = {image: wide[image].mean(axis=1, skipna=False) for image in bench.images}
    strata = [f"{a.attributes.sampling} {a.attributes.transform_first}" for a in bench]
    taus = []
    for image in bench.images:
        others = pd.concat([by_image[one] for one in bench.images if one != image])
        means = others.groupby([strata[a] for a in others.index]).mean()
        for seed in seeds:
            mine = wide[image, seed].dropna()
            predicted = [means[strata[a]] for a in mine.index]
            taus.append(kendalltau(predicted, mine).statistic)
    row = table.loc["sampling mean", NULL]
    assert row["tau_signed"] == pytest.approx(np.mean(taus), abs=1e-9)
    assert np.isnan(row["tau_signed_within"])  # all alike in a stratum
    assert table.xs(NULL, level="reference")[["p", "p_within"]].isna().all(axis=None)


def test_chance_is_that_of_all_architectures_whatever_score_comes_first(small):
    """The first score lacks two architectures here, and has the same value for all there."""
    for bench in (small(unscored={0, 1}), small()):
        found = score_leaderboard(bench, "denoise", k=3)
        values = bench.runs.block("denoise").matrix(found.attrs["target"], 0)
        row = found.loc["random", NULL]
        assert (row["n"], row["tau_signed"], row["precision"]) == (12, 0, 3 / 12)
        expected = np.mean(values.max(axis=0) - values.mean(axis=0))
        assert row["regret_random"] == row["regret"] == pytest.approx(expected)


def test_the_merit_of_choosing_by_a_score(bench):
    """psd_db_mse/corrupted is the row itself, lower claimed; on chest the first row is the best."""
    chest, lena = (
        score_leaderboard(bench, "denoise", k=3, fidelity=LOW, images=image)
        for image in ("chest", "lena")
    )
    columns = ["tau_signed", "precision", "regret", "precision_chance", "regret_random"]
    right, wrong = (table.loc[("psd_db_mse", "corrupted"), columns] for table in (chest, lena))
    assert right.tolist() == pytest.approx([1, 1, 0, 3 / 12, 0.55])  # a tenth of a dB each
    assert wrong.tolist() == pytest.approx([-1, 0, 1.1, 3 / 12, 0.55])
    constant = lena.loc["psd_99_bandwidth", "none"]
    assert constant[columns].isna().all()
    assert lena.loc["parameters", "none"]["direction"] == "lower?"


def test_a_diverged_run_can_be_chosen_but_is_never_among_the_best(small, flawed):
    worse = small(diverged={(LOW, "denoise", a, "lena", 0) for a in range(5)})
    found = [
        score_leaderboard(worse, "denoise", k=8, images=image).loc["psd_db_mse", "corrupted"]
        for image in ("lena", "boat")
    ]
    assert [np.isnan(row["precision"]) for row in found] == [True, False]  # 7 did not diverge
    assert np.isnan(found[0]["regret"])  # its first diverged
    wrong = score_leaderboard(
        flawed, "denoise", k=2, images="lena", values={"mine": np.arange(12.0)}
    ).loc["mine", "own"]
    # Its first is the diverged one: nothing is chosen; row 8 is among the two best.
    assert np.isnan(wrong["regret"])
    assert wrong["precision"] == 0.5


def test_why_there_is_no_p_value_is_said(apart):
    row = score_leaderboard(apart, "denoise", k=2).loc["psd_db_strip_mse", "corrupted"]
    assert np.isfinite(row["tau_signed"])
    assert np.isnan(row["p"])
    assert "too few architectures have values on all images at all seeds" in row["reason"]


def test_values_of_ones_own_enter_with_one_call(shipped):
    how = {"fidelity": FIDELITY, "images": ["lena", "boat"], "seed": 0}
    quality = shipped.to_frame("runs").query("fidelity == @FIDELITY and task == 'denoise'")
    oracle = quality.groupby("arch_id")["best_psnr_smooth_db"].mean()
    some = oracle.iloc[:60]
    values = {"oracle": oracle, "some": some, "constant": dict.fromkeys(some.index, 1.0)}
    found = score_leaderboard(shipped, "denoise", values=values, **how)
    partly = f"60 of {len(oracle)} architectures: not comparable with rows that have more"
    reasons = found["reason"]
    assert reasons["some", "own"] == partly
    assert reasons["constant", "own"].endswith(f"; {partly}")
    assert reasons["oracle", "own"] == reasons["random", NULL] == ""
    assert found.drop("some", level=0).index[0] == ("oracle", "own")
    assert found.loc["oracle", "own"]["p_within"] < 0.01
    with pytest.raises(ConfigError, match="k 0"):
        score_leaderboard(shipped, "denoise", k=0)


def test_a_lead_is_a_difference_of_taus_with_the_interval_of_a_bootstrap():
    rng, n = np.random.default_rng(5), 190
    target = rng.normal(size=(2, n + 10))
    good, poor = target + rng.normal(size=(2, n + 10)), target + 2 * rng.normal(size=(2, n + 10))
    good[0, n:] = np.nan  # left out of all three
    # How often each sample has each architecture; the first has each once.
    counts = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), size=400)])

    def leads(kinds):
        same = kinds[:n, None] == kinds[:n]
        kept = (of[:, :n] for of in (target, good, poor))
        signs = [np.sign(of[:, :, None] - of[:, None, :]) * same for of in kept]

        def total(of):
            return ((counts @ of) * counts).sum(axis=-1)

        one, other = (
            total(signs[0] * of) / np.sqrt(total(signs[0] ** 2) * total(of**2)) for of in signs[1:]
        )
        return (one - other).mean(axis=0)

    for kinds in (np.zeros(n + 10, int), rng.integers(0, 3, n + 10)):
        found = lead_of(np.stack([target, good, poor]), kinds, 0.9)
        expected, *drawn = leads(kinds)
        assert found.tau == pytest.approx(expected, abs=1e-6)
        low, high = np.quantile(drawn, [0.05, 0.95])
        assert [found.low, found.high] == pytest.approx([low, high], abs=0.02)


def test_entries_are_compared_with_one_that_is_named(two_seeds):
    how = {"k": 3, "images": ["lena", "boat"], "values": {"mine": np.arange(12) % 7}}
    plain = score_leaderboard(two_seeds, "denoise", **how)
    found = score_leaderboard(two_seeds, "denoise", against="sampling mean", **how)
    assert found[plain.columns].equals(plain)
    leads = found["tau_signed"] - found.loc["sampling mean", NULL]["tau_signed"]
    compared = found["lead"].notna() & (found["n"] == 12)  # one has no value of parameters
    assert found["lead"][compared].to_numpy() == pytest.approx(leads[compared].to_numpy(), abs=1e-6)
    assert {("mine", "own"), ("psd_db_strip_mse", "corrupted")} <= {*found.index[compared]}
    assert not {("sampling mean", NULL), ("random", NULL)} & {*found.index[compared]}
    assert (found["low_lead"] < found["lead"])[compared].all()
    assert found["lead_within"].isna().all()  # the rival has no tau within
    score_leaderboard(two_seeds, "denoise", against="mine", **how)
    with pytest.raises(UnknownNameError, match="unknown entry of the leaderboard 'sampling'"):
        score_leaderboard(two_seeds, "denoise", against="sampling", **how)
    with pytest.raises(ConfigError, match="cannot be called 'cell table'"):
        score_leaderboard(two_seeds, "denoise", values={"cell table": [0.0] * 12})
