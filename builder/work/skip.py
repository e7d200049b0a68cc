"""Finds what a dataset already holds, so that a build can skip it and extend a partial release.

Only keys are read, from few columns, so a build can also skip datasets that later versions wrote.
Must not import torch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasdip_bench.dataset.manifest import MANIFEST, manifest_fields, table_path
from nasdip_bench.errors import BuildError, DatasetError
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.proxies import info, score_names
from nasdip_bench.storage.files import read_parquet, sha256_bytes

from ..plan.config import BuildConfig
from ..plan.units import Key, RunKey, ScoreKey

if TYPE_CHECKING:
    import pyarrow as pa

_FINISHED = ("ok", "diverged")


def finished_in_dataset(path: Path, config: BuildConfig) -> frozenset[Key]:
    """The keys of a build that a dataset already holds.

    Runs count if they are ok or diverged, scores if the dataset has all that the build asks for.

    Raises:
        DatasetError: there is no dataset, or its tables are damaged.
        BuildError: its protocol, images, precision, type of device or number of scoring
            initialisations differ from the build's.
    """
    manifest = manifest_fields(path)
    _check(path, "protocol_version", manifest.get("protocol_version"), PROTOCOL_VERSION)
    _check(path, "image set", manifest.get("image_set"), config.image_set)
    images = _table(path, manifest, "images", ["name", "sha256"])
    known = dict(zip(*(images[name].to_pylist() for name in ("name", "sha256")), strict=True))
    for image in config.images:
        if image.name in known:
            _check(path, f"SHA-256 of image {image.name!r}", known[image.name], image.sha256)
    names = _table(path, manifest, "architectures", ["architecture"])["architecture"].to_pylist()
    types, device = manifest.get("device_types", {}), config.device.split(":")[0]
    runs: set[Key] = set()
    for row in _rows(path, manifest, "runs", ["status", "precision", "device"], config):
        if row["status"] in _FINISHED:
            _check(path, "precision", row["precision"], config.precision)
            _check(path, "type of device", types.get(row["device"]), device)
            of_run = (row["image"], row["task"], row["fidelity"], row["seed"])
            runs.add(RunKey(names[row["arch_id"]], *of_run))
    there: dict[ScoreKey, set[tuple[str, str]]] = defaultdict(set)
    asked = score_names(config.scores)
    for row in _rows(path, manifest, "scores", ["proxy", "reference", "inits"], config):
        architecture, name = names[row["arch_id"]], (row["proxy"], row["reference"])
        key = ScoreKey(row["seed"], architecture, row["image"], row["task"], row["fidelity"])
        there[key].add(name)
        drawn = name in asked and info(name[0]).depends_on != "structure"
        if config.scoring_inits and drawn and row["task"] in config.tasks:
            what = "number of scoring initialisations"
            _check(path, what, row["inits"], config.scoring_inits)
    scores = {
        key
        for key, having in there.items()
        if having.issuperset(name for name in asked if key.wants(*name))
    }
    return frozenset(runs | scores)


def _rows(
    path: Path, manifest: Mapping[str, Any], name: str, columns: list[str], config: BuildConfig
) -> Iterator[dict[str, Any]]:
    """Rows of a table at the build's fidelity."""
    keys = ["arch_id", "image", "task", "fidelity", "seed"]
    for row in _table(path, manifest, name, [*keys, *columns]).to_pylist():
        if row["fidelity"] == config.fidelity.name:
            yield row


def _table(path: Path, manifest: Mapping[str, Any], name: str, columns: list[str]) -> pa.Table:
    file = table_path(name)
    try:
        content = (path / file).read_bytes()
        if sha256_bytes(content) != manifest["files"][file]["sha256"]:
            raise ValueError(f"its SHA-256 is not the one in {MANIFEST}")
        return read_parquet(content, columns).select(columns)
    except (OSError, ValueError, KeyError) as error:  # pyarrow's included
        raise DatasetError(
            f"{file} in {str(path)!r} cannot be read ({error}); restore the dataset, or leave "
            f"--skip out"
        ) from error


def _check(path: Path, what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise BuildError(
            f"the {what} of the dataset in {str(path)!r} is {found!r}, of the build {wanted!r}: "
            f"the two do not go together; leave --skip out"
        )
