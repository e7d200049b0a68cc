"""Tables 2 and 3 from rows written by hand, Figure 5, and the commands with mistakes."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench.api.paper.figure5 import figure5
from nasdip_bench.api.paper.printed import paper_values
from nasdip_bench.api.paper.tables23 import comparison
from nasdip_bench.builder import cli as build_cli
from nasdip_bench.console import app as console
from nasdip_bench.console.interruption import Interruption
from nasdip_bench.errors import (
    ConfigError,
    DatasetError,
    ImageError,
    MissingRunError,
    UnknownNameError,
)
from nasdip_bench.experiments.methods import TABLES, Method, parse_method
from nasdip_bench.experiments.results import Results, read_results, save_results
from nasdip_bench.experiments.sets import manifest
from nasdip_bench.experiments.setting import SETTINGS
from nasdip_bench.images import load_images, read_image
from nasdip_bench.tasks import get_task, luma, psnr_db

HOUSE, LENA, MAN = "bm3d-house", "bm3d-lena", "bm3d-man"
STRIP = "isnas/psd_db_strip_mse/full"


def row(image: str, method: str, psnr: float | None, **changes) -> dict:
    """What the tables read of a row as an experiment writes it."""
    name, score, selection = parse_method(method)
    facts = {"set": "bm3d", "image": image, "task": "denoise", "device": "cpu"}
    facts |= {"method": name, "score": score or None, "selection": selection or None}
    facts |= {
        "seed": None if name == "classical" else 0,
        "status": "ok" if psnr is not None else "diverged",
        "psnr_db": psnr,
        "best_psnr_db": None if psnr is None else psnr + 1,
    }
    return facts | changes


def results(*rows: dict) -> Results:
    return Results(rows=list(rows), setting="quick", fields=SETTINGS["quick"].fields)


ROWS = (
    row(HOUSE, "dip", 27.0),
    row(LENA, "dip", 28.0),
    row(MAN, "dip", 20.0),
    row(HOUSE, "dip", 27.5, seed=1),
    row(LENA, "dip", 28.5, seed=1),
    row(HOUSE, "dip", 10.0, seed=2),  # of one image alone: no mean of the row
    row(HOUSE, "nas-dip", 26.0),
    row(LENA, "nas-dip", 27.0),
    row(HOUSE, STRIP, 29.0),
    row(LENA, STRIP, 30.0),
    row(MAN, STRIP, None),
    row(HOUSE, "classical", 25.0),
    row(LENA, "classical", 26.0),
    row(MAN, "classical", 27.0),
    row("set5-baby", "dip", 31.0, set="set5", task="super_resolve_x2"),
)


def test_a_row_is_a_mean_over_the_same_images():
    table = comparison(results(*ROWS), "2")
    assert table.setting == "quick"
    assert table.seed == 0
    first = table.rows[0]
    assert (first.label, first.images, first.size) == ("denoise BM3D", (HOUSE, LENA), 11)
    cells = first.cells
    assert cells["dip"].ours_db == 27.5  # without man, which others lack
    assert cells["nas-dip"].ours_db == 26.5
    assert cells[STRIP].ours_db == 29.5
    assert cells["classical"].ours_db == 25.5
    assert cells["oracle-stopped"].ours_db == 28.5
    assert cells["isnas/psd_db_mse/full"].ours_db is None
    assert cells["dip"].seeds == (0, 1)
    assert cells["dip"].spread_db == pytest.approx(np.std([27.5, 28.0], ddof=1))
    assert cells["nas-dip"].spread_db is None
    assert (cells["dip"].images, cells["nas-dip"].images) == (3, 2)
    assert first.without == {"diverged": [f"{MAN}: {STRIP}"]}


def test_the_text_says_what_it_is():
    text = comparison(results(*ROWS), "2").text()
    first = r"denoise BM3D +2/11 +27.50 \(27.87\) +26.50 \(27.44\) +-- \(24.31\) +29.50 \(28.39\)"
    assert re.search(first, text)
    assert re.search(r"SR x2 Set5 +1/5 +31.00 \(33.19†\) +-- \(36.16\)", text)
    assert "Setting quick: only the centre 96 x 96 of each image, 16 and 32 channels" in text
    assert "† the paper takes its DIP values for super-resolution from the NAS-DIP paper" in text
    assert f"denoise BM3D: diverged: {MAN}: {STRIP}." in text
    assert "images with results, of 11: DIP 3, NAS-DIP 2, psd_db_mse full 0" in text
    assert "No results: denoise Set12, denoise CBM3D, inpaint BM3D, inpaint Set12, SR x2 S" in text
    of_seed = comparison(results(*ROWS), "2", seed=1)
    assert of_seed.rows[0].images == (HOUSE, LENA)
    assert of_seed.rows[0].cells["dip"].ours_db == 28.0
    assert of_seed.rows[0].cells["nas-dip"].ours_db is None


def test_table_3_and_sets_of_ones_own():
    mine = (
        row("camera", "random/resized", 20.0, set="skimage"),
        row("camera", "isnas/psd_db_strip_mse/resized", 22.0, set="skimage"),
    )
    table = comparison(results(*mine), "3")
    assert [r.label for r in table.rows][-1] == "denoise skimage"
    assert table.body()[-1][1:4] == ["1/1", "20.00", "--"]
    assert table.body()[0][2] == "-- (23.20)"
    assert "We do not know how exactly the paper drew its random cohort" in table.text()


def test_every_form_has_the_numbers():
    table = comparison(results(*ROWS), "2")
    lines = list(csv.DictReader(io.StringIO(table.csv())))
    (dip,) = [x for x in lines if (x["task"], x["set"], x["method"]) == ("denoise", "bm3d", "dip")]
    assert (dip["psnr_db"], dip["n"], dip["images_in_set"]) == ("27.5", "2", "11")
    assert (dip["seeds"], dip["paper_psnr_db"], dip["paper_note"]) == ("0 1", "27.87", "")
    notes = {x["task"]: x["paper_note"] for x in lines if x["method"] == "dip"}
    assert notes["super_resolve_x2"] == "oracle-stopped"
    latex = table.latex()
    assert "27.50 (27.87)" in latex
    assert "33.19$^\\dagger$" in latex
    assert latex.count("{") == latex.count("}")


def test_what_is_not_there_is_refused():
    with pytest.raises(UnknownNameError, match="unknown seed 7. Available: 0, 1, 2"):
        comparison(results(*ROWS), "2", seed=7)
    with pytest.raises(MissingRunError, match="there are no results"):
        comparison(results(), "2")


@pytest.mark.reference
def test_printed_values_are_those_of_the_reference(reference_dir: Path):
    reference = json.loads((reference_dir / "paper_tables.json").read_text())
    names = {"denoise sigma=25": "denoise", "inpaint p=0.5": "inpaint"}
    for number, table in TABLES.items():
        printed = paper_values()[f"table{number}"]
        found = {}
        for task, rows in reference[f"table{number}"]["rows"].items():
            for label, values in rows.items():
                image_set, _, factor = label.lower().partition(" ")
                found[f"{names.get(task, f'super_resolve_{factor}')}/{image_set}"] = values
        assert printed["rows"] == found
        assert list(printed["rows"]) != []
        assert {"/".join(cell) for cell in table.cells()} == set(found)
        assert printed["columns"] == [str(method) for method in table.columns]
        heads = [str(m).replace("/full", "") for m in table.columns]
        theirs = reference[f"table{number}"]["columns"]
        assert len(heads) == len(theirs)
        for ours, their in zip(heads, theirs, strict=True):
            short = {"dip": "DIP", "nas-dip": "NAS-DIP"}.get(ours, ours.split("/")[-1])
            assert short.lower() in their.lower() or ours.split("/")[1] in their


def test_all_images_of_a_table_have_tasks_that_can_be_done():
    for table in TABLES.values():
        for task, image_set in table.cells():
            get_task(task)
            assert image_set in manifest()
        assert Method("isnas", "psd_db_strip_mse", "full") in table.columns


# -- a small experiment by command -----------------------------------------------------------------

SHORT = [
    "--setting=quick",
    "--crop=64",
    "--candidates=3",
    "--cohort=2",
    "--scoring-inits=1",
    "--channels=16",
    "--iterations=2",
    "--cohort-iterations=2",
    "--device=cpu",
    "--baseline-seeds=0",
]


@pytest.fixture
def build(capsys):
    """Runs nasdip-build experiments with some arguments."""

    def one(*arguments: str) -> tuple[int, str, str]:
        status = console.run("nasdip-build", build_cli.app, ["experiments", *arguments])
        return status, *capsys.readouterr()

    return one


@pytest.fixture(scope="module")
def user_images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    pixels = load_images("skimage", ["camera"])[0].pixels[0]
    rows = np.dstack([pixels[:70, :100], pixels[70:140, :100], pixels[140:210, :100]])
    PillowImage.fromarray(rows).save(folder / "wall.png")
    return folder


def wall(images_dir: Path, out: Path) -> list[str]:
    """Arguments of the experiment."""
    of = ["--sets=user", "--images=wall", f"--images-dir={images_dir}", f"--out={out}"]
    return [*of, "--tasks=inpaint,super_resolve_x2", *SHORT]


@pytest.fixture(scope="module")
def built(user_images: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "build"
    arguments = ["experiments", *wall(user_images, folder)]
    assert console.run("nasdip-build", build_cli.app, arguments) == 0
    return folder


def test_from_the_command_to_the_table(built: Path, user_images: Path, tmp_path: Path, run, build):
    again = wall(user_images, built)
    status, out, _ = build(*again)
    assert status == 0
    assert out.startswith("0 units finished, 0 left, 0 diverged, 0 failed; setting quick-")
    assert "inpaint, user: 9 of 9\n" in out
    assert "nothing is left to do" in build(*again, "--dry-run")[1]
    assert "inpaint, user: 9 of 15, 6 left" in build(*again, "--dry-run", "--seeds=0,1")[1]

    status, out, _ = run("table", "2", "--experiments", built, "--format", "text")
    assert status == 0
    assert re.search(r"SR x2 user +1/1", out)
    status, out, _ = run("table", "3", "--experiments", built, "--out", tmp_path / "t3.csv")
    assert (status, out) == (0, f"written: {tmp_path / 't3.csv'}\n")


def test_figure_5(built: Path, user_images: Path, tmp_path: Path, run):
    figure = figure5(built, user_images)
    assert [row.label for row in figure.rows] == ["inpaint wall", "SR x2 wall"]
    assert len(figure5(built, user_images, images=["wall"]).rows) == 2
    inpaint, enlarged = figure.rows
    labels = [panel.label for panel in enlarged.panels]
    assert labels == ["ground truth", "bicubic", "DIP", "NAS-DIP", "ISNAS"]
    truth, bicubic = (panel.pixels for panel in enlarged.panels[:2])
    assert truth.shape == bicubic.shape == (3, 64, 64)
    original = read_image(user_images / "wall.png").pixels / 255
    np.testing.assert_allclose(truth, original[:, 3:67, 18:82], atol=1e-7)
    assert enlarged.panels[1].psnr_db == psnr_db(luma(bicubic), luma(truth))
    assert inpaint.panels[1].label == "corrupted"
    # The pictures are those that the numbers are of.
    for panel in inpaint.panels[2:]:
        assert psnr_db(panel.pixels, inpaint.panels[0].pixels) == pytest.approx(
            panel.psnr_db, abs=0.01
        )
    top, left, side = enlarged.zoom
    assert side == 16
    assert max(top, left) + side <= 64
    where = ("--experiments", built, "--images-dir", user_images)
    assert run("figure", "5", *where, "--out", tmp_path / "figure5.png")[0] == 0
    assert (tmp_path / "figure5.png").read_bytes().startswith(b"\x89PNG")
    assert "PSNR in dB" in figure.text()
    assert figure.csv().count("\n") == 1 + 2 * 4
    assert figure.latex().startswith("\\begin{table}")


def test_figure_5_without_what_it_needs(built: Path, user_images: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="image set user: say where the images are"):
        figure5(built, images=["wall"])
    with pytest.raises(UnknownNameError, match="restored by all methods 'wal'. Did you mean 'wall"):
        figure5(built, user_images, images=["wal"])
    with pytest.raises(DatasetError, match="holds no results of experiments"):
        figure5(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    PillowImage.fromarray(np.zeros((70, 100, 3), np.uint8)).save(other / "wall.png")
    with pytest.raises(ImageError, match="has pixels of SHA-256 .*, but the results used"):
        figure5(built, other, images=["wall"])
    copy = shutil.copytree(built, tmp_path / "copy")
    pictures = sorted((copy / "results" / "outputs").iterdir())
    for path in pictures:
        PillowImage.fromarray(np.zeros((64, 64), np.uint8)).save(path)
    with pytest.raises(DatasetError, match="is damaged: its pixels are not those of the results"):
        figure5(copy, user_images)
    for path in pictures:
        path.unlink()
    with pytest.raises(DatasetError, match="has no restored image .*: repeat the command"):
        figure5(copy, user_images)
    few = read_results(built)
    save_results(tmp_path / "few", few.rows[:1], few.setting, few.fields)
    with pytest.raises(MissingRunError, match="no image has been restored by DIP, NAS-DIP, ISNAS"):
        figure5(tmp_path / "few", user_images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table=4"], "unknown table '4'. Available: 2, 3"),
        (["--sets=skimage", "--images=camra"], "unknown image 'camra'. Did you mean 'camera'"),
        (["--sets=skimage", "--tasks=denose"], "unknown task 'denose'. Did you mean 'denoise'"),
        (["--sets=skimage", "--seeds=one"], "--seeds 'one' is not a list of numbers"),
        (["--sets=skimage", "--cohort=0"], "cohort 0 must be a whole number from 1"),
        (["--sets=skimage", "--precision=fp8"], "unknown precision 'fp8'"),
        (["--sets=skimage", "--shard=3/2"], "shard '3/2' must be I/N"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(arguments, message, build, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = build(*arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_a_time_limit_exits_with_75(tmp_path: Path, build, monkeypatch):
    """It is over as soon as the first restoration is."""
    left = property(lambda self: 1 - len([*tmp_path.glob("b/work/*/*/*.json")]))
    monkeypatch.setattr(Interruption, "remaining", left)
    arguments = ["--sets=skimage", "--images=camera", "--tasks=denoise", f"--out={tmp_path / 'b'}"]
    long = ["--methods=dip", "--baseline-seeds=0,1", "--time-limit=9h"]
    status, out, err = build(*arguments, *SHORT, *long)
    assert (status, "1 left" in out) == (75, True)
    assert "stopped at the time limit; the same command goes on from here" in err
