"""Figure 2 of the paper, from a release: power spectra of images and untrained networks.

The paper's Figure 2 is a diagram of the scores: they compare the power spectral density (PSD) of an
untrained network's output with that of the corrupted image. Ours shows the densities themselves:
radial means by image, and the whole spectra of one image. It needs the images, and torch for the
networks (imported on use).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.errors import ConfigError, ImageError, MissingRunError, check_whole
from nasdip_bench.proxies import named_score
from nasdip_bench.proxies.density import STRIP_DIAMETERS

from ..exhibits.captions import image_marks
from ..exhibits.drawing import SMALL, TEXT, legend, new_figure, panels, save
from ..exhibits.exhibit import Figure
from ..exhibits.forms import csv_text
from ..statistics.choosing.cohorts import PROXY
from .spectra import ImageSpectra, image_spectra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from nasdip_bench.images import Image

    from ..reading.architectures import ArchitectureLike
    from ..reading.reader import ReleaseReader

INITS = 8
_SHOWN_WHOLE = "lena"
_COLUMNS = 5
_SIDE, _WIDE, _HIGH = 2.4, 2.6, 2.0  # inches of a whole spectrum and of a panel, with their labels
_LINES = {
    "ground_truth": ("ground truth", "#222222", "-"),
    "corrupted": ("corrupted", "#d62728", "-"),
    "lowest score": ("untrained, lowest score", "#1f77b4", "-"),
    "highest score": ("untrained, highest score", "#e69f00", "--"),
}
"""Label, colour and line style of each spectrum."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SpectraFigure(Figure):
    """Power spectra by image.

    Attributes:
        spectra: one per image.
        architectures: canonical strings of the two architectures, by role.
        whole: position of the image whose whole spectra are drawn.
        task: name.
        fidelity: the fidelity whose resolution and channels are used.
    """

    spectra: tuple[ImageSpectra, ...]
    architectures: dict[str, str]
    whole: int
    task: str
    fidelity: str

    def heads(self) -> list[list[str]]:
        """Bandwidths, and the strip's MSE to the corrupted image and the ground truth."""
        first, second = ["image"], [""]
        for name in self.spectra[0].profiles:
            first.append(name.replace("_", " "))
            second.append("bandwidth")
        for name in self.architectures:
            first += [name, name]
            second += ["strip MSE, corrupted", "strip MSE, truth"]
        return [first, second]

    def body(self) -> list[list[str]]:
        """One row per image."""
        return [
            [
                self.label(one.image),
                *(f"{profile.bandwidth:.3f}" for profile in one.profiles.values()),
                *(
                    f"{one.profiles[name].strip_mse[reference]:.1f}"
                    for name in self.architectures
                    for reference in ("corrupted", "ground_truth")
                ),
            ]
            for one in self.spectra
        ]

    def csv(self) -> str:
        """One line per image, spectrum and ring: relative frequency and mean PSD in dB."""
        rows = [
            (
                *(one.image, name, self.architectures.get(name, "")),
                *(repr(radius), repr(db), self.task, self.fidelity),
            )
            for one in self.spectra
            for name, profile in one.profiles.items()
            for radius, db in zip(profile.radius.tolist(), profile.level_db.tolist(), strict=True)
        ]
        head = ("image", "spectrum", "architecture", "frequency", "psd_db", "task", "fidelity")
        return csv_text(head, rows)

    def draw(self, path: Path, form: str) -> None:
        """The whole spectra of one image; below, a panel per image with the radial means."""
        count = len(self.spectra)
        columns = min(_COLUMNS, count)
        high = _HIGH * math.ceil(count / columns)
        drawing = new_figure(max(columns * _WIDE, 4 * _SIDE), _SIDE + high + 0.5)
        parts = drawing.subfigures(2, 1, squeeze=False, height_ratios=(_SIDE, high))
        top, below = parts.ravel()
        self._draw_whole(top)
        radial = panels(below, count, columns, "frequency", "PSD, dB")
        for one, axes in zip(self.spectra, radial, strict=True):
            axes.set_title(self.label(one.image), fontsize=TEXT)
            _draw_radial_means(axes, one)
        from matplotlib.lines import Line2D

        lines = [_LINES[name] for name in self.spectra[self.whole].profiles]
        handles = [Line2D([], [], color=colour, linestyle=dashes) for _, colour, dashes in lines]
        legend(drawing, handles, [name for name, _, _ in lines])
        save(drawing, path, form, [self.caption, *self.notes])

    def _draw_whole(self, drawing: SubFigure) -> None:
        from matplotlib.patches import Circle

        shown = self.spectra[self.whole]
        maps = [profile.psd_db for profile in shown.profiles.values()]
        low = float(np.percentile(np.concatenate([one.ravel() for one in maps]), 2))
        high = max(float(np.percentile(one, 99.5)) for one in maps)
        row = drawing.subplots(1, len(maps), squeeze=False)[0]
        for place, (axes, name) in enumerate(zip(row, shown.profiles, strict=True)):
            extent = (-0.5, 0.5, 0.5, -0.5)
            drawn = axes.imshow(maps[place], cmap="magma", vmin=low, vmax=high, extent=extent)
            for diameter in STRIP_DIAMETERS:
                radius = diameter / 2
                axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor="white", linewidth=0.6))
            axes.set_xticks([])
            axes.set_yticks([])
            image = "" if place else f"{self.label(shown.image)}: "
            axes.set_title(f"{image}{_LINES[name][0]}", fontsize=TEXT)
        bar = drawing.colorbar(drawn, ax=row, fraction=0.02)
        bar.set_label("PSD, dB", fontsize=SMALL)
        bar.ax.tick_params(labelsize=SMALL)


def _draw_radial_means(axes: Axes, spectra: ImageSpectra) -> None:
    from matplotlib.ticker import MaxNLocator

    inner, outer = (diameter / 2 for diameter in STRIP_DIAMETERS)
    axes.axvspan(inner, outer, color="0.88", linewidth=0)
    for name, profile in spectra.profiles.items():
        _, colour, dashes = _LINES[name]
        axes.plot(profile.radius, profile.level_db, color=colour, linestyle=dashes, linewidth=1.0)
        axes.plot(
            [profile.bandwidth * math.sqrt(2) / 2],
            [0.02],
            marker="|",
            markersize=9,
            color=colour,
            transform=axes.get_xaxis_transform(),
        )
    axes.set_xlim(0, 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(4))


def figure2_images(
    bench: ReleaseReader, images_dir: Path | None = None, image_set: str | None = None
) -> list[Image]:
    """The images for Figure 2.

    Args:
        images_dir: folder with the release's images as ``<name>.png``.
        image_set: "skimage" for the stand-ins that come with scikit-image; "nasdip" without a
            folder downloads the release's images. None for the release's own; these need the
            folder unless they are stand-ins.

    Raises:
        ImageError: no images are named, or they are not those of the release.
        DownloadError, MissingDependencyError: they could not be downloaded.
    """
    from nasdip_bench.images import load_images

    if images_dir is None and image_set is None and bench.manifest.image_set != "skimage":
        raise ImageError(
            "Figure 2 needs the images themselves, which a release does not hold: name their "
            "folder (--images-dir), download them (--image-set nasdip) or use stand-ins "
            "(--image-set skimage)"
        )
    chosen = image_set or bench.manifest.image_set
    if chosen != bench.manifest.image_set:
        return load_images(chosen, None, images_dir)
    images = load_images(chosen, bench.images, images_dir)
    table = bench.to_arrow("images")
    hashes = dict(zip(table["name"].to_pylist(), table["sha256"].to_pylist(), strict=True))
    for image in images:
        if image.sha256 != hashes[image.name]:
            raise ImageError(
                f"image {image.name!r} has pixels of SHA-256 {image.sha256}, but the release used "
                f"{hashes[image.name]}: name the folder with the release's images"
            )
    return images


def figure2(
    bench: ReleaseReader,
    images: Sequence[Image],
    task: str = "denoise",
    fidelity: str | None = None,
    *,
    architectures: tuple[ArchitectureLike, ArchitectureLike] | None = None,
    score: str = PROXY,
    inits: int = INITS,
    device: str = "cpu",
) -> SpectraFigure:
    """Figure 2: the spectra that the scores compare.

    Args:
        images: see `figure2_images`; the caption calls any but the release's stand-ins.
        task: name.
        fidelity: its resolution and channels are used; None for the release's default.
        architectures: two; None for those with the lowest and highest mean score over the
            release's images.
        score: name of that score (`nasdip_bench.proxies.named_score`).
        inits: number of scoring initialisations to average over; 8 in releases.
        device: where the networks run.

    Raises:
        ConfigError: no images, or no initialisation.
        ImageError: an image that cannot be brought to the resolution.
        UnknownNameError: an unknown task, fidelity, score or architecture.
        MissingRunError: no architecture is scored on all images.
    """
    from nasdip_bench.tasks import get_task

    check_whole("inits", inits, 1)
    if not images:
        raise ConfigError("no images: give at least one")
    name = bench.runs.fidelity_of(task, fidelity)
    at = bench.manifest.fidelities[name]
    low, high = architectures or _extremes(bench, task, name, score)
    chosen = {
        "lowest score": bench[bench.arch_id(low)],
        "highest score": bench[bench.arch_id(high)],
    }
    spectra = image_spectra(
        images, get_task(task), chosen, at["resolution"], at["channels"], inits, device
    )
    own = {image.image_set for image in images} == {bench.manifest.image_set}
    marks, notes = image_marks(bench)
    if not own:
        marks = {image.name: "" for image in images}
        notes = ["The images are stand-ins and not those of the release."]
    codes = {role: str(arch) for role, arch in chosen.items()}
    which = "given" if architectures else f"with the lowest and highest mean {score} in the release"
    caption = (
        f"Figure 2 ({task}): the power spectral densities that the scores compare, of the ground "
        f"truth, the corrupted image, and the untrained outputs (mean of {inits} initialisation"
        f"{'' if inits == 1 else 's'}) of the two architectures {which}. Radial means in dB "
        f"against relative frequency (1/2 is the Nyquist frequency), at {name} "
        f"({at['resolution']}x{at['resolution']}, {at['channels']} channels). Shaded: the strip of "
        f"eq. 2. Ticks at the bottom: radius of the disc with 99 % of the energy, if below 1/2. "
        f"The paper's Figure 2 is a diagram of the scores, without numbers."
    )
    notes.append("; ".join(f"{role}: {code}" for role, code in codes.items()) + ".")
    return SpectraFigure(
        caption=caption,
        notes=tuple(notes),
        marks=marks,
        spectra=spectra,
        architectures=codes,
        whole=next((i for i, s in enumerate(spectra) if s.image == _SHOWN_WHOLE), 0),
        task=task,
        fidelity=name,
    )


def _extremes(bench: ReleaseReader, task: str, fidelity: str, score: str) -> tuple[int, int]:
    """Rows of the architectures with the lowest and highest score, mean over images and seeds."""
    _, scores = bench.runs.scores(task, fidelity)
    column = scores.columns.index(named_score(score, scores.columns))
    means = scores.values[:, :, column].mean(axis=1)
    if not np.isfinite(means).any():
        raise MissingRunError(
            f"no architecture has the score {score} on all images of {task} at {fidelity}; name "
            f"two architectures"
        )
    return int(np.nanargmin(means)), int(np.nanargmax(means))
