"""The scripts of docs/build.md for several processes call nasdip-build as they should.

Another program stands for it, and for ``scontrol``: it notes how it is called. That shares build
the whole, and that folders merge, is tested in tests/builder/.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import blocks, text_of

PAGE = text_of("build")
STAND_IN = """#!/bin/sh
echo "$CUDA_VISIBLE_DEVICES $(basename "$0") $*" >> calls
case "$*" in *--shard*) exit "${STATUS:-0}";; esac
"""


def run(title: str, folder: Path, **environment: str) -> tuple[int, list[str]]:
    """The exit status of a section's script, and the calls it makes."""
    (section,) = re.findall(rf"^###? {title}\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    (script,) = blocks(section, "bash")
    for program in ("nasdip-build", "scontrol"):
        (folder / program).write_text(STAND_IN)
        (folder / program).chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    environment |= {"PATH": path, "SLURM_SUBMIT_DIR": ".", "SLURM_JOB_ID": "71"}
    done = subprocess.run(["bash", "-euc", script], cwd=folder, env=os.environ | environment)
    calls = (folder / "calls").read_text().splitlines()
    return done.returncode, [call.strip() for call in calls]


def test_a_machine_with_eight_gpus(tmp_path: Path):
    build = "nasdip-build --images all --fidelity r128 --device cuda --out builds/r128"
    status, calls = run("A machine with eight GPUs", tmp_path, CUDA_VISIBLE_DEVICES="")
    assert status == 0
    assert sorted(calls[:8]) == [f"{gpu} {build} --shard {gpu + 1}/8" for gpu in range(8)]
    assert calls[8:] == [build, "nasdip-build release builds/r128 --out r128/"]


@pytest.mark.parametrize("status", ["0", "2", "75"])
def test_slurm_queues_again_what_is_not_done(status: str, tmp_path: Path):
    array = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}
    ended, [build, *more] = run("SLURM", tmp_path, CUDA_VISIBLE_DEVICES="", STATUS=status, **array)
    assert ended == int(status)
    assert "--out ./builds/r128 --shard 3/8 --time-limit 3h45m" in build
    assert more == (["scontrol requeue 71"] if status == "75" else [])


def test_without_a_shared_file_system(tmp_path: Path):
    build = "nasdip-build --images all --fidelity r128"
    parts = [f"{build} --out builds/part-{n} --shard {n}/2" for n in (1, 2)]
    status, calls = run("Without a shared file system", tmp_path, CUDA_VISIBLE_DEVICES="")
    assert status == 0
    assert calls == [*parts, "nasdip-build release builds/part-1 builds/part-2 --out whole/"]
