"""The README's commands and examples run; links, options and module names of all pages exist."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image as PillowImage

from nasdip_bench.api import cli as bench_cli
from nasdip_bench.builder import cli as build_cli
from nasdip_bench.isnas import cli as restore_cli
from tests.builds import COMMAND
from tests.docs.pages import PAGES, README, ROOT, blocks, commands, run_code, run_line
from tests.tools.write_docs import PAGE, with_tables

TEXT = README.read_text(encoding="utf-8")
COMMANDS = commands(TEXT)

# What is appended to a command so that a test can run it in seconds.
SHORTENED = {
    "nasdip-build --images all --dry-run": "--image-set skimage",
    "nasdip-build --fidelity r64c16 --seeds 0-2 --tasks denoise --architectures 100": (
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
    """A folder as a reader of the README has it: the dataset, a build, a photograph."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "data").symlink_to(ROOT / "data")
    pixels = np.random.default_rng(0).integers(0, 256, (70, 80), np.uint8)
    PillowImage.fromarray(pixels).save(folder / "noisy.png")
    # The settings that the README's own builds of this folder have: one folder does not mix them.
    settings = " ".join([*COMMAND, "--scoring-inits=8", "--workers=1"])
    run_line(folder, f"nasdip-build {settings} --out=builds/nasdip")
    return folder


@pytest.fixture
def own(prepared: Path, tmp_path: Path) -> Path:
    """The same for one test, so that no test sees what another did."""
    return shutil.copytree(prepared, tmp_path / "own", symlinks=True)


def test_the_two_commands_are_there_first():
    assert COMMANDS[:2] == ["make bench", "make test"]
    assert set(SHORTENED) <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS[2:])
def test_commands(command: str, own: Path):
    assert run_line(own, f"{command} {SHORTENED.get(command, '')}")
    if "--out figure1.png" in command:
        assert (own / "figure1.png").read_bytes().startswith(b"\x89PNG")


def test_python_examples(workplace: Path):
    examples = blocks(TEXT, "python")
    assert examples
    for example in examples:
        assert "r64c16" in run_code(workplace, example)


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
        command = re.sub(r"--iterations \d+", "--iterations 2 --workers=1", command)
        command = command.replace("figure 1", "figure 1 --k 2").replace(
            "overlap ", "overlap --k 2 "
        )
        run_line(tmp_path, re.sub(r"^\S*/", "", command))
    assert (tmp_path / "figure1.png").exists()


# -- all pages -------------------------------------------------------------------------------------

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.parent.name + "/" + p.name)


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", without_blocks(page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@by_page
def test_links_lead_somewhere(page: Path):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_leads_to_every_page_of_docs():
    for page in ROOT.glob("docs/*.md"):
        assert f"(docs/{page.name})" in TEXT


def programs() -> dict[str, Any]:
    """Every command of ours by its words, such as ``nasdip-bench query``."""
    apps = {"nasdip-bench": bench_cli, "nasdip-build": build_cli, "nasdip-restore": restore_cli}
    left = {name: typer.main.get_command(module.app) for name, module in apps.items()}
    found = {}
    while left:
        found |= left
        left = {
            f"{name} {word}": command
            for name, group in left.items()
            for word, command in getattr(group, "commands", {}).items()
        }
    return found


def options(command: Any) -> set[str]:
    named = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return named | {"--help", "--version"}


def said_of_programs(text: str) -> Iterator[str]:
    """What follows one of our names up to the end of the code that it is in."""
    shell = "\n".join(blocks(text, "console") + blocks(text, "bash")).replace("\\\n", " ")
    for line in [*shell.splitlines(), *re.findall(r"`([^`]+)`", without_blocks(text))]:
        for found in re.finditer(r"\bnasdip-(?:bench|build|restore)\b[^|;#>]*", line):
            yield " ".join(found[0].split())


@by_page
def test_commands_and_options_exist(page: Path):
    text, ours = page.read_text(encoding="utf-8"), programs()
    everything = set().union(*map(options, ours.values()))
    for said in said_of_programs(text):
        words = said.split()
        name = next(one for n in (3, 2, 1) if (one := " ".join(words[:n])) in ours)
        if words[0] == "nasdip-bench" and words[1:] and words[1].islower():
            assert name.count(" ") >= 1, said
        allowed = options(ours[name])
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= allowed, f"{said}: {used - allowed}"
    alone = {one.split()[0] for one in re.findall(r"`(--[a-z][^`]*)`", without_blocks(text))}
    others = {"--build", "--build-options", "--stages"} if "gpu.py" in text else set()
    assert alone - others <= everything, alone - others - everything


@by_page
def test_modules_and_names_exist(page: Path):
    for said in set(re.findall(r"`(nasdip_bench(?:\.\w+)+)[`(]", page.read_text("utf-8"))):
        parts = said.split(".")
        for cut in range(len(parts), 0, -1):
            try:
                found = importlib.import_module(".".join(parts[:cut]))
            except ModuleNotFoundError:
                continue
            for name in parts[cut:]:
                assert hasattr(found, name), said
                found = getattr(found, name)
            break


def test_the_data_dictionary_is_that_of_the_schema():
    text = PAGE.read_text(encoding="utf-8")
    assert text == with_tables(text), "run `make docs`"
    assert "| `best_psnr_smooth_db` | float64, may be null | dB | higher |" in text
