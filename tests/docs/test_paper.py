"""The example and the commands of docs/paper.md run, on a small release."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage

from nasdip_bench.api import NASDIPBench, figure1, table1
from nasdip_bench.api import cli as bench_cli
from nasdip_bench.api.gallery import folder
from nasdip_bench.api.paper.table1 import BEST_ITERATION
from nasdip_bench.builder import cli as build_cli
from nasdip_bench.console.app import run
from tests import synthetic
from tests.docs.pages import blocks, commands, run_code, text_of

PAGE = text_of("paper")
(EXAMPLE,) = blocks(PAGE, "python")
COMMANDS = [
    *commands(PAGE),
    *re.findall(r"^\|.* `(nasdip-bench [^`]+)` \| `[^`]+` \|$", PAGE, re.MULTILINE),
]
APPS = {"nasdip-bench": bench_cli.app, "nasdip-build": build_cli.app}

# What is appended to a command so that a test can run it in seconds.
SHORTENED = {
    "nasdip-bench paper --out paper/ --images-dir images/": "-k 3 --repeats 1",
    "nasdip-bench figure 1": "-k 3",
}
SHORTENED |= {
    command: "--dry-run --crop 64 --candidates 8 --device cpu"
    for command in COMMANDS
    if re.match("nasdip-build experiments --sets (skimage|user) ", command)
}

# Images and results are not in the repository: understood up to where the command needs them.
STOPPED = {
    "nasdip-bench figure 2 --images-dir DIR": "there is no images folder 'DIR'",
    "nasdip-bench figure 5 --images-dir DIR --out figure5.png": (
        "'builds/experiments' holds no results of experiments"
    ),
    "nasdip-bench table 2 --experiments builds/experiments": (
        "'builds/experiments' holds no results of experiments"
    ),
    "nasdip-build experiments --table 2 --images-dir DIR --dry-run": (
        "there is no images folder 'DIR/bm3d_gray'"
    ),
    "nasdip-build experiments --table 2,3 --sets bm3d,set12 --images-dir DIR --setting quick": (
        "there is no images folder 'DIR/bm3d_gray'"
    ),
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    synthetic.write_release(folder / "data", fidelities=("r64c16i40",), tasks=("denoise",))
    (folder / "photos").mkdir()
    PillowImage.fromarray(np.full((64, 64), 90, np.uint8)).save(folder / "photos" / "wall.png")
    return folder


def test_the_example(workplace: Path):
    assert "Figure 4 (denoise)" in run_code(workplace, EXAMPLE)
    assert (workplace / "figure4.csv").read_text().startswith("image,bin,low,high,count")


def test_the_calls_beside_commands_give_their_numbers(workplace: Path):
    bench = NASDIPBench(workplace / "data")
    shown = {"Table 1": table1(bench), "Figure 1": figure1(bench)}
    shown["section 5"] = table1(bench, target=BEST_ITERATION)
    calls = re.findall(r"^\| ([^|]+) \|.* `(bench\.[^`]+)` \|$", PAGE, re.MULTILINE)
    assert {name for name, _ in calls} == {*shown}
    for name, call in calls:
        found, frame = eval(call, {"bench": bench, "task": "denoise"}), shown[name].frame
        pd.testing.assert_frame_equal(found, frame)


def test_all_commands_are_found():
    assert len(COMMANDS) == 13
    assert {*SHORTENED, *STOPPED} <= {*COMMANDS}
    assert len(SHORTENED) == 4


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command: str, workplace: Path, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    monkeypatch.setattr(folder, "ENDINGS", (".csv",))  # the gallery's tests draw
    program, *arguments = shlex.split(f"{command} {SHORTENED.get(command, '')}")
    status = run(program, APPS[program], arguments)
    printed = capsys.readouterr()
    if command in STOPPED:
        assert (status, printed.out) == (2, "")
        assert STOPPED[command] in printed.err
    else:
        assert status == 0, printed.err
        assert printed.out
    assert not (workplace / "builds").exists()
