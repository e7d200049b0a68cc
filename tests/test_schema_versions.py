"""What an earlier version of the layout has is read, merged and gone on with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.api.difference import compare_datasets
from nasdip_bench.builder.release import release
from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.files import parquet_bytes
from nasdip_bench.schema import SCHEMA_VERSION
from nasdip_bench.seal import sealed, unsealed
from nasdip_bench.verify import verify
from tests import synthetic

WIDE = ("std", "seconds")
"""Columns of scores that have 64 bits in version 2."""


def widened(table: pa.Table) -> pa.Table:
    for name in WIDE:
        place = table.schema.get_field_index(name)
        field = table.schema.field(name).with_type(pa.float64())
        table = table.set_column(place, field, table[name].cast(pa.float64()))
    return table


def rewritten(path: Path, changes: dict) -> None:
    """A sealed JSON file with other fields."""
    fields = unsealed(json.loads(path.read_text())) | changes
    path.write_text(json.dumps(sealed(fields)))


def as_version_2(data: Path) -> Path:
    """Make the layout of a release that of version 2."""
    table = widened(pq.read_table(data / "scores.parquet"))
    (data / "scores.parquet").write_bytes(parquet_bytes(table))
    synthetic.write_manifest(data, NASDIPBench(data).manifest)
    rewritten(data / "manifest.json", {"schema_version": 2})
    return data


@pytest.fixture
def releases(tmp_path: Path) -> tuple[Path, Path]:
    new = synthetic.write_release(tmp_path / "new", count=3)
    return as_version_2(shutil.copytree(new, tmp_path / "old")), new


@pytest.mark.parametrize("form", ["string", "dictionary"])
def test_a_release_of_version_2_is_read_as_one_of_this(releases, form):
    old, new = (DatasetFolder(path) for path in releases)
    assert (old.manifest.schema_version, new.manifest.schema_version) == (2, SCHEMA_VERSION)
    assert old.table("scores", form).equals(new.table("scores", form))
    assert old.table("scores", form).schema.field("std").type == pa.float32()


def test_a_release_of_version_2_verifies_compares_and_is_released_anew(releases, tmp_path):
    old, new = releases
    assert verify(old) == []
    assert compare_datasets(old, new).equal
    again = release([old, new], tmp_path / "again", version="1.0.0")
    assert again.schema_version == SCHEMA_VERSION
    assert compare_datasets(tmp_path / "again", new).equal
