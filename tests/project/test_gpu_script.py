"""The script for a machine with a GPU, dry: stages, shares, ends, and what is carried home."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.builder import cli
from nasdip_bench.console.app import run
from nasdip_bench.verify.tables import find_problems
from tests.processes import alive

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
COMMON = ["--device=cpu", "--image-set=skimage", "--images=camera,coins", "--stack=1"]
COMMON += ["--workers=1"]
SLICE = "--fidelity r64c16 --iterations 3 --tasks denoise --scores psd_db_mse,snip"
FIRST = f"{SLICE} --scoring-inits 2 --architectures 1"
SECOND = f"{SLICE} --scoring-inits 2 --architectures 2"


@pytest.fixture(autouse=True)
def _scripts_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def python(code: str):
    return lambda seconds: [sys.executable, "-c", code.replace("SECONDS", f"{seconds:.1f}")]


def run_stages(tmp_path: Path, stages, seconds: float) -> tuple[int, str]:
    import gpu

    with (tmp_path / "log.txt").open("ab", buffering=0) as log:
        status = gpu.run_stages(
            stages, time.monotonic() + seconds, log.fileno(), tmp_path / "log.txt"
        )
    return status, (tmp_path / "log.txt").read_text()


PASS, FAIL, MORE = (python(f"raise SystemExit({status})") for status in (0, 3, 75))


@pytest.mark.parametrize(
    ("stages", "seconds", "status", "said"),
    [
        (  # one that fails does not keep the later ones, which share its time
            [("one", 1, FAIL), ("two", 1, PASS)],
            120,
            1,
            (r"== one: 60 s", r"== two: 1[12]\d s", r"one +3 ", r"two +0 "),
        ),
        (  # the time of a later one is kept for it
            [("build", 1, PASS), ("carry", 0, python("print('SECONDS left')"), 40)],
            100,
            0,
            (r"== build: 60 s", r"== carry: 40 s", r"\n24.0 left\n"),
        ),
        (  # what all need ends the rest if it fails
            [("install", 0, FAIL, 50, True), ("two", 1, PASS)],
            100,
            1,
            (r"without install nothing else can be done",),
        ),
        ([("one", 1, PASS), ("build", 1, MORE)], 60, 75, (r"build +75 ",)),  # is no failure
        ([("one", 1, PASS)], 1, 1, (r"no time is left for it",)),
    ],
)
def test_stages_share_the_time(tmp_path: Path, capsys, stages, seconds, status, said):
    from gpu import Stage

    found, log = run_stages(tmp_path, [Stage(*one) for one in stages], seconds)
    out = capsys.readouterr().out
    assert found == status
    assert all(re.search(one, log + out) for one in said), log + out
    assert log.count("\n== ") == (1 if "without" in out else len(stages))


def test_a_stage_that_runs_over_is_ended_with_what_it_started(tmp_path: Path, monkeypatch):
    import gpu

    monkeypatch.setattr(gpu, "_GRACE_SECONDS", 1.5)
    child = f"open({str(tmp_path / 'child')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"subprocess.Popen([sys.executable, '-c', {f'import os, time; {child}'!r}]); time.sleep(60)"
    )
    stages = [gpu.Stage("one", 1, python(code)), gpu.Stage("two", 1, python("print('here')"))]
    started = time.monotonic()
    status, log = run_stages(tmp_path, stages, 12)
    assert time.monotonic() - started < 11
    assert status == 1
    assert "out of time" in log
    assert "\nhere\n" in log
    assert not alive(int((tmp_path / "child").read_text()))


def options(tmp_path: Path, monkeypatch, *more: str):
    import gpu

    common = ["--seconds=1", f"--out={tmp_path}", f"--build={tmp_path / 'build'}"]
    monkeypatch.setattr(sys, "argv", ["gpu.py", *common, *more])
    return gpu._options()


def test_the_tests_that_need_a_gpu_are_found(tmp_path: Path, monkeypatch):
    import gpu

    [stage] = gpu._tests(options(tmp_path, monkeypatch), tmp_path)
    assert str(BENCHMARKS.parent / "tests" / "project" / "test_gpu.py") in stage.command(1)


def test_the_slice_is_a_build(tmp_path: Path, monkeypatch, capsys):
    """Its options are those of nasdip-build, and ask for something that there is."""
    import gpu

    # The set of stand-ins lacks the ten images, which are looked for last: all else is checked.
    given = options(tmp_path, monkeypatch, "--device=cpu", "--build-options=--image-set skimage")
    build, _ = gpu._build(given, tmp_path)
    command = build.command(100)
    assert command[-1] == "--time-limit=80s"
    assert run("nasdip-build", cli.app, command[3:]) == 2
    assert "unknown image 'lena'" in capsys.readouterr().err


def unpacked(out: Path, home: Path) -> Path:
    parts = sorted(out.glob("release.tar.*"))
    with tarfile.open(fileobj=io.BytesIO(b"".join(map(Path.read_bytes, parts)))) as archive:
        archive.extractall(home, filter="data")
    return home / "release"


def test_what_is_carried_away_is_a_release(small_build: Path, tmp_path: Path, monkeypatch):
    """It replaces what was carried before; without a build there is nothing to carry."""
    import gpu

    out = tmp_path / "out"
    out.mkdir()
    for name in ("cuda.json", "release.tar.7"):
        (out / name).write_text("{}")

    def carry(build: Path) -> int:
        _, stage = gpu._build(options(tmp_path, monkeypatch, f"--build={build}"), out)
        return subprocess.run(stage.command(60), capture_output=True, check=False).returncode

    assert carry(tmp_path / "none") == 2
    assert carry(small_build) == 0
    assert {path.name for path in out.iterdir()} == {"cuda.json", "release.tar.0"}
    assert find_problems(unpacked(out, tmp_path / "home")) == []


@pytest.mark.slow
def test_the_whole_script_dry(tmp_path: Path):
    """On a CPU: no test needs one, a tiny benchmark, a tiny build."""
    done = subprocess.run(
        [
            *(sys.executable, str(BENCHMARKS / "gpu.py"), "--seconds=590", "--device=cpu"),
            f"--out={tmp_path / 'out'}",
            f"--build={tmp_path / 'build'}",
            f"--build-options={FIRST} {shlex.join(COMMON)}",
            "--bench-options=--sizes=64 --channels=16 --architectures=1 --seconds=0.01 --rounds=1 "
            "--tasks=denoise",
        ],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    carried = {path.name for path in (tmp_path / "out").iterdir()}
    assert carried == {"log.txt", "cpu.json", "release.tar.0"}
    assert json.loads((tmp_path / "out" / "cpu.json").read_text())["training"]
    bench = NASDIPBench(unpacked(tmp_path / "out", tmp_path / "home"))
    assert bench.manifest.task("r64c16i3", "denoise").runs == 2
    for name in ("install", "tests", "bench", "build", "carry"):
        assert f"\n{name:9}      0 " in done.stdout
