"""What the tests of the API share: releases to be read only, and the command in this process.

Imports are inside: `make test-adapters` runs this folder with other packages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from nasdip_bench import NASDIPBench

Printed = tuple[int, str, str]
"""What a command ends with: exit status, stdout, stderr."""


@pytest.fixture(scope="session")
def release(tmp_path_factory) -> Callable[..., NASDIPBench]:
    """Opens a new release with what `synthetic.write_release` is told.

    ``distances`` adds those of denoising at the lower fidelity: True, or those without.
    """
    from nasdip_bench import NASDIPBench
    from tests import synthetic

    def opened(write=synthetic.write_release, *, distances=False, **contents) -> NASDIPBench:
        path = write(tmp_path_factory.mktemp("release") / "data", **contents)
        if distances:
            without = frozenset() if distances is True else distances
            synthetic.add_distances(path, synthetic.LOW, "denoise", without=without)
        return NASDIPBench(path)

    return opened


@pytest.fixture(scope="session")
def low_release(release) -> Callable[..., NASDIPBench]:
    """The same at the lower fidelity alone, whose 40 iterations are all kept."""
    from tests.synthetic import LOW

    return partial(release, fidelities=(LOW,))


@pytest.fixture(scope="session")
def small(release) -> Callable[..., NASDIPBench]:
    """The same of `synthetic.small`: one fidelity, task and seed."""
    from tests import synthetic

    return partial(release, synthetic.small)


@pytest.fixture(scope="session")
def data(release) -> Path:
    """A complete release: two tasks and fidelities, two seeds at the higher."""
    return release().path


@pytest.fixture(scope="module")
def bench(data) -> NASDIPBench:
    from nasdip_bench import NASDIPBench

    return NASDIPBench(data)


@pytest.fixture(scope="session")
def low(low_release) -> NASDIPBench:
    """Two tasks with two seeds, at the lower fidelity."""
    return low_release()


@pytest.fixture(scope="session")
def flawed(small) -> NASDIPBench:
    """On lena: the best diverged, the second best failed, the third is missing."""
    from tests.synthetic import LOW

    return small(
        diverged={(LOW, "denoise", 11, "lena", 0)},
        failed={(LOW, "denoise", 10, "lena", 0)},
        missing={(LOW, "denoise", 9, "lena", 0)},
        unscored={0, 1},
    )


@pytest.fixture(scope="session")
def apart(small) -> NASDIPBench:
    """Each image has runs of its own two thirds of the architectures: none has all."""
    from tests.synthetic import IMAGES, LOW

    images = [*IMAGES]
    return small(missing={(LOW, "denoise", a, images[a % 3], 0) for a in range(12)})


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
