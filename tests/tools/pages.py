"""Writes generated text between two markers of a documentation page."""

from __future__ import annotations

import re


def with_block(page: str, name: str, text: str) -> str:
    """A page with text between its ``<!-- name -->`` and ``<!-- /name -->``."""
    block = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
    pattern = f"<!-- {name} -->.*<!-- /{name} -->"
    after, found = re.subn(pattern, lambda _: block, page, flags=re.DOTALL)
    assert found == 1, f"the page has {found} blocks called {name}"
    return after


def table(head: list[str], body: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *body)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])
