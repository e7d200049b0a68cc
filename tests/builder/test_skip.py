"""What a dataset holds is left out of a build, where the two go together."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nasdip_bench.builder.plan.shares import Share
from nasdip_bench.builder.plan.units import RunKey
from nasdip_bench.builder.release.release import release
from nasdip_bench.builder.work.build import build
from nasdip_bench.builder.work.dry_run import preview
from nasdip_bench.builder.work.skip import finished_in_dataset
from nasdip_bench.errors import BuildError
from nasdip_bench.space import paper_architectures
from tests.builds import run_rows, small_config
from tests.synthetic import change_rows, each


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("skip")
    first = small_config(tasks=("denoise",), architectures=tuple(paper_architectures(1)))
    build(first, folder / "build", workers=1, stack=2)
    release(folder / "build", folder / "data")
    return folder / "data"


def test_a_build_goes_on_where_a_release_ends(released: Path, tmp_path: Path):
    folder = tmp_path / "build"
    outcome = build(small_config(), folder, workers=1, stack=2, skip=released)
    assert (outcome.finished, outcome.left) == (2 + 3, 0)  # scores of both, three stacks
    assert [str(line) for line in outcome.coverage] == [
        "denoise, seed 0: 4 of 4",
        "inpaint, seed 0: 4 of 4",
        "scores: 16 of 16",
    ]
    assert len(run_rows(folder)) == 6
    text = preview(small_config(), tmp_path / "new", stack=1, share=Share(1, 2), skip=released)
    assert "\nshare 1/2: 1 architectures x 2 images" in text
    assert ("denoise: 0 of 2 runs" in text) != ("denoise: 2 of 2 runs" in text)
    whole = release([released, folder], tmp_path / "data")
    for task in ("denoise", "inpaint"):
        record = whole.task("r64c16i3", task)
        assert (record.complete_seeds, record.runs, record.scored) == ([0], 4, 2)


def test_what_failed_there_is_not_left_out(released: Path, tmp_path: Path):
    statuses = {"camera": "failed", "coins": "diverged"}
    other = shutil.copytree(released, tmp_path / "other")
    change_rows(other, "runs", each(lambda row: {"status": statuses[row["image"]]}))
    for folder, images in ((released, {"camera", "coins"}), (other, {"coins"})):
        found = finished_in_dataset(folder, small_config())
        runs = {(run.image, run.task) for run in found if isinstance(run, RunKey)}
        assert runs == {(image, "denoise") for image in images}


def test_another_precision_or_device_is_refused(released: Path):
    with pytest.raises(BuildError, match="the precision of the dataset .*'fp32'.* 'bf16'"):
        finished_in_dataset(released, small_config(precision="bf16"))
    with pytest.raises(BuildError, match="the type of device .*'cpu'.* 'cuda'"):
        finished_in_dataset(released, small_config(device="cuda"))


def test_scores_over_other_initialisations_are_refused(released: Path):
    with pytest.raises(BuildError, match="number of scoring initialisations .* is 2, of .* 8: the"):
        finished_in_dataset(released, small_config(scoring_inits=8))
    there = finished_in_dataset(released, small_config())
    runs = {key for key in there if isinstance(key, RunKey)}
    # What the build does not score, or scores once however often it draws, does not matter.
    for changes in (
        {"scoring_inits": 0},
        {"scoring_inits": 8, "tasks": ("inpaint",)},
        {"scoring_inits": 8, "scores": ("parameters",)},
    ):
        assert finished_in_dataset(released, small_config(**changes)) >= runs


def test_another_picture_under_a_name_is_refused(released: Path):
    swapped = replace(small_config().images[1], name="camera")
    with pytest.raises(BuildError, match="the SHA-256 of image 'camera'"):
        finished_in_dataset(released, small_config(images=(swapped,)))
