"""Runs trained again: equal where they can be, told from others where they are not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from nasdip_bench.builder.recompute import verdict as module
from nasdip_bench.builder.recompute.run import pick, recompute
from nasdip_bench.builder.recompute.verdict import (
    BEYOND,
    EQUAL,
    FAITHFUL_DB,
    ROUNDING,
    UNJUDGED,
    WITHIN,
)
from nasdip_bench.builder.release.release import release
from nasdip_bench.builder.release.sources.from_dataset import read_dataset
from nasdip_bench.builder.release.sources.reruns import merged_reruns, read_reruns
from nasdip_bench.builder.work.build import build
from nasdip_bench.dataset import MANIFEST, DatasetFolder, Manifest
from nasdip_bench.dataset.schema import KEYS, RELEASE_TABLES
from nasdip_bench.errors import BuildError, MissingRunError, UnknownNameError
from nasdip_bench.fidelity import PROTOCOL_VERSION, get_fidelity
from nasdip_bench.images import load_images
from nasdip_bench.space import sample_architectures
from nasdip_bench.verify.tables import find_problems
from tests import synthetic
from tests.builds import IMAGES, nasdip_build, small_config
from tests.synthetic import change_rows, each

ROOT = Path(__file__).resolve().parents[2]
FIDELITY = "r64c16i4"
CHEAP = min(sample_architectures(40), key=lambda arch: arch.skip.count("1"))


def test_the_schema_names_all_verdicts():
    [verdict] = [column for column in RELEASE_TABLES["reruns"] if column.name == "verdict"]
    assert verdict.meaning.split(", ") == [EQUAL, ROUNDING, WITHIN, BEYOND, UNJUDGED]


def config(**changes):
    settings = {
        "architectures": (CHEAP,),
        "fidelity": get_fidelity(FIDELITY),
        "scoring_inits": 0,
    }
    return small_config(**(settings | changes))


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Seed 0 in stacks of two, seed 1 of denoising one by one and with the plain engine."""
    folder = tmp_path_factory.mktemp("recompute")
    build(config(), folder / "build", workers=1, stack=2)
    build(config(seeds=(1,), tasks=("denoise",)), folder / "build", workers=1, plain=True)
    release(folder / "build", folder / "data", name="little", version="1.0.0")
    return folder / "data"


@pytest.fixture
def own(data: Path, tmp_path: Path) -> Path:
    return shutil.copytree(data, tmp_path / "data")


@pytest.fixture(scope="module")
def images():
    return load_images("skimage", IMAGES)


def changed(path: Path, **columns) -> DatasetFolder:
    """The dataset with other values in columns of all runs."""
    return DatasetFolder(change_rows(path, "runs", each(lambda row: columns)))


def curves_of(path: Path, task: str = "denoise", seed: int = 0) -> h5py.File:
    return h5py.File(path / f"curves/{FIDELITY}-{task}-s{seed}-0.h5", "r+")


def hashed_again(path: Path) -> DatasetFolder:
    synthetic.rehash(path)
    return DatasetFolder(path)


def row_of(folder: DatasetFolder, **key) -> int:
    rows = folder.table("runs").to_pylist()
    return next(n for n, row in enumerate(rows) if all(row[k] == v for k, v in key.items()))


def test_every_run_is_made_again_bit_for_bit_in_another_process(data: Path):
    command = ["recompute", str(data), "--runs", "99", "--iterations", "0"]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "nasdip-build"), *command],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    assert last == "equal: 6"
    assert len(lines) == 6
    assert all(": equal; 8 of 8 kept points equal in 4 iterations" in line for line in lines)


def test_the_beginning_of_a_run_is_the_whole_runs_beginning(data: Path, images):
    folder = DatasetFolder(data)
    for key in ({"seed": 0, "task": "inpaint"}, {"seed": 1, "task": "denoise"}):
        [run] = recompute(folder, [row_of(folder, **key)], images, iterations=2)
        expected = {"verdict": EQUAL, "iterations": 2, "whole": False, "points": 4}
        assert run.row.items() >= (expected | {"stack": 2 - key["seed"]}).items()
        assert run.unlike == ""
        assert run.columns == ()


def test_another_version_of_torch_is_another_rounding(own: Path, images):
    folder = changed(own, torch="0.0.1", engine="plain")
    [run] = recompute(folder, [row_of(folder, seed=0)], images)
    assert "torch 0.0.1 there" in run.unlike
    assert run.row["stack"] == 1  # not in the company of what rounds otherwise anyway
    assert run.row["verdict"] in (EQUAL, ROUNDING)
    assert run.row["early_db"] <= FAITHFUL_DB
    assert abs(run.row["difference_db"]) < 0.1


def test_other_numbers_are_found(own: Path, images):
    folder = DatasetFolder(own)
    number = row_of(folder, seed=0, task="denoise")
    row = folder.table("runs").to_pylist()[number]
    for stored in ("psnr", "psnr_smooth"):
        with curves_of(own) as file:
            file[stored][row["curve_row"], 0] += 300
        [run] = recompute(hashed_again(own), [number], images)
        assert (run.row["verdict"], run.row["differing"]) == (BEYOND, 1)
        assert run.row["early_db"] == pytest.approx(0.3)
        with curves_of(own) as file:
            file[stored][row["curve_row"], 0] -= 300


def test_another_seed_is_another_run(own: Path, images):
    with curves_of(own) as file, curves_of(own, seed=1) as other:
        for name in ("psnr", "psnr_smooth"):
            file[name][:] = other[name][:]
    found = recompute(hashed_again(own), range(2), images, iterations=2)
    assert [run.row["verdict"] for run in found] == [BEYOND] * 2


def test_a_column_that_is_wrong_is_named(own: Path, images):
    folder = changed(own, best_iteration=1, loss=0.5)
    [run] = recompute(folder, [row_of(folder, seed=0)], images)
    assert set(run.columns) >= {"loss"}
    assert run.row["differing"] == 0
    assert run.row["verdict"] == ROUNDING


def test_the_spread_over_seeds_is_that_of_the_dataset(tmp_path: Path):
    """By formula seeds differ by 0.01 dB; of 70 architectures on 3 images there are 210 pairs."""
    path = synthetic.write_release(
        tmp_path / "d", count=70, fidelities=("r64c16i40",), tasks=("denoise",)
    )
    folder = DatasetFolder(path)
    row = folder.table("runs").to_pylist()[0]
    found = module._between_seeds(folder, row, 20)
    assert found == pytest.approx(np.full(210, 0.01))


def test_what_another_device_drew_is_judged_by_seeds(own: Path, images, monkeypatch):
    """Other perturbations, as a GPU draws them, are already in the first output."""
    for seed in (0, 1):
        with curves_of(own, seed=seed) as file:
            for name in ("psnr", "psnr_smooth"):
                file[name][:] += 50
    folder = changed(own, device="some GPU", stack=1)
    number = row_of(folder, seed=0, task="denoise")
    [run] = recompute(folder, [number], images, iterations=3)
    assert "device some GPU there" in run.unlike
    assert run.row["difference_db"] == pytest.approx(-0.05, abs=0.02)
    assert len(run.seeds_db) == 2
    assert run.row["verdict"] == UNJUDGED  # by so few pairs
    for spread, verdict in ((0.1, WITHIN), (0.01, BEYOND)):
        pairs = np.linspace(-spread, spread, 40)
        monkeypatch.setattr(module, "_between_seeds", lambda *_, pairs=pairs: pairs)
        [run] = recompute(folder, [number], images, iterations=3)
        assert run.row["verdict"] == verdict


def test_the_choice_is_the_datasets_own(data: Path, own: Path):
    first = pick(DatasetFolder(data), 5)
    assert first == pick(DatasetFolder(own), 5)
    assert len(set(first)) == 5
    assert sorted(pick(DatasetFolder(data), 99)) == list(range(6))
    manifest, others = Manifest.from_json((own / MANIFEST).read_text(), "here"), []
    for version in ("1.0.1", "1.0.2", "1.0.3"):
        synthetic.write_manifest(own, replace(manifest, version=version))
        others.append(pick(DatasetFolder(own), 5))
    assert others != [first] * 3


def test_what_cannot_be_chosen(data: Path, own: Path, tmp_path: Path):
    with pytest.raises(UnknownNameError, match="unknown fidelity 'r65'"):
        pick(DatasetFolder(data), 1, "r65")
    for columns in ({"engine": "another"}, {"protocol_version": 9}, {"status": "failed"}):
        with pytest.raises(MissingRunError, match="nothing can be computed again"):
            pick(changed(shutil.copytree(own, tmp_path / str(columns)), **columns), 1)


def test_other_images_are_refused(data: Path):
    class Fake:
        name, sha256 = "camera", "0" * 64

    with pytest.raises(BuildError, match="image 'camera' is not that of"):
        next(recompute(DatasetFolder(data), [0], [Fake()]))


def test_mistakes_of_the_command_line(data: Path, capsys):
    for given, said in (
        ("--runs=0", "runs 0 must be a whole number of at least 1"),
        ("--iterations=-1", "iterations -1 must be a whole number of at least 0"),
        ("--fidelity=r65", "unknown fidelity 'r65'"),
        ("--images-dir=.", "leave out one of the two"),
        ("--device=gpu", "device 'gpu' must be cpu, cuda"),
    ):
        status, _, error = nasdip_build(capsys, "recompute", data, given)
        assert status == 2
        assert said in error


def test_a_different_run_is_exit_status_1(own: Path, capsys):
    for seed in (0, 1):
        with curves_of(own, seed=seed) as file:
            file["psnr"][:, :2] += 500
    hashed_again(own)
    status, out, _ = nasdip_build(capsys, "recompute", own, "--runs=99", "--iterations=2")
    assert status == 1
    assert out.splitlines()[-1] in ("different: 4, equal: 2", "equal: 2, different: 4")
    assert "first iterations within 0.5000 dB" in out


# What was found is kept


def test_what_was_found_goes_into_the_next_release(own: Path, tmp_path, capsys):
    saved = tmp_path / "reruns.parquet"
    for more in (["--iterations=0", "--alone"], ["--iterations=0", "--alone"], ["--iterations=2"]):
        given = ("recompute", own, "--runs=2", *more, f"--save={saved}")
        status, out, error = nasdip_build(capsys, *given)
        assert status == 0, out + error
    rows = pq.read_table(saved).to_pylist()
    assert len(rows) == 4  # what was there is not added again
    given = ("release", own, f"--reruns={saved}", f"--out={own}", "--release-version=2")
    status, _, error = nasdip_build(capsys, *given)
    assert status == 0, error
    assert find_problems(own) == []
    folder = DatasetFolder(own)
    runs, names = folder.table("runs").to_pylist(), folder.table("architectures")["architecture"]
    found = folder.table("reruns").to_pylist()
    assert len(found) == 4
    for row in found:
        [run] = [one for one in runs if all(one[key] == row[key] for key in KEYS["runs"])]
        assert row["device"] == run["device"]
        assert row["whole"] == (row["iterations"] == 4)
        if row["whole"]:
            assert row["stack"] == 1
            assert abs(row["best_difference_db"]) < 0.1
            assert row["difference_db"] == pytest.approx(0, abs=0.1)
        else:
            assert (row["stack"], row["verdict"], row["differing"]) == (run["stack"], EQUAL, 0)
            assert row["best_difference_db"] is None
        text = names[row["arch_id"]].as_py()
        assert any(row.items() | {("architecture", text)} >= one.items() for one in rows)
    again = read_dataset(own).reruns
    assert len(again) == len(merged_reruns([again, read_reruns(saved)])) == 4
    for changes, said in (
        ({"seed": 7}, "reruns: 4 rows belong to a run that does not exist"),
        ({"iterations": 7}, "rows have iterations that do not fit their run"),
        ({"whole": True}, "reruns: 2 rows have iterations that do not fit their run"),
        ({"differing": 10**6}, "reruns: 4 rows have more differing points than points"),
        ({"device": "x", "iterations": 4, "stack": 1}, "rows have the same key as another"),
    ):
        change_rows(own, "reruns", lambda _, to=changes: [row | to for row in found])
        assert any(said in problem for problem in find_problems(own))


def test_files_that_are_no_reruns_are_refused(own: Path, tmp_path, capsys):
    other = tmp_path / "x.parquet"
    other.write_bytes((own / "runs.parquet").read_bytes())
    (tmp_path / "no.parquet").write_bytes(b"no parquet")
    for given, said in (
        (["recompute", own, f"--save={other}"], "is not a file of reruns (it has other columns)"),
        (["recompute", own, f"--save={tmp_path}/no.parquet"], "is not a file of reruns"),
        (["recompute", own, f"--save={tmp_path}/none/x"], "cannot write"),
        (
            ["release", own, f"--out={tmp_path}/d", f"--reruns={tmp_path}/absent"],
            "is not a file of reruns ([Errno 2]",
        ),
    ):
        status, out, error = nasdip_build(capsys, *given)
        assert (status, out, error.count("\n")) == (2, "", 1)
        assert said in error


# The dataset in data/


@pytest.mark.images
@pytest.mark.parametrize("iterations", [4, pytest.param(0, marks=pytest.mark.slow)])
def test_a_handful_of_shipped_runs(images_dir: Path, iterations: int):
    folder = DatasetFolder(ROOT / "data")
    if (theirs := folder.manifest.protocol_version) != PROTOCOL_VERSION:
        pytest.skip(f"data/ is of protocol {theirs}, this version trains {PROTOCOL_VERSION}")
    rows = pick(folder, 3, "r64c16")
    images = load_images(folder.manifest.image_set, folder.manifest.images, images_dir)
    for run in recompute(folder, rows, images, iterations=iterations):
        assert run.row["whole"] == (not iterations)
        assert run.row["verdict"] != BEYOND, run
