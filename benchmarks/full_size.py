"""Write a release as large as the complete dataset, to measure size and readers.

522 architectures x 10 images x 2 tasks x 2 seeds at r64c16, and all scores. Each architecture gets,
by seed, the rows of one drawn at random from a smaller release; only distances are made up.
Deterministic. Rows repeat, so Parquet files may be smaller than those of a real release; curves are
not, since gzip does not look back that far.

    python benchmarks/full_size.py build/full-size
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from nasdip_bench.builder.release.files import write_dataset
from nasdip_bench.builder.release.sources.contents import Known, TaskContents
from nasdip_bench.builder.release.sources.from_dataset import read_dataset
from nasdip_bench.builder.release.sources.reruns import merged_reruns
from nasdip_bench.dataset.croissant import Publication
from nasdip_bench.dataset.curves import encode
from nasdip_bench.dataset.distances import Distances
from nasdip_bench.space import paper_architectures

DATA = Path(__file__).resolve().parents[1] / "data"
SEEDS = (0, 1)
FIDELITY = "r64c16"

_Rows = dict[tuple[str, int | None], list[int]]
"""Row numbers by architecture and seed."""


def write_full_size(path: Path, count: int = 522, data: Path = DATA) -> Path:
    """Write the release.

    Args:
        path: folder to create.
        count: number of architectures.
        data: the release whose rows are drawn.
    """
    rng = np.random.default_rng(0)
    architectures = tuple(paper_architectures(count))
    names = [str(arch) for arch in architectures]
    drawn_from = read_dataset(data)
    images = tuple(drawn_from.images)
    contents = replace(
        drawn_from,
        architectures=architectures,
        parts={
            (fidelity, task): _filled(part, names, images, rng)
            for (fidelity, task), part in drawn_from.parts.items()
            if fidelity == FIDELITY
        },
        reruns=merged_reruns([]),
    )
    path.mkdir(parents=True)
    write_dataset(contents, path, name="full size", version="0", publication=Publication())
    return path


def _filled(
    part: TaskContents, names: list[str], images: tuple[str, ...], rng: np.random.Generator
) -> TaskContents:
    """A part with every architecture, filled with rows of those that have all runs and scores."""
    runs, scores = _rows(part.runs), _rows(part.scores)
    of_run: list[tuple[str, int]] = []
    of_score: list[tuple[str, int]] = []
    for seed in SEEDS:
        whole = [
            arch
            for (arch, s), rows in runs.items()
            if s == seed and len(rows) == len(images) and (arch, seed) in scores
        ]
        # Scores that do not see the corruption, and so no seed, come with the first seed.
        kinds = (None, seed) if seed == SEEDS[0] else (seed,)
        for name, arch in zip(names, rng.choice(whole, len(names)).tolist(), strict=True):
            of_run += [(name, row) for row in runs[arch, seed]]
            of_score += [(name, row) for kind in kinds for row in scores[arch, kind]]
    run_rows, score_rows = (np.array([row for _, row in one]) for one in (of_run, of_score))
    return replace(
        part,
        runs=_renamed(part.runs.take(run_rows), of_run),
        codes={name: codes[run_rows] for name, codes in part.codes.items()},
        stops=part.stops.take(run_rows),
        scores=_renamed(part.scores.take(score_rows), of_score),
        score_values=part.score_values[score_rows],
        restorations=(None,) * len(run_rows),
        known=(_distances(tuple(names), images, rng),),
    )


def _rows(table: pa.Table) -> _Rows:
    """The rows of each architecture and seed; of runs, those that are ok."""
    found: _Rows = defaultdict(list)
    columns = {"architecture", "seed", "status"} & {*table.column_names}
    for number, row in enumerate(table.select(sorted(columns)).to_pylist()):
        if row.get("status", "ok") == "ok":
            found[row["architecture"], row["seed"]].append(number)
    return dict(found)


def _renamed(table: pa.Table, rows: list[tuple[str, int]]) -> pa.Table:
    place = table.column_names.index("architecture")
    return table.set_column(place, table.schema[place], [[name for name, _ in rows]])


def _distances(names: tuple[str, ...], images: tuple[str, ...], rng: np.random.Generator) -> Known:
    shape = (len(images), len(SEEDS))
    pairs = rng.normal(24, 2, (*shape, len(names) * (len(names) - 1) // 2))
    known = np.zeros((*shape, len(names)), np.uint16)  # a release reads these off the curves
    found = Distances(np.array(SEEDS, np.int32), encode(pairs), known, known)
    return Known(architectures=names, images=images, distances=found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    write_full_size(parser.parse_args().folder)
