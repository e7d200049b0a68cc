"""Makes builds, and checks what must hold after a fault.

The build is real, run by the command line: two architectures on one of scikit-image's photographs
for both tasks, six work units. It takes about half a second.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import tempfile
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.croissant import CROISSANT
from nasdip_bench.verify.tables import find_problems
from tests.faults.commands import TRACEBACK, Ended, Running, start, wait
from tests.faults.injection import Fault

UNITS = 6
ARCHITECTURES = "cell,skip\n130,0000000000000000000000000\n127,0000000000000000000000001\n"
OPTIONS = (
    "--images=camera",
    "--image-set=skimage",
    "--fidelity=r64c16",
    "--iterations=2",
    "--scoring-inits=1",
    "--scores=snip,parameters",
    "--device=cpu",
    "--stack=1",
)
BAD_INPUT = 2


class Lab:
    """Makes, disturbs and inspects builds.

    Args:
        folder: to work in; in it, folders for all that is made.
        seed: of all random draws.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder = folder.resolve()
        self.random = random.Random(seed)
        (self.folder / "a.csv").write_text(ARCHITECTURES)
        self.output = self.new_folder()
        self.whole = self.new_folder()
        """An undisturbed build."""
        started = time.monotonic()
        ended = self.build(self.whole, Fault(root=str(self.whole)))
        self.seconds = time.monotonic() - started
        assert ended.status == 0
        self.build_steps = ended.steps
        """Of an undisturbed build."""
        assert len(shards(self.whole)) == UNITS
        self.released = self.new_folder() / "data"
        """The release made from it."""
        assert self.release(self.whole, self.released).status == 0
        self.expected = tables(self.released)

    def new_folder(self) -> Path:
        """An empty folder."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    # Commands

    def start_build(self, build: Path, fault: Fault | None = None) -> Running:
        """Start or resume the build in a folder."""
        return start(self.output, *build_arguments(build, self.folder / "a.csv"), fault=fault)

    def build(self, build: Path, fault: Fault | None = None) -> Ended:
        """The same, to its end."""
        return wait(self.start_build(build, fault))

    def start_release(self, build: Path, out: Path, fault: Fault | None = None) -> Running:
        """Start to release a build."""
        return start(self.output, "release", build, "--out", out, "--replace", fault=fault)

    def release(self, build: Path, out: Path, fault: Fault | None = None) -> Ended:
        """The same, to its end."""
        return wait(self.start_release(build, out, fault))

    @cached_property
    def release_steps(self) -> dict[bool, int]:
        """Steps of an undisturbed release over an older one, by whether folders can be swapped."""
        steps = {}
        for swap in (True, False):
            folder = self.new_folder()
            shutil.copytree(self.released, folder / "data")
            fault = Fault(root=str(folder), swap=swap)
            steps[swap] = self.release(self.whole, folder / "data", fault).steps
        return steps

    # What must hold

    def check_end(self, ended: Ended, where: str, *, allowed: set[int]) -> None:
        """Check that a command ended as allowed: no traceback, no hang, one line for bad input."""
        assert ended.status is not None, f"{where}: hangs"
        assert TRACEBACK not in ended.err, f"{where}: {ended.err[-400:]}"
        assert ended.status in allowed, f"{where}: status {ended.status}: {ended.err[-300:]}"
        if ended.status == BAD_INPUT:
            lines = [line for line in ended.err.splitlines() if line.startswith("nasdip-build:")]
            assert len(lines) == 1, f"{where}: no single line but {ended.err[-300:]}"

    def check_shards(self, build: Path, before: set[str], where: str) -> set[str]:
        """Check that every shard is whole and no earlier one is lost; return the names."""
        found = shards(build)
        torn = [name for name, whole in found.items() if not whole]
        assert not torn, f"{where}: torn shards {torn}"
        assert before <= found.keys(), f"{where}: lost {before - found.keys()}"
        return {*found}

    def check_resumed(
        self, build: Path, before: set[str], where: str, *, most: int = UNITS
    ) -> None:
        """Check that the same command completes the build, with an equal release."""
        self.check_end(self.build(build), f"{where}, resumed", allowed={0})
        found = self.check_shards(build, before, f"{where}, resumed")
        assert UNITS <= len(found) <= most, f"{where}: {len(found)} shards of {UNITS} units"
        out = self.new_folder() / "data"
        self.check_end(self.release(build, out), f"{where}, released", allowed={0})
        self.check_release(out, where)
        shutil.rmtree(out.parent)

    def check_release(self, out: Path, where: str) -> None:
        """Check that a release is whole and equals the undisturbed one."""
        problems = find_problems(out)
        assert not problems, f"{where}: {problems[:1]}"
        assert tables(out) == self.expected, f"{where}: other tables"


def build_arguments(build: Path, architectures: Path) -> list[str]:
    """The arguments of the command that starts or resumes the build in a folder."""
    return [*OPTIONS, f"--architectures={architectures}", "--workers=1", f"--out={build}"]


def shards(build: Path) -> dict[str, bool]:
    """By shard name, whether the content matches the name."""
    found = {}
    for path in build.glob("shards/*.parquet"):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found[path.name] = path.stem.split("-")[1] == digest[:32]
    return found


def tables(out: Path) -> dict[str, Any]:
    """The content of a release without times: equal for equal builds, bit for bit."""
    found: dict[str, Any] = {}
    manifest = vars(DatasetFolder(out).manifest) | {"created": None}
    for name, record in manifest.pop("files").items():
        table = name.removesuffix(".parquet")
        if table in ("runs", "scores"):
            columns = pq.read_table(out / name).to_pydict()
            found[name] = {n: v for n, v in columns.items() if not n.endswith("seconds")}
        elif name == CROISSANT:
            found[name] = "there"  # it holds the date and hashes of tables with seconds
        else:
            found[name] = record.sha256
    return found | manifest
