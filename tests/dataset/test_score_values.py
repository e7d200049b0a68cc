"""The single values of scores: what the file holds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.builder.release.release import release
from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.score_values import read_score_values, score_values_bytes


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (0, 5), (3, 0), (5000, 3)])
def test_what_is_written_is_read(shape):
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    found = read_score_values(score_values_bytes(values))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values)


def test_not_a_bit_is_lost():
    values = np.array([[1, 2, 3], [4, np.nan, np.nan], [-0.0, 1e-30, 3e38]], np.float32)
    found = read_score_values(score_values_bytes(values))
    np.testing.assert_array_equal(found, values)
    assert np.signbit(found[2, 0])


# In a release


def test_a_release_has_the_values_that_were_built(small_build, tmp_path):
    release(small_build, tmp_path / "data")
    folder = DatasetFolder(tmp_path / "data")
    names = folder.table("architectures")["architecture"].to_pylist()
    found = folder.score_values()
    assert found.shape[1] == 2
    key = ("image", "task", "fidelity", "seed", "proxy", "reference")
    single = {
        (names[row["arch_id"]], *(row[name] for name in key)): values
        for row, values in zip(folder.table("scores").to_pylist(), found, strict=True)
    }
    for table in BuildFolder(small_build).read("scores"):
        for row in table.to_pylist():
            values = single.pop((row["architecture"], *(row[name] for name in key)))
            wanted = [*row["values"], math.nan][:2]  # of the structure alone there is one
            np.testing.assert_array_equal(values, np.array(wanted, np.float32))
    assert not single
