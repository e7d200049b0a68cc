"""Every example and command of docs/searching.md runs."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "searching.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SESSIONS = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXTRAS = {
    "adapters.configspace": "ConfigSpace",
    "import optuna": "optuna",
    "syne_tune": "syne_tune",
}
RUN_MAIN = "import sys; sys.argv[0] = 'nasdip-bench'; from nasdip_bench.api.cli import main; main()"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """A folder as a reader has it; one example writes what the next one reads."""
    folder = tmp_path_factory.mktemp("searching")
    shutil.copytree(ROOT / "data", folder / "data")
    return folder


def run_in(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},  # some libraries write there
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("place", range(len(EXAMPLES)))
def test_examples(place: int, workplace: Path):
    example = EXAMPLES[place]
    for needle, module in EXTRAS.items():
        if needle in example and importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: make test-adapters")
    if 'deserialize("blackbox")' in example and not (workplace / "blackbox").exists():
        (export,) = (one for one in EXAMPLES if "export_blackbox" in one)
        run_in(workplace, "-c", export)
    # Libraries of others warn of what is theirs to mend.
    strict = [] if any(needle in example for needle in EXTRAS) else ["-W", "error"]
    run_in(workplace, *strict, "-c", example)


def test_commands(workplace: Path):
    lines = [line for session in SESSIONS for line in session.splitlines()]
    assert lines
    for line in lines:
        command, *arguments = shlex.split(line.removeprefix("$ "))
        assert command == "nasdip-bench"
        assert run_in(workplace, "-c", RUN_MAIN, *arguments)
    assert (workplace / "regret.png").read_bytes().startswith(b"\x89PNG")
    assert (workplace / "regret.csv").read_text().startswith("task,image,algorithm,seconds,")
