"""Downloads, against a server on this machine."""

from __future__ import annotations

import hashlib
import io
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench.errors import DownloadError, ImageError, MissingDependencyError
from nasdip_bench.images import sets as images
from nasdip_bench.images.download import fetch

CONTENT = b"a file of some length " * 500


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Server:
    """Serves ``files`` over http on loopback and notes what was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                if self.path not in server.files:
                    self.send_error(404)
                else:
                    content = server.files[self.path]
                    self.send_response(200)
                    # "/cut" promises more than it delivers, as a connection that is lost does.
                    promised = len(content) + (100 if self.path == "/cut" else 0)
                    self.send_header("Content-Length", str(promised))
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder for nasdip-bench."""
    pytest.importorskip("pooch")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    return tmp_path / "nasdip-bench"


@pytest.fixture
def server(cache: Path) -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def test_fetched_once_and_nothing_is_said(
    server: Server, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.files["/a.bin"] = CONTENT
    for _ in range(2):
        path = fetch(f"{server.url}/a.bin", sha256(CONTENT), "b.bin")
        assert path == cache / "b.bin"
        assert path.read_bytes() == CONTENT
    assert server.requests == ["/a.bin"]
    assert capfd.readouterr() == ("", "")


def test_damaged_cache_is_replaced(server: Server, cache: Path) -> None:
    server.files["/a.bin"] = CONTENT
    cache.mkdir()
    (cache / "a.bin").write_bytes(b"damaged")
    path = fetch(f"{server.url}/a.bin", sha256(CONTENT), "a.bin")
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/other", "hash of downloaded file .* does not match"),
        ("/gone", "404 Client Error: Not Found"),
        ("/cut", ""),
    ],
)
def test_a_failed_download_leaves_nothing(
    server: Server, cache: Path, path: str, reason: str
) -> None:
    server.files |= {"/other": b"another file", "/cut": CONTENT[:-100]}
    with pytest.raises(DownloadError, match=f"cannot download .*{path} .*{reason}.*folder, or ge"):
        fetch(server.url + path, sha256(CONTENT), "a.bin")
    assert list(cache.iterdir()) == []


def test_without_pooch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install '\.\[download\]'"):
        fetch("http://127.0.0.1/a", sha256(CONTENT), "a")
    with pytest.raises(MissingDependencyError, match=r"download\].*--image-set skimage"):
        images.load_images("nasdip", ["lena"])


# --- load_images by download ---


@pytest.fixture
def published(server: Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A catalogue with a colour picture called lena, which the server has, and its result."""
    rows = np.random.default_rng(0).integers(0, 256, (520, 600, 3), np.uint8)
    picture = PillowImage.fromarray(rows)
    file = io.BytesIO()
    picture.save(file, "PNG")
    server.files["/lena.png"] = file.getvalue()
    gray = picture.convert("L").crop((40, 0, 560, 520))
    result = np.asarray(gray.resize((512, 512), PillowImage.Resampling.LANCZOS))
    entry = dict(images.catalogue()["lena"])
    entry["source"] = entry["source"] | {
        "url": f"{server.url}/lena.png",
        "sha256_source": sha256(file.getvalue()),
    }
    entry["sha256_pixels"] = sha256(result.tobytes())
    entry["processing"] = [
        {"step": "luma", "standard": "ITU-R 601"},
        {"step": "centre_crop", "left": 40, "top": 0, "width": 520, "height": 520},
        {"step": "resize", "width": 512, "height": 512, "filter": "LANCZOS"},
    ]
    monkeypatch.setattr(images, "catalogue", lambda: {"lena": entry})
    return {"entry": entry, "result": result}


def test_load_by_download(server: Server, published: dict[str, Any]) -> None:
    for _ in range(2):
        (image,) = images.load_images("nasdip", ["lena"])
        np.testing.assert_array_equal(image.pixels[0], published["result"])
    assert server.requests == ["/lena.png"]
    assert image.status == "original"


def test_load_that_decodes_in_another_way(published: dict[str, Any]) -> None:
    published["entry"]["sha256_pixels"] = "0" * 64
    with pytest.raises(ImageError, match=r"expected 0{64}, found .*Pillow .* decodes it in ano"):
        images.load_images("nasdip", ["lena"])


def test_failed_load_names_the_other_ways(server: Server, published: dict[str, Any]) -> None:
    server.files.clear()
    with pytest.raises(DownloadError, match=r"404.*--images-dir.*--image-set skimage") as caught:
        images.load_images("nasdip", ["lena"])
    assert "\n" not in str(caught.value)
