"""A release does not take the place of a dataset that has what it lacks, unless told to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nasdip_bench.builder.release.losses import refuse_lost_distances
from nasdip_bench.builder.release.release import release
from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.errors import BuildError
from tests import synthetic
from tests.builds import nasdip_build

LOW = "r64c16i40"
WHOLE = {"count": 3, "fidelities": (LOW,), "seeds": {LOW: (0,)}}
PER_TASK = 3 * len(synthetic.IMAGES)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A dataset with distances of its denoising runs."""
    path = synthetic.write_release(tmp_path / "whole", **WHOLE)
    return synthetic.add_distances(path, LOW, "denoise")


def release_over(old: Path, sources: list[Path], **options) -> None:
    """Release, and hold the old dataset to be whole where it was refused."""
    before = {path.name: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    try:
        release(sources, old, version="2", **options)
    except BuildError:
        after = {path.name: path.read_bytes() for path in old.rglob("*") if path.is_file()}
        assert after == before
        raise


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"count": 2}, f"6 of {2 * PER_TASK} runs"),
        ({"tasks": ("denoise",)}, f"{PER_TASK} of {2 * PER_TASK} runs"),
        ({"missing": {(LOW, "inpaint", 1, "lena", 0)}}, f"1 of {2 * PER_TASK} runs"),
        ({"failed": {(LOW, "inpaint", 1, "lena", 0)}}, f"1 of {2 * PER_TASK} runs"),
        ({"seeds": {LOW: (1,)}}, f"{2 * PER_TASK} of {2 * PER_TASK} runs"),
        ({"unscored": {2}}, "of [0-9]+ scores"),
        ({}, "9 of 9 distances between restorations"),
    ],
)
def test_what_would_be_lost_is_counted(whole: Path, tmp_path: Path, changes, lost):
    other = synthetic.write_release(tmp_path / "other", **(WHOLE | changes))
    with pytest.raises(BuildError, match=rf"would lose .*{lost}.*among the sources.*--replace"):
        release_over(whole, [other])
    manifest = release([other], whole, version="2", replace=True)
    assert manifest.architectures == DatasetFolder(other).manifest.architectures


def test_what_has_it_all_takes_the_place(whole: Path, tmp_path: Path):
    more = synthetic.write_release(tmp_path / "more", **(WHOLE | {"count": 4}))
    synthetic.add_distances(more, LOW, "denoise")
    release_over(whole, [more])
    assert DatasetFolder(whole).manifest.architectures == 4


def test_what_failed_may_be_lost(tmp_path: Path):
    failed = {(LOW, "inpaint", 1, "lena", 0)}
    old = synthetic.write_release(tmp_path / "old", **WHOLE, failed=failed)
    lacking = synthetic.write_release(tmp_path / "lacking", **WHOLE, missing=failed)
    release_over(old, [lacking])


def test_a_dataset_among_its_sources_loses_nothing(whole: Path, tmp_path: Path):
    other = synthetic.write_release(tmp_path / "other", **(WHOLE | {"seeds": {LOW: (1,)}}))
    release_over(whole, [other, whole])
    runs = DatasetFolder(whole).manifest.fidelities[LOW]["tasks"]["denoise"]["seeds"]
    assert runs == {"0": PER_TASK, "1": PER_TASK}


def with_other_pixels(whole: Path, path: Path) -> Path:
    """Another picture under the name of the first that was there."""
    shutil.copytree(whole, path)
    return synthetic.change_rows(path, "images", lambda rows: rows[0].update(sha256="f" * 64))


def test_what_is_of_other_pixels_is_lost(whole: Path, tmp_path: Path):
    other = with_other_pixels(whole, tmp_path / "other")
    with pytest.raises(BuildError, match=rf"6 of {2 * PER_TASK} runs, 30 of 90 scores"):
        release_over(whole, [other])
    with pytest.raises(BuildError, match="would lose 3 of 9 distances"):
        refuse_lost_distances(whole, other)
    refuse_lost_distances(whole, whole)
    refuse_lost_distances(tmp_path / "nothing", other)


def test_distances_of_fewer_pairs_are_lost(whole: Path, tmp_path: Path):
    """Two restorations of three: one pair of three, on each of the images."""
    more = synthetic.write_release(tmp_path / "more", **(WHOLE | {"count": 4}))
    without = {(1, image, 0) for image in ("lena", "chest")}
    synthetic.add_distances(more, LOW, "denoise", without=without)
    with pytest.raises(BuildError, match="would lose 4 of 9 distances between restorations, whi"):
        release_over(whole, [more])
    release_over(whole, [more], replace=True)


def test_a_dataset_that_cannot_be_read_is_not_replaced(whole: Path, tmp_path: Path):
    more = synthetic.write_release(tmp_path / "more", **WHOLE)
    synthetic.add_distances(more, LOW, "denoise")
    for name, content in ((f"distances/{LOW}-denoise.h5", b"HDF"), ("scores.parquet", b"PAR1")):
        damaged = shutil.copytree(whole, tmp_path / content.decode())
        (damaged / name).write_bytes(content)
        with pytest.raises(BuildError, match=rf"new one lacks: {name} .* is damaged"):
            release_over(damaged, [more])
        release_over(damaged, [more], replace=True)
    # Where its hashes agree, so that only its content is wrong.
    synthetic.change_rows(whole, "runs", synthetic.each(lambda row: {"arch_id": 99}))
    with pytest.raises(BuildError, match="new one lacks: Index 99 out of bounds"):
        release_over(whole, [more])


def test_the_command_line(whole: Path, tmp_path: Path, capsys):
    other = synthetic.write_release(tmp_path / "other", **(WHOLE | {"count": 1}))
    arguments = ("release", other, f"--out={whole}", "--release-version=2")
    status, _, error = nasdip_build(capsys, *arguments)
    assert (status, error.count("\n")) == (2, 1)
    assert "would lose 12 of 18 runs" in error
    assert nasdip_build(capsys, *arguments, "--replace")[0] == 0
    assert json.loads((whole / "manifest.json").read_text())["architectures"] == 1
