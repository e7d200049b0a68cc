"""Figure 1 of the paper, from a release: how many of the k best architectures images share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.errors import MissingRunError

from ..exhibits import captions
from ..exhibits.drawing import new_figure, save
from ..exhibits.exhibit import Figure
from ..reading.arrays.targets import PAPER_TARGET
from ..statistics.image_gain import image_gain
from ..statistics.overlaps import overlap
from ..statistics.tau_frame import MEAN
from .printed import paper_values

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader

_CELL_INCHES = 0.55


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OverlapFigure(Figure):
    """Top-k overlap of all pairs of images.

    Attributes:
        frame: images × images, counts; ``attrs`` as in
            `nasdip_bench.api.statistics.overlaps.overlap`.
    """

    wide = False  # the columns are narrow
    frame: pd.DataFrame

    @property
    def labels(self) -> list[str]:
        """Names of the images with their marks."""
        return [self.label(image) for image in self.frame.index]

    def cells(self) -> list[list[str]]:
        """The counts as text: integers, or means over seeds to one decimal."""
        whole = self.frame.dtypes.iloc[0].kind == "i"
        return [[f"{v:.0f}" if whole else f"{v:.1f}" for v in row] for row in self.frame.to_numpy()]

    def heads(self) -> list[list[str]]:
        """Names of the images."""
        return [["", *self.labels]]

    def body(self) -> list[list[str]]:
        """One row per image."""
        return [[name, *row] for name, row in zip(self.labels, self.cells(), strict=True)]

    def csv(self) -> str:
        """Images × images; the first column is the image."""
        return str(self.frame.to_csv(lineterminator="\n"))

    def draw(self, path: Path, form: str) -> None:
        """A heat map annotated with the counts."""
        values, labels, k = self.frame.to_numpy(float), self.labels, self.frame.attrs["k"]
        side = max(4.5, _CELL_INCHES * len(labels))
        drawing = new_figure(side + 2, side + 1)
        axes = drawing.subplots()
        # The diagonal is always k; without it the colours show what varies.
        off_diagonal = np.where(np.eye(len(labels), dtype=bool), np.nan, values)
        top = k if len(labels) == 1 else max(1.0, float(np.nanmax(off_diagonal)))
        image = axes.imshow(off_diagonal, cmap="viridis", vmin=0, vmax=top)
        axes.set_facecolor("0.85")
        axes.set_xticks(range(len(labels)), labels, rotation=90)
        axes.set_yticks(range(len(labels)), labels)
        for row, line in enumerate(self.cells()):
            for column, cell in enumerate(line):
                dark = row != column and values[row, column] < 0.6 * top
                colour = "white" if dark else "black"
                axes.text(column, row, cell, ha="center", va="center", color=colour)
        from matplotlib.ticker import MaxNLocator

        label, ticks = f"shared among the {k} best", MaxNLocator(integer=True)
        drawing.colorbar(image, ax=axes, label=label, ticks=ticks, fraction=0.04, pad=0.02)
        save(drawing, path, form, [self.caption, *self.notes])


def figure1(
    bench: ReleaseReader,
    task: str = "denoise",
    *,
    k: int = 10,
    target: str = PAPER_TARGET,
    fidelity: str | None = None,
    seed: int | None = None,
) -> OverlapFigure:
    """Figure 1 from a release.

    The paper does not say which PSNR it ranks by; the caption names ours.

    Args:
        task: name.
        k: number of best architectures per image.
        target: column of runs.parquet where higher is better.
        fidelity: None for the release's default for the task.
        seed: None for the mean of the counts over the default seeds.

    Raises:
        ConfigError: k is outside 1..n.
        UnknownNameError: an unknown task, target, fidelity or seed.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> figure1(NASDIPBench("data/"), k=3).frame.attrs["k"]
        3
    """
    frame = overlap(bench, task, k=k, target=target, fidelity=fidelity, seed=seed)
    facts = frame.attrs
    diverged = facts["diverged"]
    ranked_last = "1 diverged run ranks" if diverged == 1 else f"{diverged} diverged runs rank"
    printed = paper_values()["figure1"]
    applies = captions.of_the_paper(bench) and (task, k) == (printed["task"], printed["k"])
    marks, notes = captions.image_marks(bench)
    return OverlapFigure(
        frame=frame,
        caption=captions.sentences(
            f"Figure 1 ({task}): how many of their {k} best architectures two images share.",
            f"{captions.setting(bench, facts)}; n = {facts['n']} of {len(bench)} architectures, "
            f"those with a run on all {len(bench.images)} images; {facts['expected']:.2g} expected "
            f"by chance (k²/n).",
            f"{ranked_last} last." if diverged else "",
            captions.shortfall(bench, facts),
            *(
                f"The paper's text gives {count} for {one} and {other}."
                for one, other, count in printed["counts"]
                if applies and one in frame.index and other in frame.index
            ),
        ),
        notes=(*_gain(bench, task, facts["fidelity"]), *notes),
        marks=marks,
    )


def _gain(bench: ReleaseReader, task: str, fidelity: str) -> list[str]:
    """The gain of choosing an architecture per image, as a note; needs two seeds and images."""
    try:
        found = image_gain(bench, task, fidelity=fidelity).xs(MEAN, level="image")
    except MissingRunError:
        return []
    gains = [
        f"{row['gain_db']:+.2f} dB ({row['low']:+.2f}..{row['high']:+.2f}) in {target}"
        for target, row in found.iterrows()
    ]
    return [
        f"Gain of an image's own best architecture over the best of the other images, held out on "
        f"another seed: {', '.join(gains)}; mean over images, 95 % interval, n = "
        f"{found['n'].max()}."
    ]
