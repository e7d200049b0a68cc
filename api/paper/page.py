"""The Markdown page that sets the tables and figures of a release beside the printed ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nasdip_bench.api.paper.captions import (
    SUBSTITUTE,
    image_statuses,
    of_the_paper,
    paper_values,
)
from nasdip_bench.api.paper.produce import Made, PaperOptions, PaperResult
from nasdip_bench.fidelity import get_fidelity

if TYPE_CHECKING:
    from nasdip_bench.api.benchmark import NASDIPBench

__all__ = ["markdown_page"]

_IMPORTS = """```python
from nasdip_bench import NASDIPBench
from nasdip_bench.api import figure2, figure2_images, figure3, figure4

bench = NASDIPBench({path!r})
images = figure2_images(bench, images_dir="...")  # for Figure 2 alone
```"""
_FULL = "r512"


def markdown_page(bench: NASDIPBench, result: PaperResult, options: PaperOptions) -> str:
    """The page.

    Args:
        bench: the release.
        result: what was written.
        options: what was asked for.
    """
    manifest = bench.manifest
    blocks = [
        f"# The tables and figures of ISNAS-DIP from {_plain(manifest.name)} "
        f"{_plain(manifest.version)}",
        f"Made from {len(bench)} architectures on {len(bench.images)} images (set "
        f"`{_plain(manifest.image_set)}`) of the release of {_plain(manifest.created)}. Every "
        f"number can be traced: below each table stands the call that gives it, and the `.csv` "
        f"beside it has it in full.",
        _IMPORTS.format(path=str(bench.path)),
        "## What was measured",
        _coverage(bench, result, options),
        "## Why ours differs from the print",
        "\n".join(f"- {reason}" for reason in _reasons(bench, result, options)),
    ]
    absent = result.problems
    if absent:
        blocks += ["## What could not be made", "\n".join(f"- {_plain(line)}" for line in absent)]
    task = ""
    for one in result.made:
        if one.task != task:
            task = one.task
            blocks.append(f"## {_plain(task)}")
        blocks.append(_part(one))
    blocks += [
        "## Not here",
        "Tables 2 and 3 of the paper compare the restored images of ISNAS with those of DIP, "
        "NAS-DIP and others: they need the search itself run on each image and are not made from "
        "a release. They come with the method, in a later version.",
    ]
    return "\n\n".join(block.rstrip("\n") for block in blocks if block) + "\n"


def _part(one: Made) -> str:
    lines = [f"### {one.title} ({_plain(one.task)})"]
    if one.exhibit is not None:
        if f"{one.stem}.png" in one.files:
            lines.append(f"![{one.title}, {_plain(one.task)}]({one.stem}.png)")
        lines += [_plain(one.exhibit.caption), one.exhibit.markdown()]
        lines += [_plain(note) for note in one.exhibit.notes]
        files = ", ".join(f"[{name}]({name})" for name in one.files)
        lines.append(f"Numbers: `{one.exhibit.call}`. Files: {files}.")
    lines += [f"**{_plain(problem)}**" for problem in one.problems]
    return "\n\n".join(line.rstrip("\n") for line in lines)


def _coverage(bench: NASDIPBench, result: PaperResult, options: PaperOptions) -> str:
    head = "| task | fidelity | iterations | stop | seeds | runs | diverged | failed | missing |"
    lines = [head, "|---|---|---:|---:|---|---:|---:|---:|---:|"]
    table = bench.coverage()
    for task in dict.fromkeys(one.task for one in result.made):
        block = bench.runs.block(task, options.fidelity)
        seeds = block.choose_seeds(options.seed)
        chosen = table[
            (table["task"] == task)
            & (table["fidelity"] == block.fidelity)
            & (table["seed"].isin(seeds))
        ]
        sums = {name: int(chosen[name].sum()) for name in ("ok", "diverged", "failed", "missing")}
        cells = [task, block.fidelity, block.record.iterations, block.record.stop]
        cells += [" ".join(map(str, seeds)), f"{sums['ok']} of {int(chosen['expected'].sum())}"]
        cells += [sums["diverged"], sums["failed"], sums["missing"]]
        lines.append(f"| {' | '.join(_plain(str(cell)) for cell in cells)} |")
    return "\n".join([*lines, "", "Counts: `bench.coverage()`."])


def _reasons(bench: NASDIPBench, result: PaperResult, options: PaperOptions) -> list[str]:
    """Why a number here need not be the printed one."""
    used = {bench.runs.block(one.task, options.fidelity).fidelity for one in result.made}
    reasons = []
    full = get_fidelity(_FULL)
    for name in sorted(used):
        at = bench.manifest.fidelities[name]
        if (at["resolution"], at["channels"]) == (full.resolution, full.channels):
            continue
        reasons.append(
            f"**Fidelity.** The print is of {paper_values()['setup']}; {name} is "
            f"{at['resolution']}x{at['resolution']} with {at['channels']} channels. Small "
            f"images overfit sooner and rank architectures differently: agreement in sign and "
            f"order is the most that can be asked."
        )
    partial = [
        one
        for one in dict.fromkeys(made.task for made in result.made)
        if bench.manifest.task(bench.runs.block(one, options.fidelity).fidelity, one).complete_seeds  # type: ignore[union-attr]
        == []
    ]
    if partial:
        reasons.append(
            f"**Partial coverage.** No seed is complete for {', '.join(partial)}: every number is "
            f"over the architectures that are there (n in the captions), and tau over few has a "
            f"wide error."
        )
    reasons += [
        f"**Target.** Ours is `{options.target}`. The paper's text says final PSNR; its released "
        f"notebooks use the best smoothed PSNR for Table 1 and Figure 4. `--target "
        f"final_psnr_smooth_db` gives the other.",
        "**Histogram distance.** `psd_strip_hist_emd` is as in the released code (100 bins over "
        "each image's own range, distance between the vectors of heights); the paper's text has "
        "75 bins over 0..1, which is `psd_strip_hist_emd_paper` (`--all`).",
        "**Decibels.** Ours are 10·log10, the released code's have the natural logarithm: its "
        "squared differences are ours times (ln 10)²; tau is the same.",
        "**Initialisations.** The released scores come from one initialisation, ours are the mean "
        "over the number in `scores.parquet` (`inits`; 8 in our releases): two single ones agree "
        "to a tau of only 0.4–0.65.",
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


def _plain(text: str) -> str:
    """Text as Markdown that shows it: markup of names in a dataset stays text."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)
