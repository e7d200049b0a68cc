"""Merging builds and releases: nothing is lost, changed or counted twice, and nothing contradicts.

Synthetic releases stand for what was released earlier; a real build, whose shards are files, is
dealt out among folders.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.builder.release.release import read_source, release, write_release
from nasdip_bench.builder.release.sources.contents import Contents
from nasdip_bench.builder.release.sources.from_build import read_build
from nasdip_bench.builder.release.sources.from_dataset import read_dataset
from nasdip_bench.builder.release.sources.merge import merged
from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.curves import MISSING
from nasdip_bench.dataset.manifest import part_path
from nasdip_bench.dataset.schema import RELEASE_TABLES
from nasdip_bench.errors import BuildError, DatasetError
from nasdip_bench.space import paper_architectures, sample_architectures
from tests import synthetic
from tests.builds import FIDELITY, nasdip_build, small_config
from tests.synthetic import change_rows, each, same_files

R64, LOW = "r64", "r64c16i40"


@pytest.fixture(scope="module")
def released(small_build: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("merge") / "data"
    release(small_build, folder)
    return folder


def those_of(small_build: Path, path: Path, column: str, value: str, **changes: object) -> Path:
    """A build folder with the rows of another that have a value in a column."""
    folder = BuildFolder(path)
    folder.prepare(small_config(**changes))
    for kind in ("runs", "scores"):
        for table in BuildFolder(small_build).read(kind):
            if len(mine := table.filter(pc.equal(table[column], value))):
                folder.write(kind, mine)
    return path


def by_architecture(small_build: Path, tmp_path: Path) -> list[Path]:
    """The build as two folders, of one architecture each."""
    return [
        those_of(small_build, tmp_path / str(a), "architecture", str(a), architectures=(a,))
        for a in paper_architectures(2)
    ]


# Builds


def test_the_order_of_sources_is_that_of_architectures_and_nothing_else(
    small_build, released, tmp_path
):
    folders, names = by_architecture(small_build, tmp_path)[::-1], paper_architectures(2)
    release(folders, tmp_path / "other")
    other = DatasetFolder(tmp_path / "other").table("architectures")["architecture"].to_pylist()
    assert other == [str(arch) for arch in names[::-1]]
    release(folders, tmp_path / "data", architectures=names)
    assert same_files(tmp_path / "data", released)


@settings(max_examples=6)
@given(data=st.data())
def test_however_shards_are_dealt_out_the_release_is_the_same(small_build, released, data):
    """Each shard in one folder, or in several."""
    shards = sorted(path.name for path in (small_build / "shards").glob("*.parquet"))
    count = data.draw(st.integers(1, 3))
    where = st.sets(st.integers(0, count - 1), min_size=1)
    dealt = [data.draw(where) for _ in shards]
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(number) for number in range(count)]
        for number, folder in enumerate(folders):
            BuildFolder(folder).prepare(small_config())
            for shard, at in zip(shards, dealt, strict=True):
                if number in at:
                    shutil.copy(small_build / "shards" / shard, folder / "shards")
        manifest = release(folders, Path(name) / "data")
        assert same_files(Path(name) / "data", released)
    whole = DatasetFolder(released).manifest
    assert replace(manifest, created=whole.created) == whole
    assert manifest.device_types == dict.fromkeys(manifest.devices, "cpu")
    assert manifest.sources == []


def test_a_release_and_a_build_are_the_build_of_both(small_build, released, tmp_path):
    first, second = by_architecture(small_build, tmp_path)
    release(first, tmp_path / "old", version="1.0")
    manifest = release([tmp_path / "old", second], tmp_path / "data")
    # Restorations of which one is in the shards and one is not were never compared: one is left.
    assert same_files(tmp_path / "data", released, but="distances/")
    for folder, compared in ((tmp_path / "data", False), (released, True)):
        found = DatasetFolder(folder).distances(FIDELITY, "denoise")
        assert (found.pairs != MISSING).all() == compared
        assert (found.truth != MISSING).all(axis=(0, 1)).tolist() == [True, compared]
    assert manifest.sources == [
        f"nasdip-bench 1.0, released {DatasetFolder(tmp_path / 'old').manifest.created}"
    ]
    # And so with all of it in both.
    release([released, small_build], tmp_path / "again")
    assert same_files(tmp_path / "again", released)


def test_images_are_those_of_all_in_the_order_of_their_set(small_build, released, tmp_path):
    folders = [
        those_of(small_build, tmp_path / image.name, "image", image.name, images=(image,))
        for image in small_config().images[::-1]
    ]
    assert release(folders, tmp_path / "data").images == ["camera", "coins"]
    assert same_files(tmp_path / "data", released)


# Releases


def small_release(path: Path, **changes) -> Path:
    """Long enough that curves are thinned."""
    chosen = {"count": 3, "fidelities": (R64,), "tasks": ("denoise",), "seeds": {R64: (0, 1)}}
    chosen |= {"reruns": 0}
    return synthetic.write_release(path, **(chosen | changes))


KEYS = [(R64, "denoise", a, i, s) for a in range(3) for i in synthetic.IMAGES for s in range(2)]
DIVERGED, FAILED = KEYS[3], KEYS[10]


def test_a_dataset_is_copied_without_a_change(tmp_path):
    old = small_release(tmp_path / "old", diverged={DIVERGED}, failed={FAILED}, unscored={1})
    synthetic.add_distances(old, R64, "denoise", without={(0, "lena", 1)})
    release(old, tmp_path / "new")
    before, after = (DatasetFolder(tmp_path / name) for name in ("old", "new"))
    for name in RELEASE_TABLES:
        assert after.table(name).equals(before.table(name))
    assert same_files(tmp_path / "old", tmp_path / "new")
    assert after.manifest.fidelities == before.manifest.fidelities
    assert after.manifest.default_fidelity == before.manifest.default_fidelity


def test_a_part_that_is_complete_is_never_rewritten(tmp_path):
    """Other seeds, tasks and architectures are added, and the list of these grows."""
    chosen = {
        "count": 65,
        "images": {"lena": "original"},
        "fidelities": (LOW,),
        "tasks": ("denoise", "inpaint"),
        "seeds": {LOW: (0, 1)},
        "reruns": 0,
    }
    keys = [(LOW, t, a, "lena", s) for t in chosen["tasks"] for a in range(65) for s in (0, 1)]
    early = {(LOW, "denoise", a, "lena", 0) for a in range(64)} | {(LOW, "inpaint", 3, "lena", 0)}
    whole = synthetic.write_release(tmp_path / "whole", **chosen)
    parts = []
    for name, count, missing in (("old", 64, {*keys} - early), ("more", 65, early)):
        listed = chosen | {"count": count}
        parts.append(synthetic.write_release(tmp_path / name, **listed, missing=missing))
    release(parts[0], tmp_path / "first", version="1")
    kinds = ("curves", "observables", "stops")
    complete = [part_path(kind, LOW, "denoise", 0, 0) for kind in kinds]
    files = DatasetFolder(tmp_path / "first").manifest.files
    assert [path for path in files if path.startswith(kinds)] == sorted(
        [*complete, *(part_path(kind, LOW, "inpaint", 0, 0) for kind in kinds)]
    )
    for name, sources in (
        ("second", [tmp_path / "first", parts[1]]),
        ("other way round", [parts[1], tmp_path / "first"]),
    ):
        release(sources, tmp_path / name, version="2")
        for path in complete:
            content = (tmp_path / "first" / path).read_bytes()
            assert (tmp_path / name / path).read_bytes() == content
        assert same_files(tmp_path / name, whole)


OUTCOMES = {"diverged": {DIVERGED}, "failed": {FAILED}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return small_release(tmp_path_factory.mktemp("whole") / "data", **OUTCOMES)


@settings(max_examples=6)
@given(where=st.lists(st.sets(st.integers(0, 1), min_size=1), min_size=18, max_size=18))
def test_however_runs_are_dealt_out_the_merged_release_is_the_same(whole, where):
    """Runs in one of two releases or in both, a failed one among them."""
    with tempfile.TemporaryDirectory() as name:
        folder, parts = Path(name), []
        for number in range(2):
            missing = {key for key, at in zip(KEYS, where, strict=True) if number not in at}
            facts = {"missing": missing, "unscored": {0} if number else set(), **OUTCOMES}
            parts.append(small_release(folder / str(number), **facts))
        release(parts, folder / "data")
        assert same_files(folder / "data", whole)


def test_a_failed_run_gives_way_to_one_that_is_not(tmp_path):
    failed = small_release(tmp_path / "failed", failed={FAILED, KEYS[4]})
    diverged = small_release(tmp_path / "diverged", diverged={FAILED}, failed={KEYS[4]})
    for sources in ([failed, diverged], [diverged, failed]):
        release(sources, tmp_path / "data", replace=True)
        assert same_files(tmp_path / "data", diverged)


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    return small_release(tmp_path_factory.mktemp("sound") / "data")


@pytest.fixture
def other(sound, tmp_path) -> Path:
    """Another release of the same."""
    return shutil.copytree(sound, tmp_path / "other")


def at(key: dict, **values):
    """A change of the rows of a key."""
    return each(lambda row: values if key.items() <= row.items() else {})


RUN, CORRUPTION = {"arch_id": 0, "image": "lena", "seed": 0}, {"image": "chest", "seed": 1}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"runs": at(RUN, loss=0.02, stack=7, torch="9.9")},
            f"run {sample_architectures(1)[0]}/lena/denoise/r64/0 is in .* loss is 0.01 in the "
            "first and 0.02 in the second; made with stack 1 and 7, torch .* and 9.9; leave one",
        ),
        (
            {
                "runs": at(CORRUPTION, psnr_corrupted_db=18.5),
                "corruptions": at(CORRUPTION, psnr_db=18.5),
            },
            r"/chest/denoise/r64/1 is in .* psnr_corrupted_db is 18\.0 in .* 18\.5 .*3 runs di",
        ),
        (
            {"corruptions": at(CORRUPTION, sigma_estimate=None)},
            r"corruption chest/denoise/r64/1 is in .*: sigma_estimate is [0-9.]+ in the",
        ),
        (
            {"scores": at({"proxy": "parameters"}, value=5.0)},
            "score .*/lena/denoise/r64/None/parameters/none is in .* value is nan in the",
        ),
    ],
)
def test_rows_that_disagree_are_refused(sound, other, tmp_path, changes, said):
    for table, change in changes.items():
        change_rows(other, table, change)
    with pytest.raises(BuildError, match=said) as caught:
        release([sound, other], tmp_path / "data")
    where = f"is in '{sound}' and in '{other}', and not the same: .*; leave one of the two out"
    assert re.search(where, str(caught.value))
    assert not (tmp_path / "data").exists()


def test_curves_that_disagree_are_refused(sound, other, tmp_path):
    """By one thousandth of a dB at one kept point, where no number of the table is affected."""
    with h5py.File(other / "curves/r64-denoise-s0-0.h5", "r+") as file:
        file["psnr_smooth"][1, 4] += 1
        file["psnr_smooth"][5, 40] -= 3
    synthetic.rehash(other)
    with pytest.raises(
        BuildError,
        match=r"/chest/denoise/r64/0 is in .* their psnr_smooth curves are up to 0\.001 apart "
        r"\(dB\) \(2 runs differ in this\)",
    ):
        release([sound, other], tmp_path / "data")


def test_what_does_not_contradict(sound, other, tmp_path):
    """Who computed a run, and corruptions rounded as processors do it that add in another order."""
    elsewhere = {"seconds": 1.0, "engine": "fast", "stack": 5, "torch": "9", "device": "formula"}
    change_rows(other, "runs", each(lambda row: elsewhere))
    change_rows(other, "scores", each(lambda row: {"seconds": 7.0}))
    rounded = each(lambda row: {name: row[name] + 1e-12 for name in ("psnr_db", "ssim")})
    change_rows(other, "corruptions", rounded)
    release([sound, other], tmp_path / "data")
    assert same_files(tmp_path / "data", sound)


# What does not go together


@pytest.fixture(scope="module")
def contents(small_build: Path) -> Contents:
    return read_build(small_build)


def changed_part(contents: Contents, **facts) -> Contents:
    key = (FIDELITY, "denoise")
    return replace(contents, parts={**contents.parts, key: replace(contents.parts[key], **facts)})


def with_column(table: pa.Table, name: str, value) -> pa.Table:
    at = table.schema.get_field_index(name)
    values = pa.array([value] * len(table), table.schema.field(at).type)
    return table.set_column(at, table.schema.field(at), values)


def runs_with(contents: Contents, **values) -> Contents:
    parts = {}
    for key, part in contents.parts.items():
        runs = part.runs
        for name, value in values.items():
            runs = with_column(runs, name, value)
        parts[key] = replace(part, runs=runs)
    return replace(contents, parts=parts)


def test_the_row_of_a_build_is_kept_before_that_of_a_release(contents):
    early, late, later = (runs_with(contents, seconds=seconds) for seconds in (1.0, 2.0, 3.0))
    early = replace(early, sources=("an earlier release",))
    for sources, kept in (((early, late), 2.0), ((late, early), 2.0), ((later, late), 3.0)):
        found = merged(dict(zip("AB", sources, strict=True)))
        for part in found.parts.values():
            assert set(part.runs["seconds"].to_pylist()) == {kept}


def test_sources_of_other_settings_are_refused(contents):
    camera = contents.images["camera"]
    images = {**contents.images, "camera": {**camera, "sha256": "0" * 64}}
    for other, message in (
        (replace(contents, image_set="user"), "image_set is 'skimage' in 'A' and 'user' in 'B'"),
        (replace(contents, protocol_version=1), "protocol_version is 2 in 'A' and 1 in 'B'"),
        (replace(contents, images=images), "SHA-256 of image 'camera' is '.*' in 'A' and '000"),
        (changed_part(contents, channels=8), f"channels of fidelity {FIDELITY} is 16 in 'A'"),
        (changed_part(contents, stop=2), f"stop of denoise at {FIDELITY} is 3 in 'A' and 2 in"),
    ):
        with pytest.raises(BuildError, match=f"{message}.*do not go in one dataset"):
            merged({"A": contents, "B": other})


def test_scores_of_other_numbers_of_initialisations_are_refused(contents):
    def scored(inits: int, arch: str) -> Contents:
        parts = {}
        for key, part in contents.parts.items():
            mine = part.scores.filter(pc.equal(part.scores["architecture"], arch))
            parts[key] = replace(part, scores=with_column(mine, "inits", inits))
        return replace(contents, parts=parts)

    one, other = (str(arch) for arch in contents.architectures)
    assert merged({"A": scored(2, one), "B": scored(2, other)})
    with pytest.raises(
        BuildError, match="means over 2 initialisations in 'A' and over 8 initialisations in 'B'"
    ):
        merged({"A": scored(2, one), "B": scored(8, other)})


def of_seed(contents: Contents, seed: int, architecture: int, **values) -> Contents:
    """The runs of one architecture as if they were of another seed."""
    name = str(contents.architectures[architecture])
    parts = {}
    for key, part in contents.parts.items():
        mine = np.flatnonzero(part.runs["architecture"].to_numpy() == name)
        parts[key] = replace(
            part,
            runs=with_column(part.runs.take(mine), "seed", seed),
            stops=part.stops.take(np.array(mine)),
            codes={name: codes[mine] for name, codes in part.codes.items()},
            corruptions=with_column(part.corruptions, "seed", seed),
            restorations=tuple(part.restorations[row] for row in mine),
        )
    return runs_with(replace(contents, parts=parts), **values)


def test_runs_of_one_seed_are_of_one_kind_of_device_and_one_precision(contents, tmp_path):
    def on(device: str, kind: str | None, seed: int, arch: int, **values) -> Contents:
        found = of_seed(contents, seed, arch, device=device, **values)
        return replace(found, device_types={device: kind} if kind else {})

    cpu = on("AMD EPYC", "cpu", 0, 0)
    for other, message in (
        (on("NVIDIA H100", "cuda", 0, 1), "fp32 on cpu in 'A' and in fp32 on cuda in 'B'"),
        (on("AMD EPYC", "cpu", 0, 1, precision="bf16"), "fp32 on cpu in 'A' and in bf16 on cpu"),
        (on("A chip", None, 0, 1), "fp32 on cpu in 'A' and in fp32 on 'A chip' .CPU or GPU"),
    ):
        with pytest.raises(BuildError, match=f"seed 0 of .* at {FIDELITY} was run in {message}"):
            merged({"A": cpu, "B": other})
    for other in (
        on("Intel Xeon", "cpu", 0, 1),  # another processor of the kind
        on("AMD EPYC", None, 0, 1),  # known from the other source
        on("NVIDIA H100", "cuda", 0, 1, status="failed"),  # holds no numbers
        on("NVIDIA H100", "cuda", 1, 1),  # another seed
    ):
        found = merged({"A": cpu, "B": other})
        assert sum(len(part.runs) for part in found.parts.values()) == 8
        assert found.device_types["AMD EPYC"] == "cpu"
    manifest = write_release(lambda: found, tmp_path / "data")
    assert manifest.devices == ["AMD EPYC", "NVIDIA H100"]
    assert manifest.device_types == {"AMD EPYC": "cpu", "NVIDIA H100": "cuda"}
    assert read_dataset(tmp_path / "data").device_types == manifest.device_types


# Sources and targets


def test_sources_that_cannot_be_used_are_refused(small_build, released, tmp_path):
    with pytest.raises(
        BuildError, match="neither a build folder nor a dataset: it has neither build"
    ):
        read_source(tmp_path)
    with pytest.raises(BuildError, match="no source to release is given"):
        release([], tmp_path / "data")
    damaged = shutil.copytree(released, tmp_path / "damaged")
    (damaged / "scores.parquet").write_bytes(b"")
    with pytest.raises(BuildError, match="in '.*damaged' does not verify .scores.parquet"):
        release([small_build, damaged], tmp_path / "data")
    (damaged / "manifest.json").write_text("{}")
    with pytest.raises(DatasetError, match="is not the manifest of a dataset"):
        release([small_build, damaged], tmp_path / "data")
    empty = BuildFolder(tmp_path / "empty")
    empty.prepare(small_config(architectures=tuple(paper_architectures(3))))
    with pytest.raises(BuildError, match="nothing is finished in '.*empty'; build first"):
        release(empty.path, tmp_path / "data")
    # An empty build beside one that is not brings its architectures.
    assert release([small_build, empty.path], tmp_path / "data").architectures == 3


def test_the_command_merges(small_build, released, tmp_path, capsys):
    folders, out = by_architecture(small_build, tmp_path), tmp_path / "data"
    status, text, _ = nasdip_build(capsys, "release", *folders, "--out", out)
    assert status == 0
    assert "2 architectures, 2 images (skimage)" in text
    assert same_files(out, released)
