"""Manifests of unknown origin: what is wrong with one is said, and no parser sees its files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nasdip_bench.dataset import MANIFEST, DatasetFolder, Manifest
from nasdip_bench.errors import DatasetError
from nasdip_bench.storage.sealed_json import sealed, unsealed
from tests import synthetic

FIDELITY = "r64c16i40"


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("manifest") / "data"
    return synthetic.write_release(path, count=2, fidelities=(FIDELITY,), seeds={FIDELITY: (0,)})


@pytest.fixture
def fields(release: Path) -> dict:
    return unsealed(json.loads((release / MANIFEST).read_text()))


def listing(path: str):
    return lambda fields: fields["files"].update({path: {"sha256": "0", "size": 0}})


def task(**changes):
    return lambda fields: fields["fidelities"][FIDELITY]["tasks"]["denoise"].update(changes)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda fields: fields["images"].append("lena"), "it lists an image twice"),
        (lambda fields: fields.update(architectures=10**7), "10000000 architectures x 3 images"),
        (
            lambda fields: fields["fidelities"][FIDELITY].pop("channels"),
            f"fidelity '{FIDELITY}' is not resolution, channels and tasks",
        ),
        (
            lambda fields: fields["fidelities"][FIDELITY]["tasks"].update({"a\nb": {}}),
            r"'a\nb' is not a task",
        ),
        (task(stop=41), "denoise stops at 41 of 40"),
        (task(default_seeds=[7]), f"denoise at {FIDELITY} names seeds without runs"),
        (task(runs=7), f"denoise at {FIDELITY} has 7 runs of 6"),
        (lambda fields: fields.pop("files"), "it has no schema version or no files"),
        (lambda fields: fields["files"].update(a={"size": 0}), "it has no SHA-256 of a"),
        (lambda fields: fields["files"].update(a={"sha256": "0"}), "fields 'size' are missing or"),
        (listing("../a"), "lists '../a', which is not a path inside the dataset folder"),
        (listing("/a"), "lists '/a', which is not a path inside"),
        (listing("a/./b"), "lists 'a/./b', which is not a path inside"),
        (listing("a\\b"), r"lists 'a\\b', which is not a path inside"),
        (listing("c:a"), "lists 'c:a', which is not a path inside"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(fields, change, problem):
    change(fields)
    with pytest.raises(DatasetError, match=re.escape(problem)):
        Manifest.from_json(json.dumps(sealed(fields)), "here")


@pytest.mark.parametrize("size", [0, 2**53])
def test_a_wrong_size_is_found_before_memory_is_taken_for_it(tmp_path, fields, size):
    path = synthetic.write_release(tmp_path / "data", count=2, fidelities=(FIDELITY,))
    fields = unsealed(json.loads((path / MANIFEST).read_text()))
    fields["files"]["images.parquet"]["size"] = size
    (path / MANIFEST).write_text(json.dumps(sealed(fields)))
    with pytest.raises(DatasetError, match=rf"is damaged: .* the manifest says {size} bytes"):
        DatasetFolder(path).read("images.parquet")
