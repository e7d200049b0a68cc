"""The script for a machine with a GPU, dry: stages, shares, ends, and the list of builds."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nasdip_bench.builder import cli
from nasdip_bench.builder.packs import pack_keys, unpack
from nasdip_bench.builder.shards import BuildFolder
from nasdip_bench.command import run
from tests.builds import run_rows, score_rows

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
COMMON = ["--device=cpu", "--image-set=skimage", "--images=camera,coins", "--stack=1"]
FIRST = "--fidelity r64c16 --iterations 3 --architectures 1 --tasks denoise --scoring-inits 2"
SECOND = "--fidelity r64c16 --iterations 3 --architectures 2 --tasks denoise --scoring-inits 2"


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


def test_a_stage_that_fails_does_not_keep_the_later_ones(tmp_path: Path, capsys):
    from gpu import Stage

    stages = [
        Stage("one", 1, python("print('a'); raise SystemExit(3)")),
        Stage("two", 1, python("print('SECONDS left')")),
    ]
    status, log = run_stages(tmp_path, stages, 120)
    assert status == 1
    assert "== one: 60 s" in log
    assert float(log.rsplit("\n", 2)[1].split()[0]) == pytest.approx(104, abs=8)
    out = capsys.readouterr().out
    assert "one            3" in out
    assert "two            0" in out


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
    number = int((tmp_path / "child").read_text())
    state = Path(f"/proc/{number}/stat")
    if Path("/proc").is_dir():
        assert not state.exists() or " Z " in state.read_text()


def test_what_all_need_has_a_time_of_its_own_and_ends_the_rest_if_it_fails(tmp_path: Path):
    from gpu import Stage

    stages = [
        Stage("install", 0, python("print('SECONDS for it')"), seconds=50, needed=True),
        Stage("two", 1, python("print('SECONDS for the rest')")),
    ]
    status, log = run_stages(tmp_path, stages, 100)
    assert status == 0
    assert "34.0 for it" in log  # less the grace
    left = float(log.split(" for the rest'")[0].rsplit("'", 1)[1])
    assert left == pytest.approx(84, abs=8)
    stages[0] = Stage("install", 0, python("raise SystemExit(3)"), seconds=50, needed=True)
    before = len(log)
    status, log = run_stages(tmp_path, stages, 100)
    assert status == 1
    assert "== two" not in log[before:]


def test_more_to_build_is_no_failure(tmp_path: Path):
    from gpu import Stage

    stages = [Stage("one", 1, python("")), Stage("build", 1, python("raise SystemExit(75)"))]
    assert run_stages(tmp_path, stages, 60)[0] == 75
    status, log = run_stages(tmp_path, stages[:1], 1)
    assert status == 1
    assert "no time is left for it" in log


def test_every_line_of_the_list_is_a_build(capsys, tmp_path: Path, monkeypatch):
    """Its options are those of nasdip-build, and ask for something that there is."""
    from builds import read_list

    monkeypatch.chdir(tmp_path)
    lines = read_list(BENCHMARKS / "gpu_builds.txt")
    assert len(lines) >= 10
    asked: list[list[str]] = []
    for line in lines:
        # The set of stand-ins is asked for last, and lacks the ten images: all else is checked.
        arguments = [*shlex.split(line), "--images=lena", "--image-set=skimage"]
        asked.append(arguments)
        assert run("nasdip-build", cli.app, arguments) == 2
        assert "unknown image 'lena'" in capsys.readouterr().err, line
    assert read_list(BENCHMARKS / "gpu_builds.txt", "r512") == [ln for ln in lines if "r512" in ln]


def builds(tmp_path: Path, monkeypatch, *arguments: str) -> int:
    import builds

    monkeypatch.setattr(sys, "argv", ["builds.py", *arguments])
    return builds.main()


def test_builds_go_on_from_keys_and_bring_back_what_is_new(tmp_path: Path, monkeypatch, capsys):
    listed = tmp_path / "list.txt"
    listed.write_text(f"# first\n{FIRST}\n\n{SECOND}  # then this\n")
    home, there, packs = tmp_path / "home", tmp_path / "there", tmp_path / "packs"
    assert run("nasdip-build", cli.app, [*shlex.split(FIRST), *COMMON, f"--out={home}"]) == 0
    (keys,) = pack_keys(home, tmp_path).files
    options = [str(listed), f"--out={there}", f"--packs={packs}", f"--options={' '.join(COMMON)}"]
    capsys.readouterr()
    early = [*options, "--keys", str(keys), "--seconds=5"]
    assert builds(tmp_path, monkeypatch, *early) == 75
    assert capsys.readouterr().out.count("no time is left for:") == 2
    assert builds(tmp_path, monkeypatch, *options, "--seconds=300") == 0
    out = capsys.readouterr().out
    assert "0 units finished, 0 left" in out  # the first is known to be finished at home
    assert "3 units finished, 0 left" in out
    assert sorted(path.name.split("-")[0] for path in packs.iterdir()) == ["runs", "scores"]
    assert len(run_rows(home)) == 2
    taken = unpack(sorted(packs.iterdir()), home)
    assert (taken.runs, taken.scores) == (2, 2)
    assert len(run_rows(home)) == 4
    assert len({key[:3] for key in score_rows(home)}) == 4
    assert len(BuildFolder(there).finished().runs) == 4
    # A line that is wrong does not keep the others, nor what is packed.
    listed.write_text(f"--fidelity r65\n{FIRST}\n")
    assert builds(tmp_path, monkeypatch, *options, "--seconds=300") == 1
    assert len(list(packs.iterdir())) == 2


@pytest.mark.slow
def test_the_whole_script_dry(tmp_path: Path):
    """On a CPU: no test needs one, a tiny benchmark, a tiny build."""
    listed = tmp_path / "list.txt"
    listed.write_text(f"{FIRST}\n")
    done = subprocess.run(
        [
            *(sys.executable, str(BENCHMARKS / "gpu.py"), "--seconds=590", "--device=cpu"),
            f"--out={tmp_path / 'out'}",
            f"--build={tmp_path / 'build'}",
            f"--builds={listed}",
            f"--build-options={shlex.join(COMMON)}",
            "--bench-options=--sizes=64 --channels=16 --architectures=1 --seconds=0.01 --rounds=1 "
            "--tasks=denoise",
        ],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"log.txt", "cpu.json", "packs"}
    assert json.loads((tmp_path / "out" / "cpu.json").read_text())["training"]
    there = tmp_path / "there"
    assert unpack(sorted((tmp_path / "out" / "packs").iterdir()), there).runs == 2
    for name in ("install", "tests", "bench", "build"):
        assert f"\n{name:9}      0 " in done.stdout
