"""The build of ``data/``, in the background: what ``make dataset`` and its relatives do.

    builds/dataset/env        an environment of its own, with an installed copy of the code that
                              froze the protocol, so that the tree can be edited meanwhile
    builds/dataset/build      the build folder; kept, and never committed
    builds/dataset/progress   what the build prints
    builds/dataset/lock       held while it runs; its content is the number of the process group

Only the standard library is used: the tool makes the environment that it needs.
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
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = 2
EXIT_MISTAKE, EXIT_FAILURES, EXIT_MORE_TO_DO = 2, 1, 75
_PATIENCE_SECONDS = 60
"""How long a start is watched: a build that cannot begin says so sooner."""


class MistakeError(Exception):
    """What the user is told in one line."""


@dataclass(frozen=True)
class Stage:
    """A part of the build: options of ``nasdip-build``."""

    name: str
    options: tuple[str, ...]


STAGES = (
    Stage("the first 40, both seeds", ("--architectures=40", "--seeds=0,1")),
    Stage("all 522, seed 0", ("--seeds=0",)),
    Stage("all 522, both seeds", ("--seeds=0,1",)),
    Stage(
        "r64: 40 architectures, denoise",
        ("--fidelity=r64", "--images=lena,barbara", "--tasks=denoise", "--architectures=40"),
    ),
    Stage(
        "r64: 40 architectures, inpaint",
        ("--fidelity=r64", "--images=lena,barbara", "--tasks=inpaint", "--architectures=40"),
    ),
)
"""In order. Everything can be tried on the first; the bridge to full width comes last."""


class Workshop:
    """Where the dataset is built.

    Args:
        root: of the checkout.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.folder = root / "builds" / "dataset"
        self.env = self.folder / "env"
        self.build = self.folder / "build"
        self.progress = self.folder / "progress"
        self.lock = self.folder / "lock"

    @property
    def group(self) -> int | None:
        """The process group of the build that runs, or None."""
        try:
            with self.lock.open("r+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read() or 0) or None
        except FileNotFoundError:
            pass
        return None

    def skipped(self) -> list[str]:
        """The option that leaves out what ``data/`` has, where it is of this protocol."""
        manifest = self.root / "data" / "manifest.json"
        try:
            version = json.loads(manifest.read_text(encoding="utf-8"))["protocol_version"]
        except (OSError, ValueError, KeyError):
            return []
        return [f"--skip={manifest.parent}"] if version == PROTOCOL else []

    def command(self, stage: Stage, images: Path, left: float | None) -> list[str]:
        """The command line of a stage."""
        return [
            str(self.env / "bin" / "nasdip-build"),
            "--fidelity=r64c16",
            *stage.options,
            f"--images-dir={images}",
            f"--out={self.build}",
            "--device=cpu",
            *([] if left is None else [f"--time-limit={max(1, int(left))}s"]),
            *self.skipped(),
        ]


def start(shop: Workshop, commit: str, images: Path, duration: str, python: str) -> None:
    """Begin the build, or go on with it, in the background.

    Raises:
        MistakeError: it cannot begin.
    """
    if shop.group is not None:
        raise MistakeError(
            f"the dataset is being built already (process group {shop.group}): see "
            f"{shop.progress}, or stop it with 'make dataset-stop'"
        )
    seconds = None if not duration else _seconds(duration)
    if not images.is_dir():
        raise MistakeError(
            f"there is no folder {str(images)!r} with the ten images: name it, as in "
            f"'make dataset IMAGES=DIR'"
        )
    prepare(shop, commit, python)
    drive = [sys.executable, __file__, "drive", f"--images={images.resolve()}"]
    if seconds is not None:
        drive.append(f"--seconds={seconds}")
    seen = shop.progress.stat().st_size if shop.progress.exists() else 0
    with shop.progress.open("ab") as log:
        process = subprocess.Popen(
            drive, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        said = shop.progress.read_bytes()[seen:].decode(errors="replace")
        try:
            process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            if " units, " in said:
                break
            continue
        lines = [line for line in said.splitlines() if line.strip()] or ["it said nothing"]
        if process.returncode not in (0, EXIT_MORE_TO_DO):
            raise MistakeError(lines[-1])
        print(lines[-1])
        return
    print(f"the dataset is being built (process group {process.pid}); progress: {shop.progress}")


def prepare(shop: Workshop, commit: str, python: str) -> None:
    """Install the frozen code in an environment of its own, unless it is there.

    Raises:
        MistakeError: the commit is not in this checkout, or cannot be installed.
    """
    shop.folder.mkdir(parents=True, exist_ok=True)
    found = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"],
        cwd=shop.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if found.returncode:
        raise MistakeError(
            f"the commit {commit!r} that froze the protocol is not in this checkout: fetch the "
            f"whole history, or name another with 'make dataset DATASET_CODE=COMMIT'"
        )
    whole, ready = found.stdout.strip(), shop.env / "commit"
    if ready.exists() and ready.read_text() == whole:
        return
    print(f"installing the code of {whole[:7]} in {shop.env}")
    code = shop.folder / "code"
    for old in (code, shop.env):
        shutil.rmtree(old, ignore_errors=True)
    code.mkdir()
    pip = [str(shop.env / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    constraint = ["--constraint", str(code / "constraints.txt")]
    archive = f"git archive {whole} | tar -x -C {code}"
    for step in (
        ["sh", "-c", archive],
        [python, "-m", "venv", str(shop.env)],
        [*pip, *constraint, "torch"],
        [*pip, *constraint, str(code)],
    ):
        done = subprocess.run(step, cwd=shop.root, capture_output=True, text=True, check=False)
        if done.returncode:
            what = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise MistakeError(f"{' '.join(step[:4])} ... failed: {what}")
    shutil.rmtree(code)
    ready.write_text(whole)


def drive(shop: Workshop, images: Path, seconds: float | None) -> int:
    """Carry out the stages, in this process and its children; returns the exit status."""
    os.nice(19)
    deadline = None if seconds is None else time.monotonic() + seconds
    with shop.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(str(os.getpgrp()))
        lock.flush()
        status = 0
        for stage in STAGES:
            left = None if deadline is None else deadline - time.monotonic()
            print(f"{time.strftime('%F %T')} {stage.name}", flush=True)
            done = subprocess.run(
                shop.command(stage, images, left), cwd=shop.folder, check=False
            ).returncode
            if done == EXIT_FAILURES:
                status = done  # tried again by the next start; the other stages go on
            elif done:
                return done
        return status


def signal_group(shop: Workshop, which: signal.Signals, said: str) -> None:
    """Send a signal to the whole build.

    Raises:
        MistakeError: none runs.
    """
    group = shop.group
    if group is None:
        raise MistakeError("the dataset is not being built: start it with 'make dataset'")
    os.killpg(group, which)
    if which == signal.SIGTERM:
        os.killpg(group, signal.SIGCONT)  # what is paused would not hear it
    print(said)


def status(shop: Workshop) -> None:
    """Say whether the build runs, and the last that it printed."""
    group = shop.group
    print("not running" if group is None else f"running, process group {group}")
    if shop.progress.exists():
        lines = re.split(r"[\r\n]+", shop.progress.read_text(errors="replace").strip())
        print("\n".join(lines[-3:]))


def release(shop: Workshop, version: str) -> None:
    """Merge what is finished into ``data/``, verify it, and renew what the docs say of it.

    Raises:
        MistakeError: a step failed.
    """
    if not version:
        raise MistakeError("say which version it becomes: 'make dataset-release VERSION=0.11.0'")
    tools = Path(sys.executable).parent
    sources = [str(shop.build)]
    same = bool(shop.skipped())  # data of an earlier protocol are replaced
    if same:
        sources.insert(0, "data")
    for step in (
        [str(tools / "nasdip-build"), "release", *sources, "--out", "data"]
        + ["--release-version", version]
        + ([] if same else ["--replace"]),
        [str(tools / "nasdip-bench"), "verify", "--data", "data"],
        ["make", "docs"],
    ):
        if subprocess.run(step, cwd=shop.root, check=False).returncode:
            raise MistakeError(f"{' '.join(step)} failed; see above")


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if match is None or not float(match[1]):
        raise MistakeError(f"FOR={text!r} must be a duration such as 150m, 9h or 90s")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="dataset", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    begin = commands.add_parser("start")
    begin.add_argument("--commit", required=True)
    begin.add_argument("--images", type=Path, required=True)
    begin.add_argument("--for", dest="duration", default="")
    begin.add_argument("--python", default="python3")
    run = commands.add_parser("drive")
    run.add_argument("--images", type=Path, required=True)
    run.add_argument("--seconds", type=float)
    for name in ("pause", "resume", "stop", "status"):
        commands.add_parser(name)
    publish = commands.add_parser("release")
    publish.add_argument("--version", default="")
    given = parser.parse_args(arguments)
    shop = Workshop()
    try:
        match given.command:
            case "start":
                start(shop, given.commit, given.images, given.duration, given.python)
            case "drive":
                return drive(shop, given.images, given.seconds)
            case "pause":
                signal_group(shop, signal.SIGSTOP, "paused; go on with 'make dataset-resume'")
            case "resume":
                signal_group(shop, signal.SIGCONT, "the build goes on")
            case "stop":
                signal_group(shop, signal.SIGTERM, "stopped; 'make dataset' goes on from there")
            case "status":
                status(shop)
            case "release":
                release(shop, given.version)
    except MistakeError as mistake:
        print(f"dataset: {mistake}", file=sys.stderr)
        return EXIT_MISTAKE
    except OSError as error:
        print(f"dataset: {error}", file=sys.stderr)
        return EXIT_MISTAKE
    return 0


if __name__ == "__main__":
    sys.exit(main())
