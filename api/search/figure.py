"""A comparison of search algorithms as a table and as a picture, with a panel per image and a line
and band per algorithm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasdip_bench.errors import ConfigError

from ..exhibits.captions import span
from ..exhibits.drawing import TEXT, legend, save, small_multiples
from ..exhibits.exhibit import FrameFigure
from ..exhibits.forms import estimate
from .comparison import ALL_IMAGES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_UNITS = (("h", 3600.0), ("min", 60.0), ("s", 1.0))
_COLUMNS = 4
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

    @property
    def images(self) -> list[str]:
        """Names of the images; "all" last where there are several."""
        names: list[str] = self.frame.attrs["images"]
        return [*names, ALL_IMAGES] if len(names) > 1 else names

    def heads(self) -> list[list[str]]:
        """The algorithms."""
        return [["image", *self.frame.attrs["algorithms"]]]

    def body(self) -> list[list[str]]:
        """Final regret by image, and how many were trained."""
        names, trained = self.frame.attrs["algorithms"], self.frame.attrs["trained"]
        where = ["image", "algorithm"]
        last = self.frame.drop_duplicates(where, keep="last").set_index(where)
        ends = {
            key: estimate(row["regret"], row["regret_low"], row["regret_high"], ".3f")
            for key, row in last.iterrows()
        }
        return [
            *([image, *(ends[image, name] for name in names)] for image in self.images),
            ["trained", *(f"{trained[name]:.1f}" for name in names)],
        ]

    def csv(self) -> str:
        """The whole frame, with the set-up in columns; floats in full."""
        facts = self.frame.attrs
        setup = {name: facts[name] for name in ("target", "fidelity", "repeats", "rng", "cost")}
        seeds = " ".join(map(str, facts["seeds"]))
        text: str = self.frame.assign(**setup, run_seeds=seeds).to_csv(
            index=False, lineterminator="\n"
        )
        return text

    def draw(self, path: Path, form: str) -> None:
        """Draw a panel per image; see `nasdip_bench.api.exhibits.exhibit.Figure.draw`."""
        # The mean over images comes first.
        images = sorted(self.images, key=lambda name: name != ALL_IMAGES)
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

        frame = self.frame[self.frame["image"] == image]
        _, size = time_unit(self.frame.attrs["budget_seconds"])
        for place, algorithm in enumerate(self.frame.attrs["algorithms"]):
            mine = frame[frame["algorithm"] == algorithm]
            colour, dashes = _LINES[place % len(_LINES)]
            # Incumbents change in steps: each value holds until the next.
            seconds = mine["seconds"] / size
            axes.step(
                seconds,
                mine["regret"],
                where="post",
                color=colour,
                linestyle=dashes,
                linewidth=1.1,
                label=algorithm,
            )
            axes.fill_between(
                seconds,
                mine["regret_low"],
                mine["regret_high"],
                step="post",
                color=colour,
                alpha=0.18,
                linewidth=0,
            )
        several = len(self.frame.attrs["images"])
        title = f"mean over {several} images" if image == ALL_IMAGES else image
        axes.set_title(title, fontsize=TEXT)
        axes.set_xlim(0, self.frame.attrs["budget_seconds"] / size)
        axes.set_ylim(0, 1.05 * self.frame[["regret", "regret_high"]].max(axis=None))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_locator(MaxNLocator(4))


def search_figure(frame: pd.DataFrame) -> SearchFigure:
    """A comparison to print, save or draw.

    Args:
        frame: from `nasdip_bench.api.search.compare`.

    Raises:
        ConfigError: the frame has lost its ``attrs``.
    """
    f = frame.attrs
    if "algorithms" not in f:
        raise ConfigError(
            "this frame has no attrs that say what it was computed from: give the one that "
            "compare(...) returned"
        )
    searches = f"mean of {f['repeats']} searches and 95 % bootstrap interval"
    if f["repeats"] == 1:
        searches = "one search, without interval"
    return SearchFigure(
        frame=frame,
        caption=(
            f"Regret of searches for {f['task']} at fidelity {f['fidelity']}, seed"
            f"{'' if len(f['seeds']) == 1 else 's'} {', '.join(map(str, f['seeds']))} of the runs, "
            f"after {in_words(f['budget_seconds'])} of simulated time; {searches} (search seed "
            f"{f['rng']}). Regret is the {f['target']} of the best architecture minus that of the "
            f"incumbent, in dB."
        ),
        notes=tuple(_notes(f)),
    )


def _notes(facts: Mapping[str, Any]) -> Iterator[str]:
    """What readers must know about the numbers."""
    deployable = [name for name, track in facts["tracks"].items() if track == "deployable"]
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
    there = [*facts["architectures"].values()]
    if min(there) < facts["release"]:
        yield (
            f"The release is partial: {span(there)} of its {facts['release']} architectures have a "
            f"run and can be searched; regret is relative to the best of these."
        )


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit for showing times up to some seconds, and its length in seconds."""
    return next((unit for unit in _UNITS if seconds >= 2 * unit[1]), _UNITS[-1])


def in_words(seconds: float) -> str:
    """A time as text."""
    unit, size = time_unit(seconds)
    return f"{seconds / size:.3g} {unit}"
