"""The page of findings: head, coverage, sections, reasons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nasdip_bench.api.findings.comparison import fidelity_section, image_section
from nasdip_bench.api.findings.noise import noise_section
from nasdip_bench.api.findings.pooled import LEVEL, RESAMPLES
from nasdip_bench.api.findings.printed import figure_section, range_section, table_section
from nasdip_bench.api.findings.words import basis
from nasdip_bench.api.findings.worth import worth_section
from nasdip_bench.api.index import RANKED_TARGETS, Block
from nasdip_bench.api.paper.forms import plain
from nasdip_bench.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from nasdip_bench.api.benchmark import NASDIPBench

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
        *worth_section(bench, blocks, target),
        *range_section(bench, blocks),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _blocks(bench: NASDIPBench) -> Iterator[Block]:
    for fidelity, facts in bench.manifest.fidelities.items():
        for task, record in facts["tasks"].items():
            if record["runs"]:
                yield bench.runs.block(task, fidelity)


def _head(bench: NASDIPBench, blocks: list[Block], target: str) -> Iterator[str]:
    manifest = bench.manifest
    yield (
        f"What {plain(manifest.name)} {plain(manifest.version)} of {plain(manifest.created[:10])} "
        f"says, beside the paper where that printed something. `nasdip-bench findings` writes this "
        f"page from the data; every sentence is chosen by the numbers. Target: `{target}`"
        + (", an oracle that needs the ground truth" if target.startswith("best_") else "")
        + ". Tau is Kendall's tau-b with its raw sign (negative is good for a distance), one seed "
        f"at a time, mean over images; in brackets the {100 * LEVEL:.0f} % interval over "
        f"{RESAMPLES} resamples of the architectures. n counts architectures. *Not decided* means "
        f"that the interval includes 0."
    )
    yield "\n".join(f"- {basis(bench, block, block.seeds)}" for block in blocks)
    yield (
        "Methods: [`statistics.md`](statistics.md); definitions of the paper's exhibits: "
        "[`paper.md`](paper.md); where paper, released code and this project differ: "
        "[`deviations.md`](deviations.md)."
    )
