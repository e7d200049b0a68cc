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

EACH_WAY = {
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "string": pa.string(),
    "large_string": pa.large_string(),
}


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
def test_a_table_is_read_with_its_strings_in_each_of_three_ways(rows):
    expected = pq.read_table(io.BytesIO(content(rows)))
    for groups in (rows + 1, 7000):
        file = io.BytesIO()
        pq.write_table(expected, file, row_group_size=groups)
        encoded = read_table(file.getvalue(), "scores")
        for strings, kind in EACH_WAY.items():
            table = with_strings(encoded, "scores", strings)
            assert table.cast(expected.schema).equals(expected)
            assert table.schema.field("image").type == kind
            assert table.schema.field("value").metadata[b"meaning"]


def test_missing_strings_stay_missing():
    columns = table_columns("images")
    schema = arrow_schema(columns)
    values = {"string": ["a", "b", "c"], "int32": [1, 2, 3]}
    rows = {column.name: values[column.type] for column in columns}
    table = pa.table(rows | {"sha256": [None, "f", None]}, schema=schema)
    encoded = read_table(parquet_bytes(table), "images")
    for strings in EACH_WAY:
        found = with_strings(encoded, "images", strings)
        assert found["sha256"].to_pylist() == [None, "f", None]
        assert found.cast(schema).equals(table)


def test_a_table_that_there_is_not_is_refused():
    with pytest.raises(UnknownNameError, match="unknown table 'score'"):
        read_table(content(1), "score")
