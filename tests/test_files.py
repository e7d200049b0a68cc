"""Files are whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from nasdip_bench.files import atomic_path, sha256_bytes, write_atomic


def test_a_file_is_replaced_whole(tmp_path: Path):
    path = tmp_path / "a"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "a"
    write_atomic(path, b"one")

    def interrupted() -> None:
        with atomic_path(path) as aside:
            aside.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"one"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_sha256():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_bytes(b"") == empty
