"""JSON of unknown origin is refused in words that say what is wrong with it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pytest

from nasdip_bench.storage.sealed_json import checked, parse_json, sealed, unsealed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000, "it is nested too deeply"),
        ("[]", "it is no JSON object"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": -Infinity}', "-Infinity is not a JSON number"),
        (json.dumps(sealed({"a": 1}) | {"a": 2}), "its content is not what its sha256 says"),
    ],
)
def test_a_text_that_is_no_sealed_object_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        unsealed(parse_json(text))


def test_a_sealed_object_is_read_back():
    assert unsealed(parse_json(json.dumps(sealed({"a": [1, "b"]})))) == {"a": [1, "b"]}


@dataclass(frozen=True)
class Record:
    name: str
    counts: dict[str, int]
    note: str = ""


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([1], "[1] has no fields name, counts, note"),
        ({"name": "a"}, "fields 'counts' are missing or unknown"),
        ({"name": "a", "counts": {}, "size": 1}, "fields 'size' are missing or unknown"),
        ({"name": "a\n", "counts": {}}, r"name is 'a\n', which is not of type <class 'str'>"),
        ({"name": "a", "counts": {"b": -1}}, "counts is {'b': -1}, which is not of type dict[str,"),
        ({"name": "a", "counts": {"b": True}}, "counts is {'b': True}, which is not of type"),
    ],
)
def test_a_record_with_other_fields_is_refused(data, problem):
    with pytest.raises(ValueError, match=re.escape(problem)):
        checked(Record, data)
    assert checked(Record, {"name": "a", "counts": {"b": 1}}) == Record("a", {"b": 1})
