"""Why the numbers of a release need not be the printed ones. Must not import pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .captions import SUBSTITUTE, image_statuses, of_the_paper, paper_values

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["reasons_to_differ"]

_PAPERS = (512, 128)
"""Resolution and channels of the print."""


def reasons_to_differ(bench: NASDIPBench, fidelities: Mapping[str, str], target: str) -> list[str]:
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
        "only in part, some scores' hardly (`nasdip-bench findings` estimates it for each).",
        "**Sample.** The paper's 522 architectures are a list of its own; this release's are "
        "another sample of the same space, unless it was built from that list.",
        "**Figure 1's target** is not stated in the print.",
    ]
    reasons.append(_about_images(bench))
    return reasons


def _about_images(bench: NASDIPBench) -> str:
    statuses = image_statuses(bench)
    if not of_the_paper(bench):
        return "**Images.** They are not the paper's: no printed value applies."
    same = [name for name, status in statuses.items() if status != SUBSTITUTE]
    return (
        f"**Images.** The comparison with the print is meaningful for {', '.join(same)}; the "
        f"others are substitutes for images that were not identified or not found, marked \\*."
    )
