"""A release read with pyarrow, h5py and NumPy alone: by the code of docs/data.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasdip_bench import NASDIPBench
from tests import synthetic

LOW, SEED, IMAGE, TASK = "r64c16i40", 0, "lena", "denoise"
DOCUMENT = Path(__file__).parents[2] / "docs" / "data.md"
ARRAYS = ("iterations", "psnr_smooth_db", "ssim_smooth", "loss_smooth", "values")


def code() -> str:
    section = DOCUMENT.read_text("utf-8").split("## Read it without this package", 1)[1]
    return re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]


@pytest.fixture(scope="module", params=[0, 66])
def bench(request, tmp_path_factory) -> NASDIPBench:
    """A release whose first run is of this architecture: of the second part, if it is 66."""
    path = synthetic.write_release(
        tmp_path_factory.mktemp("plain") / "data",
        count=70,
        fidelities=(LOW,),
        seeds={LOW: (0, 1)},
        missing={(LOW, TASK, a, IMAGE, SEED) for a in range(request.param)},
        diverged={(LOW, TASK, request.param, IMAGE, SEED)} if request.param else set(),
    )
    return NASDIPBench(synthetic.add_distances(path, LOW, TASK))


@pytest.fixture(scope="module")
def found(bench) -> dict:
    """What the code reads, in a process that imports nothing of this package."""
    ending = (
        "import json, sys\n"
        "assert not [name for name in sys.modules if name.startswith('nasdip_bench')]\n"
        f"found = {{name: globals()[name].tolist() for name in {ARRAYS}}}\n"
        "found |= {'run': run, 'score': scores.slice(0, 1).to_pylist()[0]}\n"
        "found['distance'] = float(mean_square_of_first_two)\n"
        "found['lost_db'] = [[*key, value] for key, value in lost_db.items()]\n"
        "json.dump(found, sys.stdout)\n"
    )
    command = [sys.executable, "-I", "-c", f"{code()}\n{ending}"]
    done = subprocess.run(command, capture_output=True, cwd=Path(bench.path).parent)
    assert done.returncode == 0, done.stderr.decode()
    read = json.loads(done.stdout)
    return read | {name: np.array(read[name]) for name in ARRAYS}


def test_it_is_short():
    assert len([line for line in code().splitlines() if line.strip()]) <= 33


def test_the_run_its_curve_and_its_observables(bench, found):
    run = found["run"]
    assert (run["image"], run["task"], run["seed"]) == (IMAGE, TASK, SEED)
    key = (run["arch_id"], IMAGE, TASK)
    assert run["final_psnr_smooth_db"] == bench.query(*key, seed=SEED).final_psnr_smooth_db or (
        run["status"] == "diverged"
    )
    curve, observables = bench.curve(*key, seed=SEED), bench.observables(*key, seed=SEED)
    np.testing.assert_array_equal(found["iterations"], curve.iterations)
    there = np.isfinite(curve.psnr_smooth_db)
    assert there.sum() == (5 if run["status"] == "diverged" else 40)
    np.testing.assert_allclose(
        found["psnr_smooth_db"][there], curve.psnr_smooth_db[there], rtol=1e-12
    )
    np.testing.assert_allclose(found["ssim_smooth"][there], curve.ssim_smooth[there], rtol=1e-12)
    # Mean squares, where the package gives decibels.
    wanted = 10 ** (-observables.values_db["loss_smooth"] / 10)
    np.testing.assert_allclose(found["loss_smooth"], wanted, rtol=1e-12)
    np.testing.assert_array_equal(np.isnan(found["loss_smooth"]), ~there)


def test_where_rules_stop_the_run(bench, found):
    frame = bench.to_frame("stops")
    run = found["run"]
    keys = ("arch_id", "image", "task", "fidelity", "seed")
    mine = frame[np.all([frame[key] == run[key] for key in keys], axis=0)]
    lost = {(rule, parameters): value for rule, parameters, value in found["lost_db"]}
    assert len(lost) == len(mine) == (0 if run["status"] == "diverged" else 33)
    for row in mine.itertuples():
        wanted = run["best_psnr_smooth_db"] - row.psnr_smooth_db
        assert lost[row.rule, row.parameters] == pytest.approx(wanted, abs=1e-4)


def test_the_distance_of_two_restorations(bench, found):
    between = bench.distances(TASK).between(bench.images.index(IMAGE), SEED)
    if found["run"]["arch_id"]:
        assert np.isnan(between[0, 1])  # neither has a run, and the code is that of a missing one
        assert found["distance"] == 10**-6.5535
    else:
        np.testing.assert_allclose(found["distance"], between[0, 1], rtol=1e-12)


def test_the_single_values_of_a_score(bench, found):
    score = found["score"]
    there = found["values"][~np.isnan(found["values"])]
    np.testing.assert_array_equal(bench.score_values()[0], found["values"])
    assert len(there) == score["inits"]
    assert there.mean(dtype=np.float64) == pytest.approx(score["value"], rel=1e-6)
    key = f"{score['proxy']}/{score['reference']}"
    of = bench.scores(score["arch_id"], score["image"], score["task"], seed=score["seed"])
    assert of[key] == score["value"]
