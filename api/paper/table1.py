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
from typing import TYPE_CHECKING, Any

from ..exhibits import captions
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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Table1(Exhibit):
    """Kendall's tau-b between a target and training-free scores.

    Attributes:
        frame: as `kendall` returns it.
        paper: the paper's tau by (image, proxy, reference), where it applies.
        statuses: status of each image in images.parquet.
        shown: (proxy, reference) of the columns in every format.
    """

    wide = True  # names of scores are long
    frame: pd.DataFrame
    paper: dict[tuple[str, ...], float]
    statuses: dict[str, str]
    shown: tuple[tuple[str, str], ...]

    @cached_property
    def _taus(self) -> dict[str, dict[tuple[str, str], float]]:
        """By image and column; cell lookup in a frame is far slower."""
        rows = zip(self.frame.index, self.frame.to_numpy().tolist(), strict=True)
        return {image: dict(zip(self.frame.columns, taus, strict=True)) for image, taus in rows}

    def cell(self, image: str, column: tuple[str, str]) -> str:
        """Our value as text, the paper's in parentheses."""
        tau, paper = self._taus[image].get(column, math.nan), self.paper.get((image, *column))
        ours = "--" if math.isnan(tau) else f"{tau:+.2f}"
        return ours if paper is None else f"{ours} ({paper:+.2f})"

    def heads(self) -> list[list[str]]:
        """Names of the scores and, below, their references."""
        names, references = zip(*self.shown, strict=True)
        return [["", *names], ["image", *(_SHORT.get(one, one) for one in references)]]

    def body(self) -> list[list[str]]:
        """One row per image: "ours (paper)"."""
        return [
            [self.label(image), *(self.cell(image, column) for column in self.shown)]
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
                    self._taus[image].get(column, math.nan),
                    facts["std"].get(key, {}).get(image, math.nan),
                    self.paper.get((image, *column), math.nan),
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
    tau = kendall(bench, task, target=target, fidelity=fidelity, seed=seed)
    printed = paper_values()["table1"]
    of_psnr = captions.quantity(target) == "PSNR"
    beside = of_psnr and captions.of_the_paper(bench) and task == printed["task"]
    keys = [tuple(key.split("/")) for key in printed["columns"]]
    shown = [key for key in keys if of_psnr or key in tau.columns]
    if all_scores:
        shown += [key for key in tau.columns if key not in shown]
    names = ["/".join(key) for key in shown]
    marks, notes = captions.image_marks(bench)
    return Table1(
        frame=tau,
        paper={
            (image, *key): value
            for image in (tau.index if beside else ())
            for key, value in zip(keys, printed["rows"].get(image, ()), strict=False)
        },
        caption=_caption(bench, tau.attrs, names, beside),
        notes=(*notes, *captions.undefined(tau.attrs, {*names})),
        marks=marks,
        statuses=captions.image_statuses(bench),
        shown=tuple(shown),
    )


def _caption(bench: ReleaseReader, facts: Mapping[str, Any], shown: list[str], beside: bool) -> str:
    task, printed = facts["task"], paper_values()
    counts = [n for key in shown for n in facts["n"].get(key, {}).values()]
    if facts["target"] in _ITERATIONS:
        what = (
            f"Best iteration ({task}): Kendall's tau-b between the iteration of the highest PSNR "
            f"and training-free scores of the untrained network. The sign is raw: positive means "
            f"that a larger distance peaks later."
        )
        of_paper = (
            "The paper reports these in its section 5; this package does not include its values."
        )
    else:
        what = (
            f"Table 1 ({task}): Kendall's tau-b between {captions.quantity(facts['target'])} and "
            f"training-free scores of the untrained network, compared with the corrupted image or "
            f"the ground truth. The sign is raw: negative is good for a distance."
        )
        of_paper = ""
        if beside:
            of_paper = f"In parentheses: the paper's values ({printed['setup']})."
        elif task != printed["table1"]["task"]:
            of_paper = f"The paper has this table for {printed['table1']['task']} only."
    n = captions.setting_and_n(bench, facts, counts)
    return captions.sentences(what, n, captions.shortfall(bench, facts), of_paper)
