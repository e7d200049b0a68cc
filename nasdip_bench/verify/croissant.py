"""Check ``croissant.json`` against the manifest of its dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nasdip_bench.dataset import MANIFEST, DatasetFolder, Manifest
from nasdip_bench.dataset.croissant import (
    CROISSANT,
    CROISSANT_VERSIONS,
    Publication,
    croissant_json,
)
from nasdip_bench.errors import NasdipError
from nasdip_bench.fidelity import FOREIGN_PROTOCOL
from nasdip_bench.storage.sealed_json import parse_json

from .rows import Problems


def croissant_problems(folder: DatasetFolder) -> Problems:
    """Check ``croissant.json`` against the manifest; releases up to version 0.2.0 have none."""
    if CROISSANT not in folder.manifest.files:
        if (folder.path / CROISSANT).exists():
            yield f"{CROISSANT} is not listed in {MANIFEST}: it is not part of the dataset"
        return
    try:
        text = folder.read(CROISSANT).decode("utf-8")
    except NasdipError:  # one of the files, and reported there
        return
    except ValueError as error:
        yield f"{CROISSANT} cannot be read: {error}"
        return
    yield from contradictions(text, folder.manifest)


def contradictions(text: str, manifest: Manifest) -> Iterator[str]:
    """Where a ``croissant.json`` and the manifest of its dataset contradict each other.

    Words may differ from those that this version would write; facts may not.

    Args:
        text: content of the file.
        manifest: manifest of the dataset.

    Yields:
        one sentence per contradiction.
    """
    try:
        found = parse_json(text)
    except ValueError as error:
        yield f"{CROISSANT} cannot be parsed: {error}"
        return
    wanted = json.loads(croissant_json(manifest, Publication()))
    conforms = found.get("conformsTo")
    stated = conforms if isinstance(conforms, list) else [conforms]
    if not all(str(one).startswith(CROISSANT_VERSIONS) for one in stated):
        yield f"{CROISSANT} says conformsTo {conforms!r:.100}, which is not Croissant"
    for fact in ("@type", "name", "version", "datePublished"):
        if found.get(fact) != wanted[fact]:
            yield f"{CROISSANT} says {fact} {found.get(fact)!r:.100}, {MANIFEST} {wanted[fact]!r}"
    ours = manifest.protocol_version != FOREIGN_PROTOCOL  # for others' results it may be unknown
    for fact in ("description", "creator", *(["license"] if ours else [])):
        if not found.get(fact):
            yield f"{CROISSANT} has no {fact}"
    file_facts = ("contentUrl", "contentSize", "sha256")
    yield from _compare("distribution", file_facts, found, wanted)
    yield from _compare("recordSet", ("key",), found, wanted)
    here, there = _by_id(wanted.get("recordSet")), _by_id(found.get("recordSet"))
    for name in here.keys() & there.keys():
        facts = ("dataType", "source", "references")
        yield from _compare("field", facts, there[name], here[name])


def _compare(
    part: str, facts: tuple[str, ...], found: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[str]:
    """Compare lists of things by ``@id``: same things, same facts, each with a description."""
    theirs, ours = _by_id(found.get(part)), _by_id(wanted[part])
    if isinstance(found.get(part), list) and len(found[part]) != len(theirs):
        yield f"{CROISSANT} has things in {part} twice, or without an @id"
    for name in sorted(ours.keys() - theirs.keys()):
        yield f"{CROISSANT} does not describe {name}"
    for name in sorted(theirs.keys() - ours.keys()):
        yield f"{CROISSANT} describes {name!r:.100}, which is not in the dataset"
    for name in sorted(ours.keys() & theirs.keys()):
        for fact in facts:
            if theirs[name].get(fact) != ours[name].get(fact):
                yield (
                    f"{CROISSANT} says {fact} {theirs[name].get(fact)!r:.100} of {name}, which is "
                    f"{ours[name].get(fact)!r:.100}"
                )
        if not theirs[name].get("description"):
            yield f"{CROISSANT} has no description of {name}"


def _by_id(things: Any) -> dict[str, dict[str, Any]]:
    """Things by ``@id``; anything but a list of such things counts as empty."""
    if not isinstance(things, list):
        return {}
    return {
        thing["@id"]: thing
        for thing in things
        if isinstance(thing, dict) and isinstance(thing.get("@id"), str)
    }
