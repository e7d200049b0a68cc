"""Writes the generated documentation of the schema and of ``data/`` (``make docs``).

    docs/data.md         the column tables, from `nasdip_bench.dataset.schema`
    data/README.md       the numbers of the data card
    data/FINDINGS.md     the tables of findings, and the numbers in the text
    README.md            the table of the content of ``data/``, and its version to cite

python -m tests.tools.write_docs
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nasdip_bench import NASDIPBench
from nasdip_bench.dataset.schema import PART_TABLES, RELEASE_TABLES
from tests.tools import findings, findings_text, release_facts
from tests.tools.pages import table, with_block

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
PAGE = ROOT / "docs" / "data.md"
CARD = DATA / "README.md"
FINDINGS = DATA / "FINDINGS.md"
README = ROOT / "README.md"


def with_tables(text: str) -> str:
    """The page with the tables of the schema; what an earlier table has is only named."""
    files = {f"{name}.parquet": columns for name, columns in RELEASE_TABLES.items()}
    files |= {f"{name}/*.parquet": columns for name, columns in PART_TABLES.items()}
    parts, above = [], set()
    for file, columns in files.items():
        body = [
            [f"`{c.name}`", c.type + ", may be null" * c.nullable, c.unit, c.direction, c.meaning]
            for c in columns
            if c not in above
        ]
        if known := [f"`{c.name}`" for c in columns if c in above]:
            body.insert(0, [", ".join(known), "", "", "", "as above"])
        above.update(columns)
        parts += [f"### {file}", table(["column", "type", "unit", "better", "meaning"], body)]
    return with_block(text, "tables", "\n\n".join(parts))


def with_card(text: str) -> str:
    """The data card with the numbers of the data."""
    bench = NASDIPBench(DATA)
    text = with_block(text, "release", release_facts.card_release(bench))
    text = with_block(text, "training", release_facts.card_training(bench))
    text = with_block(text, "limits", release_facts.card_limits(bench))
    return with_block(text, "images", release_facts.card_images(bench))


def with_readme(text: str) -> str:
    """The README with the table and the version of the data."""
    bench = NASDIPBench(DATA)
    text = with_block(text, "data", release_facts.readme_rows(bench))
    return with_block(text, "citation", release_facts.citation(bench))


def with_findings(text: str) -> str:
    """The findings with their tables, and the numbers of these in the text."""
    page = findings.with_tables(text, NASDIPBench(DATA))
    return findings_text.with_numbers(page, findings_text.numbers(page))


PAGES: dict[Path, Callable[[str], str]] = {
    PAGE: with_tables,
    CARD: with_card,
    FINDINGS: with_findings,
    README: with_readme,
}


if __name__ == "__main__":
    for page, renewed in PAGES.items():
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
