"""Pages of the documentation that hold results: text between two markers, written by a command."""

from __future__ import annotations

import re
from pathlib import Path


def replace_block(page: Path, name: str, text: str) -> None:
    """Put text between ``<!-- name -->`` and ``<!-- /name -->`` of a page."""
    before = page.read_text(encoding="utf-8")
    block = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
    pattern = f"<!-- {name} -->.*<!-- /{name} -->"
    after, found = re.subn(pattern, lambda _: block, before, flags=re.DOTALL)
    assert found == 1, f"{page.name} has {found} blocks called {name}"
    page.write_text(after, encoding="utf-8")
