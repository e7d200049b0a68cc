"""Image files made to harm: they end in one line, at once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench.errors import ImageError
from nasdip_bench.images import Image, load_images, read_image


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "endless.png").symlink_to("/dev/zero")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(ImageError, match=r"there is no image file|is a folder or a device"):
            read_image(path)
    with pytest.raises(ImageError, match="has no image"):
        load_images("user", folder=tmp_path)
    (tmp_path / "lena.png").symlink_to("pipe.png")
    with pytest.raises(ImageError, match=r"has no lena\.png"):
        load_images("nasdip", ["lena"], folder=tmp_path)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "", "a/b", "..\\b", "\udcff", "x" * 201])
def test_names_that_could_mislead_are_refused(name: str):
    with pytest.raises(ImageError, match="a name has 1 to 200 printable characters"):
        Image(
            name=name,
            image_set="user",
            pixels=np.zeros((1, 64, 64), np.uint8),
            source="",
            licence="",
            status="user",
        )


def test_a_file_whose_name_is_no_text_is_refused_before_anything_is_built(tmp_path: Path):
    PillowImage.new("L", (64, 64)).save(tmp_path / "good.png")
    os.link(tmp_path / "good.png", os.fsencode(tmp_path) + b"/bad\xff.png")
    with pytest.raises(ImageError, match=r"image name 'bad.*printable"):
        load_images("user", folder=tmp_path)
