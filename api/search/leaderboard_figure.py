"""The leaderboard of searches as a table and a picture: one panel per target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..exhibits.captions import sentences, setup, span
from ..exhibits.forest import Forest, Panel
from ..exhibits.forms import estimate
from ..statistics.tau_frame import MEAN
from .figure import in_words
from .leaderboard import RANDOM, search_leaderboard

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

_GAIN = ["over_transfer_db", "over_transfer_low", "over_transfer_high"]
_SEES = {
    "deployable": "sees what everybody has",
    "oracle": "sees PSNR against the ground truth",
}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SearchLeaderboardFigure(Forest):
    """What searches gain over transfer, on seeds that they did not see.

    Attributes:
        frame: from `search_leaderboard`, with its ``attrs``.
    """

    across = "dB gained over transfer, on the other seed"

    @property
    def targets(self) -> list[str]:
        """Columns of runs.parquet, in the requested order."""
        return [*self.frame.index.get_level_values("target").unique()]

    def methods(self) -> list[str]:
        """Best first, by the gain over transfer averaged over targets."""
        gaps = self.frame.xs(MEAN, level="image")["over_transfer_db"]
        means = gaps.groupby(level="method").mean()
        return [*means.sort_values(ascending=False, kind="stable").index]

    def heads(self) -> list[list[str]]:
        """For each target, its PSNR and the gain over transfer."""
        first, second = ["method", "track", "trained"], ["", "", ""]
        for target in self.targets:
            first += [target.removesuffix("_psnr_smooth_db"), ""]
            second += ["dB", "over transfer"]
        return [first, second]

    def body(self) -> list[list[str]]:
        """One row per method, means over images."""
        rows = []
        for method in self.methods():
            of = [self.frame.loc[target, MEAN, method] for target in self.targets]
            row = [method, of[0]["track"], f"{of[0]['trained']:.1f}"]
            for one in of:
                row += [f"{one['psnr_db']:.2f}", estimate(*one[_GAIN])]
            rows.append(row)
        return rows

    def lines(self) -> dict[str, str]:
        """From each method to what it sees."""
        tracks = self.frame.loc[self.targets[0], MEAN]["track"].loc[self.methods()]
        return {method: _SEES[track] for method, track in tracks.items()}

    def panels(self) -> list[Panel]:
        """One panel per target: dB over transfer."""
        found = []
        for target in self.targets:
            means = self.frame.loc[target, MEAN].loc[self.methods()]
            found.append(Panel(target, *(means[name].to_numpy() for name in _GAIN)))
        return found


def search_leaderboard_figure(
    bench: ReleaseReader, task: str = "denoise", **how: Any
) -> SearchLeaderboardFigure:
    """The leaderboard of searches, to print, save or draw.

    Args:
        task: name.
        **how: see `search_leaderboard`.

    Raises:
        NasdipError: see `search_leaderboard`.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> board = search_leaderboard_figure(bench, "denoise", repeats=1, resamples=0)
        >>> board.targets[0]
        'best_psnr_smooth_db'
    """
    frame = search_leaderboard(bench, task, **how)
    facts = frame.attrs
    means = frame.xs(MEAN, level="image")
    interval = (
        f" with {100 * facts['level']:g} % intervals over images and searches"
        if facts["resamples"]
        else ""
    )
    random = means.xs(RANDOM, level="method").iloc[0]
    compared = any(method.startswith("isnas") for method in means.index.unique("method"))
    needed = "runs and distances between restorations" if compared else "runs"
    notes = [
        "transfer: the architecture that is best by the target on the other images; no search. "
        "any: a random one, untrained. isnas <score>: the paper's search. random+neighbour: random "
        "search that chooses by an observable.",
        f"Simulated seconds: {facts['cost']}.",
    ]
    told = {"diverged": "chose what diverged on another seed", "nothing": "chose nothing"}
    notes += [
        f"{int(means[name].sum())} searches {what}."
        for name, what in told.items()
        if means[name].any()
    ]
    if facts["left_out"]:
        notes.append(
            f"Left out because the release lacks distances between restorations or observables: "
            f"{', '.join(facts['left_out'])}."
        )
    return SearchLeaderboardFigure(
        frame=frame,
        caption=sentences(
            f"What searches choose ({task}), judged on a seed that they did not see. Each seed is "
            f"searched in turn, {facts['repeats']} times on each of {len(facts['images'])} images, "
            f"with a budget of {in_words(facts['budget_seconds'])} (random search trains "
            f"{random['trained']:.0f}); means{interval}.",
            f"At {setup(bench, facts)}; n = {span([*map(int, means['n'])])} of {len(bench)} "
            f"architectures, those with {needed} of every seed.",
        ),
        notes=tuple(notes),
    )
