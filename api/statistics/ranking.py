"""The best architectures in order, and how they are displayed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..exhibits.forms import aligned
from ..reading.records.showing import displayed, html_table, shown

if TYPE_CHECKING:
    import pandas as pd


@displayed
class Ranked(NamedTuple):
    """An architecture among the best.

    Attributes:
        rank: 1 is the best.
        arch_id: row of the architecture in this release.
        architecture: its canonical string.
        value: value of the target; the mean over seeds, and over images unless one is given.
        target: column of runs.parquet.
        task: name.
        images: name, several for the mean over them, or None for the mean over all of the release.
        fidelity: its name.
        seeds: the seeds that the value is averaged over.
        candidates: number of architectures chosen from: those within the limits that have an ok
            run of every seed on every chosen image.
        parameters: trainable numbers at the fidelity's width.
        flops_per_iteration: FLOP of an iteration, forward and backward.
        processor_seconds: mean recorded time of a run.
    """

    rank: int
    arch_id: int
    architecture: str
    value: float
    target: str
    task: str
    images: str | tuple[str, ...] | None
    fidelity: str
    seeds: tuple[int, ...]
    candidates: int
    parameters: int
    flops_per_iteration: float
    processor_seconds: float


class Ranking(tuple[Ranked, ...]):
    """The best architectures, best first: a tuple that displays as a table."""

    def to_frame(self) -> pd.DataFrame:
        """One row per architecture, indexed by rank."""
        import pandas as pd

        return pd.DataFrame(list(self), columns=Ranked._fields).set_index("rank")

    def _cells(self) -> list[list[str]]:
        names = ["rank", *SHOWN]
        return [names, *([shown(getattr(one, name)) for name in names] for one in self)]

    def _caption(self) -> str:
        first = self[0]
        images = "the mean over all images" if first.images is None else shown(first.images)
        return (
            f"{first.target}, {first.task} on {images}, fidelity {first.fidelity}, "
            f"{'seed' if len(first.seeds) == 1 else 'seeds'} {shown(first.seeds)}, "
            f"the best of {first.candidates}"
        )

    def __repr__(self) -> str:
        return "\n".join([self._caption(), *aligned(self._cells())])

    def _repr_html_(self) -> str:
        head, *rows = self._cells()
        return html_table([head], rows, caption=self._caption())


SHOWN = (
    "arch_id",
    "architecture",
    "value",
    "parameters",
    "flops_per_iteration",
    "processor_seconds",
)
"""The fields of `Ranked` that differ from row to row."""
