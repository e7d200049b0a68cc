"""CITATION.cff: what Citation File Format 1.2.0 requires, and what the project says elsewhere.

`cffconvert --validate` checks it in full against the schema of the format.
"""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import pytest
import yaml

from nasdip_bench._version import __version__
from nasdip_bench.dataset.croissant import PAPER_BIBTEX

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def citation() -> dict:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_required_keys_are_there(citation):
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert citation["type"] in ("software", "dataset")
    [paper] = citation["references"]
    assert paper["type"] == "conference-paper"
    assert {"title", "authors", "conference", "collection-title"} <= paper.keys()
    for author in (*citation["authors"], *paper["authors"]):
        assert author.keys() in ({"name"}, {"family-names", "given-names"})
        assert all(isinstance(part, str) and part for part in author.values())


def test_it_says_what_the_project_says(citation):
    assert citation["version"] == __version__
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert citation["license"] == setup["metadata"]["license"]
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    holder = re.search(r"Copyright \(c\) \d+ (.*)", licence)[1]
    assert [author["name"] for author in citation["authors"]] == [holder]


def test_the_readme_cites_this_benchmark_with_its_versions(citation):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    entry = re.search(r"@misc\{(.*?)^\}", readme, re.DOTALL | re.MULTILINE)[1]
    fields = dict(re.findall(r"(\w+) += (.*?),?\n", entry))
    plain = {name: value.replace("{", "").replace("}", "") for name, value in fields.items()}
    assert plain["title"] == citation["title"]
    assert plain["author"] == citation["authors"][0]["name"]
    assert plain["year"] in (ROOT / "LICENSE").read_text(encoding="utf-8")
    data = json.loads((ROOT / "data" / "manifest.json").read_text(encoding="utf-8"))
    versions = f"Software {__version__}, data {data['version']}, protocol"
    assert plain["note"].startswith(versions)


def test_the_paper_is_the_same_everywhere(citation):
    [paper] = citation["references"]
    names = " and ".join(f"{a['family-names']}, {a['given-names']}" for a in paper["authors"])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for text in (PAPER_BIBTEX, readme):
        plain = text.replace("{", "").replace("}", "")
        assert names in plain
        assert paper["title"] in plain
        assert paper["collection-title"] in plain
        assert re.search(rf"year\s*=\s*{paper['year']}", plain)
