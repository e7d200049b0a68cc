"""Figures 2 to 4, and tau with the best iteration."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from scipy.stats import kendalltau

from nasdip_bench import NASDIPBench
from nasdip_bench.api import (
    figure2,
    figure2_images,
    figure3,
    figure4,
    table1,
)
from nasdip_bench.api.exhibits.forms import latex_float
from nasdip_bench.api.paper.spectra import image_spectra, radial_profile
from nasdip_bench.api.statistics.choosing.cohorts import scored_runs
from nasdip_bench.errors import ConfigError, ImageError, UnknownNameError
from nasdip_bench.images import Image
from nasdip_bench.proxies.density import power_spectral_density
from nasdip_bench.tasks import get_task
from tests import synthetic
from tests.synthetic import LOW

COUNT = 12


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return synthetic.write_release(
        tmp_path_factory.mktemp("paper") / "data",
        count=COUNT,
        fidelities=(LOW,),
        seeds={LOW: (0,)},
        missing={(LOW, "denoise", 2, "lena", 0)},
        diverged={(LOW, "denoise", 1, "lena", 0)},
        failed={(LOW, "denoise", 0, "chest", 0)},
        unscored={4},
    )


def images_named(*names, image_set="nasdip"):
    rng = np.random.default_rng(3)
    return [
        Image(
            name=name,
            image_set=image_set,
            pixels=rng.integers(0, 256, (1, 64, 64), np.uint8),
            source="drawn",
            licence="none",
            status="user",
        )
        for name in names
    ]


# Cohorts


def brute_cohort(bench, image, size):
    """The N lowest by score, and their best, from the tables alone."""
    runs = bench.to_frame("runs").query("task == 'denoise' and image == @image")
    scores = bench.to_frame("scores").query(
        "task == 'denoise' and image == @image and proxy == 'psd_db_strip_mse'"
    )
    both = runs[runs.status != "failed"].merge(scores, on="arch_id").sort_values("value")
    members = both.head(size)
    best = members.best_psnr_smooth_db.idxmax()
    return members.arch_id.tolist(), int(members.loc[best, "arch_id"]), both


@pytest.mark.parametrize("size", [1, 3, 5, 15])
@pytest.mark.parametrize("image", ["lena", "chest", "boat"])
def test_a_cohort_is_the_lowest_scores_and_their_best(bench, image, size):
    if (image, size) == ("lena", 1):
        size = 2  # its lowest has row 0; row 1 diverged
    runs = scored_runs(bench, "denoise", "best_psnr_smooth_db", None, None, PROXY, (size,))
    place = bench.images.index(image)
    cohort = runs.cohort(place, size)
    members, best, both = brute_cohort(bench, image, size)
    assert cohort.members.tolist() == members
    assert cohort.best == best
    assert runs.count(place) == len(both)
    values = both.set_index("arch_id").best_psnr_smooth_db
    assert cohort.value == pytest.approx(values[best])
    assert cohort.regret == pytest.approx(values.max() - values[best])
    assert cohort.rank == 1 + int((values > values[best]).sum())


PROXY = "psd_db_strip_mse/corrupted"


def test_a_cohort_whose_runs_all_diverged_has_no_best(tmp_path):
    every = {(LOW, "denoise", a, "lena", 0) for a in range(3)}
    bench = NASDIPBench(
        synthetic.write_release(
            tmp_path / "data", count=5, fidelities=(LOW,), seeds={LOW: (0,)}, diverged=every
        )
    )
    cohort = scored_runs(bench, "denoise", "best_psnr_smooth_db", None, 0, PROXY, (3,)).cohort(0, 3)
    assert (cohort.best, cohort.rank) == (-1, 0)
    assert np.isnan([cohort.value, cohort.regret]).all()
    figure = figure4(bench, cohorts=(3,))
    assert figure.body()[0][-2] == "--"
    assert figure.marked_bins(0) == [-1]


@pytest.mark.parametrize("make", [figure3, figure4])
def test_mistakes_are_named(bench, make):
    with pytest.raises(UnknownNameError, match="unknown score 'psnr'.*psd_db_mse/corrupted"):
        make(bench, score="psnr")
    with pytest.raises(UnknownNameError, match="unknown target of a ranking 'seconds'"):
        make(bench, target="seconds")
    for sizes in ((0,), (True,), (2.5,)):
        with pytest.raises(ConfigError, match="cohort size .* must be a whole number of at least"):
            make(bench, cohorts=sizes)
    with pytest.raises(ConfigError, match=r"cohort sizes \(\) must be several"):
        make(bench, cohorts=())


# Figure 4


def test_the_histogram_counts_every_run_with_a_value(bench):
    figure = figure4(bench, bins=10, cohorts=(2, 5))
    for place, _image in enumerate(bench.images):  # the query names it
        counts, edges = figure.histogram(place)
        values = bench.to_frame("runs").query(
            "task == 'denoise' and image == @_image and status == 'ok' and arch_id != 4"
        )["best_psnr_smooth_db"]
        assert counts.sum() == len(values)
        assert counts.tolist() == np.histogram(values, 10)[0].tolist()
        assert (edges[0], edges[-1]) == (values.min(), values.max())
        for cohort, marked in zip(figure.cohorts(place), figure.marked_bins(place), strict=True):
            assert counts[marked] > 0
            assert edges[marked] <= cohort.value <= edges[marked + 1]


def test_the_histogram_s_csv_has_every_bin(bench):
    figure = figure4(bench, bins=10, cohorts=(2, 5))
    rows = list(csv.DictReader(io.StringIO(figure.csv())))
    assert len(rows) == 3 * 10
    lena = [row for row in rows if row["image"] == "lena"]
    assert [int(row["count"]) for row in lena] == figure.histogram(0)[0].tolist()
    assert lena[-1]["high"] == repr(float(figure.histogram(0)[1][-1]))
    assert sum("2" in row["best_of_cohorts"].split() for row in rows) == 3
    assert rows[0]["proxy"] == PROXY
    assert rows[0]["fidelity"] == LOW


def test_figure_4_states_its_set_up_and_the_printed_ranges(bench):
    figure = figure4(bench)
    text = figure.text()
    for part in (
        "Figure 4 (denoise): distribution of PSNR over architectures by image, in 100 bins",
        "lowest psd_db_strip_mse/corrupted, N = 5 and 15.",
        "fidelity r64c16i40 (64x64, 16 channels, 40 iterations); seed 0",
        "n = 10..11 of 12 architectures",
        "Where N ≥ n, the cohort has every candidate and its best is the best of all",
        "N = 15 says nothing",
    ):
        assert part in text
    rows = {line.split()[0]: line for line in text.splitlines() if line}
    assert rows["boat"].endswith("26.5..29.4")
    assert rows["lena"].endswith("--")
    assert figure4(bench, "inpaint").printed["boat"] == (27.0, 33.8)
    assert figure4(bench, "inpaint").title("boat") == "boat (printed 27.0..33.8)"
    assert figure4(bench, target="final_psnr_smooth_db").title("chest") == "chest*"
    assert not figure4(bench, target="final_psnr_smooth_db").printed
    assert "printed" not in figure4(bench, target="final_psnr_smooth_db").text()
    with pytest.raises(ConfigError, match="bins 0 must be a whole number of at least 1"):
        figure4(bench, bins=0)


def test_a_cohort_is_of_one_seed_and_the_caption_says_which(tmp_path):
    path = synthetic.small(tmp_path / "data", count=5, seeds={LOW: (0, 1)})
    bench = NASDIPBench(path)
    for make in (figure3, figure4):
        assert "A cohort has one seed, here 0; also available: 1." in make(bench).caption
        assert "A cohort has one seed" not in make(bench, seed=1).caption
        assert "; seed 1;" in make(bench, seed=1).caption


# Figure 3 and the best iteration


def test_the_scatter_has_scipy_s_tau_and_every_point(bench):
    figure = figure3(bench, cohorts=(3,))
    runs = bench.to_frame("runs").query("task == 'denoise' and status == 'ok' and arch_id != 4")
    for place, image in enumerate(bench.images):
        mine = runs[runs.image == image]
        expected = kendalltau(mine.best_psnr_smooth_db, mine.arch_id**2).statistic
        assert figure.correlation(place) == pytest.approx(expected)
    rows = list(csv.DictReader(io.StringIO(figure.csv())))
    assert len(rows) == 10 + 10 + 11
    first = rows[0]
    assert (first["image"], first["arch_id"], first["cohorts"]) == ("lena", "0", "3")
    assert first["architecture"] == str(bench[0])
    assert float(first["value"]) == bench.query(0, "lena", "denoise").best_psnr_smooth_db
    assert next(row["value"] for row in rows if row["arch_id"] == "1") == ""  # diverged
    assert "We could not tell" in figure.caption


def test_tau_with_the_best_iteration_is_that_of_kendall(bench):
    table = table1(bench, target="best_iteration")
    tau = bench.kendall("denoise", target="best_iteration")
    ours = table.frame["psd_db_mse", "corrupted"]
    assert ours.tolist() == pytest.approx(tau["psd_db_mse", "corrupted"].tolist())
    runs = bench.to_frame("runs").query(
        "task == 'denoise' and status == 'ok' and image == 'boat' and arch_id != 4"
    )
    expected = kendalltau(runs.best_iteration, runs.arch_id).statistic
    assert ours["boat"] == pytest.approx(expected)
    assert table.paper == {}
    assert "Best iteration (denoise)" in table.text()
    assert "parameters" not in table.text()
    assert "parameters" in table1(bench, target="best_iteration", all_scores=True).text()


# Figure 2


def test_the_radial_profile_of_a_wave_has_its_energy_in_its_ring():
    column = np.arange(64)
    wave = np.broadcast_to(np.cos(2 * np.pi * 10 * column / 64), (64, 64))
    radius, density = radial_profile(power_spectral_density(wave))
    assert len(radius) == 32
    ring = int(np.argmax(density))
    assert ring == 10
    assert radius[ring] == pytest.approx(10.5 / 64)
    rows, columns = np.mgrid[-32:32, -32:32]
    in_ring = (np.hypot(rows, columns) >= 10) & (np.hypot(rows, columns) < 11)
    assert density[10] == pytest.approx(0.5 / in_ring.sum())  # mean square of a cosine


def test_the_profile_of_white_noise_is_flat():
    noise = np.random.default_rng(1).normal(size=(128, 128))
    _, density = radial_profile(power_spectral_density(noise))
    assert density[8:] * 128**2 == pytest.approx(np.ones(56), abs=0.5)


def test_figure_2_has_the_scores_of_its_networks(bench):
    images = images_named("lena", "chest", "boat")
    figure = figure2(bench, images, inits=2)
    assert figure.architectures == {"lowest score": str(bench[0]), "highest score": str(bench[11])}
    assert [one.image for one in figure.spectra] == ["lena", "chest", "boat"]

    from nasdip_bench.fidelity import get_fidelity
    from nasdip_bench.proxies import prepare
    from nasdip_bench.proxies.scoring import Scored, score_architecture

    task = get_task("denoise")
    truth = images[2].at_resolution(64)
    observation = task.corrupt(truth, "boat")
    references = task.scoring_references(truth, observation)
    problem = Scored(
        task=task,
        corrupted=observation.corrupted,
        references={name: prepare(array) for name, array in references.items()},
        shape=truth.shape,
    )
    channels = get_fidelity(LOW).channels
    (found,) = score_architecture(bench[0], [problem], channels=channels, inits=2)
    samples = {"/".join(name): np.mean(s.values) for name, s in found.items()}
    profile = figure.spectra[2].profile("lowest score")
    for reference in ("corrupted", "ground_truth"):
        expected = samples[f"psd_db_strip_mse/{reference}"]
        assert profile.strip_mse[reference] == pytest.approx(expected)
    assert profile.bandwidth == pytest.approx(samples["psd_99_bandwidth/none"])
    rows = list(csv.DictReader(io.StringIO(figure.csv())))
    assert len(rows) == 3 * 4 * 32
    assert {row["spectrum"] for row in rows} == {
        *("ground_truth", "corrupted", "lowest score", "highest score")
    }


def test_figure_2_says_what_it_needs(bench):
    with pytest.raises(ImageError, match=r"needs the images.*--images-dir.*--image-set skimage"):
        figure2_images(bench)
    with pytest.raises(ConfigError, match="no images: give at least one"):
        figure2(bench, [])
    with pytest.raises(UnknownNameError, match="unknown score 'x'"):
        figure2(bench, images_named("lena"), score="x")


def test_images_that_are_not_the_release_s_are_refused(bench, tmp_path, monkeypatch):
    monkeypatch.setattr("nasdip_bench.images.load_images", lambda *a, **k: images_named("lena"))
    with pytest.raises(ImageError, match="the release used 0000"):
        figure2_images(bench, tmp_path)


def test_spectra_of_super_resolution_and_colour_are_at_low_resolution(bench):
    colour = Image(
        name="lena",
        image_set="nasdip",
        pixels=np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8),
        source="drawn",
        licence="none",
        status="user",
    )
    task = get_task("super_resolve_x2")
    (found,) = image_spectra([colour], task, {"one": bench[0]}, 64, 16, 1, "cpu")
    assert [profile.name for profile in found.profiles] == ["ground_truth", "corrupted", "one"]
    assert {profile.psd_db.shape for profile in found.profiles} == {(32, 32)}
    assert np.isfinite(found.profile("one").level_db).all()
    assert set(found.profile("one").strip_mse) == {"corrupted", "ground_truth"}


def test_stand_ins_are_named_as_such_and_drawn(bench, tmp_path):
    figure = figure2(bench, images_named("camera", image_set="skimage"), inits=1)
    assert figure.notes[0] == "The images are stand-ins and not those of the release."
    assert figure.body()[0][0] == "camera"
    pytest.importorskip("matplotlib")
    figure.save(tmp_path / "f.svg")
    assert "<svg" in (tmp_path / "f.svg").read_text()


# Command line


def test_the_commands(call, bench):
    assert call("figure", 4, "--format", "csv")[1] == figure4(bench).csv()
    text = ("--format", "text")
    assert call("figure", 3, "--task", "inpaint", *text)[1] == figure3(bench, "inpaint").text()
    assert (
        call("table", "best-iteration", *text)[1] == table1(bench, target="best_iteration").text()
    )
    status, out, err = call("figure", 2)
    assert (status, out) == (2, "")
    assert "needs the images themselves" in err
    status, out, _ = call("figure", 2, "--image-set", "skimage", "--inits", 1, *text)
    assert status == 0
    assert "stand-ins and not those of the release" in out


# Forms


def test_wide_latex_is_scaled_to_the_page():
    assert "resizebox" in latex_float("", [["", "a"]], [["c", "1"]], wide=True)
    assert "resizebox" not in latex_float("", [["", "a"]], [["c", "1"]], wide=False)
