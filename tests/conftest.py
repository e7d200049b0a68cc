"""Fixtures and switches of the test suite.

Tests that need files which are not in the repository, or a GPU, carry a marker and are skipped with
the reason where the thing is absent:

- ``reference``: golden files of the paper's released code, in ``NASDIP_REFERENCE`` (default
  ``../shared/reference``);
- ``images``: the ten benchmark images, in ``NASDIP_IMAGES`` (default ``../shared/images/nasdip``);
- ``gpu``: a CUDA device;
- ``slow``: run only with ``--slow``.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# One thread a test process, before anything imports torch: several test processes, each with as
# many threads as there are cores, take ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).resolve().parents[1]
REFERENCE_DIR = Path(os.environ.get("NASDIP_REFERENCE", ROOT.parent / "shared" / "reference"))
IMAGES_DIR = Path(os.environ.get("NASDIP_IMAGES", ROOT.parent / "shared" / "images" / "nasdip"))

with suppress(ImportError):  # a GPU machine may lack it: its tests do without
    import hypothesis

    hypothesis.settings.register_profile("default", deadline=None)
    hypothesis.settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    checks = {
        "slow": (config.getoption("--slow"), "slow: run with --slow"),
        "reference": (REFERENCE_DIR.is_dir(), f"no golden files in {REFERENCE_DIR}"),
        "images": (IMAGES_DIR.is_dir(), f"no benchmark images in {IMAGES_DIR}"),
    }
    for item in items:
        for marker, (present, reason) in checks.items():
            # Not item.keywords, which have the names of folders too.
            if item.get_closest_marker(marker) and not present:
                item.add_marker(pytest.mark.skip(reason=reason))
        if item.get_closest_marker("gpu") and not _has_cuda():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    return REFERENCE_DIR


@pytest.fixture(scope="session")
def images_dir() -> Path:
    return IMAGES_DIR


@pytest.fixture(scope="session")
def small_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build of `tests.builds.small_config`, a shard a run, by one process; to be read only."""
    from nasdip_bench.builder.work.build import build
    from tests.builds import small_config

    folder = tmp_path_factory.mktemp("small") / "build"
    outcome = build(small_config(), folder, workers=1, stack=1)
    assert (outcome.finished, outcome.left, outcome.failed) == (2 + 8, 0, 0)
    return folder
