"""Agreement of what was measured again: initialisations, seeds, reruns."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy.stats import kendalltau

from nasdip_bench.api import NASDIPBench
from nasdip_bench.api.reading.arrays.targets import VERDICT_TARGETS
from nasdip_bench.api.statistics.agreement.noise import BETWEEN
from nasdip_bench.api.statistics.tau_frame import MEAN
from nasdip_bench.dataset.manifest import SCORE_VALUES
from nasdip_bench.dataset.score_values import score_values_bytes
from nasdip_bench.errors import UnknownNameError
from nasdip_bench.ranks.noise import tau_of_mean
from tests import synthetic

BEST = VERDICT_TARGETS[0]
COUNT = 12
SCORE = ("psd_db_mse", "corrupted")


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """The runs of four architectures on three images were trained again."""
    folder = tmp_path_factory.mktemp("noise") / "data"
    return synthetic.write_release(folder, fidelities=("r64",), reruns=COUNT)


@pytest.fixture(scope="module")
def bench(path) -> NASDIPBench:
    return NASDIPBench(path)


def test_initialisations_are_compared_singly_and_by_halves(tmp_path):
    """An odd number of them; `tests/api/test_from_files.py` has an even one."""
    repeats = 5
    path = synthetic.write_release(
        tmp_path / "data", fidelities=("r64",), seeds={"r64": (0,)}, tasks=("denoise",)
    )
    rows = pq.read_table(path / "scores.parquet").to_pylist()
    values = np.full((len(rows), repeats), np.nan, np.float32)
    drawn, taus, halves = np.random.default_rng(2), [], []
    for image in synthetic.IMAGES:
        mine = [
            place
            for place, row in enumerate(rows)
            if (row["proxy"], row["reference"], row["image"]) == (*SCORE, image)
        ]
        values[mine] = drawn.normal(size=(COUNT, 1)) + drawn.normal(size=(COUNT, repeats))
        for place in mine:
            rows[place] |= {"inits": repeats, "value": float(values[place].mean())}
        of_image = values[mine].astype(np.float64).T
        taus += [kendalltau(*pair).statistic for pair in itertools.combinations(of_image, 2)]
        for first in range(math.ceil(repeats / 2)):
            turned, half = np.roll(of_image, -first, axis=0), repeats // 2
            means = turned[:half].mean(axis=0), turned[half:].mean(axis=0)
            halves.append(kendalltau(*means).statistic)
    synthetic.write_table(path, "scores", rows)
    (path / SCORE_VALUES).write_bytes(score_values_bytes(values))
    synthetic.rehash(path)
    row = NASDIPBench(path).noise("denoise", targets=[BEST]).loc["initialisations", "/".join(SCORE)]
    assert row["tau"] == pytest.approx(np.mean(taus))
    assert row["tau_mean"] == pytest.approx(tau_of_mean(np.mean(halves), 2))
    assert (row["repeats"], row["n"], row["reason"]) == (repeats, COUNT, "")


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


def test_reruns_are_compared_with_what_they_repeat(bench, tmp_path):
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
