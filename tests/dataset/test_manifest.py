"""What is wrong with a manifest is said, and no file outside its folder is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nasdip_bench.dataset import MANIFEST, DatasetFolder, Manifest
from nasdip_bench.errors import DatasetError
from nasdip_bench.storage.sealed_json import read_sealed, sealed_text
from tests import synthetic


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    return synthetic.small(tmp_path_factory.mktemp("manifest") / "data", count=2)


@pytest.fixture
def fields(release: Path) -> dict:
    return read_sealed((release / MANIFEST).read_text())


def listing(path: str):
    return lambda fields: fields["files"].update({path: {"sha256": "0", "size": 0}})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda fields: fields.pop("files"), "it has no schema version or no files"),
        (lambda fields: fields.pop("schema_version"), "it has no schema version or no files"),
        (lambda fields: fields.update(more=1), "unexpected keyword argument 'more'"),
        (lambda fields: fields.pop("images"), "missing 1 required keyword-only argument: 'images'"),
        (lambda fields: fields["files"].update(a={"sha256": "0"}), "argument: 'size'"),
        (listing("../a"), "lists '../a', which is not a path inside the dataset folder"),
        (listing("/a"), "lists '/a', which is not a path inside"),
        (listing("a/./b"), "lists 'a/./b', which is not a path inside"),
        (listing("a\\b"), r"lists 'a\\b', which is not a path inside"),
        (listing("c:a"), "lists 'c:a', which is not a path inside"),
    ],
)
def test_a_manifest_of_other_fields_or_paths_is_refused(fields, change, problem):
    change(fields)
    with pytest.raises(DatasetError, match=re.escape(problem)):
        Manifest.from_json(sealed_text(fields), "here")


def test_a_file_of_another_size_than_the_manifest_says_is_refused(tmp_path):
    path = synthetic.small(tmp_path / "data", count=2)
    fields = read_sealed((path / MANIFEST).read_text())
    fields["files"]["images.parquet"]["size"] += 1
    size = fields["files"]["images.parquet"]["size"]
    (path / MANIFEST).write_text(sealed_text(fields))
    with pytest.raises(DatasetError, match=rf"is damaged: .* the manifest says {size} bytes"):
        DatasetFolder(path).read("images.parquet")
