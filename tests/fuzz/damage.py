"""Releases that are damaged, or whose content is hostile though every hash agrees."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nasdip_bench.dataset import MANIFEST
from nasdip_bench.dataset.curve_parts import KINDS
from nasdip_bench.dataset.curves import MISSING
from nasdip_bench.dataset.manifest import SCORE_VALUES
from nasdip_bench.dataset.schema import RELEASE_TABLES
from nasdip_bench.storage.sealed_json import sealed
from tests import synthetic
from tests.hostile_arrays import Change, changed, changes, of_values, replaced

FIDELITY = "r64c16i40"
CURVES = f"curves/{FIDELITY}-denoise-s0-0.h5"
OBSERVABLES = f"observables/{FIDELITY}-denoise-s0-0.h5"
DISTANCES = f"distances/{FIDELITY}-denoise.h5"

Cases = Iterator[tuple[str, Callable[[], None]]]
"""What a case is called, and how it is made out of a sound release."""


def sound(path: Path) -> Path:
    """A small release with files of all kinds."""
    synthetic.write_release(path, count=3, fidelities=(FIDELITY,), seeds={FIDELITY: (0, 1)})
    return synthetic.add_distances(path, FIDELITY, "denoise")


def files(path: Path) -> list[str]:
    """The files of a release."""
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())


def damaged(content: bytes, source: random.Random) -> bytes:
    """Other bytes: bits turned, cut, a stretch zeroed, repeated, overwritten or removed."""
    at = source.randrange(len(content))
    length = source.choice([1, 8, 64, 512])
    kind = source.randrange(8)
    changed = bytearray(content)
    if kind < 3:
        for _ in range(source.choice([1, 1, 1, 4])):
            changed[source.randrange(len(content))] ^= 1 << source.randrange(8)
    elif kind == 3:
        changed = changed[:at]
    elif kind == 4:
        changed[at : at + length] = bytes(len(changed[at : at + length]))
    elif kind == 5:
        changed[at:at] = changed[at : at + length]
    elif kind == 6:
        changed[at : at + length] = source.randbytes(len(changed[at : at + length]))
    else:
        del changed[at : at + length]
    if changed == content:
        changed[at] ^= 1
    return bytes(changed)


# Manifests

_ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 3, 10**9, 2**53, 10**30, 1e308, 0.5, "", "x", "\x00", "\ud800", "../x",
    "a\nb", "\x1b[2J", "x" * 5000, [], [1], ["a", "a"], {}, {"a": 1}, {"": {"": {}}},
)  # fmt: skip


def hostile_manifests(path: Path, source: random.Random) -> Cases:
    """Manifests with a value replaced, removed or added anywhere, and texts that are none."""
    original = (path / MANIFEST).read_text()
    for text in _odd_texts():
        yield f"manifest {text[:20]!r}", lambda text=text: _write(path, text)
    while True:
        data = json.loads(original)
        data.pop("sha256")
        *places, last = source.choice(_places(data))
        holder = data
        for place in places:
            holder = holder[place]
        value = source.choice(_ODD_VALUES)
        how = source.randrange(4)
        if how == 0 and isinstance(holder, dict):
            del holder[last]
        elif how == 1 and isinstance(holder, dict):
            holder[source.choice(["../../etc/passwd", "a\x00", "x", "", "r512"])] = value
        else:
            holder[last] = value
        text = json.dumps(sealed(data))
        yield f"manifest {[*places, last]} {value!r:.30}", lambda text=text: _write(path, text)


def _odd_texts() -> list[str]:
    return [
        "", "null", "[]", "3", '"x"', "NaN", '{"schema_version": NaN, "files": {}}',
        '{"schema_version": 1e999, "files": {}}', '{"schema_version": ' + "9" * 6000 + "}",
        "[" * 100_000, '{"a":' * 50_000, '{"schema_version": 2, "files": {"\\u0000": {}}}',
        '{"schema_version": 2, "files": []}', "{" + '"a": 1, ' * 10_000 + '"b": 2}',
        '{"schema_version": 2, "files": {"' + "a/" * 5000 + '": {"sha256": "", "size": 0}}}',
    ]  # fmt: skip


def _places(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to all values inside a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for name, inside in pairs:
        found.append((*before, name))
        if isinstance(inside, dict | list):
            found += _places(inside, (*before, name))
    return found


def _write(path: Path, text: str) -> None:
    (path / MANIFEST).write_text(text, encoding="utf-8", errors="surrogatepass")


# Tables


_TABLES = {name: f"{name}.parquet" for name in RELEASE_TABLES} | {
    "stops": f"stops/{FIDELITY}-denoise-s0-0.parquet"
}


def hostile_tables(path: Path, source: random.Random) -> Cases:
    """Tables with other columns or types, other values, or bytes that are no sound Parquet."""
    for name, file in _TABLES.items():
        table = pq.read_table(path / file)
        for what, other in _other_tables(table):
            yield f"{name}: {what}", lambda n=name, o=other: _write_table(path, n, o)
    while True:
        name = source.choice([*_TABLES])
        file = path / _TABLES[name]
        if source.random() < 0.5:
            content = damaged(file.read_bytes(), source)
            yield f"{name}: other bytes", lambda f=file, c=content: _write_bytes(path, f, c)
        else:
            other = _other_values(pq.read_table(file), source)
            yield f"{name}: other values", lambda n=name, o=other: _write_table(path, n, o)


def _other_tables(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    name, column = table.column_names[0], table.column(0)
    count = len(table)
    yield "no rows", table.slice(0, 0)
    yield "no columns", table.select([])
    yield "a column less", table.drop_columns([name])
    yield "a column more", table.append_column("more", pa.array(range(count)))
    yield "a column twice", table.append_column(name, column)
    yield "lists", table.set_column(0, name, pa.array([[1]] * count))
    yield "nulls", table.set_column(0, name, pa.nulls(count))
    yield "binary", table.set_column(0, name, pa.array([b"\xff\xfe"] * count))
    yield "dictionary", table.set_column(0, name, pa.array(["a"] * count).dictionary_encode())
    yield "doubles", table.set_column(0, name, pa.array([float("nan")] * count))
    yield "rows twice", pa.concat_tables([table, table])
    yield "rows a thousand times", pa.concat_tables([table] * 1000)
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            broken = pa.Array.from_buffers(
                pa.string(), count, pa.array([b"\xff\xfe\xfd"] * count, pa.binary()).buffers()
            )
            yield f"{field.name} no UTF-8", table.set_column(place, field, broken)
            long = pa.array(["a" * 100_000] * count)
            yield f"{field.name} endless", table.set_column(place, field, long)


_EDGES: dict[str, tuple[Any, ...]] = {
    "int32": (-(2**31), -1, 0, 1, 2**31 - 1),
    "int64": (-(2**63), -1, 0, 2**63 - 1),
    "float": (float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 3e38),
    "double": (float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 1e308),
    "string": ("", "x", "lena", "denoise", "ok", "failed", "\x1b[2J", "a\nb", "../x", "\u202e"),
    "bool": (True, False),
}


def _other_values(table: pa.Table, source: random.Random) -> pa.Table:
    rows = table.to_pylist()
    for _ in range(source.choice([1, 2, 10])):
        field = source.choice(list(table.schema))
        row = source.choice(rows)
        edges = (*_EDGES[str(field.type)], *((None,) if field.nullable else ()))
        row[field.name] = source.choice(edges)
    if source.random() < 0.2:
        rows.append(source.choice(rows))
    return pa.Table.from_pylist(rows, schema=table.schema)


def _write_table(path: Path, name: str, table: pa.Table) -> None:
    pq.write_table(table, path / _TABLES[name])
    synthetic.rehash(path)


def _write_bytes(path: Path, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    synthetic.rehash(path)


# HDF5 files


def hostile_arrays(
    path: Path, source: random.Random, *, name: str, changes: dict[str, Change]
) -> Cases:
    """A file of arrays that are other than the schema says, or bytes that are no sound HDF5."""
    for what, change in changes.items():
        yield f"{name}: {what}", lambda change=change: _change_file(path, name, change)
    file = path / name
    whole = file.read_bytes()
    while True:
        content = damaged(whole, source)
        yield f"{name}: other bytes", lambda c=content: _write_bytes(path, file, c)


def _change_file(path: Path, name: str, change: Change) -> None:
    _write_bytes(path, path / name, changed((path / name).read_bytes(), change))


def _of_any_array(name: str, other: str) -> dict[str, Change]:
    return {
        **{what: change for what, (change, _) in changes(name, other).items()},
        "nothing": replaced(name, data=np.zeros((0, 0), np.uint16)),
        "a row less": of_values(name, lambda values: values[:-1]),
    }


_POINTS: dict[str, Change] = {
    "no iterations": lambda file: file.__delitem__("iteration"),
    "iterations that descend": of_values("iteration", lambda values: values[::-1]),
    "iterations beyond the end": of_values("iteration", lambda values: values + np.int32(1)),
    "a million iterations": replaced("iteration", data=np.arange(10**6, dtype=np.int32)),
}

_CURVE_CHANGES: dict[str, Change] = {
    **_of_any_array("psnr", "psnr_smooth"),
    **_POINTS,
    "a thousand million rows": replaced(
        "psnr", shape=(10**9, 40), dtype=np.uint16, chunks=(16, 40), compression="gzip"
    ),
    "no rows": lambda file: [of_values(n, lambda v: v[:0])(file) for n in KINDS["curves"]],
}

_OBSERVABLE_CHANGES: dict[str, Change] = _of_any_array("wmv_25", "loss") | _POINTS

_DISTANCE_CHANGES: dict[str, Change] = {
    **_of_any_array("pairs", "truth"),
    "no seeds": lambda file: file.__delitem__("seed"),
    "seeds of no runs": of_values("seed", lambda values: values + np.int32(7)),
    "negative seeds": of_values("seed", lambda values: -values - np.int32(1)),
    "one seed twice": of_values("seed", lambda values: values * np.int32(0)),
    "a thousand million seeds": replaced("seed", shape=(10**9,), dtype=np.int32, chunks=(9,)),
    "pairs of a terabyte": replaced(
        "pairs", shape=(3, 10**9, 300), dtype=np.uint16, chunks=(1, 1, 300)
    ),
    "restorations of no runs": of_values("truth", np.zeros_like),
    "no restorations": of_values("truth", lambda values: np.full_like(values, MISSING)),
    "distances of nothing": of_values("pairs", lambda values: np.full_like(values, MISSING)),
}

_SCORE_CHANGES: dict[str, Change] = {
    **_of_any_array("values", "values"),
    "a thousand million values": replaced(
        "values", shape=(300, 10**9), dtype=np.float32, chunks=(1, 100)
    ),
    "no numbers": of_values("values", lambda values: np.full_like(values, np.nan)),
    "endless numbers": of_values("values", lambda values: np.full_like(values, np.inf)),
}


HOSTILE: dict[str, Callable[[Path, random.Random], Cases]] = {
    "manifests": hostile_manifests,
    "tables": hostile_tables,
    "curves": partial(hostile_arrays, name=CURVES, changes=_CURVE_CHANGES),
    "observables": partial(hostile_arrays, name=OBSERVABLES, changes=_OBSERVABLE_CHANGES),
    "distances": partial(hostile_arrays, name=DISTANCES, changes=_DISTANCE_CHANGES),
    "values of scores": partial(hostile_arrays, name=SCORE_VALUES, changes=_SCORE_CHANGES),
}
"""By the kind of file: cases without end."""
