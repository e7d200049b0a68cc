"""The build folder: settings that do not mix, shards that are whole, damage that is found."""

from __future__ import annotations

import errno
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.builder.folder.shard_schema import SHARD_TABLES
from nasdip_bench.builder.release.release import read_source
from nasdip_bench.builder.work.build import build
from nasdip_bench.builder.work.dry_run import preview
from nasdip_bench.dataset import MANIFEST
from nasdip_bench.dataset.schema import arrow_schema
from nasdip_bench.errors import BuildError
from nasdip_bench.space import paper_architectures
from nasdip_bench.storage.files import sha256_bytes
from nasdip_bench.storage.sealed_json import sealed_text
from tests.builds import assert_same_runs, run_rows, score_rows, small_config


@pytest.fixture
def folder(small_build: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small_build, tmp_path / "build")


def test_every_shard_is_described_by_its_schema(small_build: Path):
    for kind, columns in SHARD_TABLES.items():
        for table in BuildFolder(small_build).read(kind):
            assert table.schema.equals(arrow_schema(columns))
            assert table.schema.field("fidelity").metadata[b"meaning"]


def test_damaged_shards_are_found_set_aside_and_rebuilt(folder: Path, small_build: Path, caplog):
    shards = sorted(folder.glob("shards/runs-*.parquet"))
    content = [bytearray(shard.read_bytes()) for shard in shards]
    flipped = content[0].copy()
    flipped[len(flipped) // 2] ^= 1
    for shard, damaged in zip(shards, (flipped, content[1][:-1], b"", content[4]), strict=False):
        shard.write_bytes(damaged)
    preview(small_config(), folder)  # changes nothing
    assert shards[0].exists()
    outcome = build(small_config(), folder, workers=1, stack=1)
    assert outcome.finished == 4
    assert outcome.damaged == tuple(shard.name for shard in shards[:4])
    assert build(small_config(), folder, workers=1, stack=1).damaged == ()
    assert f"shard {shards[0].name} is damaged" in caplog.text
    assert run_rows(folder).keys() == run_rows(small_build).keys()
    assert_same_runs(folder, small_build)


def test_temporary_files_are_not_runs_and_are_removed_once_old(folder: Path):
    fresh, old = folder / "shards/.runs-a.parquet.h.1.tmp", folder / "shards/.runs-b.h.2.tmp"
    for path in (fresh, old):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2e5,) * 2)
    before = run_rows(folder)
    assert build(small_config(), folder, workers=1, stack=1).finished == 0
    assert run_rows(folder) == before
    assert fresh.exists()
    assert not old.exists()


def test_settings_do_not_mix(folder: Path):
    camera, coins = small_config().images
    for changes, message in (
        ({"precision": "bf16"}, "was built with precision 'fp32', now 'bf16' is asked for"),
        ({"device": "cuda"}, "was built with device_type 'cpu', now 'cuda' is asked for"),
        ({"scoring_inits": 3}, "was built with scoring_inits 2, now 3 is asked for"),
        ({"images": (replace(camera, pixels=coins.pixels),)}, "another picture called 'camera'"),
    ):
        with pytest.raises(BuildError, match=message):
            BuildFolder(folder).prepare(small_config(**changes))
        if "device" not in changes:
            with pytest.raises(BuildError, match=message):
                preview(small_config(**changes), folder)
    settings = BuildFolder(folder).settings() | {"protocol_version": 0}
    (folder / "build.json").write_text(sealed_text(settings))
    with pytest.raises(BuildError, match="built with protocol_version 0, now 2"):
        BuildFolder(folder).prepare(small_config())


def test_a_build_without_scores_goes_with_any_number_of_initialisations(folder: Path):
    BuildFolder(folder).prepare(small_config(scoring_inits=0))
    assert BuildFolder(folder).settings()["scoring_inits"] == 2


def test_shards_without_settings_are_refused(folder: Path):
    (folder / "build.json").unlink()
    with pytest.raises(BuildError, match="holds finished work and no build.json.*restore the file"):
        BuildFolder(folder).prepare(small_config())


def test_a_turned_digit_in_settings_or_list_is_found(folder: Path):
    """They would still parse, and give other tables."""
    for name, before, after in (
        ("build.json", '"height": 512', '"height": 513'),
        ("architectures.csv", ",1\n", ",2\n"),
        ("architectures.csv", "# sha256", "x,0,1\n# sha256"),
    ):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace(before, after, 1))
        with pytest.raises(BuildError, match=f"{name}' (cannot be read|is damaged)"):
            BuildFolder(folder).prepare(small_config())
        (folder / name).write_text(text)
    BuildFolder(folder).prepare(small_config())
    for content in ("", "garbage", "cell\n1\n", "cell,skip,dilation\n"):
        (folder / "architectures.csv").write_text(content)
        with pytest.raises(BuildError, match="architectures.csv' is damaged"):
            BuildFolder(folder).architectures()


def test_a_shard_that_cannot_be_read_is_not_given_up(folder: Path, monkeypatch):
    """Too many open files, or no permission, is no damage."""
    shard = sorted(folder.glob("shards/runs-*"))[0]
    read = Path.read_bytes

    def failing(self: Path) -> bytes:
        if self.name == shard.name:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", failing)
    with pytest.raises(BuildError, match=f"{shard.name}' cannot be read: Too many open files"):
        BuildFolder(folder).finished()
    assert shard.exists()


def test_a_damaged_shard_that_cannot_be_moved_is_one_clear_error(folder: Path, monkeypatch):
    shard = sorted(folder.glob("shards/runs-*"))[0]
    shard.write_bytes(b"damaged")

    def refused(self: Path, target: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(BuildError, match="cannot write to the build folder .*: Read-only"):
        build(small_config(), folder, workers=1)


def test_a_shard_of_other_columns_or_no_table_is_refused(folder: Path):
    BuildFolder(folder).write("scores", pa.table({"architecture": ["a"]}))
    with pytest.raises(BuildError, match="other columns than this version writes"):
        score_rows(folder)
    name = f"runs-{sha256_bytes(b'no table')[:32]}.parquet"
    (folder / "shards" / name).write_bytes(b"no table")
    with pytest.raises(BuildError, match=f"{name}' has other columns"):
        BuildFolder(folder).finished()


def test_what_another_builder_has_set_aside_is_no_error(folder: Path, monkeypatch):
    shard = sorted(folder.glob("shards/runs-*"))[0]
    shard.write_bytes(b"damaged")
    replace = Path.replace

    def late(self: Path, target: Path) -> None:
        self.unlink()  # the other builder was quicker
        replace(self, target)

    monkeypatch.setattr(Path, "replace", late)
    found = BuildFolder(folder)
    found.finished()
    found.set_damaged_aside()
    assert found.damaged == [shard.name]
    assert not shard.exists()


def test_a_folder_that_is_no_build_is_refused(tmp_path: Path):
    with pytest.raises(BuildError, match="is no build folder: there is no build.json"):
        BuildFolder(tmp_path).settings()
    for content, what in (
        ("{", "Expecting"),
        ("{}", "it lacks the settings of a build folder"),
        ("[]", "no JSON object"),
    ):
        (tmp_path / "build.json").write_text(content)
        with pytest.raises(BuildError, match=rf"cannot be read \(.*{what}"):
            BuildFolder(tmp_path).settings()


def test_a_dataset_folder_is_no_build_folder(tmp_path: Path):
    (tmp_path / MANIFEST).touch()
    for call in (BuildFolder(tmp_path).prepare, lambda config: preview(config, tmp_path)):
        with pytest.raises(BuildError, match="holds a dataset, which a build does not add to"):
            call(small_config())
    (found,) = tmp_path.iterdir()
    assert found.name == MANIFEST
    (tmp_path / "build.json").touch()
    with pytest.raises(BuildError, match="holds a dataset and a build"):
        read_source(tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(monkeypatch, tmp_path: Path):
    (tmp_path / "file").write_text("")
    said = "build folder .*: Not a directory; correct that, or name another with --out"
    with pytest.raises(BuildError, match=said):
        BuildFolder(tmp_path / "file" / "build").prepare(small_config())

    def unlocked(*arguments: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", unlocked)
    said = "Function not implemented; this file system has no file locks: mount it with '-o flock'"
    with pytest.raises(BuildError, match=said):
        BuildFolder(tmp_path / "build").prepare(small_config())


def test_a_full_disk_stops_with_one_clear_error(monkeypatch, tmp_path: Path):
    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".parquet":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("nasdip_bench.builder.folder.build_folder.write_atomic", full)
    outcome = build(small_config(scoring_inits=0), tmp_path / "new", workers=1, stack=1)
    assert "No space left on device; make room and give the same" in outcome.trouble
    assert outcome.finished == 0


def test_the_list_of_architectures_only_grows(folder: Path):
    three = paper_architectures(3)
    BuildFolder(folder).prepare(small_config(architectures=tuple(three[2:])))
    assert BuildFolder(folder).architectures() == three
