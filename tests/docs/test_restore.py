"""docs/restore.md: its example and commands run, cut short; its tables are presets and rules."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench.isnas import paper_config, quick_config
from nasdip_bench.stopping import RULES
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve
from tests.docs.pages import blocks, commands, run_code, run_line, text_of

PAGE = text_of("restore")
SHORTER = [
    "--candidates=3",
    "--cohort=2",
    "--scoring-inits=1",
    "--iterations=3",
    "--cohort-iterations=2",
    "--channels=16",
]


@pytest.mark.parametrize("command", commands(PAGE))
def test_commands(command: str, tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (70, 80), np.uint8)
    for name in ("noisy", "holes", "small", "photo"):
        PillowImage.fromarray(pixels).save(tmp_path / f"{name}.png")
    PillowImage.fromarray(np.uint8(pixels > 100) * np.uint8(255)).save(tmp_path / "mask.png")
    name, *arguments = shlex.split(command)
    assert name == "nasdip-restore"
    assert run_line(tmp_path, shlex.join([name, *arguments, *SHORTER]))
    folder = tmp_path / f"{Path(arguments[0]).stem}-restored"
    for file in re.findall(r"^\| `(\w+\.\w+)` \|", PAGE, re.MULTILINE):
        assert (folder / file).exists()


def test_the_example(tmp_path: Path):
    (example,) = blocks(PAGE, "python")
    shorter, found = re.subn("candidates=20, cohort=3, iterations=300", "**SHORTER", example)
    assert found == 1
    settings = {"candidates": 3, "cohort": 2, "iterations": 3, "cohort_iterations": 2}
    printed = run_code(tmp_path, f"SHORTER = {settings}\n{shorter}")
    assert re.fullmatch(r"\d+-[01]{25} [\d.]+ dB\n", printed)


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


def test_every_rule_is_listed():
    section = PAGE.split("\n## Stopping\n")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)
    assert set(listed) == set(RULES)
