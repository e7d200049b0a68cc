"""Checking a dataset finds nothing in sound datasets, and each kind of damage in damaged ones."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nasdip_bench.dataset import MANIFEST, DatasetFolder
from nasdip_bench.dataset.manifest import SCORE_VALUES
from nasdip_bench.dataset.stop_parts import stops_bytes
from nasdip_bench.storage.sealed_json import read_sealed, sealed_text
from nasdip_bench.verify.tables import find_problems
from tests import synthetic
from tests.synthetic import change_arrays, change_rows, each, of_values

FIDELITY = "r64c16i40"
CURVES = f"curves/{FIDELITY}-denoise-s0-0.h5"
OBSERVABLES = f"observables/{FIDELITY}-denoise-s0-0.h5"
DISTANCES = f"distances/{FIDELITY}-denoise.h5"
STOPS = f"stops/{FIDELITY}-denoise-s0-0.parquet"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return synthetic.small(tmp_path_factory.mktemp("sound") / "data", count=4)


@pytest.fixture
def path(sound, tmp_path):
    """A sound release, to be damaged."""
    return shutil.copytree(sound, tmp_path / "data")


@pytest.mark.parametrize(
    "changes",
    [
        {"image_set": "skimage", "images": {"camera": "stand-in"}},
        {
            "missing": {(FIDELITY, "denoise", 0, "lena", 0)},
            "diverged": {(FIDELITY, "denoise", 1, "lena", 0)},
            "failed": {(FIDELITY, "denoise", 2, "lena", 0)},
            "unscored": {2},
        },
        {"fidelities": ("r64", FIDELITY), "tasks": ("denoise", "inpaint"), "seeds": None},
    ],
)
def test_a_sound_dataset_has_no_problems(tmp_path, changes):
    assert find_problems(synthetic.small(tmp_path / "data", count=4, **changes)) == []


def test_no_dataset_is_one_problem(tmp_path):
    [problem] = find_problems(tmp_path)
    assert "no manifest.json" in problem


HASHED = (
    *("runs.parquet", "corruptions.parquet", "score_values.h5"),
    *(CURVES, OBSERVABLES, STOPS, DISTANCES),
)


def test_changed_and_lost_files_are_found(path):
    synthetic.add_distances(path, FIDELITY, "denoise")
    for name in HASHED:
        content = bytearray((path / name).read_bytes())
        content[len(content) // 2] ^= 1
        (path / name).write_bytes(content)
    found = find_problems(path)
    assert all(any(name in p and "damaged" in p for p in found) for name in HASHED)
    for name in HASHED:
        (path / name).unlink()
    found = find_problems(path)
    assert all(any(name in p and "is missing in" in p for p in found) for name in HASHED)


def test_unlisted_files_are_found(path):
    names = [f"{kind}/r512-denoise-s0-0.h5" for kind in ("curves", "distances", "observables")]
    (path / "distances").mkdir()
    for name in names:
        (path / name).write_bytes(b"")
    assert sorted(find_problems(path)) == [
        f"{name} is not listed in manifest.json: it is not part of the dataset; move it away"
        for name in names
    ]


def test_files_that_the_manifest_should_list_are_missed(path):
    synthetic.add_distances(path, FIDELITY, "denoise")
    names = ("scores.parquet", *HASHED[1:])
    data = read_sealed((path / MANIFEST).read_text())
    for name in names:
        del data["files"][name]
    (path / MANIFEST).write_text(sealed_text(data))
    found = " ".join(find_problems(path))
    assert all(f"{name} is not listed in manifest.json" in found for name in names)
    assert found.count("which a dataset with these tasks must have") == 3


def test_a_file_that_is_no_table_or_has_other_columns_is_found(path):
    (path / "runs.parquet").write_bytes(b"no parquet")
    table = pq.read_table(path / "images.parquet").drop_columns(["licence"])
    pq.write_table(table, path / "images.parquet")
    synthetic.rehash(path)
    problems = " ".join(find_problems(path))
    assert "runs.parquet cannot be parsed" in problems
    assert "images.parquet does not have the columns" in problems


def set_in(row, **values):
    def change(rows):
        rows[row] |= values

    return change


def repeat(rows):
    return [*rows, rows[0] | {"curve_row": len(rows)}]


def swap(rows):
    return [rows[1], rows[0], *rows[2:]]


RUN_DAMAGE = [
    (set_in(0, status="fine"), r"1 rows have a status other than ok, diverged, failed \(row 0\)"),
    (set_in(2, final_psnr_db=None), r"are ok without a finite final_psnr_db \(row 2\)"),
    (set_in(2, best_psnr_db=float("nan")), "are ok without a finite best_psnr_db"),
    (set_in(2, status="failed"), "are not ok and have a last_psnr_db"),
    (set_in(1, best_psnr_smooth_db=1.0), "have a best_psnr_smooth_db below final_psnr_smooth_db"),
    (set_in(1, best_psnr_db=1.0), f"have a best_psnr_db below a point of {CURVES}"),
    (set_in(1, best_iteration=41), "have a best_iteration outside 1..iterations"),
    (set_in(1, best_raw_iteration=0), "have a best_raw_iteration outside"),
    (set_in(1, stop=0), "have a stop outside"),
    (set_in(1, stop=39), "have another stop than manifest.json"),
    (set_in(1, iterations=50), "have another iterations than manifest.json"),
    (set_in(1, seed=-1), "have a negative seed"),
    (set_in(1, seed=3), "manifest.json says seeds"),
    (set_in(1, seconds=float("nan")), r"runs: 1 rows have no seconds \(row 1\)"),
    (set_in(1, seconds=-1.0), "have negative seconds"),
    (set_in(1, arch_id=4), "runs: 1 rows have an arch_id of no architecture"),
    (set_in(1, image="lenna"), "runs: 1 rows have an image that is not in the dataset"),
    (set_in(1, task="inpaint"), "runs: 1 rows have a fidelity and task that manifest.json does"),
    (set_in(1, protocol_version=1), "have a protocol_version other than 2"),
    (set_in(1, curve_row=0), f"runs: curve_row does not number the rows of {CURVES}"),
    (set_in(1, last_psnr_db=1.0), f"have a last_psnr_db that is not in {CURVES}"),
    (set_in(1, final_psnr_smooth_db=1.0), f"have a final_psnr_smooth_db that is not in {CURVES}"),
    (set_in(1, final_ssim_smooth=0.1), f"have a final_ssim_smooth that is not in {CURVES}"),
    (set_in(1, best_ssim_smooth=0.1), f"have a best_ssim_smooth below a point of {CURVES}"),
    (set_in(1, last_ssim_smooth=None), "are ok without a finite last_ssim_smooth"),
    (set_in(1, psnr_corrupted_db=18.1), "have another psnr_corrupted_db than corruptions.parq"),
    (repeat, r"runs: 2 rows have the same key as another \(row 0, 12\)"),
    (repeat, r"manifest.json says runs 12 for denoise at r64c16i40, the tables 13"),
    (lambda rows: rows[:-1], "manifest.json says complete_seeds"),
]
SCORE_DAMAGE = [
    (set_in(0, value=float("inf")), "scores: 1 rows have an infinite value"),
    (set_in(0, seed=None), r"scores: 1 rows have a seed and see no corruption, or the rev.*row 0"),
    (set_in(-1, seed=0), "scores: 1 rows have a seed and see no corruption, or the reverse"),
    (set_in(0, seed=-1), "scores: 1 rows have a negative seed"),
    (lambda rows: [*rows, rows[0]], "scores: 2 rows have the same key as another"),
    (lambda rows: [*rows, rows[-1]], "scores: 2 rows have the same key as another"),
    (set_in(0, inits=0), "have no scoring initialisation"),
    (set_in(0, reference="truth"), "have a reference other than corrupted, ground_truth, none"),
    (set_in(0, arch_id=-1), "scores: 1 rows have an arch_id of no architecture"),
    (lambda rows: [r for r in rows if r["arch_id"]], "manifest.json says scored 4"),
]
CORRUPTION_DAMAGE = [
    (set_in(0, image="lenna"), "corruptions: 1 rows have an image that is not in the dataset"),
    (set_in(0, task="inpaint"), "corruptions: 1 rows have a fidelity and task that manifest.json"),
    (set_in(0, seed=-1), "corruptions: 1 rows have a negative seed"),
    (set_in(0, known_share=0.0), "corruptions: 1 rows have a known_share outside 0..1"),
    (set_in(0, known_share=1.5), "corruptions: 1 rows have a known_share outside 0..1"),
    (set_in(0, ssim=float("nan")), "corruptions: 1 rows have no ssim"),
    (set_in(0, psnr_db=17.0), "runs: 4 rows have another psnr_corrupted_db than corruptions.par"),
    (lambda rows: [*rows, rows[0]], "corruptions: 2 rows have the same key as another"),
    (lambda rows: rows[1:], "runs: 4 rows have no row in corruptions.parquet"),
]
OTHER_DAMAGE = [
    ("architectures", swap, "architectures: 2 rows have an arch_id that is not the row"),
    ("architectures", lambda rows: rows[:-1], "manifest.json says 4 architectures"),
    ("architectures", set_in(1, architecture="1-2"), "architectures: row 1: '1-2' is not an arch"),
    ("architectures", set_in(1, cell=0), "have a cell that contradicts the architecture"),
    ("architectures", set_in(1, kernel=None), "have a kernel that contradicts the architecture"),
    ("architectures", set_in(1, parameters=0), "have a parameters that contradicts the archi"),
    ("architectures", lambda rows: [rows[0] | {"arch_id": i} for i in range(4)], "not unique"),
    ("images", swap, "manifest.json says images lena, chest, boat, the table has others"),
    ("images", set_in(1, channels=2), r"images: 1 rows are not gray or RGB \(row 1\)"),
    ("images", set_in(1, image_set="user"), "images: image_set user, but nasdip"),
]


@pytest.mark.parametrize(
    ("table", "change", "problem"),
    [
        *(("runs", *damage) for damage in RUN_DAMAGE),
        *(("scores", *damage) for damage in SCORE_DAMAGE),
        *(("corruptions", *damage) for damage in CORRUPTION_DAMAGE),
        *OTHER_DAMAGE,
    ],
)
def test_wrong_content_is_found_though_the_hashes_agree(path, table, change, problem):
    change_rows(path, table, change)
    found = find_problems(path)
    assert found
    assert re.search(problem, "\n".join(found))


LEVELS = {"crossing", "crossing_level_db"}


def put(name, place, value):
    """A change of one value of an array."""
    return lambda file: file[name].__setitem__(place, value)


def without(name):
    return lambda file: file.__delitem__(name)


def fewer_points(file):
    for name in {*file} - LEVELS:
        of_values(name, lambda values: values[..., :-1])(file)


def fewer_rows(file):
    for name in {*file} - {"iteration", "crossing_level_db"}:
        of_values(name, lambda values: values[:-1])(file)


def second_value(file):
    """A second initialisation, of which one score alone has a value."""

    def with_another(values):
        values = np.concatenate([values, np.full_like(values, np.nan)], axis=1)
        values[2, 1] = values[2, 0]
        return values

    of_values("values", with_another)(file)


def change_stops(path, change):
    """Apply ``change`` to the rows of stops, and hash again."""
    table = pq.read_table(path / STOPS)
    rows = table.to_pylist()
    changed = change(rows)
    kept = rows if changed is None else changed
    (path / STOPS).write_bytes(stops_bytes(pa.Table.from_pylist(kept, schema=table.schema)))
    synthetic.rehash(path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (set_in(5, arch_id=3), "has 1 rows of other runs than it says"),
        (set_in(5, image="boat"), "has 1 rows of other runs than it says"),
        (set_in(5, seed=1), "has 1 rows of other runs than it says"),
        (lambda rows: rows[:-1], "lacks a rule of a run that is ok"),
        (set_in(5, iteration=41), "has stops outside 1..paid, or more paid than the budget"),
        (set_in(5, paid=41), "has stops outside 1..paid, or more paid than the budget"),
        (set_in(5, paid=1), "has stops outside 1..paid, or more paid than the budget"),
        (set_in(5, psnr_smooth_db=40.0), "has a psnr_smooth_db that is not on the run's curve"),
        (set_in(5, curve_row=12), "has rows of no run, or one twice"),
        (lambda rows: [*rows, rows[0]], "has rows of no run, or one twice"),
    ],
)
def test_stops_that_contradict_the_runs_are_found(path, change, problem):
    change_stops(path, change)
    [found] = find_problems(path)
    assert found.startswith(STOPS)
    assert re.search(problem, found)


def test_a_target_that_is_not_where_the_rule_stopped_is_found(path):
    change_rows(path, "runs", set_in(2, stopped_psnr_smooth_db=19.0))
    change_rows(path, "runs", set_in(3, stopped_iteration=2))
    rule = r"discrepancy\(tau=0.75,sigma=estimate\)"
    for found, name in zip(find_problems(path), ("iteration", "psnr_smooth_db"), strict=True):
        assert re.search(rf"1 rows have a stopped_{name} that is not where {rule} stops", found)


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        (CURVES, put("psnr", (3, 20), 65535), r"ok with missing points in .* \(psnr\) \(row 3\)"),
        (CURVES, put("psnr_smooth", (3, 10), 40_000), "have a best_psnr_smooth_db below a point"),
        (CURVES, put("ssim_smooth", (3, 10), 65_000), "have a best_ssim_smooth below a point"),
        (CURVES, put("iteration", 0, 5), "does not keep the iterations of the schema: 40"),
        (CURVES, fewer_points, "does not keep the iterations of the schema: 39 points"),
        (CURVES, without("iteration"), "cannot be parsed"),
        (CURVES, fewer_rows, "does not have one row for each of the 12 runs"),
        (OBSERVABLES, put("iteration", 0, 5), "does not keep the iterations of the schema: 40"),
        (OBSERVABLES, fewer_points, "does not keep the iterations of the schema: 39 points"),
        (OBSERVABLES, fewer_rows, "does not have one row for each of the 12 runs"),
        (OBSERVABLES, without("wmv_25"), f"{OBSERVABLES} lacks wmv_25"),
        (OBSERVABLES, of_values("crossing", lambda v: v[:-1]), "does not have one row for each"),
        (OBSERVABLES, put("crossing_level_db", 0, 11.0), "has crossings of other levels"),
        (SCORE_VALUES, put("values", (2, 0), 7), "1 rows have a value that is not the mean in .*2"),
        (SCORE_VALUES, fewer_rows, r"score_values.h5 has the shape \(59, 1\), there are 60 scores"),
        (SCORE_VALUES, second_value, r"1 rows have other inits than values in .* \(row 2\)"),
    ],
)
def test_arrays_that_contradict_the_table_are_found(path, name, change, problem):
    change_arrays(path, name, change)
    found, *others = find_problems(path)
    assert re.search(problem, found)
    assert all(other.startswith("stops/") for other in others)  # which are compared with curves


def test_a_default_fidelity_without_runs_is_found(path):
    manifest = replace(DatasetFolder(path).manifest, default_fidelity={"denoise": "r512"})
    synthetic.write_manifest(path, manifest)
    assert find_problems(path) == [
        "manifest.json names r512 as the default of denoise, which has no runs"
    ]


def test_rounding_of_curves_is_tolerated(path):
    change_rows(path, "runs", each(lambda row: {"last_psnr_db": row["last_psnr_db"] + 0.0001}))
    assert find_problems(path) == []
