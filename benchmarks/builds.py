"""Several builds, one after the other, into one folder and within one time limit; then packed.

    python benchmarks/builds.py benchmarks/gpu_builds.txt --seconds 500 --out build --packs packs \
        --options "--device cuda --images-dir images"

One process for all of them: on a GPU machine that is lent by the minute, torch and its context are
to start once. Keys of what is finished elsewhere are taken in first (``--keys``), and what is there
is packed after every build, so that at any moment the packs hold all of it but the last.

Ends with 0 if all is finished, 75 if there is more to do, 1 if something failed.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import shutil
import sys
import time
from pathlib import Path

from nasdip_bench.builder.cli import EXIT_MORE_TO_DO, app
from nasdip_bench.command import EXIT_BAD_INPUT, run

LEAST_SECONDS = 10
"""With less left no build is begun."""


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("list", type=Path, help="a line of nasdip-build's options for each build")
    parser.add_argument("--seconds", type=float, required=True, help="for all of it")
    parser.add_argument("--out", type=Path, required=True, help="build folder")
    parser.add_argument("--packs", type=Path, required=True, help="folder for the packs: replaced")
    parser.add_argument("--keys", type=Path, nargs="*", default=[], help="packs to take in first")
    parser.add_argument("--only", default="", help="the lines that contain this")
    parser.add_argument("--options", default="", help="of every build, in one string")
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    if options.keys and nasdip_build("unpack", *options.keys, "--out", options.out):
        return 1
    # Takes seconds, which are not to come on top of what is left.
    importlib.import_module("nasdip_bench.builder.build")
    status = 0
    for line in read_list(options.list, options.only):
        left = deadline - time.monotonic()
        if left < LEAST_SECONDS:
            print(f"no time is left for: {line}", flush=True)
            status = status or EXIT_MORE_TO_DO
            continue
        print(f"\n{left:.0f} s left for: {line}", flush=True)
        ended = nasdip_build(
            *shlex.split(line),
            *shlex.split(options.options),
            f"--out={options.out}",
            f"--time-limit={left - LEAST_SECONDS / 2:.0f}s",
        )
        over = deadline - time.monotonic() < LEAST_SECONDS
        if ended == EXIT_BAD_INPUT and over:  # not even its first unit could end in time
            ended = EXIT_MORE_TO_DO
        packed = repack(options.out, options.packs)
        print(f"exit status {ended}", flush=True)
        if ended >= 128:  # a signal: whoever sent it wants an end
            return ended
        if ended not in (0, EXIT_MORE_TO_DO) or packed:
            status = 1
        status = status or ended
    return status


def read_list(path: Path, only: str = "") -> list[str]:
    """The lines of a list of builds that contain a text, without comments."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line and only in line]


def nasdip_build(*arguments: object) -> int:
    """The exit status of the command, run in this process."""
    return run("nasdip-build", app, [*map(str, arguments)])


def repack(build: Path, packs: Path) -> int:
    """Let new packs of all there is take the place of the old ones; the exit status of packing."""
    if not any(build.glob("shards/runs-*")) and not any(build.glob("shards/scores-*")):
        return 0
    fresh = packs.with_name(packs.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    status = nasdip_build("pack", build, "--out", fresh)
    if fresh.exists():
        shutil.rmtree(packs, ignore_errors=True)
        fresh.rename(packs)
    return status


if __name__ == "__main__":
    sys.exit(main())
