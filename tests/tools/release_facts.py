"""Writes the facts about the release in ``data/`` for the data card and the README."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nasdip_bench import NASDIPBench
from nasdip_bench._version import __version__
from nasdip_bench.api.reading.arrays.block import Block
from nasdip_bench.api.reading.arrays.targets import VERDICT_TARGETS
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
    substitutes = [r["name"] for r in bench.to_arrow("images").to_pylist() if _substitute(r)]
    listed = list(bench) == paper_architectures(min(len(bench), PAPER_ARCHITECTURES))
    body = [
        [
            "architectures",
            f"{_count(len(bench), listed)} are described in `architectures.parquet`; those "
            f"trained so far are listed below",
        ],
        [
            "images",
            f"{', '.join(bench.images)}; substitutes for the paper's: "
            f"{', '.join(substitutes) or 'none'}",
        ],
    ]
    for block in blocks(bench):
        record = block.record
        scores = bench.runs.scores(block.task, block.fidelity)[1]
        scored = scores.present.any(axis=(1, 2)).sum()
        seeds = ", ".join(
            f"{record.seeds[str(seed)]} with seed {seed} "
            f"({len(_having(block, seed))} architectures)"
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
    head, rule, *rows = table(["", ""], body).splitlines()
    return "\n".join([head.replace("  ", " "), rule.replace(" ", ""), *rows])


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
    listed = list(bench) == paper_architectures(min(len(bench), PAPER_ARCHITECTURES))
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
                    f"{len(_having(block, seed))} of {len(bench)}: "
                    f"{_which(_having(block, seed), listed)}",
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
        "Runs are counted over all images; *scored*: architectures with scores on every image. The "
        "paper's list is in no order, so its first architectures are a random part of it.",
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
                f"{mine['processor_seconds'].sum() / 3600:.2f}",
            ]
        )
    head = ["fidelity", "task", "seed", "processor", "precision", "engine", "stack", "torch"]
    return table([*head, "runs", "processor hours"], body)


def card_limits(bench: NASDIPBench) -> str:
    """Runs that ended before their peak, and the noise of a run."""
    cut, noise = [], []
    for block in blocks(bench):
        ends = np.concatenate([block.matrix("best_at_end", seed) for seed in block.seeds])
        ended = np.isfinite(ends)
        share = f"{ends[ended].mean():.0%} of {ended.sum()}" if ended.any() else "no ok run"
        means = _by_image(bench, [ends[mine, i] for i, mine in enumerate(ended.T)], np.mean)
        cut.append([block.fidelity, block.task, share, _extremes(means, ".0%")])
        for target in VERDICT_TARGETS:
            pairs = [
                (block.matrix(target, one), block.matrix(target, other))
                for one, other in itertools.combinations(block.seeds, 2)
            ]
            if not any(np.isfinite(one - other).any() for one, other in pairs):
                continue
            # What shifts all architectures on an image alike is not noise of their order.
            differences = np.concatenate([_centred(one - other) for one, other in pairs])
            means = np.concatenate([(one + other) / 2 for one, other in pairs])
            better = means >= np.nanmedian(means, axis=0)
            there = np.isfinite(differences)
            sizes = [differences[mine, i] for i, mine in enumerate(there.T)]
            noise.append(
                [
                    f"{block.task} at {block.fidelity}",
                    f"`{target}`",
                    f"{_rms(differences[there]):.2f}",
                    f"{_rms(differences[there & better]):.2f}",
                    f"{_rms(differences[there & ~better]):.2f}",
                    _extremes(_by_image(bench, sizes, _rms), ".2f"),
                    f"{np.quantile(np.abs(differences[there]), 0.95):.2f}",
                    str(there.sum()),
                ]
            )
    tables = [table(["fidelity", "task", "best at the end", "by image"], cut)]
    if noise:
        head = ["between seeds", "", "RMS, dB", "better half", "worse half", "by image"]
        tables.append(table([*head, "95 % are below", "pairs of runs"], noise))
    return "\n\n".join(tables)


def _centred(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Less their mean on each image: (architecture, image)."""
    there = np.isfinite(differences)
    sums = np.where(there, differences, 0).sum(axis=0)
    return differences - sums / np.maximum(there.sum(axis=0), 1)


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")


def _by_image(
    bench: NASDIPBench,
    values: list[NDArray[np.float64]],
    measure: Callable[[NDArray[np.float64]], float],
) -> dict[str, float]:
    pairs = zip(bench.images, values, strict=True)
    return {image: float(measure(mine)) for image, mine in pairs if len(mine)}


def _extremes(by_image: dict[str, float], form: str) -> str:
    if not by_image:
        return "–"
    low, high = (choose(by_image, key=lambda image: by_image[image]) for choose in (min, max))
    return f"{low} {by_image[low]:{form}} to {high} {by_image[high]:{form}}"


def _having(block: Block, seed: int) -> NDArray[np.intp]:
    """The architectures with a run."""
    return np.flatnonzero((block.statuses(seed) >= 0).any(axis=1))


def _which(having: NDArray[np.intp], listed: bool) -> str:
    """Say whether they are the first architectures, and so a random sample."""
    last = int(having.max(initial=-1))
    absent = np.setdiff1d(np.arange(last), having)
    if listed and not len(absent):
        return "the first"
    if listed and len(absent) <= 3:
        return f"the first {last + 1} without {', '.join(map(str, absent))}"
    return "not the first of the list"


def _count(count: int, listed: bool) -> str:
    return f"the paper's {count}" if listed else str(count)


def _statuses(block: Block) -> str:
    counts = [(block.status == code).sum() for code in range(len(STATUSES))]
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
