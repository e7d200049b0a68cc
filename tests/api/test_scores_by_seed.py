"""Scores that see the corruption are those of a seed: alone, as a mean, and in all statistics."""

from __future__ import annotations

import math
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import kendalltau

from nasdip_bench import NASDIPBench
from nasdip_bench.api.simulation.opening import read_runs
from nasdip_bench.errors import ConfigError, DatasetError
from tests import synthetic
from tests.synthetic import IMAGES, LOW, change_rows, each

COUNT = 12
SEEN = ("psd_db_mse/corrupted", "psd_db_strip_mse/corrupted")
KEY = SEEN[0]


def of_seed(arch_id: int, seed: int) -> float:
    """psd_db_mse of seed 0 is arch_id; of other seeds the even ones come first."""
    return float(arch_id if seed == 0 else 100 * seed + arch_id + 50 * (arch_id % 2))


def write(path: Path, *, keep=lambda row: True, **contents) -> Path:
    """Write a release whose psd_db_mse/corrupted depends on the seed, with some rows of scores."""

    def change(rows: list[dict]) -> list[dict]:
        for row in rows:
            if (row["proxy"], row["reference"]) == ("psd_db_mse", "corrupted"):
                row["value"] = of_seed(row["arch_id"], row["seed"])
        return [row for row in rows if keep(row)]

    return change_rows(synthetic.small(path, seeds=None, **contents), "scores", change)


@pytest.fixture(scope="module")
def scored(release):
    """Opens a new one."""
    return partial(release, write)


@pytest.fixture(scope="module")
def bench(scored):
    return scored(distances=True)


# The scores of an architecture


def test_a_seed_has_its_own_scores_and_none_is_their_mean(bench):
    for a in (0, 3, 8):
        by_seed = [bench.scores(a, "boat", "denoise", seed=seed) for seed in (0, 1)]
        assert [one[KEY] for one in by_seed] == [of_seed(a, 0), of_seed(a, 1)]
        mean = bench.scores(a, "boat", "denoise")
        assert mean[KEY] == (of_seed(a, 0) + of_seed(a, 1)) / 2
        assert list(mean) == list(by_seed[0]) == ["/".join(key) for key in synthetic.SCORES]
        blind = {name for name in mean if name not in SEEN}
        for name in blind:
            np.testing.assert_equal(mean[name], by_seed[0][name])
            np.testing.assert_equal(mean[name], by_seed[1][name])


def test_a_seed_without_scores_has_those_that_see_no_corruption(scored):
    bench = scored(keep=lambda row: row["seed"] != 1)
    blind = {"/".join(key) for key in synthetic.SCORES} - {*SEEN}
    assert bench.scores(3, "boat", "denoise", seed=1).keys() == blind
    assert bench.scores(3, "boat", "denoise")[KEY] == of_seed(3, 0)  # the seed that has it
    _, scores = bench.runs.scores("denoise", None, 1)
    place = scores.keys.index(KEY)
    assert not scores.present[..., place].any()
    assert np.isnan(scores.values[..., place]).all()


def test_where_no_default_seed_was_scored_there_is_no_value(scored):
    """Seed 1 is the only complete one, seed 0 the only scored one."""
    missing = {(LOW, "denoise", 0, "lena", 0)}
    bench = scored(keep=lambda row: row["seed"] != 1, missing=missing)
    assert bench.query(3, "boat", "denoise").seeds == (1,)
    assert KEY not in bench.scores(3, "boat", "denoise")
    assert bench.scores(3, "boat", "denoise", seed=0)[KEY] == of_seed(3, 0)
    tau = bench.kendall("denoise")
    assert np.isnan(tau["psd_db_mse", "corrupted"]).all()
    assert np.isfinite(tau["psd_db_mse", "ground_truth"]).all()
    reason = tau.attrs["reasons"][KEY]["boat"]
    assert reason == "0 pairs, 2 are needed"


def test_a_seed_that_was_scored_in_part_is_no_reason_to_have_no_mean(scored):
    bench = scored(keep=lambda row: row["seed"] != 1 or row["arch_id"] == 3)
    for a in (2, 3):
        assert bench.scores(a, "boat", "denoise")[KEY] == of_seed(a, 0)
    assert bench.scores(3, "boat", "denoise", seed=1)[KEY] == of_seed(3, 1)
    assert KEY not in bench.scores(2, "boat", "denoise", seed=1)


def test_without_runs_all_scored_seeds_count(scored):
    bench = scored(missing={*product([LOW], ["denoise"], range(COUNT), IMAGES, (0, 1))})
    assert bench.scores(3, "boat", "denoise")[KEY] == (of_seed(3, 0) + of_seed(3, 1)) / 2
    assert bench.scores(3, "boat", "denoise", seed=1)[KEY] == of_seed(3, 1)


def test_the_mean_of_a_null_is_none(tmp_path):
    def null(row: dict) -> dict:
        return {"value": None} if (row["seed"], row["arch_id"]) == (1, 4) else {}

    bench = NASDIPBench(change_rows(write(tmp_path / "data"), "scores", each(null)))
    assert math.isnan(bench.scores(4, "boat", "denoise")[KEY])
    assert bench.scores(4, "boat", "denoise", seed=0)[KEY] == of_seed(4, 0)


@pytest.mark.parametrize("seed", [1, None])
def test_a_score_that_is_there_twice_is_refused(tmp_path, seed):
    path = write(tmp_path / "data")
    rows = pq.read_table(path / "scores.parquet").to_pylist()
    one = next(row for row in rows if row["seed"] == seed)
    change_rows(path, "scores", lambda rows: [*rows, one])
    with pytest.raises(DatasetError, match="has a score twice"):
        NASDIPBench(path).scores(3, "boat", "denoise")
    sim = NASDIPBench(path).simulator(one["image"], one["task"], seed=seed)
    with pytest.raises(DatasetError, match="has a score twice"):
        sim.score(one["arch_id"], one["proxy"])


# What correlates and ranks


def test_tau_is_of_runs_and_scores_of_one_seed(bench):
    values = {seed: [of_seed(a, seed) for a in range(COUNT)] for seed in (0, 1)}
    psnr = bench.runs.block("denoise").column("best_psnr_smooth_db")[:, 0]  # on lena
    taus = [kendalltau(psnr[:, seed], values[seed]).statistic for seed in (0, 1)]
    assert taus[0] != pytest.approx(taus[1])
    for seed, wanted in ((0, taus[0]), (1, taus[1]), (None, np.mean(taus))):
        tau = bench.kendall("denoise", seed=seed).loc["lena", ("psd_db_mse", "corrupted")]
        assert tau == pytest.approx(wanted)
        long = bench.kendall_intervals("denoise", seed=seed)
        assert long.loc[("psd_db_mse", "corrupted", "lena"), "tau"] == pytest.approx(wanted)
        judged = bench.score_leaderboard("denoise", seed=seed, images="lena")
        assert judged.loc[("psd_db_mse", "corrupted"), "tau_signed"] == pytest.approx(-wanted)


@pytest.mark.parametrize("seed", [0, 1])
def test_cohorts_are_ranked_by_the_scores_of_their_seed(bench, seed):
    wanted = sorted(range(COUNT), key=lambda a: of_seed(a, seed))
    found = bench.isnas("lena", "denoise", "psd_db_mse", n=5, seed=seed)
    assert [member.arch_id for member in found.cohort] == wanted[:5]
    assert [member.score for member in found.cohort] == [of_seed(a, seed) for a in wanted[:5]]
    psnr = [bench.query(a, "lena", "denoise", seed=seed).stopped_psnr_smooth_db for a in wanted]
    curve = bench.selection_curve("denoise", score="psd_db_mse/corrupted", seed=seed)
    best = [max(psnr[:k]) for k in range(1, COUNT + 1)]
    np.testing.assert_allclose(curve.loc["lena", "value"], best)
    simulated = read_runs(bench, "denoise", ["lena"], seed=seed)["lena"]
    assert simulated.scores("psd_db_mse", "corrupted").values == [
        of_seed(a, seed) for a in range(COUNT)
    ]
    blind = simulated.scores("psd_db_mse", "ground_truth").values
    assert blind == [-float(a) for a in range(COUNT)]


def test_a_cohort_of_a_seed_without_scores_says_so(scored):
    bench = scored(keep=lambda row: row["seed"] != 1, distances=True)
    with pytest.raises(ConfigError, match=r"n 5 must .* from 1 to 0, .* with seed 1$"):
        bench.isnas("lena", "denoise", "psd_db_mse", n=5, seed=1)
    assert bench.isnas("lena", "denoise", "psd_db_mse", n=5).seed == 0
