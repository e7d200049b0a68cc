"""The folder that `nasdip-bench paper` writes: every table and figure, and the page beside them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from nasdip_bench.api import figure4, write_paper
from nasdip_bench.api.gallery import folder as gallery
from nasdip_bench.api.gallery.catalogue import BEYOND, PaperOptions, catalogue
from nasdip_bench.api.reading.arrays.targets import VERDICT_TARGETS
from nasdip_bench.api.statistics.agreement.noise import noise_figure
from nasdip_bench.api.statistics.early import early_figure
from nasdip_bench.api.statistics.image_gain import gain_figure
from nasdip_bench.api.statistics.leaderboard.figure import score_leaderboard_figure
from nasdip_bench.api.statistics.stopping.figure import stopping_figure
from nasdip_bench.errors import ConfigError, UnknownNameError
from tests.synthetic import IMAGES, LOW

DENOISE = PaperOptions(tasks=["denoise"], k=3, repeats=1)
KINDS = (".png", ".csv", ".tex")


@pytest.fixture(scope="module")
def data(low_release):
    return low_release(
        missing={(LOW, "denoise", 2, "lena", seed) for seed in (0, 1)},
        diverged={(LOW, "denoise", 1, "lena", seed) for seed in (0, 1)},
        failed={(LOW, "denoise", 0, "chest", seed) for seed in (0, 1)},
        unscored={4},
    ).path


@pytest.fixture(scope="module")
def folder(bench, tmp_path_factory):
    """Without the PDF of each figure, which takes long."""
    pytest.importorskip("matplotlib")
    path = tmp_path_factory.mktemp("made") / "paper"
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "ENDINGS", KINDS)
        made = write_paper(bench, path, DENOISE, lines.append)
    return path, made, lines


def problems_of(made):
    return "\n".join(problem for one in made for problem in one.problems)


def test_everything_that_can_be_made_is_written(bench, folder):
    path, made, lines = folder
    names = {file.name for file in path.iterdir()}
    stems = {one.name for one in catalogue(bench, "denoise", DENOISE)} - {"figure2"}
    tables = {"table1", "best_iteration"}
    expected = {
        f"{stem}-denoise{ending}"
        for stem in stems
        for ending in (KINDS[1:] if stem in tables else KINDS)
    }
    assert {"table1", "figure4", "searches", "stopping", "gain", "early", "noise"} < stems
    assert names == expected | {"index.md"}
    assert all((path / name).stat().st_size for name in names)
    assert (path / "figure4-denoise.csv").read_text() == figure4(bench).csv()
    assert lines[0] == "table1-denoise ..."
    assert len(lines) == len(stems) + 1
    assert [p.split(":")[0] for p in problems_of(made).splitlines()] == ["figure2-denoise"]


def test_every_verdict_is_given_for_each_target(bench):
    named = [one.title for one in catalogue(bench, "denoise", DENOISE) if one.part == BEYOND]
    for target in VERDICT_TARGETS:
        assert f"Leaderboard of scores: {target}" in named


def test_the_page_sets_ours_beside_the_print(folder):
    page = (folder[0] / "index.md").read_text()
    for part in (
        "## Why ours differs from the paper",
        "| denoise | r64c16i40 | 40 | 40 | 0 | 33 of 36 | 1 | 1 | 1 |",
        "docs/paper.md compares",
        "**Sample.** Not all architectures are among the paper's 522.",
        "(-0.37)",
        "## The paper's: denoise",
        "![Figure 4: histograms of PSNR (denoise)](figure4-denoise.png)",
        "Target best\\_iteration",
        "[figure4-denoise.tex](figure4-denoise.tex)",
        "figure2-denoise: not made: Figure 2 needs the images themselves",
        "## Beyond the paper: denoise",
        "### When to stop (denoise)",
        "Each seed is searched in turn, 1 times on each of 3 images",
        "Tables 2 and 3 of the paper",
    ):
        assert part in page, part
    for target in re.findall(r"\]\(([^)]+)\)", page):
        assert (folder[0] / target).exists()


def test_the_sample_is_named_where_it_is_not_the_papers(shipped):
    assert "**Sample.**" not in gallery.markdown_page(shipped, [], DENOISE)


@pytest.mark.parametrize(
    "figure", [gain_figure, noise_figure, early_figure, stopping_figure, score_leaderboard_figure]
)
def test_runs_of_images_that_are_not_shown_are_not_missed(bench, figure):
    assert "missing" in figure(bench).caption
    caption = figure(bench, images=["boat", "chest"]).caption
    assert "missing" not in caption
    assert re.search(r"\d of (24|48) runs failed|\d of (24|48) runs have failed", caption)


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


def test_a_seed_that_some_tasks_lack(low_release, tmp_path, monkeypatch):
    """What can be made is, and the page says of which seeds; one that no task has is refused."""
    monkeypatch.setattr(gallery, "ENDINGS", (".csv",))
    missing = {(LOW, "inpaint", arch, image, 1) for arch in range(12) for image in IMAGES}
    bench = low_release(missing=missing)
    made = write_paper(bench, tmp_path / "p", PaperOptions(k=3, repeats=1, seed=1))
    problems = problems_of(made)
    assert "table1-inpaint: not made: unknown seed 1" in problems
    assert "table1-denoise" not in problems
    page = (tmp_path / "p" / "index.md").read_text()
    assert "| denoise | r64c16i40 | 40 | 40 | 1 | 36 of 36 |" in page
    assert "| inpaint | r64c16i40 | 40 | 40 | 0 | 36 of 36 |" in page
    with pytest.raises(UnknownNameError, match="unknown seed 7"):
        write_paper(bench, tmp_path / "none", PaperOptions(seed=7))
    assert not (tmp_path / "none").exists()


def test_hostile_names_stay_text_on_the_page(small, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "ENDINGS", ())
    images = {"<script>alert(1)</script>|*x*": "user", "b_c": "user"}
    bench = small(count=4, images=images, image_set="user")
    write_paper(bench, tmp_path / "p", PaperOptions(k=2, repeats=1))
    page = (tmp_path / "p" / "index.md").read_text()
    assert not re.search(r"(?<!\\)<script", page)
    assert "&lt;script" in page


def test_the_command_replaces_its_own_files_alone(call, folder, tmp_path, monkeypatch):
    """Here of three exhibits, of which one cannot be made."""

    def three(*of):
        return [one for one in catalogue(*of) if one.name in ("figure1", "figure2", "searches")]

    monkeypatch.setattr(gallery, "catalogue", three)
    out = tmp_path / "paper"
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    (out / "figure1-denoise.csv").write_text("old")
    options = ("--tasks=denoise", "-k", 3, "--repeats=1", "--out", out)
    status, printed, told = call("paper", *options)
    assert (status, printed) == (0, f"written: {out / 'index.md'} and 8 other files\n")
    assert "searches-denoise ..." in told
    assert "figure2-denoise: not made" in told
    assert (out / "mine.txt").read_text() == "kept"
    for name in ("figure1-denoise", "searches-denoise"):
        assert (out / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        for kind in KINDS:
            same = folder[0] / f"{name}{kind}"
            assert (out / same.name).read_bytes() == same.read_bytes()


def test_without_matplotlib_the_rest_is_written_and_torch_is_not_imported(data, tmp_path):
    code = (
        "import sys\n"
        "sys.modules['matplotlib.figure'] = None\n"
        "from nasdip_bench.api import NASDIPBench, write_paper\n"
        "from nasdip_bench.api.gallery.catalogue import PaperOptions\n"
        "options = PaperOptions(tasks=['denoise'], k=99, repeats=1)\n"
        f"write_paper(NASDIPBench({str(data)!r}), {str(tmp_path)!r}, options)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert {file.suffix for file in tmp_path.iterdir()} == {".csv", ".tex", ".md"}
    page = (tmp_path / "index.md").read_text()
    assert "figure4-denoise: no .png: drawing needs matplotlib" in page
    assert "figure1-denoise: not made: k 99 must be a whole number" in page
    assert "![" not in page
