"""What a release holds, as keys: so that a build goes on where the release ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from nasdip_bench.builder.plan import RunKey, ScoreKey
from nasdip_bench.builder.sources import read_dataset
from nasdip_bench.schema import SCHEMA_VERSION
from nasdip_bench.space import Architecture

__all__ = ["ReleasedKeys", "released_keys"]


class ReleasedKeys(NamedTuple):
    """Keys of what a release holds.

    Attributes:
        runs: of runs that did not fail.
        scores: of architectures, each with an image and a task, that have any scores.
        settings: what they were built with, as of a build folder. Precision and type of device are
            left out where there are several: that they match is then checked when the new build
            and the release are released together.
        architectures: those that the keys name, in the order of the release.
    """

    runs: frozenset[RunKey]
    scores: frozenset[ScoreKey]
    settings: dict[str, Any]
    architectures: tuple[Architecture, ...]


def released_keys(path: Path) -> ReleasedKeys:
    """The keys of a release.

    Raises:
        DatasetError: there is none that this version can read.
        BuildError: it does not verify.
    """
    contents = read_dataset(path)
    runs: set[RunKey] = set()
    scores: set[ScoreKey] = set()
    precisions, devices, inits = set(), set(), {0}
    for part in contents.parts.values():
        for row in part.runs.to_pylist():
            if row["status"] != "failed":
                runs.add(RunKey(*(row[name] for name in RunKey._fields)))
            precisions.add(row["precision"])
            devices.add(contents.device_types.get(row["device"]))
        for row in part.scores.to_pylist():
            scores.add(ScoreKey(*(row[name] for name in ScoreKey._fields)))
            inits.add(row["inits"])  # of a score that depends on the structure alone it is 1
    settings = {
        "schema_version": SCHEMA_VERSION,
        "protocol_version": contents.protocol_version,
        "image_set": contents.image_set,
        "images": {name: dict(facts) for name, facts in contents.images.items()},
    }
    for name, values in (("precision", precisions), ("device_type", devices - {None})):
        if len(values) == 1:
            settings |= {name: values.pop()}
    if scores:
        settings["scoring_inits"] = max(inits)
    named = {key.architecture for keys in (runs, scores) for key in keys}
    return ReleasedKeys(
        frozenset(runs),
        frozenset(scores),
        settings,
        tuple(arch for arch in contents.architectures if str(arch) in named),
    )
