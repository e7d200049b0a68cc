"""Merges several contents into one; results that several of them share must agree."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.curves import MISSING
from nasdip_bench.dataset.schema import CORRUPTION_ROUNDING
from nasdip_bench.dataset.stop_parts import stacked_stops
from nasdip_bench.errors import BuildError

from .agreement import Stacked
from .contents import (
    CORRUPTION_COLUMNS,
    RUN_COLUMNS,
    SCORE_COLUMNS,
    Contents,
    TaskContents,
    stacked_values,
)
from .reruns import merged_reruns

_FACTS = ("resolution", "channels", "iterations", "stop")

_Named = Sequence[tuple[str, Any]]
"""Values, each with the name of its source."""


def merged(sources: Mapping[str, Contents]) -> Contents:
    """Merge several contents into one.

    The result has all architectures, those of the first source first. A run in several sources must
    have the same numbers in all, except that a failed run gives way to one that is not. Rows of
    builds are preferred to those of earlier releases, then rows of earlier sources. If the kept row
    lacks a restoration, another source's is used.

    Args:
        sources: contents by name (for messages), in order.

    Raises:
        BuildError: two sources contradict each other; the message says which and where.
    """
    named = list(sources.items())
    if len(named) == 1:
        return named[0][1]
    for fact in ("image_set", "protocol_version"):
        _check_equal(fact, [(name, getattr(contents, fact)) for name, contents in named])
    images: dict[str, Mapping[str, Any]] = {}
    for image in dict.fromkeys(chain.from_iterable(c.images for _, c in named)):
        having = [(name, c.images[image]) for name, c in named if image in c.images]
        _check_equal(f"SHA-256 of image {image!r}", [(n, facts["sha256"]) for n, facts in having])
        images[image] = having[0][1]
    types = dict(ChainMap(*(dict(contents.device_types) for _, contents in named)))
    parts = [(name, *part) for name, contents in named for part in contents.parts.items()]
    for fidelity in dict.fromkeys(fidelity for _, (fidelity, _), _ in parts):
        for fact in ("resolution", "channels"):
            values = [(name, getattr(part, fact)) for name, (f, _), part in parts if f == fidelity]
            _check_equal(f"{fact} of fidelity {fidelity}", values)
    # Builds come before contents made from earlier releases, which name their sources.
    preferred = sorted(named, key=lambda source: bool(source[1].sources))
    keys = dict.fromkeys(chain.from_iterable(contents.parts for _, contents in named))
    return Contents(
        protocol_version=named[0][1].protocol_version,
        image_set=named[0][1].image_set,
        images=images,
        architectures=tuple(
            dict.fromkeys(chain.from_iterable(contents.architectures for _, contents in named))
        ),
        parts={
            key: _merged_part(
                *key, [(name, c.parts[key]) for name, c in preferred if key in c.parts], types
            )
            for key in keys
        },
        device_types=types,
        sources=tuple(dict.fromkeys(chain.from_iterable(c.sources for _, c in named))),
        reruns=merged_reruns([contents.reruns for _, contents in named]),
    )


def _check_equal(what: str, values: _Named) -> None:
    (first, value), *others = values
    for name, other in others:
        if other != value:
            raise BuildError(
                f"{what} is {value!r} in {first!r} and {other!r} in {name!r}: the two do not go in "
                f"one dataset; release them separately"
            )


def _merged_part(
    fidelity: str, task: str, named: Sequence[tuple[str, TaskContents]], types: Mapping[str, str]
) -> TaskContents:
    """Merge the parts of one task at one fidelity, the preferred source's first."""
    where = f"{task} at {fidelity}"
    for fact in _FACTS:
        _check_equal(f"{fact} of {where}", [(name, getattr(part, fact)) for name, part in named])
    names, parts = [name for name, _ in named], [part for _, part in named]
    first = parts[0]
    if len(parts) == 1:
        return first
    runs = Stacked("run", [part.runs for part in parts], names)
    scores = Stacked("score", [part.scores for part in parts], names)
    corruptions = Stacked("corruption", [part.corruptions for part in parts], names)
    _check_numerics(where, runs, types)
    _check_inits(where, scores)
    runs.check_columns(RUN_COLUMNS)
    scores.check_columns(SCORE_COLUMNS)
    corruptions.check_columns(CORRUPTION_COLUMNS, CORRUPTION_ROUNDING)
    codes = {}
    for name in dict.fromkeys(chain.from_iterable(part.codes for part in parts)):
        whole = np.concatenate([_codes(part, name) for part in parts])
        runs.check_curves(name, whole)
        codes[name] = whole[runs.kept]
    starts = np.cumsum([0, *(len(part.runs) for part in parts)])
    placed = [(starts[i] + np.arange(len(part.runs)), part.stops) for i, part in enumerate(parts)]
    return TaskContents(
        **{fact: getattr(first, fact) for fact in _FACTS},
        runs=runs.table.take(runs.kept),
        codes=codes,
        scores=scores.table.take(scores.kept),
        score_values=stacked_values([part.score_values for part in parts])[scores.kept],
        corruptions=corruptions.table.take(corruptions.kept),
        restorations=_merged_restorations(parts, runs),
        stops=stacked_stops(len(runs.table), placed).take(runs.kept),
        known=tuple(chain.from_iterable(part.known for part in parts)),
    )


def _codes(part: TaskContents, name: str) -> NDArray[np.uint16]:
    """The curves of one name; all missing if a part has none, as with imported runs."""
    if name in part.codes:
        return part.codes[name]
    return np.full((len(part.runs), len(part.points)), MISSING, np.uint16)


def _merged_restorations(
    parts: Sequence[TaskContents], runs: Stacked
) -> tuple[NDArray[np.uint16] | None, ...]:
    """Restorations of the kept rows; if one is missing, that of the same run elsewhere."""
    stacked = [*chain.from_iterable(part.restorations for part in parts)]
    for first, second in runs.twice.T.tolist():
        if stacked[first] is None:
            stacked[first] = stacked[second]
    return tuple(stacked[row] for row in runs.kept.tolist())


def _check_numerics(where: str, runs: Stacked, types: Mapping[str, str]) -> None:
    """Check that the runs of a seed share one precision and one type of device.

    They are compared with each other and share their perturbations, which a CPU and a GPU draw
    differently. A build folder does not mix them either.
    """
    rows = runs.table.select(["seed", "status", "precision", "device"]).to_pylist()
    unknown = "{device!r} (CPU or GPU unknown)"
    runs.check_alike(
        (f"seed {row['seed']} of {where} was run" for row in rows),
        (
            None
            if row["status"] == "failed"
            else f"in {row['precision']} on {types.get(row['device'], unknown.format(**row))}"
            for row in rows
        ),
        "runs of one seed are compared with each other, so the two do not mix; release them "
        "separately, or build another seed",
    )


def _check_inits(where: str, scores: Stacked) -> None:
    rows = scores.table.select(["proxy", "reference", "inits"]).to_pylist()
    scores.check_alike(
        (f"scores {row['proxy']}/{row['reference']} of {where} are means" for row in rows),
        (f"over {row['inits']} initialisations" for row in rows),
        "the two do not go in one dataset; release them separately",
    )
