"""Where rules stop runs, as arrays and as the files of stops/."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nasdip_bench.dataset.schema import PART_TABLES
from nasdip_bench.dataset.stop_parts import (
    CROSSING_LEVELS_DB,
    StopPart,
    crossings,
    read_stops,
    stacked_stops,
    stops_bytes,
    stops_table,
)
from nasdip_bench.errors import DatasetError

RULES = (("fixed", "iteration=3"), ("last", ""), ("plateau", "gain_db=1"))
RUNS = 5


def keys() -> pa.Table:
    rows = {
        "arch_id": [0, 0, 1, 1, 2],
        "image": ["lena", "boat"] * 2 + ["lena"],
        "task": ["denoise"] * RUNS,
        "fidelity": ["r64"] * RUNS,
        "seed": [3] * RUNS,
        "curve_row": [*range(RUNS)],
    }
    return pa.table(rows)


def part(seed: int = 0) -> StopPart:
    """Of five runs, the fourth of which did not end well."""
    draw, found = np.random.default_rng(seed), StopPart.empty(RUNS, RULES)
    found.values["iteration"][:] = draw.integers(1, 100, (RUNS, len(RULES)))
    found.values["paid"][:] = found.values["iteration"] + 1
    found.values["stopped"][:] = draw.random((RUNS, len(RULES))) < 0.5
    for name in ("psnr_smooth_db", "ssim_smooth"):
        found.values[name][:] = draw.random((RUNS, len(RULES)))
    for values in found.values.values():
        values[3] = 0
    return found


def same(one: StopPart, other: StopPart) -> None:
    assert one.rules == other.rules
    for name, values in one.values.items():
        np.testing.assert_array_equal(values, other.values[name])
        assert values.dtype == other.values[name].dtype
    np.testing.assert_array_equal(one.crossings, other.crossings)


def test_a_part_comes_back_from_its_file():
    written = part()
    content = stops_bytes(stops_table(written, keys()))
    table, found = read_stops(content, "stops/x.parquet", RUNS)
    same(found, written)
    assert len(table) == 4 * len(RULES)
    rows = table.to_pylist()
    assert [*rows[0]] == [column.name for column in PART_TABLES["stops"]]
    assert [row["rule"] for row in rows[:4]] == ["fixed", "last", "plateau", "fixed"]
    last = rows[-1]
    assert (last["arch_id"], last["image"], last["seed"], last["curve_row"]) == (2, "lena", 3, 4)
    assert last["iteration"] == written.values["iteration"][4, 2]
    assert stops_bytes(stops_table(part(), keys())) == content


def test_no_run_and_no_rule():
    nothing = StopPart.empty(RUNS, RULES)
    table, found = read_stops(stops_bytes(stops_table(nothing, keys())), "here", RUNS)
    assert (len(table), found.rules) == (0, ())
    assert stops_table(StopPart.empty(0), keys()[:0]).num_rows == 0


@pytest.mark.parametrize("row", [-1, RUNS])
def test_rows_of_no_run_and_rows_twice_are_refused(row):
    table = stops_table(part(), keys())
    place = table.schema.get_field_index("curve_row")
    rows = table["curve_row"].to_pylist()
    for changed in ([row, *rows[1:]], [rows[-1], *rows[1:]]):
        column = pa.array(changed, pa.int32())
        content = stops_bytes(table.set_column(place, table.schema.field(place), column))
        with pytest.raises(DatasetError, match=r"here has rows of no run, or one twice"):
            read_stops(content, "here", RUNS)


def test_other_columns_are_refused():
    table = stops_table(part(), keys()).drop_columns(["paid"])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    with pytest.raises(DatasetError, match="here does not have the columns"):
        read_stops(sink.getvalue().to_pybytes(), "here", RUNS)


def test_stops_of_several_sources_below_each_other():
    one, other = part(1), part(2).take(np.array([4, 0]))
    fewer = StopPart(
        other.rules[:1], {n: v[:, :1] for n, v in other.values.items()}, other.crossings + 7
    )
    whole = stacked_stops(7, [(np.array([0, 1, 2, 3, 4]), one), (np.array([6, 5]), fewer)])
    same(whole.take(np.arange(5)), one)
    assert whole.rules == RULES
    np.testing.assert_array_equal(
        whole.values["iteration"][[6, 5], 0], fewer.values["iteration"][:, 0]
    )
    assert not whole.values["iteration"][5:, 1:].any()
    assert (whole.crossings[5:] == 7).all()


def test_first_crossings_are_those_of_a_loop():
    draw = np.random.default_rng(0)
    curves = np.cumsum(draw.normal(0.3, 1, (20, 90)), axis=1) + 12
    curves[7, 50:] = np.nan
    found = crossings(curves)
    assert found.shape == (20, len(CROSSING_LEVELS_DB)) == (20, 40)
    for curve, row in zip(curves, found, strict=True):
        for level, at in zip(CROSSING_LEVELS_DB, row, strict=True):
            expected = next((t for t, value in enumerate(curve, 1) if value >= level), 0)
            assert at == expected
    assert {*np.unique(found > 0)} == {False, True}
