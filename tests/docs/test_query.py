"""Every example and command of docs/query.md runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import blocks, commands, run_code, run_line, text_of

PAGE = text_of("query")
EXAMPLES = blocks(PAGE, "python")
COMMANDS = [line for line in commands(PAGE) if not line.startswith("pip ")]

STAND_INS = """
from nasdip_bench import images as module
import numpy as np

def stand_ins(image_set, names, folder):
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
    assert run_code(workplace, prelude + example)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command: str, workplace: Path):
    assert run_line(workplace, command)
