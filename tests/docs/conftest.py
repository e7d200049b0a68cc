"""What the tests of several pages need."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader has it, for the examples of a page that only read ``data/``."""
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "data").symlink_to(ROOT / "data")
    return folder
