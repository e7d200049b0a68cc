"""The benchmark harness: what it samples, projects and prints; and, slowly, that it runs."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from nasdip_bench import NASDIPBench
from nasdip_bench.fit.objective import Problem
from nasdip_bench.network import build_network
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.seeding import BitStream
from nasdip_bench.space import Architecture, paper_architectures
from nasdip_bench.space.cost import architecture_cost
from nasdip_bench.tasks import Inpaint, psnr_db
from nasdip_bench.verify.tables import find_problems
from tests.synthetic import IMAGES, SCORES, write_release

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _harness_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.mark.parametrize("script", sorted(path.stem for path in BENCHMARKS.glob("*.py")))
def test_every_script_can_be_imported(script: str):
    importlib.import_module(script)


def test_the_sample_has_every_family_and_spreads_over_cost():
    from sample import POPULATION, stratified

    chosen = stratified()
    assert list(POPULATION) == paper_architectures()
    assert set(chosen) <= set(POPULATION)
    families = {(a.attributes.sampling, a.attributes.transform) for a in POPULATION}
    assert {(a.attributes.sampling, a.attributes.transform) for a in chosen} == families
    assert len(chosen) == 27
    cost = {arch: architecture_cost(arch).flops_per_pixel for arch in POPULATION}
    mean = np.mean(list(cost.values()))
    assert np.mean([cost[arch] for arch in chosen]) == pytest.approx(mean, rel=0.1)
    assert set(stratified(8)) < set(chosen)
    with pytest.raises(SystemExit, match="28 architectures asked for"):
        stratified(28)


def test_a_projection_recovers_a_linear_model():
    from projection import project
    from sample import POPULATION, stratified

    def flop(arch: Architecture) -> float:
        return 3 * architecture_cost(arch, 1, 1, 16).forward_flops(64, 64)

    sample = stratified(8)
    found = project("r64c16", [str(a) for a in sample], [0.01 + 1e-11 * flop(a) for a in sample])
    seconds = sum(0.01 + 1e-11 * flop(arch) for arch in POPULATION) * 10 * (600 + 1000)
    assert found["hours"] == pytest.approx(seconds / 3600)
    assert found["low"] == pytest.approx(found["hours"])
    assert found["high"] == pytest.approx(found["hours"])
    assert found["flop"] == pytest.approx(sum(map(flop, POPULATION)) * 10 * 1600)


def test_the_research_loop_fits_the_same_problem():
    from research_loop import research_loop

    task, truth = Inpaint(), BitStream("truth").uniform32((1, 64, 64), 0, 1)
    problem = Problem(task, task.corrupt(truth, "x"), truth)
    network = build_network(Architecture(60, "0" * 25), 1, 1, 16)
    draw_weights(network, "x")
    z = draw_z(1, 64, 64, "x")
    torch.manual_seed(0)
    seconds, log = research_loop(network, problem, z, 30)
    assert seconds > 0
    assert len(log) == 30
    assert log[0][1] == log[0][2]
    assert log[-1][0] < log[0][0]
    with torch.no_grad():
        output = network(z)[0].numpy()
    assert log[-1][1] == pytest.approx(psnr_db(output, truth), abs=1.0)


def test_the_tables_of_the_page_are_those_of_the_results():
    from report import PAGE, with_tables

    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page), "python benchmarks/report.py"
    assert "<!-- cpu -->" in page


def test_every_beginning_of_the_order_is_spread():
    from sample import spread, stratified

    whole = stratified()
    order = spread(whole)
    assert sorted(map(str, order)) == sorted(map(str, whole))
    for count in (4, 8, 16):
        places = sorted(whole.index(arch) for arch in order[:count])
        assert places[0] < len(whole) / 2 < places[-1]
        assert max(np.diff(places)) < 2 * len(whole) / count


def test_results_are_on_disk_after_every_row(tmp_path: Path):
    from results import Results

    results = Results(tmp_path / "new" / "r.json", 1000)
    results.set(machine={"device": "x"})
    for size in (64, 128):
        results.add("training", {"size": size})
        found = json.loads((tmp_path / "new" / "r.json").read_text())
        assert found["training"][-1] == {"size": size}
    assert len(found["training"]) == 2
    assert not results.over(0.5)
    results.cut("scoring")
    assert json.loads((tmp_path / "new" / "r.json").read_text())["cut"] == ["scoring"]
    assert Results(tmp_path / "r.json", 0).over()
    assert not Results(tmp_path / "r.json").over(0)


def test_a_table_of_what_was_cut_short():
    """A variant that failed, a baseline that is missing, sections that are not there."""
    from engine_tables import tables

    facts = {"size": 64, "channels": 128, "stack": 1, "task": "denoise"}
    facts |= {"flop": 1e9, "adam_bytes": 1e6}
    results = {
        "machine": {"device": "GPU", "cores": 16, "threads": 16, "torch": "2", "python": "3"}
        | {"date": "today", "commit": "unknown", "instructions": "AVX2"},
        "ceilings": {"flops_fp32": 1e12, "flops_tf32": 8e12, "bytes": 1e12},
        "cut": ["training"],
        "training": [
            facts
            | {
                "seconds": {"research": 0.01, "fast tf32": 0.002},
                "peak_bytes": {"research": 2**30, "fast tf32": 2**31},
            },
            facts | {"seconds": {"research": 0.01}, "peak_bytes": {"research": 2**29}},
            facts | {"size": 512, "seconds": {"fast tf32": 0.1}, "peak_bytes": {}},
        ],
        "projections": [],
    }
    page = tables(results)
    assert page.startswith("GPU with AVX2, 16 cores")
    assert "Cut short by the time limit: training." in page
    assert (
        "| 64 x 64, 128 ch, denoise | fast tf32 | 1 | 2.0 | 5.00 (5.00..5.00) | 500 | 0.06 |"
        in page
    )
    assert "| research | 1.00 GiB |" in page
    assert "Scoring" not in page


@pytest.mark.slow
def test_the_harness_runs(tmp_path: Path):
    out = tmp_path / "r.json"
    options = ["--sizes=64", "--architectures=4", "--channels=16", "--seconds=0.05", "--rounds=1"]
    options += ["--tasks=denoise"]
    subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), *options, "--device=cpu", f"--out={out}"],
        check=True,
        capture_output=True,
    )
    results = json.loads(out.read_text())
    assert len(results["training"]) == 4
    assert results["training"][0]["seconds"].keys() >= {"research", "plain", "fast"}
    assert not any(row["errors"] for row in results["training"])
    assert {row["stack"] for row in results["narrow"]} == {1, 10}
    assert "cut" not in results
    assert results["scoring"][0]["networks_per_second"] > 0
    assert all(row["peak_bytes"] > 1e8 for row in results["memory"])
    assert {row["fidelity"] for row in results["projections"]} == {"r64c16"}


def test_the_query_api_is_measured_on_a_release_of_any_size(tmp_path):
    from full_size import write_full_size

    from api import measure

    failed = {("r64c16", "denoise", 1, "boat", 0)}
    how = {"images": IMAGES | {"man": "original"}, "unscored": {0}, "failed": failed}
    small = write_release(tmp_path / "small", count=4, fidelities=("r64c16",), **how)
    data = write_full_size(tmp_path / "data", 10, small)
    assert find_problems(data) == []
    bench = NASDIPBench(data)
    assert len(bench) == 10
    # Rows are drawn by seed from what is whole, with the scores of the same architecture.
    assert bench.coverage()["ok"].sum() == 10 * 4 * 2 * 2
    assert len(bench.scores(9, "lena", "inpaint")) == len(SCORES)
    rows = {row["name"]: row for row in measure(data, tmp_path, 1, 1)}
    assert all(0 <= row["measured"] <= row["slowest"] for row in rows.values())
    assert rows["query again, by row"]["measured"] > rows["query again, by row"]["floor"] > 0
    assert {"curve, first read, mean of 2 seeds", "kendall, 2 seeds"} < rows.keys()


def test_a_surrogate_predicts_the_mean_of_all_complete_seeds(tmp_path):
    from surrogate import read

    bench = NASDIPBench(write_release(tmp_path / "data", fidelities=("r64",)))
    sample = read(bench, "denoise", "best_psnr_smooth_db")
    assert sample.values[:, 0] == pytest.approx([20.005 + a / 10 for a in range(12)], abs=1e-3)
