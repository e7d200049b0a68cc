"""The leaderboard of scores as table and picture: tau over all, and within one sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...exhibits.captions import sentences, setting_and_n, shortfall
from ...exhibits.forest import Forest, Panel
from ...exhibits.forms import estimate
from ..own_values import OWN
from .scores import NULL, entry_name, score_leaderboard

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.reader import ReleaseReader

_KINDS = {NULL: "trivial: sees no network and no image", OWN: "your own"}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ScoreLeaderboardFigure(Forest):
    """Tau of scores and of trivial predictors, signed so that positive is good.

    Attributes:
        frame: from `score_leaderboard`, with its ``attrs``.
    """

    @property
    def against(self) -> str | None:
        """The entry that the others are compared with."""
        name: str | None = self.frame.attrs["against"]
        return name

    @property
    def across(self) -> str:
        """Label of the axis that the panels share."""
        less = f", less that of {self.against}" if self.against else ""
        return f"tau, positive as claimed{less}"

    def lines(self) -> dict[str, str]:
        """The kind of each score."""
        return {entry_name(*key): _KINDS.get(key[1], "score") for key in self.frame.index}

    def panels(self) -> list[Panel]:
        """Tau, or its lead, over all architectures, and among those with the same sampling."""
        names = ("lead", "low_lead", "high_lead") if self.against else ("tau_signed", "low", "high")
        panels = [
            Panel(title, *(self.frame[f"{name}{of}"].to_numpy(float) for name in names))
            for title, of in (
                ("over all architectures", ""),
                ("within one sampling and order", "_within"),
            )
        ]
        # A rival that is the same for all of one sampling has no tau within.
        return [panels[0], *(one for one in panels[1:] if np.isfinite(one.values).any())]

    def heads(self) -> list[list[str]]:
        """Names of the columns."""
        if self.against:
            return [
                ["score", "tau", "lead", "tau within", "lead within", "n"],
                ["(better)", "(interval)", "(interval)", "one sampling", "(interval)", ""],
            ]
        k = self.frame.attrs["k"]
        return [
            ["score", "tau", "p", "tau within", "p", f"precision at {k}", "regret, dB", "s", "n"],
            ["(better)", "(interval)", "(Holm)", "one sampling", "(Holm)", "(chance)", "(random)"]
            + [""] * 2,
        ]

    def body(self) -> list[list[str]]:
        """One row per score, best first."""
        return [[_called(key, row), *self._cells(row)] for key, row in self.frame.iterrows()]

    def _cells(self, row: pd.Series) -> list[str]:
        tau, within = (
            estimate(*row[[f"{name}{of}" for name in ("tau_signed", "low", "high")]])
            for of in ("", "_within")
        )
        n = f"{row['n']:.0f}"
        if self.against:
            lead, lead_within = (
                estimate(*row[[f"{end}lead{of}" for end in ("", "low_", "high_")]])
                for of in ("", "_within")
            )
            return [tau, lead, within, lead_within, n]
        return [
            tau,
            _p(row["p"]),
            within,
            _p(row["p_within"]),
            _beside(row["precision"], row["precision_chance"]),
            _beside(row["regret"], row["regret_random"]),
            "--" if math.isnan(row["seconds"]) else f"{row['seconds']:.2g}",
            n,
        ]


def _called(key: Any, row: pd.Series) -> str:
    name = entry_name(*key)
    return f"{name} ({row['direction']})" if row["direction"] else name


def _beside(value: float, chance: float) -> str:
    return "--" if math.isnan(value) else f"{value:.2f} ({chance:.2f})"


def _p(value: float) -> str:
    if math.isnan(value):
        return "--"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def score_leaderboard_figure(
    bench: ReleaseReader, task: str = "denoise", *, k: int = 10, **how: Any
) -> ScoreLeaderboardFigure:
    """The leaderboard of scores, to print, save or draw.

    Args:
        task: name.
        k: number of architectures that count as the best.
        **how: passed to `score_leaderboard`.

    Raises:
        NasdipError: as in `score_leaderboard`.

    Example:
        >>> board = score_leaderboard_figure(NASDIPBench("data/"), "denoise")
        >>> board.heads()[0][:2]
        ['score', 'tau']
    """
    frame = score_leaderboard(bench, task, k=k, **how)
    facts = frame.attrs
    leads = []
    if facts["against"]:
        leads.append(
            f"lead: tau less that of {facts['against']} over the architectures with both, with its "
            f"{100 * facts['level']:g} % interval."
        )
    reasons = [
        f"{'-- : ' if row[['tau_signed', 'p']].isna().any() else ''}{entry_name(*key)}: "
        f"{row['reason']}."
        for key, row in frame.iterrows()
        if row["reason"]
    ]
    return ScoreLeaderboardFigure(
        frame=frame,
        caption=sentences(
            f"Scores of untrained networks compared with trivial predictors ({task}). Kendall's "
            f"tau-b with the target, with its {100 * facts['level']:g} % interval; mean over "
            f"images and seeds; positive if the score ranks as it claims.",
            setting_and_n(bench, facts, [*map(int, frame["n"])]),
            shortfall(bench, facts, how.get("images")),
        ),
        notes=(
            *leads,
            "sampling mean: mean target of the architectures with the same sampling and order on "
            "the other images; cell table: that of the other architectures with the same cell, or "
            "without any, the sampling mean.",
            *reasons,
        ),
    )
