"""A Ray cluster to build on: this machine alone, or a running cluster.

A cluster of this machine alone listens only on the loopback interface, and only to the build. It
has no dashboard, reports nothing to Ray's makers, and its files are removed. Needs Ray (extra
``ray``), which is imported when a cluster is requested. Must not import torch.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from nasdip_bench.errors import ConfigError, NasdipError, check_whole, not_installed

from ...plan.cost import available_cores

_LEAST_GPU = 0.01
_LONGEST_REASON = 300
_CONNECT_SECONDS = 10.0
_HEALTH_SECONDS = 30.0
_OBJECT_STORE_BYTES = 256 * 2**20
"""Enough for specs and small tables; the excess goes to disk."""
_LONGEST_TEMPORARY = 20
"""Characters in the path of the folder for Ray's sockets, whose full paths may have 107."""
_ORDERLY = (1, 3, 4)
"""Ray's reasons for a node's death (`NodeDeathInfo`): stopped, preempted, idle."""

# Ray reads these on import and passes them on to the processes it starts.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # reports of workers' deaths, which the engine makes itself
    "RAY_SCHEDULER_EVENTS": "0",
}
# For this machine alone: Ray's setting for one-machine clusters, which use loopback addresses; and
# a secret that is not left in the user's home, where other clusters would find it.
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
_SECRET = "RAY_AUTH_TOKEN"


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """Which cluster to use, and the size of a worker.

    Attributes:
        address: of a running cluster, HOST:PORT or "auto"; empty for this machine alone.
        gpus_per_worker: fraction of a GPU per worker, up to 1; 0 chooses.
        cpus_per_worker: cores per worker; 0 chooses.

    Raises:
        ConfigError: a value outside what is allowed.
    """

    address: str = ""
    gpus_per_worker: float = 0.0
    cpus_per_worker: int = 0

    def __post_init__(self) -> None:
        if self.address and self.address != "auto":
            _host_and_port(self.address)
        if self.gpus_per_worker and not _LEAST_GPU <= self.gpus_per_worker <= 1:
            raise ConfigError(
                f"GPUs per worker {self.gpus_per_worker} must lie in {_LEAST_GPU}..1: 1 gives each "
                f"worker a GPU, 0.25 lets four share one"
            )
        check_whole("CPUs per worker", self.cpus_per_worker, 0, note="; 0 chooses")

    def gpus_for(self, device: str) -> float:
        """The fraction of a GPU that a worker on a device gets."""
        return (self.gpus_per_worker or 1.0) if device == "cuda" else 0.0


class Cluster:
    """A cluster that this process is connected to.

    Args:
        ray: the module.
        name: for messages.
    """

    def __init__(self, ray: Any, name: str) -> None:
        self.ray = ray
        self.name = name
        self._own_node: str = ray.get_runtime_context().get_node_id()

    def resources(self) -> list[dict[str, float]]:
        """The total resources of each live node, such as {"CPU": 8.0, "GPU": 1.0}."""
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def room(self, cpus: int, gpus: float) -> int:
        """How many workers of a size fit on the live nodes, if nobody else uses them."""
        return sum(_times(r, "CPU", cpus, _times(r, "GPU", gpus)) for r in self.resources())

    @property
    def has_gpus(self) -> bool:
        """Whether a live node has a GPU."""
        return any(resources.get("GPU", 0) > 0 for resources in self.resources())

    def fate(self, node: str) -> Literal["alive", "removed", "lost"]:
        """What became of a node: "removed" is orderly, "lost" is unannounced."""
        for found in self.ray.nodes():
            if found["NodeID"] == node:
                if found["Alive"]:
                    return "alive"
                return "removed" if found.get("DeathReason") in _ORDERLY else "lost"
        return "lost"

    @property
    def connected(self) -> bool:
        """Whether the node that this process is connected through is alive."""
        return self.fate(self._own_node) == "alive"


def _times(resources: dict[str, float], name: str, demand: float, most: float = math.inf) -> Any:
    """How often a demand fits into a node's resource, at most ``most``; inf for no demand."""
    if not demand:
        return most
    return min(most, math.floor(resources.get(name, 0.0) / demand + 1e-6))


@contextmanager
def connect(options: RayOptions) -> Iterator[Cluster]:
    """Connect to the running cluster, or start one on this machine and end it afterwards.

    Raises:
        MissingDependencyError: Ray is not installed.
        ConfigError: there is no cluster at the address, or Ray cannot be started.
    """
    ray = _import_ray(alone=not options.address)
    with tempfile.TemporaryDirectory(
        prefix="nasdip-ray-", dir=_temporary_folder(), ignore_cleanup_errors=True
    ) as scratch:
        how: dict[str, Any] = {"address": options.address}
        if options.address:
            _check_reachable(options.address)
        else:
            how = {
                "address": "local",
                "num_cpus": available_cores(),
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE_BYTES,
                "_temp_dir": scratch,
            }
        name = f"the cluster at {options.address!r}" if options.address else "Ray on this machine"
        before = signal.getsignal(signal.SIGTERM)
        try:
            # Above every level: Ray's messages are not for the user of a build.
            ray.init(**how, log_to_driver=False, logging_level=logging.CRITICAL + 1)
        except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
            what = " ".join(str(error).split())[:300]
            raise ConfigError(f"cannot connect to {name}: {what}") from error
        finally:
            # Ray would end the process at SIGTERM; a build handles it itself.
            signal.signal(signal.SIGTERM, before)
        try:
            yield Cluster(ray, name)
        finally:
            ray.shutdown()


def _import_ray(*, alone: bool) -> Any:
    os.environ.update(_QUIET)
    if alone:
        os.environ.update(_ALONE | {_SECRET: secrets.token_hex()})
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise not_installed("--engine ray", "Ray", "ray") from error


def _temporary_folder() -> str:
    folder = tempfile.gettempdir()
    return folder if len(folder) <= _LONGEST_TEMPORARY else "/tmp"


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ConfigError(
            f"address {address!r} must be HOST:PORT, as 'ray start --head' prints it, or auto"
        )
    return host.strip("[]"), int(port)


def _check_reachable(address: str) -> None:
    """Raise `ConfigError` unless a cluster answers; Ray itself would retry for minutes, noisily."""
    try:
        if address != "auto":
            socket.create_connection(_host_and_port(address), timeout=_CONNECT_SECONDS).close()
        command = ["health-check", "--address", address, "--skip-version-check"]
        done = subprocess.run(
            [sys.executable, "-m", "ray.scripts.scripts", *command],
            capture_output=True,
            text=True,
            timeout=_HEALTH_SECONDS,
            check=False,
        )
        if done.returncode == 0:
            return
        lines = done.stderr.strip().splitlines() or ["it is not healthy"]
        what = lines[-1]
    except OSError as error:
        what = error.strerror or str(error)
    except subprocess.TimeoutExpired:
        what = f"no answer within {_HEALTH_SECONDS:.0f} s"
    raise ConfigError(
        f"no Ray cluster answers at {address!r} ({what[:200]}); start one with 'ray start --head' "
        f"and give the address that it prints, or leave --address out to build on this machine"
    )


def cause(error: Exception) -> str:
    """Summarise a Ray exception in one line."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, NasdipError):
        return str(cause)
    if isinstance(cause, Exception):
        error = cause
        text = f"{type(cause).__name__}: {cause}"
    else:
        # Ray puts ids and addresses first, one per line, and advice at the end.
        text = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return " ".join(text.split(" Some common causes")[0].split())[:_LONGEST_REASON]
