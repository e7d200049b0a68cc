"""Reads results in the layout of the paper's released code.

    benchmark/models.csv                                    lines of cell,skip
    benchmark/lowpass_metrics.csv                           model name, psd 99_per_bw, ...
    benchmark/<task>/<level>/<image>/similarity_metrics_noisy_img.csv, .._true_img.csv
    benchmark/<task>/<level>/<image>/data/<model>/htr.pkl   losses, PSNR curves, best values
    benchmark/<task>/<level>/<image>/data/<model>/psnr_noisy.pkl
    images/<task>/true/<image>.png                          the ground truth

Missing files stay missing; nothing is filled in. Pickles are read by
`nasdip_bench.builder.released_code.plain_pickle`, which runs no code. Must not import torch.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ArchitectureError, BuildError, DatasetError
from nasdip_bench.space import Architecture

from .plain_pickle import read_plain_pickle

LEVELS: dict[str, dict[str, str]] = {
    "denoising": {"25": "denoise"},
    "inpainting": {"50": "inpaint"},
    "sr": {"2": "super_resolve_x2", "4": "super_resolve_x4", "8": "super_resolve_x8"},
}
"""Our name of a task, by the released code's name and level (sigma, % missing, factor)."""

_MOST_ITERATIONS = 1_000_000
_MODEL = "model name"
_DROP_DB = 3.0


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """What ``htr.pkl`` records of a run.

    Attributes:
        psnr_db: (T,) dB of the outputs, point i before update i, while the loss was finite.
        psnr_smooth_db: (T,) dB of the smoothed outputs.
        loss: (T,).
        iterations: number of iterations trained.
        shape: (C, H, W) of the outputs; None if none was kept.
    """

    psnr_db: NDArray[np.float64]
    psnr_smooth_db: NDArray[np.float64]
    loss: NDArray[np.float64]
    iterations: int
    shape: tuple[int, int, int] | None

    @property
    def diverged(self) -> bool:
        """Whether the loss became non-finite."""
        return len(self.loss) < self.iterations

    @property
    def cut(self) -> bool:
        """Whether the released loop's early stop ended it: 3 dB below its best PSNR."""
        return not self.diverged and bool(self.psnr_db[-1] + _DROP_DB < best_of(self.psnr_db))


class ImageFolder(NamedTuple):
    """The results of one image: our task name, theirs, and a stem such as "lena_512"."""

    task: str
    released_task: str
    stem: str
    path: Path

    def histories(self) -> dict[str, Path]:
        """The folders of the models that have a history, by the model's name, sorted."""
        return {f.name: f for f in _folders(self.path / "data") if (f / "htr.pkl").exists()}


def results_root(path: Path) -> Path:
    """Find the ``benchmark`` folder: the path itself, or in it.

    Raises:
        BuildError: neither is such a folder.
    """
    for root in (path / "benchmark", path):
        if (root / "models.csv").is_file() or any((root / task).is_dir() for task in LEVELS):
            return root
    raise BuildError(
        f"{str(path)!r} has no results in the layout of the released code: neither it nor its "
        f"folder 'benchmark' holds models.csv, {', '.join(f'{task}/' for task in LEVELS)}; name "
        f"the folder that holds 'benchmark'"
    )


def image_folders(root: Path) -> tuple[list[ImageFolder], list[str]]:
    """The images with results, by task; and the folders of levels that we have no task for."""
    found, unknown = [], []
    for released_task, levels in LEVELS.items():
        for level in _folders(root / released_task):
            if level.name not in levels:
                unknown.append(f"{released_task}/{level.name}")
                continue
            task = levels[level.name]
            found += [ImageFolder(task, released_task, f.name, f) for f in _folders(level)]
    return found, unknown


def _folders(path: Path) -> list[Path]:
    return sorted(one for one in path.iterdir() if one.is_dir()) if path.is_dir() else []


def models(root: Path) -> tuple[list[Architecture], list[str]]:
    """The architectures of ``models.csv``, in order, and the lines that are no architecture.

    The released code's lists can name cells that cannot be built.
    """
    listed: dict[Architecture, None] = {}
    refused = []
    path = root / "models.csv"
    for row in _rows(path) if path.is_file() else ():
        try:
            cell, skip = (value.strip() for value in row)
            listed[Architecture.from_code(int(cell), skip)] = None
        except (ArchitectureError, ValueError):
            refused.append(",".join(row)[:60])
    return list(listed), refused


def read_metrics(path: Path) -> dict[str, dict[str, float]]:
    """Read a table of metrics: the finite numbers by model and column.

    Several processes append to such a table, so its header may be repeated.

    Raises:
        BuildError: it is not a table of models, a value is not a number, or two rows of a model
            contradict each other.
    """
    if not path.is_file():
        return {}
    rows = _rows(path)
    header = next(rows, [])
    if _MODEL not in header:
        raise BuildError(f"{str(path)!r} has no column {_MODEL!r}; restore it, or move it away")
    found: dict[str, dict[str, float]] = {}
    for number, row in enumerate(rows, start=2):
        if row == header:
            continue
        if len(row) != len(header):
            raise BuildError(
                f"{str(path)!r}, row {number}: {len(row)} values under {len(header)} columns; it "
                f"is damaged: restore it, or move it away"
            )
        values = dict(zip(header, row, strict=True))
        model = values.pop(_MODEL)
        numbers = {name: _number(path, number, name, text) for name, text in values.items()}
        kept = {name: value for name, value in numbers.items() if math.isfinite(value)}
        if found.setdefault(model, kept) != kept:
            raise BuildError(
                f"{str(path)!r} has two rows of {model!r:.100} that differ; remove the wrong one"
            )
    return found


def read_history(folder: Path) -> History:
    """Read the history of a run.

    Raises:
        DatasetError: it is damaged, or holds anything except plain values and arrays.
    """
    path = folder / "htr.pkl"
    value = _plain(path)
    if not isinstance(value, Mapping):
        raise DatasetError(f"{str(path)!r} holds no dictionary of results")
    curves = [_curve(path, name, value.get(name)) for name in ("psnr_gt", "psnr_gt_sm", "loss")]
    if len({len(curve) for curve in curves}) != 1 or not 1 <= len(curves[0]) <= _MOST_ITERATIONS:
        raise DatasetError(
            f"{str(path)!r} has curves of {', '.join(str(len(c)) for c in curves)} points, which "
            f"should be alike and 1 to {_MOST_ITERATIONS}"
        )
    for name, curve in (("best_psnr_gt", curves[0]), ("best_psnr_gt_sm", curves[1])):
        stated, best = value.get(name), best_of(curve)
        if isinstance(stated, int | float) and not math.isclose(stated, best, rel_tol=1e-6):
            raise DatasetError(f"{str(path)!r} says {name} {stated}, its curve {best}")
    bad = np.flatnonzero(~np.isfinite(curves).all(axis=0))
    end = int(bad[0]) if len(bad) else len(curves[0])
    outputs = (value.get(name) for name in ("last_out", "best_out_sm", "best_out"))
    shapes = [a.shape for a in outputs if isinstance(a, np.ndarray) and a.ndim == 3]
    return History(
        psnr_db=curves[0][:end],
        psnr_smooth_db=curves[1][:end],
        loss=curves[2][:end],
        iterations=len(curves[0]),
        shape=shapes[0] if shapes else None,
    )


def best_of(curve: NDArray[np.float64]) -> float:
    """The best PSNR in dB, as the released code finds it: the highest above 0."""
    return float(np.nanmax(np.r_[curve, 0.0]))


def read_psnr(folder: Path) -> float | None:
    """Read the PSNR of the corrupted image in dB; None if it was not kept.

    Raises:
        DatasetError: it is damaged, or not a number.
    """
    path = folder / "psnr_noisy.pkl"
    if not path.exists():
        return None
    value = _plain(path)
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise DatasetError(f"{str(path)!r} holds no PSNR")
    return float(value)


def _plain(path: Path) -> Any:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    return read_plain_pickle(content, repr(str(path)))


def _curve(path: Path, name: str, value: Any) -> NDArray[np.float64]:
    if isinstance(value, np.ndarray):
        value = value.ravel().tolist()
    if isinstance(value, list) and all(type(v) in (int, float) for v in value):
        with suppress(OverflowError):
            return np.array(value, np.float64)
    raise DatasetError(f"{str(path)!r} has no list of numbers {name!r}")


def _rows(path: Path) -> Iterator[list[str]]:
    try:
        text = path.read_text("utf-8-sig")
        yield from (row for row in csv.reader(io.StringIO(text, newline="")) if row)
    except (OSError, ValueError, csv.Error) as error:
        raise BuildError(f"{str(path)!r} cannot be read as a table: {error}") from error


def _number(path: Path, row: int, name: str, text: str) -> float:
    try:
        return float(text) if text.strip() else math.nan
    except ValueError:
        raise BuildError(
            f"{str(path)!r}, row {row}: {name} is {text!r:.60}, which is not a number; restore the "
            f"table, or move it away"
        ) from None
