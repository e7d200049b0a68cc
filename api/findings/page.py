"""The page of findings: head, coverage, sections, reasons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.errors import ConfigError, unknown_name

from ..exhibits.forms import plain
from ..reading.runs import RANKED_TARGETS, Block
from .beginnings import beginnings_section
from .choices import choices_section
from .comparison import fidelity_section, image_section
from .noise import noise_section
from .pooled import LEVEL, RESAMPLES
from .printed import figure_section, range_section, table_section
from .words import SMALL, basis
from .worth import worth_section

if TYPE_CHECKING:
    from ..benchmark import NASDIPBench

__all__ = ["findings_page"]

TARGET = "best_psnr_smooth_db"


def findings_page(bench: NASDIPBench, target: str = TARGET) -> str:
    """What a release says, as Markdown.

    Args:
        bench: the release.
        target: a column of runs.parquet with a direction; the default is the paper's notebooks'.

    Raises:
        UnknownNameError: a target that there is not.
        ConfigError: the release has no run.
    """
    if target not in tuple(RANKED_TARGETS):
        raise unknown_name("target of a ranking", target, RANKED_TARGETS)
    blocks = list(_blocks(bench))
    if not blocks:
        raise ConfigError(f"no runs in {str(bench.path)!r}: nothing to find")
    parts = [
        "# Findings",
        *_head(bench, blocks, target),
        *table_section(bench, blocks, target),
        *figure_section(bench, blocks, target),
        *noise_section(bench, blocks, target),
        *fidelity_section(bench, blocks, target),
        *image_section(bench, blocks, target),
        *beginnings_section(bench, blocks),
        *choices_section(bench, blocks, target),
        *worth_section(bench, blocks, target),
        *range_section(bench, blocks),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _blocks(bench: NASDIPBench) -> Iterator[Block]:
    for fidelity, facts in bench.manifest.fidelities.items():
        for task, record in facts["tasks"].items():
            if record["runs"]:
                yield bench.runs.block(task, fidelity)


def _cut(bench: NASDIPBench, block: Block, target: str) -> str:
    """How many runs might have become better with more iterations; of a best value."""
    if not target.startswith("best_"):
        return ""
    matrices = [block.matrix("best_at_end", seed) for seed in block.seeds]
    ends = np.concatenate(matrices)
    if not np.nansum(ends):
        return ""
    having = np.flatnonzero(np.isfinite(ends).any(axis=0))
    shares = np.nanmean(ends[:, having], axis=0)
    most = int(np.argmax(shares))
    image = bench.images[int(having[most])]
    return (
        f"; {np.nanmean(ends):.0%} of them have their best in the last 2 % of the budget, of "
        f"those on {plain(image)} {shares[most]:.0%}: more iterations might have raised it"
    )


def _head(bench: NASDIPBench, blocks: list[Block], target: str) -> Iterator[str]:
    manifest = bench.manifest
    yield (
        f"What {plain(manifest.name)} {plain(manifest.version)} of {plain(manifest.created[:10])} "
        f"says, beside the paper where that printed something. `nasdip-bench findings` writes this "
        f"page from the data; every sentence is chosen by the numbers. Target: `{target}`"
        + (", an oracle that needs the ground truth" if target.startswith("best_") else "")
        + ". Tau is Kendall's tau-b with its raw sign (negative is good for a distance), one seed "
        f"at a time, mean over images; in brackets the {100 * LEVEL:.0f} % interval over "
        f"{RESAMPLES} resamples of the architectures: seeds, images, their corruptions and the "
        f"scoring initialisations are held, so that it says what other architectures might give, "
        f"and no more. n counts architectures; below {SMALL} nothing is concluded. *Not decided* "
        f"means that the interval includes 0."
    )
    yield "\n".join(
        f"- {basis(bench, block, block.seeds)}{_cut(bench, block, target)}" for block in blocks
    )
    yield (
        "Methods: [`statistics.md`](statistics.md); definitions of the paper's exhibits: "
        "[`paper.md`](paper.md); where paper, released code and this project differ: "
        "[`deviations.md`](deviations.md)."
    )
