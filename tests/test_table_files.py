"""The file of a table: what is checked in its columns, and its strings written out."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasdip_bench import table_files
from nasdip_bench.errors import DatasetError, UnknownNameError
from nasdip_bench.files import parquet_bytes
from nasdip_bench.schema import arrow_schema, table_columns
from nasdip_bench.table_files import read_table, with_strings

NAMES = ("denoise", "", "ä\N{SNOWMAN}", "inpaint")


def encoded(positions, names=NAMES, nulls=None):
    """A column of dictionaries, nothing checked."""
    indices = pa.array(np.asarray(positions, np.int32), mask=nulls)
    chunk = pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string()), safe=False)
    return pa.chunked_array([chunk])


@pytest.mark.parametrize("to", [pa.string(), pa.large_string()])
@given(
    runs=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20)), min_size=1, max_size=30),
    cut=st.integers(0, 30),
)
def test_strings_written_out_by_runs_are_those_written_out_one_by_one(to, runs, cut):
    positions = [position for position, rows in runs for _ in range(rows)]
    column = encoded(positions).slice(cut)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_files, "_PIECE", 4)
        patch.setattr(table_files, "_SHORT_RUN", 2)
        written = table_files._written_out(column, to)
    written.validate(full=True)
    assert written.type == to
    assert written.equals(column.cast(to))


@pytest.mark.parametrize("rows", [table_files._SHORT_RUN, table_files._SHORT_RUN - 1])
def test_pieces_are_shared_where_runs_are_long(rows):
    column = encoded(np.repeat(np.arange(40) % 4, rows))
    written = table_files._written_out(column, pa.string())
    assert written.equals(column.cast(pa.string()))
    assert (written.num_chunks > 1) == (rows >= table_files._SHORT_RUN)


def test_strings_that_would_fill_the_memory_are_not_written_out(monkeypatch):
    monkeypatch.setattr(table_files, "_MOST_COLUMN_BYTES", 1000)
    names = ["a", "b" * 100]
    assert len(table_files._written_out(encoded([1] * 10, names), pa.large_string())) == 10
    assert len(table_files._written_out(encoded([0] * 900 + [1], names), pa.large_string())) == 901
    with pytest.raises(ValueError, match="its strings are more than 1000 bytes long"):
        table_files._written_out(encoded([1] * 11, names), pa.large_string())
    table = read_table(content(300), "scores", "dictionary")["dictionary"]
    with pytest.raises(DatasetError, match=r"scores\.parquet cannot be parsed: its strings"):
        with_strings(table, "scores", "string")


def test_columns_of_several_row_groups_are_read_and_written_out(tmp_path):
    table = pq.read_table(io.BytesIO(content(100)))
    names = pa.array(["lena", "boat", "f16", "man"] * 25)
    place = table.schema.get_field_index("image")
    table = table.set_column(place, table.schema.field("image"), names)
    pq.write_table(table, tmp_path / "scores.parquet", row_group_size=30)
    found = read_table((tmp_path / "scores.parquet").read_bytes(), "scores", "large_string")
    assert found["dictionary"]["image"].num_chunks > 1
    for one in found.values():
        assert one["image"].cast(pa.string()).to_pylist() == names.to_pylist()


@pytest.mark.parametrize("column", ["arch_id", "inits", "protocol_version"])
def test_columns_of_unequal_length_are_one_clear_error(column):
    """A page that says it has a row less than there are, whichever thread reads it."""
    rows = 20_001
    table = pq.read_table(io.BytesIO(content(rows)))
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="none", use_dictionary=["image"])
    found = pq.ParquetFile(buffer).metadata.row_group(0)
    place = table.schema.get_field_index(column)
    start = found.column(place).data_page_offset
    damaged = bytearray(buffer.getvalue())
    at = damaged.index(b"\xc2\xb8\x02", start)  # 20001 zigzag, as a varint
    damaged[at : at + 3] = b"\xc0\xb8\x02"
    with pytest.raises(DatasetError, match=r"scores\.parquet cannot be parsed"):
        read_table(bytes(damaged), "scores", "string")


def test_a_long_run_is_one_piece_of_memory_again_and_again():
    rows = table_files._PIECE * 10 + 7
    written = table_files._written_out(encoded(np.full(rows, 2)), pa.large_string())
    assert written.to_pylist() == [NAMES[2]] * rows
    assert len({chunk.buffers()[2].address for chunk in written.chunks}) == 1


@pytest.mark.parametrize("nulls", [[True, False, False], [True, True, True]])
def test_missing_strings_stay_missing(nulls):
    column = encoded([0, 1, 3], nulls=np.array(nulls))
    written = table_files._written_out(column, pa.string())
    assert written.null_count == sum(nulls)
    assert written.equals(column.cast(pa.string()))


@given(
    positions=st.lists(st.integers(-3, 6) | st.sampled_from([-(2**31), 2**31 - 1]), max_size=8),
    nulls=st.lists(st.booleans(), min_size=8, max_size=8),
    some=st.booleans(),
    cut=st.integers(0, 8),
)
def test_values_are_refused_where_arrows_full_validation_refuses_them(positions, nulls, some, cut):
    mask = np.array(nulls[: len(positions)], bool) if some else None
    column = encoded(positions, nulls=mask).slice(cut)
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        with pytest.raises(ValueError, match="position|index|Negative|bounds"):
            table_files._check_values(column)
    else:
        table_files._check_values(column)


def test_strings_that_are_not_utf8_are_refused():
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe")]
    )
    chunk = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int32()), broken)
    for column in (pa.chunked_array([chunk]), pa.chunked_array([broken])):
        with pytest.raises(ValueError, match="UTF"):
            table_files._check_values(column)


def content(rows):
    numbers = np.arange(rows)
    values = {
        "int32": numbers % 7,
        "int64": numbers,
        "float32": numbers / 8,
        "float64": numbers / 8,
        "string": np.array(["lena", "boat", "f16"], object)[numbers % 3],
    }
    columns = table_columns("scores")
    schema = arrow_schema(columns)
    arrays = [pa.array(values[c.type], schema.field(c.name).type) for c in columns]
    return parquet_bytes(pa.table(arrays, schema=schema))


@pytest.mark.parametrize("rows", [0, 1, table_files._LONG_TABLE + 1])
@pytest.mark.parametrize("strings", ["dictionary", "string", "large_string"])
def test_a_table_is_read_with_its_strings_in_each_of_three_ways(rows, strings):
    found = read_table(content(rows), "scores", strings)
    assert set(found) == {"dictionary", strings}
    kinds = {
        "dictionary": pa.dictionary(pa.int32(), pa.string()),
        "string": pa.string(),
        "large_string": pa.large_string(),
    }
    expected = pq.read_table(io.BytesIO(content(rows)))
    for how, table in found.items():
        assert table.num_rows == rows
        assert table.cast(expected.schema).equals(expected)
        assert table.schema.field("image").type == kinds[how]
        assert table.schema.field("value").metadata[b"meaning"]
    again = with_strings(found["dictionary"], "scores", strings)
    assert again.equals(found[strings])
    assert again.schema.equals(found[strings].schema, check_metadata=True)


def test_a_table_of_other_rows_than_the_manifest_says_is_refused():
    with pytest.raises(DatasetError, match=r"manifest\.json says 4 scores, the table has 3; run"):
        read_table(content(3), "scores", "string", rows=4)


def test_a_table_that_there_is_not_is_refused():
    with pytest.raises(UnknownNameError, match="unknown table 'score'"):
        read_table(content(1), "score", "string")
