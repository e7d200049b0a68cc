"""Images: the catalogue, the two sets, users' files, sizes."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from PIL import PngImagePlugin

from nasdip_bench.errors import ImageError, UnknownNameError
from nasdip_bench.images import (
    IMAGE_SETS,
    NASDIP_IMAGES,
    SKIMAGE_IMAGES,
    Image,
    centre_crop,
    image_names,
    load_images,
    read_image,
)
from nasdip_bench.images import sets as images

PAPER_ORDER = ["misc", "lena", "barbara", "couple", "chest"]
PAPER_ORDER += ["man", "palace", "blood", "f16", "boat"]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def an_image(pixels: np.ndarray, **facts: str) -> Image:
    stated = {"name": "x", "image_set": "user", "source": "", "licence": "", "status": "user"}
    return Image(pixels=pixels, **(stated | facts))


# --- what an image is ---


def test_image_is_a_read_only_copy() -> None:
    pixels = noise(1, 64, 96)
    image = an_image(pixels)
    before = image.pixels[0, 0, 0]
    pixels[0, 0, 0] ^= 255
    assert image.pixels[0, 0, 0] == before
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0, 0] = 0
    assert (image.channels, image.height, image.width) == (1, 64, 96)


def test_sha256_is_over_the_rows() -> None:
    rows = noise(40, 64, 3)
    image = an_image(planes(rows))
    assert image.sha256 == hashlib.sha256(rows.tobytes()).hexdigest()


def test_images_compare_by_content() -> None:
    a, b = an_image(noise(3, 64, 64)), an_image(noise(3, 64, 64))
    assert a == b
    assert hash(a) == hash(b)
    assert a != an_image(noise(3, 64, 64, seed=1))
    assert a != an_image(noise(3, 64, 64), name="y")
    assert pickle.loads(pickle.dumps(a)) == a  # noqa: S301 - images travel to worker processes


@pytest.mark.parametrize(
    "pixels",
    [noise(64, 64), noise(2, 64, 64), noise(1, 64, 64) / 255, noise(1, 0, 64), noise(64, 64, 3)],
)
def test_image_refuses_other_arrays(pixels: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"'x': pixels of shape .* \(channels, height, width\)"):
        an_image(pixels)


# --- sizes ---


@settings(max_examples=40)
@given(
    blocks=st.integers(2, 6),
    extra=st.integers(0, 40),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_at_resolution(blocks: int, extra: int, channels: int, seed: int) -> None:
    resolution = 32 * blocks
    side = resolution + extra
    image = an_image(noise(channels, side, side, seed=seed))
    array = image.at_resolution(resolution)
    assert array.shape == (channels, resolution, resolution)
    assert array.dtype == np.float32
    assert array.min() >= 0
    assert array.max() <= 1
    levels = np.rint(array * 255).astype(np.uint8)
    np.testing.assert_array_equal(array, levels.astype(np.float32) / np.float32(255))
    for plane, reduced in zip(image.pixels, levels, strict=True):
        direct = PillowImage.fromarray(plane).resize(
            (resolution, resolution), PillowImage.Resampling.LANCZOS
        )
        np.testing.assert_array_equal(reduced, plane if extra == 0 else np.asarray(direct))


@pytest.mark.parametrize("resolution", [32, 100])
def test_at_resolution_refuses_other_sizes(resolution: int) -> None:
    with pytest.raises(ImageError, match=f"resolution {resolution}: it must be a multiple of 32"):
        an_image(noise(1, 128, 128)).at_resolution(resolution)


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    multiple=st.integers(1, 40),
    lead=st.sampled_from([(), (1,), (3,), (2, 3)]),
)
def test_centre_crop(height: int, width: int, multiple: int, lead: tuple[int, ...]) -> None:
    rows, columns = np.mgrid[:height, :width]
    pixels = np.broadcast_to(rows * 1000 + columns, (*lead, height, width))
    if min(height, width) < multiple:
        with pytest.raises(ImageError, match=f"{height} x {width} pixels .* multiples of"):
            centre_crop(pixels, multiple)
        return
    cropped = centre_crop(pixels, multiple)
    assert cropped.shape[:-2] == lead
    for size, kept, first in (
        (height, cropped.shape[-2], cropped[..., 0, 0].flat[0] // 1000),
        (width, cropped.shape[-1], cropped[..., 0, 0].flat[0] % 1000),
    ):
        assert kept % multiple == 0
        assert 0 <= size - kept < multiple
        assert first == (size - kept) // 2  # as many before as after, or one fewer
    np.testing.assert_array_equal(centre_crop(cropped, multiple), cropped)


@pytest.mark.images
def test_centre_crop_gives_the_papers_woman(images_dir: Path) -> None:
    source = images_dir.parent / "source"
    whole, cropped = source / "set5" / "woman.bmp", source / "isnas_dip" / "woman_rgb.png"
    if not (whole.exists() and cropped.exists()):
        pytest.skip(f"no test sets in {source}")
    np.testing.assert_array_equal(centre_crop(read_image(whole).pixels), read_image(cropped).pixels)


# --- the sets ---


def test_names_and_order() -> None:
    assert list(NASDIP_IMAGES) == PAPER_ORDER == list(images.catalogue())
    assert image_names("nasdip") == NASDIP_IMAGES
    assert image_names("skimage") == SKIMAGE_IMAGES
    assert SKIMAGE_IMAGES[:3] == ("camera", "astronaut", "coins")
    assert not set(SKIMAGE_IMAGES) & set(NASDIP_IMAGES)


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown image set 'kodak'.*nasdip, skimage"):
        image_names("kodak")
    with pytest.raises(UnknownNameError, match=r"unknown image 'lenna'\. Did you mean 'lena'"):
        load_images("nasdip", ["lenna"])
    with pytest.raises(UnknownNameError, match=r"unknown image 'lena'.*camera"):
        load_images("skimage", ["lena"])
    assert IMAGE_SETS == ("nasdip", "skimage")


def test_catalogue_is_consistent() -> None:
    for entry in images.catalogue().values():
        source = entry["source"]
        repository = source["repository"].removeprefix("github:")
        assert source["url"] == (
            f"https://raw.githubusercontent.com/{repository}/{source['commit']}/{source['path']}"
        )
        assert entry["size"] == [512, 512]
        assert entry["status"] in ("original", "same image, other encoding", "substitute")
        assert entry["licence"]
        assert {step["step"] for step in entry["processing"]} <= {"luma", "centre_crop", "resize"}
        for checksum in (entry["sha256_pixels"], entry["sha256_png"], source["sha256_source"]):
            assert re.fullmatch("[0-9a-f]{64}", checksum)


@pytest.mark.images
def test_catalogue_agrees_with_the_provenance(images_dir: Path) -> None:
    path = images_dir.parent / "PROVENANCE.json"
    if not path.exists():
        pytest.skip(f"no {path}")
    for known in json.loads(path.read_text("utf-8"))["nasdip"]:
        entry = images.catalogue()[known["name"]]
        for key in entry.keys() - {"source", "processing"}:
            assert entry[key] == known[key]
        assert entry["source"]["sha256_source"] == known["sha256_source"]
        assert known["source"].items() <= entry["source"].items()


@pytest.mark.images
def test_the_ten_from_a_folder(images_dir: Path) -> None:
    loaded = load_images(folder=images_dir)
    assert [image.name for image in loaded] == PAPER_ORDER
    for image in loaded:
        entry = images.catalogue()[image.name]
        assert image.image_set == "nasdip"
        assert image.sha256 == entry["sha256_pixels"]
        assert image.pixels.shape == (1, 512, 512)
        assert (image.licence, image.status) == (entry["licence"], entry["status"])
    assert loaded[1].source == (
        "github:ZezhouCheng/GP-DIP/data/inpainting/Dataset_Bernoulli/Lena512.png@7e90267"
    )
    assert load_images("nasdip", ["boat", "lena"], folder=images_dir) == [loaded[9], loaded[1]]
    assert load_images("nasdip", "lena", folder=images_dir) == [loaded[1]]


@pytest.mark.images
@pytest.mark.parametrize("name", NASDIP_IMAGES)
def test_source_files_give_the_ten(
    name: str, images_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checksum = images.catalogue()[name]["source"]["sha256_source"]
    for path in (images_dir.parent / "source").rglob("*.*"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == checksum:
            break
    else:
        pytest.skip(f"no source file of {name} beside {images_dir}")
    monkeypatch.setattr("nasdip_bench.images.download.fetch", lambda *_: path)
    (image,) = load_images("nasdip", [name])
    with PillowImage.open(images_dir / f"{name}.png") as picture:
        np.testing.assert_array_equal(image.pixels[0], np.asarray(picture))


def test_another_picture_under_a_catalogue_name(tmp_path: Path) -> None:
    PillowImage.fromarray(noise(512, 512)).save(tmp_path / "lena.png")
    expected = images.catalogue()["lena"]["sha256_pixels"]
    found = hashlib.sha256(noise(512, 512).tobytes()).hexdigest()
    with pytest.raises(ImageError, match="not the catalogue's image 'lena'") as caught:
        load_images("nasdip", ["lena"], folder=tmp_path)
    assert f"expected {expected}, found {found} (1 x 512 x 512)" in str(caught.value)
    assert "put the right file there" in str(caught.value)


def test_missing_folder_and_files(tmp_path: Path) -> None:
    ways = "download the ten, or use the stand-ins .--image-set skimage"
    with pytest.raises(ImageError, match=f"no images folder '.*nowhere'.*{ways}"):
        load_images(folder=tmp_path / "nowhere")
    with pytest.raises(ImageError, match=f"has no lena.png, boat.png: .*{ways}"):
        load_images("nasdip", ["lena", "boat"], folder=tmp_path)


# SHA-256 of the pixels, begin; made with Pillow 13.0.0 and scikit-image 0.26.0.
SKIMAGE_SHA256 = {
    "camera": "5cb24482", "astronaut": "f98a00b3", "coins": "e1cbc631", "moon": "a2036226",
    "brick": "664a145c", "gravel": "3d51ad45", "grass": "b18dae4c", "chelsea": "72f72ab6",
    "coffee": "776bc43f", "page": "9d59041c",
}  # fmt: skip


def test_skimage_set() -> None:
    loaded = load_images("skimage")
    assert {image.name: image.sha256[:8] for image in loaded} == SKIMAGE_SHA256
    for image in loaded:
        assert image.pixels.shape == (1, 512, 512)
        assert (image.image_set, image.status) == ("skimage", "stand-in")
        assert "scikit-image" in image.source
    data = pytest.importorskip("skimage.data")
    np.testing.assert_array_equal(loaded[0].pixels[0], data.camera())


def test_skimage_set_has_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"given with image set 'skimage'.*leave out one"):
        load_images("skimage", folder=tmp_path)


def test_skimage_without_its_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasdip_bench.images.sets.resources.files", lambda package: tmp_path)
    with pytest.raises(ImageError, match=r"scikit-image has no 'data/coins.png'.*reinstall"):
        load_images("skimage", ["coins"])


# --- users' files ---

GRAY, RGB = noise(40, 56), noise(40, 56, 3)
DEEP = np.random.default_rng(0).integers(0, 65536, (40, 56), np.uint16)
DEEP[0, :4] = 0, 128, 129, 65535
COLOURS = PillowImage.fromarray(RGB).quantize(32)
GRAYS = PillowImage.fromarray(np.stack([GRAY // 32 * 32] * 3, -1)).quantize(8)


def planes(rows: np.ndarray) -> np.ndarray:
    """(C, H, W)."""
    return np.moveaxis(np.atleast_3d(rows), -1, 0)


@pytest.mark.parametrize(
    ("suffixes", "picture", "rows"),
    [
        ("png tiff bmp ppm", PillowImage.fromarray(GRAY), GRAY),
        ("png tiff bmp ppm", PillowImage.fromarray(RGB), RGB),
        ("png", PillowImage.fromarray(GRAY > 127), (GRAY > 127) * 255),
        ("png tiff", PillowImage.fromarray(DEEP), np.rint(DEEP / 257)),
        ("png gif", COLOURS, np.asarray(COLOURS.convert("RGB"))),
        ("png gif", GRAYS, np.asarray(GRAYS.convert("L"))),
    ],
    ids=["gray", "rgb", "one bit", "16 bits", "palette", "palette of grays"],
)
def test_read_lossless(
    tmp_path: Path, suffixes: str, picture: PillowImage.Image, rows: np.ndarray
) -> None:
    for suffix in suffixes.split():
        path = tmp_path / f"my picture.{suffix}"
        picture.save(path)
        image = read_image(path)
        np.testing.assert_array_equal(image.pixels, planes(rows))
        assert (image.name, image.image_set, image.status) == ("my picture", "user", "user")
        assert image.source == f"file:{path.name}"


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("CMYK", 3)])
def test_read_jpeg(tmp_path: Path, mode: str, channels: int) -> None:
    PillowImage.fromarray(RGB).convert(mode).save(tmp_path / "x.jpg")
    assert read_image(tmp_path / "x.jpg").pixels.shape == (channels, 40, 56)


def test_alpha(tmp_path: Path) -> None:
    alpha = np.full((40, 56), 255, np.uint8)
    for name, colours in (("LA", GRAY), ("RGBA", RGB)):
        stored = np.dstack([colours, alpha])
        PillowImage.fromarray(stored).save(tmp_path / "opaque.png")
        opaque = read_image(tmp_path / "opaque.png").pixels
        np.testing.assert_array_equal(opaque, planes(colours))
        stored[:10, :, -1] = 0
        PillowImage.fromarray(stored).save(tmp_path / "clear.png")
        clear = read_image(tmp_path / "clear.png").pixels
        assert len(clear) == len(name) - 1
        assert (clear[:, :10] == 255).all()
        np.testing.assert_array_equal(clear[:, 10:], opaque[:, 10:])


def test_transparent_colour_of_a_palette(tmp_path: Path) -> None:
    picture = PillowImage.fromarray(RGB).quantize(16)
    picture.save(tmp_path / "x.gif", transparency=3)
    pixels = read_image(tmp_path / "x.gif").pixels
    with PillowImage.open(tmp_path / "x.gif") as stored:
        clear = np.asarray(stored) == stored.info["transparency"]
    assert clear.any()
    assert (pixels[:, clear] == 255).all()


@pytest.mark.parametrize("suffix", ["jpg", "tiff", "png"])
def test_exif_orientation(tmp_path: Path, suffix: str) -> None:
    picture = PillowImage.fromarray(GRAY // 2)
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # stored lying on its side: to be turned by 90° clockwise
    picture.save(tmp_path / f"lying.{suffix}", exif=exif)
    picture.save(tmp_path / f"plain.{suffix}")
    lying = read_image(tmp_path / f"lying.{suffix}").pixels[0]
    plain = read_image(tmp_path / f"plain.{suffix}").pixels[0]
    np.testing.assert_array_equal(lying, np.rot90(plain, -1))


def test_first_frame(tmp_path: Path) -> None:
    frames = [PillowImage.fromarray(noise(40, 56, seed=i)) for i in range(2)]
    frames[0].save(tmp_path / "x.tiff", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "x.tiff").pixels[0], np.asarray(frames[0]))


@pytest.mark.parametrize("content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_not_an_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(ImageError, match=r"x.png' is not an image that can be read.*PNG, JPEG"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "gif", "bmp", "ppm"])
def test_damage_is_an_image_error_or_an_image(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    PillowImage.fromarray(RGB).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-400])
    with pytest.raises(ImageError, match=r"^[^\n]*damaged[^\n]*$"):
        read_image(path)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        content = np.frombuffer(whole, np.uint8).copy()
        content[rng.integers(0, min(300, len(content)), 3)] = rng.integers(0, 256, 3, np.uint8)
        path.write_bytes(content.tobytes())
        try:
            read_image(path)
        except ImageError:
            refused += 1
    assert refused


@pytest.mark.parametrize("limit", [2000, 500])
def test_decompression_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    # Pillow warns above the limit and raises above twice the limit.
    PillowImage.fromarray(GRAY).save(tmp_path / "x.png")
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(ImageError, match=f"says it has more than {limit} pixels"):
        read_image(tmp_path / "x.png")


def test_odd_metadata_is_no_error(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add(b"eXIf", b"MM\0*\0\0\0\x08\0\x05\x01")
    PillowImage.fromarray(GRAY).save(tmp_path / "x.png", pnginfo=info)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png").pixels[0], GRAY)


def test_values_of_unknown_range(tmp_path: Path) -> None:
    PillowImage.fromarray(GRAY.astype(np.float32)).save(tmp_path / "f.tiff")
    with pytest.raises(ImageError, match="mode 'F', whose range is not defined"):
        read_image(tmp_path / "f.tiff")
    PillowImage.fromarray(GRAY.astype(np.int32) * 1000 - 5).save(tmp_path / "i.tiff")
    with pytest.raises(ImageError, match=r"values from -5 to \d+: only 8 and 16"):
        read_image(tmp_path / "i.tiff")


# --- files made to harm: they end in one line, at once ---


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "endless.png").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "endless"):
        with pytest.raises(ImageError, match="is a folder or a device, not an image file"):
            read_image(tmp_path / f"{name}.png")
    for name in ("gone", "loop"):
        with pytest.raises(ImageError, match=f"no image file '.*{name}.png': check the path"):
            read_image(tmp_path / f"{name}.png")
    with pytest.raises(ImageError, match=r"has no image: files that end in \.png"):
        load_images("user", folder=tmp_path)
    (tmp_path / "lena.png").symlink_to("pipe.png")
    with pytest.raises(ImageError, match=r"has no lena\.png"):
        load_images("nasdip", ["lena"], folder=tmp_path)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "", "a/b", "..\\b", "\udcff", "x" * 201])
def test_names_that_could_mislead_are_refused(name: str) -> None:
    with pytest.raises(ImageError, match="a name has 1 to 200 printable characters"):
        an_image(noise(1, 64, 64), name=name)
