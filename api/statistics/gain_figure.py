"""The gain of choosing per image, as table and picture: a line per image, a panel per target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..exhibits.captions import image_marks, sentences, setup, shortfall
from ..exhibits.forest import Forest, Panel
from ..exhibits.forms import estimate
from .image_gain import image_gain
from .tau_frame import MEAN

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GainFigure(Forest):
    """Gain in dB of the image's own best over the best of the others, on another seed.

    Attributes:
        frame: from `image_gain`, with its ``attrs``.
    """

    across = "gain from choosing by the image itself, on another seed, dB"

    @property
    def targets(self) -> list[str]:
        """Columns of runs.parquet, in the given order."""
        return [*self.frame.index.get_level_values("target").unique()]

    def lines(self) -> dict[str, str]:
        """The images, then their mean."""
        images = self.frame.loc[self.targets[0]].index
        return {self._label(name): "mean" if name == MEAN else "image" for name in images}

    def panels(self) -> list[Panel]:
        """One panel per target."""
        return [
            Panel(target, *(of[name].to_numpy() for name in ("gain_db", "low", "high")))
            for target, of in ((target, self.frame.loc[target]) for target in self.targets)
        ]

    def heads(self) -> list[list[str]]:
        """The targets."""
        return [["image", *self.targets], ["", *["dB (interval)"] * len(self.targets)]]

    def body(self) -> list[list[str]]:
        """One row per image, then their mean."""
        return [
            [
                self._label(image),
                *(
                    estimate(*self.frame.loc[(target, image), ["gain_db", "low", "high"]])
                    for target in self.targets
                ),
            ]
            for image in self.frame.loc[self.targets[0]].index
        ]

    def _label(self, image: str) -> str:
        return image if image == MEAN else self.label(image)


def _gaps(frame: pd.DataFrame) -> str:
    """The mean gap of taus for each target."""
    names = ["tau_gap", "tau_gap_low", "tau_gap_high"]
    means = frame.xs(MEAN, level="image")[names]
    return "; ".join(f"{estimate(*row)} ({target})" for target, row in means.iterrows())


def gain_figure(bench: ReleaseReader, task: str = "denoise", **how: Any) -> GainFigure:
    """The gain of choosing by the image itself, to print, save or draw.

    Args:
        task: name.
        **how: passed to `image_gain`.

    Raises:
        NasdipError: as in `image_gain`.

    Example:
        >>> gain_figure(NASDIPBench("data/"), "denoise", resamples=0).body()[-1][0]
        '(mean)'
    """
    frame = image_gain(bench, task, **how)
    facts = frame.attrs
    marks, notes = image_marks(bench)
    interval = f", with its {100 * facts['level']:g} % interval" if facts["resamples"] else ""
    return GainFigure(
        frame=frame,
        caption=sentences(
            f"Does the best network depend on the image ({task})? Gain of the architecture that is "
            f"best on the image over the one with the best mean over the other images, both judged "
            f"on the image at another seed{interval}. Positive: choosing by the image pays. Where "
            f"the image does not matter the gain is negative, since one run is noisier than the "
            f"mean of the others'.",
            f"Does the image matter? Tau between two seeds is higher for one image than for two by "
            f"{_gaps(frame)}.",
            f"At {setup(bench, facts)}; n = {frame['n'].max()} of {len(bench)} architectures, "
            f"those with all runs.",
            shortfall(bench, facts, how.get("images")),
        ),
        notes=tuple(notes),
        marks=marks,
    )
