"""croissant.json: it describes every file and column, agrees with the manifest, and loads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nasdip_bench.builder.release.release import release
from nasdip_bench.dataset import MANIFEST, DatasetFolder
from nasdip_bench.dataset.croissant import CROISSANT, Publication, croissant_json
from nasdip_bench.dataset.schema import KEYS, RELEASE_TABLES, arrow_schema
from nasdip_bench.errors import BuildError, DatasetError
from nasdip_bench.fidelity import FOREIGN_PROTOCOL
from nasdip_bench.storage.files import sha256_bytes
from nasdip_bench.verify import verify
from tests import synthetic
from tests.builds import nasdip_build

MLCOMMONS_TYPES = {
    "string": str,
    "bool": bool,
    "int32": int,
    "int64": int,
    "float32": float,
    "float64": float,
}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A release without a croissant.json."""
    path = synthetic.write_release(
        tmp_path_factory.mktemp("croissant") / "source",
        count=4,
        fidelities=("r64c16i40",),
        diverged={("r64c16i40", "denoise", 1, "lena", 0)},
    )
    return synthetic.add_distances(path, "r64c16i40", "denoise")


@pytest.fixture(scope="module")
def released(source: Path) -> Path:
    out = source.parent / "data"
    release(source, out, name="little", version="1.2.3")
    return out


@pytest.fixture(scope="module")
def described(released: Path) -> dict:
    return json.loads((released / CROISSANT).read_text("utf-8"))


def test_every_file_is_there_with_its_size_and_hash(released: Path, described: dict):
    on_disk = {p.relative_to(released).as_posix() for p in released.rglob("*") if p.is_file()}
    files = {file["@id"]: file for file in described["distribution"]}
    assert files.keys() == on_disk - {CROISSANT, MANIFEST}
    for path, file in files.items():
        content = (released / path).read_bytes()
        assert file["sha256"] == sha256_bytes(content)
        assert file["contentSize"] == f"{len(content)} B"
        assert file["contentUrl"] == path
        kind = {".h5": "hdf5", ".parquet": "parquet"}[Path(path).suffix]
        assert file["encodingFormat"] == f"application/x-{kind}"
    said = {file["description"] for file in files.values()}
    assert len(said) == 6 + 5  # of each table, of each kind of other file


def test_the_manifest_covers_it(released: Path, described: dict):
    manifest = DatasetFolder(released).manifest
    content = (released / CROISSANT).read_bytes()
    assert manifest.files[CROISSANT].sha256 == sha256_bytes(content)
    assert verify(released) == []
    assert (described["name"], described["version"]) == (manifest.name, manifest.version)
    assert described["datePublished"] == manifest.created[:10]
    assert described["license"] == "https://spdx.org/licenses/MIT.html"
    assert "url" not in described  # none was given, and none is made up
    assert "ISNAS-DIP" in described["citeAs"]


def test_every_column_is_described_as_the_files_have_it(released: Path, described: dict):
    sets = {one["@id"]: one for one in described["recordSet"]}
    assert sets.keys() == RELEASE_TABLES.keys()
    for table, columns in RELEASE_TABLES.items():
        schema = pq.read_schema(released / f"{table}.parquet")
        fields = {field["name"]: field for field in sets[table]["field"]}
        assert list(fields) == schema.names
        for column in columns:
            field = fields[column.name]
            assert column.meaning in field["description"]
            assert column.unit in field["description"]
            assert field["source"]["fileObject"]["@id"] == f"{table}.parquet"
            assert field["dataType"] == {
                "string": "sc:Text", "bool": "sc:Boolean", "double": "sc:Float",
                "int32": "sc:Integer", "float": "sc:Float", "int64": "sc:Integer",
            }[str(schema.field(column.name).type)]  # fmt: skip
        key = [name["@id"].removeprefix(f"{table}/") for name in sets[table]["key"]]
        assert tuple(key) == KEYS[table]
    to = {f["@id"]: f["references"]["field"]["@id"] for s in sets.values() for f in s["field"]
          if "references" in f}  # fmt: skip
    assert to == {
        f"{table}/{column}": target
        for table in ("runs", "corruptions", "scores", "reruns")
        for column, target in {"arch_id": "architectures/arch_id", "image": "images/name"}.items()
        if (table, column) != ("corruptions", "arch_id")
    }


def test_limits_uses_and_origins_are_stated(released: Path, described: dict):
    required = (  # by the NeurIPS track on evaluations and datasets, 2026
        "rai:dataLimitations rai:dataBiases rai:personalSensitiveInformation rai:dataUseCases "
        "rai:dataSocialImpact rai:hasSyntheticData prov:wasDerivedFrom prov:wasGeneratedBy"
    )
    assert described.keys() >= {*required.split()}
    versions = [f"http://mlcommons.org/croissant/{one}" for one in ("1.0", "RAI/1.0")]
    assert described["conformsTo"] == versions
    manifest = DatasetFolder(released).manifest
    assert "ten images" in described["rai:dataBiases"]
    sources = [origin["name"] for origin in described["prov:wasDerivedFrom"]]
    assert sources[1:] == ["images of the set 'nasdip'", *manifest.sources]
    trained, _ = described["prov:wasGeneratedBy"]
    assert "trained and scored the networks on formula, by protocol 2" in trained["description"]
    other = replace(manifest, image_set="user", protocol_version=FOREIGN_PROTOCOL)
    found = json.loads(croissant_json(other, Publication()))
    assert "ten images" not in found["rai:dataBiases"]
    assert "Others trained" in found["prov:wasGeneratedBy"][0]["description"]


def test_releases_without_one_stay_readable(source: Path, released: Path, tmp_path: Path):
    assert verify(source) == []
    assert CROISSANT not in DatasetFolder(source).manifest.files
    assert synthetic.same_files(source, released)
    # One that belongs to nothing is not taken for a part of the dataset, nor overwritten.
    data = shutil.copytree(source, tmp_path / "data")
    (data / CROISSANT).write_text("{}")
    assert verify(data) == [
        "croissant.json is not listed in manifest.json: it is not part of the dataset; move it away"
    ]
    with pytest.raises(BuildError, match="move it away"):
        release(source, data, replace=True)
    assert (data / CROISSANT).read_text() == "{}"


def test_who_published_it_can_be_said(source: Path, tmp_path: Path, capsys):
    said = ["--licence", "CC-BY-4.0", "--creator", "Ours & Co", "--url", "https://example.org/d"]
    status, _, err = nasdip_build(capsys, "release", source, "--out", tmp_path / "d", *said)
    assert status == 0, err
    found = json.loads((tmp_path / "d" / CROISSANT).read_text("utf-8"))
    assert found["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert found["creator"]["name"] == "Ours & Co"
    assert found["url"] == "https://example.org/d"

    release(tmp_path / "d", tmp_path / "d", creator="Theirs")  # what is not said again stays
    again = json.loads((tmp_path / "d" / CROISSANT).read_text("utf-8"))
    assert again["creator"]["name"] == "Theirs"
    assert (again["license"], again["url"]) == (found["license"], found["url"])
    (tmp_path / "d" / CROISSANT).write_text("{}")
    with pytest.raises(DatasetError, match=r"croissant.json is damaged"):
        release(source, tmp_path / "d", replace=True)


# The library of MLCommons itself


def test_the_library_of_mlcommons_validates_and_reads_it(released: Path):
    pytest.importorskip("mlcroissant", reason="mlcroissant is not installed: make test-adapters")
    code = (
        "import json, logging, sys, mlcroissant as mlc\n"
        "class Heard(logging.Handler):\n"
        "    def emit(self, record):\n"
        "        said.append(record.getMessage())\n"
        "said = []\n"
        "logging.getLogger('absl').addHandler(Heard(logging.WARNING))\n"
        "data = mlc.Dataset(jsonld=sys.argv[1])\n"
        "issues = data.metadata.ctx.issues\n"
        "tables = {name: [{k: v.decode() if isinstance(v, bytes) else v for k, v in row.items()}\n"
        "                 for row in data.records(name)]\n"
        f"          for name in {list(RELEASE_TABLES)}}}\n"
        "limits = data.metadata.data_limitations\n"
        "print(json.dumps([sorted(issues.errors | issues.warnings), said, limits, tables]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(released / CROISSANT)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    issues, said, [limits], tables = json.loads(done.stdout)
    assert (issues, said) == ([], [])
    assert limits.startswith("Fidelities below the paper's")
    for table, columns in RELEASE_TABLES.items():
        mine = pq.read_table(released / f"{table}.parquet", schema=arrow_schema(columns))
        assert len(tables[table]) == len(mine)
        for row, expected in zip(tables[table], mine.to_pylist(), strict=True):
            assert row.keys() == {f"{table}/{name}" for name in expected}
            for column in columns:
                value, wanted = row[f"{table}/{column.name}"], expected[column.name]
                if wanted is None:
                    assert value is None or value != value
                else:
                    assert isinstance(value, MLCOMMONS_TYPES[column.type])
                    assert value == wanted
