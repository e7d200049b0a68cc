"""The runs that stand in the layout of the paper's released code, each with all there is of it.

Tables and histories are brought together by architecture and image, scores into our units. Must not
import torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasdip_bench.console.progress import Progress
from nasdip_bench.errors import ArchitectureError, BuildError, DatasetError, ImageError
from nasdip_bench.images import catalogue, read_image
from nasdip_bench.space import Architecture

from .files import History, ImageFolder, best_of, read_history, read_metrics, read_psnr

__all__ = ["CHANNELS", "SIZE", "Best", "LeftOut", "ReleasedRun", "collect"]

SIZE, CHANNELS = 512, 128
"""Of the images and networks of the released benchmark."""

_DB_SQUARED = math.log(10) ** 2
"""The released code's "dB" are 10 ln: its mean squared differences are ours times this."""
_SCORES: dict[str, tuple[str, float]] = {
    "psd db mse": ("psd_db_mse", 1 / _DB_SQUARED),
    "psd db strip mse": ("psd_db_strip_mse", 1 / _DB_SQUARED),
    "psd strip hist emd": ("psd_strip_hist_emd", 1.0),
}
"""By column of the tables of similarity, our score and the factor to its unit."""
_BANDWIDTH = "psd 99_per_bw"
_TABLES = {"corrupted": "noisy", "ground_truth": "true"}
_BEST = ("best psnr", "best iteration", "best psnr smooth", "best iteration smooth")
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best values of a run, as the tables have them.

    Attributes:
        psnr_db: dB.
        iteration: from 1.
        psnr_smooth_db: dB, of the smoothed output.
        iteration_smooth: from 1.
    """

    psnr_db: float
    iteration: int
    psnr_smooth_db: float
    iteration_smooth: int

    @classmethod
    def of_row(cls, row: Mapping[str, float]) -> Best | None:
        """The values in a row of a table, or None where one is absent."""
        if not all(column in row for column in _BEST):
            return None
        raw, raw_at, smooth, smooth_at = (row[column] for column in _BEST)
        return cls(
            psnr_db=raw,
            iteration=int(raw_at) + 1,
            psnr_smooth_db=smooth,
            iteration_smooth=int(smooth_at) + 1,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ReleasedRun:
    """What there is of a run.

    Attributes:
        architecture: the architecture.
        image: our name.
        history: its curves, or None.
        best: from the tables, or None.
        psnr_corrupted_db: dB, or None.
        scores: by (our name, reference), in our units.
        error: why its history could not be read; "" where it could, or there is none.
        named_iterations: in the model's name; 0 where there are none.
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
        """The iterations that it is known to have been trained."""
        if self.history is not None:
            return self.history.iterations
        return 0 if self.best is None else max(self.best.iteration, self.best.iteration_smooth)


@dataclass
class LeftOut:
    """What was there and is not taken, by the reason."""

    kinds: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, what: str) -> None:
        """Note one thing."""
        self.kinds.setdefault(reason, []).append(what)

    def sentences(self) -> tuple[str, ...]:
        """One for each reason, with the first of the things."""
        return tuple(
            f"{len(names)} x {reason} ({', '.join(names[:_SHOWN])}"
            f"{', ...' if len(names) > _SHOWN else ''})"
            for reason, names in self.kinds.items()
        )


def collect(
    root: Path, folders: Sequence[ImageFolder], left_out: LeftOut
) -> tuple[dict[str, dict[str, Any]], dict[str, list[ReleasedRun]]]:
    """The columns of images.parquet by image, and the runs by task.

    Args:
        root: the ``benchmark`` folder.
        folders: of the images.
        left_out: what is not taken is added to it.

    Raises:
        BuildError: a table is damaged, or contradicts a history or another table.
    """
    bandwidths = read_metrics(root / "lowpass_metrics.csv")
    histories = {folder.path: folder.histories() for folder in folders}
    count = sum(map(len, histories.values()))
    progress = Progress(count, float(count))
    images: dict[str, dict[str, Any]] = {}
    collected: dict[str, list[ReleasedRun]] = {}
    for folder in folders:
        image = _our_name(folder.stem)
        reading = _runs(folder, image, bandwidths, histories[folder.path], left_out)
        runs = []
        for run, from_history in reading:
            if from_history:
                progress.finished(1.0, f"{image}, {run.architecture}")
            runs.append(run)
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
    return images, collected


def _runs(
    folder: ImageFolder,
    image: str,
    bandwidths: Mapping[str, Mapping[str, float]],
    histories: Mapping[str, Path],
    left_out: LeftOut,
) -> Iterator[tuple[ReleasedRun, bool]]:
    """The runs of one image, those of the tables first, and whether there is a file of each."""
    tables = {
        reference: read_metrics(folder.path / f"similarity_metrics_{kind}_img.csv")
        for reference, kind in _TABLES.items()
    }
    seen: dict[Architecture, str] = {}
    for model in dict.fromkeys([*(m for table in tables.values() for m in table), *histories]):
        try:
            architecture = Architecture.parse(model)
        except ArchitectureError:
            left_out.add("model that is no architecture, or cannot be built", model)
            continue
        if seen.setdefault(architecture, model) != model:
            raise BuildError(
                f"{model!r} and {seen[architecture]!r} on {folder.stem} are the same architecture: "
                f"remove one of the two"
            )
        rows = {reference: table.get(model, {}) for reference, table in tables.items()}
        history, corrupted, error = None, None, ""
        if model in histories:
            try:
                history = read_history(histories[model])
                corrupted = read_psnr(histories[model])
            except DatasetError as refusal:
                error = str(refusal)
                left_out.add("history that cannot be read", error)
        both = {**rows["ground_truth"], **rows["corrupted"]}
        best = Best.of_row(both)
        if history is None and best is None and not error:
            left_out.add("model with neither history nor best values", f"{folder.stem}, {model}")
            continue
        if history is not None and best is not None:
            _check_agreement(history, best, f"{model!r} on {folder.stem}")
        scores = {
            (ours, reference): row[column] * factor
            for reference, row in rows.items()
            for column, (ours, factor) in _SCORES.items()
            if column in row
        }
        if _BANDWIDTH in bandwidths.get(model, {}):
            scores["psd_99_bandwidth", "none"] = bandwidths[model][_BANDWIDTH]
        named = re.search(r"_iteration_(\d{1,6})_", model)
        run = ReleasedRun(
            architecture=architecture,
            image=image,
            history=history,
            best=best,
            psnr_corrupted_db=both.get("psnr noisy") if corrupted is None else corrupted,
            scores=scores,
            error=error,
            named_iterations=int(named[1]) if named else 0,
        )
        yield run, model in histories


def _check_agreement(history: History, best: Best, what: str) -> None:
    for curve, stated in (
        (history.psnr_db, best.psnr_db),
        (history.psnr_smooth_db, best.psnr_smooth_db),
    ):
        found = best_of(curve)
        if not math.isclose(found, stated, rel_tol=1e-6):
            raise BuildError(
                f"{what}: the best PSNR is {stated} in the table and {found} in htr.pkl, so that "
                f"they are of different runs; remove one of the two"
            )


def _our_name(stem: str) -> str:
    """The name of an image here: that of the benchmark's ten, else the released one."""
    ours = {entry["paper_stem"]: name for name, entry in catalogue().items()}
    return ours.get(stem, stem)


def _image_facts(
    root: Path, folder: ImageFolder, runs: Sequence[ReleasedRun]
) -> dict[str, Any] | str:
    """The row of images.parquet, by the picture, the outputs or the name; or why there is none."""
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
            return "of unknown size: neither a picture of it, nor a history, nor a size in its name"
        shapes = {(3 if named[2] else 1, int(named[1]), int(named[1]))}
    if len(shapes) > 1:
        return f"with outputs and picture of different shapes, {sorted(shapes)}"
    channels, height, width = next(iter(shapes))
    if (height, width) != (SIZE, SIZE):
        return f"of {height} x {width}, where the released benchmark is of {SIZE} x {SIZE}"
    return {
        "sha256": sha256,
        "height": height,
        "width": width,
        "channels": channels,
        "source": f"released results, {folder.stem}",
        "licence": "not stated",
        "status": "imported" if sha256 else "imported, picture not seen",
    }
