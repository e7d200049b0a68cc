"""Small builds for the tests of the builder: real networks, real images, a few iterations."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from nasdip_bench.builder.cli import app
from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.builder.plan.config import BuildConfig
from nasdip_bench.console.app import run
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.images import load_images
from nasdip_bench.space import paper_architectures

ITERATIONS = 3
FIDELITY = f"r64c16i{ITERATIONS}"
IMAGES = ("camera", "coins")
SCORES = ("parameters", "psd_db_mse", "snip")
"""One that sees nothing, one an image and one the loss: all scores take five times as long."""
# The command line that builds the same as `small_config`, with all scores.
COMMAND = [
    "--images=camera,coins",
    "--image-set=skimage",
    "--fidelity=r64c16",
    f"--iterations={ITERATIONS}",
    "--architectures=2",
    "--scoring-inits=2",
    "--device=cpu",
    "--stack=1",
]


def nasdip_build(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Status, stdout and stderr of the command, run in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["nasdip-build", *map(str, arguments)])
        status = run("nasdip-build", app)
    return status, *capsys.readouterr()


def small_config(**changes) -> BuildConfig:
    """With `SCORES`, if it is to have scores and is not told which."""
    settings = {
        "images": tuple(load_images("skimage", IMAGES)),
        "tasks": ("denoise", "inpaint"),
        "architectures": tuple(paper_architectures(2)),
        "fidelity": get_fidelity(FIDELITY),
        "scoring_inits": 2,
    } | changes
    if settings["scoring_inits"]:
        settings.setdefault("scores", SCORES)
    return BuildConfig(**settings)


def run_rows(folder: Path) -> dict[tuple, dict]:
    """All runs of a build folder by key, without what a clock wrote."""
    rows = {}
    for table in BuildFolder(folder).read("runs"):
        for row in table.drop_columns(["seconds", "processor_seconds"]).to_pylist():
            key = tuple(row[name] for name in ("architecture", "image", "task", "seed"))
            assert key not in rows, f"run {key} is there twice"
            # A missing point is None, which equals itself.
            rows[key] = {
                name: [None if point != point else point for point in value]
                if isinstance(value, list)
                else value
                for name, value in row.items()
            }
    return rows


def assert_same_runs(folder: Path, expected: Path) -> None:
    """A build has the runs of another, but for rounding, which differs with the threads."""
    found = run_rows(folder)
    for key, row in run_rows(expected).items():
        assert found[key]["psnr_curve"] == pytest.approx(row["psnr_curve"], abs=1e-2)


def score_rows(folder: Path, fidelity: str = FIDELITY) -> dict[tuple, float]:
    """The means of all scores of a build folder at a fidelity by key."""
    rows = {}
    for table in BuildFolder(folder).read("scores"):
        for row in table.to_pylist():
            if row["fidelity"] != fidelity:
                continue
            names = ("architecture", "image", "task", "seed", "proxy", "reference")
            key = tuple(row[name] for name in names)
            assert key not in rows, f"score {key} is there twice"
            rows[key] = float(np.mean(row["values"]))
    return rows
