"""The commands that carry finished work from one machine to another."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasdip_bench.errors import ConfigError

if TYPE_CHECKING:
    from nasdip_bench.builder.packs import Packed

__all__ = ["add_commands"]

_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_LEAST_BYTES = 2**16

EXIT_DAMAGED = 1
"""Something was damaged and left out; all else is packed."""


def pack_command(
    build: Annotated[Path, typer.Argument(help="Build folder; with --keys-only also a release.")],
    out: Annotated[Path, typer.Option(help="Folder to write the packs to.")],
    max_size: Annotated[str, typer.Option(help="Of one file, such as 15MiB.")] = "15MiB",
    keys_only: Annotated[
        bool, typer.Option("--keys-only", help="Only the keys of what is finished, in one file.")
    ] = False,
) -> None:
    """Gather finished work into a few files, to be carried elsewhere.

    'nasdip-build unpack' takes them into a build folder there. With --keys-only that folder knows
    what is finished without having it, and builds the rest.
    """
    most_bytes = _size(max_size)
    from nasdip_bench.builder.packs import pack, pack_keys

    packed = pack_keys(build, out) if keys_only else pack(build, out, most_bytes=most_bytes)
    _report(packed)


def unpack_command(
    files: Annotated[list[Path], typer.Argument(help="Packs, one or more.")],
    out: Annotated[Path, typer.Option(help="Build folder: created, or added to.")],
) -> None:
    """Take packs into a build folder: all of them, or none where one does not fit."""
    from nasdip_bench.builder.packs import unpack

    taken = unpack(files, out)
    print(
        f"{out}: {taken.runs} runs, {taken.scores} networks' scores and {taken.keys} keys of what "
        f"is finished elsewhere are new"
    )
    for name in taken.known:
        print(f"  nothing new in {name}")


def add_commands(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("pack")(pack_command)
    app.command("unpack")(unpack_command)


def _report(packed: Packed) -> None:
    for path in packed.files:
        print(f"{path}: {path.stat().st_size / 2**20:.2f} MiB")
    if packed.damaged:
        for name in packed.damaged:
            print(f"damaged shard left out: {name}", file=sys.stderr)
        raise typer.Exit(EXIT_DAMAGED)


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(KiB|MiB|GiB)", text.strip())
    size = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if size < _LEAST_BYTES:
        raise ConfigError(
            f"max size {text!r} must be 64KiB or more, a number with KiB, MiB or GiB such as 15MiB"
        )
    return size
