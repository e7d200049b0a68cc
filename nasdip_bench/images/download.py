"""Fetch a file once and verify its checksum.

A returned file has the requested SHA-256; otherwise there is an error and nothing in the cache.
pooch, which comes with an extra, is imported on use.
"""

from __future__ import annotations

from pathlib import Path

from nasdip_bench.errors import DownloadError, not_installed

TIMEOUT_SECONDS = 30.0


def fetch(url: str, sha256: str, file_name: str) -> Path:
    """Download a file, or find it in the user's cache folder for ``nasdip-bench``.

    A cached file with the right checksum is returned without a request. One with another checksum
    is fetched again, and replaced only by a good one.

    Args:
        url: where the file is, over http or https.
        sha256: hash of the file's bytes, hexadecimal.
        file_name: its name in the cache.

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

    pooch.get_logger().setLevel("WARNING")  # it writes to stderr by itself
    folder = pooch.os_cache("nasdip-bench")
    get = pooch.HTTPDownloader(timeout=TIMEOUT_SECONDS)
    try:
        path = pooch.retrieve(url, f"sha256:{sha256}", fname=file_name, path=folder, downloader=get)
    except (OSError, ValueError) as error:  # no connection, no room or right; another checksum
        if (response := getattr(error, "response", None)) is not None:
            response.close()  # pooch leaves the connection of a refused request open
        raise DownloadError(
            f"cannot download {url} into {str(folder)!r} ({' '.join(str(error).split())}); check "
            f"the network, the proxy settings and the folder, or get the file from elsewhere"
        ) from error
    return Path(path)
