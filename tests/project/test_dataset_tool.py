"""`make dataset` and its relatives: stages, time limit, one build at a time, pause, stop, errors.

A script that records its arguments stands for ``nasdip-build``.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.processes import processes, title, wait_until
from tests.tools import dataset
from tests.tools.dataset import STAGES, Workshop

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

FAKE = """#!{python} -IS
import json, os, sys, time
from pathlib import Path
here = Path({here!r})
with (here / "calls").open("a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
number = len((here / "calls").read_text().splitlines())
ending = json.loads((here / "endings").read_text())[number - 1]
if ending == "wait":
    print("1/200 units, 2.6 a minute", flush=True)
    while not (here / "go").exists():
        time.sleep(0.01)
    ending = 0
if isinstance(ending, str):
    print(ending, file=sys.stderr)
    ending = 2
if ending < 0:
    os.kill(os.getpid(), -ending)
sys.exit(ending)
"""
ALL_DONE = [0] * len(STAGES)


class Site:
    """A checkout in which a dataset is built, and its command line.

    Args:
        root: of the checkout.
        history: its git directory.
        commit: the one that froze the protocol.
    """

    def __init__(self, root: Path, history: Path, commit: str) -> None:
        self.shop = Workshop(root)
        self.images = root / "pictures"
        for folder in (self.shop.env / "bin", self.images, root / "data"):
            folder.mkdir(parents=True)
        (root / ".git").write_text(f"gitdir: {history}\n")
        self.commit = commit
        (self.shop.env / "commit").write_text(self.commit)
        script = self.shop.env / "bin" / "nasdip-build"
        script.write_text(FAKE.format(python=sys.executable, here=str(self.shop.root)))
        script.chmod(0o755)

    def ends(self, *endings: Any) -> None:
        """How the stages end: a status, a signal's number below 0, a line of error, or "wait"."""
        (self.shop.root / "endings").write_text(json.dumps(endings))

    def line(self, *options: str) -> list[str]:
        """A command line."""
        return [sys.executable, "-m", "tests.tools.dataset", f"--root={self.shop.root}", *options]

    @property
    def starting(self) -> list[str]:
        """The command line that begins the build."""
        return self.line("start", f"--commit={self.commit}", f"--images={self.images}")

    def run(self, command: list[str], status: int = 0) -> str:
        """Run a command; returns what it says, which is one line where it fails."""
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        assert len(done.stderr.splitlines()) == (1 if status else 0), done.stderr
        return done.stderr if status else done.stdout

    def calls(self) -> list[list[str]]:
        """The arguments of nasdip-build so far, one list a call."""
        text = (self.shop.root / "calls").read_text()
        return [json.loads(call) for call in text.splitlines()]

    def data(self, protocol: Any) -> None:
        """Make data/ of a protocol."""
        manifest = self.shop.root / "data" / "manifest.json"
        manifest.write_text(json.dumps({"protocol_version": protocol}))

    def drive(self, seconds: float | None = None) -> int:
        """Carry out the stages in this process."""
        lock = self.shop.claim()
        try:
            return dataset.drive(self.shop, self.images, seconds, lock)
        finally:
            os.close(lock)


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> tuple[Path, str]:
    """A git directory with one commit, and the commit."""
    folder = tmp_path_factory.mktemp("history")
    git = ["git", "-C", str(folder)]
    for setting in ("user.name=a", "user.email=a@b", "commit.gpgsign=false"):
        git += ["-c", setting]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "frozen"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return folder / ".git", head.stdout.strip()


@pytest.fixture
def site(tmp_path: Path, history: tuple[Path, str]) -> Iterator[Site]:
    made = Site(tmp_path, *history)
    try:
        yield made
    finally:
        for pid in [pid for pid in processes() if str(tmp_path) in title(pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _states(group: int) -> list[str]:
    """The states of the processes in a group that have not ended."""
    return [one.state for one in processes().values() if one.group == group]


def _option(call: list[str], name: str) -> list[str]:
    return [word.partition("=")[2] for word in call if word.startswith(f"--{name}=")]


def _seconds_left(call: list[str]) -> int:
    return int(_option(call, "time-limit")[0].removesuffix("s"))


# What is asked of nasdip-build


def test_the_stages_follow_each_other_with_all_options(site: Site):
    site.ends(*ALL_DONE)
    assert site.drive() == 0
    common = [f"--images-dir={site.images}", f"--out={site.shop.build}", "--device=cpu"]
    assert site.calls() == [["--fidelity=r64c16", *s.options, *common] for s in STAGES]
    assert [_option(call, "fidelity")[-1] for call in site.calls()] == [
        *["r64c16"] * 3,
        *["r64"] * 2,
    ]


def test_only_data_of_this_protocol_are_skipped(site: Site):
    for protocol in (1, 3, None, [], "two", dataset.PROTOCOL):
        site.data(protocol)
        skipped = _option(site.shop.command(STAGES[0], site.images, None), "skip")
        assert skipped == [str(site.shop.root / "data")] * (protocol == dataset.PROTOCOL)
    for text in ("", "[]", "{}"):
        (site.shop.root / "data" / "manifest.json").write_text(text)
        assert site.shop.data_protocol() is None


def test_each_stage_has_the_time_that_is_left(site: Site, monkeypatch, capfd):
    """A thousand seconds pass whenever the tool looks at the clock."""
    now = itertools.count(step=1000)
    clock = SimpleNamespace(
        monotonic=lambda: float(next(now)), strftime=time.strftime, sleep=time.sleep
    )
    monkeypatch.setattr(dataset, "time", clock)
    site.ends(*ALL_DONE)
    assert site.drive(3001) == dataset.EXIT_MORE_TO_DO
    assert [_seconds_left(call) for call in site.calls()] == [2001, 1001]
    assert "time is up before all 522, both seeds" in capfd.readouterr().out


# How it ends


def test_the_time_limit_ends_it_quietly(site: Site):
    site.ends(0, 75)
    site.run([*site.starting, "--for=150m"])
    assert len(site.calls()) == 2
    assert all(8900 < _seconds_left(call) <= 9000 for call in site.calls())


def test_a_stage_with_failures_does_not_hold_up_the_others(site: Site):
    site.ends(0, 1, 0, 0, 0)
    assert "some failed, see above" in site.run(site.starting, 2)
    assert len(site.calls()) == len(STAGES)
    assert "all 522, seed 0: some failed" in site.shop.progress.read_text()


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (-signal.SIGKILL, "the first 40, both seeds: ended by SIGKILL"),
        ("nasdip-build: cannot write: No space left", "nasdip-build: cannot write: No space left"),
    ],
)
def test_an_error_of_the_build_is_passed_on(site: Site, ending: Any, said: str):
    site.ends(ending)
    assert said in site.run(site.starting, 2)
    assert len(site.calls()) == 1
    assert said in site.run(site.line("status"))


# One build at a time


def test_of_starts_in_one_instant_one_builds(site: Site):
    site.ends(*["wait"] * 4)
    starts = [
        subprocess.Popen(
            site.starting, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    said = sorted(start.communicate()[1] for start in starts)
    assert [len(text.splitlines()) for text in said] == [0, 1, 1, 1]
    assert sorted(start.returncode for start in starts) == [0, 2, 2, 2]
    assert "is being built already: see 'make dataset-status'" in site.run(site.starting, 2)
    group = site.shop.group
    assert site.run(site.line("status")).splitlines()[0] == f"running, process group {group}"
    assert os.getpriority(os.PRIO_PGRP, group) == 19
    assert len(site.calls()) == 1


def test_the_build_holds_the_lock_when_its_driver_is_killed(site: Site):
    site.ends("wait")
    group = _started(site)
    os.kill(group, signal.SIGKILL)
    wait_until(lambda: len(_states(group)) == 1)
    assert site.shop.group == group
    site.run(site.line("stop"))
    assert not _states(group)


# Pause, resume, stop


def _started(site: Site) -> int:
    """Begin a build that waits; returns its process group."""
    assert "the dataset is being built (process group " in site.run(site.starting)
    group = site.shop.group
    assert group
    assert len(_states(group)) == 2
    return group


def test_pause_and_resume(site: Site):
    site.ends("wait", 0, 0, 0, 0)
    group = _started(site)
    site.run(site.line("pause"))
    wait_until(lambda: _states(group) == ["T", "T"])
    assert site.run(site.line("status")).startswith(f"paused, process group {group}\n")
    (site.shop.root / "go").touch()
    site.run(site.line("resume"))
    wait_until(lambda: site.shop.group is None)
    assert len(site.calls()) == len(STAGES)
    status = site.run(site.line("status"))
    assert status.startswith("not running\n")
    assert status.endswith("all is built\n")


@pytest.mark.parametrize("paused", [False, True])
def test_stop(site: Site, paused: bool):
    site.ends("wait", 75)
    group = _started(site)
    if paused:
        site.run(site.line("pause"))
        wait_until(lambda: _states(group) == ["T", "T"])
    site.run(site.line("stop"))
    assert site.shop.group is None
    wait_until(lambda: not _states(group))
    assert len(site.calls()) == 1
    site.run(site.starting)  # goes on at once
    assert len(site.calls()) == 2


def test_nothing_runs(site: Site, capsys):
    for command in ("pause", "resume", "stop"):
        assert dataset.main([command, f"--root={site.shop.root}"]) == 2
        assert capsys.readouterr().err == (
            "dataset: the dataset is not being built: start it with 'make dataset'\n"
        )


# Bad input


def test_options_that_cannot_be(site: Site, capsys):
    _, _, _, *starting = site.starting
    _, _, _, *releasing = site.line("release")
    for command, said in (
        ([*starting, "--images=none"], "there is no folder 'none' with the ten images"),
        ([*starting, "--commit=abc1234"], "the commit 'abc1234' that froze the protocol is not in"),
        ([*starting, "--for=0m"], "FOR='0m' must be a dur"),
        ([*starting, "--for=150"], "FOR='150' must be a dur"),
        (releasing, "say which version it becomes"),
    ):
        assert dataset.main(command) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
        assert site.shop.group is None


# The environment


def _python(site: Site, failing: str) -> str:
    """A Python that makes environments of a script, which fails where a word is among its words."""
    path = site.shop.root / "python"
    path.write_text(
        '#!/bin/sh\nif [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi\n'
        f'echo "$@" >> "{site.shop.root}/steps"\n'
        f'case "$*" in *{failing}*) echo "warning\nno network" >&2; exit 1;; esac\n'
    )
    path.chmod(0o755)
    return str(path)


def test_the_environment_is_made_anew_for_another_commit(site: Site):
    (site.shop.env / "commit").write_text("another")
    with pytest.raises(dataset.Mistake, match="failed: no network$"):
        dataset.prepare(site.shop, site.commit[:9], _python(site, failing="torch"))
    assert not (site.shop.env / "commit").exists()  # what is not whole is not used
    (site.shop.root / "steps").unlink()
    dataset.prepare(site.shop, site.commit[:9], _python(site, failing="nothing"))
    assert (site.shop.env / "commit").read_text() == site.commit
    assert not (site.shop.env / "bin" / "nasdip-build").exists()
    assert not (site.shop.folder / "code").exists()
    steps = (site.shop.root / "steps").read_text().splitlines()
    assert [step.split()[-1] for step in steps] == [
        str(site.shop.env), "torch", str(site.shop.folder / "code"),
    ]  # fmt: skip


# The release


@pytest.mark.parametrize(
    ("protocol", "sources", "replaced"),
    [(1, [], True), (2, ["data"], False), (3, [], False), (None, [], False)],
)
def test_release(site: Site, protocol: int | None, sources: list[str], replaced: bool, monkeypatch):
    site.data(protocol)
    steps: list[list[str]] = []

    def run(step: list[str], **_: Any) -> SimpleNamespace:
        steps.append(step)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(dataset.subprocess, "run", run)
    assert dataset.main(["release", "--version=0.11.0", f"--root={site.shop.root}"]) == 0
    merge, verify, docs = steps
    assert merge[1 : 3 + len(sources)] == ["release", *sources, str(site.shop.build)]
    assert merge[-2:] == ["--release-version", "0.11.0"]
    assert ("--replace" in merge) == replaced
    assert verify[1:] == ["verify", "--data", "data"]
    assert docs == ["make", "docs"]
