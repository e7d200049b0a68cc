"""Finds what a dataset already holds, so that a build can skip it and extend a partial release.

Must not import torch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.errors import BuildError
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.proxies import info, score_names

from ..plan.config import BuildConfig
from ..plan.units import Key, RunKey, ScoreKey

_FINISHED = ("ok", "diverged")


def finished_in_dataset(path: Path, config: BuildConfig) -> frozenset[Key]:
    """The keys of a build that a dataset already holds.

    Runs count if they are ok or diverged, scores if the dataset has all that the build asks for.

    Raises:
        DatasetError: there is no dataset that this version can read.
        BuildError: its protocol, images, precision, type of device or number of scoring
            initialisations differ from the build's.
    """
    folder = DatasetFolder(path)
    manifest, fidelity = folder.manifest, config.fidelity.name
    _check(path, "protocol_version", manifest.protocol_version, PROTOCOL_VERSION)
    _check(path, "image set", manifest.image_set, config.image_set)
    known = {row["name"]: row["sha256"] for row in folder.table("images").to_pylist()}
    for image in config.images:
        if image.name in known:
            _check(path, f"SHA-256 of image {image.name!r}", known[image.name], image.sha256)
    device = config.device.split(":")[0]
    runs: set[Key] = set()
    for row in _rows(folder, "runs", fidelity):
        if row["status"] in _FINISHED:
            _check(path, "precision", row["precision"], config.precision)
            _check(path, "type of device", manifest.device_types.get(row["device"]), device)
            runs.add(RunKey(*(row[name] for name in RunKey._fields)))
    there: dict[ScoreKey, set[tuple[str, str]]] = defaultdict(set)
    asked = score_names(config.scores)
    for row in _rows(folder, "scores", fidelity):
        score = (row["proxy"], row["reference"])
        there[ScoreKey(*(row[name] for name in ScoreKey._fields))].add(score)
        drawn = score in asked and info(score[0]).depends_on != "structure"
        if config.scoring_inits and drawn and row["task"] in config.tasks:
            what = "number of scoring initialisations"
            _check(path, what, row["inits"], config.scoring_inits)
    scores = {
        key
        for key, having in there.items()
        if having.issuperset(score for score in asked if key.wants(*score))
    }
    return frozenset(runs | scores)


def _rows(folder: DatasetFolder, name: str, fidelity: str) -> Iterator[dict[str, Any]]:
    """Rows of a table at a fidelity, with the canonical string of their architecture."""
    names = folder.table("architectures")["architecture"].to_pylist()
    for row in folder.table(name).to_pylist():
        if row["fidelity"] == fidelity:
            yield row | {"architecture": names[row["arch_id"]]}


def _check(path: Path, what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise BuildError(
            f"the {what} of the dataset in {str(path)!r} is {found!r}, of the build {wanted!r}: "
            f"the two do not go together; leave --skip out"
        )
