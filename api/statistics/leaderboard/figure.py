"""The leaderboard of scores as table and picture: tau over all, and within one sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...exhibits.captions import call_text, sentences, setting_and_n, shortfall
from ...exhibits.forest import Forest, Panel
from ...exhibits.forms import estimate
from ..own_values import OWN
from .scores import NULL, score_leaderboard

if TYPE_CHECKING:
    from ...reading.reader import ReleaseReader

_KINDS = {NULL: "trivial: sees no network and no image", OWN: "your own"}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ScoreLeaderboardFigure(Forest):
    """Tau of scores and of trivial predictors, signed so that positive is good.

    Attributes:
        frame: from `score_leaderboard`, with its ``attrs``.
    """

    across = "tau, positive as claimed"

    def lines(self) -> dict[str, str]:
        """The kind of each score."""
        return {_name(key): _KINDS.get(key[1], "score") for key in self.frame.index}

    def panels(self) -> list[Panel]:
        """Tau over all architectures, and among those with the same sampling."""
        return [
            Panel(
                title,
                *(
                    self.frame[name].to_numpy(float)
                    for name in (f"tau_signed{of}", f"low{of}", f"high{of}")
                ),
            )
            for title, of in (
                ("over all architectures", ""),
                ("within one sampling and order", "_within"),
            )
        ]

    def heads(self) -> list[list[str]]:
        """Names of the columns."""
        k = self.frame.attrs["k"]
        return [
            ["score", "tau", "p", "tau within", "p", f"precision at {k}", "regret, dB", "s", "n"],
            ["(better)", "(interval)", "", "one sampling", "", "(chance)", "(random)", "", ""],
        ]

    def body(self) -> list[list[str]]:
        """One row per score, best first."""
        return [
            [
                f"{_name(key)} ({row['direction']})" if row["direction"] else _name(key),
                estimate(*row[["tau_signed", "low", "high"]]),
                _p(row["p"]),
                estimate(*row[["tau_signed_within", "low_within", "high_within"]]),
                _p(row["p_within"]),
                _beside(row["precision"], row["precision_chance"]),
                _beside(row["regret"], row["regret_random"]),
                "--" if math.isnan(row["seconds"]) else f"{row['seconds']:.2g}",
                f"{row['n']:.0f}",
            ]
            for key, row in self.frame.iterrows()
        ]


def _name(key: Any) -> str:
    proxy, reference = key
    return proxy if reference in _KINDS else f"{proxy}/{reference}"


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
        >>> board = score_leaderboard_figure(NASDIPBench("data/"), "denoise", resamples=0)
        >>> board.heads()[0][:2]
        ['score', 'tau']
    """
    frame = score_leaderboard(bench, task, k=k, **how)
    facts = frame.attrs
    interval = f", with its {100 * facts['level']:g} % interval" if facts["resamples"] else ""
    reasons = [
        f"{'-- : ' if row[['tau_signed', 'p']].isna().any() else ''}{_name(key)}: {row['reason']}."
        for key, row in frame.iterrows()
        if row["reason"]
    ]
    return ScoreLeaderboardFigure(
        frame=frame,
        caption=sentences(
            f"Scores of untrained networks compared with trivial predictors ({task}). Kendall's "
            f"tau-b with the target{interval}; mean over images and seeds; positive if the score "
            f"ranks as it claims.",
            setting_and_n(bench, facts, [*map(int, frame["n"])]),
            shortfall(bench, facts, how.get("images")),
        ),
        notes=(
            "sampling mean: mean target of the architectures with the same sampling and order on "
            "the other images; cell table: that of the other architectures with the same cell, or "
            "without any, the sampling mean.",
            "p: two-sided, with Holm's correction over both columns.",
            *reasons,
        ),
        call=call_text(
            "bench.score_leaderboard", repr(task), k=k, **how | {"fidelity": facts["fidelity"]}
        ),
    )
