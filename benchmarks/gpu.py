"""Do everything that needs a GPU, in one command and within a time limit.

    python benchmarks/gpu.py --seconds 780 --out OUT --build-options "--images-dir images"

Installs the package from this folder without network, then:

- ``tests``: the tests that need a GPU;
- ``bench``: the engines against the roofline, to OUT/cuda.json (`benchmarks/run.py`);
- ``build``: a slice of r512, released to OUT/release.tar.*, parts of a tar archive.

Each stage gets a share of the remaining time; what it does not use goes to later stages. A stage
that fails or runs over time does not stop later ones. Their output goes to OUT/log.txt. The exit
status is 0 if all went well, 1 if a stage failed, and 75 if only part of the build is left.

Imports only the standard library, since nothing is installed on a bare machine yet.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MORE_TO_DO = 75
OVER_TIME = 124
_GRACE_SECONDS = 8
"""Grace period after a stage is asked to end; builds have their own, earlier limit."""
_INSTALL_SECONDS = 90
_CARRY_SECONDS = 60
_START_SECONDS = 20
"""Seconds before the clock of the harness or a build starts: it imports torch first."""
_LINES_SHOWN = 25
_SLICE = "--fidelity r512 --tasks denoise --architectures 64 --images lena,boat,f16,barbara"
"""What is built: the paper's set-up, on images of the paper."""
_NASDIP_BUILD = "from nasdip_bench.builder.cli import main; main()"
_CARRY = f"""
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$1" -c "{_NASDIP_BUILD}" release "$2" --out "$scratch/release"
rm -f "$3"/release.tar.*
tar -C "$scratch" -c release | split -b 15M -d -a 1 - "$3/release.tar."
"""
"""Releases a build (argument 2) as parts of an archive in a folder (3), replacing earlier ones."""


@dataclass(frozen=True)
class Stage:
    """A part of the work.

    Attributes:
        name: of the stage.
        weight: its share of the remaining time, relative to the weights of the stages from it on.
        command: returns the command, given the seconds it has.
        seconds: a fixed time limit instead of a share.
        needed: whether later stages need it; they do not run if it fails.
    """

    name: str
    weight: float
    command: Callable[[float], list[str]]
    seconds: float | None = None
    needed: bool = False


def main() -> int:
    """Run the command."""
    options = _options()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + options.seconds
    with (out / "log.txt").open("ab", buffering=0) as log:
        stages = [_install()]
        for name in options.stages:
            stages += STAGES[name](options, out)
        return run_stages(stages, deadline, log.fileno(), out / "log.txt")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for everything to keep")
    parser.add_argument("--seconds", type=float, required=True, help="for everything")
    parser.add_argument("--stages", default=",".join(STAGES), help=f"of {', '.join(STAGES)}")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--build", type=Path, default=ROOT / "builds" / "gpu", help="build folder")
    parser.add_argument("--build-options", default="", help="for nasdip-build, in one string")
    parser.add_argument("--bench-options", default="", help="for benchmarks/run.py, in one string")
    options = parser.parse_args()
    options.stages = [name for name in options.stages.split(",") if name]
    unknown = [name for name in options.stages if name not in STAGES]
    if unknown or not options.stages:
        parser.error(f"--stages {','.join(unknown)!r}: there is {', '.join(STAGES)}")
    return options


def _install() -> Stage:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--editable", str(ROOT)]
    return Stage("install", 0, lambda _: command, seconds=_INSTALL_SECONDS, needed=True)


def _tests(options: argparse.Namespace, out: Path) -> list[Stage]:
    marked = [
        str(path)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "pytest.mark.gpu" in path.read_text(encoding="utf-8")
    ]
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider"]
    command += ["--durations=5", "-W", "default"]  # warnings of libraries there are no errors
    command += marked
    return [Stage("tests", 2, lambda _: command)]


def _bench(options: argparse.Namespace, out: Path) -> list[Stage]:
    def command(seconds: float) -> list[str]:
        return [
            *(sys.executable, str(ROOT / "benchmarks" / "run.py")),
            f"--device={options.device}",
            f"--out={out / f'{options.device}.json'}",
            f"--time-limit={seconds - _START_SECONDS:.0f}",
            *shlex.split(options.bench_options),
        ]

    return [Stage("bench", 3, command)]


def _build(options: argparse.Namespace, out: Path) -> list[Stage]:
    folder = str(options.build.resolve())

    def command(seconds: float) -> list[str]:
        return [
            *(sys.executable, "-c", _NASDIP_BUILD),
            *shlex.split(_SLICE),
            f"--device={options.device}",
            f"--out={folder}",
            *shlex.split(options.build_options),
            f"--time-limit={seconds - _START_SECONDS:.0f}s",
        ]

    carry = ["bash", "-euo", "pipefail", "-c", _CARRY, "carry", sys.executable, folder, str(out)]
    return [
        Stage("build", 3, command),
        Stage("carry", 0, lambda _: carry, seconds=_CARRY_SECONDS),
    ]


STAGES = {"tests": _tests, "bench": _bench, "build": _build}


def run_stages(stages: Sequence[Stage], deadline: float, log: int, path: Path) -> int:
    """Run stages one after the other, each within its share; return the overall exit status.

    Args:
        stages: in order.
        deadline: in terms of `time.monotonic`.
        log: descriptor of the log file for their output.
        path: of the log file, whose end is shown after each stage.
    """
    ended: dict[str, tuple[int, float]] = {}
    for number, stage in enumerate(stages):
        left = deadline - time.monotonic()
        if stage.seconds is None:
            left -= sum(later.seconds or 0 for later in stages[number:])
            share = left * stage.weight / sum(later.weight for later in stages[number:])
        else:
            share = min(left, stage.seconds)
        started, before = time.monotonic(), path.stat().st_size
        command = stage.command(share - 2 * _GRACE_SECONDS)
        os.write(log, f"\n== {stage.name}: {share:.0f} s, {shlex.join(command)}\n".encode())
        status = _run(command, share - _GRACE_SECONDS, log)
        ended[stage.name] = status, time.monotonic() - started
        lines = path.read_bytes()[before:].decode(errors="replace").splitlines()
        print("\n".join(lines[:3] + lines[3:][-_LINES_SHOWN:]), flush=True)
        if stage.needed and status:
            print(f"without {stage.name} nothing else can be done", flush=True)
            break
    print("\nstage     status  seconds")
    for name, (status, seconds) in ended.items():
        print(f"{name:9} {status:6} {seconds:8.0f}")
    statuses = {status for status, _ in ended.values()}
    if statuses - {0, MORE_TO_DO}:
        return 1
    return max(statuses, default=0)


def _run(command: Sequence[str], seconds: float, log: int) -> int:
    """Run a command; return its exit status, or `OVER_TIME` if it had to be stopped."""
    if seconds <= 0:
        os.write(log, b"no time is left for it\n")
        return OVER_TIME
    environment = os.environ | {
        "PYTHONUNBUFFERED": "1",
        # Pytest plug-ins of other installed packages must not affect the tests.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    process = subprocess.Popen(
        command, stdout=log, stderr=log, cwd=ROOT, env=environment, start_new_session=True
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.write(log, b"\nout of time\n")
    os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS - 1)
    with suppress(ProcessLookupError):  # including all it started
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return OVER_TIME


if __name__ == "__main__":
    sys.exit(main())
