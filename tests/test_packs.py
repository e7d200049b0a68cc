"""Packs: finished work carried elsewhere and back; nothing lost, nothing half taken, no mixture."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from nasdip_bench.api.difference import PROVENANCE, compare_datasets
from nasdip_bench.builder import cli, packs
from nasdip_bench.builder.build import build
from nasdip_bench.builder.packs import pack, pack_keys, unpack
from nasdip_bench.builder.release import release
from nasdip_bench.builder.shard_files import shard_name
from nasdip_bench.builder.shards import BuildFolder
from nasdip_bench.command import run
from nasdip_bench.errors import BuildError
from nasdip_bench.files import parquet_bytes, read_parquet
from nasdip_bench.space import sample_architectures
from tests.builds import run_rows, score_rows, small_config
from tests.faults.lab import tables

MIB = 2**20


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packs") / "whole"
    build(small_config(), folder, workers=1, stack=1)
    return folder


@pytest.fixture
def packed(whole: Path, tmp_path: Path) -> list[Path]:
    return list(pack(whole, tmp_path / "packs", most_bytes=MIB).files)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def nasdip_build(capsys, *arguments) -> tuple[int, str, str]:
    before, sys.argv = sys.argv, ["nasdip-build", *map(str, arguments)]
    try:
        status = run("nasdip-build", cli.app)
    finally:
        sys.argv = before
    return status, *capsys.readouterr()


def test_what_is_packed_and_taken_elsewhere_is_the_same_build(whole: Path, packed, tmp_path: Path):
    assert [path.name.split("-")[0] for path in packed] == ["runs", "scores"]
    taken = unpack(packed, tmp_path / "there")
    assert (taken.runs, taken.scores, taken.keys, taken.known) == (8, 8, 0, ())
    assert run_rows(tmp_path / "there") == run_rows(whole)
    assert score_rows(tmp_path / "there") == score_rows(whole)
    assert BuildFolder(tmp_path / "there").architectures() == sample_architectures(2)
    assert build(small_config(), tmp_path / "there", workers=1).finished == 0
    for name in ("whole", "there"):
        release(whole if name == "whole" else tmp_path / name, tmp_path / f"{name}-data")
    assert tables(tmp_path / "there-data") == tables(tmp_path / "whole-data")


def test_scores_that_two_builders_finished_are_released_once(tmp_path: Path):
    """In shards of their own, and in one when packed."""
    for name in ("one", "other"):
        build(small_config(train=False), tmp_path / name, workers=1)
    # Seconds differ, so that the shards do.
    for shard in (tmp_path / "other" / "shards").iterdir():
        shutil.copy(shard, tmp_path / "one" / "shards")
    packs = pack(tmp_path / "one", tmp_path / "packs", most_bytes=MIB).files
    unpack(list(packs), tmp_path / "there")
    assert len(list((tmp_path / "one" / "shards").iterdir())) == 4
    for name in ("one", "there"):
        release(tmp_path / name, tmp_path / f"{name}-data")
    assert tables(tmp_path / "there-data") == tables(tmp_path / "one-data")


def test_a_pack_is_the_same_whoever_makes_it_and_taken_once(whole: Path, packed, tmp_path: Path):
    assert {p.name for p in pack(whole, tmp_path / "again", most_bytes=MIB).files} == {
        p.name for p in packed
    }
    unpack(packed, tmp_path / "there")
    before = contents(tmp_path / "there")
    taken = unpack(packed, tmp_path / "there")
    assert (taken.runs, taken.scores) == (0, 0)
    assert taken.known == tuple(path.name for path in packed)
    assert contents(tmp_path / "there") == before
    # Back at home there is nothing new in them either.
    home = shutil.copytree(whole, tmp_path / "home")
    assert unpack(packed, home).known == tuple(path.name for path in packed)
    assert contents(home) == contents(whole)


def test_packs_are_no_larger_than_asked_for(whole: Path, tmp_path: Path):
    at_once = [path.stat().st_size for path in pack(whole, tmp_path / "1", most_bytes=MIB).files]
    bound = max(at_once) - 1
    files = pack(whole, tmp_path / "2", most_bytes=bound).files
    assert len(files) > len(at_once)
    assert all(path.stat().st_size <= bound for path in files)
    unpack(files, tmp_path / "there")
    assert run_rows(tmp_path / "there") == run_rows(whole)
    with pytest.raises(BuildError, match="a shard of 1 rows takes .* more than the 1000 of"):
        pack(whole, tmp_path / "3", most_bytes=1000)


def test_a_build_is_continued_elsewhere_with_the_keys_alone(tmp_path: Path):
    """Home has some runs; elsewhere only their keys are, and the rest is built; home takes it."""
    home, there = tmp_path / "home", tmp_path / "there"
    build(small_config(tasks=("denoise",)), home, workers=1, stack=1)
    (keys,) = pack_keys(home, tmp_path / "keys").files
    assert keys.stat().st_size < 20_000
    assert unpack([keys], there).keys == 4 + 4
    assert not run_rows(there)
    outcome = build(small_config(), there, workers=1, stack=1)
    assert outcome.left == 0
    assert sorted({key[2] for key in run_rows(there)}) == ["inpaint"]
    new = pack(there, tmp_path / "new", most_bytes=MIB).files
    assert len(new) == 2  # runs and scores, and no keys
    taken = unpack(new, home)
    assert (taken.runs, taken.scores) == (4, 4)
    assert build(small_config(), home, workers=1, stack=1).finished == 0
    assert len(run_rows(home)) == 8
    # The keys there tell of more than before; the same run is not counted twice.
    (more,) = pack_keys(there, tmp_path / "keys").files
    assert more != keys
    assert len(BuildFolder(there).finished().runs) == 8


def test_what_is_known_elsewhere_is_taken_when_it_comes_itself(
    whole: Path, packed, tmp_path: Path, caplog
):
    (keys,) = pack_keys(whole, tmp_path).files
    there = tmp_path / "there"
    assert unpack([keys], there).keys == 16
    assert unpack([keys], there).known == (keys.name,)
    with pytest.raises(BuildError, match="nothing is finished in"):
        release(there, tmp_path / "data")
    with pytest.raises(BuildError, match="nothing is finished in .*; build first, then pack"):
        pack(there, tmp_path / "none", most_bytes=MIB)
    assert "knows of 16 runs and scores that are finished elsewhere" in caplog.text
    assert unpack(packed, there).runs == 8
    caplog.clear()
    release(there, tmp_path / "data")
    assert not caplog.text


def test_a_build_goes_on_where_a_release_ends(whole: Path, tmp_path: Path, caplog):
    some = small_config(architectures=tuple(sample_architectures(1)), tasks=("denoise",))
    build(some, tmp_path / "old", workers=1, stack=1)
    release(tmp_path / "old", tmp_path / "first")
    (keys,) = pack_keys(tmp_path / "first", tmp_path / "keys").files
    there = tmp_path / "there"
    assert unpack([keys], there).keys == 2 + 2  # runs, and networks with an image and a task
    assert BuildFolder(there).settings() == BuildFolder(tmp_path / "old").settings()
    assert BuildFolder(there).architectures() == list(some.architectures)
    build(small_config(), there, workers=1, stack=1)
    left_out = {key for key in run_rows(whole) if key[0] == str(some.architectures[0])}
    left_out = {key for key in left_out if key[2] == "denoise"}
    assert run_rows(there).keys() == run_rows(whole).keys() - left_out
    caplog.clear()
    release([tmp_path / "first", there], tmp_path / "second")
    release(whole, tmp_path / "expected")
    difference = compare_datasets(tmp_path / "expected", tmp_path / "second")
    for table in (difference.runs, difference.scores):
        assert set(table["change"]) <= {PROVENANCE}


@pytest.mark.parametrize("change", [{"precision": "bf16"}, {"scoring_inits": 3}])
def test_keys_of_a_release_do_not_mix_with_other_settings(whole: Path, tmp_path: Path, change):
    release(whole, tmp_path / "data")
    unpack(pack_keys(tmp_path / "data", tmp_path / "keys").files, tmp_path / "there")
    with pytest.raises(BuildError, match="the two do not mix"):
        build(small_config(**change), tmp_path / "there", workers=1, stack=1)


def test_what_a_release_has_of_several_kinds_is_no_setting(tmp_path: Path):
    build(small_config(), tmp_path / "a", workers=1, stack=1)
    build(small_config(precision="bf16", seeds=(1,)), tmp_path / "b", workers=1, stack=1)
    release([tmp_path / "a", tmp_path / "b"], tmp_path / "data")
    unpack(pack_keys(tmp_path / "data", tmp_path / "keys").files, tmp_path / "there")
    settings = BuildFolder(tmp_path / "there").settings()
    assert "precision" not in settings
    assert settings["device_type"] == "cpu"
    assert len(BuildFolder(tmp_path / "there").finished().runs) == 16
    more = build(small_config(precision="bf16", seeds=(1, 2)), tmp_path / "there", workers=1)
    assert {key[-1] for key in run_rows(tmp_path / "there")} == {2}
    assert (more.left, BuildFolder(tmp_path / "there").settings()["precision"]) == (0, "bf16")


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap", "rename", "longer"])
@pytest.mark.parametrize("which", [0, 1])
def test_damage_is_refused_and_nothing_is_taken(packed, tmp_path: Path, damage: str, which: int):
    path, other = packed[which], packed[1 - which]
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    damaged = {
        "flip": bytes(content),
        "cut": bytes(content[:-1]),
        "empty": b"",
        "swap": other.read_bytes(),
        "rename": bytes(content),
        "longer": bytes(content) + b"0",
    }[damage]
    path.write_bytes(damaged)
    if damage == "rename":
        packed[which] = path.rename(path.with_name(path.name.replace("-", "-0", 1)))
    with pytest.raises(BuildError, match="is damaged, or is no pack, or was renamed.*copy it agai"):
        unpack(packed, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_every_byte_of_a_pack_counts(packed, tmp_path: Path):
    content = packed[1].read_bytes()
    for at in range(0, len(content), max(1, len(content) // 200)):
        turned = bytearray(content)
        turned[at] ^= 1 << at % 8
        packed[1].write_bytes(turned)
        with pytest.raises(BuildError, match="is damaged"):
            unpack(packed[1:], tmp_path / "there")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol_version": 0}, "schema version 3 and protocol version 0, this is 3 and 1"),
        ({"schema_version": 9}, "schema version 9 and protocol version 1, this is 3 and 1"),
        ({"image_set": "nasdip"}, "built with image_set 'skimage', now 'nasdip' is asked for"),
        ({"precision": "bf16"}, "built with precision 'fp32', now 'bf16' is asked for"),
        ({"device_type": "cuda"}, "built with device_type 'cpu', now 'cuda' is asked for"),
        ({"scoring_inits": 8}, "built with scoring_inits 2, now 8 is asked for"),
        ({"images": {"camera": {"sha256": "0" * 64}}}, "another picture called 'camera'"),
        ({"images": None}, "is no pack .it names no images"),
    ],
)
def test_packs_of_something_else_are_refused(whole: Path, packed, tmp_path, changes, message):
    other = remade(packed[0], tmp_path, changes)
    home = shutil.copytree(whole, tmp_path / "home")
    with pytest.raises(BuildError, match=message):
        unpack([packed[1], other], home)
    assert contents(home) == contents(whole)
    with pytest.raises(BuildError):
        unpack([packed[1], other], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def remade(path: Path, folder: Path, changes: dict) -> Path:
    """A pack with other settings, whose name is right."""
    table = read_parquet(path.read_bytes())
    facts = json.loads(table.schema.metadata[b"nasdip_bench"])
    facts["settings"] |= changes
    content = parquet_bytes(
        table.replace_schema_metadata({b"nasdip_bench": json.dumps(facts).encode()})
    )
    made = folder / shard_name(path.name.split("-")[0], content)
    made.write_bytes(content)
    return made


def test_what_is_no_pack_is_refused(whole: Path, tmp_path: Path):
    shard = next(whole.glob("shards/runs-*"))  # whole, but does not say what it was built with
    with pytest.raises(BuildError, match="is no pack .*take what 'nasdip-build pack' wrote"):
        unpack([shard], tmp_path / "there")
    named = tmp_path / shard_name("runs", b"no table")
    named.write_bytes(b"no table")
    with pytest.raises(BuildError, match="is no pack"):
        unpack([named], tmp_path / "there")
    with pytest.raises(BuildError, match="cannot be read: No such file"):
        unpack([tmp_path / "runs-0.parquet"], tmp_path / "there")
    with pytest.raises(BuildError, match="no packs are named"):
        unpack([], tmp_path / "there")


def test_failed_runs_travel_and_are_tried_again(tmp_path: Path, monkeypatch):
    from nasdip_bench.builder import worker

    def failing(*arguments, **options):
        raise RuntimeError("no kernel")

    monkeypatch.setattr(worker, "fit_stack", failing)
    build(small_config(scoring_inits=0), tmp_path / "a", workers=1, stack=1)
    monkeypatch.undo()
    files = pack(tmp_path / "a", tmp_path / "packs", most_bytes=MIB).files
    assert unpack(files, tmp_path / "b").runs == 0
    assert {row["error"] for row in run_rows(tmp_path / "b").values()} == {
        "RuntimeError: no kernel"
    }
    outcome = build(small_config(scoring_inits=0), tmp_path / "b", workers=1, stack=1)
    assert (outcome.finished, outcome.failed) == (8, 0)


def test_a_damaged_shard_is_left_out_and_named(whole: Path, tmp_path: Path, capsys):
    home = shutil.copytree(whole, tmp_path / "home")
    shard = next(home.glob("shards/runs-*"))
    shard.write_bytes(b"damaged")
    status, out, err = nasdip_build(capsys, "pack", home, "--out", tmp_path / "packs")
    assert status == 1
    assert f"damaged shard left out: {shard.name}" in err
    assert out.count("MiB\n") == 2
    assert shard.exists()
    assert unpack(sorted((tmp_path / "packs").iterdir()), tmp_path / "there").runs == 7


def test_a_full_disk_is_one_clear_error(whole: Path, packed, tmp_path: Path, monkeypatch):
    def full(*arguments) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packs, "write_shard", full)
    for act in (
        lambda: pack(whole, tmp_path / "p", most_bytes=MIB),
        lambda: unpack(packed, tmp_path / "there"),
    ):
        with pytest.raises(BuildError, match="No space left on device; what is there is whole"):
            act()


def test_a_folder_of_an_early_version_is_not_packed(whole: Path, tmp_path: Path):
    home = shutil.copytree(whole, tmp_path / "home")
    settings = BuildFolder(home).settings()
    del settings["device_type"]
    (home / "build.json").write_text(json.dumps(settings))
    with pytest.raises(BuildError, match="by an early version.*give the build command again"):
        pack(home, tmp_path / "packs", most_bytes=MIB)


def test_the_commands(whole: Path, tmp_path: Path, capsys):
    status, out, _ = nasdip_build(capsys, "pack", whole, "--out", tmp_path / "p", "--max-size=1MiB")
    assert status == 0
    files = [line.split(": ")[0] for line in out.splitlines()]
    status, out, _ = nasdip_build(capsys, "unpack", *files, "--out", tmp_path / "there")
    assert (status, out) == (
        0,
        f"{tmp_path / 'there'}: 8 runs, 8 networks' scores and 0 keys of what is finished "
        f"elsewhere are new\n",
    )
    _, out, _ = nasdip_build(capsys, "unpack", *files, "--out", tmp_path / "there")
    assert out.count("  nothing new in ") == 2
    status, out, _ = nasdip_build(capsys, "pack", whole, "--keys-only", "--out", tmp_path)
    assert (status, out.count("\n")) == (0, 1)
    assert "keys-" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pack", "nothing", "--out", "x"], "'nothing' is no build folder: there is no build.json"),
        (
            ["pack", "nothing", "--keys-only", "--out", "x"],
            "is no build folder and no dataset",
        ),
        (["pack", "nothing"], "Missing option '--out'"),
        (["pack", "b", "--out", "x", "--max-size", "15MB"], "max size '15MB' must be 64KiB or mor"),
        (["pack", "b", "--out", "x", "--max-size", "1KiB"], "max size '1KiB' must be 64KiB or mor"),
        (["unpack", "--out", "x"], "Missing argument"),
        (["unpack", "a.parquet", "--out", "x"], "'a.parquet' cannot be read: No such file"),
        (["--out", "x", "unpack", "y"], "--out stands before the command 'unpack'"),
    ],
)
def test_a_mistake_is_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = nasdip_build(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []
