"""The package as users get it: a wheel with the dataset, installed without torch."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from nasdip_bench.dataset import DatasetFolder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy of what git lists, so that no leftover of a build is in it."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    names = [name for name in listed.decode().split("\0") if (ROOT / name).is_file() and name]
    for name in names:
        target = folder / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, folder / "source"], check=True, cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_carries_the_dataset(wheel):
    manifest = DatasetFolder(ROOT / "data").manifest
    names = zipfile.ZipFile(wheel).namelist()
    for path in (*manifest.files, "manifest.json"):
        assert f"nasdip_bench/data/{path}" in names
    assert not [name for name in names if name.startswith(("api/", "builder/", "data/", "tests/"))]


@pytest.mark.slow
def test_a_bare_environment_answers_and_says_what_building_needs(wheel, tmp_path):
    """Installs all but torch: needs the package index."""
    venv.create(tmp_path / "env", with_pip=True)
    tools, elsewhere = tmp_path / "env" / "bin", tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = [tools / "python", "-m", "pip", "install", "--quiet", wheel]
    constraints = ["--constraint", ROOT / "constraints.txt"]
    subprocess.run([*install, *constraints], check=True, cwd=elsewhere)

    def call(*command: str) -> subprocess.CompletedProcess[str]:
        done = [tools / command[0], *command[1:]]
        return subprocess.run(done, cwd=elsewhere, capture_output=True, text=True, check=False)

    code = (
        "import sys\nfrom nasdip_bench import NASDIPBench\nbench = NASDIPBench()\n"
        "print(bench.query(0, 'lena', 'denoise').final_psnr_db, len(bench.kendall('denoise')))\n"
        "assert 'torch' not in sys.modules\n"
    )
    answered = call("python", "-c", code)
    assert answered.returncode == 0, answered.stderr
    assert answered.stdout.split()[1] == "10"
    for command in (["nasdip-bench", "info"], ["nasdip-bench", "table", "1"]):
        done = call(*command)
        assert done.returncode == 0, done.stderr
    refused = call("nasdip-build", "--images", "all", "--image-set", "skimage", "--dry-run")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "nasdip-build: training networks needs torch, which is not installed: "
        "pip install '.[build]' in a copy of the repository\n"
    )


def test_pyarrow_is_one_that_does_not_unpickle_on_reading():
    """Before 14.0.1 a file could name an extension type to be unpickled (CVE-2023-47248)."""
    needed = re.search(r"pyarrow >= ([\d.]+)", (ROOT / "setup.cfg").read_text(encoding="utf-8"))
    assert needed is not None
    assert tuple(map(int, needed[1].split("."))) >= (14, 0, 1)
