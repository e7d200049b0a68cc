"""Reads results in the layout of the paper's released code.

    benchmark/models.csv                                    lines of cell,skip
    benchmark/lowpass_metrics.csv                           model name, psd 99_per_bw, ...
    benchmark/<task>/<level>/<image>/similarity_metrics_noisy_img.csv
    benchmark/<task>/<level>/<image>/data/<model>/htr.pkl   losses, PSNR curves
    benchmark/<task>/<level>/<image>/data/<model>/psnr_noisy.pkl
    images/<task>/true/<image>.png                          the ground truth

Missing files stay missing; nothing is filled in. Must not import torch.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nasdip_bench.console.progress import Progress
from nasdip_bench.errors import ArchitectureError, BuildError, DatasetError, ImageError
from nasdip_bench.images import catalogue, read_image
from nasdip_bench.space import Architecture

from .history import History, best_of, read_history

SIZE = 512
"""Height and width of the images of the released benchmark."""

_TASKS = {
    ("denoising", "25"): "denoise",
    ("inpainting", "50"): "inpaint",
    ("sr", "2"): "super_resolve_x2",
    ("sr", "4"): "super_resolve_x4",
    ("sr", "8"): "super_resolve_x8",
}
"""Our name of a task, by the released code's name and level (sigma, % missing, factor)."""

_HISTORIES = "data/*/htr.pkl"
_MODEL = "model name"
_BEST = ("best psnr", "best iteration", "best psnr smooth", "best iteration smooth")
_SHOWN = 3

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, eq=False)
class ReleasedRun:
    """All results of a run.

    Attributes:
        image: our name.
        row: the finite numbers of its row in the table of similarity, by column.
        bandwidth: of its random outputs, from the table of low-pass metrics.
        psnr_corrupted_db: of the corrupted image.
        error: why its history could not be read; "" if it was read, or there is none.
    """

    architecture: Architecture
    image: str
    history: History | None
    row: Mapping[str, float]
    bandwidth: float | None
    psnr_corrupted_db: float | None
    error: str

    @property
    def has_best(self) -> bool:
        """Whether the table has its best values."""
        return all(column in self.row for column in _BEST)


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """What a folder holds.

    Attributes:
        architectures: those of ``models.csv``, in order.
        images: rows of images.parquet, by our name.
        runs: by our name of the task.
        left_out: what could not be used and why, a sentence each.
    """

    architectures: tuple[Architecture, ...] = ()
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, list[ReleasedRun]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def read_results(path: Path) -> Results:
    """Read the results in a folder that holds ``benchmark``.

    Raises:
        BuildError: there are none, or a table is damaged or contradicts another file.
    """
    root, left_out = path / "benchmark", list[str]()
    lines = (("_".join(line), None) for line in _rows(root / "models.csv"))
    models = _by_architecture(lines, "models.csv", left_out)
    lowpass = _table(root / "lowpass_metrics.csv", left_out)
    results = Results(architectures=tuple(models), left_out=left_out)
    count = 0
    known = []
    for folder in sorted(root.glob("*/*/*/")):
        task, level = folder.parts[-3:-1]
        name = f"{task}/{level}/{folder.name}"
        if (task, level) not in _TASKS:
            left_out.append(f"{name} is of a level that none of our tasks has")
        elif (facts := _image_facts(path / "images" / task / "true", folder.name)) is None:
            left_out.append(f"the image of {name} is not known to be {SIZE} x {SIZE}")
        else:
            known.append((_TASKS[task, level], folder, facts))
            count += sum(1 for _ in folder.glob(_HISTORIES))
    progress = Progress(count, float(count))
    for task, folder, facts in known:
        runs = list(_runs(folder, lowpass, left_out, progress))
        if not runs:
            continue
        if results.images.setdefault(runs[0].image, facts) != facts:
            raise BuildError(
                f"{folder.name!r} is another picture at {task} than at another task; rename one of "
                f"the two folders"
            )
        results.runs.setdefault(task, []).extend(runs)
    progress.close()
    if not results.runs:
        raise BuildError(
            f"{str(root)!r} has no results of a run that can be used"
            f"{''.join(f'; {reason}' for reason in left_out[:_SHOWN])}; name the folder that holds "
            f"'benchmark'"
        )
    return results


def _runs(
    folder: Path,
    lowpass: Mapping[Architecture, Mapping[str, float]],
    left_out: list[str],
    progress: Progress,
) -> Iterator[ReleasedRun]:
    """The runs of one image, those in its table first."""
    ours = {entry["paper_stem"]: name for name, entry in catalogue().items()}
    table = _table(folder / "similarity_metrics_noisy_img.csv", left_out)
    named = ((path.parent.name, path.parent) for path in sorted(folder.glob(_HISTORIES)))
    trained = _by_architecture(named, f"{folder.name}/data", left_out)
    for architecture in dict.fromkeys([*table, *trained]):
        row = table.get(architecture, {})
        history, corrupted, error = None, None, ""
        if architecture in trained:
            try:
                history, corrupted = read_history(trained[architecture])
            except DatasetError as refusal:
                error = str(refusal)
                left_out.append(error)
            progress.finished(1.0, f"{folder.name}, {architecture}")
        run = ReleasedRun(
            architecture=architecture,
            image=ours.get(folder.name, folder.name),
            history=history,
            row=row,
            bandwidth=lowpass.get(architecture, {}).get("psd 99_per_bw"),
            psnr_corrupted_db=row.get("psnr noisy") if corrupted is None else corrupted,
            error=error,
        )
        _check_agreement(run)
        if history is None and not run.has_best and not error:
            left_out.append(f"{folder.name}, {architecture} has neither history nor best values")
        else:
            yield run


def _check_agreement(run: ReleasedRun) -> None:
    if run.history is None or not run.has_best:
        return
    found = best_of(run.history.psnr), best_of(run.history.psnr_smooth)
    stated = run.row["best psnr"], run.row["best psnr smooth"]
    if not np.allclose(found, stated, rtol=1e-6, atol=0):
        raise BuildError(
            f"{run.image}, {run.architecture}: the best PSNRs are {stated} in the table and "
            f"{found} in htr.pkl, so they belong to different runs; remove one of the two"
        )


def _image_facts(pictures: Path, stem: str) -> dict[str, Any] | None:
    """The row of images.parquet, from the picture or the name; None if its size is not ours."""
    picture = pictures / f"{stem}.png"
    if picture.is_file():
        try:
            image = read_image(picture)
        except ImageError as error:
            raise BuildError(f"the picture of {stem!r}: {error}") from error
        sha256, channels, size = image.sha256, image.channels, (image.height, image.width)
    else:
        named = re.search(rf"_{SIZE}(_rgb)?$", stem)
        sha256, channels = None, 3 if named and named[1] else 1
        size = (SIZE, SIZE) if named else (0, 0)
    if size != (SIZE, SIZE):
        return None
    return {
        "sha256": sha256,
        "height": SIZE,
        "width": SIZE,
        "channels": channels,
        "source": f"released results, {stem}",
        "licence": "not stated",
        "status": "imported" if sha256 else "imported, picture not seen",
    }


def _by_architecture(
    named: Iterable[tuple[str, _T]], where: str, left_out: list[str]
) -> dict[Architecture, _T]:
    """By architecture, what stands under a model's name, which has several forms."""
    found: dict[Architecture, _T] = {}
    for model, value in named:
        try:
            architecture = Architecture.parse(model)
        except ArchitectureError:
            left_out.append(f"{model[:60]!r} in {where} is no architecture that can be built")
            continue
        if found.setdefault(architecture, value) != value:
            raise BuildError(f"{where} has two of {architecture} that differ; remove the wrong one")
    return found


def _table(path: Path, left_out: list[str]) -> dict[Architecture, dict[str, float]]:
    """The finite numbers of a table, by architecture and column; empty if there is no table.

    Several processes append to such a table, so its header may be repeated.
    """
    rows = _rows(path)
    header = next(rows, [_MODEL])
    named = []
    for number, row in enumerate(rows, start=2):
        try:
            if len(row) != len(header) or _MODEL not in header:
                raise ValueError(f"{len(row)} values; columns {', '.join(header)[:60]}")
            values = dict(zip(header, row, strict=True))
            model = values.pop(_MODEL)
            if row != header:
                numbers = {name: float(text or "nan") for name, text in values.items()}
                kept = {name: value for name, value in numbers.items() if math.isfinite(value)}
                named.append((model, kept))
        except ValueError as error:
            raise BuildError(
                f"{str(path)!r}, row {number}, cannot be used ({error}); restore the table, or "
                f"move it away"
            ) from error
    return _by_architecture(named, f"{path.parent.name}/{path.name}", left_out)


def _rows(path: Path) -> Iterator[list[str]]:
    if not path.is_file():
        return
    try:
        text = path.read_text("utf-8-sig")
        yield from (row for row in csv.reader(io.StringIO(text, newline="")) if row)
    except (OSError, ValueError, csv.Error) as error:
        raise BuildError(f"{str(path)!r} cannot be read as a table: {error}") from error
