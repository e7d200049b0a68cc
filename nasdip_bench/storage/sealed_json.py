"""JSON objects that carry the SHA-256 of their own content, so that damage to them is seen."""

from __future__ import annotations

import json
from typing import Any

from .files import sha256_bytes

__all__ = ["parse_json", "sealed", "unsealed"]

_SEAL = "sha256"


def parse_json(text: str) -> dict[str, Any]:
    """The object in a text.

    Raises:
        ValueError: it is no JSON object, or one with NaN or an infinity, or nested without end.
    """
    try:
        fields = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(fields, dict):
        raise ValueError("it is no JSON object")
    return fields


def sealed(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields and, last, the hash of them."""
    return fields | {_SEAL: _hash(fields)}


def unsealed(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields without the hash, which is compared; files of earlier versions have none.

    Raises:
        ValueError: the fields are not those that were sealed.
    """
    content = {name: value for name, value in fields.items() if name != _SEAL}
    if _SEAL in fields and fields[_SEAL] != _hash(content):
        raise ValueError(f"it is damaged: its content is not what its {_SEAL} says")
    return content


def _hash(fields: dict[str, Any]) -> str:
    return sha256_bytes(json.dumps(fields, sort_keys=True).encode())


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
