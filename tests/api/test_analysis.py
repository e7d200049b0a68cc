"""Rank correlations, overlap and coverage of synthetic releases with analytic answers."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from nasdip_bench.errors import ConfigError, MissingRunError, UnknownNameError
from tests import synthetic
from tests.synthetic import LOW

HIGH = "r64"
COUNT = 12
TIED = 60 / math.sqrt(66 * 60)  # 12 architectures in 6 tied pairs: 60 of 66 pairs are not tied


def test_tau_is_what_the_formula_gives(bench):
    tau = bench.kendall("denoise", fidelity=LOW)
    assert list(tau.index) == list(bench.images)
    assert list(tau.columns) == list(synthetic.SCORES)
    assert tau.columns.names == ["proxy", "reference"]
    for column, sign in (
        (("psd_db_mse", "corrupted"), 1),
        (("psd_db_mse", "ground_truth"), -1),
        (("psd_db_strip_mse", "corrupted"), 1),
    ):
        expected = [sign, -sign, sign * TIED]
        assert tau[column].tolist() == pytest.approx(expected)
    assert tau["psd_99_bandwidth", "none"].isna().all()
    assert tau["parameters", "none"]["lena"] == pytest.approx(1)


def test_a_tau_says_what_it_was_computed_from(bench):
    facts = bench.kendall("denoise", fidelity=LOW).attrs
    assert (facts["task"], facts["fidelity"], facts["seeds"]) == ("denoise", LOW, [0])
    assert facts["target"] == "stopped_psnr_smooth_db"
    n = pd.DataFrame(facts["n"])
    assert n.loc["lena", "psd_db_mse/corrupted"] == 12
    assert n.loc["lena", "parameters/none"] == 11  # one is null
    assert set(facts["reasons"]) == {"psd_99_bandwidth/none"}
    assert facts["reasons"]["psd_99_bandwidth/none"]["boat"] == (
        "all values of psd_99_bandwidth/none are equal"
    )
    assert math.isnan(facts["std"]["psd_db_mse/corrupted"]["lena"])  # one seed has no spread
    json.dumps(facts)
    flat = bench.kendall("denoise", target="loss", seed=0).attrs["reasons"]
    assert flat["psd_db_mse/corrupted"]["lena"] == "all values of loss are equal"


def test_tau_of_several_seeds_has_a_spread(bench):
    mean = bench.kendall("inpaint")
    assert pd.concat([mean, bench.kendall("denoise")]).shape == (6, 5)  # facts and all
    assert mean.attrs["seeds"] == [0, 1]
    std = mean.attrs["std"]["psd_db_mse/corrupted"]["lena"]
    assert std == pytest.approx(math.sqrt(2))  # of 1 and -1: odd seeds turn the rank over


def test_runs_that_are_not_ok_and_architectures_without_scores_are_left_out(flawed):
    tau = flawed.kendall("denoise")
    n = pd.DataFrame(tau.attrs["n"])["psd_db_mse/corrupted"]
    assert n.to_dict() == {"lena": 12 - 3 - 2, "chest": 10, "boat": 10}
    assert tau["psd_db_mse", "corrupted"]["lena"] == pytest.approx(1)


def test_a_tau_of_fewer_than_two_is_nan_with_the_reason(small):
    tau = small(count=3, unscored={1, 2}).kendall("denoise")
    assert tau.isna().all(axis=None)
    assert tau.attrs["reasons"]["psd_db_mse/corrupted"]["lena"] == "1 pairs, 2 are needed"


def test_a_release_without_scores_gives_an_empty_frame(small):
    bench = small(count=2, unscored={0, 1})
    assert bench.kendall("denoise").shape == (3, 0)
    with pytest.raises(MissingRunError, match="scores 0 of 2 architectures"):
        bench.scores(0, "lena", "denoise")


def test_overlap_is_what_the_formula_gives(bench):
    found = bench.overlap("denoise", k=3, fidelity=LOW)
    # lena: 11, 10, 9; chest: 0, 1, 2; boat: 10 and 11 tied, then the lower of 8 and 9
    assert found.to_numpy().tolist() == [[3, 0, 2], [0, 3, 0], [2, 0, 3]]
    assert (found.dtypes == np.int64).all()
    assert list(found.index) == list(found.columns) == list(bench.images)
    facts = found.attrs
    assert (facts["k"], facts["n"], facts["diverged"]) == (3, 12, 0)
    assert facts["expected"] == pytest.approx(9 / 12)
    assert bench.overlap("denoise", k=12).to_numpy().tolist() == [[12] * 3] * 3
    mean = bench.overlap("inpaint", k=3)
    one, two = (bench.overlap("inpaint", k=3, seed=seed) for seed in (0, 1))
    pd.testing.assert_frame_equal(mean, (one + two) / 2, check_names=False)
    assert mean.attrs["seeds"] == [0, 1]


def test_overlap_ranks_the_diverged_last_and_leaves_out_what_has_no_result(flawed):
    found = flawed.overlap("denoise", k=3)
    # 9 (missing) and 10 (failed) are out for all images; on lena 11 is last: 8, 7, 6 are best.
    # boat: 11; then 8, and 6 and 7 tied.
    assert found.attrs["n"] == 10
    assert found.attrs["diverged"] == 1
    assert found.loc["lena", "boat"] == 2
    assert found.loc["lena", "chest"] == 0
    with pytest.raises(ConfigError, match=r"k 10 must be at most 9, .* on lena did not"):
        flawed.overlap("denoise", k=10)  # the diverged one would be among the best
    with pytest.raises(ConfigError, match=r"k 11 must .* 1 to 10, .*with seed 0 on all 3 images"):
        flawed.overlap("denoise", k=11)


MEASURED = ("kendall", "kendall_intervals")
RANKED = ("overlap", "top_k", "find_best", "selection_curve", "score_leaderboard")


@pytest.mark.parametrize("method", [*MEASURED, *RANKED])
def test_names_are_checked_alike(bench, method):
    call = getattr(bench, method)
    for arguments, text in (
        ({"task": "denois"}, "unknown task 'denois'. Did you mean 'denoise'"),
        ({"images": ["lenna"]}, "unknown image 'lenna'. Did you mean 'lena'"),
        ({"images": 3}, "unknown image 3"),
        ({"target": "psnr"}, r"unknown target .*'psnr'.*best_psnr_db"),
        ({"target": ["loss"]}, r"unknown target .*\['loss'\]"),
        ({"target": "status"}, "unknown target .*'status'"),
        ({"fidelity": "r65"}, "unknown fidelity 'r65'"),
        ({"fidelity": HIGH, "seed": 7}, "unknown seed 7"),
        *([({"target": "seconds"}, "target of a ranking 'seconds'")] if method in RANKED else []),
    ):
        with pytest.raises(UnknownNameError, match=text):
            call(**{"task": "denoise"} | arguments)
    with pytest.raises(ConfigError, match="no images are named; available: lena, chest, boat"):
        call("denoise", images=[])


def test_k_is_checked_alike(bench):
    for call in (bench.overlap, bench.top_k):
        with pytest.raises(ConfigError, match="k 13 must be a whole number from 1 to 12, the "):
            call("denoise", k=13)


def test_coverage_counts_every_cell(bench, flawed):
    full = bench.coverage()
    assert len(full) == 2 * 3 * 2 + 2 * 3
    assert (full["ok"] == full["expected"]).all()
    part = flawed.coverage().set_index("image")
    counts = {"expected": 12, "ok": 9, "diverged": 1, "failed": 1, "missing": 1}
    assert part.loc["lena"].drop(["fidelity", "task"]).to_dict() == {"seed": 0} | counts
    assert part.loc["boat", "ok"] == 12
    counted = part[["ok", "diverged", "failed", "missing"]].sum(axis=1)
    assert (counted == part["expected"]).all()
