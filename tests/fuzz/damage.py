"""Releases that are damaged, or whose content is hostile though every hash agrees."""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nasdip_bench import manifest
from nasdip_bench.curve_chunks import chunks_bytes
from nasdip_bench.dataset import MANIFEST
from nasdip_bench.seal import sealed
from tests import synthetic

FIDELITY = "r64c16i40"
CURVES = f"curves/{FIDELITY}-denoise.h5"
CHUNKS = f"curves/{FIDELITY}-denoise.chunks.npy"
OUTPUTS = f"outputs/{FIDELITY}-denoise.h5"

_Change = Callable[[h5py.File], None]
Cases = Iterator[tuple[str, Callable[[], None]]]
"""What a case is called, and how it is made out of a sound release."""


def sound(path: Path) -> Path:
    """A small release, with halves of all of its files, as large ones have them."""
    with mock.patch.object(manifest, "_HALVED_FROM", 1):
        synthetic.write_release(path, count=3, fidelities=(FIDELITY,))
        return synthetic.add_outputs(path, FIDELITY, "denoise")


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
    None, True, -1, 0, 3, 10**9, 10**30, 1e308, 0.5, "", "x", "\x00", "\ud800", "../x", "a\nb",
    "\x1b[2J", "x" * 5000, [], [1], ["a", "a"], {}, {"a": 1}, {"": {"": {}}},
)  # fmt: skip


def hostile_manifests(
    path: Path, source: random.Random
) -> Iterator[tuple[str, Callable[[], None]]]:
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


def hostile_tables(path: Path, source: random.Random) -> Cases:
    """Tables with other columns or types, other values, or bytes that are no sound Parquet."""
    for name in ("runs", "scores", "architectures", "images"):
        table = pq.read_table(path / f"{name}.parquet")
        for what, changed in _other_tables(table):
            yield f"{name}: {what}", lambda n=name, c=changed: _write_table(path, n, c)
    while True:
        name = source.choice(["runs", "scores", "architectures", "images"])
        file = path / f"{name}.parquet"
        if source.random() < 0.5:
            content = damaged(file.read_bytes(), source)
            yield f"{name}: other bytes", lambda f=file, c=content: _write_bytes(path, f, c)
        else:
            changed = _other_values(pq.read_table(file), source)
            yield f"{name}: other values", lambda n=name, c=changed: _write_table(path, n, c)


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
    pq.write_table(table, path / f"{name}.parquet")
    synthetic.rehash(path)


def _write_bytes(path: Path, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    synthetic.rehash(path)


# Curves and outputs


def hostile_curves(path: Path, source: random.Random) -> Cases:
    """Curve files that are another kind of HDF5 file, or bytes that are no sound one.

    Mostly without the list of their chunks: single curves are then looked for in the file itself.
    """
    for what, spoil in _hostile_file(path, CURVES, _CURVE_CHANGES, source):
        unlisted = source.random() < 0.8

        def spoil_all(spoil: Callable[[], None] = spoil, unlisted: bool = unlisted) -> None:
            if unlisted:
                (path / CHUNKS).unlink()
            spoil()

        yield what, spoil_all


def hostile_chunks(path: Path, source: random.Random) -> Cases:
    """Lists of chunks with other entries, or bytes that are no list."""
    file, curves = path / CHUNKS, (path / CURVES).read_bytes()
    whole = file.read_bytes()
    while True:
        kind = source.randrange(4)
        chunks = np.load(file)
        entry = chunks[source.randrange(len(chunks))]
        if kind == 0:
            content = damaged(whole, source)
        elif kind == 1:  # other bytes of the file, with the right hash
            entry["offset"] = source.randrange(len(curves))
            entry["size"] = source.choice([entry["size"], 1, len(curves) - int(entry["offset"])])
            part = curves[entry["offset"] :][: entry["size"]]
            entry["sha256"] = np.frombuffer(hashlib.sha256(part).digest(), np.uint8)
            content = chunks_bytes(chunks)
        elif kind == 2:
            field = source.choice(["row", "rows", "offset", "size"])
            entry[field] = source.choice([-(2**31), -1, 0, 1, 3, 16, 2**31 - 1])
            if field == "offset" and source.random() < 0.5:
                entry[field] = source.choice([-(2**63), 2**31, 2**62, 2**63 - 1])
            content = chunks_bytes(chunks)
        else:
            entry["array"] = source.randrange(256)
            others = [chunks, chunks[:-1], chunks[:0], chunks[::-1], np.repeat(chunks, 2)]
            content = chunks_bytes(source.choice(others))
        yield f"list of chunks {kind}", lambda c=content: _write_bytes(path, file, c)


def hostile_outputs(path: Path, source: random.Random) -> Cases:
    """Output files, likewise."""
    return _hostile_file(path, OUTPUTS, _OUTPUT_CHANGES, source)


def _hostile_file(
    path: Path, name: str, changes: dict[str, _Change], source: random.Random
) -> Cases:
    for what, change in changes.items():
        yield f"{name}: {what}", lambda change=change: _change_file(path, name, change)
    file = path / name
    whole = file.read_bytes()
    while True:
        content = damaged(whole, source)
        yield f"{name}: other bytes", lambda c=content: _write_bytes(path, file, c)


def _change_file(path: Path, name: str, change: _Change) -> None:
    content = io.BytesIO((path / name).read_bytes())
    with h5py.File(content, "r+") as file:
        change(file)
    _write_bytes(path, path / name, content.getvalue())


def _replaced(name: str, data: Any = None, **options: Any) -> _Change:
    def change(file: h5py.File) -> None:
        values = file[name][:] if data is None and "shape" not in options else data
        del file[name]
        file.create_dataset(name, data=values, **options)

    return change


def _linked(name: str, link: Any) -> _Change:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = link

    return change


def _virtual(name: str) -> _Change:
    def change(file: h5py.File) -> None:
        shape, kind = file[name].shape, file[name].dtype
        del file[name]
        layout = h5py.VirtualLayout(shape=shape, dtype=kind)
        layout[:] = h5py.VirtualSource("/etc/passwd", name, shape=shape)
        file.create_virtual_dataset(name, layout)

    return change


def _external(name: str) -> _Change:
    def change(file: h5py.File) -> None:
        shape, kind = file[name].shape, file[name].dtype
        del file[name]
        file.create_dataset(name, shape, kind, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])

    return change


def _group(name: str) -> _Change:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_group(name)

    return change


def _of_any_array(name: str, other: str) -> dict[str, _Change]:
    return {
        "an external link": _linked(name, h5py.ExternalLink("/etc/passwd", name)),
        "a soft link": _linked(name, h5py.SoftLink(f"/{other}")),
        "a link to itself": _linked(name, h5py.SoftLink(f"/{name}")),
        "a virtual data set": _virtual(name),
        "external storage": _external(name),
        "a group": _group(name),
        "objects": _replaced(name, data=[["a"]], dtype=h5py.string_dtype()),
        "floats": _replaced(name, dtype=np.float64),
        "a scalar": _replaced(name, data=np.uint16(1)),
        "nothing": _replaced(name, data=np.zeros((0, 0), np.uint16)),
        "a row less": lambda file: _replaced(name, data=file[name][:-1])(file),
        "another filter": lambda file: _replaced(name, data=file[name][:], compression="lzf")(file),
        "no iterations": lambda file: file.__delitem__("iteration"),
    }


_CURVE_CHANGES: dict[str, _Change] = _of_any_array("psnr", "psnr_smooth") | {
    "big-endian": _replaced("psnr", dtype=">u2"),
    "a thousand million rows": _replaced(
        "psnr", shape=(10**9, 40), dtype=np.uint16, chunks=(16, 40), compression="gzip"
    ),
    "a chunk of a gigabyte": _replaced(
        "psnr", shape=(9, 40), maxshape=(None, None), dtype=np.uint16, chunks=(2**20, 500)
    ),
    "iterations that descend": _replaced("iteration", data=np.arange(40, 0, -1, dtype=np.int32)),
    "iterations beyond the end": _replaced("iteration", data=np.arange(2, 42, dtype=np.int32)),
    "a million iterations": _replaced("iteration", data=np.arange(10**6, dtype=np.int32)),
}

_OUTPUT_CHANGES: dict[str, _Change] = _of_any_array("output", "iteration") | {
    "images of a terabyte": _replaced(
        "output", shape=(18, 1, 10**6, 10**6), dtype=np.uint8, chunks=(1, 1, 64, 64)
    ),
    "a thousand million images": _replaced(
        "output", shape=(10**9, 1, 64, 64), dtype=np.uint8, chunks=(1, 1, 64, 64)
    ),
    "all in one chunk": _replaced("output", chunks=(9, 1, 64, 64)),
    "a hundred channels": _replaced(
        "output", shape=(18, 100, 64, 64), dtype=np.uint8, chunks=(1, 100, 64, 64)
    ),
    "negative iterations": lambda file: file["iteration"].__setitem__(slice(None), -1),
    "iterations beyond the end": lambda file: file["iteration"].__setitem__(slice(None), 41),
    "no image": lambda file: file["iteration"].__setitem__(slice(None), 0),
    "a million iterations": _replaced("iteration", data=np.zeros(10**6, np.int32)),
}
