"""Writes the column tables of docs/data.md from the schema (``make docs``)."""

from __future__ import annotations

import re
from pathlib import Path

from nasdip_bench.schema import markdown_tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"


def with_tables(text: str) -> str:
    """The page with the tables of the schema between its markers."""
    block = f"<!-- tables -->\n{markdown_tables()}<!-- /tables -->"
    return re.sub(r"<!-- tables -->.*<!-- /tables -->", lambda _: block, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
