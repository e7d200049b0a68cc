"""Table 1, Figures 1 to 4, and tau with the best iteration."""

from __future__ import annotations

import csv
import io
import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from nasdip_bench.api import figure1, figure2, figure2_images, figure3, figure4, table1
from nasdip_bench.api.exhibits.forms import latex_escape, latex_float
from nasdip_bench.api.paper.printed import paper_values
from nasdip_bench.api.paper.spectra import image_spectra, radial_profile
from nasdip_bench.api.reading.arrays.targets import PAPER_TARGET
from nasdip_bench.api.statistics.choosing.cohorts import scored_runs
from nasdip_bench.errors import ConfigError, ImageError, MissingDependencyError, UnknownNameError
from nasdip_bench.images import NASDIP_IMAGES, Image
from nasdip_bench.proxies.density import power_spectral_density
from nasdip_bench.tasks import get_task
from tests.synthetic import LOW

PROXY = "psd_db_strip_mse/corrupted"


@pytest.fixture(scope="module")
def bench(low_release):
    return low_release(
        seeds={LOW: (0,)},
        missing={(LOW, "denoise", 2, "lena", 0)},
        diverged={(LOW, "denoise", 1, "lena", 0)},
        failed={(LOW, "denoise", 2, "chest", 0)},
        unscored={4},
    )


@pytest.fixture(scope="module")
def stand_ins(release):
    images = {"camera": "stand-in", "lena": "stand-in"}
    return release(image_set="skimage", images=images, tasks=("denoise",))


def images_named(*names, channels=1):
    rng = np.random.default_rng(3)
    facts = {"image_set": "nasdip", "source": "drawn", "licence": "none", "status": "user"}
    return [
        Image(name=name, pixels=rng.integers(0, 256, (channels, 64, 64), np.uint8), **facts)
        for name in names
    ]


# Table 1


def test_printed_values_are_whole():
    table = paper_values()["table1"]
    assert tuple(table["rows"]) == NASDIP_IMAGES
    assert all(len(row) == len(table["columns"]) == 7 for row in table["rows"].values())
    assert table["rows"]["lena"][2] == -0.37
    assert paper_values()["figure1"]["counts"] == [["chest", "lena", 2]]


@pytest.mark.reference
def test_printed_values_are_those_of_the_reference(reference_dir):
    reference = json.loads((reference_dir / "paper_tables.json").read_text())["table1"]
    assert paper_values()["table1"]["rows"] == reference["rows"]
    columns = [key.removesuffix("/none") for key in paper_values()["table1"]["columns"]]
    assert columns == reference["columns"]


def test_the_frame_has_ours_beside_the_papers(bench):
    table = table1(bench, all_scores=True)
    pd.testing.assert_frame_equal(table.frame, bench.kendall("denoise", target=PAPER_TARGET))
    assert {*table.frame.columns} <= {*table.shown}
    assert table.paper["lena", "psd_db_strip_mse", "corrupted"] == -0.37
    assert table.paper["boat", "psd_99_bandwidth", "none"] == -0.27
    assert len(table.paper) == 3 * 7
    assert table.cell("boat", ("psd_strip_hist_emd", "corrupted"))[:4] == "-- ("  # has no such


def test_the_text_states_set_up_coverage_and_what_is_missing(bench):
    text = table1(bench).text()
    for part in (
        "Table 1 (denoise): Kendall's tau-b",
        "Target best_psnr_smooth_db (an oracle",
        "fidelity r64c16i40 (64x64, 16 channels, 40 iterations); seed 0;",
        "n = 9..11 of 12 architectures",
        "1 of 36 runs is missing, 1 diverged, 1 failed.",
        "the paper's values (512x512, 522 architectures, 1200 iterations)",
        "+1.00 (+0.15)",
        "-- (-0.30)",
        "* substitute image",
        "(chest)",
        "-- : the release has no score psd_db_strip_mse/ground_truth, psd_strip_hist_emd/corr",
        "-- : psd_99_bandwidth/none: all values of psd_99_bandwidth/none are equal (lena, chest",
    ):
        assert part in text
    rows = [line for line in text.splitlines() if line.startswith(("lena ", "chest* ", "boat "))]
    assert len(rows) == 3
    assert "parameters" not in text


def test_the_csv_has_every_cell_with_its_set_up(bench):
    rows = list(csv.DictReader(io.StringIO(table1(bench).csv())))
    assert len(rows) == 3 * 7
    rows = list(csv.DictReader(io.StringIO(table1(bench, all_scores=True).csv())))
    assert len(rows) == 3 * (7 + 1)
    by_key = {(r["image"], r["proxy"], r["reference"]): r for r in rows}
    row = by_key["lena", "psd_db_mse", "corrupted"]
    assert float(row["tau"]) == pytest.approx(1)
    assert (row["n"], row["paper_tau"], row["seeds"]) == ("9", "0.15", "0")
    assert (row["fidelity"], row["target"]) == (LOW, "best_psnr_smooth_db")
    assert by_key["chest", "psd_db_mse", "corrupted"]["image_status"] == "substitute"
    empty = by_key["boat", "psd_99_bandwidth", "none"]
    assert (empty["tau"], empty["reason"]) == ("", "all values of psd_99_bandwidth/none are equal")
    assert by_key["boat", "parameters", "none"]["paper_tau"] == ""


def test_the_latex_is_balanced_and_escaped(bench):
    latex = table1(bench).latex()
    assert latex.count("\\begin{") == latex.count("\\end{") == 2
    assert latex.count("{") == latex.count("}")
    body = latex.split("\\midrule")[1].split("\\bottomrule")[0].strip().splitlines()
    assert all(line.count("&") == 7 and line.endswith("\\\\") for line in body)
    assert "lena & $+1.00$ ($+0.15$) & $-1.00$ ($-0.25$)" in latex
    assert "chest$^*$" in latex
    assert "-- ($-0.30$)" in latex
    assert "psd_db" not in latex


def test_latex_escapes_special_characters():
    assert latex_escape("a_b & 50% #1 k² {x} \\ ^~") == (
        "a\\_b \\& 50\\% \\#1 k$^2$ \\{x\\} \\textbackslash{} \\textasciicircum{}\\textasciitilde{}"
    )


def test_other_tasks_have_no_printed_values(bench):
    table = table1(bench, "inpaint")
    assert table.paper == {}
    assert "The paper has this table for denoise only." in table.caption
    assert "(+" not in table.text()


@pytest.mark.parametrize(
    ("target", "named"),
    [("seconds", "seconds"), ("final_ssim_smooth", "SSIM"), ("last_psnr_db", "PSNR")],
)
def test_the_papers_values_are_beside_those_of_a_psnr_alone(bench, target, named):
    table = table1(bench, target=target)
    assert bool(table.paper) == (named == "PSNR")
    assert f"tau-b between {named} and training-free scores" in table.caption
    if target != "seconds":  # which ranks nothing
        assert f"(denoise): {named} against" in figure3(bench, target=target).caption
        assert f"distribution of {named} over" in figure4(bench, target=target).caption


def test_other_images_have_no_printed_values_even_of_the_same_name(stand_ins):
    table = table1(stand_ins)
    assert table.paper == {}
    assert "from the set 'skimage', not the paper's" in table.text()
    assert "*" not in table.text()
    assert "seeds 0, 1 (computed per seed, then averaged)" in table.caption
    assert "paper's text" not in figure1(stand_ins, k=10).caption


def test_target_fidelity_and_seed_are_passed_on(stand_ins):
    table = table1(stand_ins, target="seconds", fidelity=LOW, seed=0)
    assert "Target seconds; fidelity r64c16i40" in table.caption
    assert table.frame["psd_db_mse", "corrupted"]["lena"] == pytest.approx(1)


# Figure 1


def test_figure_1_states_set_up_and_chance(bench):
    figure = figure1(bench, k=10)
    for part in (
        "Figure 1 (denoise): how many of their 10 best architectures two images share.",
        "fidelity r64c16i40 (64x64, 16 channels, 40 iterations); seed 0;",
        "n = 11 of 12 architectures, those with a run on all 3 images",
        "9.1 expected by chance (k²/n)",
        "1 diverged run ranks last.",
        "1 of 36 runs is missing, 1 diverged, 1 failed.",
        "The paper's text gives 2 for chest and lena.",
    ):
        assert part in figure.caption
    assert "The paper's text" not in figure1(bench, k=9).caption
    assert "The paper's text" not in figure1(bench, "inpaint").caption
    pd.testing.assert_frame_equal(figure.frame, bench.overlap("denoise", k=10))
    assert figure.labels == ["lena", "chest*", "boat"]


def test_figure_1_as_text_csv_and_latex(bench):
    figure = figure1(bench, "inpaint", k=3)
    assert "chest*     0       3     0" in figure.text().splitlines()
    read = pd.read_csv(io.StringIO(figure.csv()), index_col=0)
    assert read.to_numpy().tolist() == figure.frame.to_numpy().tolist()
    assert "lena & 3 & 0 & 2 \\\\" in figure.latex()


def test_means_over_seeds_have_a_decimal(stand_ins):
    assert figure1(stand_ins, k=2).cells()[0] == ["2.0", "0.0"]


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


@pytest.mark.parametrize("size", [2, 5, 15])
@pytest.mark.parametrize("image", ["lena", "chest"])
def test_a_cohort_is_the_lowest_scores_and_their_best(bench, image, size):
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


def test_a_cohort_whose_runs_all_diverged_has_no_best(small):
    bench = small(count=5, diverged={(LOW, "denoise", a, "lena", 0) for a in range(3)})
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
    for sizes in ((), 5):
        with pytest.raises(ConfigError, match=rf"cohort sizes {re.escape(str(sizes))} must be sev"):
            make(bench, cohorts=sizes)


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


def test_a_cohort_is_of_one_seed_and_the_caption_says_which(small):
    bench = small(count=5, seeds=None)
    for make in (figure3, figure4):
        assert "A cohort has one seed, here 0; also available: 1." in make(bench).caption
        assert "A cohort has one seed" not in make(bench, seed=1).caption
        assert "; seed 1;" in make(bench, seed=1).caption


# Figure 3, and tau with the best iteration


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


def test_tau_with_the_best_iteration_has_a_caption_of_its_own(bench):
    table = table1(bench, target="best_iteration")
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
    profile = figure.spectra[2].profiles["lowest score"]
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


def test_figure_2_of_stand_ins_by_command(run, bench, tmp_path):
    pytest.importorskip("matplotlib")
    few = ("figure", 2, "--image-set=skimage", "--inits=1", "--data", bench.path)
    status, out, _ = run(*few, "--format", "text")
    assert status == 0
    assert "The images are stand-ins and not those of the release." in out
    assert out.splitlines()[4].startswith("camera ")
    assert run(*few, "--out", tmp_path / "f.svg")[0] == 0
    assert "<svg" in (tmp_path / "f.svg").read_text()


def test_spectra_of_super_resolution_and_colour_are_at_low_resolution(bench):
    task = get_task("super_resolve_x2")
    colour = images_named("lena", channels=3)
    (found,) = image_spectra(colour, task, {"one": bench[0]}, 64, 16, 1, "cpu")
    assert [*found.profiles] == ["ground_truth", "corrupted", "one"]
    assert {profile.psd_db.shape for profile in found.profiles.values()} == {(32, 32)}
    assert np.isfinite(found.profiles["one"].level_db).all()
    assert set(found.profiles["one"].strip_mse) == {"corrupted", "ground_truth"}


# Forms


def test_a_table_is_saved_in_the_form_of_its_ending(bench, tmp_path):
    table = table1(bench)
    contents = {"t.txt": table.text(), "t.csv": table.csv(), "t.TEX": table.latex()}
    for name, content in contents.items():
        table.save(tmp_path / name)
        assert (tmp_path / name).read_text() == content


def test_nothing_global_changes_by_drawing(bench, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    before = dict(matplotlib.rcParams)
    figure1(bench, k=3).save(tmp_path / "f.png")
    assert dict(matplotlib.rcParams) == before


def test_drawing_without_matplotlib_says_what_to_install(bench, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"pip install '\.\[figures\]'"):
        figure1(bench, k=3).save(tmp_path / "f.png")
    assert not list(tmp_path.iterdir())


def test_unknown_endings_and_folders_are_refused(bench, tmp_path):
    figure = figure1(bench, k=3)
    with pytest.raises(ConfigError, match=r"'f\.jpg' from its ending; .*\.png, \.svg, \.pdf"):
        figure.save("f.jpg")
    with pytest.raises(ConfigError, match=r"'f\.png' from its ending; .* as \.txt, \.csv, \.tex"):
        table1(bench).save("f.png")
    for name in ("f.csv", "f.png"):
        with pytest.raises(ConfigError, match="cannot write .*No such file or directory; name"):
            figure.save(tmp_path / "absent" / name)


def test_wide_latex_is_scaled_to_the_page():
    assert "resizebox" in latex_float("", [["", "a"]], [["c", "1"]], wide=True)
    assert "resizebox" not in latex_float("", [["", "a"]], [["c", "1"]], wide=False)
