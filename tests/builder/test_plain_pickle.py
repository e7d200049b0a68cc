"""The reader of pickles that lets plain values and arrays through, against Python's own."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import fractions
import io
import os
import pickle
import pickletools
import subprocess
import sys
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nasdip_bench.builder.released_code import plain_pickle
from nasdip_bench.builder.released_code.plain_pickle import read_plain_pickle
from nasdip_bench.errors import DatasetError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
NUMBERS = ("?", "b", "B", "<i2", ">i4", "<i8", "<u8", "<f4", ">f4", "<f8", ">f8", "<f2")


arrays = st.sampled_from(NUMBERS).flatmap(
    lambda kind: hnp.arrays(np.dtype(kind), hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
)


@given(values=st.lists(arrays, max_size=3), protocol=st.sampled_from(PROTOCOLS))
def test_arrays_are_those_of_python(values, protocol):
    content = pickle.dumps({"arrays": values}, protocol)
    found = read_plain_pickle(content, "it")["arrays"]
    expected = pickle.loads(content)["arrays"]  # noqa: S301 - bytes of our own
    assert all(map(np.array_equal, found, expected, [v.dtype.kind == "f" for v in values]))
    assert [(a.shape, a.dtype) for a in found] == [(a.shape, a.dtype) for a in expected]


def test_a_bytearray_is_bytes():
    assert read_plain_pickle(pickle.dumps([bytearray(b"ab")], 5), "it") == [b"ab"]


def test_orders_scalars_and_shared_values():
    by_column = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    value: dict[str, Any] = {"f": by_column, "s": [np.float64(1.5), np.float32(0.5), np.int64(7)]}
    value |= {"again": value["s"], "t": (1, (), (2, 3), (4, 5, 6), (7, 8, 9, None))}
    for protocol in PROTOCOLS:
        found = read_plain_pickle(pickle.dumps(value, protocol), "it")
        assert np.array_equal(found["f"], by_column)
        assert found["s"] == [1.5, 0.5, 7]
        assert found["again"] is found["s"]
        assert found["t"] == [1, [], [2, 3], [4, 5, 6], [7, 8, 9, None]]


class Evil:
    def __reduce__(self):
        return os.system, ("touch run-by-the-pickle",)


class Slot:
    pass


FOREIGN = {
    "a call": Evil(),
    "a class": Slot,
    "an object": Slot(),
    "a function": len,
    "a set": {1, 2},
    "a frozen set": frozenset({1}),
    "an ordered dict": collections.OrderedDict(a=1),
    "a date": datetime.date(2020, 1, 1),
    "a fraction": fractions.Fraction(1, 3),
    "a decimal": decimal.Decimal("1.5"),
    "an array of objects": np.array([Evil(), None], object),
    "an array of records": np.zeros(2, [("a", "f8")]),
    "an array of text": np.array(["a", "bc"]),
    "an array of dates": np.array(["2020-01-01"], "M8[D]"),
    "an array of complex numbers": np.zeros(2, complex),
    "a masked array": np.ma.array([1.0, 2.0], mask=[0, 1]),
    "Python's array": array.array("d", [1.0]),
    "a complex number": 1j,
    "a range": range(3),
    "a slice": slice(1),
}


PROGRAMS = (
    b"cos\nsystem\n(S'touch run-by-the-pickle'\ntR.",
    b"(S'touch run-by-the-pickle'\nios\nsystem\n.",
    b"(cos\nsystem\nS'touch run-by-the-pickle'\no.",
    b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x05touch\x85R.",
    b"\x80\x02cos\nsystem\nX\x05\x00\x00\x00touch\x85\x81.",
    b"Pname\n.",
    b"X\x04\x00\x00\x00nameQ.",
    b"\x80\x02\x82\x01.",
    b"cnumpy\nload\n(S'x'\ntR.",
    b"cnumpy\ndtype\n(S'O'\ntR.",
    b"cnumpy.core.multiarray\n_reconstruct\n.",
    b"cbuiltins\neval\n(S'1+1'\ntR.",
    b"cbuiltins\nbytes\n(I9999999999\ntR.",
    b"cbuiltins\nbytearray\n(I9999999999\ntR.",
)


def test_everything_else_is_refused_and_nothing_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    contents = [
        pickle.dumps({"results": [1.0, value]}, protocol)
        for value in FOREIGN.values()
        for protocol in PROTOCOLS
    ]
    for content in (*contents, *PROGRAMS):
        with pytest.raises(DatasetError, match=r"^it is (refused|not a complete pickle)"):
            read_plain_pickle(content, "it")
    assert list(tmp_path.iterdir()) == []


SOUND = pickle.dumps(
    {"loss": [1.0, np.float64(2.0)], "out": np.arange(2, dtype=np.float32).reshape(1, 2)}
)


def test_every_cut_is_an_error():
    for end in range(len(SOUND)):
        with pytest.raises(DatasetError):
            read_plain_pickle(SOUND[:end], "it")


def test_every_flipped_bit_gives_plain_values_or_an_error():
    refused = 0
    for position in range(8 * len(SOUND)):
        content = bytearray(SOUND)
        content[position // 8] ^= 1 << position % 8
        try:
            found = read_plain_pickle(bytes(content), "it")
        except DatasetError:
            refused += 1
        else:
            assert all_plain(found)
    assert refused > len(SOUND)


OPCODES = [op.code.encode("latin-1") for op in pickletools.opcodes]


@given(st.lists(st.sampled_from(OPCODES) | st.binary(max_size=3), max_size=30))
def test_any_instructions_give_plain_values_or_an_error(parts):
    try:
        found = read_plain_pickle(b"".join(parts) + b".", "it")
    except DatasetError:
        return
    assert all_plain(found)


def all_plain(value: Any) -> bool:
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if type(one) is dict:
            waiting += [*one, *one.values()]
        elif type(one) in (list, tuple):
            waiting += one
        elif isinstance(one, np.ndarray):
            if one.dtype.kind not in "?bBiuf":
                return False
        elif type(one) not in (bool, int, float, str, bytes, type(None)):
            return False
    return True


def test_a_small_file_cannot_unfold():
    """Arrays of more than their bytes, bytes that are not there, lists that double at each step."""
    tracemalloc.start()
    with pytest.raises(DatasetError, match="is not a complete pickle"):
        read_plain_pickle(b"\x80\x05\x96" + (2**30).to_bytes(8, "little") + b"few.", "it")
    small = pickle.dumps(np.zeros(1))
    huge = small.replace(b"K\x01\x85", b"J\xff\xff\xff\x7f\x85")  # its shape
    assert huge != small
    with pytest.raises(DatasetError, match="an array of shape"):
        read_plain_pickle(huge, "it")
    doubling: list[Any] = []
    for _ in range(60):
        doubling = [doubling, doubling]
    content = pickle.dumps(doubling)
    started = time.monotonic()
    read_plain_pickle(content, "it")
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()
    assert time.monotonic() - started < 10


def test_what_would_crash_the_process_is_refused():
    """A key whose hash overflows the stack, and a memo that would fill the memory."""
    deep = b"\x80\x02}" + b")" + b"\x85" * 10**6 + b"K\x01s."
    with pytest.raises(DatasetError, match="unhashable"):
        read_plain_pickle(deep, "it")
    assert read_plain_pickle(b"\x80\x02K\x07r\xff\xff\xff\xff.", "it") == 7


def test_a_list_inside_itself_ends():
    inside: list[Any] = [np.zeros(2)]
    inside.append(inside)
    found = read_plain_pickle(pickle.dumps(inside), "it")
    assert found[1] is found


def test_limits(monkeypatch):
    monkeypatch.setattr(plain_pickle, "MAX_BYTES", 10)
    with pytest.raises(DatasetError, match="refused.*bytes; at most 10 are read"):
        read_plain_pickle(SOUND, "it")


def test_it_imports_nothing_that_a_file_names():
    content = (
        pickle.dumps(decimal.Decimal(1))
        .replace(b"decimal", b"antigra")
        .replace(b"Decimal", b"vityxyz")
    )
    code = (
        "import sys\n"
        "from nasdip_bench.builder.released_code.plain_pickle import read_plain_pickle\n"
        "from nasdip_bench.errors import DatasetError\n"
        f"before = set(sys.modules)\ntry: read_plain_pickle({content!r}, 'it')\n"
        "except DatasetError as error: print(error)\n"
        "print(sorted(set(sys.modules) - before), 'pickle' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "antigra vityxyz" in found
    assert found.splitlines()[-1].startswith("[]")
    assert io.StringIO(found).readline().startswith("it is refused: it contains antigra")
