"""``nasdip-build`` as a stranger uses it, mistakes included."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nasdip_bench.builder.commands import build as build_command
from nasdip_bench.builder.engines import worker
from nasdip_bench.console.options import integers
from nasdip_bench.console.progress import parse_duration
from nasdip_bench.errors import ConfigError
from tests.builds import COMMAND, FIDELITY, nasdip_build, run_rows

MISTAKES = (
    (["--fidelity", "r65"], r"unknown fidelity 'r65'. Did you mean 'r64'\? Available: r512"),
    (["--bogus"], r"No such option:? ['\"]?--bogus"),
    (["relase", "x"], "No such command ['\"]?relase"),
    (["--seeds", "one"], "--seeds 'one' is not a list of numbers such as 0,1,2 or 0-2"),
    (["--tasks", "denose"], "unknown task 'denose'. Did you mean 'denoise'"),
    (["--tasks", "super_resolve_x2", "--fidelity", "r64"], "r64 has no task 'super_resolve'"),
    (["--architectures", "nofile.csv"], "'nofile.csv' is neither a number"),
    (["--iterations", "1.5"], "--iterations '1.5' must be a whole number$"),
    (["--iterations", "-5"], "iterations -5 must be a whole number of at least 0"),
    (["--workers", "-1"], "workers -1 must be a whole number of at least 0"),
    (["--stack", "-1"], "stack -1 must be a whole number of at least 0"),
    (["--seeds", "5-2"], "'5-2': a range must ascend over at most 10000 numbers"),
    (["--seeds", "0-99999999999"], "a range must ascend over at most 10000 numbers"),
    (
        ["--seeds", "3000000000", "--image-set", "skimage"],
        "seed 3000000000 must be a whole numb",
    ),
    (["--shard", ""], r"--shard '' is empty: give a value, or leave it out \(is a shell variable"),
    (["--out="], "--out '' is empty"),
    (["--scores", ","], "--scores ',' is empty"),
    (["release", "", "--out=x"], "argument 2 '' is empty"),
    (["--iterations", "2000000000"], "iterations 2000000000 must be a whole number from 1 to"),
    (["--precision", "tf32", "--device", "cpu", "--image-set", "skimage"], "needs a CUDA dev"),
    (["--out", "x", "release", "y"], "--out comes before the command 'release'"),
    (["--time-limit", "soon"], "time limit 'soon' is not a duration above 0 such as 90s"),
    (["--device", "tpu"], "device 'tpu' must be cpu, cuda or cuda:N"),
    (["--scores", "synfow"], "unknown score 'synfow'. Did you mean 'synflow'"),
    (["--scores", "snip,snip", "--image-set", "skimage"], "score snip is asked for twice"),
    (
        ["--scores", "snip", "--scoring-inits", "0", "--image-set", "skimage"],
        "scores snip are asked for, over 0 initialisations; give at least 1",
    ),
    (
        ["--out", "file.txt", "--dry-run", "--image-set", "skimage"],
        "'.*file.txt' is a file; na",
    ),
    (["experiments", "--out", "file.txt", "--dry-run"], "'.*file.txt' is a file; name another"),
    (["release"], "Missing argument '(sources|SOURCES...)'"),
    (["release", "nothing"], "Missing option '--out'"),
)


def test_mistakes_are_one_line_and_exit_status_2(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("")
    for arguments, message in MISTAKES:
        status, out, err = nasdip_build(capsys, *arguments)
        assert (status, out) == (2, ""), arguments
        assert err.count("\n") == 1
        assert err.startswith("nasdip-build: ")
        assert re.search(message, err), err
        assert list(tmp_path.iterdir()) == [tmp_path / "file.txt"]


def test_a_build_and_its_release(tmp_path: Path, capsys):
    out, data = tmp_path / "build", tmp_path / "data"
    command = [*COMMAND, "--scores=snip", f"--out={out}"]
    status, text, err = nasdip_build(capsys, *command, "--workers=1")
    assert status == 0
    assert text.startswith("10 units finished, 0 left, 0 diverged, 0 failed")
    assert "10/10 units" in err
    status, text, _ = nasdip_build(capsys, "release", out, f"--out={data}", "--name=mine")
    assert status == 0
    assert "2 architectures, 2 images (skimage)" in text
    assert "verified" in text
    assert f"{FIDELITY} denoise: seed 0: 4 of 4 runs; 2 scored" in text
    status, text, _ = nasdip_build(capsys, *command, "--dry-run")
    assert status == 0
    assert "nothing is left to do" in text


def test_a_time_limit_exits_with_75(tmp_path: Path, capsys, monkeypatch):
    real = worker.fit_stack

    def slow(*arguments, **options):
        (result,) = real(*arguments, **options)
        return [type(result)(**(vars(result) | {"seconds": 1000.0}))]

    monkeypatch.setattr(worker, "fit_stack", slow)
    options = ("--workers=1", "--scoring-inits=0", "--time-limit=5m", f"--out={tmp_path}")
    status, out, err = nasdip_build(capsys, *COMMAND, *options)
    assert status == build_command.EXIT_MORE_TO_DO == 75
    assert "denoise, seed 0: 1 of 4, 3 left\n" in out
    assert "stopped at the time limit; the same command goes on from here" in err
    assert len(run_rows(tmp_path)) == 1


def test_a_time_limit_in_which_nothing_fits_says_so(tmp_path: Path, capsys):
    options = ("--iterations=100000", "--workers=1", "--scoring-inits=0", "--time-limit=1s")
    status, _, err = nasdip_build(capsys, *COMMAND, *options, f"--out={tmp_path}")
    assert status == 2
    assert "nothing could be finished within the time limit '1s': give a longer one" in err


def test_failures_exit_with_1(tmp_path: Path, capsys, monkeypatch):
    def failing(*arguments, **options):
        raise RuntimeError("no kernel")

    monkeypatch.setattr("nasdip_bench.builder.engines.worker.fit_stack", failing)
    options = ("--workers=1", "--scoring-inits=0", f"--out={tmp_path}")
    status, out, err = nasdip_build(capsys, *COMMAND, *options)
    assert status == build_command.EXIT_FAILURES == 1
    assert "8 failed" in out
    assert "the same command tries them again" in err


def test_scores_alone(tmp_path: Path, capsys):
    options = ("--scores-only", "--scores=snip", "--workers=1", f"--out={tmp_path}")
    status, text, _ = nasdip_build(capsys, *COMMAND, *options, "--shard=1/1")
    assert status == 0
    assert text.startswith("2 units finished")
    assert run_rows(tmp_path) == {}


def test_help_version_and_images(capsys):
    status, out, _ = nasdip_build(capsys, "--help")
    assert status == 0
    for option in ("--images", "--time-limit", "--dry-run", "release"):
        assert option in out
    assert nasdip_build(capsys, "--version")[:2] == (0, "nasdip-build 0.1.0\n")
    status, out, _ = nasdip_build(capsys, "images")
    assert out.split()[:2] == ["misc", "lena"]


def test_durations_and_lists_of_numbers():
    for text, seconds in (
        *(("90", 90), ("90s", 90), ("9m", 540), ("2min", 120), ("2h", 7200)),
        *(("1m0.5s", 60.5), ("0.5h", 1800), ("1h30m", 5400)),
    ):
        assert parse_duration(text) == seconds
    for text in ("", "m", "9x", "-5", "0", "0s", "1h30", "1m2h"):
        with pytest.raises(ConfigError, match="is not a duration"):
            parse_duration(text)
    for text, numbers in (("0", (0,)), ("0,2", (0, 2)), ("1-3,7", (1, 2, 3, 7))):
        assert integers("--seeds", text) == numbers


def test_the_installed_command_survives_a_closed_pipe():
    command = Path(sys.executable).with_name("nasdip-build")
    done = subprocess.run(
        f"{command} --help | head -1",
        shell=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert done.stdout.startswith("Usage: nasdip-build")
    assert done.stderr == ""
