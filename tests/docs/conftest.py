"""What the tests of several pages need."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from nasdip_bench.space import sample_architectures
from tests import synthetic
from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader has it: ``data/``, photographs, a list of architectures.

    In ``paper/``, where a page would take too long with the data that are shipped, a small release.
    """
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "data").symlink_to(ROOT / "data")
    arch = sample_architectures(1)[0]
    (folder / "mine.csv").write_text(f"cell,skip\n{arch.cell},{arch.skip}\n")
    pixels = np.random.default_rng(0).integers(0, 256, (96, 112), np.uint8)
    images = dict.fromkeys(("noisy", "holes", "small", "photo"), pixels)
    images |= {"mask": np.uint8(pixels > 100) * np.uint8(255)}
    images |= dict.fromkeys(("photos/wall", "paper/photos/wall"), pixels[:, :96])
    for name, image in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(image).save(folder / f"{name}.png")
    synthetic.small(folder / "paper" / "data", fidelities=("r64c16i40",))
    return folder
