"""Contents as a dataset folder that takes the place of another once it verifies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nasdip_bench.dataset import MANIFEST, Manifest
from nasdip_bench.dataset.croissant import CROISSANT, Publication, published
from nasdip_bench.dataset.manifest import manifest_fields
from nasdip_bench.errors import BuildError

from .files import write_dataset
from .losses import refuse_losses, refuse_lost_distances
from .sources.contents import Contents
from .swap import replacing

__all__ = ["UNNUMBERED", "write_release"]

UNNUMBERED = "0"
"""The version of a release that has been given none; any number of them have it."""


def write_release(
    read: Callable[[], Contents],
    out: Path,
    *,
    name: str | None = None,
    version: str | None = None,
    new_name: str = "nasdip-bench",
    publication: Mapping[str, str] = MappingProxyType({}),
    replace_all: bool = False,
) -> Manifest:
    """Write contents as a dataset that takes the place of ``out`` once it verifies.

    Files in ``out`` that belong to no dataset, such as a README, are kept. A version stands for
    files: one that the old dataset has is not given to others.

    Args:
        read: gives the contents; called when no other release can change ``out`` any more, which
            may thus be one of the things it reads.
        out: the dataset folder to create or replace.
        name: None for that of the dataset in ``out``, else ``new_name``.
        version: None for that of the dataset in ``out``, else `UNNUMBERED`.
        new_name: see ``name``.
        publication: fields of `nasdip_bench.dataset.croissant.Publication`; of the others, those of
            the dataset in ``out``, else the project's.
        replace_all: also where ``out`` is a dataset with results that the contents lack.

    Raises:
        ConfigError: what cannot be published.
        BuildError: ``out`` holds something else, would lose results or its version, or cannot be
            written, or the result does not verify.
    """
    Publication(**publication)  # refuses what it must before any work
    target = out.resolve()
    try:
        with replacing(target) as fresh:
            contents = read()
            if not replace_all:
                refuse_losses(target, contents)
            old = manifest_fields(target) if (target / MANIFEST).exists() else {}
            described = target / CROISSANT
            text = described.read_text("utf-8", "replace") if described.exists() else ""
            manifest = write_dataset(
                contents,
                fresh,
                name=name or str(old.get("name", new_name)),
                version=version or str(old.get("version", UNNUMBERED)),
                publication=replace(published(text), **publication),
            )
            if not replace_all:
                refuse_lost_distances(target, fresh)
            if old:
                _refuse_reused_version(old, manifest, target)
            return manifest
    except OSError as error:
        raise BuildError(
            f"cannot write the dataset folder {str(out)!r}: {error.strerror or error}; make room, "
            f"or name another with --out"
        ) from error


def _refuse_reused_version(old: Mapping[str, Any], new: Manifest, out: Path) -> None:
    """Refuse the version of a dataset for files that are not its own; who publishes may differ."""
    version = new.version
    if version == UNNUMBERED or version != old.get("version"):
        return
    before, after = (
        {path: facts["sha256"] for path, facts in files.items() if path != CROISSANT}
        for files in (old["files"], asdict(new)["files"])
    )
    if before != after:
        raise BuildError(
            f"the dataset in {str(out)!r} is version {version!r}, and the new one has other files: "
            f"give it a version of its own with --release-version, such as "
            f"'{version}{'.2' if '+' in version else '+local'}'"
        )
