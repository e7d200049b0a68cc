"""The faults, each a function of one trial in a laboratory.

A trial gets its place among all trials of a whole campaign, from 1. Of faults "at every step" the
place is the step; fewer trials take evenly spaced places.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.faults.injection import Fault
from tests.faults.lab import BAD_INPUT, UNITS, Lab, shards, version_of
from tests.faults.warm import TRACEBACK
from tests.fuzz.damage import damaged
from tests.processes import BUILD
from tests.tools.campaigns import Tally

_STOPPED = {128 + signal.SIGINT, 128 + signal.SIGTERM}
_MOST_KILLS = 12
_NOBODY = 65534
_DISKS = 20


class NotHereError(Exception):
    """The machine cannot run trials of a fault."""


# Builds


STEPS = {
    "kill -9 at every step": "kill",
    "power cut at every step, what was not flushed is cut": "power",
    "kill -9 in the middle of a write": "cut",
    "no space from every step on": "full",
    "writes cut short from every step on": "short",
    "an input/output error at every step": "error",
}
"""Faults that strike at a step, with their kinds."""


def build_step(lab: Lab, tally: Tally, place: int, kind: str) -> None:
    """Strike the build at a step; once resumed, it is as if nothing had happened."""
    build, where = lab.new_folder(), f"{kind} at step {place}"
    ended = lab.build(build, _fault_at(lab, build, place, kind))
    tally.struck += ended.status != 0
    lab.check_end(tally, ended, where, allowed={0, BAD_INPUT} | _deaths(kind))
    before = lab.check_shards(tally, build, set(), where)
    lab.check_resumed(tally, build, before, where)
    shutil.rmtree(build)


def _fault_at(lab: Lab, root: Path, step: int, kind: str, swap: bool = True) -> Fault:
    """A fault that leaves room for the messages on stderr, also a file, where it limits sizes."""
    size = lab.random.randrange(1500 if kind == "short" else 0, 5000)
    return Fault(root=str(root), step=step, kind=kind, size=size, swap=swap)


def _deaths(kind: str) -> set[int]:
    return {-signal.SIGKILL, -signal.SIGXFSZ} if kind in ("kill", "power", "cut") else set()


def build_signal(lab: Lab, tally: Tally, place: int, number: int) -> None:
    """Send a signal at random moments, again and again, until the build is complete."""
    build, before = lab.new_folder(), set()
    for attempt in range(_MOST_KILLS):
        where = f"signal {number}, attempt {attempt}"
        running = lab.start_build(build)
        time.sleep(lab.random.uniform(0, lab.seconds * (1 - len(before) / UNITS) + 0.15))
        os.kill(running.pid, number)
        ended = lab.commands.wait(running)
        # A signal before the build has begun or after its end has its default effect.
        lab.check_end(tally, ended, where, allowed={0, -number, *_STOPPED})
        tally.struck += ended.status != 0
        before = lab.check_shards(tally, build, before, where)
        if ended.status == 128 + number and "the same command goes on" in ended.err:
            tally.expect(not [*build.rglob(".*.tmp")], f"{where}: temporary files are left")
        if ended.status == 0:
            break
    lab.check_resumed(tally, build, before, f"signal {number}")
    shutil.rmtree(build)


def build_command(lab: Lab, tally: Tally, place: int) -> None:
    """Kill the installed command with two workers, alone or with its group, until it is done."""
    build, before = lab.new_folder(), set()
    for _ in range(_MOST_KILLS):
        process = subprocess.Popen(
            [*BUILD, *lab.arguments(build, workers=2), "--iterations=40"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while len(shards(build)) == len(before) and process.poll() is None:
            tally.expect(time.monotonic() < deadline, "command: hangs")
            time.sleep(0.05)
        time.sleep(lab.random.uniform(0, 1))
        number = lab.random.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        if process.poll() is None:
            send = lab.random.choice([os.kill, os.killpg])
            send(process.pid, number)
        _, err = process.communicate(timeout=120)
        tally.struck += process.returncode != 0
        tally.expect(TRACEBACK not in err, f"command, signal {number}: {err[-400:]}")
        before = lab.check_shards(tally, build, before, f"command, signal {number}")
        if process.returncode == 0:
            break
    tally.expect(len(before) == UNITS, f"command: {len(before)} shards")


def build_twice(lab: Lab, tally: Tally, place: int) -> None:
    """Run two builders and releases at once, and kill some of them."""
    build, out = lab.new_folder(), lab.new_folder() / "data"
    where = f"two builders, trial {place}"
    builders = [lab.start_build(build), lab.start_build(build)]
    killed = lab.random.choice([None, 0, 1])
    moment = time.monotonic() + lab.random.uniform(0, lab.seconds)
    for turn in range(4):
        time.sleep(lab.random.uniform(0, lab.seconds / 2))
        if killed is not None and time.monotonic() > moment:
            os.kill(builders[killed].pid, signal.SIGKILL)
            moment = float("inf")
        running = lab.start_release(build, out)
        if lab.random.random() < 0.3:
            time.sleep(lab.random.uniform(0, 0.2))
            os.kill(running.pid, signal.SIGKILL)
        ended = lab.commands.wait(running)
        allowed = {0, BAD_INPUT, -signal.SIGKILL}
        lab.check_end(tally, ended, f"{where}, release {turn}", allowed=allowed)
        if ended.status == BAD_INPUT:
            early = ("nothing is finished", "is no build folder")
            tally.expect(any(e in ended.err for e in early), f"{where}: {ended.err}")
        if out.exists():
            tally.expect(version_of(out) is not None, f"{where}: the release is not whole")
    for running in builders:
        ended = lab.commands.wait(running)
        lab.check_end(tally, ended, where, allowed={0, -signal.SIGKILL})
        tally.struck += ended.status != 0
    before = lab.check_shards(tally, build, set(), where)
    lab.check_resumed(tally, build, before, where, most=2 * UNITS)
    ended = lab.release(build, out)
    lab.check_end(tally, ended, where, allowed={0})
    lab.check_release(tally, out, where)
    left = {path.name for path in out.parent.iterdir()}
    tally.expect(left == {"data"}, f"{where}: {left} is left")
    shutil.rmtree(build)
    shutil.rmtree(out.parent)


# Damage


def damaged_shards(lab: Lab, tally: Tally, place: int) -> None:
    """Damage some shards: they are found and built again, and the others are kept."""
    where = f"damage, trial {place}"
    build = lab.new_folder() / "build"
    shutil.copytree(lab.whole, build)
    names = sorted(shards(build))
    chosen = lab.random.sample(names, lab.random.randint(1, 3))
    contents = {name: (build / "shards" / name).read_bytes() for name in names}
    for name in chosen:
        other = contents[lab.random.choice([n for n in names if n != name])]
        swapped = lab.random.random() < 0.2
        content = other if swapped else damaged(contents[name], lab.random)
        (build / "shards" / name).write_bytes(content)
    refused = lab.release(build, build.parent / "data")
    lab.check_end(tally, refused, where, allowed={BAD_INPUT})
    tally.expect("is damaged" in refused.err, f"{where}: released with {chosen}")
    ended = lab.build(build)
    lab.check_end(tally, ended, where, allowed={0})
    tally.struck += len(chosen)
    found = ended.err.count("damaged, and made again")
    tally.expect(found == len(chosen), f"{where}: {found} of {len(chosen)} found")
    again = f"{len(chosen)} units finished, 0 left"
    tally.expect(again in ended.out, f"{where}: {ended.out}")
    lab.check_resumed(tally, build, {*names} - {*chosen}, where)
    shutil.rmtree(build.parent)


def damaged_settings(lab: Lab, tally: Tally, place: int) -> None:
    """Damage the settings or the list of architectures: refused, or without effect."""
    where = f"damaged settings, trial {place}"
    build = lab.new_folder() / "build"
    shutil.copytree(lab.whole, build)
    path = build / lab.random.choice(["build.json", "architectures.csv"])
    content = path.read_bytes()
    path.write_bytes(damaged(content, lab.random))
    out = build.parent / "data"
    for ended in (lab.release(build, out), lab.build(build), lab.release(build, out)):
        lab.check_end(tally, ended, where, allowed={0, BAD_INPUT})
        tally.struck += ended.status != 0
    if out.exists():
        lab.check_release(tally, out, where)
    path.write_bytes(content)
    lab.check_resumed(tally, build, {*shards(lab.whole)}, where)
    shutil.rmtree(build.parent)


def stale_files(lab: Lab, tally: Tally, place: int) -> None:
    """Leave files of killed commands, of any age: they change nothing."""
    where = f"stale files, trial {place}"
    build, out = lab.new_folder(), lab.new_folder() / "data"
    (build / "shards").mkdir()
    shard = next(lab.whole.glob("shards/runs-*")).read_bytes()
    old = time.time() - lab.random.choice([0, 1e3, 1e6])
    for name in ("shards/.runs-0.parquet.host.1.tmp", ".build.json.host.1.tmp", ".lock"):
        (build / name).write_bytes(shard[: lab.random.randrange(len(shard))])
        os.utime(build / name, (old, old))
        tally.struck += 1
    for name in (".data.new/curves", ".data.old"):
        (out.parent / name).mkdir(parents=True)
        (out.parent / name / "runs.parquet").write_bytes(b"half")
    (out.parent / ".data.lock").touch()
    shutil.copytree(lab.released, out)
    lab.check_resumed(tally, build, set(), where)
    lab.check_end(tally, lab.release(build, out), where, allowed={0})
    lab.check_release(tally, out, where)
    left = {path.name for path in out.parent.iterdir()}
    tally.expect(left == {"data"}, f"{where}: {left} is left")
    shutil.rmtree(build)
    shutil.rmtree(out.parent)


# Releases


def release_step(lab: Lab, tally: Tally, place: int, kind: str, swap: bool = True) -> None:
    """Strike a release over an older one at a step: one of the two remains, whole."""
    folder, where = lab.new_folder(), f"release, {kind} at step {place}"
    out = folder / "data"
    shutil.copytree(lab.released, out)
    (out / "README.md").write_text("a card")
    ended = lab.release(lab.whole, out, _fault_at(lab, folder, place, kind, swap))
    tally.struck += ended.status != 0
    lab.check_end(tally, ended, where, allowed={0, BAD_INPUT} | _deaths(kind))
    if swap or out.exists():
        lab.check_release(tally, out, where)
        card = (out / "README.md").read_text() if (out / "README.md").exists() else ""
        tally.expect(card == "a card", f"{where}: lost the card")
    else:  # killed between the two renames, where folders cannot be exchanged
        lab.check_release(tally, folder / ".data.old", where)
    lab.check_end(tally, lab.release(lab.whole, out), f"{where}, again", allowed={0})
    lab.check_release(tally, out, f"{where}, again")
    tally.expect((out / "README.md").exists(), f"{where}, again: lost the card")
    left = {path.name for path in folder.iterdir()}
    tally.expect(left == {"data"}, f"{where}: {left} is left")
    shutil.rmtree(folder)


def release_twice(lab: Lab, tally: Tally, place: int) -> None:
    """Run two releases to one folder at once; kill one of them in half of the trials."""
    folder = lab.new_folder()
    where, out = f"two releases, trial {place}", folder / "data"
    shutil.copytree(lab.released, out)
    both = [lab.start_release(lab.whole, out), lab.start_release(lab.whole, out)]
    if place % 2:
        time.sleep(lab.random.uniform(0, 0.4))
        os.kill(both[0].pid, signal.SIGKILL)
    for running in both:
        ended = lab.commands.wait(running)
        tally.struck += ended.status != 0
        lab.check_end(tally, ended, where, allowed={0, -signal.SIGKILL})
    lab.check_release(tally, out, where)
    shutil.rmtree(folder)


# Disks


@contextmanager
def small_disk(lab: Lab, kibibytes: int) -> Iterator[Path]:
    """Mount a separate file system.

    Raises:
        NotHereError: it cannot be mounted.
    """
    folder = lab.new_folder()
    done = _mount("-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", folder)
    if done.returncode:
        raise NotHereError(f"no tmpfs can be mounted here ({done.stderr.strip()})")
    try:
        yield folder
    finally:
        # Lazily: a killed process may still be exiting.
        subprocess.run(["umount", "--lazy", folder], check=True)


def _mount(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)


def full_disk(lab: Lab, tally: Tally, place: int) -> None:
    """Use a disk that is too small for the build or its release, then grow it."""
    pages = (4 * sum(-(-f.stat().st_size // 4096) for f in lab.whole.rglob("*") if f.is_file())) + 8
    size = 4 * (1 + (place - 1) * pages // (2 * _DISKS))
    where = f"disk of {size} KiB"
    with small_disk(lab, size) as disk:
        for what in (lab.build, partial(_release_there, lab)):
            ended = what(disk / "build")
            lab.check_end(tally, ended, where, allowed={0, BAD_INPUT})
            tally.struck += ended.status != 0
            if (disk / "data").exists():
                tally.expect(version_of(disk / "data") is not None, f"{where}: not whole")
        before = lab.check_shards(tally, disk / "build", set(), where)
        _mount("-o", "remount,size=64m", disk)
        lab.check_resumed(tally, disk / "build", before, where)
        lab.check_end(tally, _release_there(lab, disk / "build"), where, allowed={0})
        lab.check_release(tally, disk / "data", where)


def _release_there(lab: Lab, build: Path):
    return lab.release(build, build.parent / "data")


def read_only(lab: Lab, tally: Tally, place: int) -> None:
    """Make a file system read-only: one error line, no change, and a release elsewhere works."""
    where = f"read-only, trial {place}"
    with small_disk(lab, 65536) as disk:
        build = disk / "build"
        lab.build(build, Fault(root=str(build), step=lab.random.randrange(14, 52)))
        shutil.copytree(lab.released, disk / "data")
        before = lab.check_shards(tally, build, set(), where)
        _mount("-o", "remount,ro", disk)
        for ended in (lab.build(build), lab.release(lab.whole, disk / "data")):
            lab.check_end(tally, ended, where, allowed={BAD_INPUT})
            tally.struck += ended.status == BAD_INPUT
        out = lab.new_folder() / "data"
        allowed = {0} if before else {BAD_INPUT}
        lab.check_end(tally, lab.release(build, out), where, allowed=allowed)
        lab.check_release(tally, disk / "data", where)
        _mount("-o", "remount,rw", disk)
        lab.check_resumed(tally, build, before, where)


def no_permission(lab: Lab, tally: Tally, place: int) -> None:
    """Use folders that a non-root user may read but not write."""
    where = f"no permission, trial {place}"
    folder = lab.new_folder()
    build, out = folder / "build", folder / "data"
    lab.build(build, Fault(root=str(build), step=lab.random.randrange(14, 52)))
    shutil.copytree(lab.released, out)
    before = lab.check_shards(tally, build, set(), where)
    closed = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in closed:
        path.chmod(0o555)
    lab.folder.chmod(0o755)
    fault = Fault(root=str(folder), user=0 if os.getuid() else _NOBODY)
    for ended in (lab.build(build, fault), lab.release(lab.whole, out, fault)):
        lab.check_end(tally, ended, where, allowed={BAD_INPUT})
        tally.struck += ended.status == BAD_INPUT
    for path in closed:
        path.chmod(0o755)
    lab.check_release(tally, out, where)
    lab.check_resumed(tally, build, before, where)
    shutil.rmtree(folder)


Strike = Callable[[Lab, Tally, int], None]

FAULTS: dict[str, tuple[Strike, int | Callable[[Lab], int]]] = {
    **{
        f"build: {name}": (partial(build_step, kind=kind), lambda lab: lab.build_steps)
        for name, kind in STEPS.items()
    },
    "build: SIGKILL at random moments": (partial(build_signal, number=signal.SIGKILL), 50),
    "build: SIGTERM at random moments": (partial(build_signal, number=signal.SIGTERM), 25),
    "build: SIGINT (Ctrl-C) at random moments": (partial(build_signal, number=signal.SIGINT), 25),
    "build with two workers: any of the three, to it or its group": (build_command, 4),
    "two builders and releases at once, some killed": (build_twice, 30),
    "shards with turned bits, cut, zeroed, lengthened, swapped": (damaged_shards, 100),
    "settings and list of architectures with the same damage": (damaged_settings, 50),
    "stale files of killed commands": (stale_files, 20),
    **{
        f"release: {name}": (partial(release_step, kind=kind), Lab.release_steps)
        for name, kind in STEPS.items()
    },
    "release: kill -9 at every step, where folders cannot be exchanged": (
        partial(release_step, kind="kill", swap=False),
        partial(Lab.release_steps, swap=False),
    ),
    "two releases at once, one killed": (release_twice, 40),
    "full disk (tmpfs of growing size)": (full_disk, _DISKS),
    "read-only file system": (read_only, 5),
    "folders without permission": (no_permission, 5),
}
"""By name: the function of a trial, and how many trials a whole campaign has."""


def run_fault(lab: Lab, name: str, trials: int = 0) -> Tally:
    """Run trials of a fault, evenly spaced; all of them unless a number is given."""
    strike, of = FAULTS[name]
    most = of if isinstance(of, int) else of(lab)
    count, tally = min(trials or most, most), Tally()
    for trial in range(count):
        try:
            strike(lab, tally, 1 + (2 * trial + 1) * most // (2 * count))
        except NotHereError as reason:
            tally.skipped = str(reason)
            break
        tally.trials += 1
    return tally
