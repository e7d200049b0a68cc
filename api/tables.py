"""Table 1 of the paper, from the data: tau between PSNR and training-free scores, by image.

The paper's printed values stand beside ours where the images are the paper's and the task is the
one of the print.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nasdip_bench.api.captions import (
    image_marks,
    image_statuses,
    latex_escape,
    paper_values,
    setting,
    shortfall,
    span,
)
from nasdip_bench.api.exhibit import Exhibit

if TYPE_CHECKING:
    from nasdip_bench.api.benchmark import NASDIPBench

__all__ = ["Table1", "table1"]

_COLUMNS_A_BLOCK = 7  # of the text form, so that a line fits a wide terminal
_SHORT = {"ground_truth": "truth", "none": ""}


@dataclass(frozen=True, kw_only=True, eq=False)
class Table1(Exhibit):
    """Kendall's tau-b between a target and training-free scores.

    Attributes:
        frame: images × (proxy, reference, source), float64; source is "ours" or "paper". The
            paper's scores first, in its order, then the others. ``attrs`` as of
            `nasdip_bench.api.analysis.kendall`.
        caption: one paragraph: what it is, set-up, coverage.
        notes: what readers must know of single entries.
        marks: by image, "*" for a substitute.
        statuses: by image, as in images.parquet.
        shown: (proxy, reference) of the columns of the text, LaTeX and picture; CSV has all.
    """

    frame: pd.DataFrame
    caption: str
    notes: tuple[str, ...]
    marks: dict[str, str]
    statuses: dict[str, str]
    shown: tuple[tuple[str, str], ...]

    @property
    def has_paper(self) -> bool:
        """Whether printed values stand beside ours."""
        return "paper" in self.frame.columns.get_level_values("source")

    def _value(self, image: str, column: tuple[str, str], source: str) -> float:
        key = (*column, source)
        return float(self.frame.at[image, key]) if key in self.frame.columns else math.nan

    def cell(self, image: str, column: tuple[str, str]) -> tuple[str, str]:
        """Ours and the paper's as text; the paper's is "" where there is none."""
        ours, paper = (self._value(image, column, source) for source in ("ours", "paper"))
        return (
            "--" if math.isnan(ours) else f"{ours:+.2f}",
            "" if math.isnan(paper) else f"{paper:+.2f}",
        )

    @property
    def labels(self) -> list[str]:
        """Names of the images with their marks."""
        return [str(image) + self.marks[image] for image in self.frame.index]

    def heads(self) -> list[tuple[str, str]]:
        """The two lines at the head of each shown column: score, what it is compared with."""
        return [(proxy, _SHORT.get(reference, reference)) for proxy, reference in self.shown]

    def text(self) -> str:
        """For a terminal: "ours (paper)"."""
        blocks = [self.caption, ""]
        for start in range(0, len(self.shown), _COLUMNS_A_BLOCK):
            blocks += [*self._text_block(slice(start, start + _COLUMNS_A_BLOCK)), ""]
        return "\n".join([*blocks, *self.notes]).rstrip() + "\n"

    def _text_block(self, part: slice) -> list[str]:
        heads = self.heads()[part]
        body = []
        for label, image in zip(self.labels, self.frame.index, strict=True):
            pairs = [self.cell(image, column) for column in self.shown[part]]
            body.append([label, *(f"{ours} ({paper})" if paper else ours for ours, paper in pairs)])
        lines = [["", *(head[0] for head in heads)], ["image", *(head[1] for head in heads)], *body]
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        return [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]

    def csv(self) -> str:
        """All scores, one line an image and score, with n and the set-up; floats in full."""
        facts: dict[str, Any] = self.frame.attrs
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(
            (
                *("image", "image_status", "proxy", "reference", "tau", "std_over_seeds", "n"),
                *("reason", "paper_tau", "task", "target", "fidelity", "seeds"),
            )
        )
        setup = (facts["task"], facts["target"], facts["fidelity"])
        seeds = " ".join(map(str, facts["seeds"]))
        for image in self.frame.index:
            for proxy, reference, source in self.frame.columns:
                if source != "ours":
                    continue
                column = (proxy, reference)
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
                writer.writerow((*named, tau, std, n, reason, paper, *setup, seeds))
        return out.getvalue()

    def latex(self) -> str:
        """A table environment for a document with the packages booktabs and graphicx."""
        head, second = ([latex_escape(h[i]) for h in self.heads()] for i in (0, 1))
        lines = [
            "\\begin{table*}",
            "\\centering",
            f"\\caption{{{latex_escape(' '.join([self.caption, *self.notes]))}}}",
            "\\resizebox{\\textwidth}{!}{%",
            f"\\begin{{tabular}}{{l{'r' * len(head)}}}",
            "\\toprule",
            f" & {' & '.join(head)} \\\\",
            f"image & {' & '.join(second)} \\\\",
            "\\midrule",
        ]
        for image in self.frame.index:
            cells = [latex_escape(image) + ("$^*$" if self.marks[image] else "")]
            for column in self.shown:
                ours, paper = self.cell(image, column)
                mine = "--" if ours == "--" else f"${ours}$"
                cells.append(f"{mine} (${paper}$)" if paper else mine)
            lines.append(" & ".join(cells) + " \\\\")
        lines += ["\\bottomrule", "\\end{tabular}}", "\\end{table*}"]
        return "\n".join(lines) + "\n"

    def draw(self, path: Path, form: str) -> None:
        """The table, coloured by tau; see `nasdip_bench.api.exhibit.Exhibit.draw`."""
        from nasdip_bench.api.plots import draw_tau

        draw_tau(self, path, form)


def table1(
    bench: NASDIPBench,
    task: str = "denoise",
    target: str = "best_psnr_smooth_db",
    fidelity: str | None = None,
    seed: int | None = None,
    *,
    all_scores: bool = False,
) -> Table1:
    """Table 1 from a release.

    Args:
        bench: the release.
        task: name; the print is of denoising.
        target: column of runs.parquet; the default is what the paper's notebooks use.
        fidelity: None for the release's default for the task.
        seed: None for the mean of tau over the default seeds.
        all_scores: show also the scores that the paper's table does not have.

    Raises:
        UnknownNameError: a task, target, fidelity or seed that there is not.
        MissingRunError: the release has no run of the task at the fidelity.
    """
    tau = bench.kendall(task, target, fidelity, seed)
    facts: dict[str, Any] = tau.attrs
    printed = paper_values()["table1"]
    columns = tuple((proxy, reference) for proxy, _, reference in _split(printed["columns"]))
    extra = tuple(column for column in tau.columns if column not in columns)
    beside = bench.manifest.image_set == "nasdip" and task == printed["task"]
    data: dict[tuple[str, str, str], list[float]] = {}
    for position, column in enumerate(columns):
        present = column in tau.columns
        data[*column, "ours"] = tau[column].tolist() if present else [math.nan] * len(tau)
        if beside:
            data[*column, "paper"] = [
                printed["rows"][image][position] if image in printed["rows"] else math.nan
                for image in tau.index
            ]
    for column in extra:
        data[*column, "ours"] = tau[column].tolist()
    frame = pd.DataFrame(data, index=tau.index)
    frame.columns = pd.MultiIndex.from_tuples(list(data), names=["proxy", "reference", "source"])
    frame.attrs = facts
    marks, notes = image_marks(bench)
    displayed = columns + (extra if all_scores else ())
    shown = {"/".join(column) for column in displayed}
    return Table1(
        frame=frame,
        caption=_caption(bench, facts, shown, printed["task"], beside),
        notes=(*notes, *_undefined(facts, shown)),
        marks=marks,
        statuses=image_statuses(bench),
        shown=displayed,
    )


def _split(keys: list[str]) -> list[tuple[str, str, str]]:
    return [key.partition("/") for key in keys]


def _caption(
    bench: NASDIPBench, facts: dict[str, Any], shown: set[str], printed_task: str, beside: bool
) -> str:
    counts = [n for key in shown for n in facts["n"].get(key, {}).values()]
    parts = [
        f"Table 1 ({facts['task']}): Kendall's tau-b between PSNR and training-free scores of the "
        f"untrained network, compared with the corrupted image or the ground truth; the sign is "
        f"raw: negative is good for a distance.",
        f"{setting(bench, facts)}; n = {span(counts)} of {len(bench)} architectures.",
        shortfall(bench, facts),
    ]
    if beside:
        parts.append(f"In parentheses the paper's printed values ({paper_values()['setup']}).")
    elif facts["task"] != printed_task:
        parts.append(f"The paper prints this table for {printed_task} only.")
    return " ".join(part for part in parts if part)


def _undefined(facts: dict[str, Any], shown: set[str]) -> list[str]:
    """A note for each reason of a missing value among the shown scores."""
    notes = []
    absent = sorted(shown - set(facts["n"]))
    if absent:
        notes.append(f"-- : the release has no score {', '.join(absent)}.")
    by_reason: dict[str, list[str]] = {}
    for key, images in facts["reasons"].items():
        for image, reason in images.items():
            if key in shown:
                by_reason.setdefault(f"{key}: {reason}", []).append(image)
    notes += [f"-- : {reason} ({', '.join(images)})." for reason, images in by_reason.items()]
    return notes
