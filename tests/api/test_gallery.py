"""The folder that `nasdip-bench paper` writes: every table and figure, and the page beside them."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.api import figure3, figure4, search_leaderboard_figure, write_paper
from nasdip_bench.api.gallery import made
from nasdip_bench.api.gallery.catalogue import BEYOND, PaperOptions, catalogue
from nasdip_bench.api.gallery.page import markdown_page
from nasdip_bench.api.paper.figure3 import ScatterFigure
from nasdip_bench.api.paper.figure4 import HistogramFigure
from nasdip_bench.api.paper.printed import reasons_to_differ
from nasdip_bench.api.paper.table1 import Table1
from nasdip_bench.api.reading.arrays.targets import VERDICT_TARGETS
from nasdip_bench.api.replay.figure import replay_figure
from nasdip_bench.api.statistics.agreement.noise_figure import noise_figure
from nasdip_bench.api.statistics.early.figure import early_figure
from nasdip_bench.api.statistics.gain_figure import gain_figure
from nasdip_bench.api.statistics.leaderboard.figure import score_leaderboard_figure
from nasdip_bench.api.statistics.predictors.figure import predictor_figure
from nasdip_bench.api.statistics.stopping.figure import stopping_figure
from nasdip_bench.errors import ConfigError, UnknownNameError
from tests import synthetic
from tests.conftest import ROOT
from tests.synthetic import IMAGES, LOW

DENOISE = PaperOptions(tasks=["denoise"], k=3, repeats=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return synthetic.write_release(
        tmp_path_factory.mktemp("gallery") / "data",
        count=12,
        fidelities=(LOW,),
        seeds={LOW: (0, 1)},
        missing={(LOW, "denoise", 2, "lena", seed) for seed in (0, 1)},
        diverged={(LOW, "denoise", 1, "lena", seed) for seed in (0, 1)},
        failed={(LOW, "denoise", 0, "chest", seed) for seed in (0, 1)},
        unscored={4},
    )


@pytest.fixture(scope="module")
def folder(bench, tmp_path_factory):
    pytest.importorskip("matplotlib")
    path = tmp_path_factory.mktemp("made") / "paper"
    lines = []
    result = write_paper(bench, path, DENOISE, lines.append)
    return path, result, lines


def test_everything_that_can_be_made_is_written(bench, folder):
    path, result, lines = folder
    names = {file.name for file in path.iterdir()}
    stems = {one.name for one in catalogue(bench, "denoise", DENOISE)} - {"figure2"}
    expected = {f"{stem}-denoise{ending}" for stem in stems for ending in made.ENDINGS}
    assert {"table1", "figure4", "searches", "stopping", "gain", "early", "noise"} < stems
    assert names == expected | {"index.md"}
    assert all((path / name).stat().st_size for name in names)
    assert (path / "figure4-denoise.csv").read_text() == figure4(bench).csv()
    searches = search_leaderboard_figure(bench, "denoise", repeats=1).csv()
    assert (path / "searches-denoise.csv").read_text() == searches
    assert lines[0] == "table1-denoise ..."
    assert len(lines) == len(stems) + 1
    assert [p.split(":")[0] for p in result.problems] == ["figure2-denoise"]


def test_every_verdict_is_given_for_each_target(bench):
    named = [one.title for one in catalogue(bench, "denoise", DENOISE) if one.part == BEYOND]
    for target in VERDICT_TARGETS:
        assert f"Leaderboard of scores: {target}" in named


def test_the_page_sets_ours_beside_the_print(folder):
    page = (folder[0] / "index.md").read_text()
    for part in (
        "## Why ours differs from the paper",
        "| denoise | r64c16i40 | 40 | 40 | 0 | 33 of 36 | 1 | 1 | 1 |",
        "r64c16i40 is 64x64 with 16 channels",
        "meaningful for lena, boat. The others, marked \\*, are substitutes",
        "(-0.37)",
        "## The paper's: denoise",
        "![Table 1: tau between PSNR and scores (denoise)](table1-denoise.png)",
        "`bench.kendall('denoise', target='best_psnr_smooth_db', fidelity='r64c16i40', ",
        "`bench.overlap('denoise', k=3, ",
        "target='best_iteration'",
        "[figure4-denoise.pdf](figure4-denoise.pdf)",
        "figure2-denoise: not made: Figure 2 needs the images themselves",
        "## Beyond the paper: denoise",
        "### When to stop (denoise)",
        "Tables 2 and 3 of the paper",
        "released notebooks use the best smoothed PSNR",
        "one initialisation",
    ):
        assert part in page, part
    for target in re.findall(r"\]\(([^)]+)\)", page):
        assert (folder[0] / target).exists()


def test_the_sample_is_named_where_it_is_not_the_papers(bench):
    shipped = NASDIPBench(ROOT / "data")
    for release, fidelity, named in ((bench, LOW, True), (shipped, "r64c16", False)):
        reasons = "".join(reasons_to_differ(release, {"denoise": fidelity}, "best_psnr_smooth_db"))
        assert ("**Sample.**" in reasons) is named


def test_the_page_names_a_release_below_the_working_folder_as_seen_from_there(
    bench, folder, monkeypatch
):
    assert f"NASDIPBench({str(bench.path)!r})" in (folder[0] / "index.md").read_text()
    monkeypatch.chdir(bench.path.parent)
    page = markdown_page(bench, folder[1], DENOISE)
    assert f"NASDIPBench({bench.path.name!r})" in page


def test_the_calls_on_the_page_give_its_numbers(bench, folder):
    """Each call runs as it stands, and its numbers are those of the table above it."""
    page = (folder[0] / "index.md").read_text()
    calls = re.findall(r"Numbers: `([^`]+)`", page)
    exhibits = [one.exhibit for one in folder[1].made if one.exhibit is not None]
    assert len(calls) == len(exhibits) == len(folder[1].made) - 1
    names = {"bench": bench, "figure3": figure3, "figure4": figure4}
    for call, exhibit in zip(calls, exhibits, strict=True):
        found = eval(call, names)
        if isinstance(exhibit, ScatterFigure | HistogramFigure):
            assert found.csv() == exhibit.csv()
        else:
            of_table1 = isinstance(exhibit, Table1)
            frame = exhibit.frame.xs("ours", axis=1, level="source") if of_table1 else exhibit.frame
            pd.testing.assert_frame_equal(found, frame[found.columns])
    tau = eval(next(c for c in calls if c.startswith("bench.kendall")), names)
    row = next(line for line in page.splitlines() if line.startswith("| lena | "))
    assert f"{tau.loc['lena', ('psd_db_mse', 'corrupted')]:+.2f}" in row


@pytest.mark.parametrize(
    ("figure", "how"),
    [
        (gain_figure, {"targets": ["last_psnr_db"], "images": ["lena", "boat"], "level": 0.5}),
        (noise_figure, {"targets": ["last_psnr_db"], "images": "boat", "level": 0.5}),
        (early_figure, {"targets": ["last_psnr_db"], "images": ["boat"], "level": np.float64(0.5)}),
        (stopping_figure, {"rules": "fixed(iteration=9)", "images": ["boat"], "level": 0.5,
                           "resamples": 30, "seed": np.int64(1)}),
        (score_leaderboard_figure, {"images": ["boat"], "k": 2, "values": {"mine": range(12)},
                                    "target": "last_psnr_db"}),
        (score_leaderboard_figure, {"against": "cell table", "level": 0.8}),
        (predictor_figure, {"sizes": [3], "repeats": 2, "images": ["boat"], "resamples": 9}),
        (search_leaderboard_figure, {"images": ["boat"], "repeats": 1, "budget_seconds": 50}),
        (replay_figure, {"scores": "psd_db_mse", "images": ["boat", "lena"], "n": 3, "seed": 1,
                         "reference": "ground_truth", "selector": "oracle"}),
    ],
)  # fmt: skip
def test_a_call_has_the_arguments_that_were_given(bench, figure, how):
    shown = figure(bench, **how)
    assert all(f"{name}=" in shown.call for name in how)
    found = eval(shown.call, {"bench": bench, "values": how.get("values")})
    pd.testing.assert_frame_equal(found, shown.frame)


def test_a_call_of_the_papers_figures_has_their_arguments(bench):
    figure = figure4(bench, target="last_psnr_db", score="parameters", cohorts=[3], bins=7)
    assert eval(figure.call, {"bench": bench, "figure4": figure4}).csv() == figure.csv()


def test_a_call_for_one_seed_runs_where_no_seed_can_be_chosen(tmp_path):
    path = synthetic.write_release(tmp_path / "data", fidelities=(LOW,), seeds={LOW: (0,)})
    bench = NASDIPBench(path)
    for figure in (early_figure(bench), noise_figure(bench)):
        pd.testing.assert_frame_equal(eval(figure.call, {"bench": bench}), figure.frame)


@pytest.mark.parametrize(
    "figure", [gain_figure, noise_figure, early_figure, stopping_figure, score_leaderboard_figure]
)
def test_runs_of_images_that_are_not_shown_are_not_missed(bench, figure):
    assert "missing" in figure(bench).caption
    caption = figure(bench, images=["boat", "chest"]).caption
    assert "missing" not in caption
    assert re.search(r"\d of (24|48) runs failed|\d of (24|48) runs have failed", caption)


def test_a_rerun_replaces_its_own_files_alone(bench, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(made, "ENDINGS", (".png", ".csv"))
    path = tmp_path / "paper"
    path.mkdir()
    (path / "mine.txt").write_text("kept")
    (path / "table1-denoise.csv").write_text("old")
    write_paper(bench, path, DENOISE)
    assert (path / "mine.txt").read_text() == "kept"
    drawn = [file for file in folder[0].glob("*-denoise.*") if file.suffix in (".png", ".csv")]
    assert len(drawn) == 2 * (len(folder[1].made) - 1)
    for file in drawn:
        assert (path / file.name).read_bytes() == file.read_bytes()
    assert not [file for file in path.iterdir() if file.name.startswith(".")]


def test_without_matplotlib_the_rest_is_written(bench, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = write_paper(bench, tmp_path / "p", DENOISE)
    endings = {file.suffix for file in (tmp_path / "p").iterdir()}
    assert endings == {".csv", ".tex", ".md"}
    assert "table1-denoise: no .png: drawing needs matplotlib" in "\n".join(result.problems)
    assert "![" not in (tmp_path / "p" / "index.md").read_text()


def test_one_that_cannot_be_made_does_not_stop_the_rest(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(made, "ENDINGS", (".csv",))
    result = write_paper(bench, tmp_path / "p", PaperOptions(tasks=["denoise"], k=99, repeats=1))
    assert "figure1-denoise: not made: k 99 must be a whole number" in "\n".join(result.problems)
    assert (tmp_path / "p" / "best_iteration-denoise.csv").exists()


def test_mistakes_in_what_is_asked_for(bench, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown task 'x'"):
        write_paper(bench, tmp_path, PaperOptions(tasks=["x"]))
    with pytest.raises(ConfigError, match="no runs of any task"):
        write_paper(bench, tmp_path, PaperOptions(tasks=[]))
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot make the folder"):
        write_paper(bench, tmp_path / "file" / "p")
    with pytest.raises(UnknownNameError, match="unknown fidelity"):
        write_paper(bench, tmp_path, PaperOptions(fidelity="r9"))


def test_a_seed_that_some_tasks_lack(tmp_path, monkeypatch):
    """What can be made is, and the page says of which seeds; one that no task has is refused."""
    monkeypatch.setattr(made, "ENDINGS", (".csv",))
    path = synthetic.write_release(
        tmp_path / "data", fidelities=(LOW,), seeds={LOW: (0, 1)},
        missing={(LOW, "inpaint", arch, image, 1) for arch in range(12) for image in IMAGES},
    )  # fmt: skip
    bench = NASDIPBench(path)
    result = write_paper(bench, tmp_path / "p", PaperOptions(k=3, repeats=1, seed=1))
    problems = "\n".join(result.problems)
    assert "table1-inpaint: not made: unknown seed 1" in problems
    assert "table1-denoise" not in problems
    page = (tmp_path / "p" / "index.md").read_text()
    assert "| denoise | r64c16i40 | 40 | 40 | 1 | 36 of 36 |" in page
    assert "| inpaint | r64c16i40 | 40 | 40 | 0 | 36 of 36 |" in page
    with pytest.raises(UnknownNameError, match="unknown seed 7"):
        write_paper(bench, tmp_path / "none", PaperOptions(seed=7))
    assert not (tmp_path / "none").exists()


def test_hostile_names_stay_text_on_the_page(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    name = "<script>alert(1)</script>|*x*"
    bench = NASDIPBench(
        synthetic.small(
            tmp_path / "data", count=4, images={name: "user", "b_c": "user"}, image_set="user"
        )
    )
    write_paper(bench, tmp_path / "p", PaperOptions(k=2, repeats=1))
    page = (tmp_path / "p" / "index.md").read_text()
    assert not re.search(r"(?<!\\)<script", page)
    assert "&lt;script" in page


def test_the_paper_command(call, tmp_path, monkeypatch):
    monkeypatch.setattr(made, "ENDINGS", (".csv", ".tex"))
    out = tmp_path / "paper"
    options = ("--tasks=denoise", "-k", 3, "--repeats=1", "--out", out)
    status, printed, told = call("paper", *options)
    assert (status, printed) == (0, f"written: {out / 'index.md'} and 28 other files\n")
    assert "searches-denoise ..." in told
    assert "figure2-denoise: not made" in told


def test_making_what_needs_no_images_imports_no_torch(data, tmp_path):
    code = (
        "import sys\n"
        "sys.modules['matplotlib.figure'] = None\n"
        "from nasdip_bench.api import NASDIPBench, write_paper\n"
        "from nasdip_bench.api.gallery.catalogue import PaperOptions\n"
        "options = PaperOptions(tasks=['denoise'], k=3, repeats=1)\n"
        f"write_paper(NASDIPBench({str(data)!r}), {str(tmp_path)!r}, options)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
