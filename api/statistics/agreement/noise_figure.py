"""How noisy rankings are, as table and picture: a line per repeated measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...exhibits.captions import sentences, setup, shortfall
from ...exhibits.forest import Forest, Panel
from ...exhibits.forms import estimate
from .noise import noise

if TYPE_CHECKING:
    from ...reading.reader import ReleaseReader


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NoiseFigure(Forest):
    """Tau between repeated measurements.

    Attributes:
        frame: from `noise`, with its ``attrs``.
    """

    across = "tau between two measurements"

    def lines(self) -> dict[str, str]:
        """What was repeated, by what was measured."""
        return {f"{measured} ({between})": between for between, measured in self.frame.index}

    def panels(self) -> list[Panel]:
        """Tau between single measurements, and between means of all."""
        return [
            Panel(
                title,
                *(self.frame[f"{name}{of}"].to_numpy(float) for name in ("tau", "low", "high")),
            )
            for title, of in (("two single values", ""), ("two means of all", "_mean"))
        ]

    def heads(self) -> list[list[str]]:
        """Names of the columns."""
        return [
            ["measured", "between two", "tau", "tau of means", "repeats", "RMS, dB", "n"],
            ["", "", "(interval)", "(interval)", "", "", ""],
        ]

    def body(self) -> list[list[str]]:
        """One row per measurement."""
        return [
            [
                measured,
                between,
                estimate(*row[["tau", "low", "high"]]),
                estimate(*row[["tau_mean", "low_mean", "high_mean"]]),
                str(row["repeats"]),
                "--" if math.isnan(row["difference_db"]) else f"{row['difference_db']:.2f}",
                str(row["n"]),
            ]
            for (between, measured), row in self.frame.iterrows()
        ]


def noise_figure(bench: ReleaseReader, task: str = "denoise", **how: Any) -> NoiseFigure:
    """How noisy rankings are, to print, save or draw.

    Args:
        task: name.
        **how: passed to `noise`.

    Raises:
        NasdipError: as in `noise`.

    Example:
        >>> noise_figure(NASDIPBench("data/"), "denoise").heads()[0][0]
        'measured'
    """
    frame = noise(bench, task, **how)
    facts = frame.attrs
    without = frame[frame["reason"] != ""].reset_index().groupby(["between", "reason"])["measured"]
    return NoiseFigure(
        frame=frame,
        caption=sentences(
            f"How noisy are rankings ({task})? Kendall's tau-b over architectures between two "
            f"measurements of the same quantity, with its {100 * facts['level']:g} % interval: two "
            f"scoring initialisations of a score (and two means of all), two seeds of a run, or a "
            f"run and the same run trained again.",
            f"At {setup(bench, facts)}.",
            shortfall(bench, facts, facts["images"]),
        ),
        notes=tuple(
            f"-- : {', '.join(of)} ({between}): {reason}." for (between, reason), of in without
        ),
    )
