"""``nasdip-restore`` as a user runs it, with mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage

from nasdip_bench.console.app import run
from nasdip_bench.console.interruption import Interruption
from nasdip_bench.images import load_images
from nasdip_bench.isnas import cli
from nasdip_bench.isnas.folder import SearchFolder, claimed
from nasdip_bench.isnas.training import Trained
from nasdip_bench.space import Architecture
from tests.processes import wait_until

RESTORE = [sys.executable, "-c", "from nasdip_bench.isnas.cli import main; main()"]
SHORT = [
    "--preset=quick",
    "--candidates=4",
    "--cohort=2",
    "--scoring-inits=1",
    "--iterations=5",
    "--cohort-iterations=3",
    "--channels=16",
    "--device=cpu",
]
RESULTS = {"restored.png", "sheet.png", "record.json", "ranking.csv", "curves.csv"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    pixels = load_images("skimage", ["camera"])[0].pixels[0, ::10, ::9]  # 52 x 57
    PillowImage.fromarray(pixels).save(folder / "wall.png")
    colour = np.stack([pixels, pixels[::-1], pixels[:, ::-1]], -1)
    alpha = np.dstack([colour, np.full_like(pixels, 255)])
    PillowImage.fromarray(alpha).save(folder / "alpha.png")
    mask = np.full(pixels.shape, 255, np.uint8)
    mask[20:30, 30:50] = 0
    PillowImage.fromarray(mask).save(folder / "mask.png")
    (folder / "no.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where results go."""
    return tmp_path / "o"


@pytest.fixture
def restore(capsys, monkeypatch, folder) -> Callable[..., tuple[str, str]]:
    """Stdout and stderr of the command, run in this process."""

    def call(*arguments: str | Path, out: Path = folder, status: int = 0) -> tuple[str, str]:
        command = ["nasdip-restore", *map(str, arguments), f"--out={out}"]
        monkeypatch.setattr(sys, "argv", command)
        found = run("nasdip-restore", cli.app)
        said = capsys.readouterr()
        assert found == status, said.err
        return said.out, said.err

    return call


def read_record(folder: Path) -> dict:
    return json.loads((folder / "record.json").read_text())


def test_a_noisy_photograph(restore, photos, folder):
    out, err = restore(photos / "alpha.png", "--task=denoise", *SHORT)
    assert "about" in err  # the time, before it begins
    assert "restored with" in out
    assert "dB" not in out  # no PSNR is invented
    assert {path.name for path in folder.iterdir()} >= RESULTS
    with PillowImage.open(folder / "restored.png") as restored:
        assert (restored.size, restored.mode) == ((57, 52), "RGB")
    facts = read_record(folder)
    assert set(facts["psnr_db"].values()) == {None}
    assert facts["architecture"] in [member["architecture"] for member in facts["cohort"]]
    assert (facts["restoration"]["rule"], facts["restoration"]["stopped"]) == ("last", False)
    curves = pd.read_csv(folder / "curves.csv")
    assert curves.value_counts("purpose").to_dict() == {"cohort": 2 * 3, "restore": 5}
    assert curves.notna().all()[["loss_db", "psnr_db"]].tolist() == [True, False]


def test_psnr_is_measured_where_there_is_a_truth(restore, photos, folder, tmp_path):
    arguments = [photos / "wall.png", "--task=denoise", "--corrupt", *SHORT]
    out, err = restore(*arguments)
    assert "; last: restore, iteration 5 of 5\n" in err
    facts = read_record(folder)
    assert facts["psnr_db"]["corrupted"] == pytest.approx(20.4, abs=0.5)
    assert set(facts["psnr_db"]) == {"corrupted", "restored", "non-local means"}
    assert f"restored {facts['psnr_db']['restored']:.2f} dB" in out
    curves = pd.read_csv(folder / "curves.csv").set_index("purpose")
    assert curves.psnr_db["restore"].notna().all()

    # The record's command gives the same picture.
    assert facts["command"][1:] == [*map(str, arguments), f"--out={folder}"]
    again = tmp_path / "again"
    restore(*facts["command"][1:-1], out=again)
    first, second = ((one / "restored.png").read_bytes() for one in (folder, again))
    assert first == second


def test_a_rule_says_where_it_stopped_and_what_it_knew(restore, photos, tmp_path):
    """The noise is known where it was stated, and where it was added."""
    rule = "discrepancy(tau=0.75,sigma=known)"
    for sigma, more, stopped in ((250, [], True), (1, [], False), (250, ["--corrupt"], True)):
        out = tmp_path / f"{sigma}{more}"
        options = ["--task=denoise", f"--sigma={sigma}", f"--stop={rule}", *more, *SHORT]
        printed, _ = restore(photos / "wall.png", *options, out=out)
        facts = read_record(out)["restoration"]
        assert (facts["rule"], facts["stopped"], facts["sigma_255"]) == (rule, stopped, sigma)
        assert 0 < facts["sigma_estimate_255"] < 250
        ended = "stopped after" if stopped else "did not stop within"
        at = f"{facts['iterations']} iterations: delivered is iteration {facts['iteration']}"
        assert f"\n{rule} {ended} {at}\n" in printed
        curves = pd.read_csv(out / "curves.csv").query("purpose == 'restore'")
        seen = curves.loss_smooth_db >= -10 * np.log10(0.75 * (sigma / 255) ** 2)
        assert seen.tolist() == [False] * (len(seen) - stopped) + [True] * stopped


def test_the_best_score_needs_no_cohort(restore, photos, folder):
    options = ["--selector=best-score", *(one for one in SHORT if "cohort=" not in one)]
    printed, err = restore(photos / "wall.png", "--task=denoise", *options)
    assert "train the best" not in err
    best = (folder / "ranking.csv").read_text().splitlines()[1].split(",")[1]
    assert printed.startswith(f"restored with {best}\n")
    facts = read_record(folder)
    assert (facts["architecture"], facts["cohort"]) == (best, [])
    [trained] = (folder / "trained").iterdir()
    assert trained.match(f"restore-*-{best}-0.npz")


def test_a_truth_of_ones_own(restore, photos, folder):
    given = [f"--mask={photos / 'mask.png'}", f"--ground-truth={photos / 'wall.png'}"]
    restore(photos / "wall.png", "--task=inpaint", *given, *SHORT)
    facts = read_record(folder)["psnr_db"]
    assert facts["biharmonic inpainting"] > facts["corrupted"]
    # Known pixels are delivered as they are; the network's output is another number.
    with (
        PillowImage.open(folder / "restored.png") as restored,
        PillowImage.open(photos / "wall.png") as wall,
    ):
        error = (np.asarray(restored, float) - np.asarray(wall, float)) ** 2
    assert {*np.argwhere(error)[:, 0]} <= {*range(20, 30)}
    assert {*np.argwhere(error)[:, 1]} <= {*range(30, 50)}
    assert facts["restored"] == pytest.approx(-10 * np.log10(error.mean() / 255**2), abs=0.1)
    assert facts["network output"] < facts["restored"] - 5


def test_a_small_photograph(restore, photos, folder):
    restore(photos / "wall.png", "--task=super-resolve", "--factor=2", *SHORT)
    with PillowImage.open(folder / "restored.png") as restored:
        assert restored.size == (114, 104)


def test_a_dry_run_says_that_the_folder_holds_another_search(restore, photos, folder):
    claimed(folder, {"candidates": 5})
    for more in (["--dry-run"], []):
        out, err = restore(photos / "wall.png", "--task=denoise", *SHORT, *more, status=2)
        assert (out, err.count("\n")) == ("", 1)  # no plan either: nothing was timed
        assert "holds a search with candidates 5, now 4 is asked for" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{}/wall.png"], "--task"),
        (["{}/wall.png", "--task=sharpen"], "unknown task 'sharpen'"),
        (["{}/wall.png", "--task=inpaint", "--sigma=10"], "--sigma has an effect only for denoise"),
        (
            ["{}/wall.png", "--task=inpaint", "--missing=0.5", "--mask={}/mask.png", "--corrupt"],
            "--missing has an effect only for inpaint, --corrupt and no mask",
        ),
        (["{}/wall.png", "--task=denoise", "--corrupt", "--missing=0.5"], "--missing has an eff"),
        (["{}/wall.png", "--task=denoise", "--factor=4"], "--factor has an effect only for super"),
        (["{}/wall.png", "--task=denoise", "--preset=slow"], "unknown preset 'slow'"),
        (["{}/wall.png", "--task=denoise", "--device=tpu"], "device 'tpu'"),
        (["{}/wall.png", "--task=denoise", "--time-limit=soon"], "time limit 'soon'"),
        (
            ["{}/wall.png", "--task=denoise", "--corrupt", "--ground-truth={}/wall.png"],
            "is its own ground truth",
        ),
    ],
)
def test_mistakes_are_one_line(restore, photos, folder, arguments, message):
    filled = [argument.replace("{}", str(photos)) for argument in arguments]
    out, err = restore(*filled, "--dry-run", status=2)
    assert not folder.exists()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


def test_a_folder_inside_a_file_is_refused(restore, photos):
    inside = photos / "no.png" / "a" / "b"
    _, err = restore(photos / "wall.png", "--task=denoise", out=inside, status=2)
    assert "no.png' is a file; name an" in err


def test_a_plan_says_what_a_rule_holds_and_writes_nothing(restore, photos, folder):
    options = ["--stop=es-wmv(window=25,patience=4)", "--score=psd_db_mse/corrupted", *SHORT]
    options += ["--iterations=25", "--dry-run"]
    _, err = restore(photos / "wall.png", "--task=denoise", *options)
    assert "rank 4 untrained networks by psd_db_mse," in err
    assert not folder.exists()
    assert "at most; stopped by es-wmv(window=25,patience=4), which holds 0." in err


def test_a_time_limit_in_which_nothing_ends_is_not_to_be_given_again(restore, photos):
    options = ["--task=denoise", *SHORT, "--time-limit=0.001s"]
    _, err = restore(photos / "wall.png", *options, status=2)
    assert "nothing could be finished within the time limit" in err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "No space left on device; make room there"),
        (
            RuntimeError("DefaultCPUAllocator:\ncan't allocate"),
            "if memory is short, give a smaller",
        ),
    ],
)
def test_a_full_disk_and_a_full_memory_are_one_line(restore, photos, monkeypatch, error, message):
    def full(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("nasdip_bench.isnas.folder.SearchFolder.keep_trained", full)
    _, err = restore(photos / "wall.png", "--task=denoise", *SHORT, status=2)
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err


def test_a_kill_the_time_limit_and_a_signal_cost_what_is_in_hand(
    restore, photos, folder, monkeypatch
):
    options = [photos / "wall.png", "--task=denoise", *SHORT, "--iterations=100000"]

    def kept() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in folder.glob("trained/cohort-*.npz")}

    command = [*RESTORE, *map(str, options), f"--out={folder}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: bool(kept()), process)
    finally:
        process.kill()
        process.wait()
    first, *more = kept().items()
    for path, _ in more:
        path.unlink()

    # The time is over when the cohort is trained: in the middle of the restoration.
    with monkeypatch.context() as patch:
        patch.setattr(Interruption, "remaining", property(lambda self: 2 - len(kept())))
        _, err = restore(*options, "--time-limit=9h", status=75)
    assert "Traceback" not in err
    assert "the same command goes on from here" in err
    assert first in (both := kept()).items()
    assert len(both) == 2

    trained = SearchFolder.trained

    def then_a_signal(
        self: SearchFolder, purpose: str, arch: Architecture, seed: int
    ) -> Trained | None:
        if purpose.startswith("restore"):
            os.kill(os.getpid(), signal.SIGINT)
        return trained(self, purpose, arch, seed)

    monkeypatch.setattr(SearchFolder, "trained", then_a_signal)
    _, err = restore(*options, status=130)
    assert "Traceback" not in err
    assert kept() == both
    assert len([*folder.glob("trained/*")]) == 2
