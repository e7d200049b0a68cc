"""Figure 5 of the paper, from the results of experiments: restored images side by side.

One row per task: ground truth, corrupted image (for super-resolution its bicubic enlargement),
DIP, NAS-DIP, ISNAS. It needs the images, and the restored ones that a build of experiments keeps;
both are checked against their hashes.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import DatasetError, ImageError, MissingRunError, check_name
from nasdip_bench.experiments.results import output_path, read_results
from nasdip_bench.experiments.sets import experiment_images, ground_truth
from nasdip_bench.experiments.setting import described
from nasdip_bench.images import read_image
from nasdip_bench.tasks import TASKS, SuperResolve, get_task

from ..exhibits.drawing import TEXT, new_figure, save
from ..exhibits.exhibit import Figure
from ..exhibits.forms import csv_text
from .tables23_rows import choose_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = {
    ("dip", None, None): "DIP",
    ("nas-dip", None, None): "NAS-DIP",
    ("isnas", "psd_db_strip_mse", "full"): "ISNAS",
}
"""Panel label by method, score and selection."""
_ZOOM = 4
"""The side of the zoomed part is 1/4 of the image's shorter side."""
_SIDE, _TEXT = 1.95, 0.5  # inches of a picture, and of the text of a row


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture: (C, H, W) float32 in [0, 1], its PSNR in dB if it has one, what restored it."""

    label: str
    pixels: NDArray[np.float32]
    psnr_db: float | None
    restored_by: str = ""

    def part(self, zoom: tuple[int, int, int]) -> NDArray[np.float32]:
        """The pixels of a square part (top, left, side)."""
        top, left, side = zoom
        return self.pixels[:, top : top + side, left : left + side]


@dataclass(frozen=True, eq=False)
class Restorations:
    """A row of the figure: an image of a set, restored.

    Attributes:
        panels: from the ground truth to ISNAS.
        zoom: (top, left, side) of the part shown enlarged.
    """

    task: str
    image_set: str
    image: str
    panels: tuple[Panel, ...]
    zoom: tuple[int, int, int]

    @property
    def label(self) -> str:
        """Task and image."""
        return f"{self.task.replace('super_resolve_', 'SR ')} {self.image}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RestorationsFigure(Figure):
    """Rows of restored images: one per task, or more if images were named."""

    rows: tuple[Restorations, ...]
    setting: str
    seed: int

    def heads(self) -> list[list[str]]:
        """The panels that have a PSNR."""
        return [["PSNR in dB", *(panel.label for panel in self.rows[0].panels[1:])]]

    def body(self) -> list[list[str]]:
        """One row per row of the figure."""
        return [
            [r.label, *("--" if p.psnr_db is None else f"{p.psnr_db:.2f}" for p in r.panels[1:])]
            for r in self.rows
        ]

    def csv(self) -> str:
        """One line per panel with a PSNR."""
        setup = (self.setting, self.seed)
        lines = [
            (row.task, row.image_set, row.image, p.label, repr(p.psnr_db), p.restored_by, *setup)
            for row in self.rows
            for p in row.panels[1:]
        ]
        head = ("task", "set", "image", "panel", "psnr_db", "restored_by", "setting", "seed")
        return csv_text(head, lines)

    def draw(self, path: Path, form: str) -> None:
        """The pictures of each row; below each, the part that varies most."""
        shapes = [row.panels[0].pixels.shape for row in self.rows]
        heights = [high for _, h, w in shapes for high in (_SIDE * h / w, _SIDE)]
        columns = len(self.rows[0].panels)
        drawing = new_figure(_SIDE * columns, sum(heights) + _TEXT * len(self.rows))
        grid = drawing.subplots(len(heights), columns, squeeze=False, height_ratios=heights)
        for number, row in enumerate(self.rows):
            for panel, whole, part in zip(row.panels, *grid[2 * number :][:2], strict=True):
                _picture(whole, panel.pixels, row.zoom)
                _picture(part, panel.part(row.zoom))
                whole.set_title(panel.label, fontsize=TEXT)
                if panel.psnr_db is not None:
                    part.set_xlabel(f"{panel.psnr_db:.2f} dB", fontsize=TEXT)
            grid[2 * number, 0].set_ylabel(row.label, fontsize=TEXT)
        save(drawing, path, form, [self.caption, *self.notes])


def _picture(
    axes: Axes, pixels: NDArray[np.float32], frame: tuple[int, int, int] | None = None
) -> None:
    """Draw an image, a part of it (top, left, side) framed."""
    rows = np.moveaxis(np.broadcast_to(pixels, (3, *pixels.shape[1:])), 0, -1)
    axes.imshow(rows, vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if frame is not None:
        from matplotlib.patches import Rectangle

        top, left, side = frame
        corner = (left - 0.5, top - 0.5)
        axes.add_patch(Rectangle(corner, side, side, fill=False, color="red", linewidth=1))


def figure5(
    folder: Path,
    images_dir: Path | None = None,
    seed: int | None = None,
    *,
    images: Sequence[str] = (),
) -> RestorationsFigure:
    """Figure 5 from a build of experiments.

    Args:
        folder: folder of the build.
        images_dir: see `nasdip_bench.experiments.experiment_images`; not needed for skimage.
        seed: None for the lowest that a search has.
        images: names; empty for the first image per task that all three methods have restored.

    Raises:
        DatasetError: no results, or no restored images, or damaged ones.
        MissingRunError: no image that all three methods have restored.
        UnknownNameError: an unknown seed or image.
        ConfigError, ImageError: the images are not named, are absent, or differ from the results'.
    """
    results = read_results(folder)
    seed = choose_seed(results.rows, seed)
    made = tuple(
        _restorations(place, found, folder, images_dir, results.fields)
        for place, found in _places(results.rows, seed, images).items()
    )
    return RestorationsFigure(
        caption=(
            "Figure 5: ground truth, corrupted image (for super-resolution its bicubic "
            "enlargement), and restorations by DIP, NAS-DIP and ISNAS (psd_db_strip_mse, selection "
            "on the image), with the PSNR of the last smoothed output. "
            f"{described(results.setting, results.fields)}; seed {seed}. Framed, and enlarged "
            "below each picture: the part where the ground truth varies most."
        ),
        notes=("We could not tell which images the paper's Figure 5 shows.",),
        rows=made,
        setting=results.setting,
        seed=seed,
    )


_Place = tuple[str, str, str]
_Found = dict[str, Mapping[str, Any]]


def _places(
    rows: Sequence[Mapping[str, Any]], seed: int, names: Sequence[str]
) -> dict[_Place, _Found]:
    """The results of each row of the figure by (task, set, image), in order of the tasks."""
    by_place: dict[_Place, _Found] = {}
    for row in rows:
        label = METHODS.get((row["method"], row["score"], row["selection"]))
        if label and row["seed"] == seed and row["status"] == "ok":
            place = (row["task"], row["set"], row["image"])
            by_place.setdefault(place, {})[label] = row
    whole = {place: found for place, found in by_place.items() if len(found) == len(METHODS)}
    if not whole:
        raise MissingRunError(
            f"no image has been restored by {', '.join(METHODS.values())} with seed {seed}: run "
            f"'nasdip-build experiments --table 2' to its end"
        )
    there = sorted({image for _, _, image in whole})
    for name in names:
        check_name("image restored by all methods", name, there)
    chosen: list[_Place] = []
    for task in TASKS:
        mine = [place for place in whole if place[0] == task]
        # An image in two sets is shown once.
        named = {place[2]: place for place in reversed(mine) if place[2] in names}
        chosen += named.values() if names else mine[:1]
    return {place: whole[place] for place in chosen}


def _restorations(
    place: _Place, found: _Found, folder: Path, images_dir: Path | None, fields: Mapping[str, Any]
) -> Restorations:
    task_name, image_set, name = place
    task = get_task(task_name)
    (image,) = experiment_images(image_set, images_dir, [name])
    for row in found.values():
        if row["image_sha256"] != image.sha256:
            raise ImageError(
                f"image {name!r} has pixels of SHA-256 {image.sha256}, but the results used "
                f"{row['image_sha256']}: name the folder with the images of the experiment"
            )
    truth = ground_truth(image, fields["crop"])
    observation = task.corrupt(truth, name)
    label, corrupted = "corrupted", observation.corrupted
    if isinstance(task, SuperResolve):
        label, corrupted = "bicubic", task.enlarged(corrupted)
    psnr_db = task.psnr_corrupted_db(truth, observation)
    panels = [Panel("ground truth", truth, None), Panel(label, corrupted, psnr_db)]
    for label in METHODS.values():
        row = found[label]
        pixels = _output(folder, row["output_sha256"], truth.shape)
        panels.append(Panel(label, pixels, row["psnr_db"], row["restored_by"]))
    return Restorations(task_name, image_set, name, tuple(panels), _most_varied(truth))


def _output(folder: Path, sha256: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    path = output_path(folder, sha256)
    if not path.is_file():
        raise DatasetError(
            f"{str(folder)!r} has no restored image {path.name}: repeat the command that built it "
            f"to write what is missing"
        )
    image = read_image(path)
    if image.sha256 != sha256 or image.pixels.shape != shape:
        raise DatasetError(
            f"{str(path)!r} is damaged: its pixels are not those of the results; remove it and "
            f"repeat the command that built it"
        )
    return image.pixels.astype(np.float32) / np.float32(255)


def _most_varied(truth: NDArray[np.float32]) -> tuple[int, int, int]:
    """(top, left, side) of the ground truth's part with the highest variance."""
    plane = truth.mean(axis=0)
    side = min(plane.shape) // _ZOOM
    step = max(1, side // 4)
    tops, lefts = (range(0, length - side + 1, step) for length in plane.shape)
    top, left = max(
        itertools.product(tops, lefts),
        key=lambda p: plane[p[0] : p[0] + side, p[1] : p[1] + side].var(),
    )
    return top, left, side
