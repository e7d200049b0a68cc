"""Export to the format of Syne Tune's blackbox repository.

``syne_tune.blackbox_repository.blackbox_tabular.deserialize`` reads the folder. Writing it does not
need Syne Tune; a test reads it back with Syne Tune. Must not import torch.

One folder holds one task at one fidelity. In Syne Tune's terms, its tasks are the images and its
fidelity is ``iterations``, the kept points. Its objectives at each point are
``metric_psnr_smooth_db`` and ``metric_psnr_db`` (dB, to be maximised, against the ground truth: an
oracle) and ``metric_elapsed_time`` (simulated seconds since the training began).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nasdip_bench.errors import ConfigError, MissingRunError
from nasdip_bench.storage.files import atomic_path, write_atomic

from ..simulation.opening import read_runs
from ..simulation.prices import CostModel

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

OBJECTIVES = ("metric_psnr_smooth_db", "metric_psnr_db", "metric_elapsed_time")


class Exported(NamedTuple):
    """What was written.

    Attributes:
        path: the folder.
        task: name.
        fidelity: the training set-up.
        images: names, which are Syne Tune's tasks.
        seeds: seeds of the runs, in the order of Syne Tune's seeds 0, 1, ...
        arch_ids: rows of the configurations, in order: the architectures that have a run, ok or
            diverged, of every seed on every image.
        cost: the cost model, in words.
    """

    path: Path
    task: str
    fidelity: str
    images: tuple[str, ...]
    seeds: tuple[int, ...]
    arch_ids: tuple[int, ...]
    cost: str


def export_blackbox(
    bench: ReleaseReader,
    path: Path | str,
    task: str = "denoise",
    images: Sequence[str] | None = None,
    fidelity: str | None = None,
    *,
    cost: str | CostModel = "flops",
) -> Exported:
    """Write a blackbox folder.

    A table has no gaps, so it contains only architectures that have runs for all images and default
    seeds. PSNR after a divergence is NaN. A configuration is one choice among the canonical strings
    (and a constant, the task), so that every suggestion of a scheduler is in the table.

    Args:
        path: folder to create or to write into.
        task: name.
        images: names; None for all.
        fidelity: None for the release's default for the task.
        cost: "flops", "recorded" or a `CostModel`.

    Raises:
        UnknownNameError: an unknown name.
        MissingRunError: no architecture is complete.
        ConfigError: the folder cannot be written.
    """
    seeds = bench.runs.block(task, fidelity).choose_seeds(None)
    by_seed = [read_runs(bench, task, images, fidelity, one, cost=cost) for one in seeds]
    names = tuple(by_seed[0])
    complete = set(range(len(bench)))
    for of_seed in by_seed:
        for runs in of_seed.values():
            complete &= set(runs.space.tolist())
    arch_ids = tuple(sorted(complete))
    if not arch_ids:
        raise MissingRunError(
            f"no architecture has a run of {task} with seeds {', '.join(map(str, seeds))} on all "
            f"of {', '.join(names)}; export fewer images, bench.coverage() shows which runs exist"
        )
    some = by_seed[0][names[0]]
    steps = some.iterations
    # (task, configuration, seed, fidelity, objective), as in Syne Tune
    values = np.empty(
        (len(names), len(arch_ids), len(seeds), len(steps), len(OBJECTIVES)), np.float32
    )
    for s, of_seed in enumerate(by_seed):
        for t, runs in enumerate(of_seed.values()):
            places = [runs.position[arch_id] for arch_id in arch_ids]
            per_iteration = runs.prices.per_iteration[places, None]
            values[t, :, s, :, 0] = runs.psnr_smooth_db[places]
            values[t, :, s, :, 1] = runs.psnr_db[places]
            values[t, :, s, :, 2] = runs.prices.overhead + per_iteration * steps
    result = Exported(Path(path), task, some.fidelity, names, seeds, arch_ids, some.prices.text)
    try:
        _write(result, bench, steps, values)
    except OSError as error:
        raise ConfigError(
            f"cannot write {str(path)!r}: {error.strerror}; name a folder that you may write to"
        ) from error
    return result


def _write(
    result: Exported,
    bench: ReleaseReader,
    steps: np.ndarray[Any, np.dtype[np.int32]],
    values: np.ndarray[Any, np.dtype[np.float32]],
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = result.path
    folder.mkdir(parents=True, exist_ok=True)
    codes = [bench.codes[arch_id] for arch_id in result.arch_ids]
    # Syne Tune's table needs at least two columns to look up configurations.
    columns = {"architecture": codes, "nasdip_task": [result.task] * len(codes)}
    with atomic_path(folder / "hyperparameters.parquet") as aside:
        pq.write_table(pa.table(columns), aside, compression="gzip")
    for name, array in (("objectives_evaluations", values), ("fidelities_values", steps)):
        with atomic_path(folder / f"{name}.npy") as aside, aside.open("wb") as file:
            np.save(file, array, allow_pickle=False)
    uniform = {"sampler_cls": "Uniform", "sampler_kwargs": {}}
    space = {
        name: {"domain_cls": "Categorical", "domain_kwargs": {"categories": choices}} | uniform
        for name, choices in (("architecture", codes), ("nasdip_task", [result.task]))
    }
    bounds = {"lower": 1, "upper": int(steps[-1])}
    fidelity = {"iterations": {"domain_cls": "Integer", "domain_kwargs": bounds} | uniform}
    metadata = {
        "objectives_names": list(OBJECTIVES),
        "task_names": list(result.images),
        "metric_mode": "max",
        "elapsed_time_attr": "metric_elapsed_time",
        "default_metric": "metric_psnr_smooth_db",
        "resource_attr": "iterations",
        "release": f"{bench.manifest.name} {bench.manifest.version}",
        "nasdip_task": result.task,
        "nasdip_fidelity": result.fidelity,
        "run_seeds": list(result.seeds),
        "cost": result.cost,
    }
    written = {"configspace": space, "fidelityspace": fidelity, "metadata": metadata}
    for name, content in written.items():
        write_atomic(folder / f"{name}.json", json.dumps(content, indent=1).encode())
