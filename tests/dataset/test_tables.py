"""The file of a table, and its strings written out."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nasdip_bench.dataset.schema import arrow_schema, table_columns
from nasdip_bench.dataset.tables import read_table, with_strings
from nasdip_bench.errors import UnknownNameError
from nasdip_bench.storage.files import parquet_bytes


def test_columns_of_several_row_groups_are_read_and_written_out(tmp_path):
    table = pq.read_table(io.BytesIO(content(100)))
    names = pa.array(["lena", "boat", "f16", "man"] * 25)
    place = table.schema.get_field_index("image")
    table = table.set_column(place, table.schema.field("image"), names)
    pq.write_table(table, tmp_path / "scores.parquet", row_group_size=30)
    found = read_table((tmp_path / "scores.parquet").read_bytes(), "scores")
    assert found["image"].num_chunks > 1
    for strings in ("dictionary", "string", "large_string"):
        one = with_strings(found, "scores", strings)
        assert one["image"].cast(pa.string()).to_pylist() == names.to_pylist()


@pytest.mark.parametrize("strings", ["dictionary", "string", "large_string"])
def test_missing_strings_stay_missing(strings):
    columns = table_columns("images")
    schema = arrow_schema(columns)
    values = {"string": ["a", "b", "c"], "int32": [1, 2, 3]}
    rows = {column.name: values[column.type] for column in columns}
    table = pa.table(rows | {"sha256": [None, "f", None]}, schema=schema)
    found = with_strings(read_table(parquet_bytes(table), "images"), "images", strings)
    assert found["sha256"].to_pylist() == [None, "f", None]
    assert found.cast(schema).equals(table)


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


@pytest.mark.parametrize("rows", [0, 1, 20_001])
@pytest.mark.parametrize("strings", ["dictionary", "string", "large_string"])
def test_a_table_is_read_with_its_strings_in_each_of_three_ways(rows, strings):
    encoded = read_table(content(rows), "scores")
    kinds = {
        "dictionary": pa.dictionary(pa.int32(), pa.string()),
        "string": pa.string(),
        "large_string": pa.large_string(),
    }
    expected = pq.read_table(io.BytesIO(content(rows)))
    for how, table in (
        ("dictionary", encoded),
        (strings, with_strings(encoded, "scores", strings)),
    ):
        assert table.num_rows == rows
        assert table.cast(expected.schema).equals(expected)
        assert table.schema.field("image").type == kinds[how]
        assert table.schema.field("value").metadata[b"meaning"]


def test_a_table_that_there_is_not_is_refused():
    with pytest.raises(UnknownNameError, match="unknown table 'score'"):
        read_table(content(1), "score")
