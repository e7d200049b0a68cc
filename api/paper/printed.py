"""The values printed in ISNAS-DIP (CVPR 2022)."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def paper_values() -> dict[str, Any]:
    """The values printed in ISNAS-DIP (CVPR 2022), with the task they belong to."""
    file = resources.files("nasdip_bench.api.paper").joinpath("paper_values.json")
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return values
