"""Engines and what ends them: time limits, errors, signals, the death of workers or the builder."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from nasdip_bench.builder.engines.local import in_processes, in_this_process
from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.console.interruption import Interruption
from nasdip_bench.errors import BuildError
from tests.builder.stub import Stub
from tests.builds import COMMAND, SCORES, assert_same_runs, nasdip_build, run_rows, score_rows
from tests.processes import BUILD, alive, descendants, wait_until

# -- stubs as workers ------------------------------------------------------------------------------


def done(units: list[Path], workers: int) -> list[Path]:
    """The units in the order in which processes do them."""
    made = in_processes(units, Stub, Interruption(), lambda _: True, workers=workers)
    return [unit for unit, _ in made]


def test_a_unit_that_cannot_end_in_time_is_not_begun():
    asked = []

    def fits(unit: Path) -> bool:
        asked.append(unit)
        return False

    units = [Path("first"), Path("second")]
    for engine in (in_this_process, partial(in_processes, workers=2)):
        assert list(engine(units, Stub, Interruption(), fits)) == []
    assert asked == [units[0]] * 2


def test_an_error_in_a_worker_reaches_the_builder():
    with pytest.raises(ValueError, match="unit fails") as error:
        done([Path("fails")], workers=1)
    assert "in a worker process" in str(error.value.__cause__)
    assert "in execute" in str(error.value.__cause__)


def test_the_others_do_the_unit_of_a_worker_that_dies(tmp_path: Path, caplog):
    """After all others, as it may kill them too."""
    units = [tmp_path / name for name in ("dies", "1", "2", "3")]
    assert done(units, workers=2) == [*units[1:], units[0]]
    assert caplog.text.count("1 more go on") == 1
    units[0].unlink()
    with pytest.raises(BuildError, match="no other is left; .* again, with fewer --workers"):
        done(units, workers=1)


# -- builds -------------------------------------------------------------------------------------


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    """Begins the command with two workers, in a group of its own; it ends with the test."""
    begun = []

    def call(folder: Path, *options: str) -> subprocess.Popen:
        begun.append(
            subprocess.Popen(
                [*BUILD, *COMMAND, f"--out={folder}", "--workers=2", *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return begun[-1]

    yield call
    for process in begun:
        process.kill()  # the workers end when the builder does
        process.communicate()


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_a_signal_stops_cleanly_and_the_same_command_resumes(
    tmp_path, capsys, monkeypatch, small_build, number, workers
):
    """To the builder alone, whose workers do not hear it."""
    command = [*COMMAND, "--scoring-inits=0", f"--out={tmp_path}"]
    write = BuildFolder.write

    def then_a_signal(self: BuildFolder, *arguments) -> None:
        write(self, *arguments)
        if len(list(tmp_path.glob("shards/*"))) == 2:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(BuildFolder, "write", then_a_signal)
        status, out, err = nasdip_build(capsys, *command, f"--workers={workers}")
    assert status == 128 + number
    assert "the same command goes on from here" in err
    before = {p.name for p in tmp_path.glob("shards/*")}
    assert 2 <= len(before) < 8
    assert f"{len(before)} units finished" in out
    assert not list(tmp_path.rglob(".*.tmp"))
    assert nasdip_build(capsys, *command, "--workers=1")[0] == 0
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert before < {p.name for p in tmp_path.glob("shards/*")}
    assert len(run_rows(tmp_path)) == 8  # asserts that no run is there twice
    assert_same_runs(tmp_path, small_build)


def test_a_killed_build_is_finished_by_others(start, small_build: Path, tmp_path: Path, capsys):
    """Kill -9, on which the workers end too; another process makes of it what it builds alone."""
    process = start(tmp_path, "--scoring-inits=0", "--seeds=0-99")
    wait_until(lambda: len(list(tmp_path.glob("shards/*.parquet"))) >= 2, process)
    children = descendants(process.pid)
    assert len(children) >= 2
    process.kill()
    process.communicate()
    wait_until(lambda: not any(map(alive, children)), seconds=20)
    kept = run_rows(tmp_path)
    options = (f"--scores={','.join(SCORES)}", "--workers=1", f"--out={tmp_path}")
    assert nasdip_build(capsys, *COMMAND, *options)[0] == 0
    found, expected = run_rows(tmp_path), run_rows(small_build)
    assert found.items() >= kept.items()
    assert found.keys() == expected.keys() | kept.keys()
    assert_same_runs(tmp_path, small_build)
    assert score_rows(tmp_path) == pytest.approx(score_rows(small_build), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("number", "status", "says"),
    [
        (signal.SIGINT, 128 + signal.SIGINT, "the same command goes on from here"),
        (signal.SIGKILL, 2, "and no other is left; what is finished is kept"),
    ],
)
def test_workers_may_be_struck_while_they_start(start, tmp_path: Path, number, status, says):
    """Stopped before they can read what they were sent; then a signal to all, or death of each."""
    process = start(tmp_path)
    stopped: set[int] = set()

    def all_stopped() -> bool:
        for child, command in descendants(process.pid).items():
            if "spawn_main" in command and child not in stopped:
                os.kill(child, signal.SIGSTOP)
                stopped.add(child)
        return len(stopped) == 2

    try:
        wait_until(all_stopped, process)
        for child in stopped:
            status_lines = Path(f"/proc/{child}/status").read_text().splitlines()
            (blocked,) = (int(line[7:], 16) for line in status_lines if line.startswith("SigBlk:"))
            assert all(blocked >> (s - 1) & 1 for s in (signal.SIGINT, signal.SIGTERM))
        if number == signal.SIGKILL:
            for child in stopped:
                os.kill(child, number)
        else:
            os.killpg(process.pid, number)
        out, err = process.communicate(timeout=60)
    finally:
        for child in filter(alive, stopped):
            os.kill(child, signal.SIGKILL)
    assert process.returncode == status
    assert says in err
    assert "0 units finished, 10 left" in out
    assert "Traceback" not in err
