"""Figure 1 of the paper, from the data: how many of the k best architectures images share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..exhibits.paper_exhibit import PaperExhibit
from .captions import call_text, image_marks, of_the_paper, paper_values, setting, shortfall

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["OverlapFigure", "figure1"]


@dataclass(frozen=True, kw_only=True, eq=False)
class OverlapFigure(PaperExhibit):
    """Top-k overlap of all pairs of images.

    Attributes:
        frame: images × images, counts; ``attrs`` as of
            `nasdip_bench.api.statistics.kendall.overlap`.
    """

    frame: pd.DataFrame

    @property
    def wide(self) -> bool:
        """Never: the columns are narrow."""
        return False

    @property
    def labels(self) -> list[str]:
        """Names of the images with their marks."""
        return [self.label(image) for image in self.frame.index]

    def cells(self) -> list[list[str]]:
        """The counts as text: whole numbers, or means over seeds with one decimal."""
        whole = self.frame.dtypes.iloc[0].kind == "i"
        return [[f"{v:.0f}" if whole else f"{v:.1f}" for v in row] for row in self.frame.to_numpy()]

    def heads(self) -> list[list[str]]:
        """Names of the images."""
        return [["", *self.labels]]

    def body(self) -> list[list[str]]:
        """A row an image."""
        return [[name, *row] for name, row in zip(self.labels, self.cells(), strict=True)]

    def csv(self) -> str:
        """Images × images; the first column is the image."""
        return str(self.frame.to_csv(lineterminator="\n"))

    def draw(self, path: Path, form: str) -> None:
        """A heat map; see `nasdip_bench.api.exhibits.exhibit.Exhibit.draw`."""
        from .plots import draw_overlap

        draw_overlap(self, path, form)


def _ranked_last(diverged: int) -> str:
    if not diverged:
        return ""
    return "1 diverged run ranks last." if diverged == 1 else f"{diverged} diverged runs rank last."


def figure1(
    bench: NASDIPBench,
    task: str = "denoise",
    k: int = 10,
    target: str = "best_psnr_smooth_db",
    fidelity: str | None = None,
    seed: int | None = None,
) -> OverlapFigure:
    """Figure 1 from a release.

    The paper does not say which PSNR it ranks by; ours is in the caption.

    Args:
        bench: the release.
        task: name.
        k: how many are the best.
        target: column of runs.parquet with a direction.
        fidelity: None for the release's default for the task.
        seed: None for the mean of the counts over the default seeds.

    Raises:
        ConfigError: k is outside 1..n.
        UnknownNameError: a task, target, fidelity or seed that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    frame = bench.overlap(task, k, target, fidelity, seed)
    facts = frame.attrs
    parts = [
        f"Figure 1 ({task}): architectures that pairs of images share among their {k} best.",
        f"{setting(bench, facts)}; n = {facts['n']} of {len(bench)} architectures, those "
        f"with a run on all {len(bench.images)} images; {facts['expected']:.2g} expected by "
        f"chance (k²/n).",
        _ranked_last(facts["diverged"]),
        shortfall(bench, facts),
    ]
    printed = paper_values()["figure1"]
    if of_the_paper(bench) and (task, k) == (printed["task"], printed["k"]):
        for one, other, count in printed["counts"]:
            if one in frame.index and other in frame.index:
                parts.append(f"The paper's text gives {count} for {one} and {other}.")
    marks, notes = image_marks(bench)
    return OverlapFigure(
        frame=frame,
        caption=" ".join(p for p in parts if p),
        notes=tuple(notes),
        marks=marks,
        call=call_text("bench.overlap", facts, f"k={k}"),
    )
