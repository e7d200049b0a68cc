"""Attempts, engines by their options, and what a build reports: all without Ray."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer

from nasdip_bench.builder.commands import build as build_module
from nasdip_bench.builder.commands.engine import ray_options
from nasdip_bench.builder.engines.local import in_this_process
from nasdip_bench.builder.engines.ray.attempts import MAX_DEATHS, MAX_LOSSES, Attempts
from nasdip_bench.builder.engines.ray.cluster import Cluster, RayOptions, connect
from nasdip_bench.builder.engines.worker import Worker, WorkerSpec
from nasdip_bench.builder.plan.config import BuildConfig
from nasdip_bench.builder.plan.units import Unit, make_plan
from nasdip_bench.builder.work.build import build
from nasdip_bench.builder.work.ledger import Coverage
from nasdip_bench.errors import ConfigError, MissingDependencyError, UnknownNameError
from tests.builds import ITERATIONS, run_rows, small_config


@pytest.fixture(scope="module")
def config() -> BuildConfig:
    return small_config(scores=("parameters", "snip"))  # one of each: it sees the corruption or not


@pytest.fixture(scope="module")
def units(config) -> list[Unit]:
    return list(make_plan(config, stack=2))


# -- attempts --------------------------------------------------------------------------------------


def test_deaths_and_losses_are_bounded(units):
    attempts = Attempts()
    for _ in range(MAX_DEATHS):
        assert not attempts.exhausted(units[1])
        attempts.died(units[1])
    for _ in range(MAX_LOSSES):
        assert not attempts.exhausted(units[0])
        attempts.lost(units[0])
    assert attempts.exhausted(units[0])
    assert attempts.exhausted(units[1])
    assert attempts.of(units[2]) == (0, 0)
    # A part of a stack keeps its count.
    first, second = units[1].one_by_one()
    attempts.died(first)
    assert (attempts.of(first), attempts.of(second)) == ((MAX_DEATHS + 1, 0), (MAX_DEATHS, 0))
    assert attempts.of(units[1]) == (MAX_DEATHS + 1, 0)


# -- the record of a unit that is given up ---------------------------------------------------------


def test_a_unit_that_is_given_up_has_rows_without_results(config, units):
    spec = WorkerSpec(
        images=config.images, device="cpu", engine="plain", precision="fp32", threads=1
    )
    table = Worker(spec).give_up(units[1], "its worker died\nthree times")
    assert table["status"].to_pylist() == ["failed"] * 2
    assert table["error"].to_pylist() == ["its worker died"] * 2
    assert table["image"].to_pylist() == ["camera", "coins"]
    assert [len(curve) for curve in table["psnr_curve"].to_pylist()] == [ITERATIONS] * 2
    assert len(Worker(spec).give_up(units[0], "no reason")) == 0


# -- what a build reports --------------------------------------------------------------------------


def test_an_engine_may_divide_units_and_coverage_counts_runs(tmp_path: Path, config):
    def by_run(units, spec, interruption, fits):
        worker = Worker(spec)
        for unit in units[:-1]:
            for part in unit.one_by_one():
                given_up = not part.runs or part.runs[0][1:3] == ("coins", "inpaint")
                yield part, worker.give_up(part, "x") if given_up else worker.execute(part)

    outcome = build(config, tmp_path, stack=2, engine=by_run)
    assert (outcome.finished, outcome.left, outcome.failed) == (5, 1, 1 + 2)
    assert [*map(str, outcome.coverage)] == [
        "denoise, seed 0: 4 of 4",
        "inpaint, seed 0: 1 of 4, 2 left, 1 failed",
        "scores: 0 of 16, 16 failed",
    ]
    assert outcome.coverage[1] == Coverage(what="inpaint, seed 0", asked=4, finished=1, failed=1)
    assert len(run_rows(tmp_path)) == 6
    assert outcome.progressed
    # What was finished before counts as well.
    outcome = build(config, tmp_path, stack=2, engine=in_this_process)
    assert (outcome.finished, outcome.left, outcome.failed) == (4, 0, 0)
    assert [(line.asked, line.finished) for line in outcome.coverage] == [(4, 4), (4, 4), (16, 16)]


def test_a_part_of_a_unit_is_something_finished(tmp_path: Path, config):
    """With a time limit the command may be given again, and does not end as if nothing came."""

    def one_run(units, spec, interruption, fits):
        unit = next(unit for unit in units if len(unit.runs) > 1)
        part = Unit(architecture=unit.architecture, runs=unit.runs[:1])
        yield part, Worker(spec).execute(part)

    outcome = build(config, tmp_path, stack=2, engine=one_run)
    assert (outcome.finished, outcome.progressed) == (0, True)
    with pytest.raises(typer.Exit) as ended:
        build_module.report(outcome, "here", "60s", "wait")
    assert ended.value.exit_code == 75


# -- options ---------------------------------------------------------------------------------------

OPTIONS = {
    "address": "",
    "gpus_per_worker": 0.0,
    "cpus_per_worker": 0,
    "workers": 0,
    "device": "auto",
    "dry_run": False,
}


def test_options_that_do_not_go_together_are_refused():
    for engine, changes, message in (
        ("local", {"address": "auto"}, "--address auto goes with --engine ray only"),
        ("local", {"gpus_per_worker": 0.25}, "--gpus-per-worker 0.25 goes with --engine ray only"),
        ("local", {"cpus_per_worker": 2}, "--cpus-per-worker 2 goes with --engine ray only"),
        ("ray", {"workers": 2}, "--workers 2 is for this machine's processes"),
        ("ray", {"dry_run": True}, "leave --engine ray out, and give --devices"),
        ("ray", {"device": "cuda:1"}, "device 'cuda:1': Ray gives each worker its GPU"),
        ("ray", {"device": "cpu", "gpus_per_worker": 1.0}, "does not go with --device cpu"),
        ("ray", {"gpus_per_worker": 2.0}, r"GPUs per worker 2.0 must lie in 0.01..1"),
        ("ray", {"gpus_per_worker": float("nan")}, "GPUs per worker nan must lie in"),
        ("ray", {"gpus_per_worker": -1.0}, "GPUs per worker -1.0 must lie in"),
        ("ray", {"cpus_per_worker": -1}, "CPUs per worker -1 must be .* of at least 0; 0 chooses"),
        ("ray", {"address": "head"}, "address 'head' must be HOST:PORT"),
        ("ray", {"address": "head:0"}, "address 'head:0' must be HOST:PORT"),
        ("ray", {"address": "ray://head:10001"}, "'ray://head:10001' must be HOST:PORT"),
    ):
        with pytest.raises(ConfigError, match=message):
            ray_options(engine, **(OPTIONS | changes))


def test_engines_are_chosen_by_name():
    assert ray_options("local", **OPTIONS) is None
    assert ray_options("ray", **OPTIONS) == RayOptions()
    for address in ("auto", "head:6379", "[::1]:6379"):
        assert ray_options("ray", **(OPTIONS | {"address": address})).address == address
    with pytest.raises(UnknownNameError, match="unknown engine 'rya'. Did you mean 'ray'"):
        ray_options("rya", **OPTIONS)


def test_without_ray_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"pip install '\.\[ray\]'"):
        connect(RayOptions()).__enter__()


class NodesOnly:
    """As much of Ray as says which nodes there are."""

    def __init__(self, *nodes: dict) -> None:
        self._nodes = nodes

    def nodes(self) -> tuple[dict, ...]:
        return self._nodes

    def get_runtime_context(self) -> NodesOnly:
        return self

    def get_node_id(self) -> str:
        return "0"


def node(number: int, alive: bool = True, reason: int = 0, **resources: float) -> dict:
    return {
        "NodeID": str(number), "Alive": alive, "DeathReason": reason, "Resources": resources
    }  # fmt: skip


def test_room_is_counted_node_by_node():
    nodes = [node(0, CPU=2), node(1, CPU=8, GPU=2), node(2, alive=False, CPU=64, GPU=8), node(3)]
    room = Cluster(NodesOnly(*nodes), "it").room
    asked = ((1, 0.0), (4, 0.0), (1, 1.0), (1, 0.25), (2, 0.1))
    assert [room(cpus, gpus) for cpus, gpus in asked] == [10, 2, 2, 8, 4]


def test_how_a_node_ended_is_told_apart():
    nodes = [node(0), node(1, False, 1), node(2, False, 2), node(3, False, 3), node(4, False, 4)]
    found = Cluster(NodesOnly(*nodes), "it")
    fates = ["alive", "removed", "lost", "removed", "removed", "lost"]
    assert [found.fate(str(number)) for number in range(6)] == fates
    assert found.connected
