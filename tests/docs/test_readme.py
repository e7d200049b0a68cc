"""Every command and example of the README runs; those that would train for hours as dry runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench.space import sample_architectures
from tests.builds import COMMAND
from tests.tools.write_docs import PAGE, with_tables

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


COMMANDS = [
    line[2:].split("  #")[0].strip()
    for block in blocks("console")
    for line in block.splitlines()
    if line.startswith("$ ")
]

# What is appended to a command so that a test can run it in seconds.
SHORTENED = {
    "nasdip-build --images all --dry-run": "--image-set skimage",
    "nasdip-build --images all": "--image-set skimage --dry-run",
    "nasdip-build --fidelity r64c16 --seeds 0-2 --tasks denoise --architectures 100": (
        "--image-set skimage --dry-run"
    ),
    "nasdip-build --architectures mine.csv --fidelity r64 --time-limit 9m --out builds/mine": (
        "--image-set skimage --dry-run"
    ),
}
SHORTENED |= {
    command: "--candidates 2 --cohort 1 --scoring-inits 1 --iterations 2 --cohort-iterations 2"
    for command in COMMANDS
    if command.startswith("nasdip-restore ")
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A folder as a reader of the README has it: the dataset, a build, a list of architectures."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "data", folder / "data")
    arch = sample_architectures(1)[0]
    (folder / "mine.csv").write_text(f"{arch.cell},{arch.skip}\n")
    pixels = np.random.default_rng(0).integers(0, 256, (70, 80), np.uint8)
    for name in ("noisy", "holes", "small"):
        PillowImage.fromarray(pixels).save(folder / f"{name}.png")
    PillowImage.fromarray(np.uint8(pixels > 100) * np.uint8(255)).save(folder / "mask.png")
    # The settings that the README's own builds of this folder have: one folder does not mix them.
    settings = ["--scoring-inits=8", "--workers=1", "--out=builds/nasdip"]
    run_in(folder, ["nasdip-build", *COMMAND, *settings])
    return folder


@pytest.fixture
def workplace(prepared: Path, tmp_path: Path) -> Path:
    """The same for one test, so that no test sees what another did."""
    return shutil.copytree(prepared, tmp_path / "workplace")


def run_in(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done


def test_the_two_commands_are_there_first():
    assert COMMANDS[:2] == ["make bench", "make test"]


@pytest.mark.parametrize("command", COMMANDS[2:])
def test_commands(command: str, workplace: Path):
    done = run_in(workplace, shlex.split(f"{command} {SHORTENED.get(command, '')}"))
    assert done.stdout
    if "--out figure1.png" in command:
        assert (workplace / "figure1.png").read_bytes().startswith(b"\x89PNG")


def test_python_examples(workplace: Path):
    examples = blocks("python")
    assert examples
    for example in examples:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", example],
            cwd=workplace,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "r64c16" in done.stdout


def test_the_main_job_in_small(tmp_path: Path):
    """The recipe of `make bench` with fewer architectures and iterations, in its own folder."""
    recipe = subprocess.run(
        ["make", "--dry-run", "--always-make", "bench", f"BENCH={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("\\\n", " ")
    lines = [line for line in recipe.splitlines() if "/nasdip-b" in line]
    assert len(lines) >= 5
    for line in lines:
        command = re.sub(r"--architectures \d+", "--architectures 3", line)
        command = re.sub(r"--iterations \d+", "--iterations 2", command)
        command = command.replace("figure 1", "figure 1 --k 2").replace(
            "overlap ", "overlap --k 2 "
        )
        words = shlex.split(command)
        run_in(tmp_path, [Path(words[0]).name, *words[1:]])
    assert (tmp_path / "figure1.png").exists()


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda p: p.name)
def test_links_of_the_docs_lead_somewhere(page: Path):
    for text in (page.read_text(encoding="utf-8"), README):
        base = page.parent if text != README else ROOT
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (base / target).exists(), f"{page.name}: {target}"


def test_the_data_dictionary_is_that_of_the_schema():
    text = PAGE.read_text(encoding="utf-8")
    assert text == with_tables(text), "run `make docs`"
    assert "| `best_psnr_smooth_db` | float64, may be null | dB | higher |" in text


def test_the_files_can_be_read_without_this_package(workplace: Path):
    text = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    used = "print('nasdip_bench' in __import__('sys').modules, len(iterations), len(loss_smooth))"
    assert run_in(workplace, ["python", "-c", f"{code}{used}"]).stdout == "False 128 128\n"


def test_nothing_is_left_out():
    assert set(SHORTENED) <= set(COMMANDS)
