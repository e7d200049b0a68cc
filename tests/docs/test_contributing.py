"""CONTRIBUTING.md: its tour shows the rooms that there are; its paths and those of the packaging
files lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
GENERATED = {"builds/", "builds/dataset/"}


@pytest.mark.parametrize("folder", ["nasdip_bench", "builder", "api"])
def test_every_room_is_shown(folder: str):
    tour = re.search(rf"^`{folder}/`:\n(.*?)(?=^`\w+/`:|^`tests/`|^## )", PAGE, re.M | re.S)[1]
    rows = re.findall(r"^\| (`.*?) \|", tour, re.M)
    shown = {name for row in rows for name in re.findall(r"`(\w+)/`", row)}
    there = {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}
    assert shown == there


def test_every_path_leads_somewhere():
    named = re.findall(r"`([\w./-]+(?:/|\.py|\.md))`", PAGE) + re.findall(r"\]\(([^)#:]+)\)", PAGE)
    folders = [ROOT, ROOT / "nasdip_bench", ROOT / "builder", ROOT / "api"]
    missing = [
        one for one in set(named) - GENERATED if not any((f / one).exists() for f in folders)
    ]
    assert missing == []


@pytest.mark.parametrize("name", ["setup.cfg", "Makefile"])
def test_every_path_in_the_files_beside_it_leads_somewhere(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    if name == "setup.cfg":
        text = "\n".join(re.findall(r"^#.*", text, re.M))
    room = r"(?<![\w./-])(?:nasdip_bench|builder|api|tests|docs|benchmarks|data)"
    named = re.findall(rf"{room}/(?:[\w.-]+/)*(?:[\w-]+\.\w+)?", text)
    named += [one.replace(".", "/") for one in re.findall(r"-m (tests\.[\w.]+)", text)]
    assert named
    there = [one for one in named if (ROOT / one).exists() or (ROOT / f"{one}.py").exists()]
    assert there == named


def test_it_can_be_read_in_ten_minutes():
    assert len(PAGE.split()) <= 1900
    assert len(PAGE[PAGE.index("## Reliability") :].split()) <= 600
