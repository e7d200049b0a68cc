"""Trains a few runs of a dataset again from their keys, and compares them with the dataset.

A run's keys determine its random draws, so anyone can repeat it. How well the numbers agree depends
on the machine. On one machine, with the same torch, engine and stack, every kept point is equal,
bit for bit. Elsewhere, even on another processor of the same name, float32 rounds differently. The
first outputs still agree, since they come from the same draws; training then amplifies the rounding
until two computations of one run differ as much as two seeds. So unequal runs are judged first by
their first iterations, then by the differences between seeds in the same dataset
(`nasdip_bench.builder.recompute.verdict`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.errors import BuildError, MissingRunError, UnknownNameError, check_name
from nasdip_bench.fidelity import PROTOCOL_VERSION, get_fidelity
from nasdip_bench.fit.devices import device_name
from nasdip_bench.images import Image
from nasdip_bench.seeding import BitStream

from ..engines.worker import ENGINES, Worker
from ..plan.cost import LARGEST_SHARED_CPU_RESOLUTION
from ..plan.units import RunKey, Unit
from ..work.speed import threads_set
from .verdict import Recomputed, compared

_PROVENANCE = ("engine", "stack", "precision", "device", "torch")


def pick(folder: DatasetFolder, count: int, fidelity: str | None = None) -> list[int]:
    """Pick rows of runs.parquet to train again, at random but always the same for one dataset.

    Picks among the ok runs, at all fidelities or one, whose fidelity, engine and protocol version
    this version can train. Returns fewer than ``count`` if there are fewer.

    Raises:
        UnknownNameError: the dataset does not have the fidelity.
        MissingRunError: there is no run to choose from.
    """
    manifest = folder.manifest
    if fidelity is not None:
        check_name("fidelity", fidelity, manifest.fidelities)
    rows = folder.table("runs").to_pylist()
    can = [
        number
        for number, row in enumerate(rows)
        if row["status"] == "ok"
        and row["engine"] in ENGINES
        and row["protocol_version"] == PROTOCOL_VERSION
        and (row["fidelity"] == fidelity if fidelity else _is_ours(row["fidelity"]))
    ]
    if not can:
        raise MissingRunError(
            f"{str(folder.path)!r} has no ok run of protocol version {PROTOCOL_VERSION} at "
            f"{fidelity or 'a fidelity of this version'} by one of the engines "
            f"{', '.join(ENGINES)}: nothing can be computed again"
        )
    hashed = manifest.files["runs.parquet"].sha256
    stream = BitStream("recompute", manifest.name, manifest.version, hashed)
    return [can.pop(stream.integer(len(can))) for _ in range(min(count, len(can)))]


def _is_ours(fidelity: str) -> bool:
    try:
        get_fidelity(fidelity)
    except UnknownNameError:
        return False
    return True


def recompute(
    folder: DatasetFolder,
    rows: Sequence[int],
    images: Sequence[Image],
    *,
    iterations: int = 0,
    device: str = "cpu",
    alone: bool = False,
) -> Iterator[Recomputed]:
    """Train runs of a dataset again, one after the other.

    If the names of processor and torch match the row, a run is trained together with the runs it
    was stacked with; else alone, since it cannot be expected to be equal.

    Args:
        folder: the dataset.
        rows: row numbers in runs.parquet.
        images: the dataset's images, at least those of these runs and of runs stacked with them.
        iterations: train only this many of the first iterations; 0 trains whole runs.
        device: "cpu", "cuda" or "cuda:N".
        alone: train each run alone even if it was stacked; rounding then differs.

    Raises:
        BuildError: an image is not the dataset's, or a run fails here.
    """
    _check_images(folder, images)
    table = folder.table("runs").to_pylist()
    names = folder.table("architectures")["architecture"].to_pylist()
    for row in (table[number] for number in rows):
        missing = row["precision"] == "tf32" and torch.device(device).type != "cuda"
        precision = "fp32" if missing else row["precision"]
        unlike = _unlike(row, device, precision, alone)
        mates = [row] if unlike else _stack(table, row)
        if not unlike and len(mates) != row["stack"]:
            unlike = "the others of its stack are not known"
        fidelity = get_fidelity(row["fidelity"])
        length = min(iterations or row["iterations"], row["iterations"])
        shortened = fidelity.shortened(length).name if length < row["iterations"] else fidelity.name
        keys = [
            RunKey(names[r["arch_id"]], r["image"], r["task"], shortened, r["seed"]) for r in mates
        ]
        key = keys[mates.index(row)]
        with threads_set(0):  # the worker sets its own
            worker = Worker(
                images=tuple(images),
                device=device,
                engine=row["engine"],
                precision=precision,
                threads=1 if fidelity.resolution <= LARGEST_SHARED_CPU_RESOLUTION else 0,
            )
            unit = Unit(architecture=key.architecture, runs=tuple(keys))
            made = _trained(worker, unit, key.image)
        # Perturbations are drawn on the device.
        types = {_here("cpu"): "cpu"} | folder.manifest.device_types
        on_cpus = device == types.get(row["device"]) == "cpu"
        same_draws = on_cpus and precision == row["precision"]
        whole_key = key._replace(fidelity=fidelity.name)
        yield compared(folder, row, whole_key, made, unlike, same_draws)


def _check_images(folder: DatasetFolder, images: Sequence[Image]) -> None:
    hashes = {row["name"]: row["sha256"] for row in folder.table("images").to_pylist()}
    for image in images:
        if hashes.get(image.name) != image.sha256:
            raise BuildError(
                f"image {image.name!r} is not that of {str(folder.path)!r}: its pixels have "
                f"SHA-256 {image.sha256[:12]}..., the dataset's "
                f"{hashes.get(image.name, 'absent')[:12]}; give the dataset's images"
            )


def _here(device: str) -> str:
    return device_name(torch.device(device))


def _unlike(row: Mapping[str, Any], device: str, precision: str, alone: bool) -> str:
    """Why points may differ; "" if there is no known reason."""
    here = {"device": _here(device), "torch": torch.__version__, "precision": precision}
    found = [
        f"{name} {row[name]} there, {ours} here" for name, ours in here.items() if row[name] != ours
    ]
    if torch.device(device).type != "cpu":
        found.append(f"{device} is not deterministic")
    if alone and row["stack"] > 1:
        found.append(f"in a stack of {row['stack']} there, alone here")
    return "; ".join(found)


def _stack(
    table: Sequence[Mapping[str, Any]], row: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """The runs that were stacked with a run, in order; the run alone if that is not known.

    A dataset does not record its stacks. But a build cuts the images of an architecture, task and
    seed into stacks in order, and rows of one provenance are in that order.
    """
    same = ("arch_id", "task", "fidelity", "seed", *_PROVENANCE)
    mates = [other for other in table if all(other[name] == row[name] for name in same)]
    size = row["stack"]
    first = mates.index(row) // size * size
    return [row] if len(mates) % size else mates[first : first + size]


def _trained(worker: Worker, unit: Unit, image: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = worker.execute(unit).to_pylist()
    made = next(row for row in rows if row["image"] == image)
    if made["status"] == "failed" or made["stack"] != len(unit.runs):
        raise BuildError(
            f"{unit} cannot be trained here in a stack of {len(unit.runs)}: "
            f"{made['error'] or 'out of memory'}; free some, or pick fewer"
        )
    return made
