"""Table 1 of the paper, from a release: tau between a target and training-free scores, by image.

The target is a PSNR or the best iteration (section 5 of the paper). A network whose untrained
output already resembles the image may peak sooner; then the score would also tell when to stop.
The table shows the paper's values next to ours if images and task are the paper's and the target
is a PSNR.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exhibits import captions
from ..exhibits.drawing import (
    TEXT,
    caption_lines,
    new_figure,
    save,
    table_axes,
    write_caption,
    write_head,
)
from ..exhibits.exhibit import Exhibit
from ..exhibits.forms import csv_text
from ..reading.arrays.targets import PAPER_TARGET
from ..statistics.agreement.scores import kendall
from .printed import paper_values

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.reader import ReleaseReader

BEST_ITERATION = "best_iteration"
_ITERATIONS = (BEST_ITERATION, "best_raw_iteration")
_SHORT = {"ground_truth": "truth", "none": ""}
_ROW_INCHES = 0.3


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Table1(Exhibit):
    """Kendall's tau-b between a target and training-free scores.

    Attributes:
        frame: images × (proxy, reference, source), float64; source is "ours" or "paper". The
            paper's scores first, in its order, then the others. ``attrs`` as in
            `kendall`.
        statuses: status of each image in images.parquet.
        shown: (proxy, reference) of the columns in every format.
    """

    is_figure = False

    wide = True  # names of scores are long
    frame: pd.DataFrame
    statuses: dict[str, str]
    shown: tuple[tuple[str, str], ...]

    @cached_property
    def _values(self) -> dict[tuple[str, ...], float]:
        """By (image, proxy, reference, source); cell lookup in a frame is far slower."""
        rows = zip(self.frame.index, self.frame.to_numpy().tolist(), strict=True)
        return {
            (image, *column): value
            for image, values in rows
            for column, value in zip(self.frame.columns, values, strict=True)
        }

    def _value(self, image: str, column: tuple[str, str], source: str) -> float:
        return self._values.get((image, *column, source), math.nan)

    def cell(self, image: str, column: tuple[str, str]) -> tuple[str, str]:
        """Our value and the paper's as text; the paper's is "" if missing."""
        ours, paper = (self._value(image, column, source) for source in ("ours", "paper"))
        return (
            "--" if math.isnan(ours) else f"{ours:+.2f}",
            "" if math.isnan(paper) else f"{paper:+.2f}",
        )

    def score_heads(self) -> list[tuple[str, str]]:
        """The two header lines of each shown column: score and reference."""
        return [(proxy, _SHORT.get(reference, reference)) for proxy, reference in self.shown]

    def heads(self) -> list[list[str]]:
        """Names of the scores and, below, their references."""
        names, others = zip(*self.score_heads(), strict=True)
        return [["", *names], ["image", *others]]

    def _cells(self, image: str) -> list[tuple[str, str]]:
        return [self.cell(image, column) for column in self.shown]

    def body(self) -> list[list[str]]:
        """One row per image: "ours (paper)"."""
        return [
            [self.label(image), *(f"{o} ({p})" if p else o for o, p in self._cells(image))]
            for image in self.frame.index
        ]

    def csv(self) -> str:
        """One line per image and shown score, with n and set-up; floats in full."""
        facts: Mapping[str, Any] = self.frame.attrs
        setup = (facts["task"], facts["target"], facts["fidelity"])
        seeds = " ".join(map(str, facts["seeds"]))
        rows = []
        for image in self.frame.index:
            for column in self.shown:
                key = "/".join(column)
                numbers = (
                    self._value(image, column, "ours"),
                    facts["std"].get(key, {}).get(image, math.nan),
                    self._value(image, column, "paper"),
                )
                tau, std, paper = ("" if math.isnan(x) else repr(float(x)) for x in numbers)
                n = facts["n"].get(key, {}).get(image, 0)
                reason = facts["reasons"].get(key, {}).get(image, "")
                named = (image, self.statuses[image], *column)
                rows.append((*named, tau, std, n, reason, paper, *setup, seeds))
        head = (
            *("image", "image_status", "proxy", "reference", "tau", "std_over_seeds", "n"),
            *("reason", "paper_tau", "task", "target", "fidelity", "seeds"),
        )
        return csv_text(head, rows)

    def draw(self, path: Path, form: str) -> None:
        """The table, each cell coloured by our value."""
        heads, labels = self.score_heads(), [self.label(image) for image in self.frame.index]
        names = 0.085 * max(map(len, labels)) + 0.35
        column = max(1.05, *(0.082 * len(part) + 0.2 for head in heads for part in head))
        width = names + column * len(heads) + 0.15
        lines, caption = caption_lines([self.caption, *self.notes], width)
        top = 2 * 0.2 + 0.2
        drawing = new_figure(width, top + _ROW_INCHES * len(labels) + caption + 0.1)
        axes = table_axes(drawing)
        from matplotlib import colormaps
        from matplotlib.patches import Rectangle

        colours = colormaps["RdBu"]
        for i, head in enumerate(heads):
            write_head(axes, names + (i + 0.5) * column, head)
        for row, image in enumerate(self.frame.index):
            middle = top + (row + 0.5) * _ROW_INCHES
            axes.text(0.15, middle, labels[row], va="center", fontsize=9)
            for i, (ours, paper) in enumerate(self._cells(image)):
                left = names + i * column
                if ours != "--":
                    # Half of the colour scale on either side of white keeps black text readable.
                    shade = colours(0.5 + 0.28 * float(ours))
                    corner = (left, middle - _ROW_INCHES / 2)
                    axes.add_patch(Rectangle(corner, column, _ROW_INCHES, color=shade))
                place, side = (0.48, "right") if paper else (0.5, "center")
                axes.text(left + place * column, middle, ours, ha=side, va="center", fontsize=9)
                if paper:
                    place, shown = left + 0.54 * column, f"({paper})"
                    axes.text(place, middle, shown, va="center", fontsize=TEXT, color="0.3")
        axes.plot([names, width - 0.15], [top, top], color="0.2", linewidth=0.8)
        write_caption(drawing, lines, caption)
        save(drawing, path, form)


def table1(
    bench: ReleaseReader,
    task: str = "denoise",
    *,
    target: str = PAPER_TARGET,
    fidelity: str | None = None,
    seed: int | None = None,
    all_scores: bool = False,
) -> Table1:
    """Table 1 from a release.

    Args:
        task: name; the paper's is denoising.
        target: column of runs.parquet; the default is what the paper's notebooks use.
        fidelity: None for the release's default for the task.
        seed: None for the mean of tau over the default seeds.
        all_scores: also show the scores that the paper's table lacks.

    Raises:
        UnknownNameError: an unknown task, target, fidelity or seed.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> table1(NASDIPBench("data/")).shown[0]
        ('psd_db_mse', 'corrupted')
    """
    import pandas as pd

    tau = kendall(bench, task, target=target, fidelity=fidelity, seed=seed)
    printed = paper_values()["table1"]
    of_psnr = captions.quantity(target) == "PSNR"
    beside = of_psnr and captions.of_the_paper(bench) and task == printed["task"]
    keys = [tuple(key.split("/")) for key in printed["columns"]]
    columns = [key for key in keys if of_psnr or key in tau.columns]
    extra = [key for key in tau.columns if key not in columns]
    # Taking a column from a frame copies attrs, which are larger than the column.
    ours = dict(zip(tau.columns, tau.to_numpy().T.tolist(), strict=True))
    absent = [math.nan] * len(tau)
    data: dict[tuple[str, ...], list[float]] = {}
    for place, key in enumerate([*columns, *extra]):
        data[*key, "ours"] = ours.get(key, absent)
        if beside and key in keys:
            rows = (printed["rows"].get(image) for image in tau.index)
            data[*key, "paper"] = [row[place] if row else math.nan for row in rows]
    frame = pd.DataFrame(data, index=tau.index)
    frame.columns = pd.MultiIndex.from_tuples(list(data), names=["proxy", "reference", "source"])
    frame.attrs = tau.attrs
    displayed = tuple([*columns, *extra] if all_scores else columns)
    marks, notes = captions.image_marks(bench)
    return Table1(
        frame=frame,
        caption=_caption(bench, tau.attrs, ["/".join(key) for key in displayed], beside),
        notes=(*notes, *captions.undefined(tau.attrs, {"/".join(key) for key in displayed})),
        marks=marks,
        call=captions.call_text(
            "bench.kendall",
            repr(task),
            target=target,
            fidelity=tau.attrs["fidelity"],
            seed=captions.one_seed(tau.attrs),
        ),
        statuses=captions.image_statuses(bench),
        shown=displayed,
    )


def _caption(bench: ReleaseReader, facts: Mapping[str, Any], shown: list[str], beside: bool) -> str:
    task, printed = facts["task"], paper_values()
    counts = [n for key in shown for n in facts["n"].get(key, {}).values()]
    setup = captions.setting_and_n(bench, facts, counts)
    if facts["target"] in _ITERATIONS:
        return captions.sentences(
            f"Best iteration ({task}): Kendall's tau-b between the iteration of the highest PSNR "
            f"and training-free scores of the untrained network. The sign is raw: positive means "
            f"that a larger distance peaks later.",
            setup,
            captions.cut_before_peak(bench, facts),
            captions.shortfall(bench, facts),
            "The paper reports these in its section 5; this package does not include its values.",
        )
    about_print = ""
    if beside:
        about_print = f"In parentheses: the paper's values ({printed['setup']})."
    elif task != printed["table1"]["task"]:
        about_print = f"The paper has this table for {printed['table1']['task']} only."
    return captions.sentences(
        f"Table 1 ({task}): Kendall's tau-b between {captions.quantity(facts['target'])} and "
        f"training-free scores of the "
        f"untrained network, compared with the corrupted image or the ground truth. The sign is "
        f"raw: negative is good for a distance.",
        setup,
        captions.shortfall(bench, facts),
        about_print,
    )
