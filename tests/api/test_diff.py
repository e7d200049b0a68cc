"""What changed between two datasets: each kind of change is found, with its size, and no other."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasdip_bench.api.diff.compare import (
    ADDED,
    CHANGED,
    MOVED,
    PROVENANCE,
    REMOVED,
    Difference,
    compare_datasets,
)
from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.curve_parts import KINDS
from nasdip_bench.dataset.stop_parts import stops_bytes
from nasdip_bench.errors import DatasetError
from nasdip_bench.space import sample_architectures
from nasdip_bench.verify.tables import find_problems
from tests import synthetic
from tests.synthetic import LOW

NAMES = [str(arch) for arch in sample_architectures(5)]
TABLES = ("architectures", "images", "corruptions", "runs", "scores", "stops", "reruns")


def small(path: Path, **changes) -> Path:
    """4 architectures x 3 images x 2 seeds of two tasks."""
    chosen = {"count": 4, "fidelities": (LOW,), "seeds": {LOW: (0, 1)}}
    return synthetic.write_release(path, **(chosen | changes))


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Path:
    return small(tmp_path_factory.mktemp("diff") / "old")


@pytest.fixture
def new(old, tmp_path) -> Path:
    """A copy, to be changed."""
    return shutil.copytree(old, tmp_path / "new")


def altered(path: Path, table: str, change, **fields) -> Path:
    """Apply ``change`` to the rows of a table, then ``fields`` to the manifest; hashes agree."""
    folder = DatasetFolder(path)
    synthetic.write_table(path, table, change(folder.table(table).to_pylist()))
    synthetic.write_manifest(path, replace(folder.manifest, **fields))
    return path


def each(change):
    return lambda rows: [row | change(row) for row in rows]


def where(key, values):
    """A change of the rows that have the key."""
    return each(lambda row: values if key.items() <= row.items() else {})


def one_run(**values):
    """A change of architecture 2 on boat, denoising, seed 1."""
    return where({"arch_id": 2, "image": "boat", "task": "denoise", "seed": 1}, values)


def changed_frames(found: Difference) -> list[str]:
    """The frames that are not empty."""
    return [name for name in ("manifest", *TABLES) if not getattr(found, name).empty]


def test_a_dataset_is_equal_to_itself_and_to_a_copy(old, tmp_path):
    for other in (old, small(tmp_path / "new")):
        found = compare_datasets(old, other)
        assert found.equal
        assert changed_frames(found) == []
        assert found.summary().empty


def test_who_computed_it_is_provenance_and_no_difference(old, new):
    elsewhere = {"seconds": 1.0, "device": "another", "torch": "9"}
    altered(
        new,
        "runs",
        one_run(**elsewhere),
        version="2",
        created="2026-01-01",
        devices=["another", "formula"],
        device_types={"another": "cuda"},
        sources=["synthetic 1"],
    )
    found = compare_datasets(old, new)
    assert found.equal
    assert changed_frames(found) == ["manifest", "runs"]
    assert found.manifest["provenance"].all()
    assert found.manifest["fact"].tolist() == [
        *("version", "created", "devices", "sources"),
        "device_types.another",
    ]
    [run] = found.runs.to_dict("records")
    assert (run["change"], run["columns"]) == (PROVENANCE, "seconds device torch")
    assert run["largest_db"] == 0
    assert found.summary()[PROVENANCE].tolist() == [1]


def test_a_changed_number_is_found_with_its_size(old, new):
    best = DatasetFolder(old).table("runs").to_pandas()["best_psnr_smooth_db"].max() + 1
    altered(new, "runs", one_run(best_psnr_smooth_db=best, loss=0.5))
    found = compare_datasets(old, new)
    assert not found.equal
    assert changed_frames(found) == ["runs"]
    [run] = found.runs.to_dict("records")
    expected = best - synthetic.best_db(2, 2, "denoise", 1, 4)
    assert run == {
        "architecture": NAMES[2],
        "image": "boat",
        "task": "denoise",
        "fidelity": LOW,
        "seed": 1,
        "change": CHANGED,
        "columns": "loss best_psnr_smooth_db",
        "status_first": "ok",
        "status_second": "ok",
        "largest_db": pytest.approx(expected),
    }
    [row] = found.summary().to_dict("records")
    assert row == {
        "table": "runs",
        "fidelity": LOW,
        "task": "denoise",
        "seed": 1,
        ADDED: 0,
        REMOVED: 0,
        CHANGED: 1,
        PROVENANCE: 0,
        "largest_change": pytest.approx(expected),
    }


def test_another_status_is_found(old, tmp_path):
    key = (LOW, "inpaint", 0, "lena", 0)
    found = compare_datasets(old, small(tmp_path / "new", diverged={key}))
    assert changed_frames(found) == ["runs", "stops"]
    assert {*found.stops["change"]} == {REMOVED}  # only runs that are ok have stops
    [run] = found.runs.to_dict("records")
    assert (run["status_first"], run["status_second"]) == ("ok", "diverged")
    columns = {"status", "diverged_at", "loss", "curve", "observables"}
    assert columns <= set(run["columns"].split())
    assert np.isnan(run["largest_db"]) or run["largest_db"] == 0  # what both have is the same


def test_a_point_of_a_curve_is_found(old, new):
    """A change that no number of the table shows, of a run whose row of curves has moved."""
    with h5py.File(new / f"curves/{LOW}-denoise-s0-0.h5", "r+") as file:
        file["psnr"][5, 4] -= 250
    for kind in KINDS:
        with h5py.File(new / f"{kind}/{LOW}-denoise-s0-0.h5", "r+") as file:
            for name in KINDS[kind]:
                file[name][...] = file[name][:][::-1]
    stops = new / f"stops/{LOW}-denoise-s0-0.parquet"
    table = pq.read_table(stops)
    place = table.schema.get_field_index("curve_row")
    rows = pa.array([11 - row for row in table["curve_row"].to_pylist()], pa.int32())
    stops.write_bytes(stops_bytes(table.set_column(place, table.schema.field(place), rows)))
    synthetic.rehash(new)

    def turned(row: dict) -> dict:
        mine = (row["task"], row["seed"]) == ("denoise", 0)
        return {"curve_row": 11 - row["curve_row"]} if mine else {}

    altered(new, "runs", each(turned))
    assert find_problems(new) == []
    found = compare_datasets(old, new)
    assert not found.equal
    [run] = found.runs.to_dict("records")
    assert (run["image"], run["seed"], run["columns"]) == (
        "boat",
        0,
        "curve",
    )  # 5 = 1 * 3 + 2
    assert run["architecture"] == NAMES[1]
    assert run["largest_db"] == pytest.approx(0.25)


@pytest.mark.parametrize(("kind", "name"), [("curves", "ssim_smooth"), ("observables", "emv")])
def test_a_point_of_an_oracle_or_observable_is_found(old, new, kind, name):
    with h5py.File(new / f"{kind}/{LOW}-inpaint-s1-0.h5", "r+") as file:
        file[name][7, 30] += 1
    synthetic.rehash(new)
    [run] = compare_datasets(old, new).runs.to_dict("records")
    assert (run["architecture"], run["image"], run["task"]) == (NAMES[2], "chest", "inpaint")
    assert (run["seed"], run["change"]) == (1, CHANGED)
    assert run["columns"] == {"curves": "curve", "observables": "observables"}[kind]
    assert run["largest_db"] == 0  # of a PSNR


def test_observables_that_one_of_the_two_lacks_are_found(old, new):
    (new / f"observables/{LOW}-inpaint-s1-0.h5").unlink()
    synthetic.rehash(new)
    for pair in ((old, new), (new, old)):
        found = compare_datasets(*pair).runs
        assert found["columns"].tolist() == ["observables"] * 12
        assert {*zip(found["task"], found["seed"], strict=True)} == {("inpaint", 1)}


@pytest.fixture
def restored(old, tmp_path):
    """Two copies with distances of denoise."""
    paths = tmp_path / "first", tmp_path / "second"
    for path in paths:
        shutil.copytree(old, path)
        synthetic.add_distances(path, LOW, "denoise")
    return paths


def test_another_restoration_is_found(restored):
    first, second = restored
    assert compare_datasets(first, second).equal
    (second / f"distances/{LOW}-denoise.h5").unlink()

    def elsewhere(row: dict) -> np.ndarray:
        """A restoration with one pixel of another error, and so other distances to all others."""
        found = synthetic.restoration(row)
        if (row["arch_id"], row["image"], row["seed"]) == (2, "boat", 1):
            found[0] = 1.0
        return found

    synthetic.add_distances(second, LOW, "denoise", of=elsewhere)
    [run] = compare_datasets(first, second).runs.to_dict("records")
    assert (run["architecture"], run["image"], run["seed"]) == (NAMES[2], "boat", 1)
    assert (run["change"], run["columns"]) == (CHANGED, "distances")


def test_another_distance_between_two_is_that_of_both(restored):
    first, second = restored
    with h5py.File(second / f"distances/{LOW}-denoise.h5", "r+") as file:
        file["pairs"][1, 0, 4] += 1  # chest, seed 0, architectures 1 and 3
    synthetic.rehash(second)
    found = compare_datasets(first, second).runs
    assert sorted(found["architecture"]) == sorted([NAMES[1], NAMES[3]])
    assert {*found["image"]} == {"chest"}
    assert {*found["columns"]} == {"distances"}


def test_distances_of_one_of_the_two_alone_are_found(old, restored):
    alone = compare_datasets(old, restored[0]).runs
    assert {*alone["columns"]} == {"distances"}
    assert {*alone["task"]} == {"denoise"}
    assert len(alone) == 24


def test_distances_are_found_by_architecture_and_not_by_row(restored, tmp_path):
    """Of a release with an architecture fewer, the others are as far from each other as before."""
    fewer = synthetic.add_distances(small(tmp_path / "fewer", count=3), LOW, "denoise", of=fixed)
    more = synthetic.add_distances(small(tmp_path / "more", count=4), LOW, "denoise", of=fixed)
    both = compare_datasets(fewer, more).runs
    both = both[both["change"] == CHANGED]
    assert not any("distances" in columns for columns in both["columns"])


def fixed(row: dict) -> np.ndarray:
    """A restoration that does not depend on how many architectures there are."""
    return np.random.default_rng([row["arch_id"], row["seed"]]).uniform(0, 1, 64)


def test_another_single_value_of_a_score_is_found(old, new):
    with h5py.File(new / "score_values.h5", "r+") as file:
        file["values"][17, 0] += 1
    synthetic.rehash(new)
    [score] = compare_datasets(old, new).scores.to_dict("records")
    row = DatasetFolder(old).table("scores").to_pylist()[17]
    assert [score[name] for name in ("image", "task", "proxy", "seed")] == [
        row[name] for name in ("image", "task", "proxy", "seed")
    ]
    assert (score["change"], score["columns"]) == (CHANGED, "values")


@pytest.mark.parametrize(
    ("table", "key", "values", "expected"),
    [
        (
            "corruptions",
            {"image": "chest", "task": "inpaint", "seed": 1},
            {"psnr_db": 17.5},
            {"fidelity": LOW, "columns": "psnr_db"},
        ),
        (
            "scores",
            {"image": "lena", "task": "denoise", "proxy": "psd_db_mse", "reference": "corrupted"}
            | {"arch_id": 3, "seed": 1},
            {"value": 9.0},
            {"architecture": NAMES[3], "columns": "value", "value_first": 3.0, "value_second": 9.0},
        ),
        (
            "scores",
            {"image": "lena", "task": "inpaint", "proxy": "psd_99_bandwidth", "reference": "none"}
            | {"arch_id": 3},
            {"value": 0.75, "seconds": 9.0},
            {
                "architecture": NAMES[3],
                "columns": "value seconds",
                "value_first": 0.5,
                "value_second": 0.75,
            },
        ),
    ],
)
def test_a_changed_row_is_found(old, new, table, key, values, expected):
    found = compare_datasets(old, altered(new, table, where(key, values)))
    assert not found.equal
    assert changed_frames(found) == [table]
    [row] = getattr(found, table).to_dict("records")
    assert row["change"] == CHANGED
    assert expected.items() <= row.items()
    assert all(row[name] == value for name, value in key.items() if name != "arch_id")
    if table == "scores":
        [counted] = found.summary().to_dict("records")
        assert key.get("seed") == (None if pd.isna(counted["seed"]) else counted["seed"])
        assert counted["largest_change"] == row["value_second"] - row["value_first"]


def test_another_stop_is_found(old, new, run):
    file = new / f"stops/{LOW}-inpaint-s1-0.parquet"
    rows = pq.read_table(file)
    changed = rows.to_pylist()
    changed[7]["psnr_smooth_db"] += 1
    file.write_bytes(stops_bytes(pa.Table.from_pylist(changed, rows.schema)))
    synthetic.rehash(new)
    found = compare_datasets(old, new)
    assert not found.equal
    assert changed_frames(found) == ["stops"]
    [stop] = found.stops.to_dict("records")
    assert (stop["change"], stop["columns"]) == (CHANGED, "psnr_smooth_db")
    names = ("image", "task", "seed", "rule", "parameters")
    assert [stop[name] for name in names] == [changed[7][name] for name in names]
    status, out, _ = run("diff", old, new)
    assert status == 1
    assert "stops changed: 1 (" in out


def test_another_rerun_is_found(old, new, tmp_path):
    altered(new, "reruns", each(lambda row: {"difference_db": 0.5}))
    found = compare_datasets(old, new)
    assert not found.equal
    assert changed_frames(found) == ["reruns"]
    assert {*found.reruns["change"]} == {CHANGED}
    assert {*found.reruns["columns"]} == {"difference_db"}
    fewer = compare_datasets(old, small(tmp_path / "fewer", reruns=0))
    assert {*fewer.reruns["change"]} == {REMOVED}


def test_added_and_removed_rows_are_told_apart_and_counted(old, tmp_path):
    new = small(
        tmp_path / "new",
        count=5,
        seeds={LOW: (0, 1, 2)},
        tasks=("denoise",),
        missing={(LOW, "denoise", 4, i, s) for i in synthetic.IMAGES for s in (0, 1, 2)},
        unscored={4},
    )
    # Of five architectures ranks and so runs are others: only what is there is looked at here.
    found, back = compare_datasets(old, new), compare_datasets(new, old)
    assert found.architectures[["architecture", "change"]].values.tolist() == [[NAMES[4], ADDED]]
    assert back.architectures[["architecture", "change"]].values.tolist() == [[NAMES[4], REMOVED]]
    facts = dict(zip(found.manifest["fact"], found.manifest["second"], strict=True))
    assert facts[f"fidelities.{LOW}.tasks.inpaint.iterations"] is None
    summary = found.summary().set_index(["table", "task", "seed"])
    assert summary.loc[("runs", "denoise", 2), ADDED].item() == 12
    for seed in (0, 1):
        assert summary.loc[("runs", "inpaint", seed), REMOVED].item() == 12
        assert summary.loc[("runs", "denoise", seed), ADDED].item() == 0
    gone = found.runs[found.runs["change"] == REMOVED]
    assert gone["status_first"].tolist() == ["ok"] * 24
    assert gone["status_second"].isna().all()
    assert gone["largest_db"].isna().all()
    # Of an architecture and image two scores at each seed, and three that see no corruption.
    gone = found.scores[found.scores["change"] == REMOVED]
    assert gone["task"].tolist() == ["inpaint"] * 4 * 3 * 7
    added = found.scores[found.scores["change"] == ADDED]
    assert added["seed"].tolist() == [2] * 4 * 3 * 2
    corruptions = found.corruptions.groupby(["task", "seed", "change"]).size()
    assert corruptions.to_dict() == {
        ("denoise", 2, ADDED): 3, ("inpaint", 0, REMOVED): 3, ("inpaint", 1, REMOVED): 3
    }  # fmt: skip
    turned = {ADDED: REMOVED, REMOVED: ADDED}
    for name in TABLES:
        there = getattr(found, name)["change"].replace(turned)
        assert getattr(back, name)["change"].tolist() == there.tolist()


def test_another_order_and_another_picture_are_found(old, tmp_path):
    new = small(tmp_path / "new", images={"boat": "original", "lena": "original", "chest": "other"})
    found = compare_datasets(old, new)
    assert dict(zip(found.images["name"], found.images["change"], strict=True)) == {
        "boat": MOVED,
        "chest": CHANGED,
        "lena": MOVED,
    }
    assert not found.equal


def test_facts_of_a_fidelity_are_found(old, new):
    manifest = DatasetFolder(new).manifest
    manifest.fidelities[LOW]["tasks"]["denoise"]["stop"] = 30
    altered(
        new,
        "runs",
        each(lambda r: {"stop": 30} if r["task"] == "denoise" else {}),
        fidelities=manifest.fidelities,
    )
    found = compare_datasets(old, new)
    [fact] = found.manifest.to_dict("records")
    assert fact == {
        "fact": f"fidelities.{LOW}.tasks.denoise.stop",
        "first": 40,
        "second": 30,
        "provenance": False,
    }
    assert found.runs["columns"].tolist() == ["stop"] * 24


RUNS = [("denoise", a, i, s) for a in range(2) for i in ("lena", "boat") for s in range(2)]


@settings(max_examples=15, deadline=None)
@given(
    sides=st.lists(st.sampled_from(["first", "second", "both", "diverged"]), min_size=8, max_size=8)
)
def test_every_run_is_reported_once_and_as_what_it_is(tmp_path_factory, sides):
    def release(side: str) -> Path:
        there = dict(zip(RUNS, sides, strict=True))
        other = {"first": "second", "second": "first"}[side]
        return small(
            tmp_path_factory.mktemp("side") / "data",
            count=2,
            images={"lena": "original", "boat": "original"},
            tasks=("denoise",),
            missing={(LOW, *run) for run, kind in there.items() if kind == other},
            diverged={
                (LOW, *run)
                for run, kind in there.items()
                if kind == "diverged" and side == "second"
            },
        )

    found = compare_datasets(release("first"), release("second")).runs
    expected = {"first": REMOVED, "second": ADDED, "diverged": CHANGED}
    key = ["task", "architecture", "image", "seed"]
    reported = {tuple(row[k] for k in key): row["change"] for row in found.to_dict("records")}
    assert len(reported) == len(found)
    assert reported == {
        (task, NAMES[arch], image, seed): expected[kind]
        for (task, arch, image, seed), kind in zip(RUNS, sides, strict=True)
        if kind != "both"
    }


# What is wrong with a dataset is one error


@pytest.mark.parametrize(
    ("table", "values", "message"),
    [
        ("runs", {"arch_id": 4}, r"runs.parquet in '.*' has an arch_id outside 0..3"),
        ("runs", {"arch_id": -1}, r"runs.parquet in '.*' has an arch_id outside 0..3"),
        (
            "runs",
            {"curve_row": 12},
            r"runs.parquet names a curve_row outside 0\.\.11 of \w+/r64c16i40-denoise-s1-0.h5",
        ),
        ("runs", {"seed": 0}, "runs.parquet in '.*' has a row twice; run 'nasdip-bench verify'"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(old, new, table, values, message):
    altered(new, table, one_run(**values))
    for pair in ((old, new), (new, old)):
        with pytest.raises(DatasetError, match=message):
            compare_datasets(*pair)


def test_datasets_without_runs_or_scores_can_be_compared(old, tmp_path):
    everything = {
        (LOW, t, a, i, s)
        for t in ("denoise", "inpaint")
        for a in range(4)
        for i in synthetic.IMAGES
        for s in range(2)
    }
    new = small(tmp_path / "new", missing=everything, unscored={0, 1, 2, 3})
    found = compare_datasets(old, new)
    assert found.runs["change"].tolist() == [REMOVED] * 48
    assert found.scores["change"].tolist() == [REMOVED] * 168
    assert compare_datasets(new, new).equal


# The command


def test_equal_datasets_end_with_status_0(run, old, new):
    assert run("diff", old, old) == (0, "the same numbers\n", "")
    altered(new, "runs", one_run(seconds=1.0), version="2")
    status, out, _ = run("diff", old, new)
    assert status == 0
    assert out.splitlines()[0] == "version: 1 -> 2"
    assert out.splitlines()[-1] == "the same numbers"


def test_different_datasets_end_with_status_1_and_say_what_changed(run, old, tmp_path):
    new = small(
        tmp_path / "new",
        count=4,
        missing={(LOW, "denoise", 0, "lena", 0)},
        diverged={(LOW, "denoise", 1, "boat", 1)},
        images={"lena": "original", "chest": "other", "boat": "original"},
    )
    altered(new, "runs", one_run(best_psnr_smooth_db=31.0))
    corrupted = {"image": "chest", "task": "inpaint", "seed": 1}
    altered(new, "corruptions", where(corrupted, {"psnr_db": 17.5}))
    status, out, error = run("diff", old, new)
    assert (status, error) == (1, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "images changed: 1 (chest)" in lines
    assert f"corruptions changed: 1 (chest/inpaint/{LOW}/1)" in lines
    assert "table fidelity task seed added removed changed provenance largest_change" in lines
    assert f"runs {LOW} denoise 0 0 1 0 0 -" in lines
    assert any(line.startswith(f"runs {LOW} denoise 1 0 0 2 0 10.") for line in lines)
    assert f"runs ok -> diverged: 1 ({NAMES[1]}/boat/denoise/{LOW}/1)" in lines
    most = lines.index("changed runs, by the largest change of a PSNR in dB:")
    assert lines[most + 1].startswith(f"{NAMES[2]}/boat/denoise/{LOW}/1: 10.")
    assert lines[most + 1].endswith("(best_psnr_smooth_db)")
    assert lines[-1] == "different"


def test_json_holds_every_row_and_no_nan(run, old, tmp_path):
    new = small(tmp_path / "new", missing={(LOW, "denoise", 0, "lena", 0)}, unscored={2})
    status, out, _ = run("diff", old, new, "--json")

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    found = json.loads(out, parse_constant=refuse)
    assert status == 1
    assert found["equal"] is False
    assert set(found) == {"equal", "summary", "manifest", *TABLES}
    [gone] = found["runs"]
    assert gone["architecture"] == NAMES[0]
    assert (gone["change"], gone["status_second"], gone["largest_db"]) == (REMOVED, None, None)
    assert len(found["scores"]) == 3 * 2 * 7
    assert {row["seed"] for row in found["scores"]} == {0, 1, None}
    status, out, _ = run("diff", old, old, "--json")
    assert (status, json.loads(out)["equal"]) == (0, True)


def test_what_is_no_dataset_ends_with_status_2(run, old, new, tmp_path):
    for pair in ((old, tmp_path), (tmp_path, old)):
        status, out, error = run("diff", *pair)
        assert (status, out) == (2, "")
        assert error.startswith("nasdip-bench: no dataset in")
        assert error.count("\n") == 1
    (new / "runs.parquet").write_bytes(b"damaged")
    status, _, error = run("diff", old, new)
    assert status == 2
    assert "runs.parquet in" in error
    assert "is damaged" in error
