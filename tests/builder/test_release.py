"""Releases: every number in the tables can be traced to the shards, and nothing is half-written."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.builder.folder.shard_schema import curve_column
from nasdip_bench.builder.release import files as writer_module
from nasdip_bench.builder.release import swap as publish_module
from nasdip_bench.builder.release.release import release
from nasdip_bench.builder.release.sources import from_build as sources_module
from nasdip_bench.builder.release.sources.summary import summarise
from nasdip_bench.builder.work.build import build
from nasdip_bench.dataset import DatasetFolder, TaskRecord
from nasdip_bench.dataset.curve_parts import KINDS
from nasdip_bench.dataset.curves import CODES, decode
from nasdip_bench.dataset.schema import KEYS, SCHEMA_VERSION
from nasdip_bench.errors import BuildError, DatasetError
from nasdip_bench.fidelity import PROTOCOL_VERSION, get_fidelity
from nasdip_bench.space import paper_architectures
from nasdip_bench.verify import verify
from nasdip_bench.verify.tables import find_problems
from tests.builds import FIDELITY, ITERATIONS, nasdip_build, score_rows, small_config


@pytest.fixture(scope="module")
def built(small_build: Path, tmp_path_factory) -> Path:
    """A build with a second, longer fidelity: one run, of a third architecture."""
    folder = shutil.copytree(small_build, tmp_path_factory.mktemp("release") / "build")
    longer = small_config(
        images=small_config().images[:1],
        fidelity=get_fidelity("r64c16i135"),
        tasks=("denoise",),
        architectures=tuple(paper_architectures(3)[2:]),
    )
    build(longer, folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def released(built: Path) -> Path:
    out = built.parent / "data"
    release(built, out, name="test", version="1.2")
    return out


def test_the_release_verifies_and_holds_what_was_built(built: Path, released: Path):
    assert verify(released) == []
    runs = pq.read_table(released / "runs.parquet").to_pylist()
    names = pq.read_table(released / "architectures.parquet")["architecture"].to_pylist()
    assert names == [str(arch) for arch in paper_architectures(3)]
    shards = {}
    for table in BuildFolder(built).read("runs"):
        for row in table.to_pylist():
            shards[tuple(row[k] for k in ("architecture", "image", "task", "fidelity", "seed"))] = (
                row
            )
    assert len(runs) == len(shards) == 8 + 1
    for row in runs:
        key = (names[row["arch_id"]], row["image"], row["task"], row["fidelity"], row["seed"])
        curve = np.array(shards[key]["psnr_smooth_curve"])
        assert row["best_psnr_smooth_db"] == curve.max()
        assert row["best_iteration"] == curve.argmax() + 1
        assert row["last_psnr_smooth_db"] == curve[-1]
        assert row["final_psnr_db"] == shards[key]["psnr_curve"][row["stop"] - 1]
        assert row["seconds"] == shards[key]["seconds"]
        assert row["final_ssim_smooth"] == shards[key]["ssim_smooth_curve"][row["stop"] - 1]
        assert row["best_ssim_smooth"] == max(shards[key]["ssim_smooth_curve"])
        for kind, names_of_kind in KINDS.items():
            name = f"{kind}/{row['fidelity']}-{row['task']}-s{row['seed']}-0.h5"
            with h5py.File(released / name) as file:
                at = file["iteration"][:] - 1
                for name in names_of_kind:
                    kept = decode(file[name][row["curve_row"]], CODES[name])
                    whole = np.array(shards[key][curve_column(name)])
                    half = 0.51 / CODES[name].steps
                    np.testing.assert_allclose(kept, whole[at], rtol=0, atol=half)
    for row in pq.read_table(released / "corruptions.parquet").to_pylist():
        mine = [shards[key] for key in shards if key[1:] == tuple(row.values())[:4]]
        assert mine
        for one in mine:
            assert row["psnr_db"] == one["psnr_corrupted_db"]
            assert row["ssim"] == one["ssim_corrupted"]
            assert row["sigma_estimate"] == one["sigma_estimate"]
            assert row["known_share"] == one["known_share"]
    scores = pq.read_table(released / "scores.parquet").to_pylist()
    found = {
        (names[s["arch_id"]], *(s[k] for k in ("image", "task", "proxy", "reference"))): s["value"]
        for s in scores
        if s["fidelity"] == FIDELITY
    }
    # Of one seed alone: each score sees its corruption, or none.
    wanted = {(*key[:3], *key[4:]): value for key, value in score_rows(built, FIDELITY).items()}
    assert len(wanted) == len(score_rows(built, FIDELITY))
    assert found == wanted


def test_stops_are_those_of_every_iteration(built: Path, released: Path):
    """Longer than a release's curves: 135 iterations, of which 128 are kept. One rule by hand."""
    names = pq.read_table(released / "architectures.parquet")["architecture"].to_pylist()
    runs = {
        tuple(row[name] for name in KEYS["runs"]): row
        for row in pq.read_table(released / "runs.parquet").to_pylist()
    }
    stops = {
        tuple(row[name] for name in (*KEYS["runs"], "rule", "parameters")): row
        for row in pq.read_table(released / "stops").to_pylist()
    }
    rows = [row for table in BuildFolder(built).read("runs") for row in table.to_pylist()]
    for row in rows:
        key = (names.index(row["architecture"]), *(row[name] for name in KEYS["runs"][1:]))
        run, distance = runs[key], row["loss_smooth_curve"]
        stop = run["stop"]
        if row["task"] == "denoise":
            level = -10 * math.log10(0.75 * row["sigma_estimate"] ** 2)
            crossed = [i for i, value in enumerate(distance, 1) if value >= level]
            stop = crossed[0] if crossed else row["iterations"]
            found = stops[*key, "discrepancy", "tau=0.75,sigma=estimate"]
            assert (found["iteration"], found["stopped"]) == (stop, bool(crossed))
            assert found["psnr_smooth_db"] == pytest.approx(
                row["psnr_smooth_curve"][stop - 1], abs=6e-4
            )
        assert run["stopped_iteration"] == stop
        assert run["stopped_psnr_smooth_db"] == row["psnr_smooth_curve"][stop - 1]
        assert run["stopped_ssim_smooth"] == row["ssim_smooth_curve"][stop - 1]
        part = f"{row['fidelity']}-{row['task']}-s{row['seed']}-0.h5"
        with h5py.File(released / "observables" / part) as file:
            first = file["crossing"][run["curve_row"]].tolist()
            levels = file["crossing_level_db"][:].tolist()
        for level, iteration in zip(levels, first, strict=True):
            reached = [i for i, value in enumerate(distance, 1) if value >= level]
            assert iteration == (reached[0] if reached else 0)
    assert any(row["iterations"] == 135 for row in rows)


def test_a_version_is_neither_lost_nor_given_to_other_files(small_build, built, tmp_path):
    """A release without a fidelity's runs, and the whole, in the place of each other."""
    out, unnumbered = tmp_path / "data", tmp_path / "unnumbered"
    first = release(small_build, unnumbered)
    assert (first.name, first.version) == ("nasdip-bench", "0")
    assert release([unnumbered, built], unnumbered).version == "0"
    release(small_build, out, name="mine", version="1.2")
    before = (out / "runs.parquet").read_bytes()
    by_another = release(out, out, creator="me")
    assert (by_another.name, by_another.version) == ("mine", "1.2")
    for version in (None, "1.2"):
        with pytest.raises(BuildError, match=r"data' is version '1\.2', .*such as '1\.2\+local'"):
            release([out, built], out, version=version)
    assert (out / "runs.parquet").read_bytes() == before
    extended = release([out, built], out, version="1.2+local")
    assert (extended.name, extended.version) == ("mine", "1.2+local")


def test_the_manifest_says_what_is_there(released: Path):
    data = json.loads((released / "manifest.json").read_text())
    assert data["schema_version"] == SCHEMA_VERSION
    assert data["protocol_version"] == PROTOCOL_VERSION
    manifest = DatasetFolder(released).manifest
    assert (manifest.name, manifest.version, manifest.image_set) == ("test", "1.2", "skimage")
    assert (manifest.architectures, manifest.images) == (3, ["camera", "coins"])
    assert list(manifest.fidelities) == ["r64c16i135", FIDELITY]
    record = manifest.task(FIDELITY, "inpaint")
    assert (record.iterations, record.stop, record.runs) == (ITERATIONS, ITERATIONS, 4)
    assert (record.seeds, record.complete_seeds, record.default_seeds) == ({"0": 4}, [], [0])
    assert record.scored == 2
    assert manifest.task("r64c16i135", "denoise").seeds == {"0": 1}
    assert manifest.task("r64c16i135", "inpaint") is None
    # Neither has all three architectures: the one with the most runs.
    assert manifest.default_fidelity == {"denoise": FIDELITY, "inpaint": FIDELITY}
    assert set(manifest.software) == {"nasdip-bench", "python", "torch", "numpy", "pyarrow", "h5py"}


def test_a_machine_without_torch_can_release(released: Path, tmp_path: Path, monkeypatch):
    there = importlib.metadata.distribution

    def distribution(name: str) -> importlib.metadata.Distribution:
        if name == "torch":
            raise importlib.metadata.PackageNotFoundError(name)
        return there(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    monkeypatch.setitem(sys.modules, "torch", None)  # an import fails
    manifest = release(released, tmp_path / "data")
    assert set(manifest.software) == {"nasdip-bench", "python", "numpy", "pyarrow", "h5py"}


def test_a_run_or_score_that_is_there_twice_counts_once(small_build: Path, tmp_path: Path):
    folder = BuildFolder(shutil.copytree(small_build, tmp_path / "b"))
    for kind, count in (("runs", 8), ("scores", 32)):
        once = pa.concat_tables(folder.read(kind))
        assert len(once) == count
        at = once.schema.get_field_index("seconds")
        late = pa.array([99.0] * count, once.schema.field(at).type)
        folder.write(kind, once.set_column(at, once.schema.field(at), late))
    release(folder.path, tmp_path / "d")
    for kind, count in (("runs", 8), ("scores", 32)):
        assert len(pq.read_table(tmp_path / f"d/{kind}.parquet")) == count


@pytest.fixture
def out(released: Path, tmp_path: Path) -> Path:
    """A dataset, version 1.2, that may be replaced."""
    return shutil.copytree(released, tmp_path / "data")


def test_an_interrupted_release_leaves_the_old_one_whole(small_build, out, tmp_path, monkeypatch):
    (out / "README.md").write_text("a card")
    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "find_problems", lambda path: ["curve 3 is wrong"])
        with pytest.raises(BuildError, match="does not verify: curve 3 is wrong"):
            release(small_build, out, version="2", replace=True)
    assert DatasetFolder(out).manifest.version == "1.2"
    assert find_problems(out) == []

    # Killed between the two renames: the next release puts the old one back first.
    os.rename(out, tmp_path / ".data.old")
    release(small_build, out, version="3", replace=True)
    assert DatasetFolder(out).manifest.version == "3"
    assert (out / "README.md").read_text() == "a card"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]


def test_a_dataset_of_another_schema_version_is_replaced_if_told_to(small_build, out):
    (out / "notes.txt").write_text("mine")
    older = json.loads((out / "manifest.json").read_text()) | {"schema_version": 0, "extra": 1}
    del older["sha256"]
    (out / "manifest.json").write_text(json.dumps(older))
    with pytest.raises(DatasetError, match="schema version 0; .* or release it again"):
        DatasetFolder(out)
    with pytest.raises(BuildError, match=r"holds a dataset, test 1\.2, .*--replace"):
        release(small_build, out, version="2")
    release(small_build, out, version="2", replace=True)
    assert DatasetFolder(out).manifest.version == "2"
    assert (out / "notes.txt").read_text() == "mine"


def test_what_is_no_dataset_is_not_touched(built: Path, tmp_path: Path):
    mine = tmp_path / "mine"
    (mine / "curves").mkdir(parents=True)
    (mine / "curves" / "results.csv").write_text("1")
    with pytest.raises(BuildError, match="not empty and holds no dataset that could be replaced"):
        release(built, mine)
    assert (mine / "curves" / "results.csv").read_text() == "1"
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(BuildError, match="--out"):
            release(built, out)
    for out in (built, built.parent, built / "data"):
        with pytest.raises(BuildError, match="are nested"):
            release(built, out)
    assert BuildFolder(built).settings()


def test_a_dataset_behind_a_link_is_replaced_in_place_and_files_of_others_are_kept(
    small_build, out, tmp_path
):
    link = tmp_path / "link"
    link.symlink_to(out)
    (out / "curves" / "notes.txt").write_text("mine")
    (out / "nothing").symlink_to("nowhere")
    release(small_build, link, version="2", replace=True)
    assert link.is_symlink()
    assert DatasetFolder(out).manifest.version == "2"
    assert (out / "curves" / "notes.txt").read_text() == "mine"
    assert (out / "nothing").is_symlink()


def test_an_interrupt_between_the_renames_puts_the_old_one_back(
    small_build, out, tmp_path, monkeypatch
):
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> None:
        if self.name == ".data.new":
            raise KeyboardInterrupt
        rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(publish_module, "exchange", lambda one, other: False)  # as on NFS
        patch.setattr(Path, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            release(small_build, out, version="2", replace=True)
    assert DatasetFolder(out).manifest.version == "1.2"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]


def test_a_damaged_shard_stops_a_release(built: Path, tmp_path: Path):
    folder = shutil.copytree(built, tmp_path / "b")
    shard = sorted(folder.glob("shards/runs-*"))[0]
    shard.write_bytes(b"")
    with pytest.raises(BuildError, match=f"shard {shard.name} is damaged .*give the build command"):
        release(folder, tmp_path / "d")
    assert shard.exists()


def test_the_default_fidelity_is_the_highest_complete_and_no_trial():
    def record(complete: bool, runs: int, seeds: int = 1) -> TaskRecord:
        return TaskRecord(
            iterations=1,
            stop=1,
            runs=runs * seeds,
            seeds={str(seed): runs for seed in range(seeds)},
            complete_seeds=[0] if complete else [],
            default_seeds=[0],
            scored=0,
        )

    def default(**records: TaskRecord) -> str:
        ranks = {
            name: writer_module._rank(name, 512 if "512" in name else 64, 128, 1)
            for name in records
        }
        found = {(name, "denoise"): record for name, record in records.items()}
        return writer_module._default_fidelities(found, ranks)["denoise"]

    assert default(r512=record(False, 9), r64=record(True, 5)) == "r64"
    assert default(r512=record(True, 5), r64=record(True, 9)) == "r512"
    assert default(r512=record(False, 9), r64=record(False, 4, seeds=3)) == "r512"
    assert default(r512i1=record(True, 9), r64=record(False, 1)) == "r64"
    assert default(r512i1=record(True, 9)) == "r512i1"
    assert default(of_others_512=record(True, 9), r512=record(True, 9)) == "r512"
    assert default(of_others_512=record(True, 9), r512i1=record(True, 9)) == "of_others_512"


def test_runs_of_an_architecture_that_is_not_listed_stop_a_release(built: Path, tmp_path: Path):
    folder = shutil.copytree(built, tmp_path / "b")
    (folder / "architectures.csv").unlink()
    with pytest.raises(BuildError, match="runs or scores of .*, which architectures.csv does not"):
        release(folder, tmp_path / "d")


def test_a_builder_that_adds_to_the_folder_meanwhile_does_no_harm(tmp_path, monkeypatch):
    """A release that read the list of architectures before the shards met unknown ones."""
    folder, whole = tmp_path / "b", sources_module._finished_runs
    config = small_config(tasks=("denoise",), scoring_inits=0)
    build(replace(config, architectures=config.architectures[:1]), folder, workers=1)

    def slow(here):
        build(config, folder, workers=1)
        return whole(here)

    monkeypatch.setattr(sources_module, "_finished_runs", slow)
    assert release(folder, tmp_path / "d").architectures == 2


def test_summaries():
    raw = np.array([1.0, 5.0, 3.0, 4.0])
    smooth = np.array([1.0, 2.0, 3.0, 3.5])
    curves = {"psnr": raw, "psnr_smooth": smooth, "ssim_smooth": raw / 10, "loss": raw}
    found = summarise(curves, "ok", stop=3, budget=len(raw), stopped=2)
    assert found == {
        "stop": 3,
        "final_psnr_db": 3.0,
        "final_psnr_smooth_db": 3.0,
        "last_psnr_db": 4.0,
        "last_psnr_smooth_db": 3.5,
        "best_psnr_db": 5.0,
        "best_raw_iteration": 2,
        "best_psnr_smooth_db": 3.5,
        "best_iteration": 4,
        "final_ssim_smooth": 0.3,
        "last_ssim_smooth": 0.4,
        "best_ssim_smooth": 0.5,
        "stopped_psnr_smooth_db": 2.0,
        "stopped_iteration": 2,
        "stopped_ssim_smooth": 0.5,
        "best_at_end": True,
    }
    turned = curves | {"psnr": smooth, "psnr_smooth": raw}
    assert not summarise(turned, "ok", stop=3, budget=len(raw), stopped=2)["best_at_end"]
    without = {name: None if "ssim" in name else value for name, value in found.items()}
    del curves["ssim_smooth"]
    assert summarise(curves, "ok", stop=3, budget=len(raw), stopped=2) == without
    unknown = summarise(curves, "ok", stop=3, budget=len(raw), stopped=None)
    assert unknown == without | {"stopped_psnr_smooth_db": None, "stopped_iteration": None}
    early = summarise(curves, "ok", stop=5, budget=9, stopped=5)
    assert early["stopped_iteration"] is early["stopped_psnr_smooth_db"] is None
    assert (early["final_psnr_db"], early["last_psnr_db"], early["best_at_end"]) == (None, 4, False)
    nothing = summarise(curves, "diverged", stop=3, budget=len(raw), stopped=2)
    assert nothing.keys() == found.keys()
    assert {nothing[name] for name in nothing if name not in ("stop", "best_at_end")} == {None}


def test_the_list_to_describe_may_be_longer_than_what_was_built(built, tmp_path, capsys):
    """Whatever was built first: the rows are those of the list."""
    listed, out = paper_architectures(4)[::-1], tmp_path / "data"
    lines = [f"{arch.cell},{arch.skip},{arch.dilation}\n" for arch in listed]
    (tmp_path / "list.csv").write_text("".join(["cell,skip,dilation\n", *lines]))
    arguments = ("release", built, f"--out={out}", f"--architectures={tmp_path / 'list.csv'}")
    assert nasdip_build(capsys, *arguments)[0] == 0
    folder = DatasetFolder(out)
    assert folder.table("architectures")["architecture"].to_pylist() == [*map(str, listed)]
    assert folder.manifest.architectures == 4
    record = folder.manifest.task(FIDELITY, "denoise")
    assert (record.complete_seeds, record.default_seeds) == ([], [0])
    assert {*folder.table("runs")["arch_id"].to_pylist()} == {1, 2, 3}
    assert folder.distances(FIDELITY, "denoise").truth.shape[2] == 4
