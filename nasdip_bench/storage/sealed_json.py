"""JSON objects that carry their own SHA-256."""

from __future__ import annotations

import json
from typing import Any

from .files import sha256_bytes

_SEAL = "sha256"


def sealed_text(content: dict[str, Any]) -> str:
    """The text of a file that holds the fields and their hash."""
    return json.dumps(sealed(content), indent=1) + "\n"


def read_sealed(text: str) -> dict[str, Any]:
    """The fields in the text of a file, without their hash.

    Raises:
        ValueError: it is not a JSON object, or not the one that was sealed.
    """
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("it is no JSON object")
    return unsealed(data)


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """The fields, followed by their hash."""
    return content | {_SEAL: _hash(content)}


def unsealed(data: dict[str, Any]) -> dict[str, Any]:
    """The fields without the hash, which is checked; files of earlier versions have none.

    Raises:
        ValueError: the fields are not those that were sealed.
    """
    content = {name: value for name, value in data.items() if name != _SEAL}
    if _SEAL in data and data[_SEAL] != _hash(content):
        raise ValueError(f"it is damaged: its content is not what its {_SEAL} says")
    return content


def _hash(content: dict[str, Any]) -> str:
    return sha256_bytes(json.dumps(content, sort_keys=True).encode())
