"""Finished shards gathered into a few files of bounded size, for transport between machines.

A pack is a shard of many units: a Parquet file with the columns and the kind of name of any other,
which carries the hash of its content. Its metadata say what it was built with, so that a pack needs
no other file beside it. A pack of keys says what is finished and holds none of it: whoever has it
plans around the work without carrying the work along.

What is taken in becomes shards of the build folder, and is read, released and checked as such.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from nasdip_bench.builder.plan import RunKey, ScoreKey
from nasdip_bench.builder.released_keys import ReleasedKeys, released_keys
from nasdip_bench.builder.shard_files import shard_name, write_shard
from nasdip_bench.builder.shards import BuildFolder, Finished
from nasdip_bench.builder.sources import is_dataset
from nasdip_bench.errors import ArchitectureError, BuildError
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.files import open_parquet, parquet_bytes, read_regular
from nasdip_bench.schema import (
    OUTPUT_COLUMNS,
    READABLE_VERSIONS,
    SCHEMA_VERSION,
    SHARD_TABLES,
    arrow_schema,
    fits_schema,
)
from nasdip_bench.seal import parse_json
from nasdip_bench.space import Architecture

__all__ = ["Packed", "Taken", "pack", "pack_keys", "unpack"]

_METADATA = b"nasdip_bench"
_LARGEST = 2 * 2**30
"""Bytes of a pack that is taken in."""


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What was packed.

    Attributes:
        files: the packs.
        damaged: names of shards that were found damaged and left out.
    """

    files: tuple[Path, ...]
    damaged: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What was taken in.

    Attributes:
        runs: finished runs that were not there before.
        scores: networks, each with an image and a task, whose scores were not there before.
        keys: runs and scores now known to be finished elsewhere.
        known: names of the packs that held nothing new, and were left alone.
    """

    runs: int
    scores: int
    keys: int
    known: tuple[str, ...]


def pack(build: Path, out: Path, *, most_bytes: int) -> Packed:
    """Gather what is finished in a build folder into packs.

    Args:
        build: the build folder; it is left as it is.
        out: the folder to write the packs to; created where it is missing.
        most_bytes: of each pack.

    Raises:
        BuildError: no build folder, nothing finished in it, a shard that is larger than a pack
            may be, or ``out`` cannot be written.
    """
    folder = BuildFolder(build)
    metadata = _metadata(folder)
    files = [
        _write(out, kind, content)
        for kind in ("runs", "scores")
        for tables in _groups(folder, kind, most_bytes)
        for content in _contents(tables, metadata, most_bytes)
    ]
    if not files:
        raise BuildError(f"nothing is finished in {str(build)!r}; build first, then pack")
    return Packed(files=tuple(files), damaged=tuple(folder.damaged))


def pack_keys(source: Path, out: Path) -> Packed:
    """Write the keys of what is finished as one pack.

    Args:
        source: a build folder, of which also what is known there to be finished elsewhere counts,
            or a release.
        out: as of `pack`.

    Raises:
        BuildError: as of `pack`; or the release does not verify.
        DatasetError: a release that this version cannot read.
    """
    done: Finished | ReleasedKeys
    damaged: tuple[str, ...] = ()
    if is_dataset(source):
        done = released_keys(source)
        metadata = _described(done.settings, done.architectures)
    else:
        folder = BuildFolder(source)
        metadata = _metadata(folder)
        done = folder.finished(set_aside=False)
        damaged = done.damaged
    keys = [key._asdict() for key in sorted(done.runs)]
    keys += [key._asdict() | {"seed": None} for key in sorted(done.scores)]
    schema = arrow_schema(SHARD_TABLES["keys"])
    table = pa.Table.from_pylist(keys, schema=schema).replace_schema_metadata(metadata)
    return Packed(files=(_write(out, "keys", parquet_bytes(table)),), damaged=damaged)


def unpack(files: Sequence[Path], out: Path) -> Taken:
    """Take packs into a build folder: all of them, or none where one does not fit.

    Packs that hold nothing new are left alone, so that nothing happens when one is taken again.

    Args:
        files: the packs, of this or of different builds.
        out: the build folder; created, or added to.

    Raises:
        BuildError: a file that is no pack, damaged, of another version, or of settings that do not
            mix with those of the folder or of another pack; or ``out`` cannot be written.
    """
    packs = [_Pack.read(path) for path in dict.fromkeys(files)]
    if not packs:
        raise BuildError("no packs are named; name the files that 'nasdip-build pack' wrote")
    folder = BuildFolder(out)
    folder.adopt(
        [pack.settings for pack in packs], [arch for pack in packs for arch in pack.architectures]
    )
    held = _finished(folder, elsewhere=False)
    runs: set[RunKey | ScoreKey] = set()
    elsewhere: set[RunKey | ScoreKey] = set()
    left_alone = []
    for one in sorted(packs, key=lambda one: one.kind == "keys"):
        if one.kind == "keys":
            # What is known to be elsewhere is no news; where it comes itself, above, it is.
            held = _finished(folder, elsewhere=True)
        if (folder.shards / one.name).exists() or (one.keys and one.keys <= held):
            left_alone.append(one.name)
            continue
        _write(folder.shards, one.kind, one.content)
        (elsewhere if one.kind == "keys" else runs).update(one.keys - held)
    count = sum(isinstance(key, RunKey) for key in runs)
    return Taken(runs=count, scores=len(runs) - count, keys=len(elsewhere), known=tuple(left_alone))


def _finished(folder: BuildFolder, *, elsewhere: bool) -> frozenset[RunKey | ScoreKey]:
    done = folder.finished(elsewhere=elsewhere)
    return frozenset((*done.runs, *done.scores))


@dataclass(frozen=True, kw_only=True)
class _Pack:
    """A pack that was read and checked."""

    name: str
    kind: str
    content: bytes
    settings: dict[str, Any]
    architectures: tuple[Architecture, ...]
    keys: frozenset[RunKey | ScoreKey]

    @classmethod
    def read(cls, path: Path) -> _Pack:
        kind = path.name.split("-")[0]
        try:
            content = read_regular(path, _LARGEST)
        except OSError as error:
            raise BuildError(
                f"pack {str(path)!r} cannot be read: {error.strerror or error}"
            ) from error
        if kind not in SHARD_TABLES or path.name != shard_name(kind, content):
            raise BuildError(
                f"{str(path)!r} is damaged, or is no pack, or was renamed: its name is not that of "
                f"its content; copy it again, under the name that 'nasdip-build pack' gave it"
            )
        try:
            opened = open_parquet(content)
            facts = parse_json((opened.schema_arrow.metadata or {})[_METADATA].decode())
            settings = facts["settings"]
            versions = settings["schema_version"], settings["protocol_version"]
            if not isinstance(settings["images"], dict):
                raise ValueError("it names no images")
            mixes = versions[0] in READABLE_VERSIONS and versions[1] == PROTOCOL_VERSION
            if mixes:
                settings = settings | {"schema_version": SCHEMA_VERSION}
                listed = tuple(map(Architecture.parse, facts["architectures"]))
                columns = SHARD_TABLES[kind]
                if OUTPUT_COLUMNS[0].name in opened.schema_arrow.names:
                    columns = (*columns, *OUTPUT_COLUMNS)
                if not fits_schema(opened.schema_arrow, arrow_schema(columns)):
                    raise ValueError("it has other columns")
                keys = _keys(kind, opened)
        except (OSError, ValueError, KeyError, TypeError, ArchitectureError) as error:
            raise BuildError(
                f"{str(path)!r} is no pack ({error}): take what 'nasdip-build pack' wrote"
            ) from error
        if not mixes:
            raise BuildError(
                f"{str(path)!r} was built with schema version {versions[0]} and protocol version "
                f"{versions[1]}, this is {SCHEMA_VERSION} and {PROTOCOL_VERSION}: the two do not "
                f"mix; take it in with the version that built it"
            )
        return cls(
            name=path.name,
            kind=kind,
            content=content,
            settings=settings,
            architectures=listed,
            keys=keys,
        )


def _keys(kind: str, opened: Any) -> frozenset[RunKey | ScoreKey]:
    """The keys of what a pack has finished: of failed runs it holds the reasons only."""
    fields = ScoreKey._fields if kind == "scores" else RunKey._fields
    columns = [*fields, *(["status"] if kind == "runs" else [])]
    table = opened.read(columns=columns, use_threads=False)
    rows = zip(*(table[name].to_pylist() for name in columns), strict=True)
    if kind == "scores":
        return frozenset(ScoreKey(*row) for row in rows)
    if kind == "runs":
        return frozenset(RunKey(*row) for *row, status in rows if status != "failed")
    return frozenset(
        ScoreKey(*row) if seed is None else RunKey._make((*row, seed)) for *row, seed in rows
    )


def _metadata(folder: BuildFolder) -> dict[bytes, bytes]:
    settings = folder.settings()
    if not {"schema_version", "protocol_version", "device_type"} <= settings.keys():
        raise BuildError(
            f"{str(folder.path)!r} was written by an early version, which did not note all that "
            f"matters elsewhere: give the build command again, which adds it, and then pack"
        )
    return _described(settings, folder.architectures())


def _described(
    settings: dict[str, Any], architectures: Sequence[Architecture]
) -> dict[bytes, bytes]:
    facts = {"settings": settings, "architectures": list(map(str, architectures))}
    return {_METADATA: json.dumps(facts, sort_keys=True).encode()}


def _groups(folder: BuildFolder, kind: str, most_bytes: int) -> Iterator[list[pa.Table]]:
    """The shards of a kind in order, as many at a time as fit a pack if nothing compresses."""
    group: list[pa.Table] = []
    size = 0
    for table in folder.read(kind, outputs=kind == "runs", set_aside=False):
        if group and size + table.nbytes > most_bytes:
            yield group
            group, size = [], 0
        group.append(table)
        size += table.nbytes
    if group:
        yield group


def _contents(
    tables: list[pa.Table], metadata: dict[bytes, bytes], most_bytes: int
) -> Iterator[bytes]:
    """A pack of the tables; several where one would be too large after all."""
    whole = _without_empty_outputs(pa.concat_tables(tables)).replace_schema_metadata(metadata)
    content = parquet_bytes(whole)
    if len(content) <= most_bytes:
        yield content
        return
    if len(tables) == 1:
        raise BuildError(
            f"a shard of {len(whole)} rows takes {len(content)} bytes as a pack, more than the "
            f"{most_bytes} of --max-size: give more"
        )
    half = len(tables) // 2
    for part in (tables[:half], tables[half:]):
        yield from _contents(part, metadata, most_bytes)


def _without_empty_outputs(table: pa.Table) -> pa.Table:
    names = [column.name for column in OUTPUT_COLUMNS if column.name in table.column_names]
    kept = any(table[name].null_count < len(table) for name in names)
    return table if kept else table.drop_columns(names)


def _write(folder: Path, kind: str, content: bytes) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return write_shard(folder, kind, content)
    except OSError as error:
        raise BuildError(
            f"cannot write to {str(folder)!r}: {error.strerror or error}; what is there is whole: "
            f"make room, or name another with --out, and give the command again"
        ) from error
