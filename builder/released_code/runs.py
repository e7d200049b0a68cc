"""Collects the runs in the layout of the paper's released code, each with all its results.

Tables and histories are joined by architecture and image; scores are converted to our units. Must
not import torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from nasdip_bench.console.progress import Progress
from nasdip_bench.errors import ArchitectureError, BuildError, DatasetError, ImageError
from nasdip_bench.images import catalogue, read_image
from nasdip_bench.space import Architecture

from .files import History, ImageFolder, best_of, read_history, read_metrics, read_psnr

SIZE, CHANNELS = 512, 128
"""Of the images and networks in the released benchmark."""

_DB_SQUARED = math.log(10) ** 2
"""The released code's "dB" is 10 ln: its mean squared differences are ours times this."""
_SCORES: dict[str, tuple[str, float]] = {
    "psd db mse": ("psd_db_mse", 1 / _DB_SQUARED),
    "psd db strip mse": ("psd_db_strip_mse", 1 / _DB_SQUARED),
    "psd strip hist emd": ("psd_strip_hist_emd", 1.0),
}
"""Our score and the factor to its unit, by column of the similarity tables."""
_BANDWIDTH = "psd 99_per_bw"
_TABLES = {"corrupted": "noisy", "ground_truth": "true"}
_BEST = ("best psnr", "best iteration", "best psnr smooth", "best iteration smooth")
_SHOWN = 3

_T = TypeVar("_T")
_Row = tuple[str, Mapping[str, float]]
_NO_ROW: _Row = ("", {})


class Best(NamedTuple):
    """The best values of a run in the tables; iterations count from 1."""

    psnr_db: float
    iteration: int
    psnr_smooth_db: float
    iteration_smooth: int

    @classmethod
    def of_row(cls, row: Mapping[str, float]) -> Best | None:
        """The values in a row of a table, or None if one is missing."""
        if not all(column in row for column in _BEST):
            return None
        raw, raw_at, smooth, smooth_at = (row[column] for column in _BEST)
        return cls(raw, int(raw_at) + 1, smooth, int(smooth_at) + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class ReleasedRun:
    """All results of a run.

    Attributes:
        image: our name.
        scores: by (our name, reference), in our units.
        error: why its history could not be read; "" if it was read, or there is none.
        named_iterations: iterations in the model's name, or 0. Names say 4000 regardless of the
            training.
    """

    architecture: Architecture
    image: str
    history: History | None
    best: Best | None
    psnr_corrupted_db: float | None
    scores: Mapping[tuple[str, str], float]
    error: str
    named_iterations: int

    @property
    def trained(self) -> int:
        """The number of iterations it was trained, as far as known."""
        if self.history is not None:
            return self.history.iterations
        return 0 if self.best is None else max(self.best.iteration, self.best.iteration_smooth)

    @property
    def asked(self) -> int | None:
        """The number of iterations requested; None if unknown."""
        return None if self.history is None or self.history.cut else self.history.iterations


@dataclass
class LeftOut:
    """What was found but left out, by reason."""

    kinds: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, what: str) -> None:
        """Record one item."""
        self.kinds.setdefault(reason, []).append(what)

    def sentences(self) -> tuple[str, ...]:
        """One sentence per reason, with its first few items."""
        return tuple(
            f"{len(names)} x {reason} ({', '.join(names[:_SHOWN])}"
            f"{', ...' if len(names) > _SHOWN else ''})"
            for reason, names in self.kinds.items()
        )


def collect(
    root: Path, folders: Sequence[ImageFolder], left_out: LeftOut
) -> tuple[dict[str, dict[str, Any]], dict[str, list[ReleasedRun]]]:
    """The columns of images.parquet by image, and the runs by task; ``left_out`` gets the rest.

    Raises:
        BuildError: a table is damaged, or contradicts a history or another table.
    """
    bandwidths = _by_architecture(
        read_metrics(root / "lowpass_metrics.csv"), "lowpass_metrics.csv", left_out
    )
    histories = {folder.path: folder.histories() for folder in folders}
    count = sum(map(len, histories.values()))
    progress = Progress(count, float(count))
    images: dict[str, dict[str, Any]] = {}
    collected: dict[str, list[ReleasedRun]] = {}
    for folder in folders:
        image = _our_name(folder.stem)
        runs = list(_runs(folder, image, bandwidths, histories[folder.path], left_out, progress))
        facts = _image_facts(root, folder, runs)
        if isinstance(facts, str):
            left_out.add(f"image {facts}", folder.stem)
        elif runs:
            if images.setdefault(image, facts) != facts:
                raise BuildError(
                    f"{folder.stem!r} is another picture at {folder.released_task} ({facts}) than "
                    f"at another task ({images[image]}); rename one of the two folders"
                )
            collected.setdefault(folder.task, []).extend(runs)
    progress.close()
    with_runs = {run.architecture for runs in collected.values() for run in runs}
    for architecture, (model, _) in bandwidths.items():
        if with_runs and architecture not in with_runs:
            left_out.add("row of lowpass_metrics.csv without a run", model)
    return images, collected


def _by_architecture(
    of_models: Mapping[str, _T], where: str, left_out: LeftOut
) -> dict[Architecture, tuple[str, _T]]:
    """By architecture, the model's name (which has several forms) and its value."""
    found: dict[Architecture, tuple[str, _T]] = {}
    for model, value in of_models.items():
        try:
            architecture = Architecture.parse(model)
        except ArchitectureError:
            left_out.add("model that is not an architecture, or cannot be built", model)
            continue
        other, _ = found.setdefault(architecture, (model, value))
        if other != model:
            raise BuildError(
                f"{model!r} and {other!r} in {where} are the same architecture: remove one of the "
                f"two"
            )
    return found


def _runs(
    folder: ImageFolder,
    image: str,
    bandwidths: Mapping[Architecture, _Row],
    named_histories: Mapping[str, Path],
    left_out: LeftOut,
    progress: Progress,
) -> Iterator[ReleasedRun]:
    """The runs of one image, those in the tables first."""
    tables: dict[str, Mapping[Architecture, _Row]] = {}
    for reference, kind in _TABLES.items():
        name = f"similarity_metrics_{kind}_img.csv"
        rows_of_table = read_metrics(folder.path / name)
        tables[reference] = _by_architecture(rows_of_table, f"{folder.stem}/{name}", left_out)
    histories = _by_architecture(named_histories, f"{folder.stem}/data", left_out)
    sources = [*tables.values(), histories]
    for architecture in dict.fromkeys(arch for source in sources for arch in source):
        names = [source[architecture][0] for source in sources if architecture in source]
        what = f"{folder.stem}, {names[0]}"
        rows = {ref: table.get(architecture, _NO_ROW)[1] for ref, table in tables.items()}
        history, corrupted, error = None, None, ""
        if architecture in histories:
            path = histories[architecture][1]
            try:
                history = read_history(path)
            except DatasetError as refusal:
                error = str(refusal)
                left_out.add("history that cannot be read", error)
            try:
                corrupted = read_psnr(path)
            except DatasetError as refusal:
                left_out.add("PSNR of a corrupted image that cannot be read", str(refusal))
            progress.finished(1.0, f"{image}, {architecture}")
        both = {**rows["ground_truth"], **rows["corrupted"]}
        best = Best.of_row(both)
        if history is None and best is None and not error:
            left_out.add("model with neither history nor best values", what)
            continue
        if history is not None and best is not None:
            _check_agreement(history, best, what)
        scores = {
            (ours, reference): row[column] * factor
            for reference, row in rows.items()
            for column, (ours, factor) in _SCORES.items()
            if column in row
        }
        if _BANDWIDTH in (lowpass := bandwidths.get(architecture, _NO_ROW)[1]):
            scores["psd_99_bandwidth", "none"] = lowpass[_BANDWIDTH]
        named = [re.search(r"_iteration_(\d{1,6})_", name) for name in names]
        yield ReleasedRun(
            architecture=architecture,
            image=image,
            history=history,
            best=best,
            psnr_corrupted_db=both.get("psnr noisy") if corrupted is None else corrupted,
            scores=scores,
            error=error,
            named_iterations=max((int(found[1]) for found in named if found), default=0),
        )


def _check_agreement(history: History, best: Best, what: str) -> None:
    for curve, stated in (
        (history.psnr_db, best.psnr_db),
        (history.psnr_smooth_db, best.psnr_smooth_db),
    ):
        found = best_of(curve)
        if not math.isclose(found, stated, rel_tol=1e-6):
            raise BuildError(
                f"{what}: the best PSNR is {stated} in the table and {found} in htr.pkl, so they "
                f"belong to different runs; remove one of the two"
            )


def _our_name(stem: str) -> str:
    """Our name of an image: that of one of the benchmark's ten, else the released one."""
    ours = {entry["paper_stem"]: name for name, entry in catalogue().items()}
    return ours.get(stem, stem)


def _image_facts(
    root: Path, folder: ImageFolder, runs: Sequence[ReleasedRun]
) -> dict[str, Any] | str:
    """The row of images.parquet, from the picture, outputs or name; or why it is missing."""
    picture = root.parent / "images" / folder.released_task / "true" / f"{folder.stem}.png"
    shapes = {run.history.shape for run in runs if run.history is not None and run.history.shape}
    sha256 = None
    if picture.is_file():
        try:
            image = read_image(picture)
        except ImageError as error:
            raise BuildError(f"the picture of {folder.stem!r}: {error}") from error
        sha256 = image.sha256
        shapes.add((image.channels, image.height, image.width))
    elif not shapes:
        named = re.search(r"_(\d{1,5})(_rgb)?$", folder.stem)
        if named is None:
            return "of unknown size: no picture of it, no history, and no size in its name"
        shapes = {(3 if named[2] else 1, int(named[1]), int(named[1]))}
    if len(shapes) > 1:
        return f"with outputs and picture of different shapes, {sorted(shapes)}"
    channels, height, width = next(iter(shapes))
    if (height, width) != (SIZE, SIZE):
        return f"of {height} x {width}; the released benchmark is {SIZE} x {SIZE}"
    return {
        "sha256": sha256,
        "height": height,
        "width": width,
        "channels": channels,
        "source": f"released results, {folder.stem}",
        "licence": "not stated",
        "status": "imported" if sha256 else "imported, picture not seen",
    }
