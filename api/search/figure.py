"""A comparison of searches over time as a table and as a picture, with a panel per image and a line
and band per method.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exhibits.captions import sentences, setup, span
from ..exhibits.drawing import TEXT, legend, save, small_multiples
from ..exhibits.exhibit import FrameFigure
from ..exhibits.forms import estimate
from ..statistics.tau_frame import MEAN
from .comparison import compare

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..reading.reader import ReleaseReader

_UNITS = (("h", 3600.0), ("min", 60.0), ("s", 1.0))
_COLUMNS = 4
_REGRET = ["regret", "low", "high"]
# Distinguishable by people with colour blindness, and by dashes in print.
_LINES = (
    ("#4d4d4d", "-"),
    ("#0072b2", "-"),
    ("#d55e00", "-"),
    ("#009e73", "--"),
    ("#cc79a7", "-."),
    ("#e69f00", ":"),
    ("#56b4e9", "--"),
)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SearchFigure(FrameFigure):
    """Regret against simulated time; the table shows it at the end of the budget.

    Attributes:
        frame: from `nasdip_bench.api.search.compare`, with its ``attrs``.
    """

    setup = ("task", "target", "fidelity", "seeds", "repeats", "cost")

    @property
    def images(self) -> list[str]:
        """Names of the images; the mean last where there are several."""
        names: list[str] = self.frame.attrs["images"]
        return [*names, MEAN] if len(names) > 1 else names

    @property
    def methods(self) -> list[str]:
        """The methods."""
        return [*self.frame.attrs["trained"]]

    def heads(self) -> list[list[str]]:
        """The methods."""
        return [["image", *self.methods]]

    def body(self) -> list[list[str]]:
        """Final regret by image, and how many were trained."""
        trained = self.frame.attrs["trained"]
        ends = self.frame.xs(self.frame.attrs["budget_seconds"], level="seconds")[_REGRET]
        regrets = {image: ends.loc[image].loc[self.methods].to_numpy() for image in self.images}
        return [
            *(
                [image, *(estimate(value, low, high, ".3f") for value, low, high in of_image)]
                for image, of_image in regrets.items()
            ),
            ["trained", *(f"{trained[name]:.1f}" for name in self.methods)],
        ]

    def draw(self, path: Path, form: str) -> None:
        """Draw a panel per image; see `nasdip_bench.api.exhibits.exhibit.Figure.draw`."""
        # The mean over images comes first.
        images = sorted(self.images, key=lambda name: name != MEAN)
        unit, _ = time_unit(self.frame.attrs["budget_seconds"])
        drawing, panels = small_multiples(
            len(images), f"simulated time, {unit}", "regret, dB", most=_COLUMNS
        )
        for axes, image in zip(panels, images, strict=True):
            self._draw_panel(axes, image)
        handles, labels = axes.get_legend_handles_labels()
        legend(drawing, handles, labels, ncols=min(len(labels), 7))
        save(drawing, path, form, [self.caption, *self.notes])

    def _draw_panel(self, axes: Axes, image: str) -> None:
        from matplotlib.ticker import MaxNLocator

        _, size = time_unit(self.frame.attrs["budget_seconds"])
        for place, name in enumerate(self.methods):
            mine = self.frame.loc[image, name]
            colour, dashes = _LINES[place % len(_LINES)]
            # Incumbents change in steps: each value holds until the next.
            seconds = mine.index / size
            axes.step(
                seconds, mine["regret"], where="post", color=colour, ls=dashes, lw=1.1, label=name
            )
            axes.fill_between(
                seconds, mine["low"], mine["high"], step="post", color=colour, alpha=0.18, lw=0
            )
        several = len(self.frame.attrs["images"])
        title = f"mean over {several} images" if image == MEAN else image
        axes.set_title(title, fontsize=TEXT)
        axes.set_xlim(0, self.frame.attrs["budget_seconds"] / size)
        axes.set_ylim(0, 1.05 * self.frame[["regret", "high"]].max(axis=None))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_locator(MaxNLocator(4))


def search_figure(bench: ReleaseReader, task: str = "denoise", **how: Any) -> SearchFigure:
    """A comparison of searches over time, to print, save or draw.

    Args:
        task: name.
        **how: see `compare`.

    Raises:
        NasdipError: see `compare`.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> search_figure(bench, "denoise", images="lena", methods=["random"], repeats=2).methods
        ['random']
    """
    frame = compare(bench, task, **how)
    f = frame.attrs
    several = "images and searches" if len(f["images"]) > 1 else "searches"
    interval = f" with {100 * f['level']:g} % intervals over {several}" if f["resamples"] else ""
    return SearchFigure(
        frame=frame,
        caption=sentences(
            f"Regret of searches ({task}) after {in_words(f['budget_seconds'])} of simulated time: "
            f"the {f['target']} of the best architecture minus that of the incumbent, in dB. Each "
            f"seed is searched in turn, {f['repeats']} times on each image; means{interval}.",
            f"At {setup(bench, f)}; n = {span([*f['n'].values()])} of {len(bench)} architectures, "
            f"those with a run.",
        ),
        notes=tuple(_notes(f, frame.groupby("method")["track"].first())),
    )


def _notes(facts: Mapping[str, Any], tracks: Mapping[str, str]) -> Iterator[str]:
    """What readers must know about the numbers."""
    deployable = [name for name in facts["trained"] if tracks[name] == "deployable"]
    seen = "Searches see the PSNR against the ground truth (an oracle)"
    if deployable:
        seen += f", except those on the deployable track ({', '.join(deployable)})"
    yield f"Simulated seconds: {facts['cost']}."
    yield (
        f"{seen}. They may choose by it what the target ranks lower, so regret can rise. Until a "
        f"search can return something, it counts as the mean over all architectures."
    )
    idle = {name: count for name, count in facts["nothing"].items() if count}
    if idle:
        yield (
            f"Searches that chose nothing: "
            f"{', '.join(f'{count} of {name}' for name, count in idle.items())}."
        )
    if facts["left_out"]:
        yield (
            f"Left out because the release lacks distances between restorations: "
            f"{', '.join(facts['left_out'])}."
        )


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit for showing times up to some seconds, and its length in seconds."""
    return next((unit for unit in _UNITS if seconds >= 2 * unit[1]), _UNITS[-1])


def in_words(seconds: float) -> str:
    """A time as text."""
    unit, size = time_unit(seconds)
    return f"{seconds / size:.3g} {unit}"
