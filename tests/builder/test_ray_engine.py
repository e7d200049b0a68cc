"""Builds on real Ray: several nodes, and workers, nodes and builders that are lost on the way.

`make test-ray` runs this in an environment of its own; elsewhere it is skipped. The cluster is made
of nodes on this machine; the builder is the command in a process of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch

from nasdip_bench._version import __version__
from nasdip_bench.builder.engines.ray import cluster as ray_cluster
from nasdip_bench.builder.engines.ray.cluster import RayOptions, connect
from nasdip_bench.errors import ConfigError
from tests.builds import COMMAND, run_rows, score_rows
from tests.processes import BUILD, alive, descendants, wait_until

pytest.importorskip("ray", reason="ray is not installed: make test-ray")

PLAIN = [*COMMAND, "--plain"]
LONG = [*PLAIN, "--iterations=100", "--scoring-inits=0"]
"""Eight runs of about a second."""
WORKER = "ray::RayWorker.execute"
# What a test does to Ray's processes, by Python's own hook for such things.
POISON = """
import builtins, os, signal, sys
real = builtins.__import__
def patched(name, *arguments, **options):
    module = real(name, *arguments, **options)
    worker = getattr(sys.modules.get("nasdip_bench.builder.engines.worker"), "Worker", None)
    if worker is not None and not hasattr(worker, "poisoned"):
        worker.poisoned, execute = True, worker.execute
        def poisoned(self, unit):
            if any(run.image == "coins" and run.task == "inpaint" for run in unit.runs):
                with open(os.environ["POISON_LOG"], "a") as file:
                    print(unit.architecture, len(unit.runs), file=file)
                os.kill(os.getpid(), signal.SIGKILL)
            return execute(self, unit)
        worker.execute = poisoned
    return module
builtins.__import__ = patched
"""
OTHER_VERSION = "import nasdip_bench._version as v; v.__version__ = '0.0.1'"


def start(
    folder: Path, *options: str, group: bool = False, **environment: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*BUILD, *options, "--engine=ray", f"--out={folder}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
        start_new_session=group,
    )


def finish(process: subprocess.Popen[str], timeout: float = 200) -> tuple[int, str, str]:
    """Status, stdout and stderr, of which the first holds nothing but ours."""
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert "Traceback" not in err, err
    for line in (out + err).splitlines():
        assert not re.search(r"\bray\b|raylet|gcs", line.replace("ray_", "").lower()) or (
            line.startswith(("WARNING: ", "nasdip-build: "))
        ), f"noise: {line}"
    return process.returncode, out, err


def shards(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("shards/*.parquet")}


def workers(pid: int) -> list[int]:
    """The processes that carry out a unit at this moment."""
    return [p for p, title in descendants(pid).items() if title.startswith(WORKER)]


def sitecustomize(folder: Path, text: str) -> str:
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(text)
    return str(folder)


def poisoned(tmp_path: Path, log: Path) -> dict[str, str]:
    """An environment in which some units kill their worker, which the log tells."""
    return {"PYTHONPATH": sitecustomize(tmp_path / "site", POISON), "POISON_LOG": str(log)}


@contextmanager
def cluster(*cpus: int) -> Iterator:
    """Nodes on this machine; the head, which the builder connects to, does no work."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    try:
        for count in cpus:
            nodes.add_node(num_cpus=count)
        yield nodes
    finally:
        nodes.shutdown()


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> Callable[[list[str]], Path]:
    """The same build in one process, with the plain engine and one thread."""
    folders: dict[tuple[str, ...], Path] = {}

    def build(options: list[str]) -> Path:
        if tuple(options) not in folders:
            folder = folders[tuple(options)] = tmp_path_factory.mktemp("expected")
            subprocess.run(
                [*BUILD, *options, "--workers=1", f"--out={folder}"],
                check=True,
                capture_output=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
        return folders[tuple(options)]

    return build


def assert_equal_builds(found: Path, wanted: Path) -> None:
    """Bit for bit, but for seconds."""
    assert run_rows(found) == run_rows(wanted)
    assert score_rows(found) == score_rows(wanted)


# -- results ---------------------------------------------------------------------------------------


def test_several_nodes_build_what_one_process_builds(tmp_path: Path, expected):
    with cluster(1, 1) as nodes:
        status, out, err = finish(start(tmp_path, *PLAIN, f"--address={nodes.address}"))
    assert status == 0, err
    assert out.startswith("10 units finished, 0 left, 0 diverged, 0 failed")
    assert "  denoise, seed 0: 4 of 4\n  inpaint, seed 0: 4 of 4\n  scores: 16 of 16\n" in out
    assert re.fullmatch(r"0/10 units\n(\d+/10 units, .*\n)+", err)
    assert_equal_builds(tmp_path, expected(PLAIN))


def test_this_machine_alone_is_silent_and_listens_to_nobody_else(tmp_path: Path, expected):
    scratch = Path(tempfile.mkdtemp(dir="/tmp"))  # a short path, as sockets need
    process = start(tmp_path, *LONG, TMPDIR=str(scratch), HOME=str(scratch / "home"))
    wait_until(lambda: len(shards(tmp_path)) > 0, process)
    assert len(list(scratch.glob("nasdip-ray-*"))) == 1
    started = descendants(process.pid)
    assert any("raylet" in title for title in started.values())
    addresses = [address for pid in (*started, process.pid) for address in listening(pid)]
    assert addresses
    assert {*addresses} <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    status, _, err = finish(process)
    assert status == 0
    assert re.fullmatch(r"0/8 units\n(\d+/8 units, .*\n)+", err)
    assert not list(scratch.glob("nasdip-ray-*"))
    assert not list(scratch.rglob("auth_token"))
    shutil.rmtree(scratch)
    assert_equal_builds(tmp_path, expected(LONG))


def listening(pid: int) -> list[str]:
    """Addresses at which a process accepts connections."""
    try:
        links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    found = []
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                digits = fields[1].split(":")[0]
                words = [bytes.fromhex(digits[i : i + 8])[::-1] for i in range(0, len(digits), 8)]
                found.append(socket.inet_ntop(family, b"".join(words)))
    return found


# -- losses ----------------------------------------------------------------------------------------


def test_a_killed_worker_costs_the_unit_it_had(tmp_path: Path, expected):
    process = start(tmp_path, *LONG)
    wait_until(lambda: bool(shards(tmp_path) and workers(process.pid)), process)
    kept = shards(tmp_path)
    os.kill(workers(process.pid)[0], signal.SIGKILL)
    status, _, err = finish(process)
    assert status == 0
    assert len(re.findall(r"^WARNING: .*its worker died \(", err, re.MULTILINE)) == 1
    assert kept <= shards(tmp_path)
    assert_equal_builds(tmp_path, expected(LONG))


def test_nodes_come_and_go_and_no_unit_is_blamed(tmp_path: Path, expected):
    with cluster(1) as nodes:
        process = start(tmp_path, *LONG, f"--address={nodes.address}")
        (first,) = nodes.worker_nodes
        wait_until(lambda: len(workers(os.getpid())) == 1 and bool(shards(tmp_path)), process)
        nodes.add_node(num_cpus=1)
        wait_until(lambda: len(workers(os.getpid())) == 2, process)
        nodes.remove_node(first)
        status, _, err = finish(process)
    assert status == 0
    assert "its node was removed; it is tried again" in err
    assert "died" not in err
    assert_equal_builds(tmp_path, expected(LONG))


def test_a_node_that_is_lost_without_a_word_is_no_death(tmp_path: Path, expected):
    with cluster(1, 1) as nodes:
        process = start(tmp_path, *LONG, f"--address={nodes.address}")
        wait_until(lambda: len(workers(os.getpid())) == 2 and bool(shards(tmp_path)), process)
        node = next(iter(nodes.worker_nodes))
        pids = [info.process.pid for infos in node.all_processes.values() for info in infos]
        for pid in [*(pid for parent in pids for pid in descendants(parent)), *pids]:
            os.kill(pid, signal.SIGKILL)
        status, _, err = finish(process)
    assert status == 0
    assert "its node or the connection to it was lost" in err
    assert_equal_builds(tmp_path, expected(LONG))


def test_a_killed_builder_is_started_again_and_nothing_is_lost(tmp_path: Path, expected):
    process = start(tmp_path, *LONG)
    wait_until(lambda: bool(shards(tmp_path) and workers(process.pid)), process)
    started = descendants(process.pid)
    process.kill()
    process.communicate()
    # Ray's agents stay for a minute, and do nothing.
    busy = [pid for pid, title in started.items() if re.search("RayWorker|raylet/raylet", title)]
    assert len(busy) >= 2
    wait_until(lambda: not any(map(alive, busy)))
    kept = shards(tmp_path)
    status, out, err = finish(start(tmp_path, *LONG))
    assert status == 0, err
    assert out.startswith(f"{8 - len(kept)} units finished, 0 left")
    assert kept < shards(tmp_path)
    assert run_rows(tmp_path) == run_rows(expected(LONG))


def test_a_unit_that_kills_its_worker_three_times_is_recorded_as_failed(tmp_path: Path, expected):
    log, folder = tmp_path / "log", tmp_path / "build"
    status, out, err = finish(start(folder, *PLAIN, **poisoned(tmp_path, log)))
    assert status == 1, err
    assert out.startswith("10 units finished, 0 left, 0 diverged, 2 failed")
    assert "  inpaint, seed 0: 2 of 4, 2 failed\n" in out
    lines = log.read_text().splitlines()
    assert sorted(lines.count(line) for line in set(lines)) == [3, 3]
    found, wanted = run_rows(folder), run_rows(expected(PLAIN))
    assert found.keys() == wanted.keys()
    for key, row in found.items():
        if key[1:3] == ("coins", "inpaint"):
            assert row["status"] == "failed"
            assert re.match(
                r"given up: its worker died 3 times, .*; last: its worker died", row["error"]
            )
            assert row["psnr_corrupted_db"] == wanted[key]["psnr_corrupted_db"]
        else:
            assert row == wanted[key]
    assert score_rows(folder) == score_rows(expected(PLAIN))
    # The next build begins anew with what failed.
    status, out, err = finish(start(folder, *PLAIN))
    assert (status, out.split(",")[0]) == (0, "2 units finished")


def test_of_a_stack_only_the_run_that_kills_is_given_up(tmp_path: Path):
    log, folder = tmp_path / "log", tmp_path / "build"
    options = [*COMMAND, "--stack=2", "--scoring-inits=0", "--tasks=inpaint"]
    status, out, _ = finish(start(folder, *options, **poisoned(tmp_path, log)))
    assert status == 1
    assert out.startswith("2 units finished, 0 left, 0 diverged, 2 failed")
    assert sorted(line.split()[1] for line in log.read_text().splitlines()) == [*"111122"]
    statuses = {key[1]: row["status"] for key, row in run_rows(folder).items()}
    assert statuses == {"camera": "ok", "coins": "failed"}


# -- stopping --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
def test_a_signal_stops_cleanly(tmp_path: Path, number, group):
    process = start(tmp_path, *LONG, "--iterations=3000", group=group)
    wait_until(lambda: len(workers(process.pid)) > 0, process)
    started = descendants(process.pid)
    os.kill(process.pid, number) if not group else os.killpg(process.pid, number)
    status, _, err = finish(process)
    assert status == 128 + number
    assert "the same command goes on from here" in err
    wait_until(lambda: not any(map(alive, started)))


def test_a_time_limit_stops_with_75(tmp_path: Path):
    process = start(tmp_path, *PLAIN, "--scoring-inits=0", "--seeds=0-999", "--time-limit=30s")
    status, out, err = finish(process)
    assert status == 75, err
    assert "stopped at the time limit; the same command goes on from here" in err
    assert "  inpaint, seed 999: 0 of 4, 4 left\n" in out
    assert len(run_rows(tmp_path)) == int(out.split()[0])


# -- mistakes --------------------------------------------------------------------------------------


def test_nodes_with_another_version_are_refused(tmp_path: Path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", sitecustomize(tmp_path / "site", OTHER_VERSION))
        with cluster(1) as nodes:
            patch.delenv("PYTHONPATH")
            process = start(tmp_path / "build", *PLAIN, f"--address={nodes.address}")
            status, _, err = finish(process)
    assert status == 2
    assert f"nasdip-bench 0.0.1 is installed, but the builder has {__version__}" in err


def test_where_no_cluster_answers_it_is_said_soon(monkeypatch):
    monkeypatch.setattr(ray_cluster, "_HEALTH_SECONDS", 5.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConfigError, match="no Ray cluster answers at .*no answer within 5 s"):
            connect(RayOptions(address=address)).__enter__()
    with pytest.raises(
        ConfigError, match="no Ray cluster answers at .*refused.*'ray start --head'"
    ):
        connect(RayOptions(address=address)).__enter__()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_node_that_cannot_use_its_gpu_is_an_error_and_not_a_death(tmp_path: Path):
    with cluster(1) as nodes:
        nodes.add_node(num_cpus=1, num_gpus=1)
        process = start(
            tmp_path,
            *PLAIN,
            "--device=cuda",
            "--gpus-per-worker=0.25",
            f"--address={nodes.address}",
        )
        status, _, err = finish(process)
    assert status == 2
    assert re.search("a worker cannot be started: on .*: device 'cuda' is not available", err)
    assert err.count("\n") == 1


@pytest.mark.gpu
def test_two_workers_share_a_gpu(tmp_path: Path):
    process = start(tmp_path, *PLAIN, "--device=cuda", "--gpus-per-worker=0.5")
    status, out, err = finish(process)
    assert status == 0, err
    assert out.startswith("10 units finished, 0 left, 0 diverged, 0 failed")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device=cuda"], "no node with room for a worker of 1 CPUs and 1 GPUs.*, 0 GPUs"),
        (["--device=cpu", "--cpus-per-worker=999"], "no node with room for a worker of 999 CPUs"),
    ],
)
def test_more_than_the_cluster_has_is_refused(tmp_path: Path, options, message):
    process = start(tmp_path / "build", *PLAIN, *options, CUDA_VISIBLE_DEVICES="")
    status, out, err = finish(process)
    assert (status, out) == (2, "")
    assert re.search(message, err)
    assert err.count("\n") == 1
    assert not (tmp_path / "build").exists()


# -- recipes ---------------------------------------------------------------------------------------

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "build.md").read_text(encoding="utf-8")
PAGE = PAGE.split("\n## Ray\n")[1].split("\n## ")[0]
RECIPE = "--images all --fidelity r128"
SRUN = """#!/bin/bash
while [[ "$1" == --* ]]; do shift; done
exec "$@"
"""
SCONTROL = """#!/bin/bash
if [ "$1" = show ]; then echo 127.0.0.1; else echo "$@" >> "$SLURM_SUBMIT_DIR/queued"; fi
"""


@pytest.fixture
def run_script(tmp_path: Path) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Run a script of the page on a smaller build, and end what it leaves behind."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    path = os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {
        "PATH": path,
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_JOB_ID": "7",
        "SLURM_SUBMIT_DIR": str(tmp_path),
    }
    started: list[subprocess.Popen[bytes]] = []

    def run(script: str) -> subprocess.CompletedProcess[str]:
        assert RECIPE in script
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        script = script.replace(RECIPE, " ".join(PLAIN)).replace(" --device cuda", "")
        script = script.replace("6379", port)
        with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
            process = subprocess.Popen(
                ["bash", "-euc", script],
                cwd=tmp_path,
                env=os.environ | environment,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            started.append(process)
            process.wait(timeout=150)
        texts = [(tmp_path / name).read_text() for name in ("out", "err")]
        return subprocess.CompletedProcess("", process.returncode, *texts)

    yield run
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_the_recipe_for_several_machines(tmp_path: Path, expected, run_script):
    lines = re.findall(r"^(?:head|node)\$ (.*)$", PAGE, re.MULTILINE)
    assert len(lines) == 6
    # `ray stop` ends all clusters of a machine: one's own are ended with their group.
    kept = [line.replace("head:", "127.0.0.1:") for line in lines if line != "ray stop"]
    script = "\n".join(kept) + f" --out {tmp_path / 'build'}"
    done = run_script(script)
    assert done.returncode == 0, done.stderr
    assert "10 units finished, 0 left" in done.stdout
    assert_equal_builds(tmp_path / "build", expected(PLAIN))


def test_the_recipe_for_slurm(tmp_path: Path, expected, run_script):
    (script,) = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    done = run_script(script)
    assert done.returncode == 0, done.stderr
    assert "10 units finished, 0 left" in done.stdout
    assert not (tmp_path / "queued").exists()
    assert_equal_builds(tmp_path / "builds" / "r128", expected(PLAIN))
