"""The errors and the check of whole numbers."""

import numpy as np
import pytest

from nasdip_bench.errors import ArchitectureError, ConfigError, check_whole


@pytest.mark.parametrize("value", [1, 3, np.int64(3), np.uint8(2)])
def test_a_whole_number_in_the_range_becomes_an_int(value):
    assert type(check_whole("k", value, 1, 3)) is int
    assert check_whole("k", value, 1) == value


@pytest.mark.parametrize("value", [0, 4, -1, 1.0, True, np.True_, "2", None, np.float64(2), [2]])
def test_anything_else_is_rejected_with_the_range(value):
    with pytest.raises(ConfigError, match=r"^k .* must be a whole number from 1 to 3, the models$"):
        check_whole("k", value, 1, 3, note=", the models")


def test_a_range_without_end_and_another_error():
    assert check_whole("seed", 2**40, 0) == 2**40
    with pytest.raises(ArchitectureError, match="seed -1 must be a whole number of at least 0$"):
        check_whole("seed", -1, 0, error=ArchitectureError)
