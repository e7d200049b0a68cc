"""A folder of one's own images as an image set: reading, refusing, building, releasing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench import NASDIPBench
from nasdip_bench.builder.plan.units import make_plan
from nasdip_bench.builder.release.release import release
from nasdip_bench.builder.work.build import build
from nasdip_bench.errors import ImageError, UnknownNameError
from nasdip_bench.images import load_images
from nasdip_bench.space import paper_architectures
from nasdip_bench.verify import verify
from tests.builds import small_config


def save(path: Path, shape: tuple[int, ...] = (96, 96)) -> None:
    pixels = np.random.default_rng(len(path.stem)).integers(0, 256, shape, np.uint8)
    PillowImage.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    save(photos / "wall.png")
    save(photos / "door.JPG", (80, 80, 3))
    (photos / "notes.txt").write_text("not an image")
    return photos


def test_images_are_called_after_their_files(folder):
    found = load_images("user", folder=folder)
    assert [(i.name, i.image_set, i.channels, i.height) for i in found] == [
        ("door", "user", 3, 80),
        ("wall", "user", 1, 96),
    ]
    assert [i.name for i in load_images("user", ["wall"], folder)] == ["wall"]


def test_what_cannot_be_used_is_refused(folder, tmp_path):
    with pytest.raises(ImageError, match=r"there is no images folder '.*none'"):
        load_images("user", folder=tmp_path / "none")
    with pytest.raises(UnknownNameError, match="unknown image 'wal'. Did you mean 'wall'"):
        load_images("user", ["wal"], folder)
    save(folder / "wall.tiff")
    with pytest.raises(ImageError, match="two files called 'wall'"):
        load_images("user", folder=folder)


def test_images_that_do_not_fit_the_fidelity_are_refused_before_anything_is_built(folder):
    save(folder / "long.png", (64, 96))
    with pytest.raises(ImageError, match="'long' has 64 x 96 .* only square .* crop it"):
        small_config(images=tuple(load_images("user", ["long"], folder)))
    save(folder / "tiny.png", (32, 32))
    with pytest.raises(ImageError, match="'tiny' has 32 x 32 .* resolution 64 would enlarge it"):
        small_config(images=tuple(load_images("user", ["tiny"], folder)))


def test_gray_and_colour_are_stacks_of_their_own(folder):
    config = small_config(images=tuple(load_images("user", folder=folder)))
    stacks = [unit.runs for unit in make_plan(config, stack=10) if unit.runs]
    assert [len(runs) for runs in stacks] == [1] * 8
    assert len({run for runs in stacks for run in runs}) == 8


def test_a_dataset_of_ones_own_images(folder, tmp_path):
    images, one = tuple(load_images("user", folder=folder)), tuple(paper_architectures(1))
    config = small_config(images=images, architectures=one, scoring_inits=1)
    build(config, tmp_path / "build", workers=1)
    release(tmp_path / "build", tmp_path / "data", name="mine", version="1")
    assert verify(tmp_path / "data") == []
    bench = NASDIPBench(tmp_path / "data")
    assert set(bench.to_frame("runs")["status"]) == {"ok"}
    assert bench.images == ("door", "wall")
    assert bench.manifest.image_set == "user"
    assert bench.to_frame("images")["channels"].tolist() == [3, 1]
    assert bench.cost(0, "denoise").image_channels == 3
    assert bench.cost(0, "denoise", image="wall").image_channels == 1
