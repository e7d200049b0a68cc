"""CITATION.cff says what the project says elsewhere.

`cffconvert --validate` checks it against the schema of Citation File Format 1.2.0.
"""

from __future__ import annotations

import configparser
import re

import pytest
import yaml

from nasdip_bench._version import __version__
from nasdip_bench.dataset.croissant import PAPER_BIBTEX
from tests.docs.pages import ROOT, text_of

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def plain(text: str) -> str:
    """BibTeX without braces, and without spaces around the signs of equality."""
    return re.sub(" *= *", "=", re.sub("[{}]", "", text))


def test_it_says_what_the_project_says():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    [author] = CITATION["authors"]
    assert CITATION["version"] == __version__
    assert CITATION["license"] == setup["metadata"]["license"]
    assert f" {author['name']}\n" in licence
    for said in (CITATION["title"], author["name"]):
        assert f"={said}" in plain(text_of("README"))


@pytest.mark.parametrize("text", [PAPER_BIBTEX, text_of("README")], ids=["croissant", "README"])
def test_the_paper_is_the_same_everywhere(text: str):
    [paper] = CITATION["references"]
    authors = " and ".join(f"{a['family-names']}, {a['given-names']}" for a in paper["authors"])
    for said in (authors, paper["title"], paper["collection-title"], str(paper["year"])):
        assert f"={said}" in plain(text)
