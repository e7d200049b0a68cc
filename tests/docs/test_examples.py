"""The Python examples of the pages run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.docs.pages import blocks, run_code, text_of

EXAMPLES = [
    pytest.param(page, example, id=f"{page}-{place}")
    for page in ("README", "data", "paper", "query", "restore", "search", "statistics")
    for place, example in enumerate(blocks(text_of(page), "python"))
]
OF_OTHERS = {
    "adapters.configspace": "ConfigSpace",
    "import optuna": "optuna",
    "syne_tune": "syne_tune",
}
"""What shows that an example needs a library, and its name."""

SHORTER = {
    "candidates=20, cohort=3, iterations=300": (
        "candidates=3, cohort=2, iterations=3, cohort_iterations=2"
    ),
    'evaluated("denoise")[:60]': 'evaluated("denoise")[:12]',
    "trained[:12]": "trained[:4]",
}
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


@pytest.mark.parametrize(("page", "example"), EXAMPLES)
def test_examples(page: str, example: str, workplace: Path):
    needed = [library for sign, library in OF_OTHERS.items() if sign in example]
    for library in needed:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed: make test-adapters")
    home = workplace / "paper" if page == "paper" else workplace
    if 'deserialize("blackbox")' in example and not (home / "blackbox").exists():
        (export,) = (one for one in blocks(text_of(page), "python") if "export_blackbox" in one)
        run_code(home, export)
    for long, short in SHORTER.items():
        example = example.replace(long, short)
    prelude = STAND_INS if 'load_images("nasdip"' in example else ""
    # Libraries of others warn of what is theirs to mend, and greet.
    printed = run_code(home, prelude + example, *(["-W", "default"] if needed else []))
    assert needed or bool(printed) == ("print(" in example)
    assert " ..." not in printed  # a frame that is cut
