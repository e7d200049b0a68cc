"""Fetch a file once and verify its checksum.

A returned file has the requested SHA-256; otherwise there is an error and nothing in the cache.
pooch, which comes with an extra, is imported on use.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nasdip_bench.errors import DownloadError, not_installed
from nasdip_bench.storage.files import sha256_bytes

TIMEOUT_SECONDS = 30.0

logger = logging.getLogger(__name__)


def fetch(url: str, sha256: str, *, cache_dir: Path | None, file_name: str) -> Path:
    """Download a file, or find it in the cache.

    A cached file with the right checksum is returned without a request. One with another checksum
    is fetched again, and replaced only by a good one.

    Args:
        url: where the file is, over http or https.
        sha256: hash of the file's bytes, hexadecimal.
        cache_dir: folder to keep it in, created if missing; None: the user's cache folder for
            ``nasdip-bench``.
        file_name: its name in that folder.

    Returns:
        Path of the file.

    Raises:
        MissingDependencyError: pooch is not installed.
        DownloadError: the file cannot be fetched or stored, or is not the requested one.
    """
    try:
        import pooch
    except ImportError as error:
        raise not_installed(f"downloading {file_name!r}", "pooch", "download") from error

    get = pooch.HTTPDownloader(timeout=TIMEOUT_SECONDS)

    def get_checked(url: str, output_file: str, pooch: Any) -> None:
        # Checked before pooch does, so that the error can name both checksums. After any error
        # pooch removes the download.
        logger.info("downloading %s", url)
        get(url, output_file, pooch)
        found = sha256_bytes(Path(output_file).read_bytes())
        if found != sha256:
            raise DownloadError(
                f"{url} is not the file it should be: SHA-256 expected {sha256}, found {found}; "
                f"nothing was kept. Try again, or get the file from elsewhere."
            )

    folder = Path(pooch.os_cache("nasdip-bench")) if cache_dir is None else Path(cache_dir)
    try:
        with _quiet(pooch.get_logger()):
            path = pooch.retrieve(
                url, f"sha256:{sha256}", fname=file_name, path=folder, downloader=get_checked
            )
    except DownloadError:
        raise
    except OSError as error:  # all of requests' exceptions are OSErrors
        raise DownloadError(_reason(error, url, folder)) from error
    return Path(path)


def _reason(error: OSError, url: str, folder: Path) -> str:
    """One line on why a download failed."""
    from requests.exceptions import RequestException  # pooch depends on requests

    response = getattr(error, "response", None)
    if response is not None:
        response.close()  # pooch leaves the connection of a refused request open
        return (
            f"cannot download {url}: the server answered {response.status_code} "
            f"{response.reason}; try again later, or get the file from elsewhere."
        )
    if isinstance(error, RequestException):
        return (
            f"cannot download {url}: the connection failed ({_innermost(error)}); check "
            f"the network and the proxy settings, or get the file from elsewhere."
        )
    return (
        f"cannot keep a download in {str(folder)!r}: {error.strerror or error}; name a folder that "
        f"can be written to."
    )


def _innermost(error: BaseException) -> str:
    """The system's own message, without the layers that requests and urllib3 add."""
    seen: BaseException = error
    while (cause := seen.__cause__ or seen.__context__) is not None:
        seen = cause
    text = getattr(seen, "strerror", None) or str(seen) or type(seen).__name__
    return " ".join(str(text).split())


@contextmanager
def _quiet(log: logging.Logger) -> Iterator[None]:
    """Limit a logger that writes to stderr by itself to warnings."""
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)
