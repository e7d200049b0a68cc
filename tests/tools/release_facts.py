"""Writes the facts about the release in ``data/`` for the data card and the README."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nasdip_bench import NASDIPBench
from nasdip_bench._version import __version__
from nasdip_bench.api.reading.arrays.block import Block
from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.space import PAPER_ARCHITECTURES, paper_architectures
from tests.tools.pages import table


def blocks(bench: NASDIPBench) -> Iterator[Block]:
    """The tasks with runs, by fidelity, highest first."""
    for fidelity, facts in bench.manifest.fidelities.items():
        for task, record in facts["tasks"].items():
            if record["runs"]:
                yield bench.runs.block(task, fidelity)


def readme_rows(bench: NASDIPBench) -> str:
    """The table of the README."""
    images = bench.to_arrow("images").to_pylist()
    substitutes = [row["name"] for row in images if row["status"] == "substitute"]
    listed = list(bench) == paper_architectures(min(len(bench), PAPER_ARCHITECTURES))
    count = f"the paper's {len(bench)}" if listed else f"{len(bench)}"
    names = f"{', '.join(bench.images)}; substitutes for the paper's: "
    described = "are described in `architectures.parquet`; those trained so far are listed below"
    body = [
        ["architectures", f"{count} {described}"],
        ["images", names + (", ".join(substitutes) or "none")],
    ]
    for block in blocks(bench):
        record = block.record
        scores = bench.runs.scores(block.task, block.fidelity)[1]
        scored = scores.present.any(axis=(1, 2)).sum()
        seeds = ", ".join(
            f"{record.seeds[str(seed)]} with seed {seed} ({_having(block, seed)} architectures)"
            for seed in block.seeds
        )
        body.append(
            [
                f"`{block.task}` at {block.fidelity}",
                f"of {len(bench) * len(bench.images):,} runs there are {seeds}, "
                f"{_statuses(block)}; {record.iterations} iterations, stop at {record.stop}; "
                f"scores of {scored} architectures",
            ]
        )
    manifest = bench.manifest
    version = f"release {manifest.version}, protocol {manifest.protocol_version}"
    body.append(["size, version", f"{_size(bench):.1f} MiB; {version}"])
    return table(["", ""], body)


def citation(bench: NASDIPBench) -> str:
    """The README's entry for this benchmark, with the versions of software and data."""
    return f"""```bibtex
@misc{{nasdip_bench,
  title  = {{{{NASDIP-Bench}}: a tabular neural architecture search benchmark for {{Deep Image Prior}}}},
  author = {{{{The NASDIP-Bench authors}}}},
  year   = {{2026}},
  note   = {{Software {__version__}, data {bench.manifest.version}, protocol {bench.manifest.protocol_version}}}
}}
```"""  # noqa: E501


def card_release(bench: NASDIPBench) -> str:
    """The content of the release, and how complete it is."""
    manifest = bench.manifest
    body = []
    for block in blocks(bench):
        facts, record = manifest.fidelities[block.fidelity], block.record
        for seed in block.seeds:
            statuses = block.statuses(seed)
            complete = "complete" if seed in record.complete_seeds else "partial"
            body.append(
                [
                    f"{block.fidelity} ({facts['resolution']} x {facts['resolution']}, "
                    f"{facts['channels']} channels)",
                    block.task,
                    str(seed),
                    f"{_having(block, seed)} of {len(bench)}",
                    *(str(int((statuses == code).sum())) for code in range(len(STATUSES))),
                    str(int((statuses < 0).sum())),
                    complete,
                    str(record.scored),
                ]
            )
    head = ["fidelity", "task", "seed", "architectures", *STATUSES, "missing", "seed is", "scored"]
    partial = {f"{b.task} at {b.fidelity}" for b in blocks(bench) if not b.record.complete_seeds}
    lines = [
        f"{manifest.name} {manifest.version} of {manifest.created[:10]}, schema "
        f"{manifest.schema_version}, protocol {manifest.protocol_version}: {len(bench)} "
        f"architectures, {len(bench.images)} images (set `{manifest.image_set}`), "
        f"{_size(bench):.1f} MiB.",
        table(head, body),
        "Runs are counted over all images; *scored*: architectures with scores on every image.",
    ]
    if partial:
        lines.append(f"**Partial**: no seed is complete for {', '.join(sorted(partial))}.")
    if manifest.sources:
        lines.append("Made from, among others: " + "; ".join(manifest.sources) + ".")
    return "\n\n".join(lines)


def card_images(bench: NASDIPBench) -> str:
    """The images, with their licences as stated by the sources."""
    rows = bench.to_arrow("images").to_pylist()
    body = [[r["name"], r["status"], r["licence"], f"`{r['source']}`"] for r in rows]
    return table(["image", "status", "licence as its source states it", "source"], body)


def card_training(bench: NASDIPBench) -> str:
    """The hardware and software that trained the runs, and how long it took."""
    runs = bench.to_frame("runs")
    types = bench.manifest.device_types
    groups = runs.groupby(
        ["fidelity", "task", "seed", "device", "precision", "engine", "torch"],
        observed=True,
        sort=False,
    )
    body = []
    for (fidelity, task, seed, device, precision, engine, torch), mine in groups:
        kind = f" ({types[device]})" if device in types else ""
        low, high = mine["stack"].min(), mine["stack"].max()
        stack = f"{low}" if low == high else f"{low}..{high}"
        hours = f"{mine['processor_seconds'].sum() / 3600:.2f}"
        trained = [f"{device}{kind}", precision, engine, stack, torch]
        body.append([fidelity, task, f"{seed}", *trained, f"{len(mine)}", hours])
    head = ["fidelity", "task", "seed", "processor", "precision", "engine", "stack", "torch"]
    return table([*head, "runs", "processor hours"], body)


def card_limits(bench: NASDIPBench) -> str:
    """Runs that ended before their peak."""
    body = []
    for block in blocks(bench):
        ends = np.concatenate([block.matrix("best_at_end", seed) for seed in block.seeds])
        ended = np.isfinite(ends)
        share = f"{ends[ended].mean():.0%} of {ended.sum()}" if ended.any() else "no ok run"
        of_image = {
            image: ends[mine, i].mean()
            for i, (image, mine) in enumerate(zip(bench.images, ended.T, strict=True))
            if mine.any()
        }
        extreme = [choose(of_image, key=of_image.__getitem__, default="") for choose in (min, max)]
        by_image = " to ".join(f"{image} {of_image[image]:.0%}" for image in extreme if image)
        body.append([block.fidelity, block.task, share, by_image or "–"])
    return table(["fidelity", "task", "best at the end", "by image"], body)


def _having(block: Block, seed: int) -> int:
    """How many architectures have a run."""
    return int((block.statuses(seed) >= 0).any(axis=1).sum())


def _statuses(block: Block) -> str:
    counts = [(block.status == code).sum() for code in range(len(STATUSES))]
    if counts[0] == sum(counts):
        return "all ok"
    return ", ".join(f"{n} {name}" for n, name in zip(counts, STATUSES, strict=True) if n)


def _size(bench: NASDIPBench) -> float:
    return sum(record.size for record in bench.manifest.files.values()) / 2**20
