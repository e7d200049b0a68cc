"""A few trials of every fault; ``make test-faults`` runs them all."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from nasdip_bench.builder.release.release import release
from nasdip_bench.verify.tables import find_problems
from tests.faults.campaign import FAULTS, run_fault
from tests.faults.lab import Lab, shards, tables
from tests.tools.campaigns import Tally

SEED = int(os.environ.get("NASDIP_FAULT_SEED", "0"))
QUICK = {
    "build with two workers: any of the three, to it or its group": 0,  # see test_build
    "build: kill -9 at every step": 2,
    "release: kill -9 at every step": 2,
}
"""Numbers of trials other than one."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("faults"), SEED)
    yield lab
    lab.close()


@pytest.mark.parametrize("name", [name for name in FAULTS if QUICK.get(name, 1)])
def test_nothing_is_lost(lab: Lab, name: str):
    tally = run_fault(lab, name, QUICK.get(name, 1))
    if tally.skipped:
        pytest.skip(tally.skipped)
    assert tally.trials
    assert tally.problems == [], f"seed {SEED}"


def test_the_checks_see_what_they_are_for(lab: Lab):
    """The checks notice a torn shard, a lost one, an extra one, and other numbers."""
    build = lab.new_folder()
    lab.build(build)
    names = sorted(shards(build))
    tally = Tally()
    lab.check_shards(tally, build, {"runs-0.parquet"}, "here")
    (build / "shards" / names[0]).write_bytes(b"torn")
    lab.check_shards(tally, build, set(), "here")
    assert [problem.split()[1] for problem in tally.problems] == ["lost", "torn"]

    out = lab.new_folder() / "data"
    other = [names[0], *(name for name in names if name.startswith("scores"))]
    for name in other:
        (build / "shards" / name).unlink()
    release(build, out)
    assert find_problems(out) == []
    assert tables(out) != lab.expected
    lab.check_release(tally, out, "here")
    assert "other tables" in tally.problems[-1]
