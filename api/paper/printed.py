"""The values printed in ISNAS-DIP (CVPR 2022), and why a release's may differ from them."""

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

__all__ = ["paper_values", "reasons_to_differ"]

_PAPERS = (512, 128)
"""Resolution and channels of the paper."""


@cache
def paper_values() -> dict[str, Any]:
    """The values printed in ISNAS-DIP (CVPR 2022), with which release's task they go."""
    file = resources.files("nasdip_bench.api.paper").joinpath("paper_values.json")
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return values


def reasons_to_differ(
    bench: ReleaseReader, fidelities: Mapping[str, str], target: str
) -> list[str]:
    """Why a number here need not be the printed one, a sentence each in Markdown.

    Args:
        bench: the release.
        fidelities: by task, the one whose numbers are compared.
        target: column of runs.parquet.
    """
    reasons = []
    for name in sorted({*fidelities.values()}):
        at = bench.manifest.fidelities[name]
        if (at["resolution"], at["channels"]) == _PAPERS:
            continue
        reasons.append(
            f"**Fidelity.** The print is of {paper_values()['setup']}; {name} is "
            f"{at['resolution']}x{at['resolution']} with {at['channels']} channels. Small images "
            f"overfit sooner and rank architectures differently: agreement in sign and order is "
            f"the most that can be asked."
        )
    records = {task: bench.manifest.task(name, task) for task, name in fidelities.items()}
    partial = [task for task, record in records.items() if record and not record.complete_seeds]
    if partial:
        reasons.append(
            f"**Partial coverage.** No seed is complete for {', '.join(partial)}: every number is "
            f"over the architectures that are there (n in the captions), and tau over few has a "
            f"wide error."
        )
    reasons += [
        f"**Target.** Ours is `{target}`. The paper's text says final PSNR; its released "
        f"notebooks use the best smoothed PSNR for Table 1 and Figure 4. `--target "
        f"final_psnr_smooth_db` gives the other.",
        "**Histogram distance.** `psd_strip_hist_emd` is as in the released code (100 bins over "
        "each image's own range, distance between the vectors of heights); the paper's text has "
        "75 bins over 0..1, which is `psd_strip_hist_emd_paper` (`--all`).",
        "**Decibels.** Ours are 10·log10, the released code's have the natural logarithm: its "
        "squared differences are ours times (ln 10)²; tau is the same.",
        "**Initialisations.** The released scores come from one initialisation, ours are the mean "
        "over the number in `scores.parquet` (`inits`; 8 in our releases): two single ones agree "
        "only in part, some scores' hardly (data/FINDINGS.md measures it).",
        "**Figure 1's target** is not stated in the paper.",
    ]
    if not {*bench.codes} <= {*map(str, paper_architectures())}:
        reasons.append("**Sample.** Not all architectures are among the 522 of the paper.")
    reasons.append(_about_images(bench))
    return reasons


def _about_images(bench: ReleaseReader) -> str:
    statuses = image_statuses(bench)
    if not of_the_paper(bench):
        return "**Images.** They are not the paper's: no printed value applies."
    same = [name for name, status in statuses.items() if status != SUBSTITUTE]
    return (
        f"**Images.** The comparison with the paper is meaningful for {', '.join(same)}; the "
        f"others are substitutes for images that were not identified or not found, marked \\*."
    )
