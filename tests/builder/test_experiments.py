"""Experiments: sets, settings, planning, results against a direct computation, resuming."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image as PillowImage
from skimage.metrics import peak_signal_noise_ratio

from nasdip_bench.builder.experiments import folder as folder_module
from nasdip_bench.builder.experiments import restore as restore_module
from nasdip_bench.builder.experiments.config import (
    ExperimentConfig,
    ResultKey,
    results_of_share,
)
from nasdip_bench.builder.experiments.folder import ExperimentFolder
from nasdip_bench.builder.experiments.run import preview, run_experiments
from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.builder.plan.shares import Share
from nasdip_bench.console.interruption import Interruption
from nasdip_bench.errors import BuildError, ConfigError, DatasetError, ImageError, UnknownNameError
from nasdip_bench.experiments.methods import SCORES, TABLES, Method, parse_method
from nasdip_bench.experiments.results import KEY, output_path, read_results
from nasdip_bench.experiments.sets import experiment_images, ground_truth, manifest, set_size
from nasdip_bench.experiments.setting import SETTINGS, described, get_setting
from nasdip_bench.images import Image, load_images, read_image
from nasdip_bench.isnas import Search, classical_restoration, corrupt
from nasdip_bench.isnas import search as search_module
from nasdip_bench.isnas.training import train_baseline
from nasdip_bench.tasks import get_task
from tests.builds import small_config as dataset_config

SETTING = get_setting("quick").changed(
    crop=64,
    candidates=6,
    inits=1,
    cohort=3,
    channels=16,
    iterations=4,
    cohort_iterations=3,
)
METHODS = tuple(
    parse_method(text)
    for text in (
        *("dip", "nas-dip", "classical", "isnas/psd_db_strip_mse/full"),
        *("isnas/psd_db_mse/full", "isnas/psd_db_strip_mse/resized", "random/resized"),
        *("best-score/psd_db_strip_mse", "oracle/psd_db_strip_mse"),
    )
)


def tall(name: str = "tall") -> Image:
    """A colour image whose sides are no multiples of 32, 150 x 70."""
    camera = load_images("skimage", ["camera"])[0].pixels[0]
    pixels = np.stack([camera[:150, 200:270], camera[:150, 270:340], camera[100:250, 200:270]])
    return Image(name=name, image_set="user", pixels=pixels, source="", licence="", status="user")


def small_config(**changes) -> ExperimentConfig:
    settings = {
        "images": {"skimage": tuple(load_images("skimage", ["camera"])), "user": (tall(),)},
        "tasks": {"skimage": ("denoise",), "user": ("super_resolve_x2",)},
        "methods": METHODS,
        "setting": SETTING,
        "baseline_seeds": (0, 1),
    }
    return ExperimentConfig(**(settings | changes))


def rows_of(folder: Path) -> dict[tuple, dict]:
    """Results by key, without what a clock wrote."""
    rows = {}
    for row in read_results(folder).rows:
        key = tuple(row[name] for name in KEY)
        assert key not in rows
        rows[key] = {n: v for n, v in row.items() if n not in ("seconds", "search_seconds")}
    return rows


def part_config(**changes) -> ExperimentConfig:
    """One of its images, and some of its methods."""
    part = {"images": {"skimage": small_config().images["skimage"]}, "methods": METHODS[:4]}
    return small_config(**(part | changes))


def of_part(rows: dict[tuple, dict], config: ExperimentConfig) -> dict[tuple, dict]:
    """Those of the results that a configuration asks for."""
    asked = {(k.image, k.task, k.method.name, k.method.score, k.seed) for k in config.wanted}
    return {
        key: row
        for key, row in rows.items()
        if (*key[1:4], key[4] or "", key[6]) in asked and key[5] != "resized"
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A whole experiment on two images, one of them in colour; 7 seconds of one core."""
    folder = tmp_path_factory.mktemp("experiments") / "build"
    outcome = run_experiments(small_config(), folder)
    assert (outcome.left, outcome.failed) == (0, 0)
    assert {(part.finished, part.asked) for part in outcome.coverage} == {(11, 11), (9, 9)}
    return folder


# -- sets ------------------------------------------------------------------------------------------


def test_the_sets_are_those_of_the_paper():
    sizes = {name: set_size(name) for name in manifest()}
    assert sizes == {"bm3d": 11, "set12": 12, "cbm3d": 9, "set5": 5, "set14": 14}
    names = {s: {e["name"] for e in facts["images"]} for s, facts in manifest().items()}
    assert len(names["bm3d"] & names["set12"]) == 7  # of the same pixels, and so of one name
    entries = [e for facts in manifest().values() for e in facts["images"]]
    by_name = {e["name"]: e["sha256_pixels"] for e in entries}
    assert all(by_name[e["name"]] == e["sha256_pixels"] for e in entries)
    assert len(set(by_name.values())) == len(by_name)
    assert all(len(e[k]) == 64 for e in entries for k in ("sha256_file", "sha256_pixels"))


@pytest.mark.images
def test_the_sets_are_read_and_checked(images_dir: Path):
    source = images_dir.parent / "source"
    if not (source / "set5").is_dir():
        pytest.skip(f"no test sets in {source}")
    for name in manifest():
        assert len(experiment_images(name, source)) == set_size(name)
    woman = experiment_images("set5", source, ["set5-woman"])[0]
    assert ground_truth(woman).shape == (3, 320, 224)
    # The authors' own crop of it, byte for byte.
    theirs = read_image(source / "isnas_dip" / "woman_rgb.png")
    np.testing.assert_array_equal(ground_truth(woman) * 255, theirs.pixels)


def test_a_missing_or_wrong_file_is_one_clear_error(tmp_path: Path):
    with pytest.raises(ConfigError, match="image set set5: say where the images are"):
        experiment_images("set5")
    with pytest.raises(ImageError, match="no images folder '.*none/bm3d_gray': each set is a fol"):
        experiment_images("bm3d", tmp_path / "none")
    (tmp_path / "set5").mkdir()
    with pytest.raises(ImageError, match="has no 'baby.bmp', which is set5-baby of set5: add"):
        experiment_images("set5", tmp_path)
    PillowImage.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "set5" / "bird.bmp")
    with pytest.raises(ImageError, match="is not set5-bird of set5: SHA-256 of the pixels exp"):
        experiment_images("set5", tmp_path, ["set5-bird"])
    with pytest.raises(UnknownNameError, match="unknown image of set5 'set5-bid'"):
        experiment_images("set5", tmp_path, ["set5-bid"])
    with pytest.raises(UnknownNameError, match="unknown image set 'set6'"):
        experiment_images("set6", tmp_path)


def test_images_are_cut_at_the_centre_to_multiples_of_32():
    image = tall()
    whole = ground_truth(image)
    assert whole.shape == (3, 128, 64)
    np.testing.assert_array_equal(whole, image.pixels[:, 11:139, 3:67].astype(np.float32) / 255)
    cropped = ground_truth(image, 64)
    np.testing.assert_array_equal(cropped, image.pixels[:, 43:107, 3:67].astype(np.float32) / 255)
    with pytest.raises(ImageError, match="is 60 x 70: its sides must be at least 64"):
        ground_truth(replace(image, pixels=np.zeros((1, 60, 70), np.uint8)))


# -- settings and methods --------------------------------------------------------------------------


def test_a_changed_setting_has_a_name_of_its_own():
    quick = SETTINGS["quick"]
    assert quick.changed(crop=96) is quick
    other = quick.changed(crop=128)
    assert other.name.startswith("quick-")
    assert other.name != quick.changed(crop=64).name
    assert other == quick.changed(crop=128)
    assert quick.changed(crop=128, cohort=2) == other.changed(cohort=2)
    fields = SETTINGS["paper"].fields
    assert (fields["crop"], fields["candidates"], fields["cohort"]) == (0, 4592, 15)
    assert fields["full_iterations"] == {"denoise": 1200, "inpaint": 9500, "super_resolve": 4500}
    assert fields["resized_iterations"] == {"denoise": 350, "inpaint": 2000}
    assert "64 x 64 of each image, 16 channels, 6 candidates" in described("s", SETTING.fields)
    with pytest.raises(ConfigError, match="crop 100 must be a multiple of 32"):
        quick.changed(crop=100)
    with pytest.raises(UnknownNameError, match="unknown setting 'qiuck'. Did you mean 'quick'"):
        get_setting("qiuck")


def test_methods_are_read_as_they_are_written():
    for table in TABLES.values():
        for method in (*table.columns, *table.further):
            assert parse_method(str(method)) == method
    assert [m.score for m in TABLES["2"].columns[2:]] == list(SCORES)
    for text, message in (
        ("isnas", "method 'isnas' must be written isnas/SCORE/full|resized"),
        ("dip/full", "must be written dip"),
        ("isnas/psd_db_mse/half", "unknown selection 'half'"),
        ("dpi", "unknown method 'dpi'. Did you mean 'dip'"),
    ):
        with pytest.raises((ConfigError, UnknownNameError), match=message.replace("|", r"\|")):
            parse_method(text)


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ConfigError, match="method dip is asked for twice"):
        small_config(methods=(Method("dip"), Method("dip")))
    with pytest.raises(ConfigError, match="two different pictures are called 'camera'"):
        small_config(
            images={"skimage": small_config().images["skimage"], "user": (tall("camera"),)}
        )
    with pytest.raises(ConfigError, match="tf32 needs a CUDA device, not cpu"):
        small_config(setting=SETTING.changed(precision="tf32"))
    with pytest.raises(ConfigError, match="there is nothing to do"):
        small_config(images={"user": (tall(),)}, methods=(parse_method("random/resized"),))
    with pytest.raises(ConfigError, match="a cohort of 3 cannot be chosen from 2 candidates"):
        run_experiments(small_config(setting=SETTING.changed(candidates=2)), Path("unused"))
    with pytest.raises(UnknownNameError, match="unknown score 'psd'"):
        run_experiments(small_config(methods=(parse_method("isnas/psd/full"),)), Path("unused"))


# -- planning --------------------------------------------------------------------------------------


def test_a_fit_that_serves_several_results_is_trained_once(built: Path):
    rows = [r for r in rows_of(built).values() if (r["image"], r["task"]) == ("camera", "denoise")]

    def networks(purpose: str) -> list[str]:
        """Those of the fits that are kept."""
        paths = (built / "work" / "denoise" / "camera" / "trained").glob(f"{purpose}-*.npz")
        return [path.stem.split("-", 2)[2].rpartition("-")[0] for path in paths]

    full = networks("cohort-full")
    assert 3 < len(full) < 6  # some of six candidates are in both cohorts of three
    searched = [row["restored_by"] for row in rows if row["score"] or row["selection"]]
    restored = networks("restore")
    assert len(restored) < len(searched)
    assert {*restored} == {*searched}


def test_a_picture_in_two_sets_is_restored_once_and_counted_in_both(tmp_path: Path):
    camera = small_config().images["skimage"]
    config = small_config(
        images={"skimage": camera, "user": camera},
        tasks={"skimage": ("denoise",), "user": ("denoise",)},
        methods=(Method("classical"), Method("dip")),
        baseline_seeds=(0,),
    )
    outcome = run_experiments(config, tmp_path)
    assert outcome.finished == 2
    rows = rows_of(tmp_path)
    assert len(rows) == 4
    by_set = [{k[1:]: r["psnr_db"] for k, r in rows.items() if k[0] == s} for s in config.images]
    assert by_set[0] == by_set[1]


def test_a_preview_says_what_is_left(built: Path, tmp_path: Path):
    text = preview(small_config(), tmp_path / "none")
    assert "16 channels, 6 candidates ranked by 1 initialisations" in text
    assert "  denoise, skimage: 0 of 11, 11 left\n  super_resolve_x2, user: 0 of 9, 9 left" in text
    assert "20 restorations are left; 'nasdip-restore IMAGE --task TASK --dry-run' times" in text
    assert not (tmp_path / "none").exists()
    assert preview(small_config(), built).endswith("nothing is left to do")


def test_shares_are_disjoint_complete_and_alike():
    def shares(config: ExperimentConfig, count: int) -> list[list[ResultKey]]:
        return [results_of_share(config, Share(i, count)) for i in range(1, count + 1)]

    def pairs(share: list[ResultKey]) -> set[tuple[str, str]]:
        return {(key.image, key.task) for key in share}

    tasks = {"skimage": ("denoise",), "user": ("denoise", "inpaint")}
    config = small_config(tasks=tasks, setting=SETTING.changed(crop=128))
    for count in (1, 2, 3, 5):
        dealt = shares(config, count)
        assert sorted(str(key) for one in dealt for key in one) == sorted(map(str, config.wanted))
        assert sum(len(pairs(one)) for one in dealt) == 3
    # 128 x 128 pixels of one image cost as much as twice the 128 x 64 of the other.
    assert [*map(pairs, shares(config, 2))] == [
        {("camera", "denoise")},
        {("tall", "denoise"), ("tall", "inpaint")},
    ]


# -- results ---------------------------------------------------------------------------------------


SEARCHES = (
    ("skimage", "denoise", "full"),
    ("skimage", "denoise", "resized"),
    ("user", "super_resolve_x2", "full"),
)


@pytest.mark.parametrize(("image_set", "task", "selection"), SEARCHES)
def test_a_search_of_an_experiment_is_that_of_nasdip_restore(built, image_set, task, selection):
    """The same architecture, and the same numbers to the last bit."""
    (image,) = small_config().images[image_set]
    problem = corrupt(ground_truth(image, 64), get_task(task), image.name)
    found = Search(problem, SETTING.search_config(problem.task, selection)).run()
    row = rows_of(built)[image_set, image.name, task, "isnas", "psd_db_strip_mse", selection, 0]
    assert row["restored_by"] == str(found.architecture)
    assert row["psnr_db"] == problem.psnr_db(found.restoration.output)
    assert row["best_psnr_db"] == found.restoration.psnr_smooth_db.max()
    assert (row["cohort"], row["cohort_diverged"]) == (3, 0)
    if selection == "full":
        assert row["cohort_psnr_db"] == found.cohort.psnr_db[found.selected]
        assert row["cohort_mean_psnr_db"] == pytest.approx(found.cohort.psnr_db.mean())
        assert row["cohort_best_psnr_db"] == found.cohort.psnr_db.max()
    else:
        assert row["cohort_psnr_db"] is None
    if image_set == "skimage":
        truth = problem.truth
        expected = peak_signal_noise_ratio(truth, found.restored, data_range=1)
        assert row["psnr_db"] == pytest.approx(expected, abs=1e-5)


def test_the_other_methods_are_what_they_say(built: Path):
    rows = rows_of(built)
    (image,) = small_config().images["skimage"]
    problem = corrupt(ground_truth(image, 64), get_task("denoise"), "camera")

    def row(method: str, score=None, selection=None, seed=0):
        return rows["skimage", "camera", "denoise", method, score, selection, seed]

    name, restored = classical_restoration(problem)
    assert row("classical", seed=None)["restored_by"] == name
    assert row("classical", seed=None)["psnr_db"] == problem.psnr_db(restored)
    for method in ("dip", "nas-dip"):
        fit = train_baseline(method.replace("-", "_"), problem, iterations=4, channels=16, seed=1)
        assert row(method, seed=1)["psnr_db"] == problem.psnr_db(fit.output)
        assert row(method, seed=1)["psnr_db"] != row(method, seed=0)["psnr_db"]
    search = Search(problem, SETTING.search_config(problem.task, "full"))
    found = search.run()
    best = row("best-score", "psd_db_strip_mse")
    assert best["restored_by"] == str(next(iter(found.ranking)))
    assert best["cohort"] is None
    oracle = row("oracle", "psd_db_strip_mse", "full")
    assert oracle["restored_by"] == str(found.members[int(np.argmax(found.cohort.psnr_db))])
    assert oracle["cohort_psnr_db"] == oracle["cohort_best_psnr_db"]
    assert row("random", None, "resized")["restored_by"] is not None
    assert {r["psnr_corrupted_db"] for k, r in rows.items() if k[1] == "camera"} == {
        problem.task.psnr_corrupted_db(problem.truth, problem.observation)
    }


def test_a_random_cohort_looks_at_no_score(tmp_path: Path, monkeypatch):
    """Of another seed another one; no score is computed for it."""
    trained: list[str] = []

    def train(architecture, problem, *, purpose, **options):
        if purpose == "cohort":
            trained.append(str(architecture))
        return real(architecture, problem, purpose=purpose, **options)

    real = search_module.train
    monkeypatch.setattr(search_module, "train", train)
    monkeypatch.delattr(search_module, "mean_scores")
    config = part_config(methods=(parse_method("random/resized"),), seeds=(0, 1))
    run_experiments(config, tmp_path)
    assert len(trained) == 6
    assert len(set(trained[:3])) == len(set(trained[3:])) == 3
    assert trained[:3] != trained[3:]


def pictures_of(build: Path) -> list[str]:
    return sorted(path.name for path in (build / "results" / "outputs").iterdir())


def test_restored_images_are_kept_by_the_hash_of_their_pixels(built: Path):
    hashes = {row["output_sha256"] for row in rows_of(built).values()}
    paths = [output_path(built, sha256) for sha256 in hashes]
    assert pictures_of(built) == sorted(path.name for path in paths)
    assert {read_image(path).sha256 for path in paths} == hashes


def test_shares_give_the_same_results(built: Path, tmp_path: Path):
    config = small_config(methods=METHODS[:3])
    for index in (1, 2):
        run_experiments(config, tmp_path, share=Share(index, 2))
    assert rows_of(tmp_path) == of_part(rows_of(built), config)


def test_what_is_asked_for_later_is_added(built: Path, tmp_path: Path):
    first = part_config(methods=METHODS[:2], baseline_seeds=(0,))
    run_experiments(first, tmp_path)
    assert len(rows_of(tmp_path)) == 2
    second = part_config(methods=METHODS[:3])
    assert run_experiments(second, tmp_path).left == 0
    expected = of_part(rows_of(built), second)
    assert len(expected) == 5
    assert rows_of(tmp_path) == expected
    run_experiments(first, tmp_path)
    assert rows_of(tmp_path) == expected  # nothing is lost by asking for less


# -- what may happen -------------------------------------------------------------------------------


def test_a_time_limit_stops_and_the_same_goes_on(built: Path, tmp_path: Path, monkeypatch):
    """It is over in the middle of the search's cohort, after all other restorations."""

    def fits() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}

    with monkeypatch.context() as patch:
        patch.setattr(Interruption, "remaining", property(lambda self: 3 - len(fits())))
        outcome = run_experiments(part_config(), tmp_path, time_limit=9e9)
    assert (outcome.finished, outcome.left) == (5, 1)
    assert [(part.finished, part.asked) for part in outcome.coverage] == [(5, 6)]
    assert len(rows_of(tmp_path)) == 5
    kept = fits()
    assert run_experiments(part_config(), tmp_path).finished == 1
    assert fits().items() > kept.items()  # nothing is done twice
    assert rows_of(tmp_path) == of_part(rows_of(built), part_config())


def test_what_is_damaged_or_gone_is_made_again(built: Path, tmp_path: Path):
    folder = shutil.copytree(built, tmp_path / "copy")
    of_camera = folder / "work" / "denoise" / "camera"
    row = of_camera / "oracle+psd_db_strip_mse-0.json"
    for also_its_fits in (False, True):
        row.write_bytes(row.read_bytes().replace(b"psnr_db", b"psnr_xx"))
        fits = {path: path.stat().st_mtime_ns for path in of_camera.rglob("*.npz")}
        for path in fits if also_its_fits else ():
            path.write_bytes(path.read_bytes()[:-100] + bytes(100))
        outcome = run_experiments(small_config(), folder)
        assert outcome.damaged == (f"denoise/camera/{row.name}",)
        assert outcome.finished == 1
        made = {path for path, at in fits.items() if path.stat().st_mtime_ns != at}
        assert len({path.name.split("-")[0] for path in made}) == (3 if also_its_fits else 0)
        assert rows_of(folder) == rows_of(built)
    pictures = pictures_of(folder)
    (folder / "results" / "outputs" / pictures[0]).unlink()
    assert run_experiments(small_config(), folder).finished > 0
    assert pictures_of(folder) == pictures


def test_a_full_disk_stops_with_one_clear_error(tmp_path: Path, monkeypatch):
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "write_atomic", full)
    outcome = run_experiments(small_config(methods=METHODS[2:3]), tmp_path)
    assert "No space left on device; make room and give the same" in outcome.trouble
    assert outcome.finished == 0


def test_two_builders_of_one_folder_keep_each_others_results(tmp_path: Path, monkeypatch):
    """One begins, the other begins and ends, the first ends."""
    real = restore_module.Restorer.execute

    def slower(self, key):
        monkeypatch.setattr(restore_module.Restorer, "execute", real)
        run_experiments(part_config(methods=METHODS[1:2]), tmp_path)
        return real(self, key)

    monkeypatch.setattr(restore_module.Restorer, "execute", slower)
    run_experiments(part_config(methods=METHODS[2:3]), tmp_path)
    methods = {row["method"] for row in rows_of(tmp_path).values()}
    assert methods == {str(method) for method in METHODS[1:3]}


@pytest.mark.parametrize("method", [parse_method("dip"), parse_method("random/full")])
def test_a_broken_device_ends_an_experiment(tmp_path: Path, monkeypatch, method):
    def broken(*arguments, **options):
        raise RuntimeError("an illegal memory access")

    def refuse(device, error):
        raise BuildError("it does not answer")

    monkeypatch.setattr(restore_module, "train_baseline", broken)
    monkeypatch.setattr(search_module, "train", broken)
    monkeypatch.setattr(restore_module, "refuse_broken_device", refuse)
    outcome = run_experiments(part_config(methods=(method,)), tmp_path)
    assert (outcome.trouble, outcome.finished) == ("it does not answer", 0)


def test_failed_and_diverged_fits_are_rows(tmp_path: Path, monkeypatch):
    real_train, real_baseline = search_module.train, restore_module.train_baseline

    def train(architecture, problem, **options):
        fit = real_train(architecture, problem, **options)
        if options["purpose"] == "cohort":
            return type(fit)(**(vars(fit) | {"diverged": True}))
        return fit

    def baseline(name, problem, **options):
        if name == "dip":
            raise RuntimeError("out of memory\nfor ever")
        return real_baseline(name, problem, **options)

    monkeypatch.setattr(search_module, "train", train)
    monkeypatch.setattr(restore_module, "train_baseline", baseline)
    config = part_config(baseline_seeds=(0,))
    outcome = run_experiments(config, tmp_path)
    # Finished means tried, as in a build of a dataset.
    assert (outcome.finished, outcome.failed, outcome.left) == (4, 1, 0)
    rows = {key[3]: row for key, row in rows_of(tmp_path).items()}
    assert (rows["dip"]["status"], rows["dip"]["psnr_db"]) == ("failed", None)
    assert rows["dip"]["error"] == "RuntimeError: out of memory"
    isnas = rows["isnas"]
    assert (isnas["status"], isnas["psnr_db"], isnas["restored_by"]) == ("diverged", None, None)
    assert (isnas["cohort"], isnas["cohort_diverged"]) == (3, 3)
    assert rows["nas-dip"]["status"] == "ok"
    monkeypatch.undo()
    again = run_experiments(config, tmp_path)
    assert (again.finished, again.failed) == (1, 0)  # what failed is tried again
    assert {key[3]: row["status"] for key, row in rows_of(tmp_path).items()}["dip"] == "ok"


def test_a_folder_holds_one_setting_and_one_kind_of_work(built: Path, tmp_path: Path):
    with pytest.raises(BuildError, match="was built with setting .* the two do not mix"):
        run_experiments(small_config(setting=SETTING.changed(cohort=2)), built)
    # A build of a dataset would lock the folder of experiments.
    with pytest.raises(BuildError, match="holds a build of experiments, which a build does not"):
        BuildFolder(built).prepare(dataset_config())
    assert not (built / "build.json").exists()
    with pytest.raises(BuildError, match="is no build folder of experiments"):
        ExperimentFolder(tmp_path).settings()


def test_a_row_that_cannot_be_read_is_no_damage(built: Path, tmp_path: Path):
    folder = shutil.copytree(built, tmp_path / "build")
    row = folder / "work" / "denoise" / "camera" / "classical.json"
    row.unlink()
    row.mkdir()
    with pytest.raises(BuildError, match=r"classical.json' cannot be read: Is a directory; make"):
        preview(small_config(), folder)


def test_damaged_results_are_one_clear_error(built: Path, tmp_path: Path):
    with pytest.raises(DatasetError, match=r"holds no results .* no results/experiments.parquet"):
        read_results(tmp_path)
    folder = shutil.copytree(built / "results", tmp_path / "results")
    table = folder / "experiments.parquet"
    assert read_results(tmp_path).fields == SETTING.fields
    content = table.read_bytes()
    table.write_bytes(content[:-8] + b"12345678")
    with pytest.raises(DatasetError, match="experiments.parquet' cannot be parsed: .*; run the co"):
        read_results(tmp_path)
    table.write_bytes(content)
    whole = pq.read_table(table)
    for other, message in (
        (whole.drop_columns(["error"]), "has other columns than this version reads"),
        (whole.replace_schema_metadata(None), "cannot be parsed"),
    ):
        pq.write_table(other, table)
        with pytest.raises(DatasetError, match=message):
            read_results(tmp_path)
    table.unlink()
    table.mkdir()
    with pytest.raises(DatasetError, match="experiments.parquet' cannot be read"):
        read_results(tmp_path)
