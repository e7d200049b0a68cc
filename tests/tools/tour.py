"""Writes ``docs/tour.ipynb``, the page ``docs/tour.md`` as an executed notebook (make notebook).

The page is the source. Its Python blocks become code cells; the text between them becomes text.
"""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tour.md"
NOTEBOOK = PAGE.with_suffix(".ipynb")
_CODE = re.compile(r"^```python\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def cells(text: str) -> list[tuple[str, str]]:
    """("code" or "markdown", source) of each cell, in order.

    Example:
        >>> cells("Add:\\n\\n```python\\n1 + 1\\n```\\n")
        [('markdown', 'Add:'), ('code', '1 + 1')]
    """
    kinds = ("markdown", "code")
    parts = [(kinds[place % 2], part.strip()) for place, part in enumerate(_CODE.split(text))]
    return [(kind, source) for kind, source in parts if source]


def main() -> None:
    """Run the notebook and write it with its outputs."""
    import nbformat
    from nbclient import NotebookClient

    new = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        cells=[
            new[kind](source, id=f"cell-{place}")  # a random id would change each time
            for place, (kind, source) in enumerate(cells(PAGE.read_text(encoding="utf-8")))
        ],
    )
    at = {"metadata": {"path": str(PAGE.parents[1])}}
    NotebookClient(notebook, record_timing=False, resources=at).execute()
    nbformat.write(notebook, NOTEBOOK)
    print(f"written: {NOTEBOOK}")


if __name__ == "__main__":
    main()
