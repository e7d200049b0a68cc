"""The values printed in ISNAS-DIP (CVPR 2022), and why a release's may differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from nasdip_bench.space import paper_architectures

from ..exhibits.captions import SUBSTITUTE, image_statuses, of_the_paper

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

_PAPERS = (512, 128)
"""Resolution and channels of the paper."""


@cache
def paper_values() -> dict[str, Any]:
    """The values printed in ISNAS-DIP (CVPR 2022), with the task they belong to."""
    file = resources.files("nasdip_bench.api.paper").joinpath("paper_values.json")
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return values


def reasons_to_differ(
    bench: ReleaseReader, fidelities: Mapping[str, str], target: str
) -> list[str]:
    """Reasons why a number may differ from the paper's, in Markdown.

    Args:
        fidelities: the fidelity whose numbers are compared, by task.
        target: column of runs.parquet.
    """
    reasons = []
    for name in sorted({*fidelities.values()}):
        at = bench.manifest.fidelities[name]
        if (at["resolution"], at["channels"]) == _PAPERS:
            continue
        reasons.append(
            f"**Fidelity.** The paper has {paper_values()['setup']}; {name} is "
            f"{at['resolution']}x{at['resolution']} with {at['channels']} channels. Small images "
            f"overfit sooner and rank architectures differently; expect agreement in sign and "
            f"order at most."
        )
    records = {task: bench.manifest.task(name, task) for task, name in fidelities.items()}
    partial = [task for task, record in records.items() if record and not record.complete_seeds]
    if partial:
        reasons.append(
            f"**Partial coverage.** No seed is complete for {', '.join(partial)}. Every number is "
            f"over the architectures with runs (n in the captions); tau over few of them is "
            f"imprecise."
        )
    reasons += [
        f"**Target.** Ours is `{target}`. The paper's text says final PSNR, but its released "
        f"notebooks use the best smoothed PSNR for Table 1 and Figure 4. For the final one use "
        f"`--target final_psnr_smooth_db`.",
        "**Histogram distance.** `psd_strip_hist_emd` follows the released code (100 bins over "
        "each image's own range, distance between the vectors of heights). The paper's text has "
        "75 bins over 0..1: `psd_strip_hist_emd_paper` (`--all`).",
        "**Decibels.** Ours are 10·log10; the released code uses the natural logarithm. Its "
        "squared differences are ours times (ln 10)²; tau is the same.",
        "**Initialisations.** The released scores come from one initialisation; ours are means "
        "over several (`inits` in `scores.parquet`, 8 in our releases). Scores from two single "
        "initialisations agree only in part, some hardly at all (see data/FINDINGS.md).",
        "**Figure 1's target** is not stated in the paper.",
    ]
    if not {*bench.codes} <= {*map(str, paper_architectures())}:
        reasons.append("**Sample.** Not all architectures are among the paper's 522.")
    reasons.append(_about_images(bench))
    return reasons


def _about_images(bench: ReleaseReader) -> str:
    statuses = image_statuses(bench)
    if not of_the_paper(bench):
        return "**Images.** They are not the paper's, so no printed value applies."
    same = [name for name, status in statuses.items() if status != SUBSTITUTE]
    return (
        f"**Images.** The comparison with the paper is meaningful for {', '.join(same)}. The "
        f"others, marked \\*, are substitutes for images that were not identified or not found."
    )
