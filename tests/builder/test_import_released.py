"""Results in the layout of the paper's released code become a dataset of their own."""

from __future__ import annotations

import csv
import math
import os
import pickle
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench import NASDIPBench
from nasdip_bench.api.simulation.prices import CostModel
from nasdip_bench.builder.release.release import release
from nasdip_bench.builder.released_code.dataset import import_released
from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.errors import BuildError, ConfigError, MissingRunError
from nasdip_bench.proxies import score
from nasdip_bench.verify import verify
from tests.builds import nasdip_build
from tests.released_layout import (
    CODES,
    MODELS,
    history,
    model_name,
    row,
    write_history,
    write_results,
    write_table,
)
from tests.synthetic import same_files, write_release

BEST = "best_psnr_smooth_db"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("released")
    _, left_out = import_released(write_results(root / "results"), root / "data")
    assert left_out == []
    return root / "data"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results")


def lena(results: Path) -> Path:
    return results / "benchmark" / "denoising" / "25" / "lena_512"


def left_out(results: Path, out: Path) -> str:
    return "\n".join(import_released(results, out)[1])


def test_it_verifies_and_says_what_it_is(imported: Path):
    assert verify(imported) == []
    bench = NASDIPBench(imported)
    assert bench.fidelities == ("released",)
    assert bench.images == ("misc", "lena", "boat")
    assert bench.tasks == ("denoise", "inpaint")
    assert [(a.cell, a.skip) for a in bench] == list(CODES)
    assert bench.manifest.protocol_version == 0
    assert bench.manifest.image_set == "released"
    assert bench.manifest.sources == [
        "results in the layout of the paper's released code: 11 runs, 8 of them with curves"
    ]
    kinds = {path.split("/")[0] for path in bench.manifest.files if path.endswith(".h5")}
    assert kinds == {"curves", "score_values.h5"}  # neither observables nor restorations
    assert len(bench.to_frame("corruptions")) == 0
    runs = bench.to_frame("runs")
    for name in ("final_ssim_smooth", "last_ssim_smooth", "best_ssim_smooth"):
        assert runs[name].isna().all()
    images = bench.to_frame("images")
    assert images["sha256"].isna().all()
    assert set(images["status"]) == {"imported, picture not seen"}


def test_curves_of_unequal_length_stay_as_they_are(imported: Path):
    bench = NASDIPBench(imported)
    long = bench.query(MODELS[3], "lena", "denoise")
    assert (long.fidelity, long.seeds, long.status) == ("released", (0,), "ok")
    wanted = history(3, 2000)
    assert long.best_psnr_smooth_db == 25.3
    assert long.best_iteration == 1001
    assert long.final_psnr_smooth_db == wanted["psnr_gt_sm"][1199]
    assert long.last_psnr_db == wanted["psnr_gt"][1999]
    assert long.psnr_corrupted_db == 20.25
    assert math.isnan(long.seconds)
    short = bench.query(MODELS[1], "misc", "denoise")
    assert short.best_psnr_smooth_db == pytest.approx(25.1)
    assert math.isnan(short.final_psnr_smooth_db)
    assert short.last_psnr_smooth_db == history(1, 900)["psnr_gt_sm"][899]
    curve = bench.curve(1, "misc", "denoise")
    there = ~np.isnan(curve.psnr_smooth_db)
    assert curve.iterations[there].max() <= 900 < curve.iterations[~there].min()
    wanted = np.array(history(1, 900)["psnr_gt"])[curve.iterations[there] - 1]
    np.testing.assert_allclose(curve.psnr_db[there], wanted, atol=5.1e-4)
    # The loop ends 3 dB below the best, or at its own limit: the third run was to have 500.
    runs = bench.to_frame("runs").query("image == 'misc'").set_index("arch_id")
    assert runs["iterations"].tolist() == [2000, 2000, 500, 2000]


@pytest.mark.reference
def test_what_the_released_code_wrote(reference_dir: Path, tmp_path: Path):
    with tarfile.open(reference_dir / "released_results.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    assert left_out(tmp_path / "fixture", tmp_path / "data") == ""
    bench = NASDIPBench(tmp_path / "data")
    folder = tmp_path / "fixture" / "benchmark"
    assert (bench[0].cell, bench[0].skip) == CODES[0]
    with (folder / "denoising/25/lena_512/similarity_metrics_noisy_img.csv").open() as file:
        table = [*csv.DictReader(file)]
    for number, written in enumerate(table):
        run, scores = (
            bench.query(number, "lena", "denoise"),
            bench.scores(number, "lena", "denoise"),
        )
        assert run.best_psnr_smooth_db == float(written["best psnr smooth"])
        assert run.best_iteration == float(written["best iteration smooth"]) + 1
        for column in ("psd db mse", "psd db strip mse"):
            ours = scores[f"{column.replace(' ', '_')}/corrupted"]
            assert ours == pytest.approx(float(written[column]) / math.log(10) ** 2, rel=1e-12)
    curve = bench.curve(0, "lena", "denoise")
    assert curve.iterations.tolist() == [*range(1, 13)]
    assert curve.psnr_db.max() == pytest.approx(float(table[0]["best psnr"]), abs=5.1e-4)
    # PSNR of the corrupted image: of the pickle, and where there is none of the table.
    assert [bench.query(n, "lena", "denoise").psnr_corrupted_db for n in (0, 1)] == [
        20.237213252983217,
        20.235946655273438,
    ]


def test_of_tables_alone_there_are_best_values_and_no_curves(imported: Path):
    bench = NASDIPBench(imported)
    found = bench.query(2, "boat", "inpaint")
    assert (found.status, found.iterations, found.stop) == ("ok", 2001, 2001)
    assert (found.best_psnr_smooth_db, found.best_iteration) == (25.2, 2001)
    assert math.isnan(found.final_psnr_db)
    assert math.isnan(found.last_psnr_db)
    assert np.isnan(bench.curve(2, "boat", "inpaint").psnr_db).all()
    with pytest.raises(MissingRunError, match="no run of architecture"):
        bench.query(3, "boat", "inpaint")


def test_scores_are_in_our_units(imported: Path):
    bench = NASDIPBench(imported)
    ours = bench.scores(2, "lena", "denoise")
    assert ours.keys() == {
        "psd_db_mse/corrupted",
        "psd_db_strip_mse/corrupted",
        "psd_strip_hist_emd/corrupted",
        "psd_99_bandwidth/none",
    }
    assert ours["psd_99_bandwidth/none"] == 0.27
    rows = bench.to_frame("scores")
    assert (rows["seed"].isna() == (rows["reference"] != "corrupted")).all()
    assert set(rows["seed"].dropna()) == {0}
    values = DatasetFolder(imported).score_values()
    np.testing.assert_array_equal(values, rows["value"].to_numpy(np.float32)[:, None])
    assert ours["psd_strip_hist_emd/corrupted"] == 0.25
    assert bench.scores(1, "boat", "inpaint")["psd_db_mse/corrupted"] > 0
    # The released metric is the mean square of 10 ln ratios, ours of 10 log10 ratios.
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 1, 32, 32))
    spectra = [np.abs(np.fft.fft2(a[0])) ** 2 / a.size**2 for a in (one, other)]
    released = np.mean((10 * np.log(spectra[0]) - 10 * np.log(spectra[1])) ** 2)
    assert score("psd_db_mse", one, other) == pytest.approx(released / math.log(10) ** 2)
    assert ours["psd_db_mse/corrupted"] == pytest.approx(20 / math.log(10) ** 2)


def test_what_ranks_by_values_that_are_not_there_is_an_error(imported: Path):
    bench = NASDIPBench(imported)
    assert bench.find_best("denoise", images="lena", target=BEST).arch_id == 3
    with pytest.raises(MissingRunError, match="no stopped_psnr_smooth_db, .*: take best_psnr_smo"):
        bench.find_best("denoise", images="lena")
    with pytest.raises(MissingRunError, match="has stopped_psnr_smooth_db: name another target"):
        bench.kendall("denoise")
    for call in (
        lambda: bench.find_best("denoise", images="lena", target="final_psnr_smooth_db"),
        lambda: bench.regret(0, "denoise", images="lena", target="final_psnr_db"),
        lambda: bench.simulator("lena", "denoise", target="final_psnr_smooth_db"),
        lambda: bench.selection_curve("denoise", target="final_psnr_smooth_db"),
    ):
        with pytest.raises(MissingRunError, match="4 of 8 runs .* have no final_psnr"):
            call()
    tau = bench.kendall("denoise", target="final_psnr_smooth_db")
    assert tau.attrs["n"]["psd_db_mse/corrupted"] == {"misc": 2, "lena": 2, "boat": 0}


def test_what_needs_our_protocol_says_so(imported: Path):
    bench = NASDIPBench(imported)
    parameters = sum(p.numel() for p in bench.build(0).parameters())
    assert parameters == bench.cost(0, "denoise").parameters
    with pytest.raises(ConfigError, match="weights that the imported run on 'lena'"):
        bench.build(0, "lena", "denoise")
    assert math.isnan(bench.cost(0, "denoise").seconds)
    with pytest.raises(ConfigError, match="no recorded seconds"):
        bench.simulator("lena", "denoise", target=BEST)
    sim = bench.simulator("lena", "denoise", target=BEST, cost=CostModel(flops_per_second=1e12))
    assert len(sim.space) == 4


def test_pictures_that_are_there_give_the_hash(results: Path, tmp_path: Path):
    folder = results / "images" / "denoising" / "true"
    folder.mkdir(parents=True)
    pixels = np.arange(512 * 512, dtype=np.uint32).reshape(512, 512) % 251
    PillowImage.fromarray(pixels.astype(np.uint8)).save(folder / "lena_512.png")
    import_released(results, tmp_path / "data")
    images = NASDIPBench(tmp_path / "data").to_frame("images").set_index("name")
    assert len(images.loc["lena", "sha256"]) == 64
    assert images.loc["lena", "status"] == "imported"
    PillowImage.fromarray(pixels.astype(np.uint8)[:256]).save(folder / "lena_512.png")
    with pytest.raises(BuildError, match="is not among the sources.*--replace"):
        import_released(results, tmp_path / "data")
    _, (reason,) = import_released(results, tmp_path / "data", replace=True)
    assert reason == "the image of denoising/25/lena_512 is not known to be 512 x 512"
    assert NASDIPBench(tmp_path / "data").images == ("misc", "boat")


def test_partial_folders_are_taken_as_partial(results: Path, tmp_path: Path):
    (lena(results) / "similarity_metrics_noisy_img.csv").unlink()
    shutil.rmtree(lena(results) / "data" / MODELS[0])
    (results / "benchmark" / "models.csv").unlink()
    (results / "benchmark" / "lowpass_metrics.csv").unlink()
    import_released(results, tmp_path / "data")
    bench = NASDIPBench(tmp_path / "data")
    assert sum(bench.to_frame("runs")["image"] == "lena") == 3
    with pytest.raises(MissingRunError):
        bench.query(MODELS[0], "lena", "denoise")
    with pytest.raises(MissingRunError, match="no scores"):
        bench.scores(MODELS[1], "lena", "denoise")


def test_runs_that_diverged_or_cannot_be_read_are_rows(results: Path, tmp_path: Path):
    broken = history(0, 1600)
    broken["loss"][700:] = [math.nan] * 900
    for name in ("psnr_gt", "psnr_gt_sm"):
        broken[name][700:] = [math.nan] * 900
        broken[f"best_{name}"] = max(broken[name][:700])
    write_history(lena(results) / "data" / MODELS[0], broken)
    for model in MODELS[1:3]:
        file = lena(results) / "data" / model / "htr.pkl"
        file.write_bytes(file.read_bytes()[:-1000])
    rows = {MODELS[1]: row(1, 900)}
    write_table(lena(results) / "similarity_metrics_noisy_img.csv", rows)
    assert left_out(results, tmp_path / "data").count("htr.pkl' cannot be read (") == 2
    bench = NASDIPBench(tmp_path / "data")
    diverged = bench.query(0, "lena", "denoise")
    assert diverged.status == "diverged"
    assert math.isnan(diverged.best_psnr_db)
    runs = bench.to_frame("runs").query("image == 'lena'").set_index("arch_id")
    assert runs.loc[0, "diverged_at"] == 700
    assert runs.loc[[1, 2], "status"].tolist() == ["ok", "failed"]  # 1: by its table
    assert runs.loc[[1, 2], "error"].str.contains("cannot be read").all()


def test_what_is_not_taken_is_named(results: Path, tmp_path: Path):
    benchmark = results / "benchmark"
    with (benchmark / "models.csv").open("a") as file:
        file.write("240,0101010101010101010101010\n")
    shutil.copytree(benchmark / "denoising" / "25", benchmark / "denoising" / "50")
    (benchmark / "sr" / "4" / "woman_rgb").mkdir(parents=True)
    write_history(lena(results) / "data" / "notes", history(0, 10))
    (lena(results) / "data" / MODELS[0] / "psnr_noisy.pkl").write_bytes(pickle.dumps("none"))
    write_history(lena(results) / "data" / MODELS[3], history(0, 10) | {"loss": [1.0]})
    table = lena(results) / "similarity_metrics_noisy_img.csv"
    header = table.read_text()  # processes that append may write it again
    table.write_text(table.read_text() + header + f"3_{'0' * 25}" + "," * 16 + "\n")
    named = left_out(results, tmp_path / "data")
    for sentence in (
        "'240_0101010101010101010101010' in models.csv is no architecture that can be built",
        "denoising/50/lena_512 is of a level that none of our tasks has",
        "the image of sr/4/woman_rgb is not known to be 512 x 512",
        "'notes' in lena_512/data is no architecture",
        f"lena_512, 3-{'0' * 25} has neither history nor best values",
        "psnr_noisy.pkl' holds no PSNR",
        "htr.pkl' has no psnr_gt, psnr_gt_sm, loss that are lists of equally many numbers",
    ):
        assert sentence in named
    run = NASDIPBench(tmp_path / "data").query(0, "lena", "denoise")
    assert (run.status, run.psnr_corrupted_db, run.best_psnr_db) == ("ok", 20.25, 24.5)
    for folder in ("denoising", "inpainting"):
        shutil.rmtree(benchmark / folder)
    with pytest.raises(
        BuildError, match="no results of a run that can be used; '240_.*; the image of sr/4/woman_r"
    ):
        import_released(results, tmp_path / "data")


def test_damaged_tables_are_one_line(results: Path, tmp_path: Path, capsys):
    table, out = lena(results) / "similarity_metrics_noisy_img.csv", tmp_path / "data"
    arguments = ("import-released", results, f"--out={out}")
    whole = table.read_bytes()
    for content, message in (
        (whole.replace(b",10.0,", b",x,", 1), "row 3, cannot be used (could not convert str"),
        (whole.replace(b",24.6,", b",30.5,"), "are (30.5, 25.1) in the table and (24."),
        (b"model,psd\na,1\n", "(2 values; columns model, psd); restore"),
        (whole + b"a,1\n", "row 6, cannot be used (2 values; columns mo"),
        (b"\xff\xfe\x00", "cannot be read as a table"),
    ):
        table.write_bytes(content)
        status, _, err = nasdip_build(capsys, *arguments)
        assert status == 2
        assert message in err
        assert err.count("\n") == 1
        assert not out.exists()
    table.unlink()
    os.mkfifo(table)  # no table: as if it were absent
    assert nasdip_build(capsys, *arguments)[0] == 0


def test_two_rows_of_one_architecture_must_agree(results: Path, tmp_path: Path):
    table = lena(results) / "similarity_metrics_noisy_img.csv"
    lines = table.read_text().splitlines()
    again = lines[2].replace(MODELS[1], model_name(*CODES[1]))
    table.write_text("\n".join([*lines, again]))
    import_released(results, tmp_path / "data")
    table.write_text("\n".join([*lines, again.replace("25.1", "25.2")]))
    with pytest.raises(BuildError, match="noisy_img.csv has two of 3-1.* that differ"):
        import_released(results, tmp_path / "data")


def test_the_command(results: Path, tmp_path: Path, capsys):
    out = tmp_path / "data"
    status, said, err = nasdip_build(capsys, "import-released", results, f"--out={out}")
    assert status == 0
    assert "4 architectures, 3 images (released)" in said
    assert "released denoise: seed 0: 8 of 8 runs; 4 scored" in said
    assert "8/8 units" in err
    with pytest.raises(BuildError, match="are nested"):
        import_released(results, results / "benchmark" / "data")
    with pytest.raises(BuildError, match="has no results of a run"):
        import_released(tmp_path / "none", out)


def test_it_is_not_merged_with_runs_of_ours(imported: Path, tmp_path: Path):
    ours = write_release(tmp_path / "ours")
    with pytest.raises(BuildError, match="the two do not go in one dataset"):
        release([ours, imported], tmp_path / "both")
    again = release([imported], tmp_path / "again")
    assert again.protocol_version == 0
    assert same_files(imported, tmp_path / "again")
