"""Agreement of what was measured again: initialisations, seeds, reruns."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy.stats import kendalltau

from nasdip_bench.api import NASDIPBench, cli
from nasdip_bench.api.reading.arrays.targets import VERDICT_TARGETS
from nasdip_bench.api.statistics.agreement.noise import BETWEEN, _shares
from nasdip_bench.api.statistics.tau_frame import MEAN
from nasdip_bench.errors import UnknownNameError
from nasdip_bench.ranks.noise import tau_of_mean
from tests import synthetic

DATA = Path(__file__).resolve().parents[2] / "data"
BEST = VERDICT_TARGETS[0]
COUNT = 12


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """The runs of four architectures on three images were trained again."""
    folder = tmp_path_factory.mktemp("noise") / "data"
    return synthetic.write_release(folder, fidelities=("r64",), reruns=COUNT)


@pytest.fixture(scope="module")
def bench(path) -> NASDIPBench:
    return NASDIPBench(path)


def test_shares_are_those_of_all_pairs_and_of_halves():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(1, 30)) + rng.normal(size=(6, 30))
    singles, halves = _shares(values).sum(axis=1)
    pairs = itertools.combinations(values, 2)
    assert singles == pytest.approx(np.mean([kendalltau(*pair).statistic for pair in pairs]))
    three = [
        kendalltau(turned[:3].mean(axis=0), turned[3:].mean(axis=0)).statistic
        for turned in (np.roll(values, -first, axis=0) for first in range(3))
    ]
    assert halves == pytest.approx(np.mean(three))


def test_of_normal_values_the_mean_agrees_as_measured():
    rng = np.random.default_rng(3)
    truth = rng.normal(size=800)
    one, other = (truth + rng.normal(size=(8, 800)) for _ in range(2))
    found = tau_of_mean(_shares(one)[1].sum(), 2)
    expected = kendalltau(one.mean(axis=0), other.mean(axis=0)).statistic
    assert found == pytest.approx(expected, abs=0.03)


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


def test_reruns_are_compared_with_what_they_repeat(bench, path, tmp_path):
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
    final = bench.noise("denoise", targets=["final_psnr_smooth_db"]).loc[
        "reruns", "final_psnr_smooth_db"
    ]
    assert final["reason"] == "reruns.parquet has no final_psnr_smooth_db"
    # Differences that turn the order of the centred values over.
    copy = synthetic.write_release(tmp_path / "data", fidelities=("r64",), reruns=COUNT)
    rows = pq.read_table(copy / "reruns.parquet").to_pylist()
    runs = pd.read_parquet(copy / "runs.parquet").query("task == 'denoise' and seed == 0")
    means = runs.groupby("image")[BEST].mean()
    keyed = runs.set_index(["arch_id", "image"])[BEST]
    for one in rows:
        centred = keyed[one["arch_id"], one["image"]] - means[one["image"]]
        one["best_difference_db"] = -2 * centred
        one["stopped_difference_db"] = None
    synthetic.write_table(copy, "reruns", rows)
    synthetic.rehash(copy)
    turned = NASDIPBench(copy).noise("denoise")
    assert turned.loc[("reruns", BEST), "tau"] < -0.9  # ties between images
    assert turned.loc[("reruns", "stopped_psnr_smooth_db"), "n"] == 0


def test_of_one_seed_the_reason_is_said(tmp_path):
    path = synthetic.write_release(tmp_path / "data", fidelities=("r64",), seeds={"r64": (0,)})
    row = NASDIPBench(path).noise("denoise").loc["seeds", BEST]
    assert np.isnan(row["tau"])
    assert row["reason"].startswith("the noise ceiling needs runs of two seeds; denoise at r64 has")


def test_what_cannot_be_asked_says_so(bench):
    with pytest.raises(UnknownNameError, match="unknown target of a ranking 'psnr'"):
        bench.noise("denoise", targets=["psnr"])
    with pytest.raises(UnknownNameError, match="unknown image 'lenna'"):
        bench.noise("denoise", images="lenna")


def test_scores_of_the_shipped_data_gain_by_averaging(monkeypatch, capsys):
    given = ["nasdip-bench", "noise", "--resamples=0", f"--data={DATA}"]
    monkeypatch.setattr("sys.argv", given)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out), index_col=["between", "measured"])
    of_scores = found.loc["initialisations"].dropna(subset=["tau"])
    assert len(of_scores) > 5
    assert (of_scores["tau_mean"] > of_scores["tau"]).all()
    assert (of_scores["low"] < of_scores["tau"]).all()
    assert (of_scores["low_mean"] < of_scores["tau_mean"]).all()
