"""Makes one dataset folder from build folders and earlier releases: read, merge, write, verify.

The new dataset is written next to the old one and replaces it at the end
(`nasdip_bench.builder.release.swap`), so that an interrupted release leaves the old one whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nasdip_bench.dataset import MANIFEST, Manifest
from nasdip_bench.dataset.croissant import CROISSANT, Publication, published
from nasdip_bench.dataset.manifest import manifest_fields
from nasdip_bench.errors import BuildError
from nasdip_bench.space import Architecture

from ..folder.work_folder import BUILD_SETTINGS
from ..writing import writing
from .files import write_dataset
from .sources.contents import Contents
from .sources.from_build import read_build
from .sources.from_dataset import read_dataset
from .sources.merge import merged
from .sources.reruns import merged_reruns, read_reruns
from .swap import replacing

UNNUMBERED = "0"
"""The version of releases without a version of their own; any number may have it."""


def release(
    sources: Path | Sequence[Path],
    out: Path,
    *,
    architectures: Sequence[Architecture] = (),
    name: str | None = None,
    version: str | None = None,
    licence: str | None = None,
    creator: str | None = None,
    url: str | None = None,
    reruns: Path | None = None,
    replace: bool = False,
) -> Manifest:
    """Make a dataset folder from build folders and earlier releases; see `write_release`.

    Args:
        sources: build folders and dataset folders, one or more; ``out`` may be one of them.
        out: the dataset folder to create or replace.
        architectures: architectures to list before those of the sources, with or without runs.
        name: see `write_release`.
        version: see `write_release`.
        licence: of the results; see `nasdip_bench.dataset.croissant.Publication`, also for the next
            two. By default those of the dataset in ``out``, else the project's.
        creator: who made the dataset.
        url: of its page.
        reruns: a file of `nasdip_bench.builder.release.sources.reruns`, added to the sources'
            reruns.
        replace: replace a dataset in ``out`` even if it is not among the sources.

    Raises:
        BuildError: a source is neither kind of folder or contradicts another, or nothing is
            finished.
        DatasetError: a source is a dataset that this version cannot read.
    """
    given = [sources] if isinstance(sources, Path) else sources
    paths = list(dict.fromkeys(path.resolve() for path in given))
    if not paths:
        raise BuildError("no source to release is given; name a build folder")
    target = out.resolve()
    for path in paths:
        in_place = _is_dataset(path) and path == target
        if not in_place and (path == target or path in target.parents or target in path.parents):
            raise BuildError(
                f"the dataset folder {str(target)!r} and its source {str(path)!r} are nested; name "
                f"another with --out"
            )

    def read() -> Contents:
        contents = merged({str(path): read_source(path) for path in paths})
        if not contents.parts:
            raise BuildError(
                f"nothing is finished in {', '.join(repr(str(path)) for path in paths)}; build "
                f"first, then release"
            )
        listed = dict.fromkeys([*architectures, *contents.architectures])
        added = [] if reruns is None else [read_reruns(reruns)]
        return dataclasses.replace(
            contents, architectures=tuple(listed), reruns=merged_reruns([contents.reruns, *added])
        )

    said = {"licence": licence, "creator": creator, "url": url}
    return write_release(
        read,
        target,
        name=name,
        version=version,
        publication={name: value for name, value in said.items() if value is not None},
        replace=replace or target in paths,
    )


def write_release(
    read: Callable[[], Contents],
    out: Path,
    *,
    name: str | None = None,
    version: str | None = None,
    publication: Mapping[str, str] | None = None,
    replace: bool = False,
) -> Manifest:
    """Write contents as a dataset that replaces ``out`` once it verifies; see `replacing`.

    A version identifies files, so that of the old dataset is refused for different ones.

    Args:
        read: returns the contents; called once no other release can change ``out``, so it may read
            ``out``.
        out: the dataset folder to create or replace.
        name: of the release; by default that of the dataset in ``out``, else "nasdip-bench".
        version: of the release; by default that of the dataset in ``out``, else `UNNUMBERED`.
        publication: fields of `nasdip_bench.dataset.croissant.Publication`; the others come from
            the dataset in ``out``, else from the project's defaults.
        replace: whether a dataset in ``out`` may be replaced.

    Raises:
        BuildError: ``out`` holds something else, a dataset that may not be replaced, or its version
            with other files, or cannot be written, or the result does not verify.
    """
    target = out.resolve()
    then = ", or name another with --out"
    with writing(f"the dataset folder {str(out)!r}", then), replacing(target) as fresh:
        old = manifest_fields(target) if (target / MANIFEST).exists() else {}
        if old and not replace:
            raise BuildError(
                f"{str(out)!r} holds a dataset, {old.get('name')} {old.get('version')}, that is "
                f"not among the sources: name it there too, choose another folder with --out, or "
                f"discard its results with --replace"
            )
        listed = CROISSANT in old.get("files", {})
        before = published((target / CROISSANT).read_text("utf-8")) if listed else Publication()
        contents = read()
        manifest = write_dataset(
            contents,
            fresh,
            name=name or str(old.get("name", "nasdip-bench")),
            version=version or str(old.get("version", UNNUMBERED)),
            publication=dataclasses.replace(before, **(publication or {})),
        )
        if old:
            _refuse_reused_version(old, manifest, target)
        return manifest


def _refuse_reused_version(old: Mapping[str, Any], new: Manifest, out: Path) -> None:
    """Refuse to reuse a dataset's version for other files; publication fields may differ."""
    version = new.version
    if version == UNNUMBERED or version != old.get("version"):
        return
    before, after = (
        {path: facts["sha256"] for path, facts in files.items() if path != CROISSANT}
        for files in (old["files"], dataclasses.asdict(new)["files"])
    )
    if before != after:
        raise BuildError(
            f"the dataset in {str(out)!r} is version {version!r}, and the new one has other files: "
            f"give it its own version with --release-version, such as "
            f"'{version}{'.2' if '+' in version else '+local'}'"
        )


def read_source(path: Path) -> Contents:
    """The contents of a build folder or of a dataset.

    Raises:
        BuildError: it is neither, or cannot be released as it is.
        DatasetError: it is a dataset that this version cannot read.
    """
    return read_dataset(path) if _is_dataset(path) else read_build(path)


def _is_dataset(path: Path) -> bool:
    """Whether a folder holds a dataset rather than a build.

    Raises:
        BuildError: it holds neither or both.
    """
    found = [name for name in (MANIFEST, BUILD_SETTINGS) if (path / name).exists()]
    if len(found) == 2:
        raise BuildError(
            f"{str(path)!r} holds a dataset and a build, {MANIFEST} and {BUILD_SETTINGS}: move one "
            f"of the two into a folder of its own"
        )
    if not found:
        raise BuildError(
            f"{str(path)!r} is neither a build folder nor a dataset: it has neither "
            f"{BUILD_SETTINGS} nor {MANIFEST}; name the folder that 'nasdip-build --out' or a "
            f"release wrote"
        )
    return found[0] == MANIFEST
