"""Nothing is lost, and no half of a release is left, whatever strikes a build or a release."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator

import pytest

from nasdip_bench.builder.release.release import release
from nasdip_bench.verify.tables import find_problems
from tests.faults.commands import wait
from tests.faults.injection import Fault
from tests.faults.lab import BAD_INPUT, UNITS, Lab, shards, tables

SEED = int(os.environ.get("NASDIP_FAULT_SEED", "0"))
FAULTS = ("kill", "power", "cut", "full", "short", "error")
"""The kinds of `Fault`."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("faults"), SEED)
    yield lab
    shutil.rmtree(lab.folder)


def trials(few: int, many: int | None) -> pytest.MarkDecorator:
    """The number of trials; with ``--slow`` many, None for one a step."""
    slow = pytest.param(many, marks=pytest.mark.slow)
    return pytest.mark.parametrize("count", [few, slow])


def places(steps: int, count: int | None) -> list[int]:
    """Steps from 1, all or evenly spaced."""
    count = count or steps
    return [1 + (2 * trial + 1) * steps // (2 * count) for trial in range(count)]


def fault_at(lab: Lab, root, step: int, kind: str, swap: bool = True) -> Fault:
    """A fault that leaves room for the messages on stderr, also a file, where it limits sizes."""
    size = lab.random.randrange(1500 if kind == "short" else 0, 5000)
    return Fault(root=str(root), step=step, kind=kind, size=size, swap=swap)


def deaths(kind: str) -> set[int]:
    """How a command may end at a fault: of itself, or by these signals."""
    if kind in ("kill", "power"):
        return {-signal.SIGKILL}
    return {0, BAD_INPUT, -signal.SIGXFSZ} if kind == "cut" else {0, BAD_INPUT}


@trials(1, None)
@pytest.mark.parametrize("kind", FAULTS)
def test_a_build_struck_at_a_step_goes_on_as_if_nothing_had_happened(lab: Lab, kind, count):
    for step in places(lab.build_steps, count):
        build, where = lab.new_folder(), f"seed {SEED}, {kind} at step {step}"
        ended = lab.build(build, fault_at(lab, build, step, kind))
        lab.check_end(ended, where, allowed=deaths(kind))
        before = lab.check_shards(build, set(), where)
        lab.check_resumed(build, before, where)
        shutil.rmtree(build)


@trials(1, None)
@pytest.mark.parametrize(("kind", "swap"), [*((kind, True) for kind in FAULTS), ("kill", False)])
def test_of_a_release_struck_at_a_step_the_old_or_the_new_one_remains(lab: Lab, kind, swap, count):
    """Also where folders cannot be exchanged, which leaves the old one aside."""
    for step in places(lab.release_steps[swap], count):
        folder, where = lab.new_folder(), f"seed {SEED}, {kind} at step {step}"
        out = folder / "data"
        shutil.copytree(lab.released, out)
        (out / "README.md").write_text("a card")
        ended = lab.release(lab.whole, out, fault_at(lab, folder, step, kind, swap))
        lab.check_end(ended, where, allowed=deaths(kind))
        if swap or out.exists():
            lab.check_release(out, where)
            assert (out / "README.md").read_text() == "a card", where
        else:  # killed between the two renames
            lab.check_release(folder / ".data.old", where)
        lab.check_end(lab.release(lab.whole, out), f"{where}, again", allowed={0})
        lab.check_release(out, f"{where}, again")
        assert (out / "README.md").read_text() == "a card", where
        assert [path.name for path in folder.iterdir()] == ["data"], where
        shutil.rmtree(folder)


@trials(1, 30)
def test_two_builders_and_releases_at_once_some_killed(lab: Lab, count):
    for trial in range(count):
        build, out = lab.new_folder(), lab.new_folder() / "data"
        where = f"seed {SEED}, trial {trial}"
        builders = [lab.start_build(build), lab.start_build(build)]
        killed = lab.random.choice([None, 0, 1])
        moment = time.monotonic() + lab.random.uniform(0, lab.seconds)
        for turn in range(3):
            time.sleep(lab.random.uniform(0, lab.seconds / 2))
            if killed is not None and time.monotonic() > moment:
                builders[killed].process.kill()
                moment = float("inf")
            running = lab.start_release(build, out)
            if lab.random.random() < 0.3:
                time.sleep(lab.random.uniform(0, 0.2))
                running.process.kill()
            ended = wait(running)
            allowed = {0, BAD_INPUT, -signal.SIGKILL}
            lab.check_end(ended, f"{where}, release {turn}", allowed=allowed)
            if ended.status == BAD_INPUT:
                early = ("nothing is finished", "is no build folder")
                assert any(e in ended.err for e in early), f"{where}: {ended.err}"
            assert not out.exists() or find_problems(out) == [], where
        for running in builders:
            lab.check_end(wait(running), where, allowed={0, -signal.SIGKILL})
        before = lab.check_shards(build, set(), where)
        lab.check_resumed(build, before, where, most=2 * UNITS)
        lab.check_end(lab.release(build, out), where, allowed={0})
        lab.check_release(out, where)
        assert [path.name for path in out.parent.iterdir()] == ["data"], where
        shutil.rmtree(build)
        shutil.rmtree(out.parent)


@trials(2, 40)
def test_two_releases_at_once_one_killed(lab: Lab, count):
    for trial in range(count):
        folder, where = lab.new_folder(), f"seed {SEED}, trial {trial}"
        out = folder / "data"
        shutil.copytree(lab.released, out)
        both = [lab.start_release(lab.whole, out), lab.start_release(lab.whole, out)]
        if trial % 2:
            time.sleep(lab.random.uniform(0, 0.4))
            both[0].process.kill()
        for running in both:
            lab.check_end(wait(running), where, allowed={0, -signal.SIGKILL})
        lab.check_release(out, where)
        shutil.rmtree(folder)


def test_the_checks_see_what_they_are_for(lab: Lab):
    """The checks notice a torn shard, a lost one, an extra one, and other numbers."""
    build = shutil.copytree(lab.whole, lab.new_folder(), dirs_exist_ok=True)
    names = sorted(shards(build))
    with pytest.raises(AssertionError, match=r"here: lost \{'runs-0.parquet'\}"):
        lab.check_shards(build, {"runs-0.parquet"}, "here")
    (build / "shards" / names[0]).write_bytes(b"torn")
    with pytest.raises(AssertionError, match="here: torn shards"):
        lab.check_shards(build, set(), "here")

    out = lab.new_folder() / "data"
    other = [names[0], *(name for name in names if name.startswith("scores"))]
    for name in other:
        (build / "shards" / name).unlink()
    release(build, out)
    assert find_problems(out) == []
    assert tables(out) != lab.expected
    with pytest.raises(AssertionError, match="here: other tables"):
        lab.check_release(out, "here")
