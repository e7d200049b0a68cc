"""JSON of unknown origin: objects that carry their own SHA-256, and dataclasses made from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from .files import sha256_bytes

_SEAL = "sha256"
_LONGEST_TEXT = 1000
_LARGEST = 2**53

_Record = TypeVar("_Record")


def parse_json(text: str) -> dict[str, Any]:
    """Parse a text as a JSON object.

    Raises:
        ValueError: it is not a JSON object, has NaN or an infinity, or is nested too deeply.
    """
    try:
        data = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(data, dict):
        raise ValueError("it is no JSON object")
    return data


def sealed_text(content: dict[str, Any]) -> str:
    """The text of a file that holds the fields and their hash."""
    return json.dumps(sealed(content), indent=1) + "\n"


def read_sealed(text: str) -> dict[str, Any]:
    """The fields in the text of a file, without their hash.

    Raises:
        ValueError: it is not a JSON object, or not the one that was sealed.
    """
    return unsealed(parse_json(text))


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


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def checked(cls: Callable[..., _Record], data: Any) -> _Record:
    """Make a dataclass from the fields of a JSON object.

    Raises:
        ValueError: a field is missing, unknown, or has another type; see `fits`.
    """
    kinds, needed = _kinds(cls)
    if not isinstance(data, dict):
        raise ValueError(f"{data!r:.100} has no fields {', '.join(kinds)}")
    if not needed <= data.keys() <= kinds.keys():
        odd = (needed - data.keys()) | (data.keys() - kinds.keys())
        raise ValueError(f"fields {', '.join(sorted(odd))[:100]!r} are missing or unknown")
    for name, value in data.items():
        if not fits(value, kinds[name]):
            raise ValueError(f"{name} is {value!r:.100}, which is not of type {kinds[name]}")
    return cls(**data)


@cache
def _kinds(cls: Any) -> tuple[dict[str, Any], set[str]]:
    """The types of a dataclass's fields by name, and the names of those without a default."""
    needed = {f.name for f in fields(cls) if f.default is f.default_factory is MISSING}
    return get_type_hints(cls), needed


def fits(value: Any, kind: Any) -> bool:
    """Whether a value from JSON has a type, such as ``dict[str, list[int]]``.

    Texts must be printable and at most a thousand characters long; numbers must be whole, from 0
    to 2^53.
    """
    if kind is str:
        return isinstance(value, str) and len(value) <= _LONGEST_TEXT and value.isprintable()
    if kind is int:
        return type(value) is int and 0 <= value <= _LARGEST
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return isinstance(value, list) and all(fits(one, item) for one in value)
    if get_origin(kind) is dict:
        of_keys, of_values = get_args(kind)
        return isinstance(value, dict) and all(
            fits(key, of_keys) and fits(one, of_values) for key, one in value.items()
        )
    return kind is Any or isinstance(value, kind)
