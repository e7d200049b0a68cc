"""Agreement between scores, seeds and fidelities; the curve of choosing by a score."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest

from nasdip_bench.errors import ConfigError, MissingRunError, UnknownNameError
from tests.synthetic import IMAGES, LOW

HIGH = "r64"
COUNT = 12
BEST = "best_psnr_smooth_db"
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


def test_the_interval_of_a_mean_knows_that_images_share_architectures(bench):
    # On lena tau is 1 and on chest -1, in whatever sample: their mean is known to be 0 exactly.
    own = np.arange(COUNT, dtype=float)
    both = bench.correlate(np.stack([own, own, np.roll(own, 5)], axis=1), "denoise", fidelity=LOW)
    assert both.loc["lena", ["tau", "low", "high"]].tolist() == pytest.approx([1, 1, 1])
    assert both.loc["chest", ["tau", "low", "high"]].tolist() == pytest.approx([-1, -1, -1])
    boat, mean = both.loc["boat"], both.loc["(mean)"]
    assert boat["low"] < boat["tau"] < boat["high"]
    for column in ("tau", "low", "high"):
        assert mean[column] == pytest.approx(boat[column] / 3)
    wide = bench.correlate(own % 5, "denoise", fidelity=LOW, level=0.99)
    narrow = bench.correlate(own % 5, "denoise", fidelity=LOW)
    assert ((wide["low"] < narrow["low"]) & (wide["high"] > narrow["high"])).all()


def test_of_few_architectures_there_is_no_interval(bench):
    few = bench.correlate({0: 1.0, 2: 2.0}, "denoise", fidelity=LOW)
    assert few["tau"].abs().tolist()[:3] == [1, 1, 1]
    assert few[["low", "high"]].isna().all(axis=None)
    assert set(few["reason"]) == {"n = 2 is too few for an interval, 5 are needed"}
    enough = bench.correlate({a: float(a) for a in range(5)}, "denoise", fidelity=LOW)
    assert set(enough["reason"]) == {""}
    assert enough["low"].notna().all()


def alike(bench) -> int:
    """How many pairs of architectures have one sampling and order."""
    kinds = [(arch.attributes.sampling, arch.attributes.transform_first) for arch in bench]
    return sum(a == b for a, b in itertools.combinations(kinds, 2))


def test_within_one_sampling_and_order(bench):
    frame = bench.kendall_intervals("denoise", within=True)
    assert frame.attrs["within"] is True
    assert frame.loc[(*CORRUPTED, "lena"), "pairs"] == alike(bench)
    constant = frame.loc[("psd_99_bandwidth", "none", "lena"), "reason"]
    assert constant == "no two of one kind differ in both samples"
    own = bench.correlate(np.arange(float(COUNT)), "denoise", within=True)
    pd.testing.assert_frame_equal(own, frame.loc[CORRUPTED], check_names=False)
    for call in (bench.kendall_intervals, bench.seed_agreement, bench.early_ranking):
        with pytest.raises(ConfigError, match="within 'sampling' must be True, to compare only a"):
            call("denoise", within="sampling")


RESAMPLED = ("predictor_table", "image_gain", "stopping_table", "search_leaderboard")
OTHERS = ("kendall_intervals", "seed_agreement", "fidelity_agreement", "noise", "score_leaderboard")


def test_settings_of_intervals_are_checked_alike(bench):
    of_resamples = (
        ({"resamples": -1}, "resamples -1 must be a whole number of at least 0"),
        ({"rng": -1}, "rng -1 must be a whole number"),
        ({"level": 95, "resamples": 0}, "confidence level 95 must lie between 0 and 1"),
    )
    level = (({"level": "0.95"}, "confidence level '0.95' must lie between 0 and 1"),)
    for statistic in (*RESAMPLED, *OTHERS):
        for setting, message in of_resamples if statistic in RESAMPLED else level:
            with pytest.raises(ConfigError, match=message):
                getattr(bench, statistic)("denoise", **setting)


# Seeds and fidelities


def test_the_ceiling_is_tau_between_seeds(bench):
    agree = bench.seed_agreement("denoise", fidelity=HIGH)
    assert agree["tau"].tolist() == pytest.approx([1] * 4)
    assert agree["attainable"].tolist() == pytest.approx([1] * 4)
    # Odd seeds turn the ranks over.
    turned = bench.seed_agreement("inpaint", target=BEST, fidelity=HIGH)
    assert turned["tau"].tolist() == pytest.approx([-1] * 4)
    assert turned["attainable"].tolist() == [0] * 4
    assert turned.attrs["seeds"] == [0, 1]
    assert agree["tied_x"].to_dict() == {"lena": 0, "chest": 0, "boat": 6, "(mean)": 6}
    with pytest.raises(MissingRunError, match=r"needs runs of two seeds; .* has those of seed 0"):
        bench.seed_agreement("denoise", fidelity=LOW)


def test_three_seeds_are_compared_in_pairs(small):
    found = small(tasks=("inpaint",), seeds={LOW: (0, 1, 2)}).seed_agreement("inpaint")
    taus = [-1, 1, -1]  # 0 and 1, 0 and 2, 1 and 2
    assert found["tau"]["lena"] == pytest.approx(np.mean(taus))
    assert found["std"]["lena"] == pytest.approx(np.std(taus, ddof=1))


def test_pairs_of_seeds_with_nothing_in_common_do_not_spoil_the_others(small):
    missing = {(LOW, "denoise", a, image, 1 + a // 6) for a in range(COUNT) for image in IMAGES}
    found = small(seeds={LOW: (0, 1, 2)}, missing=missing).seed_agreement("denoise")
    assert found["tau"].tolist() == pytest.approx([1] * 4)
    assert set(found["n"]) == {6}
    assert found.attrs["pairs"] == [[0, 1], [0, 2]]
    assert found.attrs["seeds"] == [0, 1, 2]


def test_a_ceiling_of_some_images_and_within_one_sampling(small):
    """Odd seeds turn the ranks over; seed 1 has no run on boat."""
    missing = {(LOW, "inpaint", a, "boat", 1) for a in range(COUNT)}
    bench = small(tasks=("inpaint",), seeds=None, missing=missing)
    whole = bench.seed_agreement("inpaint")
    assert np.isnan(whole["tau"]["(mean)"])
    some = bench.seed_agreement("inpaint", images=["chest", "lena"])
    assert some.index.tolist() == ["chest", "lena", "(mean)"]
    assert some["tau"].tolist() == pytest.approx([-1] * 3)
    within = bench.seed_agreement("inpaint", images="lena", within=True)
    assert within.loc["lena", ["tau", "pairs"]].tolist() == pytest.approx([-1, alike(bench)])
    assert within.attrs["within"] is True
    assert whole["pairs"]["lena"] == COUNT * (COUNT - 1) / 2 > alike(bench)


def test_fidelities_are_compared_in_every_pair_of_seeds(bench):
    found = bench.fidelity_agreement("denoise")
    assert found.index.names == ["fidelity_a", "fidelity_b", "image"]
    assert found.loc[HIGH, LOW]["tau"].tolist() == pytest.approx([1] * 4)
    inpaint = bench.fidelity_agreement("inpaint", fidelities=(LOW, HIGH))
    of_seeds = pytest.approx([0, math.sqrt(2)])  # 1 with seed 0, -1 with seed 1
    assert inpaint.loc[(LOW, HIGH, "lena"), ["tau", "std"]].tolist() == of_seeds
    assert inpaint.attrs["seeds"] == {LOW: [0], HIGH: [0, 1]}
    within = bench.fidelity_agreement("inpaint", images="lena", within=True)
    assert within.index.get_level_values("image").tolist() == ["lena", "(mean)"]
    row = within.loc[HIGH, LOW, "lena"]
    assert row[["tau", "std"]].tolist() == of_seeds
    assert row["pairs"] == alike(bench) < 66


def test_fidelities_that_cannot_be_compared(bench, flawed):
    with pytest.raises(MissingRunError, match=rf"runs of denoise at {LOW} only"):
        flawed.fidelity_agreement("denoise")
    with pytest.raises(MissingRunError, match="compared with itself"):
        bench.fidelity_agreement("denoise", fidelities=(LOW, LOW))
    with pytest.raises(UnknownNameError, match="r63"):
        bench.fidelity_agreement("denoise", fidelities=(LOW, "r63"))


# Runs on some images only


@pytest.fixture(scope="module")
def partial(small):
    """No runs on boat."""
    return small(missing={(LOW, "denoise", a, "boat", 0) for a in range(COUNT)})


SOME = ["chest", "lena"]


def test_a_mean_over_the_images_that_have_runs(partial):
    own = np.arange(float(COUNT))
    whole = partial.correlate(own, "denoise").loc["(mean)"]
    assert math.isnan(whole["tau"])
    assert whole["reason"] == "tau is not defined for 1 of 3 images; it is for lena, chest"
    assert partial.score_leaderboard("denoise").loc[CORRUPTED, "reason"] == whole["reason"]
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
    worth = [partial.score_leaderboard("denoise", k=3, images=of) for of in (SOME, *SOME)]
    regrets = [one.loc[CORRUPTED, "regret"] for one in worth]
    assert regrets[0] == pytest.approx(np.mean(regrets[1:]))
    curve = partial.selection_curve("denoise", images="lena")
    assert [*curve.index.unique("image")] == ["lena", "(mean)"]


def test_overlap_on_the_images_that_have_runs(partial, bench):
    with pytest.raises(
        ConfigError,
        match="no architecture has a run of denoise at r64c16i40 with seed 0 on all 3 images; "
        "2 of 3 images have runs of denoise at r64c16i40: lena, chest; name images",
    ):
        partial.overlap("denoise", k=3)
    found = partial.overlap("denoise", k=3, images=SOME)
    assert [*found.index] == [*found.columns] == SOME
    expected = bench.overlap("denoise", k=3, fidelity=LOW).loc[SOME, SOME]
    pd.testing.assert_frame_equal(found, expected)
    assert (found.attrs["n"], found.attrs["expected"]) == (COUNT, 9 / COUNT)


def test_the_best_on_the_images_that_have_runs(partial):
    with pytest.raises(MissingRunError, match="2 of 3 images have runs .*: lena, chest; name"):
        partial.find_best("denoise")
    best = partial.find_best("denoise", images=SOME)
    assert (best.images, best.candidates) == (("chest", "lena"), COUNT)
    on_each = [partial.query(best.arch_id, i, "denoise").stopped_psnr_smooth_db for i in SOME]
    assert best.value == pytest.approx(np.mean(on_each))
    assert partial.regret(best.arch_id, "denoise", images=SOME) == 0
    with pytest.raises(ConfigError, match=r"k 13 must .* ok runs of denoise at .* on chest, lena"):
        partial.top_k("denoise", k=13, images=SOME)


# Choosing by a score


def test_own_values_stand_beside_those_of_the_release(bench):
    own = {"mine": {a: -float(a) for a in range(COUNT)}}
    own["turned"] = {a: float(a) for a in range(COUNT)}
    how = {"k": 3, "values": own, "lower_is_better": ["turned"], "fidelity": LOW}
    table = bench.score_leaderboard("denoise", **how)
    score = bench.selection_curve("denoise", score="/".join(CORRUPTED), fidelity=LOW)
    assert (score.attrs["proxy"], score.attrs["direction"]) == ("/".join(CORRUPTED), "lower")
    for name, direction in (("mine", "higher"), ("turned", "lower")):
        row = table.loc[name, "own"].drop("seconds")
        assert row.pop("direction") == direction
        pd.testing.assert_series_equal(row, table.loc[CORRUPTED][row.index], check_names=False)
        how = {"values": own[name], "lower_is_better": direction == "lower", "fidelity": LOW}
        curve = bench.selection_curve("denoise", score=name, **how)
        pd.testing.assert_frame_equal(curve, score)
        assert (curve.attrs["proxy"], curve.attrs["direction"]) == (f"{name}/own", direction)
    unnamed = bench.selection_curve("denoise", values=own["mine"], fidelity=LOW)
    assert unnamed.attrs["proxy"] == "values/own"


def test_values_of_ones_own_are_no_score(bench):
    own = np.arange(float(COUNT))
    for name in ("/".join(CORRUPTED), "psd_db_mse", "snip"):  # snip: registered, not in the release
        for call in (
            lambda name=name: bench.selection_curve("denoise", score=name, values=own),
            lambda name=name: bench.score_leaderboard("denoise", values={name: own}),
        ):
            with pytest.raises(
                ConfigError, match=f"your own values cannot be called '{name}', the name of a s"
            ):
                call()
    with pytest.raises(ConfigError, match="lower_is_better=False is for your own values, and n"):
        bench.selection_curve("denoise", lower_is_better=False)
    with pytest.raises(UnknownNameError, match="in lower_is_better 'mine'. Available: yours"):
        bench.score_leaderboard("denoise", values={"yours": own}, lower_is_better=["mine"])


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
