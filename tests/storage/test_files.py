"""Files are whole or absent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nasdip_bench.errors import ConfigError
from nasdip_bench.storage.files import (
    atomic_path,
    check_folder,
    exchange,
    file_lock,
    write_atomic,
)


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


def test_two_folders_swap_names_in_one_step(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    if not exchange(tmp_path / "one", tmp_path / "two"):
        pytest.skip("this system or file system cannot exchange names")
    assert (tmp_path / "one" / "file").read_text() == "two"
    assert (tmp_path / "two" / "file").read_text() == "one"
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "one", tmp_path / "none")


def test_a_lock_is_held_by_one_at_a_time_and_outlives_nobody(tmp_path: Path):
    path = tmp_path / "lock"
    code = (
        "import os, sys, time\nfrom pathlib import Path\n"
        "from nasdip_bench.storage.files import file_lock\n"
        "with file_lock(Path(sys.argv[1])):\n"
        "    assert not Path(sys.argv[2]).exists()\n"
        "    Path(sys.argv[2]).touch(); time.sleep(0.1); Path(sys.argv[2]).unlink()\n"
        "    if sys.argv[3]: os._exit(3)"
    )
    arguments = [sys.executable, "-c", code, path, tmp_path / "held"]
    running = [subprocess.Popen([*arguments, "x" * (i % 2)]) for i in range(4)]
    assert sorted(process.wait(60) for process in running) == [0, 0, 3, 3]
    with file_lock(path):
        assert path.exists()
    assert not path.exists()


def test_what_cannot_be_a_folder_is_refused_before_any_work(tmp_path: Path, monkeypatch):
    (tmp_path / "file").touch()
    check_folder(tmp_path / "new" / "deeper")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    for path in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(ConfigError, match=r"cannot be a folder to write to: '.*/file' is a"):
            check_folder(path)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(ConfigError, match="may not be written to; name another with --out"):
        check_folder(tmp_path)
