"""Release the current state of a build as files of bounded size, to copy from another machine.

    python benchmarks/carry.py builds/gpu --out OUT    # there: OUT/release.tar.0, .1, ...
    cat OUT/release.tar.* | tar -x                     # here: the folder release/

The parts replace those of an earlier call.
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
import tempfile
from pathlib import Path

from nasdip_bench.builder.cli import app
from nasdip_bench.console.app import run

PART_BYTES = 15 * 2**20


def main() -> int:
    """Run the command; return the exit status of the release."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path, help="build folder")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder) / "release"
        status = run("nasdip-build", app, ["release", str(options.build), "--out", str(release)])
        if not status:
            for path in write_parts(release, options.out):
                print(f"{path}: {path.stat().st_size / 2**20:.2f} MiB")
    return status


def write_parts(folder: Path, out: Path, most_bytes: int = PART_BYTES) -> list[Path]:
    """Write a folder as a tar archive in parts, replacing any existing parts."""
    for old in out.glob("release.tar.*"):
        old.unlink()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(folder, folder.name)
    paths = []
    for number, start in enumerate(range(0, content.tell(), most_bytes)):
        paths.append(out / f"release.tar.{number}")
        paths[-1].write_bytes(content.getbuffer()[start : start + most_bytes])
    return paths


if __name__ == "__main__":
    sys.exit(main())
