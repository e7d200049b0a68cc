"""Several contents as one: what is in more than one of them must agree.

What has to agree are numbers, and all that decides them. Who computed a run, with what and in how
many seconds (`nasdip_bench.dataset.schema.PROVENANCE_COLUMNS`) may differ: the row that is kept
says it.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nasdip_bench.dataset.curves import CODES, MISSING, decode
from nasdip_bench.dataset.schema import CORRUPTION_ROUNDING, PROVENANCE_COLUMNS, Column
from nasdip_bench.dataset.stop_parts import stacked_stops
from nasdip_bench.errors import BuildError

from .contents import (
    CORRUPTION_COLUMNS,
    RUN_COLUMNS,
    SCORE_COLUMNS,
    Contents,
    TaskContents,
    stacked_values,
)
from .reruns import merged_reruns

__all__ = ["merged"]

_RUN_KEY = ("architecture", "image", "task", "fidelity", "seed")
_SCORE_KEY = ("architecture", "image", "task", "fidelity", "seed", "proxy", "reference")
_CORRUPTION_KEY = ("image", "task", "fidelity", "seed")
_FACTS = ("resolution", "channels", "iterations", "stop")

_Named = Sequence[tuple[str, Any]]
"""Things, each with the name of the source it is from."""


def merged(sources: Mapping[str, Contents]) -> Contents:
    """One contents of several.

    Architectures are those of all, the first source's first. A run that is in several sources must
    have the same numbers in all, but that a failed one gives way to one that is not; the row of a
    build is kept before that of an earlier release, then that of the first source. A restoration
    that the kept row lacks is taken from another source.

    Args:
        sources: by name, for messages; in order.

    Raises:
        BuildError: two of them contradict each other; it says which and where.
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
    # Builds before what is made from earlier releases, which names its sources.
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
                f"one dataset; release them apart"
            )


def _merged_part(
    fidelity: str, task: str, named: Sequence[tuple[str, TaskContents]], types: Mapping[str, str]
) -> TaskContents:
    """The parts of one task at one fidelity as one, the preferred source's first."""
    where = f"{task} at {fidelity}"
    for fact in _FACTS:
        _check_equal(f"{fact} of {where}", [(name, getattr(part, fact)) for name, part in named])
    names, parts = [name for name, _ in named], [part for _, part in named]
    first = parts[0]
    if len(parts) == 1:
        return first
    runs = _Stacked([part.runs for part in parts], names)
    scores = _Stacked([part.scores for part in parts], names)
    _check_numerics(where, runs, types)
    _check_inits(where, scores)

    failed = runs.column("status") == "failed"
    rows, twice = _once(runs, _RUN_KEY, failed)
    _check_agreement("run", runs, twice, _RUN_KEY, _deciding(RUN_COLUMNS, _RUN_KEY))
    codes = {}
    for name in dict.fromkeys(chain.from_iterable(part.codes for part in parts)):
        whole = np.concatenate([_codes(part, name) for part in parts])
        _check_curves(name, runs, twice, whole)
        codes[name] = whole[rows]
    restorations = _merged_restorations(parts, twice, rows)
    starts = np.cumsum([0, *(len(part.runs) for part in parts)])
    placed = [(starts[i] + np.arange(len(part.runs)), part.stops) for i, part in enumerate(parts)]
    stops = stacked_stops(len(runs.table), placed).take(rows)
    score_rows, twice = _once(scores, _SCORE_KEY, np.zeros(len(scores.table), bool))
    _check_agreement("score", scores, twice, _SCORE_KEY, _deciding(SCORE_COLUMNS, _SCORE_KEY))
    corruptions = _Stacked([part.corruptions for part in parts], names)
    kept, twice = _once(corruptions, _CORRUPTION_KEY, np.zeros(len(corruptions.table), bool))
    deciding = _deciding(CORRUPTION_COLUMNS, _CORRUPTION_KEY)
    _check_agreement(
        "corruption", corruptions, twice, _CORRUPTION_KEY, deciding, CORRUPTION_ROUNDING
    )
    return TaskContents(
        **{fact: getattr(first, fact) for fact in _FACTS},
        runs=runs.table.take(rows),
        codes=codes,
        scores=scores.table.take(score_rows),
        score_values=stacked_values([part.score_values for part in parts])[score_rows],
        corruptions=corruptions.table.take(kept),
        restorations=restorations,
        stops=stops,
        known=tuple(chain.from_iterable(part.known for part in parts)),
    )


def _codes(part: TaskContents, name: str) -> NDArray[np.uint16]:
    """The curves of a name; all missing where a part has none, as those of imported runs."""
    if name in part.codes:
        return part.codes[name]
    return np.full((len(part.runs), len(part.points)), MISSING, np.uint16)


class _Stacked:
    """Tables of one kind below each other, that know which source a row is from."""

    def __init__(self, tables: Sequence[pa.Table], names: Sequence[str]) -> None:
        self.table = pa.concat_tables(tables)
        self._names = names
        self._sources = np.repeat(np.arange(len(tables)), [len(table) for table in tables])

    def column(self, name: str) -> NDArray[Any]:
        """(row,) values, None or NaN where there is none."""
        return self.table[name].to_numpy()  # type: ignore[no-any-return]

    def source(self, row: int) -> str:
        """The name of the source a row is from."""
        return self._names[int(self._sources[row])]

    def key(self, row: int, names: Sequence[str]) -> str:
        """A row's key, in words."""
        return "/".join(str(self.table[name][row].as_py()) for name in names)


def _deciding(columns: Sequence[Column], key: Sequence[str]) -> list[str]:
    return [c.name for c in columns if c.name not in (*key, *PROVENANCE_COLUMNS)]


_Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def _once(
    stacked: _Stacked, key: Sequence[str], failed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], _Pairs]:
    """The rows to keep, one for each key, and the pairs (kept, left out) that have to agree.

    Of rows that are there twice the first is kept, those that failed coming last; whoever failed
    contradicts nobody.
    """
    # Not as arrays, where an absent seed is NaN, which equals nothing.
    keys = list(zip(*(stacked.table[name].to_pylist() for name in key), strict=True))
    kept: dict[tuple[Any, ...], int] = {}
    pairs: list[tuple[int, int]] = []
    for row in np.argsort(failed, kind="stable").tolist():
        first = kept.setdefault(keys[row], row)
        if first != row and not failed[row]:
            pairs.append((first, row))
    ours, theirs = np.array(pairs, np.int64).reshape(-1, 2).T
    return np.sort(np.fromiter(kept.values(), np.int64, len(kept))), (ours, theirs)


def _check_agreement(
    what: str,
    stacked: _Stacked,
    twice: _Pairs,
    key: Sequence[str],
    columns: Sequence[str],
    rounding: float = 0,
) -> None:
    ours, theirs = twice
    for name in columns:
        values = stacked.column(name)
        one, other = values[ours], values[theirs]
        both_absent = (one != one) & (other != other)
        unlike = (one != other) & ~both_absent
        if rounding:  # of columns of numbers
            unlike &= ~(np.abs(one - other) <= rounding)
        differing = np.flatnonzero(unlike)
        if len(differing):
            at = differing[0]
            raise _contradiction(
                what,
                stacked,
                (ours[at], theirs[at]),
                key,
                len(differing),
                f"{name} is {one[at]} in the first and {other[at]} in the second",
            )


def _check_curves(name: str, runs: _Stacked, twice: _Pairs, codes: NDArray[np.uint16]) -> None:
    ours, theirs = twice
    differing = np.flatnonzero((codes[ours] != codes[theirs]).any(axis=1))
    if len(differing):
        at = differing[0]
        ends = (decode(codes[places[at]], CODES[name]) for places in (ours, theirs))
        apart = np.abs(np.subtract(*ends))
        raise _contradiction(
            "run",
            runs,
            (ours[at], theirs[at]),
            _RUN_KEY,
            len(differing),
            f"their {name} curves are up to {np.nanmax(apart, initial=0):g} apart "
            f"({CODES[name].unit})",
        )


def _merged_restorations(
    parts: Sequence[TaskContents], twice: _Pairs, rows: NDArray[np.int64]
) -> tuple[NDArray[np.uint16] | None, ...]:
    """Those of the kept rows; of one without, that of the same run in another source."""
    if not any(part.restorations for part in parts):
        return ()
    stacked: list[NDArray[np.uint16] | None] = []
    for part in parts:
        stacked += part.restorations or (None,) * len(part.runs)
    for first, second in zip(*(places.tolist() for places in twice), strict=True):
        if stacked[first] is None:
            stacked[first] = stacked[second]
    return tuple(stacked[row] for row in rows.tolist())


def _contradiction(
    what: str,
    stacked: _Stacked,
    rows: tuple[int, int],
    key: Sequence[str],
    count: int,
    difference: str,
) -> BuildError:
    first, second = (stacked.source(row) for row in rows)
    others = f" ({count} {what}s differ in this)" if count > 1 else ""
    return BuildError(
        f"{what} {stacked.key(rows[0], key)} is in {first!r} and in {second!r}, and not the same: "
        f"{difference}{others}; leave one of the two out"
    )


def _check_numerics(where: str, runs: _Stacked, types: Mapping[str, str]) -> None:
    """The runs of a seed are of one precision and one type of device.

    They are compared with each other, and share their perturbations, which a CPU and a GPU draw
    differently; a build folder does not mix them either.
    """
    seeds, status = runs.column("seed").tolist(), runs.column("status").tolist()
    columns = (runs.column(name).tolist() for name in ("precision", "device"))
    found: dict[int, tuple[str, int]] = {}
    for row, (seed, how, precision, device) in enumerate(zip(seeds, status, *columns, strict=True)):
        if how == "failed":
            continue
        on = types.get(device, f"{device!r}, of which it is not said whether it is a CPU")
        numerics = f"{precision} on {on}"
        first, at = found.setdefault(seed, (numerics, row))
        if first != numerics:
            raise BuildError(
                f"seed {seed} of {where} was run in {first} in {runs.source(at)!r} and in "
                f"{numerics} in {runs.source(row)!r}: runs of one seed are compared with each "
                f"other, so that the two do not mix; release them apart, or build another seed"
            )


def _check_inits(where: str, scores: _Stacked) -> None:
    names = zip(*(scores.column(n).tolist() for n in ("proxy", "reference", "inits")), strict=True)
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for row, (proxy, reference, inits) in enumerate(names):
        first, at = found.setdefault((proxy, reference), (inits, row))
        if first != inits:
            raise BuildError(
                f"scores {proxy}/{reference} of {where} are means over {first} initialisations in "
                f"{scores.source(at)!r} and over {inits} in {scores.source(row)!r}: the two do "
                f"not go in one dataset; release them apart"
            )
