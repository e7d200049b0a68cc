"""Frames as text, and what commands print to a terminal, to a pipe and to files."""

from __future__ import annotations

import io
import os
import re
import sys

import numpy as np
import pandas as pd
import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.api import cli
from nasdip_bench.api.exhibits.frame_text import frame_text
from tests import synthetic

FRAME = pd.DataFrame(
    {
        "name": ["a", "bb"],
        "tau": [0.12345, np.nan],
        "flops": [2.05e8, 1e7],
        "shared": [6.0, 7.0],
        "nothing": [np.nan, np.nan],
        "reason": ["", "constant"],
    },
    index=pd.MultiIndex.from_tuples([("x", "lena"), ("x", "boat")], names=["score", "image"]),
)


def test_numbers_have_sensible_digits_and_reasons_stand_below():
    assert frame_text(FRAME) == (
        "score  image  name    tau     flops  shared\n"
        "x      lena      a  0.123  2.05e+08       6\n"
        "x      boat     bb     --     1e+07       7\n"
        "\n"
        "-- : constant: x/boat\n"
    )


@pytest.mark.parametrize("width", [20, 30, 40, 60])
def test_columns_that_do_not_fit_follow_below(width):
    text = frame_text(FRAME.drop(columns="reason"), width)
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    assert all(len(line) <= max(width, 22) for block in blocks for line in block)
    names = [name for block in blocks for name in block[0].split()[2:]]
    assert names == ["name", "tau", "flops", "shared"]
    assert all(line.startswith("x      lena") for _, line, _ in blocks)


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> NASDIPBench:
    path = tmp_path_factory.mktemp("text") / "data"
    return NASDIPBench(synthetic.write_release(path, fidelities=("r64",)))


@pytest.fixture
def call(monkeypatch, capsys, bench):
    def run(*arguments, terminal=False):
        command = ["nasdip-bench", *map(str, arguments), "--data", str(bench.path)]
        monkeypatch.setattr(sys, "argv", command)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
        monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((100, 24)))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert ended.value.code == 0, printed.err
        return printed.out

    return run


FRAMES = [
    ("kendall",),
    ("overlap", "-k", 3),
    ("coverage",),
    ("best", "-k", 3),
    ("statistics",),
    ("curve", 0, "--image", "lena"),
    ("agreement", "--resamples", 5),
    ("proxies", "-k", 3, "--resamples", 5),
    ("selection", "--score", "psd_db_mse/corrupted"),
]
EXHIBITS = [
    ("table", 1),
    ("figure", 1, "-k", 3),
    ("gain", "--resamples", 5),
    ("noise", "--resamples", 5),
    ("leaderboard", "scores", "-k", 3, "--resamples", 5),
    ("early",),
]


@pytest.mark.parametrize("command", [*FRAMES, *EXHIBITS], ids=lambda c: " ".join(map(str, c)))
def test_a_terminal_gets_a_table_and_a_pipe_csv(call, command, tmp_path):
    piped, shown = call(*command), call(*command, terminal=True)
    assert len(pd.read_csv(io.StringIO(piped)).columns) > 2
    assert call(*command, "--format", "csv", terminal=True) == piped
    assert re.search(r"\S  +\S", shown)
    assert not re.search(r"\d\.\d{5}", shown)
    assert "nan" not in re.findall(r"\w+", shown.lower())
    fits = [line for line in shown.splitlines() if not line.startswith("-- :")]
    assert max(map(len, fits)) <= 100
    call(*command, "--out", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == piped
    call(*command, "--out", tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_text() == call(*command, "--format", "text")


def test_kendall_shows_all_scores_and_their_mean(call, bench):
    frame = bench.kendall("denoise")
    lines = [line.split() for line in call("kendall", terminal=True).splitlines()]
    at = lines.index(["score", *bench.images, "(mean)"])
    assert [line[0] for line in lines[at + 1 :]] == ["/".join(c) for c in frame.columns]
    for line, column in zip(lines[at + 1 :], frame.columns, strict=True):
        values = [*frame[column], frame[column].mean(skipna=False)]
        for cell, value in zip(line[1:], values, strict=True):
            assert cell == "--" if np.isnan(value) else abs(float(cell) - value) <= 5.1e-4


def test_text_says_what_its_numbers_are_of(call):
    first = call("best", "-k", 2, terminal=True).splitlines()[0]
    assert first == "task denoise, target stopped_psnr_smooth_db, fidelity r64, seeds 0, 1"


def test_best_and_statistics_of_some_images(call, bench):
    for spelled in ("--image", "--images"):
        found = pd.read_csv(io.StringIO(call("best", "-k", 2, spelled, "lena,boat")))
        expected = bench.top_k("denoise", k=2, images=["lena", "boat"])
        assert found["arch_id"].tolist() == [one.arch_id for one in expected]
        found = pd.read_csv(io.StringIO(call("statistics", spelled, "lena,boat")))
        assert found["images"].tolist() == ["lena", "boat", "lena boat"]
    assert len(pd.read_csv(io.StringIO(call("statistics", "--image", "lena")))) == 1


@pytest.mark.parametrize(
    "command",
    [("gain",), ("noise",), ("leaderboard", "scores", "-k", 3), ("replay", "--selector=oracle")],
    ids=lambda c: c[0],
)
def test_figures_of_statistics_are_drawn(call, command, tmp_path):
    pytest.importorskip("matplotlib")
    few = () if command[0] == "replay" else ("--resamples", 20)
    for ending, start in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        path = tmp_path / f"f{ending}"
        assert call(*command, *few, "--out", path) == f"written: {path}\n"
        first = path.read_bytes()
        assert first.startswith(start)
        if ending != ".pdf":  # the same data, the same file
            call(*command, *few, "--out", path)
            assert path.read_bytes() == first
    assert call(*command, *few, "--format", "latex").startswith("\\begin{table")


def test_the_list_of_commands_has_whole_sentences(monkeypatch, capsys):
    for arguments in (
        ["nasdip-bench"],
        ["nasdip-bench", "--help"],
        ["nasdip-bench", "leaderboard"],
    ):
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out = capsys.readouterr().out
        assert ended.value.code == 0
        assert "Commands:" in out
        assert "..." not in out.partition("Commands:")[2]


def test_every_command_has_image_and_task_as_options_of_one_form():
    import typer

    root = typer.main.get_command(cli.app)
    groups = [root, *(c for c in root.commands.values() if hasattr(c, "commands"))]
    commands = [c for g in groups for c in g.commands.values() if not hasattr(c, "commands")]
    of_tasks = 0
    for command in commands:
        for parameter in command.params:
            if parameter.name in ("image", "images", "task"):
                assert parameter.param_type_name == "option", command.name
                assert f"--{parameter.name.removesuffix('s')}" in parameter.opts
                of_tasks += parameter.name == "task"
    assert of_tasks > 15
