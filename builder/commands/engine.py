"""Chooses the engine that a command line asks for, and its device.

Must not import torch at module level.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nasdip_bench.errors import ConfigError, check_name

from ..engines.ray.cluster import Cluster, RayOptions, connect

if TYPE_CHECKING:
    from ..engines.local import Engine

ENGINE_NAMES = ("local", "ray")


def ray_options(
    engine: str,
    *,
    address: str,
    gpus_per_worker: float,
    cpus_per_worker: int,
    workers: int,
    device: str,
    dry_run: bool,
) -> RayOptions | None:
    """The options of ``--engine ray``, checked against the others; None for ``--engine local``.

    Raises:
        UnknownNameError: the engine is unknown.
        ConfigError: options do not go together.
    """
    check_name("engine", engine, ENGINE_NAMES)
    if engine == "local":
        given = {
            "--address": address,
            "--gpus-per-worker": gpus_per_worker,
            "--cpus-per-worker": cpus_per_worker,
        }
        for option, value in given.items():
            if value:
                raise ConfigError(f"{option} {value} goes with --engine ray only: add it")
        return None
    if dry_run:
        raise ConfigError(
            "--dry-run measures this machine: leave --engine ray out, and give --devices for the "
            "time on several"
        )
    if workers:
        raise ConfigError(
            f"--workers {workers} is for this machine's processes; with --engine ray there are as "
            f"many workers as the cluster holds: size them with --cpus-per-worker"
        )
    if device.startswith("cuda:"):
        raise ConfigError(f"device {device!r}: Ray gives each worker its GPU; use --device cuda")
    if gpus_per_worker and device == "cpu":
        raise ConfigError(f"--gpus-per-worker {gpus_per_worker} does not go with --device cpu")
    return RayOptions(
        address=address, gpus_per_worker=gpus_per_worker, cpus_per_worker=cpus_per_worker
    )


@contextmanager
def open_engine(options: RayOptions | None, device: str) -> Iterator[tuple[Engine | None, str]]:
    """Yield the engine (None for this machine's) and the device ("auto" takes a GPU if any).

    Raises:
        ConfigError: the device is missing, or there is no cluster.
        MissingDependencyError: Ray is not installed.
    """
    if options is None:
        from nasdip_bench.fit.devices import local_device

        yield None, local_device(device)
        return
    # Ray is the only other engine: `ray_options` returns options for no other.
    from ..engines.ray.driver import on_ray

    with connect(options) as cluster:
        if device == "auto":
            device = "cuda" if options.gpus_per_worker or cluster.has_gpus else "cpu"
        _check_room(cluster, options, device)
        yield on_ray(cluster, options), device


def _check_room(cluster: Cluster, options: RayOptions, device: str) -> None:
    cpus, gpus = options.cpus_per_worker or 1, options.gpus_for(device)
    if cluster.room(cpus, gpus):
        return
    nodes = cluster.resources()
    most = ", ".join(
        f"{max((node.get(name, 0) for node in nodes), default=0):g} {name}s"
        for name in ("CPU", "GPU")
    )
    raise ConfigError(
        f"{cluster.name} has no node with room for a worker of {cpus} CPUs and {gpus:g} GPUs: a "
        f"node has at most {most}; ask for less with --cpus-per-worker or --gpus-per-worker, or "
        f"use another --device"
    )
