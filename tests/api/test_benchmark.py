"""`NASDIPBench`: queries, curves and scores of synthetic releases, and what it says to mistakes."""

from __future__ import annotations

import copy
import json
import math
import pickle
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.api.reading.arrays.columns import codes, numbers, strings
from nasdip_bench.api.reading.records.run import as_json
from nasdip_bench.errors import ArchitectureError, DatasetError, MissingRunError, UnknownNameError
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.observables import OBSERVABLES
from nasdip_bench.space import Architecture, sample_architectures
from tests import synthetic
from tests.synthetic import LOW, change_arrays, change_rows, each

COUNT = 12
HIGH = "r64"
ARCHS = sample_architectures(COUNT + 1)


@pytest.fixture(scope="module")
def bench(release):
    """Complete, but for scores; two fidelities, two seeds at the higher."""
    return release(
        diverged={(HIGH, "denoise", 3, "lena", 1), (LOW, "denoise", 3, "lena", 0)},
        failed={(LOW, "denoise", 4, "lena", 0)},
        unscored={5},
    )


@pytest.fixture(scope="module")
def partial(small):
    """No seed is complete, seed 1 has the most runs; at r64 there are few."""
    return small(
        fidelities=(LOW, HIGH),
        seeds={LOW: (0, 1), HIGH: (0,)},
        missing={
            *((LOW, "denoise", a, "lena", 0) for a in range(6)),
            (LOW, "denoise", 7, "lena", 1),
            *((HIGH, "denoise", a, i, 0) for a in range(1, 12) for i in synthetic.IMAGES),
        },
    )


def curves_of(a, image, task, seed, fidelity, count=COUNT):
    """By name, the full curves of a run; and its stop."""
    f = get_fidelity(fidelity)
    best = synthetic.best_db(a, list(synthetic.IMAGES).index(image), task, seed, count)
    return synthetic.curves_db(best, a, f.iterations[task]), f.stop[task]


# What there is


def test_it_says_what_it_holds_and_is_a_sequence_of_architectures(bench):
    assert len(bench) == COUNT
    assert bench.images == ("lena", "chest", "boat")
    assert bench.tasks == ("denoise", "inpaint")
    assert bench.fidelities == (HIGH, LOW)
    assert bench.manifest.name == "synthetic"
    for part in ("12 architectures x 3 images", "denoise at r64: 72 of 72 runs"):
        assert part in repr(bench)
    assert list(bench) == ARCHS[:COUNT]
    assert bench[np.int64(3)] == ARCHS[3]
    assert bench[2:4] == ARCHS[2:4]
    assert ARCHS[0] in bench
    assert ARCHS[COUNT] not in bench
    assert "nonsense" not in bench


def test_all_names_of_an_architecture_mean_the_same(bench):
    arch = ARCHS[7]
    released = f"0_{arch.cell}_iteration_4000_sigma_25_skip_{arch.skip}"
    expected = bench.query(7, "lena", "denoise")
    for name in (np.int32(7), str(arch), f" {arch} ", released, arch):
        assert bench.query(name, "lena", "denoise") == expected
        assert bench.arch_id(name) == 7


# Queries


@pytest.mark.parametrize("fidelity", [HIGH, LOW])
@pytest.mark.parametrize("task", ["denoise", "inpaint"])
@pytest.mark.parametrize("image", ["lena", "chest", "boat"])
def test_a_run_is_what_the_formula_gives(bench, image, task, fidelity):
    for a in (0, 5, 11):
        r = bench.query(a, image, task, fidelity=fidelity, seed=0)
        curves, stop = curves_of(a, image, task, 0, fidelity)
        raw, smooth = curves["psnr"], curves["psnr_smooth"]
        assert (r.arch_id, r.architecture, r.image, r.task) == (a, str(ARCHS[a]), image, task)
        assert (r.fidelity, r.seeds, r.status) == (fidelity, (0,), "ok")
        assert (r.iterations, r.stop) == (len(raw), stop)
        for name in ("psnr", "psnr_smooth", "ssim_smooth"):
            column, curve = name if name == "ssim_smooth" else f"{name}_db", curves[name]
            found = [getattr(r, f"{point}_{column}") for point in ("final", "last", "best")]
            assert found == pytest.approx([curve[stop - 1], curve[-1], max(curve)])
        assert r.best_iteration == len(raw) // 4 + a % 5
        assert smooth[r.best_iteration - 1] == max(smooth)
        assert raw[r.best_raw_iteration - 1] == max(raw)
        assert r.best_at_end is False
        assert (r.psnr_corrupted_db, r.loss, r.seconds) == (18.0, 0.01, 10.0 + a)
        assert r.processor_seconds == 10.0 + a
        assert r.iteration is r.psnr_db is r.psnr_smooth_db is None


def test_without_fidelity_and_seed_it_is_the_mean_at_the_default_and_says_so(bench):
    mean = bench.query(2, "chest", "denoise")
    one, two = (bench.query(2, "chest", "denoise", fidelity=HIGH, seed=seed) for seed in (0, 1))
    assert (mean.fidelity, mean.seeds) == (HIGH, (0, 1))
    assert one.best_psnr_smooth_db != two.best_psnr_smooth_db
    for field in ("best_psnr_smooth_db", "final_psnr_db", "best_iteration", "seconds"):
        expected = (getattr(one, field) + getattr(two, field)) / 2
        assert getattr(mean, field) == pytest.approx(expected)
    assert bench.query(2, "chest", "denoise", fidelity=LOW).seeds == (0,)
    assert bench.query(str(ARCHS[2]), "chest", "denoise") is mean
    assert bench.query(2, "chest", "denoise", seed=1) == two


def test_runs_that_diverged_or_failed_have_nan_and_their_status(bench):
    for fidelity, arch, seed, status in (
        (LOW, 3, None, "diverged"),
        (LOW, 4, None, "failed"),
        (HIGH, 3, 1, "diverged"),
        (HIGH, 3, None, "diverged"),  # seed 1 did, seed 0 did not
    ):
        r = bench.query(arch, "lena", "denoise", fidelity=fidelity, seed=seed)
        assert r.status == status
        for field in ("final_psnr_db", "best_psnr_smooth_db", "best_iteration", "loss"):
            assert math.isnan(getattr(r, field)), field
        assert r.psnr_corrupted_db == 18.0
        assert r.best_at_end is False
        assert as_json(r)["best_psnr_db"] is None
        json.dumps(as_json(r), allow_nan=False)


def test_the_psnr_at_an_iteration(bench):
    for seed in (0, 1):
        curves, _ = curves_of(6, "boat", "denoise", seed, HIGH)
        for iteration in (1, 2, 32, 600):
            r = bench.query(6, "boat", "denoise", seed=seed, iteration=iteration)
            assert r.iteration == iteration
            assert r.psnr_db == pytest.approx(curves["psnr"][iteration - 1], abs=0.0006)
            smooth = curves["psnr_smooth"][iteration - 1]
            assert r.psnr_smooth_db == pytest.approx(smooth, abs=0.0006)
    r = bench.query(6, "boat", "denoise", iteration=np.int64(600))
    mean = curves["psnr"][-1] - 0.005  # of seed 0, a hundredth lower, and seed 1
    assert r.psnr_db == pytest.approx(mean, abs=0.0006)
    assert r._replace(iteration=None, psnr_db=None, psnr_smooth_db=None) == bench.query(
        6, "boat", "denoise"
    )


def test_iterations_that_were_not_kept_or_are_outside_the_budget_are_refused(bench):
    kept = bench.curve(0, "lena", "denoise").iterations
    absent = next(i for i in range(1, 600) if i not in kept)
    low, high = kept[kept < absent].max(), kept[kept > absent].min()
    with pytest.raises(UnknownNameError, match=f"was not kept.*nearest kept are {low} and {high}"):
        bench.query(0, "lena", "denoise", iteration=absent)
    for outside in (0, 601, 1.5, True, "3"):
        with pytest.raises(UnknownNameError, match="must be a whole number from 1 to 600, the len"):
            bench.query(0, "lena", "denoise", iteration=outside)


# Curves and scores


def test_a_curve_of_several_seeds_is_the_mean_and_nan_where_one_is(bench):
    mean = bench.curve(9, "chest", "inpaint")
    curves = [bench.curve(9, "chest", "inpaint", seed=seed) for seed in (0, 1)]
    assert mean.seeds == (0, 1)
    np.testing.assert_allclose(mean.psnr_db, (curves[0].psnr_db + curves[1].psnr_db) / 2)
    diverged = bench.curve(3, "lena", "denoise", fidelity=HIGH, seed=1)
    assert np.isfinite(diverged.psnr_db[:5]).all()
    assert np.isnan(diverged.psnr_db[5:]).all()
    assert np.isnan(bench.curve(3, "lena", "denoise").psnr_db[5:]).all()  # seed 1 diverged


def test_curves_are_cached_and_read_only(bench):
    curve = bench.curve(0, "lena", "denoise")
    assert bench.curve(0, "lena", "denoise") is curve
    seen = bench.observables(0, "lena", "denoise")
    for values in (*curve[:4], seen.iterations, *seen.values_db.values()):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0


def test_architectures_of_several_parts_have_their_own_curves(small):
    """65 architectures are two parts; the rows of each count from 0."""
    bench = small(count=67, seeds=None, missing={(LOW, "denoise", 65, "lena", 1)})
    assert sorted(file.name for file in (bench.path / "curves").iterdir()) == [
        f"{LOW}-denoise-s{seed}-{part}.h5" for seed in (0, 1) for part in (0, 1)
    ]
    bulk = bench.curves("denoise")
    for a in (0, 63, 64, 66):
        for place, image in enumerate(bench.images):
            for seed in (0, 1):
                found = bench.curve(a, image, "denoise", seed=seed)
                curves, _ = curves_of(a, image, "denoise", seed, LOW, 67)
                np.testing.assert_allclose(found.psnr_db, curves["psnr"], atol=0.00051)
                for array, name, atol in (
                    (bulk.psnr_db, "psnr", 0.00052),
                    (bulk.psnr_smooth_db, "psnr_smooth", 0.00052),
                    (bulk.ssim_smooth, "ssim_smooth", 2e-5),
                ):
                    np.testing.assert_allclose(array[a, place, seed], curves[name], atol=atol)
                seen = bench.observables(a, image, "denoise", seed=seed)
                np.testing.assert_allclose(seen.values_db["emv"], curves["emv"], atol=0.0051)
    assert np.isnan(bulk.psnr_db[65, 0, 1]).all()
    assert np.isfinite(bulk.psnr_db[65, 1, 1]).all()
    assert bulk.psnr_db.dtype == np.float32
    np.testing.assert_array_equal(bulk.iterations, found.iterations)
    one = bench.curves("denoise", seed=1)
    assert one.seeds == (1,)
    np.testing.assert_array_equal(one.ssim_smooth[:, :, 0], bulk.ssim_smooth[:, :, 1])
    with pytest.raises(UnknownNameError, match="unknown seed 5"):
        bench.curves("denoise", seed=5)


def test_curves_that_were_not_recorded_are_nan(tmp_path):
    path = small_release(tmp_path)
    for kind, name in (("curves", "ssim_smooth"), ("observables", "emv")):
        part = f"{kind}/{LOW}-denoise-s0-0.h5"
        change_arrays(path, part, lambda file, name=name: file.pop(name))
    bench = NASDIPBench(path)
    curve, bulk = bench.curve(1, "boat", "denoise"), bench.curves("denoise")
    assert np.isnan(curve.ssim_smooth).all()
    assert np.isnan(bulk.ssim_smooth).all()
    assert curve.ssim_smooth.shape == curve.psnr_db.shape == (40,)
    assert bulk.ssim_smooth.shape == bulk.psnr_db.shape
    assert np.isfinite(bulk.psnr_db).all()
    found = bench.observables(1, "boat", "denoise").values_db
    assert [*found] == [*OBSERVABLES]
    assert np.isnan(found["emv"]).all()
    assert np.isfinite(found["loss"]).all()


def test_parts_that_keep_other_iterations_are_refused(tmp_path):
    def lose_one(file):
        for name, values in [(name, file.pop(name)[:]) for name in [*file]]:
            file[name] = np.delete(values, -2, axis=-1)

    path = synthetic.small(tmp_path / "data", count=3, seeds=None)
    bench = NASDIPBench(change_arrays(path, f"curves/{LOW}-denoise-s1-0.h5", lose_one))
    assert bench.curve(0, "lena", "denoise", seed=0).iterations[-1] == 40
    with pytest.raises(DatasetError, match=r"s1-0\.h5 keeps different iterations than another"):
        bench.curve(0, "lena", "denoise", seed=1)
    with pytest.raises(DatasetError, match="keeps different iterations"):
        bench.curves("denoise")


# Observables


def test_observables_are_what_the_formula_gives(bench, partial):
    found = bench.observables(9, "chest", "inpaint", seed=1)
    wanted, _ = curves_of(9, "chest", "inpaint", 1, HIGH)
    curve = bench.curve(9, "chest", "inpaint", seed=1)
    np.testing.assert_array_equal(found.iterations, curve.iterations)
    assert [*found.values_db] == [*OBSERVABLES]
    for name, values in found.values_db.items():
        assert values.dtype == np.float64
        np.testing.assert_allclose(values, wanted[name][found.iterations - 1], atol=0.0051)
    assert found[2:] == (9, str(ARCHS[9]), "chest", "inpaint", HIGH, 1, "ok")
    # Without a seed they are of one that they name.
    assert bench.observables(9, "chest", "inpaint").seed == 0
    assert bench.observables(9, "chest", "inpaint", fidelity=LOW, seed=0).fidelity == LOW
    assert partial.observables(8, "lena", "denoise").seed == 1
    diverged = bench.observables(3, "lena", "denoise", fidelity=HIGH, seed=1)
    assert diverged.status == "diverged"
    assert np.isfinite(diverged.values_db["loss"][:5]).all()
    assert np.isnan(diverged.values_db["loss"][5:]).all()


def test_absent_observables_are_named(bench, partial, tmp_path):
    with pytest.raises(MissingRunError, match="no run of architecture"):
        partial.observables(7, "lena", "denoise")
    with pytest.raises(UnknownNameError, match="unknown seed 2"):
        bench.observables(7, "lena", "denoise", seed=2)
    path = small_release(tmp_path)
    shutil.rmtree(path / "observables")
    synthetic.rehash(path)
    none = NASDIPBench(path)
    assert none.curve(0, "lena", "denoise").status == "ok"
    with pytest.raises(
        MissingRunError,
        match=rf"no observables of architecture {none.codes[0]} on 'lena' for 'denoise' at "
        rf"fidelity '{LOW}' with seed 0: this release has none for the run",
    ):
        none.observables(0, "lena", "denoise")


# Scores


def test_scores_are_by_proxy_and_reference(bench):
    scores = bench.scores(4, "boat", "inpaint")
    assert list(scores) == ["/".join(key) for key in synthetic.SCORES]
    assert scores["psd_db_mse/corrupted"] == 4
    assert scores["psd_99_bandwidth/none"] == 0.5
    assert math.isnan(bench.scores(0, "boat", "inpaint", fidelity=LOW)["parameters/none"])
    assert scores["psd_db_mse"] == scores["psd_db_mse/corrupted"]  # its name alone
    assert scores["psd_99_bandwidth"] == scores["psd_99_bandwidth/none"]
    assert "psd_db_mse" not in scores
    assert copy.copy(scores) == scores
    with pytest.raises(UnknownNameError, match="unknown score 'psd'. Did you mean 'psd_db_mse/"):
        scores["psd"]
    scores.clear()  # a copy
    assert bench.scores(4, "boat", "inpaint")
    with pytest.raises(MissingRunError, match=r"no scores of.*scores 11 of 12 architectures"):
        bench.scores(5, "boat", "denoise")


@pytest.mark.parametrize("name", ["runs", "scores", "corruptions", "architectures", "images"])
def test_frames_have_the_columns_and_rows_of_the_files(bench, name):
    table = pq.read_table(bench.path / f"{name}.parquet")
    frame, coded = bench.to_frame(name), bench.to_frame(name, categories=True)
    assert list(frame.columns) == table.column_names
    assert len(frame) == table.num_rows == bench.to_arrow(name).num_rows
    texts = [c for c in frame if pd.api.types.is_string_dtype(frame[c])]
    assert texts
    assert [c for c in coded if isinstance(coded[c].dtype, pd.CategoricalDtype)] == texts
    back = coded.astype({column: frame[column].dtype for column in texts})
    pd.testing.assert_frame_equal(back, frame)
    frame.iloc[:, 0] = frame.iloc[0, 0]  # a copy
    assert bench.to_arrow(name).equals(table)


# Mistakes


MISTAKES = [
    ((12, "lena", "denoise"), r"no architecture in row 12; this release has rows 0\.\.11"),
    ((-1, "lena", "denoise"), "no architecture in row -1"),
    ((0, "lenna", "denoise"), r"unknown image 'lenna'\. Did you mean 'lena'\?.*chest, boat"),
    ((0, ["lena"], "denoise"), "unknown image"),
    ((0, "lena", "denoize"), r"unknown task 'denoize'\. Did you mean 'denoise'\?"),
    ((0, "lena", ["denoise"]), "unknown task"),
    (
        (0, "denoise", "lena"),
        "'denoise' is a task, where an image belongs: .*before an image.*lena, c",
    ),
    ((0, "lena", "chest"), "'chest' is an image, where a task belongs: .*before a task.*denoise"),
    ((0, "lena", "denoise", "r640"), r"unknown fidelity 'r640'\. Did you mean 'r64'"),
    ((0, "lena", "denoise", ["r64"]), "unknown fidelity"),
    ((0, "lena", "denoise", HIGH, 2), r"unknown seed 2 for.*Available: 0, 1\. Leave it out"),
    ((0, "lena", "denoise", HIGH, "0"), "unknown seed '0'"),
    ((0, "lena", "denoise", HIGH, [0, 1]), r"bench\.replicates\(\.\.\.\) has the runs of each"),
]


@pytest.mark.parametrize(("arguments", "text"), MISTAKES)
def test_unknown_names_say_what_there_is(bench, arguments, text):
    arch, image, task, *more = arguments
    named = dict(zip(("fidelity", "seed"), more, strict=False))
    for ask in (bench.query, bench.scores):
        with pytest.raises(UnknownNameError, match=text):
            ask(arch, image, task, **named)


def test_names_that_numpy_draws_are_names(data):
    """rng.choice(bench.images) gives numpy.str_, here before any other question."""
    bench, plain = NASDIPBench(data), NASDIPBench(data)
    drawn = {"image": np.str_("chest"), "task": np.str_("denoise"), "fidelity": np.str_(HIGH)}
    own = {name: str(value) for name, value in drawn.items()}
    for method in ("query", "curve", "observables"):
        found, known = (getattr(b, method)(3, **a) for b, a in ((bench, drawn), (plain, own)))
        assert repr(found) == repr(known)
    assert bench.replicates(3, np.str_("chest"), np.str_("denoise")).runs[0].image == "chest"
    assert repr(bench.simulator(**drawn)) == repr(plain.simulator(**own))
    drawn["images"], own["images"] = drawn.pop("image"), own.pop("image")
    assert repr(bench.find_best(**drawn)) == repr(plain.find_best(**own))


def test_seeds_that_equal_true_are_still_refused_when_seed_1_was_asked_before(bench):
    for ask in (bench.query, bench.curve, bench.observables, bench.scores):
        ask(0, "lena", "denoise", seed=1)
        for seed in (True, 1.0):
            with pytest.raises(UnknownNameError, match=f"unknown seed {seed}"):
                ask(0, "lena", "denoise", seed=seed)


def test_an_architecture_not_in_the_release_names_the_nearest(bench):
    cell, skip = ARCHS[4].cell, ARCHS[4].skip
    flipped = ("1" if skip[0] == "0" else "0") + skip[1:]
    nearest = f"The nearest are {ARCHS[4]}, .*Rows 0..{COUNT - 1}"
    with pytest.raises(UnknownNameError, match=nearest):
        bench.query(Architecture(cell, flipped), "lena", "denoise")
    other = next(c for c in (0, 1, 2) if c not in {a.cell for a in ARCHS})
    for code in (f"{other}-{skip}", f"{other}-{flipped}"):
        with pytest.raises(UnknownNameError, match=nearest):
            bench.query(code, "lena", "denoise")


def test_what_is_no_architecture_is_refused(bench):
    for arch in ("172", "", None, 1.5, True, "250-" + "0" * 25):
        with pytest.raises(ArchitectureError, match=r"is not an architecture|cannot be built"):
            bench.query(arch, "lena", "denoise")
    with pytest.raises(ArchitectureError, match="'3' is not an architecture; a row is a whole num"):
        bench.query("3", "lena", "denoise")


def test_a_relative_path_is_that_of_when_it_was_opened(bench, tmp_path, monkeypatch):
    monkeypatch.chdir(bench.path.parent)
    relative = NASDIPBench(bench.path.name)
    packed = pickle.dumps(relative)
    monkeypatch.chdir(tmp_path)
    expected = _curve_start(bench)
    assert relative.path == bench.path
    assert repr(relative) == repr(bench)
    assert _curve_start(relative) == _curve_start(pickle.loads(packed)) == expected  # noqa: S301
    monkeypatch.setenv("HOME", str(bench.path.parent))
    assert NASDIPBench(f"~/{bench.path.name}").path == bench.path


def test_what_is_no_dataset_is_refused(bench, tmp_path):
    for path in (3, b"data", "~nobody-of-this-name/data"):
        match = f"{re.escape(repr(path))} is not a path of a folder: name the folder of a release"
        with pytest.raises(DatasetError, match=match):
            NASDIPBench(path)
    with pytest.raises(DatasetError, match=r"runs\.parquet' is a file: name the folder"):
        NASDIPBench(bench.path / "runs.parquet")
    with pytest.raises(DatasetError, match=r"no dataset in .*there is no manifest\.json; name"):
        NASDIPBench(tmp_path)


def test_an_unknown_table_says_which_there_are(bench):
    with pytest.raises(KeyError, match="unknown table 'run'"):  # the built-in error, too
        bench.to_frame("run")


def test_incomplete_releases_average_the_seed_with_the_most_runs(partial):
    assert partial.query(0, "lena", "denoise").seeds == (1,)
    assert partial.manifest.default_fidelity == {"denoise": LOW}
    assert partial.query(8, "lena", "denoise", seed=0).seeds == (0,)
    absent = (
        rf"no run of architecture {ARCHS[0]} on 'lena' for 'denoise' at fidelity '{LOW}' with seed "
        rf"0.*task: {LOW} with seed 1; r64 with seed 0\..*holds 30 of the 36 runs"
    )
    with pytest.raises(MissingRunError, match=absent):
        partial.query(0, "lena", "denoise", seed=0)
    with pytest.raises(MissingRunError, match=f": {LOW} with seed 0. The release holds 35"):
        partial.query(7, "lena", "denoise")
    with pytest.raises(KeyError):
        partial.curve(7, "lena", "denoise")


def test_a_task_absent_at_a_fidelity_says_where_it_is(tmp_path):
    path = synthetic.write_release(tmp_path / "data", count=2, fidelities=(LOW,))
    data = json.loads((path / "manifest.json").read_text())
    tasks = data["fidelities"][LOW]["tasks"]
    data["fidelities"]["r64"] = {"resolution": 64, "channels": 128, "tasks": {}}
    tasks["super_resolve_x2"] = tasks["inpaint"] | {"runs": 0}
    del data["sha256"]
    (path / "manifest.json").write_text(json.dumps(data))
    bench = NASDIPBench(path)
    with pytest.raises(MissingRunError, match=f"no task 'denoise' at fidelity 'r64'.*at {LOW}"):
        bench.query(0, "lena", "denoise", fidelity="r64")
    with pytest.raises(MissingRunError, match="no runs of task 'super_resolve_x2'.*only scores"):
        bench.query(0, "lena", "super_resolve_x2")


# Damage


def small_release(tmp_path):
    return synthetic.small(tmp_path / "data", count=3)


def test_damaged_and_missing_files_are_found_on_first_touch(tmp_path):
    path, part = small_release(tmp_path), f"{LOW}-denoise"
    synthetic.add_distances(path, LOW, "denoise")
    tables = ("architectures.parquet", "runs.parquet")
    for name in (*tables, f"curves/{part}-s0-0.h5", f"distances/{part}.h5"):
        content = bytearray((path / name).read_bytes())
        content[100] ^= 1
        for damage, message in (
            (lambda file, content=content: file.write_bytes(content), "in .* is damaged"),
            (Path.unlink, f"is missing in '{path}', though manifest"),
        ):
            intact = (path / name).read_bytes()
            damage(path / name)
            bench = NASDIPBench(path)  # opening reads the manifest alone
            with pytest.raises(DatasetError, match=f"{name} {message}"):
                bench.curve(0, "lena", "denoise"), bench.distances("denoise")
            (path / name).write_bytes(intact)


@pytest.mark.parametrize(
    ("table", "change", "text"),
    [
        ("runs", {"image": "lenna"}, "runs.parquet, image, holds 'lenna', which is not one of"),
        ("runs", {"status": "fine"}, "runs.parquet, status, holds 'fine'"),
        ("runs", {"arch_id": 7}, r"runs.parquet has an arch_id outside 0\.\.2"),
        ("runs", {"arch_id": -1}, r"runs.parquet has an arch_id outside"),
        ("runs", {"seed": 4}, r"says seeds \[0\] of 'denoise'.*runs.parquet has \[4\]"),
        ("architectures", {"architecture": str(ARCHS[0])}, "holds an architecture twice"),
    ],
)
def test_tables_that_contradict_the_manifest_are_refused(tmp_path, table, change, text):
    bench = NASDIPBench(change_rows(small_release(tmp_path), table, each(lambda row: change)))
    with pytest.raises(DatasetError, match=text):
        bench.query(0, "lena", "denoise")


def test_a_curve_row_that_does_not_exist_is_refused(tmp_path):
    path = change_rows(small_release(tmp_path), "runs", each(lambda row: {"curve_row": 99}))
    bench = NASDIPBench(path)
    outside = (
        rf"runs\.parquet names a curve_row outside 0\.\.8 of curves/{LOW}-denoise-s0-0\.h5; run"
    )
    with pytest.raises(DatasetError, match=outside):
        bench.curve(0, "lena", "denoise")
    with pytest.raises(DatasetError, match=outside):
        bench.curves("denoise")
    with pytest.raises(DatasetError, match=outside.replace("curves", "observables")):
        bench.observables(0, "lena", "denoise")


# Sharing between threads and processes


def test_threads_get_the_same_answers(bench):
    again = NASDIPBench(bench.path)
    keys = [(a, i, t) for a in range(COUNT) for i in bench.images for t in bench.tasks] * 3
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(
                lambda key: (again.query(*key), again.curve(*key), again.observables(*key)), keys
            )
        )
    for key, (record, curve, seen) in zip(keys, found, strict=True):
        expected = bench.observables(*key).values_db["step"]
        np.testing.assert_array_equal(seen.values_db["step"], expected)
        assert str(record) == str(bench.query(*key))  # NaN is no equal of NaN
        np.testing.assert_array_equal(curve.psnr_db, bench.curve(*key).psnr_db)


def _curve_start(bench):
    return bench.curve(1, "boat", "denoise").psnr_db[:3].tolist()


# Columns


def test_columns_are_read_as_arrow_reads_them(bench):
    for name in ("runs", "scores", "corruptions", "architectures"):
        for column in bench.to_arrow(name).columns:
            if str(column.type) == "string":
                continue
            for part in (column, column.slice(3, 5), column.slice(0, 0)):
                expected, found = part.to_numpy(), numbers(part)
                np.testing.assert_array_equal(found, expected)
                wide = np.float64 if expected.dtype == np.float32 else expected.dtype
                assert found.dtype == wide or part.null_count or not len(part)


def test_names_are_read_as_arrow_reads_them(bench):
    column = bench.to_arrow("runs")["image"]
    for part in (column, column.slice(5, 7), column.slice(0, 0), column.cast("string")):
        indices, names = strings(part)
        assert [names[i] for i in indices] == part.to_pylist()
        places = codes(part, bench.images, "image")
        assert [bench.images[i] for i in places] == part.to_pylist()
    twice = pa.DictionaryArray.from_arrays(pa.array([2, 0, 1], pa.int32()), ["a", "b", "a"])
    positions, names = strings(pa.chunked_array([twice]))
    assert (positions.tolist(), names) == ([0, 0, 1], ["a", "b"])
    null = pa.array(["a", None])
    listed = pa.DictionaryArray.from_arrays(pa.array([1], pa.int32()), null)
    for absent in (null, null.dictionary_encode(), listed):
        with pytest.raises(DatasetError, match="a name is missing"):
            strings(pa.chunked_array([absent]))
