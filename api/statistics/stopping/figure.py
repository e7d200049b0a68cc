"""What stopping rules lose, as table and picture: a line per rule, least lost on top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nasdip_bench.stopping import RULES
from nasdip_bench.tasks import get_task

from ...exhibits.captions import sentences, setup, shortfall
from ...exhibits.forest import Forest, Panel
from ...exhibits.forms import estimate
from ..tau_frame import MEAN
from .stopped import CROSS_FITTED, GIVEN, IN_SAMPLE, ORACLE, PUBLISHED
from .table import stopping_table

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.reader import ReleaseReader

_CHOSEN = {
    CROSS_FITTED: "parameters cross-fitted over images",
    IN_SAMPLE: "parameters chosen on the only image",
    PUBLISHED: "constants as published",
    GIVEN: "fixed beforehand",
}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class StoppingFigure(Forest):
    """dB lost by each rule, with its interval, and on each image.

    Attributes:
        frame: from `stopping_table`, with its ``attrs``.
    """

    across = "PSNR lost against the best of the same run (the oracle), dB"

    def means(self) -> pd.DataFrame:
        """One row per rule, least lost first; without the oracle, which loses nothing."""
        means = self.frame.xs(MEAN, level="image").drop(ORACLE)
        return means.sort_values("lost_db", kind="stable")

    def heads(self) -> list[list[str]]:
        """Names of the columns."""
        return [
            ["rule", "parameters", "delivers", "trains", "PSNR", "lost, dB", "95 %", "never", "n"],
            ["", "(how chosen)", "iteration", "", "dB", "(interval)", "below", "stops", "runs"],
        ]

    def body(self) -> list[list[str]]:
        """One row per rule, means over images."""
        return [
            [
                str(rule),
                f"{'' if row['parameters'] in str(rule) else row['parameters']} ({row['choice']})",
                f"{row['iteration']:.0f}",
                f"{row['trained']:.0f}",
                f"{row['psnr_db']:.2f}",
                _lost(row),
                f"{row['lost_p95_db']:.2f}",
                f"{row['never']:.0%}",
                f"{row['n']}",
            ]
            for rule, row in self.means().iterrows()
        ]

    def lines(self) -> dict[str, str]:
        """How each rule's parameters were chosen."""
        return {str(rule): _CHOSEN[choice] for rule, choice in self.means()["choice"].items()}

    def panels(self) -> list[Panel]:
        """dB lost: the mean, and each image."""
        means = self.means()
        lost, low, high = (means[name].to_numpy(float) for name in ("lost_db", "low", "high"))
        points = [self.frame.loc[rule, "lost_db"].drop(MEAN).to_numpy() for rule in means.index]
        texts = [_lost(row) for _, row in means.iterrows()]
        return [Panel("mean, and single images", lost, low, high, points, texts)]


def _lost(row: pd.Series) -> str:
    lost, low, high = row[["lost_db", "low", "high"]]
    return estimate(lost, low, high, ".2f")


def stopping_figure(bench: ReleaseReader, task: str = "denoise", **how: Any) -> StoppingFigure:
    """What stopping rules lose, to print, save or draw.

    Args:
        task: name.
        **how: passed to `stopping_table`.

    Raises:
        NasdipError: as in `stopping_table`.

    Example:
        >>> figure = stopping_figure(NASDIPBench("data/"), "denoise", resamples=0)
        >>> figure.means().index[0]
        'discrepancy(sigma=known)'
    """
    frame = stopping_table(bench, task, **how)
    facts = frame.attrs
    means = frame.xs(MEAN, level="image")
    shown = [image for image in frame.loc[ORACLE].index if image != MEAN]
    of = f"{len(shown)} images" if len(shown) > 1 else shown[0]
    kind = get_task(facts["task"]).kind
    without = {name: rule().no_meaning(kind) for name, rule in RULES.items()}
    interval = (
        f" with its {100 * facts['level']:g} % interval over architectures and images"
        if facts["resamples"]
        else ""
    )
    return StoppingFigure(
        frame=frame,
        caption=sentences(
            f"What stopping rules lose ({task}): PSNR of what a rule delivers, in dB below the "
            f"best smoothed output of the same run. The mean over {of}{interval}; dots: single "
            f"images.",
            f"At {setup(bench, facts)}; n = {means['n'].max()} runs.",
            shortfall(bench, facts, shown),
        ),
        notes=(
            "Cross-fitted: each image uses the parameters that lose least on the other images."
            if CROSS_FITTED in set(means["choice"])
            else "In-sample: there is no other image to choose parameters on.",
            "Published: the authors' constants, meant for budgets of some thousand iterations.",
            *(f"No {name}: {reason}." for name, reason in without.items() if reason),
        ),
    )
