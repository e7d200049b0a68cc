"""A fixture that the tests of scores share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nasdip_bench.proxies import image_scores, network_scores, unregister


@pytest.fixture
def own_names() -> Iterator[None]:
    """Takes out what a test has added."""
    before = {*image_scores(), *network_scores()}
    yield
    for name in {*image_scores(), *network_scores()} - before:
        unregister(name)
