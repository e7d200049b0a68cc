"""docs/restoring.md: its example and commands run (cut short), and its table is of the presets."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench.isnas import paper_config, quick_config
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "restoring.md").read_text(encoding="utf-8")
RESTORE = [sys.executable, "-c", "from nasdip_bench.isnas.cli import main; main()"]
SHORTER = [
    "--candidates=3",
    "--cohort=2",
    "--scoring-inits=1",
    "--iterations=3",
    "--cohort-iterations=2",
    "--channels=16",
]
COMMANDS = [
    line.removeprefix("$ ")
    for session in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in session.splitlines()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (70, 80), np.uint8)
    for name in ("noisy", "holes", "small", "photo"):
        PillowImage.fromarray(pixels).save(tmp_path / f"{name}.png")
    PillowImage.fromarray(np.uint8(pixels > 100) * np.uint8(255)).save(tmp_path / "mask.png")
    name, *arguments = shlex.split(command)
    assert name == "nasdip-restore"
    done = subprocess.run(
        [*RESTORE, *arguments, *SHORTER], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / f"{Path(arguments[0]).stem}-restored"
    for file in re.findall(r"^\| `(\w+\.\w+)` \|", PAGE, re.MULTILINE):
        assert (folder / file).exists()


def test_the_example(tmp_path):
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    shorter, found = re.subn("candidates=20, cohort=3, iterations=300", "**SHORTER", example)
    assert found == 1
    settings = {"candidates": 3, "cohort": 2, "iterations": 3, "cohort_iterations": 2}
    code = f"SHORTER = {settings}\n{shorter}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+-[01]{25} [\d.]+ dB\n", done.stdout)


def test_the_presets_are_as_stated():
    cells = re.findall(r"^\| ([^|]+)\|([^|]+)\|([^|]+)\|$", PAGE, re.MULTILINE)
    rows = {name.strip(): (paper.strip(), quick.strip()) for name, paper, quick in cells}
    tasks = (Denoise(), Inpaint(), SuperResolve(4))
    for place, make in enumerate((paper_config, quick_config)):
        config = make(Denoise())

        def said(name: str, place: int = place) -> str:
            return rows[name][place]

        assert said("candidates × initialisations of a score") == (
            f"{config.candidates} × {config.inits}"
        )
        assert said("cohort") == str(config.cohort)
        assert said("channels of ranked and trained networks") == str(config.search_channels)
        assert said("channels of the restoring network") == str(config.channels)
        iterations = ", ".join(str(make(task).iterations) for task in tasks)
        assert said("iterations, denoise, inpaint, super-resolve") == iterations
    assert quick_config(SuperResolve(4)).cohort_iterations == 200
