"""Every example and command of docs/howto.md runs; training is cut short."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench.space import sample_architectures

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PAGE = (ROOT / "docs" / "howto.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SESSIONS = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHORTER = "--architectures 1 --tasks denoise --iterations 2 --scoring-inits 1"


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "data", tmp_path / "data")
    arch = sample_architectures(1)[0]
    (tmp_path / "mine.csv").write_text(f"cell,skip\n{arch.cell},{arch.skip}\n")
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8)
    PillowImage.fromarray(pixels).save(tmp_path / "photos" / "wall.png")
    return tmp_path


STAND_INS = """
from nasdip_bench import images as module
import numpy as np

def stand_ins(image_set, names, *, images_dir):
    assert image_set == "nasdip"
    pixels = np.random.default_rng(0).integers(0, 256, (len(names), 1, 64, 64), np.uint8)
    facts = {"source": "drawn", "licence": "none", "status": "stand-in"}
    return [
        module.Image(name=name, image_set=image_set, pixels=one, **facts)
        for name, one in zip(names, pixels, strict=True)
    ]

module.load_images = stand_ins
"""
"""Before an example that loads the benchmark's images, which are not in the repository."""


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples(example: str, workplace: Path):
    prelude = STAND_INS if "load_images(" in example else ""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", prelude + example],
        cwd=workplace,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("session", SESSIONS, ids=range(len(SESSIONS)))
def test_commands(session: str, workplace: Path):
    for line in session.splitlines():
        command = shlex.split(line.removeprefix("$ "))
        if "--fidelity" in command:
            at = command.index("--architectures")
            shorter = SHORTER.replace("--architectures 1 ", "") if "mine.csv" in line else SHORTER
            if shorter == SHORTER:
                del command[at : at + 2]
            command += [*shlex.split(shorter), "--workers=1"]
            if "mine.csv" in line:
                command += ["--image-set=skimage", "--images=camera"]
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]], cwd=workplace, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert done.stdout
