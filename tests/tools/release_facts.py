"""What the data card and the README say of the release in ``data/``: written from the data."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd

from nasdip_bench import NASDIPBench
from nasdip_bench.api.index import Block
from nasdip_bench.schema import STATUSES
from nasdip_bench.space import sample_architectures
from tests.tools.pages import table

TARGET = "best_psnr_smooth_db"


def blocks(bench: NASDIPBench) -> Iterator[Block]:
    """The tasks with runs, by fidelity, highest first."""
    for fidelity, facts in bench.manifest.fidelities.items():
        for task, record in facts["tasks"].items():
            if record["runs"]:
                yield bench.runs.block(task, fidelity)


def readme_rows(bench: NASDIPBench) -> str:
    """The table of the README."""
    substitutes = [r["name"] for r in bench.to_arrow("images").to_pylist() if _substitute(r)]
    sampled = list(bench) == sample_architectures(len(bench))
    body = [
        ["architectures", f"{_count(len(bench), sampled)}, described in `architectures.parquet`"],
        [
            "images",
            f"{', '.join(bench.images)}; substitutes for the paper's: "
            f"{', '.join(substitutes) or 'none'}",
        ],
    ]
    for block in blocks(bench):
        record = block.record
        seeds = ", ".join(f"{count} with seed {seed}" for seed, count in record.seeds.items())
        body.append(
            [
                f"`{block.task}` at {block.fidelity}",
                f"of {len(bench) * len(bench.images)} runs {seeds} ({_statuses(block)}), "
                f"{record.iterations} iterations, stop at {record.stop}; "
                f"scores of {bench.runs.scores(block.task, block.fidelity)[1].extent}",
            ]
        )
    manifest = bench.manifest
    version = f"release {manifest.version}, protocol {manifest.protocol_version}"
    body.append(["size, version", f"{_size(bench):.1f} MiB; {version}"])
    head, rule, *rows = table(["", ""], body).splitlines()
    return "\n".join([head.replace("  ", " "), rule.replace(" ", ""), *rows])


def card_release(bench: NASDIPBench) -> str:
    """What is in the release, and how much of what could be."""
    manifest = bench.manifest
    body = []
    for block in blocks(bench):
        facts, record = manifest.fidelities[block.fidelity], block.record
        for seed in block.seeds:
            statuses = block.statuses(seed)
            having = int((statuses >= 0).any(axis=1).sum())
            complete = "complete" if seed in record.complete_seeds else "partial"
            body.append(
                [
                    f"{block.fidelity} ({facts['resolution']} x {facts['resolution']}, "
                    f"{facts['channels']} channels)",
                    block.task,
                    str(seed),
                    f"{having} of {len(bench)}",
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
        lines.append(
            f"**Partial**: no seed is complete for {', '.join(sorted(partial))}. The architectures "
            f"that are there are {_which(bench)}."
        )
    if manifest.sources:
        lines.append("Made from, among others: " + "; ".join(manifest.sources) + ".")
    return "\n\n".join(lines)


def card_images(bench: NASDIPBench) -> str:
    """The images, with what their sources state."""
    rows = bench.to_arrow("images").to_pylist()
    body = [[r["name"], r["status"], r["licence"], f"`{r['source']}`"] for r in rows]
    return table(["image", "status", "licence as its source states it", "source"], body)


def card_training(bench: NASDIPBench) -> str:
    """With what the runs were trained, and how long that took."""
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
        body.append(
            [
                fidelity,
                task,
                str(seed),
                f"{device}{kind}",
                precision,
                engine,
                _span(mine["stack"]),
                torch,
                str(len(mine)),
                f"{mine['seconds'].sum() / 3600:.2f}",
            ]
        )
    head = ["fidelity", "task", "seed", "processor", "precision", "engine", "stack", "torch"]
    return table([*head, "runs", "hours"], body)


def card_limits(bench: NASDIPBench) -> str:
    """Noise of a run, and runs that were cut before their peak."""
    body = []
    for block in blocks(bench):
        ends, squares = [], []
        for seed in block.seeds:
            best = block.matrix(TARGET, seed)
            ends += block.matrix("best_at_end", seed)[np.isfinite(best)].tolist()
        for one, other in itertools.combinations(block.seeds, 2):
            difference = block.matrix(TARGET, one) - block.matrix(TARGET, other)
            squares += (difference[np.isfinite(difference)] ** 2).tolist()
        noise = f"{np.sqrt(np.mean(squares)):.2f} dB ({len(squares)})" if squares else "one seed"
        share = f"{np.mean(ends):.0%} of {len(ends)}" if ends else "no ok run"
        body.append([block.fidelity, block.task, share, noise])
    head = ["fidelity", "task", "best at the end", "between seeds (pairs of runs)"]
    return table(head, body)


def _count(count: int, sampled: bool) -> str:
    return f"{count} of the sample" if sampled else str(count)


def _which(bench: NASDIPBench) -> str:
    """Whether the architectures with runs are the first ones: then they are a random part."""
    first = True
    for block in blocks(bench):
        for seed in block.seeds:
            having = np.flatnonzero((block.statuses(seed) >= 0).any(axis=1))
            first &= bool((having == np.arange(len(having))).all())
    sampled = list(bench) == sample_architectures(len(bench))
    if first and sampled:
        return "the first of the sample, and so a random part of it"
    return "not the first of the sample: whether they are a random part is not known from the data"


def _statuses(block: Block) -> str:
    counts = [(block.columns["status"] == code).sum() for code in range(len(STATUSES))]
    if counts[0] == sum(counts):
        return "all ok"
    return ", ".join(f"{n} {name}" for n, name in zip(counts, STATUSES, strict=True) if n)


def _substitute(row: dict[str, str]) -> bool:
    return row["status"] == "substitute"


def _span(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low}..{high}"


def _size(bench: NASDIPBench) -> float:
    return sum(record.size for record in bench.manifest.files.values()) / 2**20
