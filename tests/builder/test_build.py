"""Builds: complete, resumable, the same however they are carried out, whole after any end."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from nasdip_bench.builder.commands.architectures import read_architectures
from nasdip_bench.builder.engines import worker as worker_module
from nasdip_bench.builder.engines.local import in_this_process
from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.builder.plan.config import BuildConfig
from nasdip_bench.builder.plan.cost import choose_stack, choose_workers, training_bytes
from nasdip_bench.builder.plan.units import RunKey, ScoreKey, make_plan, unit_flops
from nasdip_bench.builder.release.release import release
from nasdip_bench.builder.work import build as build_module
from nasdip_bench.builder.work import speed as speed_module
from nasdip_bench.builder.work.build import build
from nasdip_bench.builder.work.dry_run import preview
from nasdip_bench.console.progress import Progress, duration
from nasdip_bench.errors import ArchitectureError, BuildError, ConfigError
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.fit import loop as dip
from nasdip_bench.fit.loop import fit
from nasdip_bench.fit.objective import Problem
from nasdip_bench.images import load_images
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.proxies import score
from nasdip_bench.proxies.scoring import blank_network
from nasdip_bench.seeding import device_seed
from nasdip_bench.space import Architecture, paper_architectures
from nasdip_bench.space.cost import architecture_cost
from nasdip_bench.tasks import get_task
from tests.builds import (
    FIDELITY,
    ITERATIONS,
    run_rows,
    score_rows,
    small_config,
)

# -- plan ------------------------------------------------------------------------------------------


def test_the_plan_is_in_order_and_leaves_out_what_is_finished():
    config = small_config(seeds=(0, 1))
    plan = list(make_plan(config))
    first, second = map(str, config.architectures)
    assert [unit.architecture for unit in plan] == [
        *[first] * 5, *[second] * 5, *[first] * 4, *[second] * 4,
    ]  # fmt: skip
    assert [unit.kind for unit in plan[:5]] == ["scores", *["runs"] * 4]
    assert plan[1].runs == (RunKey(first, "camera", "denoise", FIDELITY, 0),)
    assert plan[4].runs == (RunKey(first, "coins", "inpaint", FIDELITY, 0),)
    done_runs = frozenset(plan[1].runs)
    done_scores = frozenset({ScoreKey(0, first, "camera", "denoise", FIDELITY)})
    left = list(make_plan(config, done_runs | done_scores))
    assert len(left) == len(plan) - 1
    assert len(plan[0].scores) == 3 * 4
    assert [key.seed for key in plan[0].scores[::4]] == [None, 0, 1]
    assert len(left[0].scores) == 3 * 4 - 1
    assert next(make_plan(small_config(train=False), done_runs | {*plan[0].scores})).scores


def test_runs_of_an_architecture_and_task_go_in_one_stack():
    config = small_config(scoring_inits=0)
    plan = list(make_plan(config, stack=10))
    assert [len(unit.runs) for unit in plan] == [2] * 4
    assert all(len({run.task for run in unit.runs}) == 1 for unit in plan)
    left = list(make_plan(config, frozenset(plan[0].runs[:1]), stack=10))
    assert [len(unit.runs) for unit in left] == [1, 2, 2, 2]
    assert unit_flops(plan[0]) == 2 * unit_flops(left[0])


def test_a_units_operations_are_counted():
    config = small_config()
    plan = list(make_plan(config))
    forward = architecture_cost(config.architectures[0], channels=16).forward_flops(64, 64)
    # Two initialisations: 27 passes each whatever the images, and 10 for each of 4 problems.
    assert unit_flops(plan[0]) == 2 * (27 + 10 * 4) * forward
    assert unit_flops(plan[1]) == 3 * ITERATIONS * forward


def test_a_wrong_configuration_is_refused():
    for changes, message in (
        ({"tasks": ()}, "no task is asked for"),
        ({"seeds": (0, 0)}, "seed 0 is asked for twice"),
        ({"seeds": (-1,)}, "seed -1 must be a whole number from 0 to"),
        ({"scoring_inits": -1}, "scoring initialisations -1"),
        ({"scoring_inits": 0, "train": False}, "neither runs nor scores"),
    ):
        with pytest.raises(ConfigError, match=message):
            small_config(**changes)


# -- architectures ---------------------------------------------------------------------------------


def test_architectures_come_from_the_sample_or_a_file(tmp_path: Path):
    assert read_architectures("3") == tuple(paper_architectures(3))
    sample = paper_architectures(3)
    lines = "\n".join(f"{a.cell},{a.skip}" for a in sample)
    for heading in ("", "cell,skip\n", "\ufeffcell,skip\n"):
        (tmp_path / "a.csv").write_text(heading + lines + "\n\n")
        assert read_architectures(str(tmp_path / "a.csv")) == tuple(sample)
    (tmp_path / "a.csv").write_text(f"{sample[0]}\n20,{sample[1].skip},1\n")
    expected = (sample[0], Architecture(20, sample[1].skip))
    assert read_architectures(str(tmp_path / "a.csv")) == expected


def test_wrong_architectures_are_refused(tmp_path: Path):
    for content, error, message in (
        ("", ConfigError, "holds no architectures"),
        ("cell,skip\n", ConfigError, "holds no architectures"),
        ("1,01", ArchitectureError, r"a.csv, line 1: skip pattern '01' is not 25"),
        ("cell,skip\nx,01", ArchitectureError, "a.csv, line 2: 'x,01' is not 'cell,skip'"),
        ("240," + "0" * 25, ArchitectureError, "line 1: cell 240 .* cannot be built"),
    ):
        (tmp_path / "a.csv").write_text(content)
        with pytest.raises(error, match=message):
            read_architectures(str(tmp_path / "a.csv"))
    for text, message in (
        ("none", "'none' is neither a number"),
        ("0", r"0 architectures .*give a number in 1\.\.522"),
        ("523", "523 architectures are asked for, the paper has 522"),
        (str(tmp_path), "cannot read architectures"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_architectures(text)


# -- what is built ---------------------------------------------------------------------------------


def test_a_run_is_the_fit_of_its_key(small_build: Path):
    arch = paper_architectures(2)[1]
    row = run_rows(small_build)[str(arch), "coins", "inpaint", 0]
    truth = load_images("skimage", ["coins"])[0].at_resolution(64)
    task = get_task("inpaint")
    seen = task.corrupt(truth, "coins")
    network = blank_network(arch, 1, 16, "cpu")
    draw_weights(network, "weights", str(arch), "coins", "inpaint", "r64c16", 0)
    z = draw_z(1, 64, 64, "z", "64x64", 1, 0)
    noise = device_seed("perturbation", "64x64", 1, 0)
    result = fit(network, Problem(task, seen, truth), z, noise, ITERATIONS)
    # Rounding may differ with the number of threads.
    assert row["psnr_curve"] == pytest.approx(result.psnr_db, abs=1e-2)
    assert row["psnr_smooth_curve"] == pytest.approx(result.psnr_smooth_db, abs=1e-2)
    assert row["loss"] == pytest.approx(result.loss[-1], rel=1e-2)
    assert row["psnr_corrupted_db"] == task.psnr_corrupted_db(truth, seen)
    assert (row["status"], row["iterations"], row["precision"]) == ("ok", ITERATIONS, "fp32")
    assert (row["engine"], row["stack"], row["fidelity"]) == ("fast", 1, FIDELITY)
    assert (row["protocol_version"], row["torch"]) == (2, torch.__version__)


def test_a_score_is_the_mean_over_its_initialisations(tmp_path: Path):
    arch = paper_architectures(1)[0]
    images = tuple(load_images("skimage", ["camera"]))
    config = small_config(images=images, architectures=(arch,), scores=(), train=False)
    build(config, tmp_path, workers=1)
    truth = images[0].at_resolution(64)
    values = []
    for k in range(2):
        network = blank_network(arch, 1, 16, "cpu")
        draw_weights(network, "scoring weights", str(arch), "64x64", k)
        z = draw_z(1, 64, 64, "scoring z", "64x64", 1, k)
        values.append(score("psd_db_mse", network(z)[0].detach().numpy(), truth))
    found = score_rows(tmp_path)
    key = (str(arch), "camera", "denoise", None, "psd_db_mse", "ground_truth")
    assert found[key] == pytest.approx(np.mean(values), rel=1e-4)
    # What looks at the ground truth or at nothing is the same for both tasks; what looks at the
    # corrupted image, or at the loss on it, is not.
    of_loss = ("grad_norm", "snip", "plain", "fisher", "grasp", "ntk_alignment")
    for (architecture, image, task, seed, proxy, reference), value in found.items():
        sees = reference == "corrupted" or proxy in of_loss
        assert seed == (0 if sees else None)
        # The paper's histogram has all in one bin, whatever it sees (docs/paper.md).
        if task == "denoise" and proxy != "psd_strip_hist_emd_paper":
            other = found[architecture, image, "inpaint", seed, proxy, reference]
            assert (value != other) is sees, proxy
    parameters = found[str(arch), "camera", "denoise", None, "parameters", "none"]
    assert parameters == architecture_cost(arch, channels=16).parameters


def test_a_seed_has_its_own_corruption_and_scores_of_it(tmp_path: Path):
    images, one = tuple(load_images("skimage", ["coins"])), tuple(paper_architectures(1))
    config = small_config(images=images, architectures=one, tasks=("denoise",), seeds=(0, 1))
    build(config, tmp_path, workers=1)
    rows, scores, key = run_rows(tmp_path), score_rows(tmp_path), (str(one[0]), "coins", "denoise")
    of_seed = [rows[*key, seed] for seed in (0, 1)]
    assert of_seed[0]["psnr_corrupted_db"] != of_seed[1]["psnr_corrupted_db"]
    assert of_seed[0]["psnr_curve"][0] != of_seed[1]["psnr_curve"][0]
    seen = [{name[4:] for name in scores if name[3] == seed} for seed in (None, 0, 1)]
    assert seen[0] == {("parameters", "none"), ("psd_db_mse", "ground_truth")}
    assert seen[1] == seen[2] == {("snip", "none"), ("psd_db_mse", "corrupted")}
    assert scores[*key, 0, "snip", "none"] != scores[*key, 1, "snip", "none"]


def test_a_run_row_says_what_its_corruption_is(small_build: Path):
    for (_, _, task, _), row in run_rows(small_build).items():
        if task == "denoise":
            assert row["sigma_estimate"] == pytest.approx(25 / 255, rel=0.2)
            assert row["known_share"] == 1
        else:
            assert row["sigma_estimate"] is None
            assert row["known_share"] == pytest.approx(0.5, abs=0.05)
        assert 0 < row["ssim_corrupted"] < 1
        assert len(row["restoration"]) == 2 * 64 * 64
        # At the stop of a shortened run, its last iteration, in 16 bits.
        truth = load_images("skimage", [row["image"]])[0].at_resolution(64)
        restored = np.frombuffer(row["restoration"], "<u2").reshape(truth.shape) / 65535
        found = -10 * np.log10(np.mean((restored - truth) ** 2))
        assert found == pytest.approx(row["psnr_smooth_curve"][row["stop"] - 1], abs=1e-3)


def test_scores_that_see_no_corruption_alone_are_finished_once(tmp_path: Path):
    config = small_config(scores=("parameters",), train=False)
    assert build(config, tmp_path, workers=1).finished == 2
    assert build(config, tmp_path, workers=1).finished == 0
    assert {key[3] for key in score_rows(tmp_path)} == {None}


def test_a_build_is_extended_and_nothing_is_built_twice(tmp_path: Path):
    whole = small_config(scores=("parameters", "snip"))
    small = replace(whole, tasks=("denoise",), architectures=whole.architectures[:1])
    assert build(small, tmp_path, workers=1, stack=1).finished == 1 + 2
    assert build(small, tmp_path, workers=1, stack=2).finished == 0
    assert build(whole, tmp_path, workers=1, stack=2).finished == 2 + 3
    assert len(run_rows(tmp_path)) == 8
    assert len({key[:3] for key in score_rows(tmp_path)}) == 8
    assert BuildFolder(tmp_path).architectures() == paper_architectures(2)


def test_failures_and_divergences_are_rows(tmp_path: Path, monkeypatch):
    real = worker_module.fit_stack

    def sometimes(network, problem, z, seed, iterations, **options):
        if problem.mask is not None:
            raise RuntimeError("no kernel\nsecond line")
        (result,) = real(network, problem, z, seed, iterations, **options)
        result.psnr_db[1:] = np.nan
        return [type(result)(**(vars(result) | {"diverged_at": 1}))]

    monkeypatch.setattr(worker_module, "fit_stack", sometimes)
    config = small_config(scoring_inits=0)
    outcome = build(config, tmp_path, workers=1, stack=1)
    assert (outcome.finished, outcome.diverged, outcome.failed) == (8, 4, 4)
    assert [*map(str, outcome.coverage)] == [
        "denoise, seed 0: 4 of 4",
        "inpaint, seed 0: 0 of 4, 4 failed",
    ]
    for (_, _, task, _), row in run_rows(tmp_path).items():
        if task == "inpaint":
            assert (row["status"], row["error"]) == ("failed", "RuntimeError: no kernel")
            assert row["psnr_curve"] == [None] * ITERATIONS
        else:
            assert (row["status"], row["diverged_at"]) == ("diverged", 1)
        assert row["loss"] is None

    # What failed is tried again, what diverged is a result; a success takes the failure's place.
    record = release(tmp_path, tmp_path.parent / "failed").task(FIDELITY, "inpaint")
    assert (record.runs, record.complete_seeds) == (4, [])
    monkeypatch.undo()
    assert build(config, tmp_path, workers=1, stack=1).finished == 4
    manifest = release(tmp_path, tmp_path.parent / "cured")
    assert manifest.task(FIDELITY, "inpaint").complete_seeds == [0]
    assert manifest.task(FIDELITY, "denoise").complete_seeds == [0]
    statuses = pq.read_table(tmp_path.parent / "cured/runs.parquet")["status"].to_pylist()
    assert sorted(statuses) == ["diverged"] * 4 + ["ok"] * 4


def test_scores_that_fail_do_not_stop_the_build_and_are_tried_again(tmp_path: Path, monkeypatch):
    def failing(*arguments, **options):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(worker_module, "score_architecture", failing)
    config = small_config(scores=("parameters",))
    outcome = build(config, tmp_path, workers=1, stack=1)
    assert (outcome.finished, outcome.failed) == (10, 2)
    assert str(outcome.coverage[-1]) == "scores: 0 of 8, 8 failed"
    monkeypatch.undo()
    assert build(config, tmp_path, workers=1, stack=1).finished == 2
    assert len({key[:3] for key in score_rows(tmp_path)}) == 8


def test_a_gpu_that_does_not_answer_ends_the_build(monkeypatch):
    """And does not make a failed run of every one that is left."""
    answers: list[Exception | None] = [None, RuntimeError("an illegal memory access")]

    def synchronize(device: torch.device) -> None:
        if (answer := answers.pop(0)) is not None:
            raise answer

    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    worker_module.refuse_broken_device(torch.device("cpu"), RuntimeError("on a CPU"))
    gpu = torch.device("cuda:1")
    worker_module.refuse_broken_device(gpu, torch.OutOfMemoryError("full"))
    assert len(answers) == 2
    worker_module.refuse_broken_device(gpu, RuntimeError("an argument"))
    with pytest.raises(BuildError, match="cuda:1 no longer answers .an illegal memory"):
        worker_module.refuse_broken_device(gpu, RuntimeError("an illegal memory access"))


def test_a_broken_device_is_looked_for_after_every_failure(tmp_path, monkeypatch):
    def broken(device: torch.device, error: RuntimeError) -> None:
        raise BuildError("it does not answer")

    def fails(*arguments, **options):
        raise RuntimeError("an illegal memory access")

    monkeypatch.setattr(worker_module, "refuse_broken_device", broken)
    monkeypatch.setattr(worker_module, "fit_stack", fails)
    outcome = build(small_config(scoring_inits=0), tmp_path, workers=1)
    assert (outcome.trouble, outcome.finished) == ("it does not answer", 0)


def test_the_time_limit_is_judged_by_training_and_not_by_start_up_or_scores(tmp_path, monkeypatch):
    """Scores first, then runs that take a thousand times as long by cost, and yet fit."""
    asked: list[bool] = []

    def slow_to_start(units, make, interruption, fits):
        interruption._deadline -= 5000  # it took half of the time
        for unit, table in in_this_process(units, make, interruption, fits):
            asked.append(all(map(fits, units)))
            yield unit, table

    monkeypatch.setattr(build_module, "in_this_process", slow_to_start)
    config = small_config(architectures=tuple(paper_architectures(1)))
    outcome = build(config, tmp_path, workers=1, stack=1, time_limit=10_000)
    assert outcome.left == 0
    assert all(asked)


# -- planning and reporting ------------------------------------------------------------------------


def test_a_dry_run_describes_and_builds_nothing(small_build: Path, tmp_path: Path):
    text = preview(small_config(), tmp_path)
    assert "2 architectures x 2 images of the set skimage" in text
    assert f"denoise: 4 of 4 runs to do, {ITERATIONS} iterations each" in text
    assert "scores (parameters, psd_db_mse, snip): 16 to do" in text
    assert "FLOP" in text
    assert re.search(r"\ntime: about .* to within a factor of two, with . process(es)? on ", text)
    assert list(tmp_path.iterdir()) == []
    assert "nothing is left to do" in preview(small_config(), small_build)


def test_a_dry_run_times_a_short_run_of_what_is_built(tmp_path: Path, monkeypatch):
    timed: list[tuple] = []
    result = {"status": "ok", "error": None, "seconds": 1.5}

    class Timed(worker_module.Worker):
        def execute(self, unit) -> pa.Table:
            timed.append((self.engine, unit.runs[0].fidelity, len(unit.runs)))
            return pa.Table.from_pylist([result] * len(unit.runs))

    monkeypatch.setattr(speed_module, "Worker", Timed)
    one = {"architectures": tuple(paper_architectures(1)), "scoring_inits": 0}
    # 3 iterations of a run are 1.5 s, so 4 runs of 450 are 15 min, in two processes half of it.
    config = small_config(fidelity=get_fidelity("r64c16i450"), **one)
    for workers, time in ((1, "15 min"), (2, "8 min")):
        assert f"\ntime: about {time} to" in preview(config, tmp_path, workers=workers)
    preview(small_config(fidelity=get_fidelity("r256"), **one), tmp_path, workers=1, plain=True)
    assert timed[::2] == [("fast", "r64c16i3", 2)] * 2 + [("plain", "r64i3", 1)]
    result |= {"status": "failed", "error": "out of memory"}
    with pytest.raises(BuildError, match="/camera/denoise/.* cannot be trained here: out of mem"):
        preview(config, tmp_path)


def test_workers_are_chosen_by_size():
    cores = len(os.sched_getaffinity(0))
    assert choose_workers("cpu", 64) == cores
    assert choose_workers("cpu", 256) == 1
    assert choose_workers("cuda", 64) == 1


def test_stacks_are_chosen_by_size_and_memory():
    cheap, dear = Architecture(60, "0" * 25), Architecture(261, "1" * 25)
    assert choose_stack(small_config())(dear) == 10
    wide = choose_stack(small_config(fidelity=get_fidelity("r64")))
    assert 1 < wide(dear) < wide(cheap) == 10
    assert wide(dear) * training_bytes(dear, 64, 128) < 2**31
    for changes in ({"fidelity": get_fidelity("r256")}, {"device": "cuda"}):
        assert choose_stack(small_config(**changes))(cheap) == 1


def test_durations_are_readable():
    texts = {40: "40 s", 600: "10 min", 12000: "3 h 20 min", 190800: "2 d 5 h"}
    assert {seconds: duration(seconds) for seconds in texts} == texts


def test_progress_reports_counts_rate_and_time_left(capsys):
    progress = Progress(2, 10.0)
    progress.begin()
    progress.finished(5.0, "first")
    progress.finished(5.0, "second")
    progress.close()
    first, last = capsys.readouterr().err.splitlines()
    assert first == "0/2 units"
    assert last.startswith("2/2 units, ")
    assert last.endswith("0 s left; last: second")
    nothing = Progress(0, 0.0)
    nothing.begin()
    nothing.close()
    assert capsys.readouterr().err == ""


TOLERANCES_DB = {"fp32": 0.1, "tf32": 1.0, "bf16": 3.0}
"""On a CPU plain and fast differ by 0.006 dB in three iterations, fp32 and bf16 by 1 dB."""


@pytest.mark.gpu
def test_a_gpu_builds_what_a_cpu_builds(tmp_path: Path, monkeypatch):
    # Perturbations are the device's own draws, and move a curve by decibels.
    monkeypatch.setattr(dip, "PERTURBATION_STD", 0)
    build(small_config(), tmp_path / "cpu", workers=1)
    expected, scores = run_rows(tmp_path / "cpu"), score_rows(tmp_path / "cpu")
    for precision in ("fp32", "tf32", "bf16"):
        folder = tmp_path / precision
        config: BuildConfig = small_config(device="cuda", precision=precision)
        assert build(config, folder, workers=1).left == 0
        for key, row in expected.items():
            found, tolerance = run_rows(folder)[key], TOLERANCES_DB[precision]
            assert found["psnr_curve"] == pytest.approx(row["psnr_curve"], abs=tolerance)
            assert found["status"] == "ok"
        assert score_rows(folder) == pytest.approx(scores, rel=1e-2, abs=1e-4)
