"""Agreement between scores, seeds, fidelities and images, and the merit of choosing by a score."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from nasdip_bench import NASDIPBench
from nasdip_bench.api import figure3, figure4
from nasdip_bench.errors import ConfigError, MissingRunError, UnknownNameError
from tests import synthetic
from tests.synthetic import LOW

HIGH = "r64"
COUNT = 12
BEST = "best_psnr_smooth_db"
TIED = 60 / math.sqrt(66 * 60)  # 12 architectures in 6 tied pairs: 60 of 66 pairs are not tied
CORRUPTED = ("psd_db_mse", "corrupted")  # its value is the architecture's row


# Scores


def test_tau_and_its_basis_are_those_of_the_short_form(bench):
    short = bench.kendall("denoise")
    long = bench.kendall_intervals("denoise")
    assert long.index.names == ["proxy", "reference", "image"]
    for column in short.columns:
        mine = long.loc[column]
        np.testing.assert_allclose(mine["tau"][short.index], short[column], atol=1e-12)
        np.testing.assert_allclose(mine["tau"]["(mean)"], short[column].mean(skipna=False))
        n = short.attrs["n"]["/".join(column)]
        assert mine["n"].to_dict() == n | {"(mean)": min(n.values())}
        assert (mine["pairs"] == mine["n"] * (mine["n"] - 1) // 2).all()
    assert long.loc[(*CORRUPTED, "boat")][["tied_x", "tied_y"]].tolist() == [6, 0]
    constant = long.loc["psd_99_bandwidth", "none"]
    assert constant["tied_y"].tolist() == [66] * 4
    assert constant["reason"]["lena"] == "all values of psd_99_bandwidth/none are equal"
    assert constant[["tau", "low", "high"]].isna().all(axis=None)
    json.dumps(long.attrs)


def test_the_mean_over_images_is_resampled_jointly(bench):
    # On lena tau is 1 and on chest -1, in whatever sample: their mean is known to be 0 exactly.
    own = np.arange(COUNT, dtype=float)
    both = bench.correlate(np.stack([own, own, np.roll(own, 5)], axis=1), "denoise", fidelity=LOW)
    assert both.loc["lena", ["tau", "low", "high"]].tolist() == pytest.approx([1, 1, 1])
    assert both.loc["chest", ["tau", "low", "high"]].tolist() == pytest.approx([-1, -1, -1])
    boat, mean = both.loc["boat"], both.loc["(mean)"]
    assert boat["low"] < boat["tau"] < boat["high"]
    for column in ("tau", "low", "high"):
        assert mean[column] == pytest.approx(boat[column] / 3)


def test_intervals_can_be_left_out_and_repeated(bench):
    none = bench.kendall_intervals("denoise", resamples=0)
    assert none[["low", "high"]].isna().all(axis=None)
    assert none["tau"].notna().any()
    first, again, other = (
        bench.correlate(np.arange(COUNT) % 5, "denoise", rng=rng) for rng in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again)
    assert (first["low"] != other["low"]).any()
    wide = bench.correlate(np.arange(COUNT) % 5, "denoise", rng=1, level=0.99)
    assert (wide["low"] <= first["low"]).all()
    assert (wide["low"] < first["low"]).any()
    with pytest.raises(ConfigError, match="confidence level 95 must lie between 0 and 1"):
        bench.kendall_intervals("denoise", level=95)


def test_of_few_architectures_there_is_no_interval(bench):
    few = bench.correlate({0: 1.0, 2: 2.0}, "denoise", fidelity=LOW)
    assert few["tau"].abs().tolist()[:3] == [1, 1, 1]
    assert few[["low", "high"]].isna().all(axis=None)
    assert set(few["reason"]) == {"n = 2 is too few for an interval, 5 are needed"}
    enough = bench.correlate({a: float(a) for a in range(5)}, "denoise", fidelity=LOW)
    assert set(enough["reason"]) == {""}
    assert enough["low"].notna().all()


def test_spearmans_rho_is_scipys(bench):
    own = np.random.default_rng(3).integers(0, 8, COUNT).astype(float)
    # A target that ranks unlike the PSNRs, so that another one would not pass.
    how = {"fidelity": LOW, "method": "spearman", "target": "best_iteration"}
    found = bench.correlate(own, "denoise", **how)
    assert list(found.columns)[:3] == ["rho", "low", "high"]
    assert found.attrs["method"] == "spearman"
    for image in bench.images:
        runs = [bench.query(a, image, "denoise", fidelity=LOW) for a in range(COUNT)]
        expected = scipy.stats.spearmanr([run.best_iteration for run in runs], own).statistic
        assert found.loc[image, "rho"] == pytest.approx(expected)
        assert found.loc[image, "low"] < expected < found.loc[image, "high"]
    constant = bench.correlate(np.zeros(COUNT), "denoise", fidelity=LOW, method="spearman")
    assert constant.loc["(mean)", "reason"] == "rho is not defined for 3 of 3 images"
    with pytest.raises(UnknownNameError, match="unknown method 'pearson'.*Available: kendall, spe"):
        bench.correlate(own, "denoise", method="pearson")


def test_within_one_design_choice(bench):
    """Against every pair of architectures, one by one."""
    # A target that ranks unlike the PSNRs, so that another one would not pass.
    frame = bench.kendall_intervals("denoise", within="sampling", target="best_iteration")
    kinds = [arch.attributes.sampling for arch in bench]
    assert frame.attrs["within"] == "sampling"
    whole = bench.kendall_intervals("denoise")
    block = bench.runs.block("denoise")
    _, scores = bench.runs.scores("denoise")
    for column, (proxy, reference) in enumerate(scores.columns):
        for position, image in enumerate(bench.images):
            taus = []
            for seed in block.default_seeds:
                x = block.matrix("best_iteration", seed)[:, position]
                y = scores.values[:, position, column]
                there = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
                pairs = [
                    (np.sign(x[i] - x[j]), np.sign(y[i] - y[j]))
                    for i, j in itertools.combinations(there, 2)
                    if kinds[i] == kinds[j]
                ]
                a, b = np.array(pairs).T
                with np.errstate(invalid="ignore"):
                    taus.append((a * b).sum() / np.sqrt(np.count_nonzero(a) * np.count_nonzero(b)))
            row = frame.loc[proxy, reference, image]
            assert row["tau"] == pytest.approx(np.mean(taus), nan_ok=True)
            assert row["pairs"] == len(pairs) < whole.loc[proxy, reference, image]["pairs"]
            assert row["tied_y"] == np.count_nonzero(b == 0)
            assert bool(row["reason"]) == math.isnan(row["tau"])
    how = {"within": "sampling", "target": "best_iteration", "resamples": 0}
    own = bench.correlate(scores.values[:, :, 0], "denoise", **how)
    np.testing.assert_allclose(own["tau"], frame.loc[scores.columns[0]]["tau"])
    with pytest.raises(UnknownNameError, match="attribute to compare within 'cell'"):
        bench.kendall_intervals("denoise", within="cell")
    with pytest.raises(ConfigError, match="within='kernel' is for tau, not for method 'spearman'"):
        bench.correlate(np.arange(len(bench)), "denoise", within="kernel", method="spearman")


RESAMPLED = (
    "kendall_intervals", "seed_agreement", "fidelity_agreement", "proxy_table", "image_gain",
    "noise", "stopping_table", "score_leaderboard", "search_leaderboard",
)  # fmt: skip


@pytest.mark.parametrize("statistic", RESAMPLED)
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"resamples": -1}, "resamples -1 must be a whole number of at least 0"),
        ({"resamples": 10.0}, "resamples 10.0 must be a whole number"),
        ({"resamples": True}, "resamples True must be a whole number"),
        ({"resamples": None}, "resamples None must be a whole number"),
        ({"rng": -1}, "rng -1 must be a whole number"),
        ({"level": 95, "resamples": 0}, "confidence level 95 must lie between 0 and 1"),
        ({"level": "0.95"}, "confidence level '0.95' must lie between 0 and 1"),
    ],
)
def test_settings_of_a_resampling_are_checked_alike(bench, statistic, setting, message):
    with pytest.raises(ConfigError, match=message):
        getattr(bench, statistic)("denoise", **setting)


def test_cohorts_are_several_sizes(bench):
    for call in (NASDIPBench.proxy_table, figure3, figure4):
        with pytest.raises(ConfigError, match="cohort sizes 5 must be several whole numbers"):
            call(bench, "denoise", cohorts=5)


# Seeds and fidelities


def test_the_ceiling_is_tau_between_seeds(bench):
    agree = bench.seed_agreement("denoise", fidelity=HIGH)
    assert agree["tau"].tolist() == pytest.approx([1] * 4)
    assert agree["attainable"].tolist() == pytest.approx([1] * 4)
    turned = bench.seed_agreement(
        "inpaint", target=BEST, fidelity=HIGH
    )  # odd seeds turn the ranks over
    assert turned["tau"].tolist() == pytest.approx([-1] * 4)
    assert turned["attainable"].tolist() == [0] * 4
    assert turned.attrs["seeds"] == [0, 1]
    assert agree["tied_x"].to_dict() == {"lena": 0, "chest": 0, "boat": 6, "(mean)": 6}


def test_three_seeds_are_compared_in_pairs(tmp_path):
    path = synthetic.small(tmp_path / "data", tasks=("inpaint",), seeds={LOW: (0, 1, 2)})
    found = NASDIPBench(path).seed_agreement("inpaint")
    taus = [-1, 1, -1]  # 0 and 1, 0 and 2, 1 and 2
    assert found["tau"]["lena"] == pytest.approx(np.mean(taus))
    assert found["std"]["lena"] == pytest.approx(np.std(taus, ddof=1))


def test_pairs_of_seeds_with_nothing_in_common_do_not_spoil_the_others(tmp_path):
    missing = {(LOW, "denoise", a, i, 1) for a in range(6) for i in synthetic.IMAGES}
    missing |= {(LOW, "denoise", a, i, 2) for a in range(6, 12) for i in synthetic.IMAGES}
    path = synthetic.small(tmp_path / "data", seeds={LOW: (0, 1, 2)}, missing=missing)
    found = NASDIPBench(path).seed_agreement("denoise")
    assert found["tau"].tolist() == pytest.approx([1] * 4)
    assert set(found["n"]) == {6}
    assert found.attrs["pairs"] == [[0, 1], [0, 2]]
    assert found.attrs["seeds"] == [0, 1, 2]


def test_a_ceiling_of_some_images_and_within_one_choice(tmp_path):
    """Odd seeds turn the ranks over; seed 1 has no run on boat."""
    path = synthetic.small(
        tmp_path / "data",
        tasks=("inpaint",),
        seeds={LOW: (0, 1)},
        missing={(LOW, "inpaint", a, "boat", 1) for a in range(COUNT)},
    )
    bench = NASDIPBench(path)
    whole = bench.seed_agreement("inpaint", resamples=0)
    assert np.isnan(whole["tau"]["(mean)"])
    some = bench.seed_agreement("inpaint", images=["chest", "lena"], resamples=0)
    assert some.index.tolist() == ["chest", "lena", "(mean)"]
    assert some["tau"].tolist() == pytest.approx([-1] * 3)

    kinds = [arch.attributes.sampling for arch in bench]
    pairs = sum(a == b for a, b in itertools.combinations(kinds, 2))
    within = bench.seed_agreement("inpaint", images="lena", within="sampling", resamples=0)
    assert within.loc["lena", ["tau", "pairs"]].tolist() == pytest.approx([-1, pairs])
    assert within.attrs["within"] == "sampling"
    assert whole["pairs"]["lena"] == COUNT * (COUNT - 1) / 2 > pairs


def test_a_ceiling_needs_two_seeds(bench):
    with pytest.raises(MissingRunError, match=r"needs runs of two seeds; .* has those of seed 0"):
        bench.seed_agreement("denoise", fidelity=LOW)


def test_fidelities_are_compared_in_every_pair_of_seeds(bench):
    found = bench.fidelity_agreement("denoise")
    assert found.index.names == ["fidelity_a", "fidelity_b", "image"]
    assert found.loc[HIGH, LOW]["tau"].tolist() == pytest.approx([1] * 4)
    inpaint = bench.fidelity_agreement("inpaint", fidelities=(LOW, HIGH))
    assert inpaint.loc[(LOW, HIGH, "lena"), ["tau", "std"]].tolist() == pytest.approx(
        [0, math.sqrt(2)]  # 1 with seed 0, -1 with seed 1
    )
    assert inpaint.attrs["seeds"] == {LOW: [0], HIGH: [0, 1]}


def test_fidelities_are_compared_on_some_images_and_within_one_choice(bench):
    kinds = [arch.attributes.transform for arch in bench]
    found = bench.fidelity_agreement("inpaint", images="lena", within="transform", resamples=0)
    assert found.index.get_level_values("image").tolist() == ["lena", "(mean)"]
    row = found.loc[HIGH, LOW, "lena"]
    assert row[["tau", "std"]].tolist() == pytest.approx([0, math.sqrt(2)])  # 1 and -1 by seed
    assert row["pairs"] == sum(a == b for a, b in itertools.combinations(kinds, 2)) < 66


def test_fidelities_that_cannot_be_compared(bench, flawed):
    with pytest.raises(MissingRunError, match=rf"runs of denoise at {LOW} only"):
        flawed.fidelity_agreement("denoise")
    with pytest.raises(MissingRunError, match="compared with itself"):
        bench.fidelity_agreement("denoise", fidelities=(LOW, LOW))
    with pytest.raises(UnknownNameError, match="r63"):
        bench.fidelity_agreement("denoise", fidelities=(LOW, "r63"))


# Images


def test_overlap_beside_chance_and_seed_noise(bench):
    table = bench.overlap_table("denoise", k=4, fidelity=HIGH)
    matrix = bench.overlap("denoise", k=4, fidelity=HIGH)
    for (a, b), row in table.iterrows():
        assert row["shared"] == matrix.loc[a, b]
        assert (row["n"], row["n_across_seeds"]) == (COUNT, COUNT)
        assert row["expected"] == row["expected_across_seeds"] == pytest.approx(16 / 12)
        chance = scipy.stats.hypergeom(COUNT, 4, 4)
        assert row["chance_std"] == pytest.approx(chance.std())
        assert row["p_value"] == pytest.approx(chance.sf(row["shared"] - 1))
        # Seeds agree perfectly: an image shares all with itself, and with others what it shared.
        assert row["same_image_across_seeds"] == 4
        assert row["shared_across_seeds"] == row["shared"]
    assert list(table.index) == list(itertools.combinations(bench.images, 2))


def test_seed_noise_that_turns_the_order_over(bench):
    table = bench.overlap_table("inpaint", k=4, fidelity=HIGH)
    # Seed 0 ranks lena by the row and chest against it, seed 1 the other way round.
    row = table.loc["lena", "chest"]
    assert row["shared"] == 0
    assert row["same_image_across_seeds"] == 0
    assert row["shared_across_seeds"] == 4


def test_overlap_without_a_second_seed(flawed):
    row = flawed.overlap_table("denoise", k=3).loc["lena", "chest"]
    assert (row["n"], row["n_across_seeds"]) == (10, 0)
    assert math.isnan(row["same_image_across_seeds"])
    with pytest.raises(ConfigError, match="k 11 must be a whole number from 1 to 10"):
        flawed.overlap_table("denoise", k=11)


# Runs on some images only


@pytest.fixture(scope="module")
def partial(tmp_path_factory):
    """No runs on boat."""
    path = synthetic.small(
        tmp_path_factory.mktemp("partial") / "data",
        missing={(LOW, "denoise", a, "boat", 0) for a in range(COUNT)},
    )
    return NASDIPBench(path)


SOME = ["chest", "lena"]


def test_a_mean_over_the_images_that_have_runs(partial):
    own = np.arange(float(COUNT))
    whole = partial.correlate(own, "denoise").loc["(mean)"]
    assert math.isnan(whole["tau"])
    assert whole["reason"] == "tau is not defined for 1 of 3 images; it is for lena, chest"
    merit = partial.proxy_table("denoise", k=3).loc[CORRUPTED, "reason"]
    assert (merit["(mean)"], merit["lena"]) == (whole["reason"], "")
    found = partial.correlate(own, "denoise", images=SOME)
    assert list(found.index) == [*SOME, "(mean)"]
    assert found.loc["(mean)", "tau"] == pytest.approx(found["tau"][SOME].mean())
    assert found.loc["(mean)", ["n", "reason"]].tolist() == [COUNT, ""]
    long = partial.kendall_intervals("denoise", images=SOME).loc[CORRUPTED]
    pd.testing.assert_frame_equal(long, found, check_names=False)
    short = partial.kendall("denoise", images="lena")
    assert list(short.index) == ["lena"]
    assert short.loc["lena", CORRUPTED] == found.loc["lena", "tau"]
    assert list(short.attrs["n"]["psd_db_mse/corrupted"]) == ["lena"]
    worth = partial.proxy_table("denoise", k=3, cohorts=(2,), images=SOME).loc[CORRUPTED]
    assert list(worth.index) == [*SOME, "(mean)"]
    assert worth.loc["(mean)", "regret_2"] == pytest.approx(worth["regret_2"][SOME].mean())
    curve = partial.selection_curve("denoise", images="lena")
    assert [*curve.index.unique("image")] == ["lena", "(mean)"]


def test_overlap_on_the_images_that_have_runs(partial, bench):
    for call in (partial.overlap, partial.overlap_table):
        with pytest.raises(
            ConfigError,
            match="no architecture has a run of denoise at r64c16i40 with seed 0 on all 3 images; "
            "2 of 3 images have runs of denoise at r64c16i40: lena, chest; name images",
        ):
            call("denoise", k=3)
    found = partial.overlap("denoise", k=3, images=SOME)
    assert [*found.index] == [*found.columns] == SOME
    expected = bench.overlap("denoise", k=3, fidelity=LOW).loc[SOME, SOME]
    pd.testing.assert_frame_equal(found, expected)
    assert (found.attrs["n"], found.attrs["expected"]) == (COUNT, 9 / COUNT)
    table = bench.overlap_table("denoise", k=4, images=SOME, fidelity=HIGH)
    whole = bench.overlap_table("denoise", k=4, fidelity=HIGH)
    assert [*table.index] == [("chest", "lena")]
    assert table.iloc[0].tolist() == whole.loc["lena", "chest"].tolist()


def test_the_best_on_the_images_that_have_runs(partial):
    with pytest.raises(MissingRunError, match="2 of 3 images have runs .*: lena, chest; name"):
        partial.find_best("denoise")
    best = partial.find_best("denoise", images=SOME)
    assert (best.images, best.candidates) == (("chest", "lena"), COUNT)
    on_each = [partial.query(best.arch_id, i, "denoise").stopped_psnr_smooth_db for i in SOME]
    assert best.value == pytest.approx(np.mean(on_each))
    assert partial.regret(best.arch_id, "denoise", images=SOME) == 0
    assert partial.statistics("denoise", images=SOME).maximum == best.value
    with pytest.raises(ConfigError, match=r"k 13 must .* ok runs of denoise at .* on chest, lena"):
        partial.top_k("denoise", k=13, images=SOME)


def test_images_that_are_none(bench):
    for call in (bench.kendall, bench.overlap, bench.proxy_table, bench.selection_curve):
        with pytest.raises(UnknownNameError, match="unknown image 'lenna'. Did you mean 'lena'"):
            call("denoise", images=["lenna"])
        with pytest.raises(ConfigError, match="no images are named; available: lena, chest, boat"):
            call("denoise", images=[])


# Choosing by a score


def test_a_score_that_ranks_perfectly_or_perfectly_wrong(bench):
    table = bench.proxy_table("denoise", k=3, cohorts=(2, 5), fidelity=LOW)
    # Lower is claimed: psd_db_mse/corrupted is the row itself, so that on chest, where the first
    # row is the best, it ranks perfectly, and on lena the other way round.
    chest, lena = (table.loc[(*CORRUPTED, image)] for image in ("chest", "lena"))
    assert (chest["direction"], chest["n"], chest["tau"]) == ("lower", COUNT, pytest.approx(-1))
    assert chest[["precision", "hit_2", "regret_2", "regret_5"]].tolist() == [1, 1, 0, 0]
    assert lena[["precision", "hit_2", "hit_5"]].tolist() == [0, 0, 0]
    assert lena["regret_2"] == pytest.approx(1.0)  # row 1 instead of row 11, a tenth of a dB each
    assert lena["regret_5"] == pytest.approx(0.7)
    assert lena["precision_chance"] == 3 / 12
    # The best of 5 of 0..11 is (5 / 6) 13 - 1 in the mean.
    assert lena["regret_5_chance"] == pytest.approx((11 - (5 * 13 / 6 - 1)) / 10)
    assert lena["hit_5_chance"] == pytest.approx(1 - math.comb(9, 5) / math.comb(12, 5))
    mean = table.loc[(*CORRUPTED, "(mean)")]
    three = table.loc[CORRUPTED].drop("(mean)")
    for column in ("precision", "hit_2", "regret_5", "regret_5_chance"):
        assert mean[column] == pytest.approx(three[column].mean())
    assert mean["seconds"] == pytest.approx(0.1)
    json.dumps(table.attrs)


def test_scores_that_rank_nothing_say_nothing(bench):
    table = bench.proxy_table("denoise", k=3)
    assert (
        table.loc["psd_99_bandwidth", "none"][["precision", "hit_5", "regret_5"]]
        .isna()
        .all(axis=None)
    )
    assert set(table.loc["parameters", "none"]["direction"]) == {"lower?"}
    assert table["regret_15"].isna().all()  # more than there are


def test_own_values_stand_beside_those_of_the_release(bench):
    own = {"mine": {a: -float(a) for a in range(COUNT)}}
    own["some"] = {a: own["mine"][a] for a in range(7)}
    table = bench.proxy_table("denoise", k=3, values=own, fidelity=LOW)
    assert set(table.loc["some", "own"]["reason"]) == {
        f"7 of {COUNT} architectures: not comparable with rows that have more"
    }
    assert set(table.loc["mine", "own"]["reason"]) == {""}
    other = ("direction", "seconds", "tau", "low", "high", "reason")
    columns = [c for c in table.columns if c not in other]
    pd.testing.assert_frame_equal(
        table.loc["mine", "own"][columns], table.loc[CORRUPTED][columns], check_names=False
    )
    assert table.loc[("mine", "own", "chest"), "tau"] == pytest.approx(1)
    curve = bench.selection_curve("denoise", score="mine", values=own["mine"], fidelity=LOW)
    pd.testing.assert_frame_equal(
        curve, bench.selection_curve("denoise", score="/".join(CORRUPTED), fidelity=LOW)
    )
    assert (curve.attrs["proxy"], curve.attrs["direction"]) == ("mine/own", "higher")


def test_values_of_which_lower_is_better(bench):
    """The numbers of a score that is lower-is-better give what the score gives."""
    own = {a: float(a) for a in range(COUNT)}
    score = bench.selection_curve("denoise", score="/".join(CORRUPTED), fidelity=LOW)
    assert (score.attrs["proxy"], score.attrs["direction"]) == ("/".join(CORRUPTED), "lower")
    mine = bench.selection_curve("denoise", values=own, lower_is_better=True, fidelity=LOW)
    pd.testing.assert_frame_equal(mine, score)
    assert (mine.attrs["proxy"], mine.attrs["direction"]) == ("values/own", "lower")
    other_way = bench.selection_curve("denoise", values=own, fidelity=LOW)
    assert not other_way["regret"].equals(score["regret"])
    table = bench.proxy_table(
        "denoise", k=3, values={"a": own, "b": own}, lower_is_better=["a"], fidelity=LOW
    )
    merit = ["direction", "tau", "precision", "regret_5"]
    pd.testing.assert_frame_equal(
        table.loc["a", "own"][merit], table.loc[CORRUPTED][merit], check_names=False
    )
    assert set(table.loc["b", "own"]["direction"]) == {"higher"}
    assert bench.correlate(own, "denoise", fidelity=LOW).attrs["proxy"] == "own"


def test_values_of_ones_own_are_no_score(bench):
    own = np.arange(float(COUNT))
    for name in ("/".join(CORRUPTED), "psd_db_mse", "snip"):  # snip: registered, not in the release
        for call in (
            lambda name=name: bench.selection_curve("denoise", score=name, values=own),
            lambda name=name: bench.proxy_table("denoise", k=3, values={name: own}),
        ):
            with pytest.raises(
                ConfigError, match=f"your own values cannot be called '{name}', the name of a s"
            ):
                call()
    with pytest.raises(ConfigError, match="lower_is_better=False is for your own values, and n"):
        bench.selection_curve("denoise", lower_is_better=False)
    with pytest.raises(UnknownNameError, match="in lower_is_better 'mine'. Available: yours"):
        bench.proxy_table("denoise", k=3, values={"yours": own}, lower_is_better=["mine"])


def test_a_diverged_run_is_never_among_the_best(tmp_path):
    diverged = {(LOW, "denoise", a, "lena", 0) for a in range(5)}
    path = synthetic.small(tmp_path / "data", diverged=diverged)
    flawed = NASDIPBench(path)
    rows = flawed.proxy_table("denoise", k=8, cohorts=(2,), fidelity=LOW).loc[CORRUPTED]
    assert math.isnan(rows.loc["lena", "hit_2"])  # 7 did not diverge
    assert not math.isnan(rows.loc["boat", "hit_2"])
    assert math.isnan(rows.loc["(mean)", "precision"])


def test_diverged_runs_can_be_chosen_and_failed_ones_not(flawed):
    table = flawed.proxy_table("denoise", k=2, cohorts=(1, 10))
    assert table.loc[(*CORRUPTED, "lena"), "n"] == 8  # 12, less 2 unscored, 1 failed, 1 missing
    wrong = flawed.proxy_table(
        "denoise", k=2, cohorts=(1, 2, 3), values={"mine": np.arange(12.0)}
    ).loc["mine", "own", "lena"]
    # Its first is the diverged one: nothing is chosen; then rows 8 and 7, the best two.
    assert math.isnan(wrong["regret_1"])
    assert wrong[["regret_2", "regret_3", "precision"]].tolist() == [0, 0, 0.5]


def test_the_curve_runs_from_the_first_to_all(bench):
    curve = bench.selection_curve("denoise", score="/".join(CORRUPTED), target=BEST, fidelity=HIGH)
    lena = curve.loc["lena"]
    assert list(lena.index) == list(range(1, COUNT + 1))
    assert lena["value"].tolist() == pytest.approx([20.005 + n / 10 for n in range(COUNT)])
    assert lena["regret"].iloc[-1] == lena["regret_random"].iloc[-1] == pytest.approx(0)
    assert (lena["regret_random"].diff().dropna() < 0).all()
    np.testing.assert_allclose(
        curve.loc["(mean)"], sum(curve.loc[image] for image in bench.images) / 3
    )
    with pytest.raises(UnknownNameError, match="target of a ranking 'loss'"):
        bench.selection_curve("denoise", target="loss")
    with pytest.raises(UnknownNameError, match="unknown score 'psd'"):
        bench.selection_curve("denoise", score="psd")
    alone = bench.selection_curve("denoise", score=CORRUPTED[0], target=BEST, fidelity=HIGH)
    pd.testing.assert_frame_equal(alone, curve)
    assert alone.attrs["proxy"] == "/".join(CORRUPTED)


def test_sizes_that_there_are_not(bench):
    with pytest.raises(ConfigError, match="k 13 must be at most n = 12"):
        bench.proxy_table("denoise", k=13)
    with pytest.raises(ConfigError, match="cohort size 0 must be a whole number"):
        bench.proxy_table("denoise", k=3, cohorts=(0,))
    with pytest.raises(ConfigError, match=r"cohort sizes 5 must be several whole numbers, such as"):
        bench.proxy_table("denoise", k=3, cohorts=5)
