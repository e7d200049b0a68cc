"""`make dataset` and its relatives: stages, time limit, one build at a time, pause, stop, errors.

A script that records its arguments stands for ``nasdip-build``, except where its own errors count.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
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
REAL = """#!{python}
import sys
sys.path.insert(0, {tree!r})
from nasdip_bench.builder.cli import main
main()
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
        self.install(FAKE)

    def install(self, script: str) -> None:
        """Let a script stand for nasdip-build."""
        path = self.shop.env / "bin" / "nasdip-build"
        words = {"python": sys.executable, "here": str(self.shop.root), "tree": str(ROOT)}
        path.write_text(script.format(**words))
        path.chmod(0o755)

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


def _tick(monkeypatch, step: float) -> None:
    """Let a step pass whenever the tool looks at the clock."""
    now = iter(range(0, 10**6, int(step)))
    clock = SimpleNamespace(
        monotonic=lambda: float(next(now)), strftime=time.strftime, sleep=time.sleep
    )
    monkeypatch.setattr(dataset, "time", clock)


def test_each_stage_has_the_time_that_is_left(site: Site, monkeypatch):
    _tick(monkeypatch, 1000)
    site.ends(*ALL_DONE)
    assert site.drive(9000) == 0
    assert [_seconds_left(call) for call in site.calls()] == [8000, 7000, 6000, 5000, 4000]


def test_no_stage_begins_with_a_second_left(site: Site, monkeypatch, capfd):
    _tick(monkeypatch, 1000)
    site.ends(*ALL_DONE)
    assert site.drive(2001) == dataset.EXIT_MORE_TO_DO
    assert len(site.calls()) == 1
    assert "time is up before all 522, seed 0" in capfd.readouterr().out


# How it ends


def test_all_is_built(site: Site):
    site.ends(*ALL_DONE)
    assert site.run(site.starting).endswith("all is built\n")
    assert site.shop.group is None


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


def test_failures_and_then_the_time_limit(site: Site, capfd):
    site.ends(1, 75)
    assert site.drive(3600) == dataset.EXIT_MORE_TO_DO
    assert "both seeds: some failed" in capfd.readouterr().out


def test_the_build_is_killed(site: Site):
    site.ends(-signal.SIGKILL)
    assert "the first 40, both seeds: ended by SIGKILL" in site.run(site.starting, 2)
    assert len(site.calls()) == 1


def test_the_last_line_is_read_after_the_end(site: Site):
    error = "nasdip-build: cannot write: No space left on device"

    class Ending:
        returncode: int | None = None

        def wait(self, timeout: float) -> int:
            site.shop.progress.write_text(f"5/200 units, 2.6 a minute\n{error}\n")
            self.returncode = 2
            return 2

    with pytest.raises(dataset.Mistake, match=f"^{error}$"):
        dataset.watch(site.shop, Ending(), 0)  # type: ignore[arg-type]


# One build at a time


def test_a_second_start_is_refused(site: Site):
    site.ends("wait")
    group = _started(site)
    assert os.getpriority(os.PRIO_PGRP, group) == 19
    assert "is being built already: see 'make dataset-status'" in site.run(site.starting, 2)
    assert site.run(site.line("status")).splitlines()[0] == f"running, process group {group}"
    assert len(site.calls()) == 1


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
    assert len(site.calls()) == 1


def test_who_asks_does_not_hold_up_a_start(site: Site):
    site.shop.lock.touch()
    with site.shop.lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with pytest.raises(dataset.Mistake, match="is being built already"):
            site.shop.claim()
    os.close(site.shop.claim())


def test_a_build_in_preparation_has_no_group_yet(site: Site, capsys):
    site.shop.lock.write_text("1")  # left by one that was killed
    lock = site.shop.claim()
    try:
        assert site.shop.group == 0
        assert dataset.main(["status", f"--root={site.shop.root}"]) == 0
        assert capsys.readouterr().out == "about to begin\n"
        assert dataset.main(["stop", f"--root={site.shop.root}"]) == 2
        assert "try again in a moment" in capsys.readouterr().err
    finally:
        os.close(lock)
    assert site.shop.group is None


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


def test_a_build_that_does_not_listen_is_killed(site: Site, monkeypatch):
    script = FAKE.replace("import json", "import signal, json", 1)
    site.install(script.replace("here =", "signal.signal(15, signal.SIG_IGN)\nhere =", 1))
    site.ends("wait")
    group = _started(site)
    monkeypatch.setattr(dataset, "_PATIENCE_SECONDS", 0.1)
    dataset.stop(site.shop)
    wait_until(lambda: not _states(group))


def test_nothing_runs(site: Site, capsys):
    for command in ("pause", "resume", "stop"):
        assert dataset.main([command, f"--root={site.shop.root}"]) == 2
        assert capsys.readouterr().err == (
            "dataset: the dataset is not being built: start it with 'make dataset'\n"
        )


def test_the_status_of_a_fresh_checkout(tmp_path: Path, capsys):
    assert dataset.main(["status", f"--root={tmp_path}"]) == 0
    assert capsys.readouterr().out == "not running\n"
    assert not list(tmp_path.iterdir())


# Bad input


def _refused(site: Site, capsys, *options: str) -> str:
    """The one line of a start that is refused; nothing is built."""
    words = ["start", f"--root={site.shop.root}", f"--commit={site.commit}"]
    assert dataset.main([*words, f"--images={site.images}", *options]) == 2
    line = capsys.readouterr().err
    assert len(line.splitlines()) == 1
    assert site.shop.group is None
    return line


def test_options_that_cannot_be(site: Site, capsys):
    for option, said in (
        ("--images=none", "there is no folder 'none' with the ten images"),
        (
            "--commit=abc1234",
            "the commit 'abc1234' that froze the protocol is not in this checkout",
        ),
        *(
            (f"--for={text}", f"FOR='{text}' must be a dur")
            for text in ("0m", "150", "soon", "-3h")
        ),
    ):
        assert said in _refused(site, capsys, option)


def test_a_full_disk(site: Site, monkeypatch, capsys):
    monkeypatch.setattr(dataset.shutil, "disk_usage", lambda _: SimpleNamespace(free=3 << 20))
    assert "is full, 3 MiB are free: make room" in _refused(site, capsys)


def test_an_environment_without_the_builder(site: Site):
    (site.shop.env / "bin" / "nasdip-build").unlink()
    line = site.run(site.starting, 2)
    assert line.startswith("dataset: [Errno 2]")
    assert "nasdip-build" in line


def test_the_error_of_the_build_is_passed_on(site: Site):
    error = "nasdip-build: cannot write to the build folder 'build': No space left on device; ..."
    site.ends(error)
    assert site.run(site.starting, 2) == f"dataset: {error}\n"
    assert len(site.calls()) == 1
    assert site.run(site.line("status")).endswith(f"{error}\n")


@pytest.mark.images
@pytest.mark.parametrize("bad", ["protocol", "picture"])
def test_the_real_builder_refuses(site: Site, bad: str, images_dir: Path):
    site.install(REAL)
    shutil.copytree(images_dir, site.images, dirs_exist_ok=True)
    if bad == "protocol":
        site.shop.build.mkdir()
        settings = json.dumps({"protocol_version": 1, "image_set": "nasdip", "images": {}})
        (site.shop.build / "build.json").write_text(settings)
        said = "was built with protocol_version 1, now 2 is asked for"
    else:
        shutil.copy(images_dir / "boat.png", site.images / "lena.png")
        said = "lena.png' is not the catalogue's image 'lena': SHA-256"
    assert said in site.run(site.starting, 2)
    if bad == "protocol":
        assert (site.shop.build / "build.json").read_text() == settings


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
    dataset.prepare(site.shop, site.commit[:9], _python(site, failing="nothing"))
    assert (site.shop.env / "commit").read_text() == site.commit
    assert not (site.shop.env / "bin" / "nasdip-build").exists()
    assert not (site.shop.folder / "code").exists()
    steps = (site.shop.root / "steps").read_text().splitlines()
    assert [step.split()[-1] for step in steps] == [
        str(site.shop.env), "torch", str(site.shop.folder / "code"),
    ]  # fmt: skip


def test_an_environment_that_is_not_whole_is_not_used(site: Site, capsys):
    (site.shop.env / "commit").write_text("another")
    python = _python(site, failing="torch")
    assert _refused(site, capsys, f"--python={python}").endswith("failed: no network\n")
    assert not (site.shop.env / "commit").exists()


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


def test_a_release_without_a_version(site: Site):
    assert "say which version it becomes" in site.run(site.line("release"), 2)


def test_a_release_of_nothing(site: Site):
    assert site.run(site.line("release", "--version=0.11.0"), 2).startswith("nasdip-build: ")
