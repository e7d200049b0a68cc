"""Image files made to harm: they end in one line, in little time and memory."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench.errors import ImageError
from nasdip_bench.images import Image, load_images, read_image


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(width: int, height: int, *more: bytes, data: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(data)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


BOMBS = {
    "sides.png": png(2**31 - 1, 2**31 - 1),
    "pixels.png": png(60_000, 60_000),
    "promise.png": png(9000, 9000),  # within the limit, and no pixel of it is there
    "text.png": png(
        1, 1, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(300 * 2**20), 1)), data=b"\0\0"
    ),
    "profile.png": png(
        1, 1, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(300 * 2**20), 1)), data=b"\0\0"
    ),
    "canvas.gif": b"GIF89a\xff\xff\xff\xff\x00\x00\x00,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;",
    "sides.bmp": b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 2**31 - 1, 2**31 - 1, 1, 24, 0, 0, 0, 0, 0, 0),
    "sides.ppm": b"P6 2000000000 2000000000 255\n",
    "digits.ppm": b"P6 " + b"9" * 100_000 + b" 1 255\n",
    "sides.tiff": b"II*\0\x08\0\0\0" + struct.pack("<H", 3)
    + b"".join(struct.pack("<HHII", tag, 4, 1, 2**31 - 1) for tag in (256, 257, 273)) + bytes(4),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_or_harmless(tmp_path: Path, name: str):
    """In a process with 3 GB of address space, so that one that goes off fails the test."""
    (tmp_path / name).write_bytes(BOMBS[name])
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30,) * 2)\n"
        "from pathlib import Path\n"
        "from nasdip_bench.errors import ImageError\nfrom nasdip_bench.images import read_image\n"
        "try: print(read_image(Path(sys.argv[1])).pixels.shape)\n"
        "except ImageError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / name],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    harmless = "(1, 1, 1)" in done.stdout and name in ("text.png", "profile.png")
    assert harmless or name in done.stdout
    assert done.stdout.count("\n") == 1


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
