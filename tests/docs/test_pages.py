"""Links, options and module names of all pages exist."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.docs.pages import APPS, PAGES, ROOT, blocks, text_of

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.parent.name + "/" + p.name)


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", without_blocks(page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@by_page
def test_links_lead_somewhere(page: Path):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_leads_to_every_page_of_docs():
    for page in ROOT.glob("docs/*.md"):
        assert f"(docs/{page.name})" in text_of("README")


def programs() -> dict[str, Any]:
    """Every command of ours by its words, such as ``nasdip-bench query``."""
    left: dict[str, Any] = {name: typer.main.get_command(app) for name, app in APPS.items()}
    found = {}
    while left:
        found |= left
        left = {
            f"{name} {word}": command
            for name, group in left.items()
            for word, command in getattr(group, "commands", {}).items()
        }
    return found


def options(command: Any) -> set[str]:
    named = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return named | {"--help", "--version"}


def said_of_programs(text: str) -> Iterator[str]:
    """What follows one of our names up to the end of the code that it is in."""
    shell = "\n".join(blocks(text, "console") + blocks(text, "bash")).replace("\\\n", " ")
    for line in [*shell.splitlines(), *re.findall(r"`([^`]+)`", without_blocks(text))]:
        for found in re.finditer(r"\bnasdip-(?:bench|build|restore)\b[^|;#>]*", line):
            yield " ".join(found[0].split())


@by_page
def test_commands_and_options_exist(page: Path):
    text, ours = page.read_text(encoding="utf-8"), programs()
    everything = set().union(*map(options, ours.values()))
    for said in said_of_programs(text):
        words = said.split()
        name = next(one for n in (3, 2, 1) if (one := " ".join(words[:n])) in ours)
        if words[0] == "nasdip-bench" and words[1:] and words[1].islower():
            assert name.count(" ") >= 1, said
        allowed = options(ours[name])
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= allowed, f"{said}: {used - allowed}"
    alone = {one.split()[0] for one in re.findall(r"`(--[a-z][^`]*)`", without_blocks(text))}
    others = {"--build", "--build-options", "--stages"} if "gpu.py" in text else set()
    assert alone - others <= everything, alone - others - everything


@by_page
def test_modules_and_names_exist(page: Path):
    for said in set(re.findall(r"`(nasdip_bench(?:\.\w+)+)[`(]", page.read_text("utf-8"))):
        parts = said.split(".")
        for cut in range(len(parts), 0, -1):
            try:
                found = importlib.import_module(".".join(parts[:cut]))
            except ModuleNotFoundError:
                continue
            for name in parts[cut:]:
                assert hasattr(found, name), said
                found = getattr(found, name)
            break
