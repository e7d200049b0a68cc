"""Agreement of what was measured again: initialisations, seeds, reruns."""

from __future__ import annotations

import itertools
import shutil

import numpy as np
import pytest
from scipy.stats import kendalltau

from nasdip_bench.api import NASDIPBench
from nasdip_bench.api.reading.arrays.targets import VERDICT_TARGETS
from nasdip_bench.api.statistics.agreement.noise import BETWEEN, _singles_and_halves
from nasdip_bench.api.statistics.tau_frame import MEAN
from nasdip_bench.errors import UnknownNameError
from tests.synthetic import change_rows, each

BEST = VERDICT_TARGETS[0]
COUNT = 12


@pytest.fixture(scope="module")
def bench(release) -> NASDIPBench:
    """The runs of four architectures on three images were trained again."""
    return release(fidelities=("r64",), reruns=COUNT)


def test_an_odd_number_of_initialisations_is_halved():
    """An even one: `tests/api/test_from_files.py`."""
    drawn, repeats = np.random.default_rng(2), 5
    values = drawn.normal(size=COUNT) + drawn.normal(size=(repeats, COUNT))
    turned = [np.roll(values, -first, axis=0) for first in range(3)]
    halves = [(one[:2].mean(axis=0), one[2:].mean(axis=0)) for one in turned]
    expected = [
        np.mean([kendalltau(*pair).statistic for pair in pairs])
        for pairs in (itertools.combinations(values, 2), halves)
    ]
    assert _singles_and_halves(values)[:, 0] == pytest.approx(expected)


def test_seeds_are_those_of_their_own_table(bench):
    found = bench.noise("denoise")
    assert [*found.index.get_level_values("between").unique()] == [*BETWEEN[1:]]  # inits = 1
    for target in VERDICT_TARGETS:
        row = found.loc["seeds", target]
        agree = bench.seed_agreement("denoise", target=target).loc[MEAN]
        assert (
            row[["tau", "low", "high", "n"]].tolist() == agree[["tau", "low", "high", "n"]].tolist()
        )
        assert row["difference_db"] == pytest.approx(0, abs=1e-9)  # the same for all: a hundredth
        assert (row["repeats"], row["reason"]) == (2, "")
    turned = bench.noise("inpaint", targets=[BEST], images="lena").loc["seeds", BEST]
    ranks = np.arange(COUNT) / 10
    assert turned["tau"] == pytest.approx(-1)
    rms = np.sqrt(np.mean((ranks - ranks[::-1]) ** 2))
    assert turned["difference_db"] == pytest.approx(rms, abs=1e-9)


def test_reruns_are_compared_with_what_they_repeat(bench):
    row = bench.noise("denoise").loc["reruns", BEST]  # all a tenth of a dB higher
    assert row[["tau", "high", "difference_db"]].tolist() == pytest.approx([1, 1, 0.1])
    assert row["low"] > 0.9  # ties between images
    assert row["n"] == COUNT
    few = bench.noise("denoise", images="lena").loc["reruns", BEST]
    assert (few["n"], few["difference_db"]) == (4, pytest.approx(0.1))
    assert few["reason"] == "n = 4 is too few for an interval, 5 are needed"
    none = bench.noise("inpaint").loc["reruns", BEST]
    assert none["n"] == 0
    assert none["reason"].startswith("no whole run of inpaint at r64 was trained again")
    other = "final_psnr_smooth_db"
    final = bench.noise("denoise", targets=[other]).loc["reruns", other]
    assert final["reason"] == "reruns.parquet has no final_psnr_smooth_db"


def test_differences_that_turn_the_order_of_the_centred_values_over(bench, tmp_path):
    runs = bench.to_frame("runs").query("task == 'denoise' and seed == 0")
    values = runs.set_index(["arch_id", "image"])[BEST]
    means = values.groupby("image").mean()

    def turn_over(row):
        centred = values[row["arch_id"], row["image"]] - means[row["image"]]
        return {"best_difference_db": -2 * centred, "stopped_difference_db": None}

    path = shutil.copytree(bench.path, tmp_path / "data")
    turned = NASDIPBench(change_rows(path, "reruns", each(turn_over))).noise("denoise")
    assert turned.loc[("reruns", BEST), "tau"] < -0.9  # ties between images
    assert turned.loc[("reruns", "stopped_psnr_smooth_db"), "n"] == 0


def test_of_one_seed_the_reason_is_said(flawed):
    row = flawed.noise("denoise").loc["seeds", BEST]
    assert np.isnan(row["tau"])
    assert row["reason"].startswith("the noise ceiling needs runs of two seeds; denoise at r64c16")


def test_what_cannot_be_asked_says_so(bench):
    with pytest.raises(UnknownNameError, match="unknown target of a ranking 'psnr'"):
        bench.noise("denoise", targets=["psnr"])
    with pytest.raises(UnknownNameError, match="unknown image 'lenna'"):
        bench.noise("denoise", images="lenna")
