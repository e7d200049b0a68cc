"""What the tests of the API share: releases to be read only, and the command in this process.

Imports are inside: `make test-adapters` runs this folder with other packages.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from nasdip_bench import NASDIPBench

Printed = tuple[int, str, str]
"""What a command ends with: exit status, stdout, stderr."""


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """A complete release: two tasks and fidelities, two seeds at the higher."""
    from tests import synthetic

    return synthetic.write_release(tmp_path_factory.mktemp("complete") / "data")


@pytest.fixture(scope="module")
def bench(data) -> NASDIPBench:
    from nasdip_bench import NASDIPBench

    return NASDIPBench(data)


@pytest.fixture(scope="session")
def low(tmp_path_factory) -> NASDIPBench:
    """Two tasks at the lower fidelity, whose 40 iterations are all kept, with two seeds."""
    from nasdip_bench import NASDIPBench
    from tests import synthetic

    path = tmp_path_factory.mktemp("low") / "data"
    return NASDIPBench(synthetic.write_release(path, fidelities=(synthetic.LOW,)))


@pytest.fixture(scope="session")
def flawed(tmp_path_factory) -> NASDIPBench:
    """On lena: the best diverged, the second best failed, the third is missing."""
    from nasdip_bench import NASDIPBench
    from tests import synthetic

    path = synthetic.small(
        tmp_path_factory.mktemp("flawed") / "data",
        diverged={(synthetic.LOW, "denoise", 11, "lena", 0)},
        failed={(synthetic.LOW, "denoise", 10, "lena", 0)},
        missing={(synthetic.LOW, "denoise", 9, "lena", 0)},
        unscored={0, 1},
    )
    return NASDIPBench(path)


@pytest.fixture(scope="session")
def shipped() -> NASDIPBench:
    """The release in the repository."""
    from nasdip_bench import NASDIPBench

    return NASDIPBench(ROOT / "data")


@pytest.fixture
def run(capsys) -> Callable[..., Printed]:
    """Runs nasdip-bench with some arguments."""
    from nasdip_bench.api.cli import app
    from nasdip_bench.console import app as console

    def one(*arguments: object) -> Printed:
        capsys.readouterr()
        status = console.run("nasdip-bench", app, [*map(str, arguments)])
        return status, *capsys.readouterr()

    return one


@pytest.fixture
def call(run, data) -> Callable[..., Printed]:
    """Runs nasdip-bench on the release `data`, the module's own where it has one."""
    return lambda *arguments: run(*arguments, "--data", data)
