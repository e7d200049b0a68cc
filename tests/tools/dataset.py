"""Builds ``data/`` in the background: the commands behind ``make dataset`` and its relatives.

    builds/dataset/env             a separate environment with an installed copy of the code that
                                   froze the protocol, so that the tree can be edited meanwhile
    builds/dataset/build           the build folder; kept, and never committed
    builds/dataset/progress        the output of the build
    builds/dataset/lock            held during preparation and build; contains the process group
    builds/dataset/reruns.parquet  if it is there: what `nasdip-build recompute --save` found,
                                   which a release takes up

Uses only the standard library, since the tool makes the environment it needs.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = 2
EXIT_FAILURES, EXIT_MISTAKE, EXIT_MORE_TO_DO = 1, 2, 75
_PATIENCE_SECONDS = 60
"""How long to watch a start (a build that cannot begin says so sooner), and to wait for a stop."""
_WORTHWHILE_SECONDS = 60
"""With less time left, no stage except the first is started."""
_LEAST_BYTES = 64 << 20
"""With less disk space, the progress file may not even hold the reason for a failure."""


class Mistake(Exception):  # noqa: N818 - the user's, not ours
    """An error reported to the user in one line."""


@dataclass(frozen=True)
class Stage:
    """A part of the build: options of ``nasdip-build``."""

    name: str
    options: tuple[str, ...]


_BRIDGE = ("--fidelity=r64", "--images=lena,barbara", "--architectures=40")
STAGES = (
    Stage("the first 40, both seeds", ("--architectures=40", "--seeds=0,1")),
    Stage("all 522, seed 0", ("--seeds=0",)),
    Stage("all 522, both seeds", ("--seeds=0,1",)),
    Stage("r64: 40 architectures, denoise", (*_BRIDGE, "--tasks=denoise")),
    Stage("r64: 40 architectures, inpaint", (*_BRIDGE, "--tasks=inpaint")),
)
"""In order. The first allows trying everything; the bridge to full width comes last."""


class Workshop:
    """Where the dataset is built.

    Args:
        root: of the checkout.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root.resolve()
        self.folder = self.root / "builds" / "dataset"
        self.env = self.folder / "env"
        self.build = self.folder / "build"
        self.progress = self.folder / "progress"
        self.reruns = self.folder / "reruns.parquet"
        self.lock = self.folder / "lock"

    @property
    def group(self) -> int | None:
        """The process group of the running build; 0 during preparation, None without a build."""
        with suppress(FileNotFoundError), self.lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0)
        return None

    def claim(self) -> int:
        """Take the lock; it is held until every process with the descriptor has closed it.

        Raises:
            Mistake: another build holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o644)
        for _ in range(10):  # a call of `group` holds it briefly
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.02)
                continue
            os.ftruncate(lock, 0)
            return lock
        os.close(lock)
        raise Mistake(
            "the dataset is being built already: see 'make dataset-status', or stop it with "
            "'make dataset-stop'"
        )

    def data_protocol(self) -> int | None:
        """The protocol of ``data/``; None if it cannot be read."""
        manifest = self.root / "data" / "manifest.json"
        try:
            return int(json.loads(manifest.read_text(encoding="utf-8"))["protocol_version"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def command(self, stage: Stage, images: Path, left: float | None) -> list[str]:
        """The command line of a stage; it skips what ``data/`` already has of this protocol."""
        return [
            str(self.env / "bin" / "nasdip-build"),
            "--fidelity=r64c16",
            *stage.options,
            f"--images-dir={images}",
            f"--out={self.build}",
            "--device=cpu",
            *([] if left is None else [f"--time-limit={max(1, int(left))}s"]),
            *([f"--skip={self.root / 'data'}"] if self.data_protocol() == PROTOCOL else []),
        ]


def start(shop: Workshop, commit: str, images: Path, duration: str, python: str) -> None:
    """Start or continue the build in the background.

    Raises:
        Mistake: it cannot start.
    """
    seconds = _seconds(duration) if duration else None
    if not images.is_dir():
        raise Mistake(
            f"there is no folder {str(images)!r} with the ten images: name it, as in "
            f"'make dataset IMAGES=DIR'"
        )
    lock = shop.claim()
    try:
        free = shutil.disk_usage(shop.folder).free
        if free < _LEAST_BYTES:
            raise Mistake(
                f"the disk of {shop.folder} is full, {free >> 20} MiB are free: make room and "
                f"give the same command again; what is finished is kept"
            )
        prepare(shop, commit, python)
        seen = shop.progress.stat().st_size if shop.progress.exists() else 0
        process = launch(shop, images, seconds, lock)
    finally:
        os.close(lock)  # the build holds it too
    print(watch(shop, process, seen))


def launch(
    shop: Workshop, images: Path, seconds: float | None, lock: int
) -> subprocess.Popen[bytes]:
    """Start `drive` in a new process group that inherits the lock."""
    drive = [sys.executable, __file__, "drive", f"--root={shop.root}"]
    drive += [f"--images={images.resolve()}", f"--lock={lock}"]
    drive += [] if seconds is None else [f"--seconds={seconds}"]
    # The tree must not come before the installed copy.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with shop.progress.open("ab") as log:
        return subprocess.Popen(
            drive, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=env, pass_fds=(lock,), start_new_session=True,
        )  # fmt: skip


def watch(shop: Workshop, process: subprocess.Popen[bytes], seen: int) -> str:
    """Wait until the build has finished a unit or ended; return the message to print.

    Args:
        shop: where it is built.
        process: the build.
        seen: length of the progress file before it started.

    Raises:
        Mistake: it ended although work and time were left.
    """
    deadline, said, running = time.monotonic() + _PATIENCE_SECONDS, "", True
    while running and " units, " not in said and time.monotonic() < deadline:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
            running = False
        said = shop.progress.read_bytes()[seen:].decode(errors="replace")  # whole, once it ended
    if running:
        _yield_to_other_sessions(process.pid)
        return f"the dataset is being built (process group {process.pid}): {shop.progress}"
    if process.returncode < 0:
        raise Mistake(f"the build was ended by {signal.Signals(-process.returncode).name}")
    last = ([line for line in said.splitlines() if line.strip()] or ["it said nothing"])[-1]
    if process.returncode not in (0, EXIT_MORE_TO_DO):
        raise Mistake(last.removeprefix("dataset: "))
    return last


def prepare(shop: Workshop, commit: str, python: str) -> None:
    """Install the frozen code in a separate environment, unless it is already there.

    Raises:
        Mistake: the commit is not in this checkout, or cannot be installed.
    """
    found = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"],
        cwd=shop.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if found.returncode:
        raise Mistake(
            f"the commit {commit!r} that froze the protocol is not in this checkout: fetch the "
            f"whole history, or name another with 'make dataset DATASET_CODE=COMMIT'"
        )
    whole, ready = found.stdout.strip(), shop.env / "commit"
    if ready.exists() and ready.read_text() == whole:
        return
    print(f"installing the code of {whole[:7]} in {shop.env}", flush=True)
    ready.unlink(missing_ok=True)
    code = shop.folder / "code"
    for old in (code, shop.env):
        shutil.rmtree(old, ignore_errors=True)
    code.mkdir()
    archive = code / "code.tar"
    pip = [str(shop.env / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--constraint", str(code / "constraints.txt")]
    for step in (
        ["git", "archive", f"--output={archive}", whole],
        ["tar", "-x", "-f", str(archive), "-C", str(code)],
        [python, "-m", "venv", str(shop.env)],
        [*pip, "torch"],
        [*pip, str(code)],
    ):
        done = subprocess.run(step, cwd=shop.root, capture_output=True, text=True, check=False)
        if done.returncode:
            what = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise Mistake(f"{' '.join(step[:4])} ... failed: {what}")
    shutil.rmtree(code)
    ready.write_text(whole)


def _yield_to_other_sessions(pid: int) -> None:
    """Give the session of a process the lowest priority.

    Linux divides the processor among sessions first, and applies niceness only within each. Call it
    only after the build has begun: a slow start would take minutes to report that it cannot begin.
    """
    with suppress(OSError):  # another system, or a kernel without autogroups
        Path(f"/proc/{pid}/autogroup").write_text("19", encoding="ascii")


def drive(shop: Workshop, images: Path, seconds: float | None, lock: int) -> int:
    """Run the stages in child processes that hold the lock; return the exit status."""
    deadline = None if seconds is None else time.monotonic() + seconds
    status = 0
    for number, stage in enumerate(STAGES):
        left = None if deadline is None else deadline - time.monotonic()
        if number and left is not None and left < _WORTHWHILE_SECONDS:
            _note(f"time is up before {stage.name}; 'make dataset' continues from here")
            return EXIT_MORE_TO_DO
        _note(stage.name)
        command = shop.command(stage, images, left)
        done = subprocess.run(command, cwd=shop.folder, check=False, pass_fds=(lock,)).returncode
        if done < 0:
            _note(f"{stage.name}: ended by {signal.Signals(-done).name}")
            return 128 - done
        if done == EXIT_FAILURES:
            status = done
            _note(f"{stage.name}: some failed, see above; the next 'make dataset' tries them again")
        elif done:
            return done
    _note("some failed, see above; 'make dataset' tries them again" if status else "all is built")
    return status


def signal_group(shop: Workshop, which: signal.Signals) -> int:
    """Send a signal to the whole build; return its process group.

    Raises:
        Mistake: no build is running.
    """
    group = shop.group
    if group == 0:
        raise Mistake("the dataset is about to be built: try again in a moment")
    with suppress(ProcessLookupError):
        if group is not None:
            os.killpg(group, which)
            return group
    raise Mistake("the dataset is not being built: start it with 'make dataset'")


def stop(shop: Workshop) -> None:
    """Stop the build, paused or not, and wait until it has ended."""
    group = signal_group(shop, signal.SIGTERM)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGCONT)  # a paused process would ignore the other
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while shop.group == group and time.monotonic() < deadline:
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)  # remaining workers; finished work is on disk


def status(shop: Workshop) -> None:
    """Print whether the build runs, and its last output."""
    group = shop.group
    if group:
        print(f"{'paused' if _paused(group) else 'running'}, process group {group}")
    else:
        print("not running" if group is None else "about to begin")
    if shop.progress.exists():
        lines = re.split(r"[\r\n]+", shop.progress.read_text(errors="replace").strip())
        print("\n".join(lines[-3:]))


def release(shop: Workshop, version: str) -> int:
    """Merge finished work into ``data/``, verify it, and update the docs about it.

    Data of an earlier protocol are replaced.

    Returns:
        the exit status; a step that fails reports why.

    Raises:
        Mistake: no version is given.
    """
    if not version:
        raise Mistake("say which version it becomes: 'make dataset-release VERSION=0.11.0'")
    tools, found = Path(sys.executable).parent, shop.data_protocol()
    sources = [*(["data"] if found == PROTOCOL else []), str(shop.build)]
    replace = ["--replace"] if found is not None and found < PROTOCOL else []
    reruns = ["--reruns", str(shop.reruns)] if shop.reruns.exists() else []
    merge = [str(tools / "nasdip-build"), "release", *sources, "--out", "data", *replace, *reruns]
    for step in (
        [*merge, "--release-version", version],
        [str(tools / "nasdip-bench"), "verify", "--data", "data"],
        ["make", "docs"],
    ):
        if subprocess.run(step, cwd=shop.root, check=False).returncode:
            return EXIT_MISTAKE
    return 0


def _note(text: str) -> None:
    print(f"{time.strftime('%F %T')} {text}", flush=True)


def _paused(group: int) -> bool:
    """Whether the leader of a process group is stopped; False if the system cannot tell."""
    with suppress(OSError):
        return Path(f"/proc/{group}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if match is None or not float(match[1]):
        raise Mistake(f"FOR={text!r} must be a duration such as 150m, 9h or 90s")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dataset", description=__doc__.splitlines()[0])
    names = ("start", "drive", "pause", "resume", "stop", "status", "release")
    parser.add_argument("command", choices=names)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--images", type=Path, default=Path("images"))
    parser.add_argument("--commit", default="HEAD")
    parser.add_argument("--for", dest="duration", default="")
    parser.add_argument("--python", default="python3")
    parser.add_argument("--version", default="")
    parser.add_argument("--seconds", type=float, help="for drive, which start launches")
    parser.add_argument("--lock", type=int, default=-1, help="for drive: a descriptor")
    return parser


def _carry_out(shop: Workshop, given: argparse.Namespace) -> int:
    match given.command:
        case "start":
            start(shop, given.commit, given.images, given.duration, given.python)
        case "drive":
            os.nice(19)
            os.pwrite(given.lock, str(os.getpgrp()).encode(), 0)
            return drive(shop, given.images, given.seconds, given.lock)
        case "pause":
            signal_group(shop, signal.SIGSTOP)
            print("paused; continue with 'make dataset-resume'")
        case "resume":
            signal_group(shop, signal.SIGCONT)
            print("the build continues")
        case "stop":
            stop(shop)
            print("stopped; 'make dataset' continues from there")
        case "status":
            status(shop)
        case "release":
            return release(shop, given.version)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        return _carry_out(Workshop(given.root), given)
    except (Mistake, OSError) as error:
        print(f"dataset: {error}", file=sys.stderr)
        return EXIT_MISTAKE
    except KeyboardInterrupt:
        print("dataset: interrupted; 'make dataset-status' says what runs", file=sys.stderr)
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
