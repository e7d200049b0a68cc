"""The reader of pickles that lets plain values through and runs nothing."""

from __future__ import annotations

import datetime
import os
import pickle
import pickletools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasdip_bench.builder.released_code import plain_pickle
from nasdip_bench.builder.released_code.plain_pickle import read_plain_pickle
from nasdip_bench.errors import DatasetError

CURVES = {"loss": [1.0, float("inf")], "best_iter": 3, "last_out": None, "outs": {}}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pickles") / "htr.pkl"


@pytest.mark.parametrize("protocol", range(3, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_are_those_of_python_and_arrays_are_skipped(file: Path, protocol: int):
    image = np.zeros((3, 4, 4), np.float32)
    file.write_bytes(pickle.dumps(CURVES | {"best_out": image, "outs_sm": {0: image}}, protocol))
    found = read_plain_pickle(file)
    assert {name: found[name] for name in CURVES} == CURVES
    assert type(found["best_out"]) is type(found["outs_sm"][0]) is plain_pickle._Unread


class Evil:
    def __reduce__(self):
        return os.system, ("touch run-by-the-pickle",)


FOREIGN = (Evil(), Evil, len, datetime.date(2020, 1, 1), np.array([Evil()], object), 1j, slice(1))
PROGRAMS = (
    b"cos\nsystem\n(S'touch run-by-the-pickle'\ntR.",
    b"(S'touch run-by-the-pickle'\nios\nsystem\n.",
    b"(cos\nsystem\nS'touch run-by-the-pickle'\no.",
    b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x05touch\x85R.",
    b"\x80\x02cos\nsystem\nX\x05\x00\x00\x00touch\x85\x81.",
    b"Pname\n.",
    b"\x80\x02\x82\x01.",
    b"cnumpy\nload\n(S'x'\ntR.",
    b"cbuiltins\neval\n(S'1+1'\ntR.",
    b"cantigravity\nvityxyz\n.",
)


def test_everything_else_is_refused_and_nothing_runs(file: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    contents = [pickle.dumps([value], p) for value in FOREIGN for p in (0, 2, 4, 5)]
    for content in (*contents, *PROGRAMS):
        file.write_bytes(content)
        with pytest.raises(DatasetError, match=r"htr.pkl' cannot be read \("):
            read_plain_pickle(file)
    with pytest.raises(DatasetError, match="names antigravity vityxyz, and only plain values"):
        read_plain_pickle(file)
    assert list(tmp_path.iterdir()) == []


def test_every_cut_is_an_error(file: Path):
    sound = pickle.dumps(CURVES | {"best_out": np.zeros(2)})
    for end in range(len(sound)):
        file.write_bytes(sound[:end])
        with pytest.raises(DatasetError):
            read_plain_pickle(file)


OPCODES = [op.code.encode("latin-1") for op in pickletools.opcodes]


@given(st.lists(st.sampled_from(OPCODES) | st.binary(max_size=3), max_size=30))
def test_any_instructions_give_a_value_or_an_error(file: Path, parts: list[bytes]):
    file.write_bytes(b"".join(parts) + b".")
    try:
        found = read_plain_pickle(file)
    except DatasetError:
        return
    assert type(found).__module__ == "builtins" or type(found) is plain_pickle._Unread


def test_sizes(file: Path, monkeypatch):
    """Bytes and numbers of values that are not there take no memory; large files are refused."""
    tracemalloc.start()
    file.write_bytes(b"\x80\x04\x8e" + (2**30).to_bytes(8, "little") + b"few.")
    with pytest.raises(DatasetError, match=r"cannot be read \(it ends early"):
        read_plain_pickle(file)
    file.write_bytes(b"\x80\x02K\x07r\xff\xff\xff\xff.")
    assert read_plain_pickle(file) == 7
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()
    monkeypatch.setattr(plain_pickle, "_MOST_BYTES", 5)
    with pytest.raises(DatasetError, match="it has more than 5 bytes"):
        read_plain_pickle(file)
    with pytest.raises(DatasetError, match="No such file"):
        read_plain_pickle(file.with_name("none.pkl"))
