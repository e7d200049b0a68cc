"""The recipes of docs/cluster.md run as they are written, on a smaller build and without GPUs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.builder.plan.shares import Shares
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.images import load_images
from nasdip_bench.space.paper_lists import paper_architectures
from tests.builds import COMMAND, FIDELITY, run_rows, small_config

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECIPES = {
    section.splitlines()[0]: BLOCK.findall(section)[0]
    for section in re.split(r"^##+ ", PAGE, flags=re.MULTILINE)
    if BLOCK.search(section)
}
SMALLER = " ".join([*COMMAND, "--workers=1"])


def smaller(recipe: str) -> str:
    """The same recipe for a build of ten units."""
    assert "--images all --fidelity r128" in recipe
    return recipe.replace("--images all --fidelity r128", SMALLER)


def run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    commands = folder / "bin"
    commands.mkdir(exist_ok=True)
    queued = commands / "scontrol"
    queued.write_text(f'#!/bin/sh\necho "$@" >> {folder / "queued"}\n')
    queued.chmod(0o755)
    path = os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=os.environ | {"PATH": path} | environment,
        capture_output=True,
        text=True,
    )


def check_release(folder: Path) -> None:
    bench = NASDIPBench(folder)
    assert bench.manifest.task(FIDELITY, "denoise").runs == 4
    assert bench.manifest.task(FIDELITY, "inpaint").scored == 2


def test_a_machine_with_eight_gpus(tmp_path: Path):
    recipe = smaller(RECIPES["A machine with eight GPUs"])
    fewer = recipe.replace("1 2 3 4 5 6 7 8", "1 2 3").replace("$i/8", "$i/3")
    assert "$i/3" in fewer
    assert "in 1 2 3;" in fewer
    done = run(fewer, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\n0 units finished, 0 left" in done.stdout  # the shares have done everything
    check_release(tmp_path / "r128")


@pytest.mark.parametrize("jobs", [3])
def test_slurm(tmp_path: Path, jobs: int):
    script = smaller(RECIPES["SLURM"])
    for job in range(1, jobs + 1):
        done = run(
            script,
            tmp_path,
            SLURM_SUBMIT_DIR=str(tmp_path),
            SLURM_ARRAY_TASK_ID=str(job),
            SLURM_ARRAY_TASK_COUNT=str(jobs),
            SLURM_JOB_ID=f"7{job}",
        )
        assert done.returncode == 0, done.stderr
    assert len(run_rows(tmp_path / "builds" / "r128")) == 8
    assert not (tmp_path / "queued").exists()


def test_slurm_queues_again_what_is_not_done(tmp_path: Path):
    command = re.escape("nasdip-build --images all")
    script, found = re.subn(
        rf"{command}(.*\\\n)*.*? \|\| status", "(exit 75) || status", RECIPES["SLURM"]
    )
    assert found == 1
    done = run(script, tmp_path, SLURM_JOB_ID="71")
    assert done.returncode == 75
    assert (tmp_path / "queued").read_text() == "requeue 71\n"
    assert run(script.replace("75)", "2)"), tmp_path, SLURM_JOB_ID="71").returncode == 2
    assert (tmp_path / "queued").read_text() == "requeue 71\n"


def test_without_a_shared_file_system(tmp_path: Path):
    done = run(smaller(RECIPES["Without a shared file system"]), tmp_path)
    assert done.returncode == 0, done.stderr
    check_release(tmp_path / "whole")


def test_the_spread_of_shares_is_as_stated():
    settings = {
        "images": tuple(load_images("skimage")),
        "architectures": tuple(paper_architectures()),
        "scoring_inits": 8,
    }
    rows = re.findall(
        r"^\| (\d+) \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \|$", PAGE, re.MULTILINE
    )
    assert len(rows) == 4
    columns = [("r512", "cuda"), ("r64", "cuda"), ("r64c16", "cpu")]
    for count, *stated in rows[::3]:
        for text, (fidelity, device) in zip(stated, columns, strict=True):
            config = small_config(fidelity=get_fidelity(fidelity), device=device, **settings)
            assert f"{Shares(config, int(count)).spread:.2%}" == f"{text}%"
