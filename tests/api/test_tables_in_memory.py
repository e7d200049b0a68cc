"""Table 1 and Figure 1 in all their forms."""

from __future__ import annotations

import csv
import io
import json
import sys

import pandas as pd
import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.api import figure1, figure3, figure4, table1
from nasdip_bench.api.exhibits.forms import latex_escape
from nasdip_bench.api.paper.printed import paper_values
from nasdip_bench.api.reading.arrays.targets import PAPER_TARGET
from nasdip_bench.errors import ConfigError, MissingDependencyError
from nasdip_bench.images import NASDIP_IMAGES
from tests import synthetic
from tests.synthetic import LOW


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return NASDIPBench(
        synthetic.write_release(
            tmp_path_factory.mktemp("tables") / "data",
            fidelities=(LOW,),
            seeds={LOW: (0,)},
            missing={(LOW, "denoise", 2, "lena", 0)},
            diverged={(LOW, "denoise", 3, "lena", 0)},
        )
    )


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    return NASDIPBench(
        synthetic.write_release(
            tmp_path_factory.mktemp("stand_ins") / "data",
            image_set="skimage",
            images={"camera": "stand-in", "lena": "stand-in"},
            tasks=("denoise",),
        )
    )


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
        "n = 10..12 of 12 architectures",
        "1 of 36 runs is missing, 1 diverged.",
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


def test_all_scores_are_shown_when_asked(bench):
    table, whole = table1(bench), table1(bench, all_scores=True)
    for form in ("text", "latex", "csv"):  # a format changes no content
        assert "parameters" in getattr(whole, form)()
        assert "parameters" not in getattr(table, form)()


def test_the_csv_has_every_cell_with_its_set_up(bench):
    rows = list(csv.DictReader(io.StringIO(table1(bench).csv())))
    assert len(rows) == 3 * 7
    rows = list(csv.DictReader(io.StringIO(table1(bench, all_scores=True).csv())))
    assert len(rows) == 3 * (7 + 1)
    by_key = {(r["image"], r["proxy"], r["reference"]): r for r in rows}
    row = by_key["lena", "psd_db_mse", "corrupted"]
    assert float(row["tau"]) == pytest.approx(1)
    assert (row["n"], row["paper_tau"], row["seeds"]) == ("10", "0.15", "0")
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


@pytest.mark.parametrize(
    ("target", "named"), [("final_ssim_smooth", "SSIM"), ("last_psnr_db", "PSNR")]
)
def test_a_figure_names_what_it_shows(bench, target, named):
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


def test_the_figure_states_set_up_and_chance(bench):
    figure = figure1(bench, k=10)
    for part in (
        "Figure 1 (denoise): how many of their 10 best architectures two images share.",
        "fidelity r64c16i40 (64x64, 16 channels, 40 iterations); seed 0;",
        "n = 11 of 12 architectures, those with a run on all 3 images",
        "9.1 expected by chance (k²/n)",
        "1 diverged run ranks last.",
        "1 of 36 runs is missing, 1 diverged.",
        "The paper's text gives 2 for chest and lena.",
    ):
        assert part in figure.caption
    assert "The paper's text" not in figure1(bench, k=9).caption
    assert "The paper's text" not in figure1(bench, "inpaint").caption
    pd.testing.assert_frame_equal(figure.frame, bench.overlap("denoise", k=10))
    assert figure.labels == ["lena", "chest*", "boat"]


def test_the_figure_as_text_csv_and_latex(bench):
    figure = figure1(bench, "inpaint", k=3)
    assert "chest*     0       3     0" in figure.text().splitlines()
    read = pd.read_csv(io.StringIO(figure.csv()), index_col=0)
    assert read.to_numpy().tolist() == figure.frame.to_numpy().tolist()
    assert "lena & 3 & 0 & 2 \\\\" in figure.latex()


def test_means_over_seeds_have_a_decimal(stand_ins):
    assert figure1(stand_ins, k=2).cells()[0] == ["2.0", "0.0"]


def test_a_table_is_saved_in_the_form_of_its_ending(bench, tmp_path):
    table = table1(bench)
    for suffix, content in (
        (".txt", table.text()),
        (".csv", table.csv()),
        (".TEX", table.latex()),
    ):
        table.save(tmp_path / f"t{suffix}")
        assert (tmp_path / f"t{suffix}").read_text() == content


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
