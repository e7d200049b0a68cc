"""JSON objects that carry their own SHA-256."""

from __future__ import annotations

import json
from typing import Any

from .files import sha256_bytes

_SEAL = "sha256"


def sealed_text(content: dict[str, Any]) -> str:
    """The text of a file that holds the fields and their hash."""
    return json.dumps(content | {_SEAL: _hash(content)}, indent=1) + "\n"


def read_sealed(text: str) -> dict[str, Any]:
    """The fields in the text of a file, without their hash; files of earlier versions have none.

    Raises:
        ValueError: it is not a JSON object, or not the one that was sealed.
    """
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("it is no JSON object")
    if _SEAL in data and data.pop(_SEAL) != _hash(data):
        raise ValueError(f"it is damaged: its content is not what its {_SEAL} says")
    return data


def _hash(content: dict[str, Any]) -> str:
    return sha256_bytes(json.dumps(content, sort_keys=True).encode())
