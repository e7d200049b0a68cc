"""Frames as text, and what commands print to a terminal, to a pipe and to files."""

from __future__ import annotations

import io
import os
import re
import shlex
import sys

import numpy as np
import pandas as pd
import pytest

from nasdip_bench.api import (
    cli,
    early_figure,
    figure1,
    figure3,
    figure4,
    gain_figure,
    noise_figure,
    predictor_figure,
    score_leaderboard_figure,
    search_figure,
    search_leaderboard_figure,
    stopping_figure,
    table1,
)
from nasdip_bench.api.exhibits.forms import frame_text
from nasdip_bench.api.paper.table1 import BEST_ITERATION
from nasdip_bench.api.statistics.tau_frame import MEAN

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


def kendall_with_mean(bench) -> pd.DataFrame:
    frame = bench.kendall("denoise", images=["lena", "boat"])
    frame.columns = ["/".join(column) for column in frame.columns]
    frame.loc[MEAN] = frame.mean(skipna=False)
    return frame


WITHIN = {"within": True, "images": ["lena"]}
FRAMES = {
    "kendall --images lena,boat": kendall_with_mean,
    "overlap -k 4 --images lena,boat": lambda b: b.overlap("denoise", k=4, images=["lena", "boat"]),
    "coverage": lambda b: b.coverage().set_index("fidelity"),
    "curve 0 --image lena": lambda b: b.curve(0, "lena", "denoise").to_frame(),
    "curve 0 --image lena --observables": (
        lambda b: b.observables(0, "lena", "denoise").to_frame()
    ),
    "agreement": lambda b: b.kendall_intervals("denoise"),
    "agreement --within --images lena": lambda b: b.kendall_intervals("denoise", **WITHIN),
    "agreement --between seeds --level 0.5": lambda b: b.seed_agreement("denoise", level=0.5),
    "agreement --between fidelities --within --images lena": (
        lambda b: b.fidelity_agreement("denoise", **WITHIN)
    ),
}
EXHIBITS = {
    "table 1 --task inpaint --target seconds --seed 1 --all": (
        lambda b: table1(b, "inpaint", target="seconds", seed=1, all_scores=True)
    ),
    "table best-iteration --all": lambda b: table1(b, target=BEST_ITERATION, all_scores=True),
    "figure 1 -k 3": lambda b: figure1(b, k=3),
    "figure 3 --score psd_db_mse": lambda b: figure3(b, score="psd_db_mse"),
    "figure 4 --task inpaint": lambda b: figure4(b, "inpaint"),
    "gain --targets last_psnr_smooth_db --resamples 5": (
        lambda b: gain_figure(b, "denoise", targets=["last_psnr_smooth_db"], resamples=5)
    ),
    "noise --level 0.5": lambda b: noise_figure(b, "denoise", level=0.5),
    "predictors --task inpaint --sizes 3,5 --repeats 2 --resamples 5": (
        lambda b: predictor_figure(b, "inpaint", sizes=(3, 5), repeats=2, resamples=5)
    ),
    "leaderboard scores -k 3 --against 'cell table'": (
        lambda b: score_leaderboard_figure(b, "denoise", k=3, against="cell table")
    ),
    "leaderboard scores -k 3": lambda b: score_leaderboard_figure(b, "denoise", k=3),
    "leaderboard search --targets best_psnr_smooth_db --repeats 2 --resamples 0": (
        lambda b: search_leaderboard_figure(
            b, "denoise", targets=["best_psnr_smooth_db"], repeats=2, resamples=0
        )
    ),
    "early --task inpaint": lambda b: early_figure(b, "inpaint"),
    "stopping --task inpaint --rule 'fixed(iteration=20)' --resamples 5": (
        lambda b: stopping_figure(b, "inpaint", rules=["fixed(iteration=20)"], resamples=5)
    ),
    "search --methods random,halving --images lena,boat --repeats 3 --budget 2m": (
        lambda b: search_figure(
            b, methods=["random", "halving"], images=["lena", "boat"], repeats=3, budget_seconds=120
        )
    ),
}


@pytest.fixture
def shown(call, monkeypatch):
    """What a command prints to a terminal of 100 columns."""

    def one(*arguments) -> str:
        with monkeypatch.context() as terminal:
            terminal.setattr(sys.stdout, "isatty", lambda: True, raising=False)
            terminal.setattr("shutil.get_terminal_size", lambda: os.terminal_size((100, 24)))
            status, out, err = call(*arguments)
        assert status == 0, err
        return out

    return one


@pytest.mark.parametrize("command", FRAMES)
def test_a_command_prints_the_frame_of_its_call(call, command, bench):
    printed = call(*shlex.split(command))
    assert printed == (0, FRAMES[command](bench).to_csv(lineterminator="\n"), "")


@pytest.mark.parametrize("command", EXHIBITS)
def test_a_command_prints_the_exhibit_of_its_call(call, command, bench):
    exhibit = EXHIBITS[command](bench)
    assert call(*shlex.split(command)) == (0, exhibit.csv(), "")
    assert exhibit.latex().startswith("\\begin{table")


# The last of each command: all forms go the same way.
ONE_EACH = {command.partition(" -")[0]: command for command in (*FRAMES, *EXHIBITS, "best -k 3")}


@pytest.mark.parametrize("command", ONE_EACH.values(), ids=ONE_EACH)
def test_a_terminal_gets_a_table_and_a_pipe_csv(call, shown, command, tmp_path):
    arguments = shlex.split(command)
    piped = call(*arguments)[1]
    assert len(pd.read_csv(io.StringIO(piped)).columns) > 2
    assert shown(*arguments, "--format", "csv") == piped
    on_terminal = shown(*arguments)
    assert re.search(r"\S  +\S", on_terminal)
    assert not re.search(r"\d\.\d{5}", on_terminal)
    assert "nan" not in re.findall(r"\w+", on_terminal.lower())
    fits = [line for line in on_terminal.splitlines() if not line.startswith("-- :")]
    assert max(map(len, fits)) <= 100
    path = tmp_path / "t.csv"
    assert call(*arguments, "--out", path)[1] == f"written: {path}\n"
    assert path.read_text() == piped


def test_kendall_shows_all_scores_and_their_mean(call, shown, bench, tmp_path):
    frame, text = bench.kendall("denoise"), shown("kendall")
    call("kendall", "--out", tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_text() == call("kendall", "--format", "text")[1] == text
    lines = [line.split() for line in text.splitlines()]
    at = lines.index(["score", *bench.images, "(mean)"])
    assert [line[0] for line in lines[at + 1 :]] == ["/".join(c) for c in frame.columns]
    for line, column in zip(lines[at + 1 :], frame.columns, strict=True):
        values = [*frame[column], frame[column].mean(skipna=False)]
        for cell, value in zip(line[1:], values, strict=True):
            assert cell == "--" if np.isnan(value) else abs(float(cell) - value) <= 5.1e-4


def test_an_exhibit_is_printed_in_latex_when_asked(call, bench):
    assert call("table", 1, "--format", "latex") == (0, table1(bench).latex(), "")


def test_text_says_what_its_numbers_are_of(shown):
    first = shown("best", "-k", 2).splitlines()[0]
    assert first == "task denoise, target stopped_psnr_smooth_db, fidelity r64, seeds 0, 1"


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
    assert of_tasks > 10
