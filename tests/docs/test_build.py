"""The recipes of docs/build.md run as they are written, on smaller builds and without GPUs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench import NASDIPBench
from nasdip_bench.builder.plan.shares import architecture_costs, divided
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.images import load_images
from nasdip_bench.space import paper_architectures, sample_architectures
from tests.builds import COMMAND, FIDELITY, run_rows, small_config
from tests.docs.pages import BIN, blocks, commands, run_line, text_of

PAGE = text_of("build")
SECTIONS = {part.splitlines()[0]: part for part in re.split(r"^##+ ", PAGE, flags=re.MULTILINE)}
SMALLER = " ".join([*COMMAND, "--workers=1"])
SHORTER = ["--tasks=denoise", "--iterations=2", "--scoring-inits=1", "--workers=1"]


@pytest.mark.parametrize("title", ["Add architectures", "Add images"])
def test_additions(title: str, tmp_path: Path):
    arch = sample_architectures(1)[0]
    (tmp_path / "mine.csv").write_text(f"cell,skip\n{arch.cell},{arch.skip}\n")
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8)
    PillowImage.fromarray(pixels).save(tmp_path / "photos" / "wall.png")
    lines = commands(SECTIONS[title])
    assert len(lines) > 1
    for line in lines:
        command = shlex.split(line.replace("--architectures 24", "--architectures 1"))
        if "--fidelity" in command:
            command += SHORTER
            if "mine.csv" in line:
                command += ["--image-set=skimage", "--images=camera"]
        assert run_line(tmp_path, shlex.join(command))


# -- several processes -----------------------------------------------------------------------------


def recipe(title: str) -> str:
    """The script of a section for a build of ten units."""
    (script,) = blocks(SECTIONS[title], "bash")
    assert "--images all --fidelity r128" in script
    return script.replace("--images all --fidelity r128", SMALLER).replace(" --device cuda", "")


def run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    found = folder / "bin"
    found.mkdir(exist_ok=True)
    queued = found / "scontrol"
    queued.write_text(f'#!/bin/sh\necho "$@" >> {folder / "queued"}\n')
    queued.chmod(0o755)
    path = os.pathsep.join([str(found), str(BIN), os.environ["PATH"]])
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
    script = recipe("A machine with eight GPUs")
    fewer = script.replace("1 2 3 4 5 6 7 8", "1 2").replace("$i/8", "$i/2")
    assert "$i/2" in fewer
    assert "in 1 2;" in fewer
    done = run(fewer, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0 units finished, 0 left")  # the shares have done everything
    for share in (1, 2):
        log = (tmp_path / f"share-{share}.log").read_text()
        assert " 0 left, 0 diverged, 0 failed" in log
    check_release(tmp_path / "r128")


def test_slurm(tmp_path: Path):
    for job in (1, 2):
        done = run(
            recipe("SLURM"),
            tmp_path,
            SLURM_SUBMIT_DIR=str(tmp_path),
            SLURM_ARRAY_TASK_ID=str(job),
            SLURM_ARRAY_TASK_COUNT="2",
            SLURM_JOB_ID=f"7{job}",
        )
        assert done.returncode == 0, done.stderr
    assert len(run_rows(tmp_path / "builds" / "r128")) == 8
    assert not (tmp_path / "queued").exists()


def test_slurm_queues_again_what_is_not_done(tmp_path: Path):
    (written,) = blocks(SECTIONS["SLURM"], "bash")
    command = re.escape("nasdip-build --images all")
    script, found = re.subn(rf"{command}(.*\\\n)*.*? \|\| status", "(exit 75) || status", written)
    assert found == 1
    done = run(script, tmp_path, SLURM_JOB_ID="71")
    assert done.returncode == 75
    assert (tmp_path / "queued").read_text() == "requeue 71\n"
    assert run(script.replace("75)", "2)"), tmp_path, SLURM_JOB_ID="71").returncode == 2
    assert (tmp_path / "queued").read_text() == "requeue 71\n"


def test_without_a_shared_file_system(tmp_path: Path):
    done = run(recipe("Without a shared file system"), tmp_path)
    assert done.returncode == 0, done.stderr
    check_release(tmp_path / "whole")


def test_the_spread_of_shares_is_as_stated():
    settings = {
        "images": tuple(load_images("skimage")),
        "architectures": tuple(paper_architectures()),
        "scoring_inits": 8,
    }
    costs_of = [
        architecture_costs(small_config(fidelity=get_fidelity(fidelity), device=device, **settings))
        for fidelity, device in (("r512", "cuda"), ("r64c16", "cuda"), ("r64c16", "cpu"))
    ]
    stated = re.findall(r"([\d.]+) % at N = (\d+)", PAGE)
    assert len(stated) == 2
    for text, count in stated:
        most = 0.0
        for costs in costs_of:
            shares = divided(costs, int(count))
            dearest = max(sum(costs[name] for name in share) for share in shares)
            most = max(most, dearest / sum(costs.values()) * int(count) - 1)
        assert f"{most:.2%}" == f"{text}%"
